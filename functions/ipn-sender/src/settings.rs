//! The settings, as the template gives them.

use lambda::config::{Env, Identity, ReversalPolicy, Setting, TableName, get_signing, tiki_api};
use signed_http::BaseUrl;
use signing::GetSigning;

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) tiki_api: BaseUrl,
    pub(crate) get_signing: GetSigning,
    pub(crate) reversals: ReversalPolicy,
    pub(crate) transactions: TableName,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let tiki_api = tiki_api(env);
        let get_signing = get_signing(env);
        let reversals = ReversalPolicy::read(env);
        let transactions = TableName::transactions(env);
        Ok(Self {
            tiki: tiki?,
            tiki_api: tiki_api?,
            get_signing: get_signing?,
            reversals: reversals?,
            transactions: transactions?,
        })
    }
}
