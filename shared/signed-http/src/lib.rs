//! Signed calls to the outside: to Tiki, and to the partner's core.
//!
//! [`SignedClient`] signs each try anew and, when the other side refuses the signature, loads the secret
//! again and tries once more (protocol §3). [`Transport`] is the seam below it: one request, one answer or
//! none, within a time.

mod client;
mod transport;

pub use client::{BadBaseUrl, BaseUrl, CallError, SignedClient};
pub use transport::{Answer, HttpTransport, Method, Outgoing, Transport, TransportError};

/// An error with its causes on one line, for a log.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
