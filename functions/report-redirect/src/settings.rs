//! The settings, as the template gives them.

use lambda::config::{Env, LinkSecret, Setting, archive_bucket};

pub(crate) struct Settings {
    /// `LINK_SECRET_ID`: the secret that signs the links of the mail.
    pub(crate) link_secret: LinkSecret,
    pub(crate) bucket: String,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let link_secret = LinkSecret::read(env);
        let bucket = archive_bucket(env);
        Ok(Self {
            link_secret: link_secret?,
            bucket: bucket?,
        })
    }
}
