//! The settings, as the template gives them.

use lambda::config::{
    Env, FormerClientIds, Identity, Setting, TableName, archive_bucket, signature_window,
};
use signing::Window;

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) former: FormerClientIds,
    pub(crate) window: Window,
    pub(crate) reconciliation: TableName,
    pub(crate) bucket: String,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let former = FormerClientIds::tiki(env);
        let window = signature_window(env);
        let reconciliation = TableName::reconciliation(env);
        let bucket = archive_bucket(env);
        Ok(Self {
            tiki: tiki?,
            former: former?,
            window: window?,
            reconciliation: reconciliation?,
            bucket: bucket?,
        })
    }
}
