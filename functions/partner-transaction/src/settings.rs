//! The settings, as the template gives them.

use std::time::Duration;

use domain::AmountLimits;
use lambda::config::{
    Env, Identity, LinkSecret, Setting, TableName, amount_limits, expiry_grace, get_signing,
    signature_window, tiki_api,
};
use signed_http::BaseUrl;
use signing::{GetSigning, Window};

pub(crate) struct Settings {
    pub(crate) core: Identity,
    pub(crate) window: Window,
    pub(crate) tiki: Identity,
    pub(crate) tiki_api: BaseUrl,
    pub(crate) get_signing: GetSigning,
    pub(crate) transactions: TableName,
    pub(crate) limits: AmountLimits,
    pub(crate) expiry_grace: Duration,
    pub(crate) link_secret: LinkSecret,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let core = Identity::core(env);
        let window = signature_window(env);
        let tiki = Identity::tiki(env);
        let tiki_api = tiki_api(env);
        let get_signing = get_signing(env);
        let transactions = TableName::transactions(env);
        let limits = amount_limits(env);
        let expiry_grace = expiry_grace(env);
        let link_secret = LinkSecret::read(env);
        Ok(Self {
            core: core?,
            window: window?,
            tiki: tiki?,
            tiki_api: tiki_api?,
            get_signing: get_signing?,
            transactions: transactions?,
            limits: limits?,
            expiry_grace: expiry_grace?,
            link_secret: link_secret?,
        })
    }
}
