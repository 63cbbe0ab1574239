//! The environment, read once in INIT. A function that is set up wrongly says everything that is wrong with
//! it, at once, and does not start.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use domain::{AmountLimits, ClientId, Vnd};
use signed_http::BaseUrl;
use signing::{GetSigning, Window};
use tiki_api::PhoneFormat;
use tracing::level_filters::LevelFilter;
use url::Url;

/// Reads variables, and remembers which, and what is wrong with them.
pub struct Env {
    source: Source,
    read: RefCell<BTreeSet<String>>,
    problems: RefCell<Vec<String>>,
}

type Source = Box<dyn Fn(&str) -> Option<String>>;

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

    /// Reads a whole configuration, or says all that is wrong.
    pub fn load<T>(&self, read: impl FnOnce(&Self) -> Option<T>) -> Result<T, ConfigError> {
        let config = read(self);
        let problems = self.problems.take();
        let names = self.read.borrow();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        tracing::debug!(variables = names.join(" "), "configured");
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError(problems)),
        }
    }

    /// A variable that must be set.
    pub fn required<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Option<T> {
        let text = self.text(name);
        if text.is_none() {
            self.problem(name, "is not set");
        }
        self.parse(name, &text?)
    }

    /// A variable with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&self, name: &str, default: T) -> Option<T> {
        match self.text(name) {
            Some(text) => self.parse(name, &text),
            None => Some(default),
        }
    }

    /// A variable that may be unset: then it is `Some(None)`; `None` says that it is malformed.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Option<Option<T>> {
        match self.text(name) {
            Some(text) => self.parse(name, &text).map(Some),
            None => Some(None),
        }
    }

    /// Set to nothing is not set: a template's empty parameter.
    fn text(&self, name: &str) -> Option<String> {
        self.read.borrow_mut().insert(name.to_owned());
        (self.source)(name).filter(|text| !text.is_empty())
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(name, error);
                None
            }
        }
    }

    fn problem(&self, name: &str, problem: impl fmt::Display) {
        self.problems.borrow_mut().push(format!("{name} {problem}"));
    }
}

/// `LOG_LEVEL`: the least level that is logged; one that is none means `info`.
pub fn log_level(env: &Env) -> LevelFilter {
    let level = env.text("LOG_LEVEL").and_then(|level| level.parse().ok());
    level.unwrap_or(LevelFilter::INFO)
}

/// `METRICS_NAMESPACE`: under which name CloudWatch keeps the metrics.
pub fn metrics_namespace(env: &Env) -> String {
    let namespace = env.text("METRICS_NAMESPACE");
    namespace.unwrap_or_else(|| "TikiVip".to_owned())
}

/// Who we are in a conversation, and which secret in Secrets Manager goes with it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The client id on the wire.
    pub client_id: ClientId,
    /// Name or ARN of the secret.
    pub secret_id: String,
}

impl Identity {
    /// Between Tiki and us.
    pub fn tiki(env: &Env) -> Option<Self> {
        let (client_id, secret_id) = (
            env.required("TIKI_CLIENT_ID"),
            env.required("TIKI_SECRET_ID"),
        );
        Some(Self {
            client_id: client_id?,
            secret_id: secret_id?,
        })
    }

    /// Between the partner's core and us.
    pub fn core(env: &Env) -> Option<Self> {
        let (client_id, secret_id) = (
            env.required("CORE_CLIENT_ID"),
            env.required("CORE_SECRET_ID"),
        );
        Some(Self {
            client_id: client_id?,
            secret_id: secret_id?,
        })
    }
}

/// `SIGNATURE_MAX_AGE_S` and `SIGNATURE_MAX_AHEAD_S`: how far a timestamp may lie from our clock.
pub fn signature_window(env: &Env) -> Option<Window> {
    let default = Window::default();
    let age = env.or("SIGNATURE_MAX_AGE_S", default.max_age_ms.div_euclid(1000));
    let ahead = env.or(
        "SIGNATURE_MAX_AHEAD_S",
        default.max_ahead_ms.div_euclid(1000),
    );
    Some(Window {
        max_age_ms: age?.saturating_mul(1000),
        max_ahead_ms: ahead?.saturating_mul(1000),
    })
}

/// `TIKI_GET_SIGNING`: what is signed of a GET (protocol §2).
pub fn get_signing(env: &Env) -> Option<GetSigning> {
    env.or("TIKI_GET_SIGNING", GetSigning::default())
}

