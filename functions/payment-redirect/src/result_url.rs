//! The URL of Tiki's result screen, with an id appended if Tiki wants it (protocol §6).

use std::fmt;
use std::str::FromStr;

use domain::Transaction;
use lambda::config::{Env, Setting};

/// What is appended to the URL of Tiki's result screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultUrl(Option<(AppendedId, ParameterName)>);

/// The id that is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AppendedId {
    Ours,
    Tikis,
}

/// The name of a query parameter that needs no escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ParameterName(String);

impl ResultUrl {
    /// Reads `RESULT_URL_APPEND` and `RESULT_URL_PARAMETER`. One alone is a mistake of the deployment.
    pub fn read(env: &Env) -> Setting<Self> {
        let id = env.optional("RESULT_URL_APPEND");
        let name = env.optional("RESULT_URL_PARAMETER");
        match (id?, name?) {
            (None, None) => Ok(Self(None)),
            (Some(id), Some(name)) => Ok(Self(Some((id, name)))),
            // Reading it as required notes that it is missing.
            (None, Some(_)) => env
                .required::<AppendedId>("RESULT_URL_APPEND")
                .map(|_| Self(None)),
            (Some(_), None) => env
                .required::<ParameterName>("RESULT_URL_PARAMETER")
                .map(|_| Self(None)),
        }
    }

    /// The URL as Tiki gave it, byte for byte, and the parameter at the end of its query.
    #[must_use]
    pub fn of(&self, url: &str, transaction: &Transaction) -> String {
        let Some((id, ParameterName(name))) = &self.0 else {
            return url.to_owned();
        };
        match id {
            AppendedId::Ours => append(url, name, transaction.id()),
            AppendedId::Tikis => append(url, name, transaction.tiki_id()),
        }
    }
}

/// Neither a name nor an id needs escaping (protocol §8).
fn append(url: &str, name: &str, id: impl fmt::Display) -> String {
    let (before, fragment) = match url.find('#') {
        Some(at) => url.split_at(at),
        None => (url, ""),
    };
    let separator = match before.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{before}{separator}{name}={id}{fragment}")
}

impl FromStr for AppendedId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "transaction_id" => Ok(Self::Ours),
            "tiki_transaction_id" => Ok(Self::Tikis),
            _ => Err("must be transaction_id or tiki_transaction_id, or empty"),
        }
    }
}

impl FromStr for ParameterName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if (1..=16).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 16 of the characters A-Z a-z 0-9 _ . -")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_appended_and_the_rest_stays_byte_for_byte() {
        for (url, expected) in [
            ("https://tiki.vn/a", "https://tiki.vn/a?id=T-1"),
            ("https://tiki.vn", "https://tiki.vn?id=T-1"),
            ("https://tiki.vn/a?", "https://tiki.vn/a?id=T-1"),
            ("https://tiki.vn/a?b=1", "https://tiki.vn/a?b=1&id=T-1"),
            ("https://tiki.vn/a?b=1&", "https://tiki.vn/a?b=1&id=T-1"),
            (
                "https://tiki.vn//a?b=%20c+d%C3%A0&x",
                "https://tiki.vn//a?b=%20c+d%C3%A0&x&id=T-1",
            ),
            ("https://tiki.vn/a#f", "https://tiki.vn/a?id=T-1#f"),
            ("https://tiki.vn/a#f?g=1", "https://tiki.vn/a?id=T-1#f?g=1"),
            (
                "https://tiki.vn/a?b=1#/c?d=2#e",
                "https://tiki.vn/a?b=1&id=T-1#/c?d=2#e",
            ),
        ] {
            assert_eq!(append(url, "id", "T-1"), expected);
        }
    }

    #[test]
    fn the_two_settings_need_each_other() {
        let read = |append: &'static str, parameter: &'static str| {
            let env = Env::new(move |name| {
                let value = match name {
                    "RESULT_URL_APPEND" => append,
                    _ => parameter,
                };
                Some(value.to_owned())
            });
            env.load(ResultUrl::read).map_err(|error| error.to_string())
        };
        assert_eq!(read("", ""), Ok(ResultUrl::default()));
        assert!(read("transaction_id", "transactionId").is_ok());
        assert!(read("tiki_transaction_id", "id").is_ok());
        for (append, parameter, problem) in [
            ("", "id", "RESULT_URL_APPEND is not set"),
            ("transaction_id", "", "RESULT_URL_PARAMETER is not set"),
            ("both", "id", "RESULT_URL_APPEND must be"),
            ("transaction_id", "a b", "RESULT_URL_PARAMETER must be"),
            ("transaction_id", "a=b&c", "RESULT_URL_PARAMETER must be"),
        ] {
            let error = read(append, parameter).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
