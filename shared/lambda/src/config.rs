//! The environment, read once in INIT. A function whose settings are wrong names everything that is wrong, at
//! once, and does not start.

mod file_server;
mod identity;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use domain::{AmountLimits, ApprovalRule, Vnd};
use signed_http::{BaseUrl, is_confidential, web_url};
use signing::{GetSigning, Window};
use tiki_api::PhoneFormat;
use tracing::level_filters::LevelFilter;

pub use self::file_server::FileServerSetting;
pub use self::identity::{FormerClientIds, Identity, LinkSecret};

/// Reads variables, and collects what is wrong with them.
pub struct Env {
    source: Source,
    read: RefCell<BTreeSet<String>>,
    problems: RefCell<Vec<String>>,
}

type Source = Box<dyn Fn(&str) -> Option<String>>;

/// A setting, if it can be used. [`Env::load`] returns the problems of all that cannot, so read every setting
/// first, and use `?` only after the last one.
pub type Setting<T> = Result<T, Unusable>;

/// A setting is missing or malformed. Which one and why, the [`Env`] has noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusable;

/// Every variable that is missing or malformed. Values are not shown: one of them may be a secret that was
/// put into the wrong variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct ConfigError(pub Vec<String>);

impl Env {
    /// The process's environment.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// An environment from any source.
    pub fn new(read: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            source: Box::new(read),
            read: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    /// Reads a whole configuration, or returns every problem with it.
    pub fn load<T>(&self, read: impl FnOnce(&Self) -> Setting<T>) -> Result<T, ConfigError> {
        let config = read(self);
        let problems = self.problems.take();
        let names = self.read.borrow();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        tracing::debug!(variables = names.join(" "), "configured");
        match config {
            Ok(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError(problems)),
        }
    }

    /// A variable that must be set.
    pub fn required<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Setting<T> {
        match self.text(name) {
            Some(text) => self.parse(name, &text),
            None => Err(self.problem(name, "is not set")),
        }
    }

    /// A variable with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&self, name: &str, default: T) -> Setting<T> {
        match self.text(name) {
            Some(text) => self.parse(name, &text),
            None => Ok(default),
        }
    }

    /// A variable that may be unset.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Setting<Option<T>> {
        match self.text(name) {
            Some(text) => self.parse(name, &text).map(Some),
            None => Ok(None),
        }
    }

    /// A URL that must be set, and to which nothing goes in the clear: money and personal data go over HTTPS alone. This
    /// machine itself is excepted, and so is what `sam local` runs in a container on it.
    pub fn confidential_url<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Setting<T> {
        let url = self.required(name)?;
        self.encrypted(name).map(|()| url)
    }

    /// The same, of a URL that may be unset.
    pub fn optional_confidential_url<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
    ) -> Setting<Option<T>> {
        match self.optional(name)? {
            Some(url) => self.encrypted(name).map(|()| Some(url)),
            None => Ok(None),
        }
    }

    fn encrypted(&self, name: &str) -> Setting<()> {
        let sam_local = (self.source)("AWS_SAM_LOCAL").as_deref() == Some("true");
        let url = self.text(name).as_deref().and_then(web_url);
        if sam_local || url.is_some_and(|url| is_confidential(&url)) {
            return Ok(());
        }
        Err(self.problem(name, "must be an https URL; http is for this machine alone"))
    }

    /// A variable that is set to nothing counts as unset: a template's empty parameter.
    fn text(&self, name: &str) -> Option<String> {
        self.read.borrow_mut().insert(name.to_owned());
        (self.source)(name).filter(|text| !text.is_empty())
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str, text: &str) -> Setting<T> {
        text.parse().map_err(|error| self.problem(name, error))
    }

    fn problem(&self, name: &str, problem: impl fmt::Display) -> Unusable {
        self.problems.borrow_mut().push(format!("{name} {problem}"));
        Unusable
    }
}

/// `LOG_LEVEL`: the least severe level that is logged. An unknown one means `info`.
pub fn log_level(env: &Env) -> LevelFilter {
    let level = env.text("LOG_LEVEL").and_then(|level| level.parse().ok());
    level.unwrap_or(LevelFilter::INFO)
}

/// `METRICS_NAMESPACE`: the CloudWatch namespace of the metrics.
pub fn metrics_namespace(env: &Env) -> String {
    let namespace = env.text("METRICS_NAMESPACE");
    namespace.unwrap_or_else(|| "TikiVip".to_owned())
}

/// `SIGNATURE_MAX_AGE_S` and `SIGNATURE_MAX_AHEAD_S`: how far a timestamp may lie from our clock.
pub fn signature_window(env: &Env) -> Setting<Window> {
    let default = Window::default();
    let age = env.or("SIGNATURE_MAX_AGE_S", default.max_age_ms.div_euclid(1000));
    let ahead = env.or(
        "SIGNATURE_MAX_AHEAD_S",
        default.max_ahead_ms.div_euclid(1000),
    );
    Ok(Window {
        max_age_ms: age?.saturating_mul(1000),
        max_ahead_ms: ahead?.saturating_mul(1000),
    })
}

