//! The messages that the partner's app and core send us, the fields that each message may have, and our answers.
//! The functions `open-webview`, `payment-details`,
//! `payment-result` and `partner-transaction` use it. It reads verified bytes into types of the domain. It
//! must not depend on Lambda, nor on the clients for Tiki (`tiki-api`) and for the core (`core-api`).

pub mod reply;
pub mod request;