/// `TIKI_PHONE_FORMAT`: how a phone number goes to Tiki (protocol §6).
pub fn phone_format(env: &Env) -> Option<PhoneFormat> {
    env.or("TIKI_PHONE_FORMAT", PhoneFormat::default())
}

/// `TIKI_API_URL`: where Tiki's API begins (protocol §1).
pub fn tiki_api(env: &Env) -> Option<BaseUrl> {
    env.required("TIKI_API_URL")
}

/// `CORE_URL`: where the core's API begins.
pub fn core_url(env: &Env) -> Option<BaseUrl> {
    env.required("CORE_URL")
}

/// `ARCHIVE_BUCKET`: where copies of what is reconciled are kept.
pub fn archive_bucket(env: &Env) -> Option<String> {
    env.required("ARCHIVE_BUCKET")
}

/// The name of a table.
#[derive(Clone, Debug)]
pub struct TableName(pub String);

impl TableName {
    /// `TRANSACTIONS_TABLE`.
    pub fn transactions(env: &Env) -> Option<Self> {
        env.required("TRANSACTIONS_TABLE").map(Self)
    }

    /// `RECONCILIATION_TABLE`.
    pub fn reconciliation(env: &Env) -> Option<Self> {
        env.required("RECONCILIATION_TABLE").map(Self)
    }

    /// `SESSIONS_TABLE`.
    pub fn sessions(env: &Env) -> Option<Self> {
        env.required("SESSIONS_TABLE").map(Self)
    }
}

/// The smallest and largest payment: `MIN_AMOUNT_VND`, `MAX_AMOUNT_VND`.
pub fn amount_limits(env: &Env) -> Option<AmountLimits> {
    let min = env.or("MIN_AMOUNT_VND", AmountVnd(1_000));
    let max = env.or("MAX_AMOUNT_VND", AmountVnd(500_000_000));
    let (min, max) = (Vnd::new(min?.0).ok()?, Vnd::new(max?.0).ok()?);
    if min > max {
        env.problem("MIN_AMOUNT_VND", "is more than MAX_AMOUNT_VND");
        return None;
    }
    Some(AmountLimits { min, max })
}

/// `EXPIRY_GRACE_S`: how long after a payment's expiry the core is asked about it.
pub fn expiry_grace(env: &Env) -> Option<Duration> {
    env.or("EXPIRY_GRACE_S", Seconds(Duration::from_mins(1)))
        .map(|s| s.0)
}

/// Payment links: `LINK_SECRET_ID`, and `PUBLIC_BASE_URL` if the API has a domain of its own.
#[derive(Clone, Debug)]
pub struct Links {
    /// Name or ARN of the secret that signs tokens.
    pub secret_id: String,
    /// Where customers reach us; unset, it is where the request came in.
    pub public_base_url: Option<BaseUrl>,
}

impl Links {
    /// Reads both.
    pub fn read(env: &Env) -> Option<Self> {
        let secret_id = env.required("LINK_SECRET_ID");
        let public_base_url = env.optional("PUBLIC_BASE_URL");
        Some(Self {
            secret_id: secret_id?,
            public_base_url: public_base_url?,
        })
    }
}

/// Where customers may be sent.
#[derive(Clone, Debug)]
pub struct Redirects {
    /// `PAYMENT_SCREEN_URL`: the partner's payment screen.
    pub payment_screen: Url,
    /// `TIKI_APPS_URL`: Tiki's shop, the way back when a session is not known.
    pub apps: BaseUrl,
    /// The hosts of Tiki, and those of `REDIRECT_HOSTS`.
    pub allowed: AllowedHosts,
}

impl Redirects {
    /// Reads all three.
    pub fn read(env: &Env) -> Option<Self> {
        let payment_screen = env.required("PAYMENT_SCREEN_URL");
        let apps = env.required("TIKI_APPS_URL");
        let allowed = env.or("REDIRECT_HOSTS", AllowedHosts(Vec::new()));
        Some(Self {
            payment_screen: payment_screen?,
            apps: apps?,
            allowed: allowed?,
        })
    }
}

/// Hosts that a customer may be sent to, beside Tiki's own (protocol §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Vec<String>);

/// Not a list of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be hosts, or origins such as http://127.0.0.1:9000, separated by commas")]
pub struct BadHosts;

impl AllowedHosts {
    const TIKI: [&str; 2] = ["tiki.vn", "beta.tala.xyz"];

