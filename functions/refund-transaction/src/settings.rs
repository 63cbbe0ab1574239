//! The settings, as the template gives them.

use lambda::config::{
    Env, FormerClientIds, Identity, Setting, TableName, core_url, signature_window,
};
use signed_http::BaseUrl;
use signing::Window;

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) former: FormerClientIds,
    pub(crate) window: Window,
    pub(crate) transactions: TableName,
    pub(crate) core: Identity,
    pub(crate) core_url: BaseUrl,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let former = FormerClientIds::tiki(env);
        let window = signature_window(env);
        let transactions = TableName::transactions(env);
        let core = Identity::core(env);
        let core_url = core_url(env);
        Ok(Self {
            tiki: tiki?,
            former: former?,
            window: window?,
            transactions: transactions?,
            core: core?,
            core_url: core_url?,
        })
    }
}
