//! Tiki on the wire: what it sends us, what we answer, what we ask it, and the codes on both sides.
//!
//! | room | what is there |
//! |---|---|
//! | [`request`] | Tiki's requests and the webview's, read from verified bytes into the domain's types |
//! | [`reply`] | our answers |
//! | [`TikiClient`] | IPN, look-up and webview: the calls to Tiki |
//! | [`answer`] | what Tiki's answers mean |

pub mod answer;
mod client;
mod phone_format;
pub mod reply;
pub mod request;

pub use client::{TikiClient, WebviewAnswer};
pub use phone_format::{PhoneFormat, UnknownPhoneFormat};
