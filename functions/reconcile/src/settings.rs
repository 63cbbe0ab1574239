//! The settings, as the template gives them.

use std::str::FromStr;
use std::time::Duration;

use files::sftp::HostKeys;
use lambda::config::{
    Env, FileServerSetting, Identity, LinkSecret, Setting, StatementSetting, TableName,
    archive_bucket, core_url, get_signing, tiki_api,
};
use reconcile::Upload;
use reconciliation::file::PartnerName;
use reconciliation::result::ResultFormat;
use signed_http::BaseUrl;
use signing::GetSigning;

pub(crate) struct Settings {
    pub(crate) tiki: Identity,
    pub(crate) tiki_api: BaseUrl,
    pub(crate) get_signing: GetSigning,
    pub(crate) transactions: TableName,
    pub(crate) reconciliation: TableName,
    pub(crate) bucket: String,
    /// `PARTNER_NAME`: our name in file names.
    pub(crate) partner: PartnerName,
    /// `None` if `SFTP_HOST` is not set: then Tiki gets the files by API only.
    pub(crate) sftp: Option<SftpSettings>,
    /// `CORE_STATEMENT`: where the core's statements come from; `None` if there are none.
    pub(crate) core: Option<CoreSettings>,
    /// `REPORT_TOPIC`: the topic of the daily mail; `None` if nobody wants one.
    pub(crate) daily_mail: Option<MailSettings>,
    /// `LINK_SECRET_ID`: the secret that signs the links of the mail, and from which the keys of keyed hashes are derived.
    pub(crate) link_secret: LinkSecret,
    /// `PERSONAL_DATA_DAYS`: so long after its last payment the personal data of a day are kept.
    pub(crate) personal_data_kept_for: Duration,
    /// `RECONCILIATION_REFUND_ROWS`: whether refunds have rows of their own.
    pub(crate) refund_rows: bool,
    /// `RECONCILIATION_RESULT_FORMAT`: the format of Tiki's result files.
    pub(crate) format: ResultFormat,
    /// `RECONCILIATION_UNCHANGED_SECONDS`: so long a new result file must have stood still before it is read.
    pub(crate) unchanged_for: Duration,
}

/// The daily mail.
pub(crate) struct MailSettings {
    /// `REPORT_TOPIC`: the ARN of its topic.
    pub(crate) topic: String,
    /// `REPORT_HOUR`: the hour in Vietnam from which on yesterday is mailed.
    pub(crate) after: Duration,
    /// `REPORT_BASE_URL`: the URL that comes before the path of report-redirect. With `None` its mails have no links.
    pub(crate) links: Option<BaseUrl>,
}

/// The core, which has statements.
pub(crate) struct CoreSettings {
    pub(crate) identity: Identity,
    pub(crate) url: BaseUrl,
    pub(crate) statement: StatementSetting,
}

/// Tiki's file server.
pub(crate) struct SftpSettings {
    pub(crate) server: FileServerSetting<HostKeys>,
    /// `SFTP_UPLOAD`: `rename`, or `direct` for a server that takes a file when it is closed.
    pub(crate) upload: Upload,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let tiki_api = tiki_api(env);
        let get_signing = get_signing(env);
        let transactions = TableName::transactions(env);
        let reconciliation = TableName::reconciliation(env);
        let bucket = archive_bucket(env);
        let partner = env.required("PARTNER_NAME");
        let sftp = sftp(env);
        let core = core(env);
        let daily_mail = daily_mail(env);
        let link_secret = LinkSecret::read(env);
        let personal_data_days = env.or("PERSONAL_DATA_DAYS", DaysKept(90));
        let refund_rows = env.or("RECONCILIATION_REFUND_ROWS", Switch(false));
        let format = env.or("RECONCILIATION_RESULT_FORMAT", ResultFormat::default());
        let unchanged_for = env.or("RECONCILIATION_UNCHANGED_SECONDS", Wait(120));
        Ok(Self {
            tiki: tiki?,
            tiki_api: tiki_api?,
            get_signing: get_signing?,
            transactions: transactions?,
            reconciliation: reconciliation?,
            bucket: bucket?,
            partner: partner?,
            sftp: sftp?,
            core: core?,
            daily_mail: daily_mail?,
            link_secret: link_secret?,
            personal_data_kept_for: Duration::from_hours(24 * u64::from(personal_data_days?.0)),
            refund_rows: refund_rows?.0,
            format: format?,
            unchanged_for: Duration::from_secs(unchanged_for?.0),
        })
    }
}

fn daily_mail(env: &Env) -> Setting<Option<MailSettings>> {
    let Some(topic) = env.optional("REPORT_TOPIC")? else {
        return Ok(None);
    };
    let links = env.optional("REPORT_BASE_URL")?;
    let Hour(hour) = env.or("REPORT_HOUR", Hour(8))?;
    Ok(Some(MailSettings {
        topic,
        after: Duration::from_hours(hour),
        links,
    }))
}

fn core(env: &Env) -> Setting<Option<CoreSettings>> {
    let statement = StatementSetting::read(env)?;
    if statement == StatementSetting::Off {
        return Ok(None);
    }
    let identity = Identity::core(env);
    let url = core_url(env);
    Ok(Some(CoreSettings {
        identity: identity?,
        url: url?,
        statement,
    }))
}

fn sftp(env: &Env) -> Setting<Option<SftpSettings>> {
    let server = FileServerSetting::read(env);
    let upload = env.or("SFTP_UPLOAD", UploadWord(Upload::Rename));
    let (server, UploadWord(upload)) = (server?, upload?);
    Ok(server.map(|server| SftpSettings { server, upload }))
}

/// Seconds that a run can wait: it must also have time to work.
struct Wait(u64);

impl FromStr for Wait {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse().ok().filter(|seconds| *seconds <= 600);
        seconds.map(Self).ok_or("must be 0 to 600 seconds")
    }
}

/// Days after which personal data go: at least one, at most ten years.
struct DaysKept(u16);

impl FromStr for DaysKept {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(days @ 1..=3650) => Ok(Self(days)),
            _ => Err("must be a number of days from 1 to 3650"),
        }
    }
}

/// An hour of a day.
struct Hour(u64);

impl FromStr for Hour {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hour = text.parse().ok().filter(|hour| *hour <= 23);
        hour.map(Self).ok_or("must be 0 to 23")
    }
}

/// How files get their names at Tiki.
struct UploadWord(Upload);

impl FromStr for UploadWord {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "rename" => Ok(Self(Upload::Rename)),
            "direct" => Ok(Self(Upload::Direct)),
            _ => Err("must be rename or direct"),
        }
    }
}

/// A setting that is `on` or `off`.
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
