//! Signed calls to the outside: to Tiki, and to the partner's core.
//!
//! [`SignedClient`] signs each try anew and, when the other side refuses the signature, loads the secret
//! again and tries once more (protocol §3). [`Transport`] is the seam below it: one request, one answer or
//! none, within a time.

mod client;
mod transport;

pub use client::{BadBaseUrl, BaseUrl, CallError, HeaderNames, SignedClient};
pub use transport::{Answer, HttpTransport, Method, NoAnswer, Outgoing, Transport};