    /// Whether a customer may be sent to this URL: over HTTPS to an allowed host, or to an origin that is
    /// allowed in so many words. A URL with anything a browser reads differently than we do is not.
    #[must_use]
    pub fn allow(&self, text: &str) -> bool {
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('\\') {
            return false;
        }
        let Ok(url) = Url::parse(text) else {
            return false;
        };
        let web = matches!(url.scheme(), "http" | "https");
        if !web || !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        let origin = url.origin().ascii_serialization();
        let secure = url.scheme() == "https" && url.port().is_none();
        let host = url.host_str().filter(|_| secure);
        host.is_some_and(|host| Self::TIKI.contains(&host))
            || self
                .0
                .iter()
                .any(|allowed| *allowed == origin || Some(allowed.as_str()) == host)
    }
}

impl FromStr for AllowedHosts {
    type Err = BadHosts;

    fn from_str(text: &str) -> Result<Self, BadHosts> {
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        let entries = entries.map(|entry| {
            let url = if entry.contains("://") {
                entry.to_owned()
            } else {
                format!("https://{entry}")
            };
            let url = Url::parse(&url).map_err(|_| BadHosts)?;
            let web = matches!(url.scheme(), "http" | "https") && url.has_host();
            let bare = web && url.path() == "/" && url.query().is_none();
            match (bare, entry.contains("://")) {
                (true, true) => Ok(url.origin().ascii_serialization()),
                (true, false) => Ok(url.host_str().unwrap_or_default().to_owned()),
                (false, _) => Err(BadHosts),
            }
        });
        entries.collect::<Result<_, _>>().map(Self)
    }
}

/// Seconds, fractions allowed, as a setting.
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

/// An amount as a setting.
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
    fn everything_that_is_wrong_is_said_at_once_and_no_value_is_shown() {
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
                Some((identity?, api?, limits?, grace?))
            })
            .unwrap_err();
        assert_eq!(
            error.0,
            [
                "TIKI_CLIENT_ID is not set",
                "TIKI_SECRET_ID is not set",
                "TIKI_API_URL must be an http or https URL without a query",
                "MIN_AMOUNT_VND must be a whole number of VND",
                "EXPIRY_GRACE_S must be a number of seconds",
            ]
        );
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let env = env(&[]);
        let limits = env.load(amount_limits).unwrap();
        assert_eq!((limits.min.get(), limits.max.get()), (1_000, 500_000_000));
        assert_eq!(env.load(signature_window), Ok(Window::default()));
        assert_eq!(env.load(expiry_grace), Ok(Duration::from_mins(1)));
        assert_eq!(env.load(get_signing), Ok(GetSigning::RelativePath));
    }

    #[test]
    fn limits_that_cross_are_refused() {
        let env = env(&[("MIN_AMOUNT_VND", "10"), ("MAX_AMOUNT_VND", "9")]);
        assert_eq!(
            env.load(amount_limits).unwrap_err().0,
            ["MIN_AMOUNT_VND is more than MAX_AMOUNT_VND"]
        );
    }

    #[test]
    fn a_customer_is_sent_only_where_it_is_allowed() {
        let hosts: AllowedHosts = "shop.example, http://127.0.0.1:9000".parse().unwrap();
        for good in [
            "https://tiki.vn//apps/vn.tiki.vip/callback/index?a=b%20c",
            "https://beta.tala.xyz/apps",
            "https://shop.example/x",
            "http://127.0.0.1:9000/result?x=1",
            "https://TIKI.vn/x",
        ] {
            assert!(hosts.allow(good), "{good}");
        }
        for bad in [
            "",
            "/x",
            "//tiki.vn/x",
            "http://tiki.vn/x",
            "https://tiki.vn:444/x",
            "https://tiki.vn.evil.example/",
            "https://eviltiki.vn/",
            "https://evil.example/?tiki.vn",
            "https://tiki.vn@evil.example/",
            "https://user@tiki.vn/",
            "https://evil.example\\@tiki.vn/",
            "https://tiki.vn\\@evil.example/",
            "https://tiki.vn/\r\nSet-Cookie: a=b",
            "https://tiki.vn/a b",
            "javascript:alert(1)",
            "http://127.0.0.1:9001/",
            "https://127.0.0.1:9000/",
            "data:text/html,x",
            "https://tíki.vn/",
        ] {
            assert!(!hosts.allow(bad), "{bad}");
        }
        for bad in ["a b", "https://x/y", "http://", "myapp://done/"] {
            assert_eq!(bad.parse::<AllowedHosts>(), Err(BadHosts), "{bad}");
        }
    }
}
