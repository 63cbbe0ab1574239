//! The settings, as the template gives them.

use lambda::config::{Env, Identity, Links, Setting, TableName};
use payment_redirect::Redirects;

pub(crate) struct Settings {
    pub(crate) core: Identity,
    pub(crate) links: Links,
    pub(crate) redirects: Redirects,
    pub(crate) transactions: TableName,
    pub(crate) sessions: TableName,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let core = Identity::core(env);
        let links = Links::read(env);
        let redirects = Redirects::read(env);
        let transactions = TableName::transactions(env);
        let sessions = TableName::sessions(env);
        Ok(Self {
            core: core?,
            links: links?,
            redirects: redirects?,
            transactions: transactions?,
            sessions: sessions?,
        })
    }
}
