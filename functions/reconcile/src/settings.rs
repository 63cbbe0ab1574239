//! The settings of the function, from its environment.

use std::str::FromStr;

use files::sftp::Server;
use lambda::config::{Env, Identity, TableName, archive_bucket, get_signing, tiki_api};
use reconciliation::file::PartnerName;
use reconciliation::result::ResultFormat;
use signed_http::BaseUrl;
use signing::GetSigning;

/// The settings of reconciliation.
pub struct Settings {
    /// Our identity at Tiki.
    pub tiki: Identity,
    /// The base URL of Tiki's API.
    pub tiki_api: BaseUrl,
    /// The part of a GET that is signed.
    pub get_signing: GetSigning,
    /// The table of transactions.
    pub transactions: TableName,
    /// The table of reconciliation.
    pub reconciliation: TableName,
    /// The bucket for files and reports.
    pub bucket: String,
    /// `PARTNER_NAME`: our name in file names.
    pub partner: PartnerName,
    /// Tiki's file drop. Without `SFTP_HOST` there is none, and Tiki fetches the files from check-reconciliation.
    pub sftp: Option<SftpSettings>,
    /// `RECONCILIATION_REFUND_ROWS`: whether the files have rows for refunds.
    pub refund_rows: bool,
    /// `RECONCILIATION_RESULT_FORMAT`: the format of Tiki's result files.
    pub format: ResultFormat,
}

/// Tiki's file drop.
pub struct SftpSettings {
    /// `SFTP_HOST`, `SFTP_PORT`, `SFTP_USER`, `SFTP_HOST_KEY`.
    pub server: Server,
    /// `SFTP_FOLDER`: the folder that contains the three folders of protocol §7.
    pub folder: String,
    /// `SFTP_SECRET_ID`: the secret with our private key.
    pub secret_id: String,
}

impl Settings {
    /// Reads all settings. `env` collects what is wrong with them.
    pub fn read(env: &Env) -> Option<Self> {
        let tiki = Identity::tiki(env);
        let tiki_api = tiki_api(env);
        let get_signing = get_signing(env);
        let transactions = TableName::transactions(env);
        let reconciliation = TableName::reconciliation(env);
        let bucket = archive_bucket(env);
        let partner = env.required("PARTNER_NAME");
        let sftp = sftp(env);
        let refund_rows = env.or("RECONCILIATION_REFUND_ROWS", Switch(false));
        let format = env.or("RECONCILIATION_RESULT_FORMAT", ResultFormat::default());
        Some(Self {
            tiki: tiki?,
            tiki_api: tiki_api?,
            get_signing: get_signing?,
            transactions: transactions?,
            reconciliation: reconciliation?,
            bucket: bucket?,
            partner: partner?,
            sftp: sftp?,
            refund_rows: refund_rows?.0,
            format: format?,
        })
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer None is a malformed setting, the inner one is no setting"
)]
fn sftp(env: &Env) -> Option<Option<SftpSettings>> {
    let Some(host) = env.optional("SFTP_HOST")? else {
        return Some(None);
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
    Some(Some(SftpSettings {
        server,
        folder: folder?,
        secret_id: secret_id?,
    }))
}

/// `on` or `off`.
struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err("must be on or off"),
        }
    }
}
