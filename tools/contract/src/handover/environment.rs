//! An environment: its stack's own addresses and limits, or blanks to fill in.

use domain::ClientId;
use reconciliation::file::PartnerName;
use signed_http::{is_confidential, web_url};
use signing::GetSigning;
use tiki_api::PhoneFormat;

use crate::settings::{HostName, ParameterName, Seconds, Settings};
use crate::{SettingError, Text};

/// Which of the two environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sandbox,
    Production,
}

impl Kind {
    /// The name in a heading.
    #[must_use]
    pub fn name(self) -> Text {
        match self {
            Self::Sandbox => Text::new("Môi trường thử nghiệm", "Sandbox"),
            Self::Production => Text::new("Môi trường chính thức", "Production"),
        }
    }
}

/// An environment and what is known of it.
#[derive(Clone, Debug)]
pub struct Environment {
    pub kind: Kind,
    /// `None` leaves blanks, to be filled in by hand.
    pub stack: Option<Stack>,
}

/// What Tiki needs to know of a stack, as its output `OperatorSettings` has it. Nothing in it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Without a slash at the end.
    pub api_url: String,
    /// Where customers reach the payment link, if not under `api_url`. Without a slash at the end.
    pub link_url: String,
    /// The client id that Tiki gave.
    pub tiki_client_id: String,
    /// Tiki's API, as this stack calls it. Without a slash at the end.
    pub tiki_api_url: String,
    pub min_amount_vnd: u64,
    pub max_amount_vnd: u64,
    /// Requests a second on each route, and at once.
    pub throttle: (u64, u64),
    /// Refunds that run at the same time.
    pub refunds_at_once: u64,
    pub signature_max_age_s: u64,
    pub signature_max_ahead_s: u64,
    /// So many days after a secret was replaced the one before it is still accepted.
    pub previous_secret_days: u64,
    pub get_signing: String,
    pub phone_format: String,
    /// The hosts to which customers are sent beside Tiki's own.
    pub more_hosts: Vec<String>,
    /// The query parameter that is appended to the URL of Tiki's result screen, and whose id it has.
    pub appended: Option<(String, String)>,
    /// How far apart, in seconds, two look-ups must be before Tiki's "not found" is believed.
    pub confirm_after_s: String,
    pub partner_name: String,
    pub refund_rows: bool,
    /// `None` as long as Tiki has not given one.
    pub file_server: Option<FileServer>,
    /// Whether the file server is reached from a network of the partner's own, with a fixed address.
    pub has_fixed_address: bool,
}

/// Tiki's SFTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileServer {
    pub host: String,
    pub port: u64,
    pub user: String,
    pub folder: String,
}

impl Environment {
    /// Reads the settings of a stack.
    pub fn of_settings(read: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let settings = Settings::new(read);
        let kind = match settings.word("TIKI_ENVIRONMENT")?.as_str() {
            "production" => Kind::Production,
            _ => Kind::Sandbox,
        };
        let stack = Some(Stack::of_settings(&settings)?);
        Ok(Self { kind, stack })
    }

    /// The environments of a partner that is made up, for the pages in `docs/`.
    #[must_use]
    pub fn examples() -> [Self; 2] {
        let stack = |host: &str, client_id: &str, tiki: &str| Stack {
            api_url: format!("https://{host}"),
            link_url: format!("https://{host}"),
            tiki_client_id: client_id.to_owned(),
            tiki_api_url: format!("https://{tiki}/miniapp/tikivip"),
            min_amount_vnd: 1_000,
            max_amount_vnd: 500_000_000,
            throttle: (200, 400),
            refunds_at_once: 20,
            signature_max_age_s: 300,
            signature_max_ahead_s: 60,
            previous_secret_days: 14,
            get_signing: "relative_path".to_owned(),
            phone_format: "national_number".to_owned(),
            more_hosts: Vec::new(),
            appended: None,
            confirm_after_s: "120".to_owned(),
            partner_name: "examplebank".to_owned(),
            refund_rows: false,
            file_server: None,
            has_fixed_address: false,
        };
        [
            Self {
                kind: Kind::Sandbox,
                stack: Some(stack(
                    "payments-test.example-bank.vn",
                    "00000000-0000-4000-8000-000000000001",
                    "api.tala.xyz",
                )),
            },
            Self {
                kind: Kind::Production,
                stack: Some(stack(
                    "payments.example-bank.vn",
                    "00000000-0000-4000-8000-000000000002",
                    "api.tiki.vn",
                )),
            },
        ]
    }

