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
    /// The connection that it may take.
    pub connection: Connection,
}

/// The connection that a request may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// One that was kept after an earlier answer, or a new one.
    #[default]
    Any,
    /// Only a new one.
    New,
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
    /// A kept connection was dead, as after a time in which the function was frozen. It failed before an answer
    /// began, so the request can be sent again on a new one.
    #[error("a kept connection was dead")]
    KeptConnectionDied(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection failed before the answer was complete.
    #[error("the answer broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is longer than any answer of the protocol.
    #[error("the answer is too long")]
    TooLong,
}

/// The seam to the network: one request, one answer or none.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once and waits for the complete answer, no longer than `timeout`.
    /// [`TransportError::KeptConnectionDied`] comes only if the request may take [`Connection::Any`].
    async fn send(&self, request: Outgoing, timeout: Duration) -> Result<Answer, TransportError>;
}