/// `TIKI_GET_SIGNING`: what is signed of a GET (protocol §2).
pub fn get_signing(env: &Env) -> Setting<GetSigning> {
    env.or("TIKI_GET_SIGNING", GetSigning::default())
}

/// `TIKI_PHONE_FORMAT`: how a phone number goes to Tiki (protocol §6).
pub fn phone_format(env: &Env) -> Setting<PhoneFormat> {
    env.or("TIKI_PHONE_FORMAT", PhoneFormat::default())
}

/// `TIKI_API_URL`: the base URL of Tiki's API (protocol §1).
pub fn tiki_api(env: &Env) -> Setting<BaseUrl> {
    env.confidential_url("TIKI_API_URL")
}

/// `CORE_URL`: the base URL of the core's API.
pub fn core_url(env: &Env) -> Setting<BaseUrl> {
    env.confidential_url("CORE_URL")
}

/// `CORE_STATEMENT`: how the core gives its statement of a day (docs/core.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementSetting {
    /// Not at all: nothing is compared with it.
    Off,
    /// The core answers with pages.
    Api,
    /// The core puts a CSV into the bucket of reconciliation.
    File,
}

impl StatementSetting {
    /// Reads the setting.
    pub fn read(env: &Env) -> Setting<Self> {
        env.or("CORE_STATEMENT", Self::Off)
    }
}

impl FromStr for StatementSetting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "api" => Ok(Self::Api),
            "file" => Ok(Self::File),
            _ => Err("must be off, api or file"),
        }
    }
}

/// `ARCHIVE_BUCKET`: the bucket for copies of every reconciliation file.
pub fn archive_bucket(env: &Env) -> Setting<String> {
    env.required("ARCHIVE_BUCKET")
}

/// The name of a DynamoDB table.
#[derive(Clone, Debug)]
pub struct TableName(pub String);

impl TableName {
    /// `TRANSACTIONS_TABLE`: the payments.
    pub fn transactions(env: &Env) -> Setting<Self> {
        env.required("TRANSACTIONS_TABLE").map(Self)
    }

    /// `RECONCILIATION_TABLE`: files and findings.
    pub fn reconciliation(env: &Env) -> Setting<Self> {
        env.required("RECONCILIATION_TABLE").map(Self)
    }

    /// `SESSIONS_TABLE`: the opened webviews.
    pub fn sessions(env: &Env) -> Setting<Self> {
        env.required("SESSIONS_TABLE").map(Self)
    }
}

/// The smallest and largest payment: `MIN_AMOUNT_VND`, `MAX_AMOUNT_VND`.
pub fn amount_limits(env: &Env) -> Setting<AmountLimits> {
    let min = env.or("MIN_AMOUNT_VND", AmountVnd(1_000));
    let max = env.or("MAX_AMOUNT_VND", AmountVnd(500_000_000));
    let amount = |name, setting: AmountVnd| {
        Vnd::new(setting.0).map_err(|problem| env.problem(name, problem))
    };
    let min = amount("MIN_AMOUNT_VND", min?)?;
    let max = amount("MAX_AMOUNT_VND", max?)?;
    if min > max {
        return Err(env.problem("MIN_AMOUNT_VND", "is more than MAX_AMOUNT_VND"));
    }
    Ok(AmountLimits { min, max })
}

/// `EXPIRY_GRACE_S`: how long after a payment's expiry the core is asked about it.
pub fn expiry_grace(env: &Env) -> Setting<Duration> {
    env.or("EXPIRY_GRACE_S", Seconds(Duration::from_mins(1)))
        .map(|s| s.0)
}

/// When a payment is reversed without a person (protocol §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReversalPolicy {
    /// How far apart two look-ups must be before Tiki's "not found" is believed: `REVERSAL_CONFIRM_AFTER_S`.
    pub confirm_after: Duration,
    /// How many payments of a stack may be reversed in an hour: `MAX_REVERSALS_PER_HOUR`. Above it, they become
    /// disputes.
    pub max_per_hour: u32,
}

impl ReversalPolicy {
    /// Reads both settings.
    pub fn read(env: &Env) -> Setting<Self> {
        let confirm_after = env.or("REVERSAL_CONFIRM_AFTER_S", Seconds(Duration::from_mins(2)));
        let max_per_hour = env.or("MAX_REVERSALS_PER_HOUR", 20);
        Ok(Self {
            confirm_after: confirm_after?.0,
            max_per_hour: max_per_hour?,
        })
    }
}

