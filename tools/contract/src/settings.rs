//! The settings of a stack, as its output `OperatorSettings` has them. What is made of them is sent to others, so each is
//! checked before a page or a collection has it: what the functions or the template refuse is refused here.

mod bounds;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use domain::Vnd;
use signed_http::{is_confidential, web_url};

/// A setting that is missing, or that nothing can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {name} {problem}")]
pub struct SettingError {
    pub name: &'static str,
    pub problem: String,
}

impl SettingError {
    pub(crate) fn new(name: &'static str, problem: impl Display) -> Self {
        let problem = problem.to_string();
        Self { name, problem }
    }
}

/// Reads settings by their names.
pub(crate) struct Settings<R> {
    read: R,
}

impl<R: Fn(&str) -> Option<String>> Settings<R> {
    pub(crate) fn new(read: R) -> Self {
        Self { read }
    }

    /// A setting that is empty counts as one that is not there: a template's empty parameter.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<String>, SettingError> {
        let Some(value) = (self.read)(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        bounds::length(name, &value)?;
        plain(name, value).map(Some)
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<String, SettingError> {
        let problem = "is missing: give --settings with the file of the stack's output OperatorSettings. Of a file of an older version: save that output again";
        self.optional(name)?
            .ok_or_else(|| SettingError::new(name, problem))
    }

    /// A setting as a function reads it, by the function's own type.
    pub(crate) fn parsed<T>(&self, name: &'static str) -> Result<T, SettingError>
    where
        T: FromStr<Err: Display>,
    {
        let parsed = self.required(name)?.parse();
        parsed.map_err(|error| SettingError::new(name, error))
    }

    /// The text of a setting that a function can read.
    pub(crate) fn readable<T>(&self, name: &'static str) -> Result<String, SettingError>
    where
        T: FromStr<Err: Display>,
    {
        self.parsed::<T>(name)?;
        self.required(name)
    }

    /// A number within the template's bounds.
    pub(crate) fn number(&self, name: &'static str) -> Result<u64, SettingError> {
        bounds::number(name, &self.required(name)?)
    }

    /// One of the words that the template allows.
    pub(crate) fn word(&self, name: &'static str) -> Result<String, SettingError> {
        bounds::word(name, self.required(name)?)
    }

    /// The smallest and the largest payment.
    pub(crate) fn amounts(&self) -> Result<(u64, u64), SettingError> {
        let min: Vnd = self.parsed("MIN_AMOUNT_VND")?;
        let max: Vnd = self.parsed("MAX_AMOUNT_VND")?;
        if min > max {
            let problem = "is more than MAX_AMOUNT_VND";
            return Err(SettingError::new("MIN_AMOUNT_VND", problem));
        }
        Ok((min.get(), max.get()))
    }

    /// Hosts, or origins, that are separated by commas; none if the setting is empty.
    pub(crate) fn hosts(&self, name: &'static str) -> Result<Vec<String>, SettingError> {
        let text = (self.read)(name).unwrap_or_default();
        bounds::length(name, &text)?;
        let hosts = text.split(',').map(str::trim).filter(|v| !v.is_empty());
        let hosts = hosts.map(|host| {
            let host = plain(name, host.to_owned())?;
            if is_host_or_origin(&host) {
                return Ok(host);
            }
            let problem =
                "must be hosts, or origins such as https://shop.example.vn, separated by commas";
            Err(SettingError::new(name, problem))
        });
        hosts.collect()
    }

    /// An address of an API: `http` or `https`, without user, query and fragment. It comes without a slash at its end.
    pub(crate) fn url(&self, name: &'static str) -> Result<String, SettingError> {
        let text = self.required(name)?;
        let problem = "is not an http or https address without user, query and fragment";
        conformance::api_address(&text).ok_or_else(|| SettingError::new(name, problem))
    }

    /// An address to which nothing goes in the clear. This machine itself is excepted.
    pub(crate) fn confidential_url(&self, name: &'static str) -> Result<String, SettingError> {
        let url = self.url(name)?;
        if web_url(&url).is_some_and(|url| is_confidential(&url)) {
            return Ok(url);
        }
        let problem = "must be an https address; http is for this machine alone";
        Err(SettingError::new(name, problem))
    }
}

/// Whatever else there is would begin another line, cell or code in Markdown, or another entry in a collection.
fn plain(name: &'static str, value: String) -> Result<String, SettingError> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"`|<>\"\\{}".contains(c);
    if value.chars().all(is_plain) {
        return Ok(value);
    }
    let problem = "has a blank, or a sign that an address, an id or a name here never has";
    Err(SettingError::new(name, problem))
}

/// `shop.example.vn`, or with its scheme and port: `http://127.0.0.1:9000`.
fn is_host_or_origin(entry: &str) -> bool {
    let url = if entry.contains("://") {
        web_url(entry)
    } else {
        web_url(&format!("https://{entry}")).filter(|url| url.port().is_none())
    };
    url.is_some_and(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none())
}

/// Seconds, with a fraction or without, as a duration can be.
pub(crate) struct Seconds;

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = "must be a number of seconds, such as 120 or 0.5";
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let seconds: f64 = text.parse().map_err(|_| problem)?;
        let is_duration = Duration::try_from_secs_f64(seconds).is_ok();
        (is_duration && is_number(whole) && is_number(fraction))
            .then_some(Self)
            .ok_or(problem)
    }
}

/// The name of a query parameter that needs no escaping.
pub(crate) struct ParameterName;

impl FromStr for ParameterName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let is_name = !text.is_empty() && text.bytes().all(allowed);
        let problem = "must have only the characters A-Z a-z 0-9 _ . -";
        is_name.then_some(Self).ok_or(problem)
    }
}

/// A name of a host at which Tiki's file server is.
pub(crate) struct HostName;

impl FromStr for HostName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
        let is_name = !text.is_empty() && text.bytes().all(allowed);
        let problem = "must be a host's name or address, of the characters A-Z a-z 0-9 . -";
        is_name.then_some(Self).ok_or(problem)
    }
}
