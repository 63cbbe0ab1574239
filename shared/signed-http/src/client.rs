//! The signed client.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use signing::{GetSigning, HeaderNames, KeyError, KeyProvider, Keyring};
use url::Url;

use crate::address::web_url;
use crate::transport::{Answer, Connection, Method, Outgoing, Transport, TransportError};

/// The base URL of a counterparty's API. The path of a call follows it: `{base}/payment/ipn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    path: String,
}

/// The text is not a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https URL without user, query and fragment")]
pub struct BadBaseUrl;

impl BaseUrl {
    /// The path of the URL, without a slash at its end: empty, or `/miniapp/tikivip`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of a call. `relative` begins with a slash.
    #[must_use]
    pub fn join(&self, relative: &str) -> String {
        format!("{}{relative}", self.text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for BaseUrl {
    type Err = BadBaseUrl;

    fn from_str(text: &str) -> Result<Self, BadBaseUrl> {
        let is_base = |url: &Url| url.query().is_none() && url.fragment().is_none();
        let url = web_url(text).filter(is_base).ok_or(BadBaseUrl)?;
        Ok(Self {
            path: url.path().trim_end_matches('/').to_owned(),
            text: url.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The keys to sign with cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The counterparty did not answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Calls one counterparty. Each attempt is signed anew, with a new timestamp (protocol §2).
#[derive(Clone)]
pub struct SignedClient {
    /// Where its API is.
    pub base: BaseUrl,
    /// The names of the headers of a signature.
    pub headers: HeaderNames,
    /// What is signed of a GET.
    pub get_signing: GetSigning,
    /// The keys that we share with the counterparty.
    pub keys: Arc<dyn KeyProvider>,
    /// The clock for timestamps and durations.
    pub clock: Arc<dyn Clock>,
    /// Carries the request.
    pub transport: Arc<dyn Transport>,
}

impl SignedClient {
    /// Posts a JSON body, with one additional header if the call needs one. `readable` says whether an answer counts:
    /// one that does not is no answer in the metrics.
    pub async fn post(
        &self,
        relative: &str,
        body: Vec<u8>,
        header: Option<(&'static str, String)>,
        timeout: Duration,
        readable: impl Fn(&Answer) -> bool + Send + Sync,
    ) -> Result<Answer, CallError> {
        let outgoing = Outgoing {
            method: Method::Post,
            url: self.base.join(relative),
            headers: header.into_iter().collect(),
            body,
            connection: Connection::Any,
        };
        let signed = outgoing.body.clone();
        self.call(outgoing, &signed, timeout, &readable).await
    }

    /// Gets a resource below the base URL. `readable` as for [`SignedClient::post`].
    pub async fn get(
        &self,
        relative: &str,
        timeout: Duration,
        readable: impl Fn(&Answer) -> bool + Send + Sync,
    ) -> Result<Answer, CallError> {
        let outgoing = Outgoing {
            method: Method::Get,
            url: self.base.join(relative),
            headers: Vec::new(),
            body: Vec::new(),
            connection: Connection::Any,
        };
        let signed = self.get_signing.message(self.base.path(), relative);
        self.call(outgoing, signed.as_bytes(), timeout, &readable)
            .await
    }

    /// Sends. If the signature is refused, reads the secret again and sends once more (protocol §3). All of it has the
    /// time of one call, the reading of the secret too: whoever waits counts from here.
    async fn call(
        &self,
        outgoing: Outgoing,
        signed: &[u8],
        timeout: Duration,
        readable: &(dyn Fn(&Answer) -> bool + Send + Sync),
    ) -> Result<Answer, CallError> {
        let began = self.clock.now();
        let left = || timeout.saturating_sub(self.clock.now().since(began));
        let keys = self.keys.keys().await?;
        let answer = self
            .send(&keys, outgoing.clone(), signed, left(), readable)
            .await?;
        if !matches!(answer.status, 401 | 403) {
            return Ok(answer);
        }
        let keys = self.keys.reload().await?;
        Ok(self.send(&keys, outgoing, signed, left(), readable).await?)
    }

    /// Sends, and counts one call. If a kept connection was dead, sends once more on a new one, in the time that is
    /// left. The counterparty may have got the first one, so this needs calls that are safe to repeat, and all are:
    /// an IPN is sent again after no answer anyway (protocol §3), a look-up changes nothing (protocol §4), a webview
    /// that is opened twice has two URLs, of which we use one (protocol §6), and the core pays one refund id once
    /// (docs/core.md).
    async fn send(
        &self,
        keys: &Keyring,
        outgoing: Outgoing,
        signed: &[u8],
        timeout: Duration,
        readable: &(dyn Fn(&Answer) -> bool + Send + Sync),
    ) -> Result<Answer, TransportError> {
        let began = self.clock.now();
        let mut answer = self.attempt(keys, outgoing.clone(), signed, timeout).await;
        if let Err(error @ TransportError::KeptConnectionDied(_)) = &answer {
            tracing::info!(
                counterparty = self.headers.counterparty,
                error = crate::error_chain(error),
                "the call is sent once more, on a new connection"
            );
            let outgoing = Outgoing {
                connection: Connection::New,
                ..outgoing
            };
            let left = timeout.saturating_sub(self.clock.now().since(began));
            answer = self.attempt(keys, outgoing, signed, left).await;
        }
        let to = self.headers.counterparty;
        let outcome = match &answer {
            Ok(answer) if readable(answer) => "answered",
            Ok(answer) if (200..=299).contains(&answer.status) => "unreadable",
            Ok(_) => "error",
            Err(_) => "none",
        };
        metrics::CALLS.count(&[to, outcome]);
        let took = self.clock.now().since(began);
        metrics::CALL_DURATION.record_duration(&[to], took);
        answer
    }

    /// Signs with the present time, and sends once.
    async fn attempt(
        &self,
        keys: &Keyring,
        mut outgoing: Outgoing,
        signed: &[u8],
        timeout: Duration,
    ) -> Result<Answer, TransportError> {
        let signature = keys.sign(self.clock.now().unix_ms(), signed);
        outgoing.headers.extend([
            (self.headers.timestamp, signature.timestamp),
            (self.headers.client_id, signature.client_id),
            (self.headers.signature, signature.signature),
        ]);
        self.transport.send(outgoing, timeout).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_no_query_and_no_slash_at_its_end() {
        for (text, base, path) in [
            (
                "https://api.tiki.vn/miniapp/tikivip/",
                "https://api.tiki.vn/miniapp/tikivip",
                "/miniapp/tikivip",
            ),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000", ""),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000", ""),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.path()), (base, path));
            assert_eq!(url.join("/x?y=1"), format!("{base}/x?y=1"));
        }
        for bad in [
            "",
            "tiki.vn",
            "ftp://tiki.vn",
            "https://tiki.vn/?a=1",
            "https://tiki.vn/#a",
            "https://u@tiki.vn",
            "https://:p@tiki.vn",
            "https:tiki.vn",
            "file:///etc",
        ] {
            assert_eq!(bad.parse::<BaseUrl>(), Err(BadBaseUrl), "{bad}");
        }
    }
}
