//! A message that was signed for a person, and the verdict on a signature.

use serde::{Deserialize, Serialize};

/// Tiki or the core, as the other side of signed messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counterparty {
    Tiki,
    Core,
}

/// The headers of a message that was signed: `POST /operator/v1/signatures/sign`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedMessage {
    /// Names and values, in the order of the protocol (protocol §2).
    pub headers: Vec<(String, String)>,
}

/// The verdict on a received signature: `POST /operator/v1/signatures/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureVerdict {
    pub accepted: bool,
    pub text: String,
    /// The timestamp's age in milliseconds.
    pub age_ms: Option<i64>,
    pub explanation: Explanation,
}

/// What was signed, and which known mistake gives the received signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub payload: String,
    /// The payload in base64url without padding.
    pub encoded: String,
    /// The first eight hex digits of the right signature. The whole would be a signature for whoever asks, and only
    /// `tikivip sign` gives that.
    pub expected_begins: String,
    pub received_signature: String,
    /// The mistakes that were found; empty for a valid signature.
    pub causes: Vec<String>,
}