    /// Both environments, with blanks for the one that is not among these.
    #[must_use]
    pub fn both(known: Vec<Self>) -> [Self; 2] {
        let mut both = [Kind::Sandbox, Kind::Production].map(|kind| Self { kind, stack: None });
        for environment in known {
            let place = both.iter_mut().find(|place| place.kind == environment.kind);
            if let Some(place) = place {
                *place = environment;
            }
        }
        both
    }
}

impl Stack {
    /// Whether it is a sandbox on somebody's machine: Tiki cannot reach it, or what it calls is not Tiki.
    #[must_use]
    pub fn is_rehearsal(&self) -> bool {
        let addresses = [&self.api_url, &self.link_url, &self.tiki_api_url];
        addresses.into_iter().any(|address| {
            // Without TLS only this machine itself is confidential.
            let in_the_clear = address.replacen("https://", "http://", 1);
            let at_this_machine = web_url(&in_the_clear).is_some_and(|url| is_confidential(&url));
            address.starts_with("http://") || at_this_machine
        })
    }

    fn of_settings<R>(settings: &Settings<R>) -> Result<Self, SettingError>
    where
        R: Fn(&str) -> Option<String>,
    {
        let api_url = settings.url("API_URL")?;
        let link_url = match settings.optional("PUBLIC_BASE_URL")? {
            Some(_) => settings.confidential_url("PUBLIC_BASE_URL")?,
            None => api_url.clone(),
        };
        let (min_amount_vnd, max_amount_vnd) = settings.amounts()?;
        Ok(Self {
            api_url,
            link_url,
            tiki_client_id: settings.readable::<ClientId>("TIKI_CLIENT_ID")?,
            tiki_api_url: settings.confidential_url("TIKI_API_URL")?,
            min_amount_vnd,
            max_amount_vnd,
            throttle: (
                settings.number("TIKI_THROTTLE_RATE")?,
                settings.number("TIKI_THROTTLE_BURST")?,
            ),
            refunds_at_once: settings.number("REFUND_CONCURRENCY")?,
            signature_max_age_s: settings.number("SIGNATURE_MAX_AGE_S")?,
            signature_max_ahead_s: settings.number("SIGNATURE_MAX_AHEAD_S")?,
            previous_secret_days: settings.number("PREVIOUS_SECRET_DAYS")?,
            get_signing: settings.readable::<GetSigning>("TIKI_GET_SIGNING")?,
            phone_format: settings.readable::<PhoneFormat>("TIKI_PHONE_FORMAT")?,
            more_hosts: settings.hosts("REDIRECT_HOSTS")?,
            appended: appended(settings)?,
            confirm_after_s: settings.readable::<Seconds>("REVERSAL_CONFIRM_AFTER_S")?,
            partner_name: settings.readable::<PartnerName>("PARTNER_NAME")?,
            refund_rows: settings.word("RECONCILIATION_REFUND_ROWS")? == "on",
            file_server: FileServer::of_settings(settings)?,
            has_fixed_address: settings.optional("RECONCILE_SUBNET_IDS")?.is_some(),
        })
    }
}

/// The parameter that is appended to the URL of Tiki's result screen, and its id. One setting alone is a mistake.
fn appended<R>(settings: &Settings<R>) -> Result<Option<(String, String)>, SettingError>
where
    R: Fn(&str) -> Option<String>,
{
    let has_id = settings.optional("RESULT_URL_APPEND")?.is_some();
    let has_parameter = settings.optional("RESULT_URL_PARAMETER")?.is_some();
    if !has_id && !has_parameter {
        return Ok(None);
    }
    let id = settings.word("RESULT_URL_APPEND")?;
    let parameter = settings.readable::<ParameterName>("RESULT_URL_PARAMETER")?;
    Ok(Some((parameter, id)))
}

impl FileServer {
    fn of_settings<R>(settings: &Settings<R>) -> Result<Option<Self>, SettingError>
    where
        R: Fn(&str) -> Option<String>,
    {
        if settings.optional("SFTP_HOST")?.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            host: settings.readable::<HostName>("SFTP_HOST")?,
            port: settings.number("SFTP_PORT")?,
            user: settings.required("SFTP_USER")?,
            folder: settings.required("SFTP_FOLDER")?,
        }))
    }
}
