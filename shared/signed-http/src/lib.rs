//! The HTTP client for signed calls to a counterparty. `tiki-api` calls Tiki with it, and `core-api` the partner's
//! core. It must not depend on either, nor on the store or Lambda.
//!
//! [`SignedClient`] signs each attempt anew. If the counterparty refuses the signature, it reads the secret again and
//! tries once more (protocol §3). If a kept connection was dead, it sends once more on a new one. It sends through a
//! [`Transport`]: one request, and one answer or none in time. Tests and the simulation replace the transport.

mod address;
mod client;
mod http_transport;
mod transport;

pub use address::{is_confidential, web_url};
pub use client::{BadBaseUrl, BaseUrl, CallError, SignedClient};
pub use http_transport::{HttpTransport, IDLE_LIMIT};
pub use transport::{Answer, Connection, Method, Outgoing, Transport, TransportError};

/// An error and its causes on one line, for a log.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
