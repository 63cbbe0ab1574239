//! Tiki's messages in both directions: what Tiki sends us, what we answer, what we ask Tiki, and what its answers
//! mean. The functions that Tiki calls use it, and so do `ipn-sender`, `open-webview`, `reconcile` and `tikivip`. It
//! must not depend on the store's tables or Lambda, nor on the messages of the partner (`partner-api`, `core-api`).
//!
//! | module | what is there |
//! |---|---|
//! | [`request`] | Tiki's requests, read from verified bytes into types of the domain |
//! | [`reply`] | our answers |
//! | [`TikiClient`] | our calls: IPN, look-up and webview |
//! | [`answer`] | what Tiki's answers mean |
//! | [`PhoneFormat`] | how a phone number goes to Tiki |

pub mod answer;
mod client;
mod phone_format;
pub mod reply;
pub mod request;

pub use client::{
    Heard, TIKI_ANSWER_TIMEOUT, TIKI_ANSWER_TIMEOUT_IN_REQUEST, TikiClient, WebviewAnswer,
};
pub use phone_format::{PhoneFormat, UnknownPhoneFormat};
