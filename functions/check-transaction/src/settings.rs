//! The settings, as the template gives them.

use lambda::config::{Env, Identity, Setting, TableName, get_signing, signature_window};
use signing::{GetSigning, Window};

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) window: Window,
    pub(crate) get_signing: GetSigning,
    pub(crate) transactions: TableName,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let get_signing = get_signing(env);
        let transactions = TableName::transactions(env);
        Ok(Self {
            tiki: tiki?,
            window: window?,
            get_signing: get_signing?,
            transactions: transactions?,
        })
    }
}
