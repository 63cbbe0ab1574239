//! The settings, as the template gives them.

use lambda::config::{Env, Identity, Setting, TableName, core_url};
use signed_http::BaseUrl;

pub(crate) struct Settings {
    pub(crate) core: Identity,
    pub(crate) core_url: BaseUrl,
    pub(crate) transactions: TableName,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let core = Identity::core(env);
        let core_url = core_url(env);
        let transactions = TableName::transactions(env);
        Ok(Self {
            core: core?,
            core_url: core_url?,
            transactions: transactions?,
        })
    }
}
