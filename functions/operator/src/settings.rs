//! The settings, as the template gives them.

use domain::ApprovalRule;
use files::sftp::HostKeys;
use lambda::config::{
    Env, FileServerSetting, FormerClientIds, Identity, LinkSecret, Setting, StatementSetting,
    TableName, approval_rule, core_url, get_signing, signature_window, tiki_api,
};
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
    pub(crate) sftp: Option<FileServerSetting<HostKeys>>,
    pub(crate) sides: Sides,
    pub(crate) approval: ApprovalRule,
    /// `RESENDS_PER_HOUR`.
    pub(crate) resends_per_hour: u32,
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
        let sftp = FileServerSetting::read(env);
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
