//! Tiki on the wire: what it sends us, what we answer, what we ask it, and the codes on both sides.
//!
//! | room | what is there |
//! |---|---|
//! | [`request`] | Tiki's requests and the webview's, read from verified bytes into the domain's types |
//! | [`reply`] | our answers |
//! | [`Code`] | the codes of design §6, and which refusal has which |
//! | [`TikiClient`] | IPN, look-up and webview: the calls to Tiki |
//! | [`answer`] | what Tiki's answers mean |

pub mod answer;
mod client;
mod code;
mod phone;
pub mod reply;
pub mod request;

pub use client::{TikiClient, WebviewAnswer};
pub use code::Code;
pub use phone::{BadPhone, PhoneFormat, PhoneNumber, UnknownPhoneFormat};
