//! The settings, as the template gives them.

use lambda::config::{Env, Identity, Setting, TableName, signature_window};
use signing::Window;

pub(crate) struct Settings {
    pub(crate) core: Identity,
    pub(crate) window: Window,
    pub(crate) transactions: TableName,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let core = Identity::core(env);
        let window = signature_window(env);
        let transactions = TableName::transactions(env);
        Ok(Self {
            core: core?,
            window: window?,
            transactions: transactions?,
        })
    }
}
