//! The settings, as the template gives them.

use std::time::Duration;

use domain::AmountLimits;
use lambda::config::{
    Env, FormerClientIds, Identity, Links, Setting, TableName, amount_limits, expiry_grace,
    signature_window,
};
use signing::Window;

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) former: FormerClientIds,
    pub(crate) window: Window,
    pub(crate) transactions: TableName,
    pub(crate) limits: AmountLimits,
    pub(crate) expiry_grace: Duration,
    pub(crate) links: Links,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let former = FormerClientIds::tiki(env);
        let window = signature_window(env);
        let transactions = TableName::transactions(env);
        let limits = amount_limits(env);
        let expiry_grace = expiry_grace(env);
        let links = Links::read(env);
        Ok(Self {
            tiki: tiki?,
            former: former?,
            window: window?,
            transactions: transactions?,
            limits: limits?,
            expiry_grace: expiry_grace?,
            links: links?,
        })
    }
}
