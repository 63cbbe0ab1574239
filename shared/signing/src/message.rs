//! The rule: what is signed, and how (protocol §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{ClientSecret, Keyring};

/// The values of the three headers of a signed message.
///
/// They are not kept and sent again: each attempt is signed anew, with a new timestamp (protocol §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Unix time in milliseconds, as text.
    pub timestamp: String,
    /// The client id of the keyring.
    pub client_id: String,
    /// Lowercase hex of the HMAC-SHA256.
    pub signature: String,
}

impl Keyring {
    /// Signs the exact bytes that will be sent, with the current secret.
    #[must_use]
    pub fn sign(&self, now_ms: i64, body: &[u8]) -> Signed {
        let timestamp = now_ms.to_string();
        let mac = mac(&self.current, &timestamp, &self.client_id, body);
        Signed {
            signature: hex::encode(mac.finalize().into_bytes()),
            client_id: self.client_id.to_string(),
            timestamp,
        }
    }
}

/// `HMAC(secret, base64url(timestamp "." client_id "." body))`, not finalised, so that it can be compared in constant
/// time.
pub(crate) fn mac(
    secret: &ClientSecret,
    timestamp: &str,
    client_id: &str,
    body: &[u8],
) -> Hmac<Sha256> {
    let payload = [timestamp.as_bytes(), b".", client_id.as_bytes(), b".", body].concat();
    let mut mac = keyed(secret);
    mac.update(URL_SAFE_NO_PAD.encode(payload).as_bytes());
    mac
}

pub(crate) fn keyed(secret: &ClientSecret) -> Hmac<Sha256> {
    keyed_by(secret.as_bytes())
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(crate) fn keyed_by(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the feature `zeroize` of `sha2` it does not compile: who finds the state of a key in memory can sign with
    /// it, without the secret itself. An HMAC is two such states and their buffer.
    #[test]
    fn the_state_of_a_key_is_overwritten_at_its_end() {
        fn is_overwritten(_: &impl zeroize::ZeroizeOnDrop) {}
        is_overwritten(&Sha256::default());
    }
}
