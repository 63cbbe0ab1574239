//! Verification: the only way to a [`Verified`] body (protocol §2).

use std::time::Duration;

use hmac::Mac;

use crate::{ClientSecret, Keyring, message};

/// The three headers as received. `None` means that the header is missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignatureHeaders<'h> {
    /// `X-Tikivip-Timestamp`: Unix time in milliseconds.
    pub timestamp: Option<&'h str>,
    /// `X-Tikivip-Client-Id`.
    pub client_id: Option<&'h str>,
    /// `X-Tikivip-Signature`: 64 hex digits.
    pub signature: Option<&'h str>,
}

/// How far a timestamp may differ from our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How old a message may be, in milliseconds: five minutes by protocol §2.
    pub max_age_ms: i64,
    /// How far a message may be ahead, in milliseconds: one minute, for a sender whose clock is fast.
    pub max_ahead_ms: i64,
}

impl Window {
    /// For how long one and the same message is accepted: from the moment at which a sender with a fast clock sends it until
    /// it is too old.
    #[must_use]
    pub fn span(self) -> Duration {
        let ms = self.max_age_ms.saturating_add(self.max_ahead_ms);
        Duration::from_millis(ms.try_into().unwrap_or_default())
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            max_age_ms: 5 * 60 * 1000,
            max_ahead_ms: 60 * 1000,
        }
    }
}

/// The secret that a message was signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsed {
    /// `AWSCURRENT`.
    Current,
    /// `AWSPREVIOUS`: the sender still uses the secret from before the rotation.
    Previous,
}

/// Bytes that a holder of the secret has signed recently. Only verification makes one.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'b> {
    body: &'b [u8],
    key: KeyUsed,
    signature: [u8; 32],
}

impl<'b> Verified<'b> {
    /// The exact bytes that were signed.
    #[must_use]
    pub fn body(&self) -> &'b [u8] {
        self.body
    }

    /// Their signature as 64 lower-case hex digits, however the sender wrote it: the same for a call that comes a second time,
    /// and for no other call.
    #[must_use]
    pub fn signature(&self) -> String {
        hex::encode(self.signature)
    }

    /// The secret that they were signed with.
    #[must_use]
    pub fn key(&self) -> KeyUsed {
        self.key
    }
}

/// What a caller hears whose message is not signed as agreed.
const WRONG: &str = "the client id or the signature is wrong";

/// Why a message is not accepted. The texts name headers, and contain no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefusal {
    /// A header is missing.
    #[error("the {0} header is missing")]
    Missing(&'static str),
    /// A header does not have the right form.
    #[error("the {0} header is malformed")]
    Malformed(&'static str),
    /// The client id is not the agreed one.
    ///
    /// The caller hears the same as of a wrong signature: only a holder of the secret may learn which ids are known.
    #[error("{WRONG}")]
    UnknownClient,
    /// No accepted secret gives this signature.
    #[error("{WRONG}")]
    Mismatch,
    /// The signature is right, and the timestamp is outside the window.
    #[error("the timestamp is outside the accepted window")]
    Stale,
}

impl Keyring {
    /// Verifies the exact bytes received.
    pub fn verify<'b>(
        &self,
        headers: &SignatureHeaders<'_>,
        body: &'b [u8],
        now_ms: i64,
        window: Window,
    ) -> Result<Verified<'b>, SignatureRefusal> {
        self.verify_any(headers, [body], now_ms, window)
    }

    /// Verifies a message of which the sender may have signed any one of `candidates`. This is for a GET:
    /// protocol §2 does not say what is signed then. The caller limits their number.
    pub fn verify_any<'b>(
        &self,
        headers: &SignatureHeaders<'_>,
        candidates: impl IntoIterator<Item = &'b [u8]>,
        now_ms: i64,
        window: Window,
    ) -> Result<Verified<'b>, SignatureRefusal> {
        let timestamp = present(headers.timestamp, "timestamp")?;
        let client_id = present(headers.client_id, "client id")?;
        let signature = present(headers.signature, "signature")?;

        let sent_ms = parse_timestamp(timestamp)?;
        let signature = parse_signature(signature)?;
        let matches = |secret: &ClientSecret, body: &[u8]| {
            message::mac(secret, timestamp, client_id, body)
                .verify_slice(&signature)
                .is_ok()
        };
        let verified = candidates
            .into_iter()
            .find_map(|body| {
                if matches(&self.current, body) {
                    return Some((body, KeyUsed::Current));
                }
                let previous = self.previous.as_ref()?;
                matches(previous, body).then_some((body, KeyUsed::Previous))
            })
            .map(|(body, key)| Verified {
                body,
                key,
                signature,
            });
        // After the signature, so that both refusals take the same time.
        if client_id != self.client_id() {
            return Err(SignatureRefusal::UnknownClient);
        }
        let verified = verified.ok_or(SignatureRefusal::Mismatch)?;

        // After the signature: only a holder of the secret may learn the time of our clock.
        within(window, sent_ms, now_ms)?;
        Ok(verified)
    }
}

fn present<'h>(header: Option<&'h str>, name: &'static str) -> Result<&'h str, SignatureRefusal> {
    header.ok_or(SignatureRefusal::Missing(name))
}

/// Digits only: this text was signed, so another spelling of the same number is another message.
fn parse_timestamp(text: &str) -> Result<i64, SignatureRefusal> {
    let malformed = SignatureRefusal::Malformed("timestamp");
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed);
    }
    text.parse().map_err(|_| malformed)
}

fn parse_signature(text: &str) -> Result<[u8; 32], SignatureRefusal> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| SignatureRefusal::Malformed("signature"))?;
    Ok(bytes)
}

fn within(window: Window, sent_ms: i64, now_ms: i64) -> Result<(), SignatureRefusal> {
    let oldest = now_ms.saturating_sub(window.max_age_ms);
    let newest = now_ms.saturating_add(window.max_ahead_ms);
    if (oldest..=newest).contains(&sent_ms) {
        Ok(())
    } else {
        Err(SignatureRefusal::Stale)
    }
}
