//! The names of the three headers that carry a signature.

/// The counterparty of a signed conversation, and the names of its three headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// Its name in logs and metrics: `tiki` or `core`.
    pub counterparty: &'static str,
    /// Carries Unix milliseconds.
    pub timestamp: &'static str,
    /// Carries the client id.
    pub client_id: &'static str,
    /// Carries the signature, in hex.
    pub signature: &'static str,
}

impl HeaderNames {
    /// Between Tiki and us (protocol §2).
    pub const TIKI: Self = Self {
        counterparty: "tiki",
        timestamp: "X-Tikivip-Timestamp",
        client_id: "X-Tikivip-Client-Id",
        signature: "X-Tikivip-Signature",
    };

    /// Between the partner's app or core and us.
    pub const PARTNER: Self = Self {
        counterparty: "core",
        timestamp: "X-Partner-Timestamp",
        client_id: "X-Partner-Client-Id",
        signature: "X-Partner-Signature",
    };
}
