//! The settings, as the template gives them.

use domain::ApprovalRule;
use files::sftp::Server;
use lambda::config::{
    Env, FormerClientIds, Identity, LinkSecret, Setting, StatementSetting, TableName,
    approval_rule, core_url, get_signing, signature_window, tiki_api,
};
use reconciliation::place::Folders;
use reports::Sides;
use signed_http::BaseUrl;
use signing::{GetSigning, Window};

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) tiki_api: BaseUrl,
    pub(crate) get_signing: GetSigning,
    pub(crate) former: FormerClientIds,
    pub(crate) core: Identity,
    pub(crate) link_secret: LinkSecret,
    pub(crate) core_url: BaseUrl,
    pub(crate) statement: StatementSetting,
    pub(crate) window: Window,
    pub(crate) transactions: TableName,
    pub(crate) sessions: TableName,
    pub(crate) reconciliation: TableName,
    /// `None` if `SFTP_HOST` is not set: then Tiki gets the files by API only.
    pub(crate) sftp: Option<SftpSettings>,
    pub(crate) sides: Sides,
    pub(crate) approval: ApprovalRule,
    /// `RESENDS_PER_HOUR`.
    pub(crate) resends_per_hour: u32,
}

/// Tiki's file server.
pub(crate) struct SftpSettings {
    /// `SFTP_HOST`, `SFTP_PORT`, `SFTP_USER`, `SFTP_HOST_KEY`.
    pub(crate) server: Server,
    /// `SFTP_FOLDER`: the folder that holds the three folders of protocol §7.
    pub(crate) folders: Folders,
    /// `SFTP_SECRET_ID`: the secret that holds our private key.
    pub(crate) secret_id: String,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let tiki_api = tiki_api(env);
        let get_signing = get_signing(env);
        let former = FormerClientIds::tiki(env);
        let core = Identity::core(env);
        let link_secret = LinkSecret::read(env);
        let core_url = core_url(env);
        let statement = StatementSetting::read(env);
        let window = signature_window(env);
        let transactions = TableName::transactions(env);
        let sessions = TableName::sessions(env);
        let reconciliation = TableName::reconciliation(env);
        let sftp = sftp(env);
        let approval = approval_rule(env);
        let resends_per_hour = env.or("RESENDS_PER_HOUR", 20);
        let (sftp, statement) = (sftp?, statement?);
        Ok(Self {
            tiki: tiki?,
            tiki_api: tiki_api?,
            get_signing: get_signing?,
            former: former?,
            core: core?,
            link_secret: link_secret?,
            core_url: core_url?,
            statement,
            window: window?,
            transactions: transactions?,
            sessions: sessions?,
            reconciliation: reconciliation?,
            sides: Sides {
                results: sftp.is_some(),
                statements: statement != StatementSetting::Off,
            },
            sftp,
            approval: approval?,
            resends_per_hour: resends_per_hour?,
        })
    }
}

fn sftp(env: &Env) -> Setting<Option<SftpSettings>> {
    let Some(host) = env.optional("SFTP_HOST")? else {
        return Ok(None);
    };
    let port = env.or("SFTP_PORT", 22);
    let user = env.required("SFTP_USER");
    let host_keys = env.required("SFTP_HOST_KEY");
    let folder = env.or("SFTP_FOLDER", "/IF_TIKI_VIP".to_owned());
    let secret_id = env.required("SFTP_SECRET_ID");
    let server = Server {
        host,
        port: port?,
        user: user?,
        host_keys: host_keys?,
    };
    Ok(Some(SftpSettings {
        server,
        folders: Folders { root: folder? },
        secret_id: secret_id?,
    }))
}
