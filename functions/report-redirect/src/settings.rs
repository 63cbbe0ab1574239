//! The settings, as the template gives them.

use lambda::config::{Env, Setting, archive_bucket};

pub(crate) struct Settings {
    /// `LINK_SECRET_ID`: the secret that signs the links of the mail.
    pub(crate) link_secret_id: String,
    pub(crate) bucket: String,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let link_secret_id = env.required("LINK_SECRET_ID");
        let bucket = archive_bucket(env);
        Ok(Self {
            link_secret_id: link_secret_id?,
            bucket: bucket?,
        })
    }
}
