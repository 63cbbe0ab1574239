//! The settings, as the template gives them.

use lambda::config::{Env, FormerClientIds, Identity, Setting, TableName, signature_window};
use signing::Window;

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) former: FormerClientIds,
    pub(crate) window: Window,
    pub(crate) transactions: TableName,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let former = FormerClientIds::tiki(env);
        let window = signature_window(env);
        let transactions = TableName::transactions(env);
        Ok(Self {
            tiki: tiki?,
            former: former?,
            window: window?,
            transactions: transactions?,
        })
    }
}
