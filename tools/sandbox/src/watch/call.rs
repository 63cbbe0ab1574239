//! A call or a step as people see it.

use std::time::Duration;

use askama::Template;
use domain::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::signature::{self, Keys, SeenSignature};
use crate::journal::{Callee, Entry, Exchange};

/// Of a longer body this many characters are shown.
const MAX_SHOWN_CHARS: usize = 8_000;

/// Of a longer target this many characters are shown in the line of the call.
const MAX_LINE_CHARS: usize = 90;

/// Headers of which only the beginning is shown: they are what AWS knows a person by.
const HIDDEN: [&str; 2] = ["authorization", "x-amz-security-token"];

/// A call or a step as people see it.
#[derive(Clone, Debug, Serialize, Template)]
#[template(path = "watch-call.html")]
pub(crate) struct Call {
    /// Counts what was seen: the newest has the largest.
    pub(crate) number: u64,
    /// When it began, in Unix milliseconds of the sandbox's clock.
    pub(crate) at_ms: i64,
    pub(crate) from: String,
    pub(crate) to: String,
    /// `POST /tikivip/v1/transactions`, or what a step did.
    pub(crate) what: String,
    /// `200, code 0`, `the connection broke`, or how a step ended.
    pub(crate) outcome: String,
    pub(crate) took_ms: u64,
    pub(crate) message: Option<Message>,
}

/// What went over the wire.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) signature: Option<SeenSignature>,
    /// Nothing if the connection broke.
    pub(crate) status: Option<u16>,
    pub(crate) answer_headers: Vec<(String, String)>,
    pub(crate) answer: String,
}

impl Call {
    /// An HTTP call. It began at `at_ms`, and its signature is checked at that time.
    pub(super) fn of_exchange(exchange: &Exchange, keys: &Keys, at_ms: i64) -> Self {
        let to = match exchange.to {
            Callee::Api => "API",
            Callee::Gateway => "API Gateway",
            Callee::Tiki => "Tiki",
            Callee::Core => "core",
        };
        let status = Some(exchange.status).filter(|status| *status != 0);
        Self {
            number: 0,
            at_ms,
            from: exchange.from.to_owned(),
            to: to.to_owned(),
            what: format!("{} {}", exchange.method, signature::target(exchange)),
            outcome: outcome(status, &exchange.answer),
            took_ms: millis(exchange.took),
            message: Some(Message {
                headers: shown_headers(&exchange.headers),
                body: shown(&exchange.body),
                signature: signature::of(keys, exchange, at_ms),
                status,
                answer_headers: shown_headers(&exchange.answer_headers),
                answer: shown(&exchange.answer),
            }),
        }
    }

    /// A step that is no HTTP call.
    pub(super) fn of_step(entry: &Entry, at_ms: i64) -> Self {
        Self {
            number: 0,
            at_ms,
            from: entry.from.clone(),
            to: entry.to.clone(),
            what: entry.what.clone(),
            outcome: entry.outcome.clone(),
            took_ms: millis(entry.took),
            message: None,
        }
    }

    /// `10:02:03.123`, in Vietnam.
    pub(crate) fn time(&self) -> String {
        let at = Timestamp::from_unix_ms(self.at_ms).map(Timestamp::to_rfc3339);
        let clock = at
            .unwrap_or_default()
            .get(11..19)
            .unwrap_or_default()
            .to_owned();
        format!("{clock}.{:03}", self.at_ms.rem_euclid(1000))
    }

    /// What was called, as short as a line.
    pub(crate) fn short(&self) -> String {
        match self.what.char_indices().nth(MAX_LINE_CHARS) {
            None => self.what.clone(),
            Some((end, _)) => format!("{}…", self.what.get(..end).unwrap_or_default()),
        }
    }

    /// Whether people should look: it failed, or its signature does not hold.
    pub(crate) fn is_bad(&self) -> bool {
        let Some(message) = &self.message else {
            return false;
        };
        let failed = message.status.is_none_or(|status| status >= 400);
        let refused = code(message.answer.as_bytes()).is_some_and(|code| code != 0);
        let unsigned = message.signature.as_ref();
        failed || refused || unsigned.is_some_and(|s| !s.verdict.holds())
    }

    /// Whether it names this payment, by one of its ids.
    pub(crate) fn is_about(&self, ids: &[&str]) -> bool {
        let names = |text: &str| ids.iter().any(|id| !id.is_empty() && text.contains(id));
        let in_message = |message: &Message| names(&message.body) || names(&message.answer);
        names(&self.what) || self.message.as_ref().is_some_and(in_message)
    }
}

fn outcome(status: Option<u16>, answer: &[u8]) -> String {
    let Some(status) = status else {
        return "the connection broke".to_owned();
    };
    match (code(answer), word(answer)) {
        (Some(code), _) => format!("{status}, code {code}"),
        (None, Some(word)) => format!("{status}, {word}"),
        (None, None) => status.to_string(),
    }
}

fn code(answer: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Value>(answer).ok()?["code"].as_i64()
}

/// The core's word: `succeeded`, `paid` …
fn word(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer["status"].as_str().map(str::to_owned)
}

fn shown_headers(headers: &[(String, String)]) -> Vec<(String, String)> {
    let shown = headers.iter().map(|(name, value)| {
        let value = if HIDDEN.contains(&name.as_str()) {
            value.chars().take(16).collect::<String>() + "…"
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    shown.collect()
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        None => text.into_owned(),
        Some((end, _)) => format!(
            "{}… ({} bytes)",
            text.get(..end).unwrap_or_default(),
            bytes.len()
        ),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
