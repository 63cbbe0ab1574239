//! The settings, as the template gives them.

use lambda::config::{
    Env, Identity, LinkSecret, Setting, TableName, phone_format, signature_window, tiki_api,
};
use signed_http::BaseUrl;
use signing::Window;
use tiki_api::PhoneFormat;

pub(crate) struct Settings {
    pub(crate) core: Identity,
    pub(crate) window: Window,
    pub(crate) tiki: Identity,
    pub(crate) tiki_api: BaseUrl,
    pub(crate) phone_format: PhoneFormat,
    pub(crate) sessions: TableName,
    pub(crate) link_secret: LinkSecret,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let core = Identity::core(env);
        let window = signature_window(env);
        let tiki = Identity::tiki(env);
        let tiki_api = tiki_api(env);
        let phone_format = phone_format(env);
        let sessions = TableName::sessions(env);
        let link_secret = LinkSecret::read(env);
        Ok(Self {
            core: core?,
            window: window?,
            tiki: tiki?,
            tiki_api: tiki_api?,
            phone_format: phone_format?,
            sessions: sessions?,
            link_secret: link_secret?,
        })
    }
}
