//! One HTTP request, and one answer or none.

use std::time::Duration;

use async_trait::async_trait;

/// The HTTP methods of our calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST, with a JSON body.
    Post,
}

/// A request, as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The HTTP method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Headers in addition to those that the method implies.
    pub headers: Vec<(&'static str, String)>,
    /// The exact bytes of the body; empty for a GET.
    pub body: Vec<u8>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
}

/// There was no answer. The counterparty may have processed the request all the same.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The time was over before the answer was complete.
    #[error("no answer in time")]
    TimedOut,
    /// No connection was made.
    #[error("no connection")]
    NotConnected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer started and did not end.
    #[error("the answer broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is longer than any answer of the protocol.
    #[error("the answer is too long")]
    TooLong,
}

/// The seam to the network: one request, one answer or none.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request and waits for the complete answer, no longer than `timeout`.
    async fn send(&self, request: Outgoing, timeout: Duration) -> Result<Answer, TransportError>;
}

/// HTTP, with TLS if the URL is an https one. Connections are kept between calls.
#[derive(Clone, Debug)]
pub struct HttpTransport(reqwest::Client);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_ANSWER_BYTES: usize = 256 * 1024;

impl HttpTransport {
    /// A client, made once in INIT. It follows no redirect: a signed message goes only to the configured host.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tikivip-partner/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, outgoing: Outgoing, timeout: Duration) -> Result<Answer, TransportError> {
        let request = match outgoing.method {
            Method::Get => self.0.get(outgoing.url),
            Method::Post => self
                .0
                .post(outgoing.url)
                .header("Content-Type", "application/json")
                .body(outgoing.body),
        };
        let request = outgoing
            .headers
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            });
        let mut response = request
            .timeout(timeout)
            .send()
            .await
            .map_err(transport_error)?;

        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport_error)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

/// The error without its URL, whose query must not reach a log.
fn transport_error(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_connect() {
        TransportError::NotConnected(error.into())
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else {
        TransportError::BrokenOff(error.into())
    }
}
