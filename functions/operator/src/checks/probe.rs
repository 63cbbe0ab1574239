//! One signed GET and its answer.

use std::time::{Duration, UNIX_EPOCH};

use domain::{Clock, Timestamp};
use serde_json::Value;
use signed_http::BaseUrl;
use signing::{GetSigning, HeaderNames, Keyring};

/// The time limit of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);

/// A signed GET that changes nothing.
pub(super) struct Probe<'o> {
    base: &'o BaseUrl,
    headers: HeaderNames,
    relative: String,
    http: reqwest::Client,
    clock: &'o dyn Clock,
}

pub(super) struct ProbeAnswer {
    /// The HTTP status; `None` without an answer.
    pub(super) status: Option<u16>,
    /// Why there is no answer.
    pub(super) error: String,
    /// The counterparty's time.
    pub(super) date: Option<Timestamp>,
    /// Our time at the request.
    pub(super) ours: Timestamp,
    /// Whether the answer broke off.
    pub(super) breaks_off: bool,
    body: Value,
}

impl ProbeAnswer {
    /// Whether the API answered with a code, which it does only for a valid signature.
    pub(super) fn is_json_answer(&self) -> bool {
        self.status
            .is_some_and(|status| (200..=299).contains(&status))
            && self.code().is_some()
    }

    pub(super) fn code(&self) -> Option<i64> {
        self.body["code"].as_i64()
    }

    /// The word of the body's field `status`, as the core answers.
    pub(super) fn word(&self) -> Option<&str> {
        self.body["status"].as_str()
    }
}

impl<'o> Probe<'o> {
    pub(super) fn new(
        base: &'o BaseUrl,
        headers: HeaderNames,
        relative: String,
        clock: &'o dyn Clock,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PROBE_TIMEOUT)
            .build()?;
        Ok(Self {
            base,
            headers,
            relative,
            http,
            clock,
        })
    }

    /// Sends the GET, signed with these keys in this way, now or as of another time.
    pub(super) async fn ask(
        &self,
        keys: &Keyring,
        signing: GetSigning,
        at: Option<Timestamp>,
    ) -> ProbeAnswer {
        let ours = self.clock.now();
        let text = signing.message(self.base.path(), &self.relative);
        let signed = keys.sign(at.unwrap_or(ours).unix_ms(), text.as_bytes());
        let request = self
            .http
            .get(self.base.join(&self.relative))
            .header(self.headers.timestamp, signed.timestamp)
            .header(self.headers.client_id, signed.client_id)
            .header(self.headers.signature, signed.signature);
        match request.send().await {
            Ok(response) => {
                let date = response.headers().get("date");
                let date = date.and_then(|date| time_of(date.to_str().ok()?));
                let status = Some(response.status().as_u16());
                let body = response.bytes().await;
                ProbeAnswer {
                    status,
                    error: String::new(),
                    date,
                    ours,
                    breaks_off: body.is_err(),
                    body: serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default(),
                }
            }
            Err(error) => ProbeAnswer {
                status: None,
                error: signed_http::error_chain(&error.without_url()),
                date: None,
                ours,
                breaks_off: false,
                body: Value::Null,
            },
        }
    }
}

fn time_of(date: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(date).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::MIN.after(since))
}
