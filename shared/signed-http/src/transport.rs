//! One HTTP request, and its answer or none.

use std::time::Duration;

use async_trait::async_trait;

/// The two methods that we call with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST, with a JSON body.
    Post,
}

/// A request as it goes out.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// Headers beside those that the method implies.
    pub headers: Vec<(&'static str, String)>,
    /// The exact bytes; empty for a GET.
    pub body: Vec<u8>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// There was no answer. The other side may have done it all the same.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Not in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection.
    #[error("no connection")]
    NotConnected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer that began and did not end well.
    #[error("the answer broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More than any answer of the protocol has.
    #[error("the answer is too long")]
    TooLong,
}

/// What carries requests.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request and waits for its answer, `timeout` at most for all of it.
    async fn send(&self, request: Outgoing, timeout: Duration) -> Result<Answer, TransportError>;
}

/// HTTP over TCP, with TLS where the URL says so. Connections are kept between calls.
#[derive(Clone, Debug)]
pub struct HttpTransport(reqwest::Client);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_ANSWER_BYTES: usize = 256 * 1024;

impl HttpTransport {
    /// A client for one function, made once in INIT. It follows no redirect: a signed message goes to the
    /// configured host alone.
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

/// The error without its URL, whose query is nobody's business.
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