/// What one person may decide alone: `APPROVAL_ABOVE_VND` and `ONE_PERSON_ACTS`.
pub fn approval_rule(env: &Env) -> Setting<ApprovalRule> {
    let above = env.or("APPROVAL_ABOVE_VND", 0);
    let one_person = env.or("ONE_PERSON_ACTS", false);
    let above = match above? {
        0 => Vnd::ZERO,
        above => Vnd::new(above).map_err(|problem| env.problem("APPROVAL_ABOVE_VND", problem))?,
    };
    Ok(ApprovalRule {
        above,
        one_person: one_person?,
    })
}

/// Payment links: `LINK_SECRET_ID`, and `PUBLIC_BASE_URL` if the API has a domain of its own.
#[derive(Clone, Debug)]
pub struct Links {
    /// The secret that signs tokens.
    pub secret: LinkSecret,
    /// The URL under which customers reach us. Unset, it is the one that the request came to.
    pub public_base_url: Option<BaseUrl>,
}

impl Links {
    /// Reads both settings.
    pub fn read(env: &Env) -> Setting<Self> {
        let secret = LinkSecret::read(env);
        let public_base_url = env.optional_confidential_url("PUBLIC_BASE_URL");
        Ok(Self {
            secret: secret?,
            public_base_url: public_base_url?,
        })
    }
}

/// A setting in seconds. Fractions are allowed.
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds")?;
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|_| "must be a number of seconds")
    }
}

/// A setting that is an amount.
struct AmountVnd(u64);

impl FromStr for AmountVnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let amount: Vnd = text
            .parse()
            .map_err(|error: domain::BadAmount| error.to_string())?;
        Ok(Self(amount.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &'static [(&'static str, &'static str)]) -> Env {
        Env::new(move |name| {
            let found = vars.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_goes_to_another_machine_in_the_clear() {
        for (url, sam_local, expected) in [
            ("https://core.example.vn", "", true),
            ("http://core.example.vn", "", false),
            ("http://core.example.vn", "false", false),
            ("http://172.17.0.1:9000", "true", true),
            ("http://127.0.0.1:9000", "", true),
        ] {
            let env = Env::new(move |name| match name {
                "CORE_URL" => Some(url.to_owned()),
                "AWS_SAM_LOCAL" => Some(sam_local.to_owned()),
                _ => None,
            });
            let read = env.load(core_url);
            assert_eq!(read.is_ok(), expected, "{url} {sam_local}");
            let problem = "CORE_URL must be an https URL; http is for this machine alone";
            assert!(expected || read == Err(ConfigError(vec![problem.to_owned()])));
        }
    }

    #[test]
    fn every_problem_is_named_at_once_and_no_value_is_shown() {
        let env = env(&[
            ("TIKI_API_URL", "hunter2"),
            ("TIKI_SECRET_ID", ""),
            ("MIN_AMOUNT_VND", "0.5"),
            ("EXPIRY_GRACE_S", "-1"),
        ]);
        let error = env
            .load(|env| {
                let identity = Identity::tiki(env);
                let api = tiki_api(env);
                let limits = amount_limits(env);
                let grace = expiry_grace(env);
                Ok((identity?, api?, limits?, grace?))
            })
            .unwrap_err();
        assert_eq!(
            error.0,
            [
                "TIKI_CLIENT_ID is not set",
                "TIKI_SECRET_ID is not set",
                "TIKI_API_URL must be an http or https URL without user, query and fragment",
                "MIN_AMOUNT_VND must be a whole number of VND",
                "EXPIRY_GRACE_S must be a number of seconds",
            ]
        );
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn an_unset_variable_has_its_default() {
        let env = env(&[]);
        let limits = env.load(amount_limits).unwrap();
        assert_eq!((limits.min.get(), limits.max.get()), (1_000, 500_000_000));
        assert_eq!(env.load(signature_window), Ok(Window::default()));
        assert_eq!(env.load(expiry_grace), Ok(Duration::from_mins(1)));
        assert_eq!(env.load(get_signing), Ok(GetSigning::RelativePath));
        assert_eq!(
            env.load(FormerClientIds::tiki),
            Ok(FormerClientIds::default())
        );
    }

    #[test]
    fn an_optional_variable_may_be_unset_but_not_malformed() {
        let env = env(&[("PORT", "x")]);
        assert_eq!(env.load(|env| env.optional::<u16>("UNSET")), Ok(None));
        let malformed = env.load(|env| env.optional::<u16>("PORT")).unwrap_err();
        assert_eq!(malformed.0, ["PORT invalid digit found in string"]);
    }

    #[test]
    fn a_minimum_above_the_maximum_is_refused() {
        let env = env(&[("MIN_AMOUNT_VND", "10"), ("MAX_AMOUNT_VND", "9")]);
        assert_eq!(
            env.load(amount_limits).unwrap_err().0,
            ["MIN_AMOUNT_VND is more than MAX_AMOUNT_VND"]
        );
    }
}
