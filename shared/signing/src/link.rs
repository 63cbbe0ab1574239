//! The token of a payment link: it names one transaction, expires, and cannot be forged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use crate::{ClientSecret, Keyring, message};

/// Separates the MAC of a token from every other use of the key.
const MAC_CONTEXT: &[u8] = b"tikivip payment link v1\0";
const ID_BYTES: usize = 16;
const EXPIRY_BYTES: usize = 8;
/// 128 bits: nobody can guess it, and the link stays short.
const TAG_BYTES: usize = 16;

/// The content of a payment link, once its token is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentLink {
    /// The id of the transaction.
    pub transaction_id: [u8; ID_BYTES],
    /// The token is refused after this time, in Unix milliseconds.
    pub expires_at_ms: u64,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// The token was not made with our keys, or was changed.
    #[error("the payment link is not valid")]
    Invalid,
    /// The token is ours, and too old.
    #[error("the payment link has expired")]
    Expired,
}

impl PaymentLink {
    /// The token: 54 characters, which need no escaping in a URL. The same link gives the same token.
    #[must_use]
    pub fn token(&self, keys: &Keyring) -> String {
        let tag = self.mac(&keys.current).finalize().into_bytes();
        let tag = tag.get(..TAG_BYTES).unwrap_or_default();
        let bytes = [
            &self.transaction_id[..],
            &self.expires_at_ms.to_be_bytes(),
            tag,
        ]
        .concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token, made with the current or the previous key.
    pub fn verify(keys: &Keyring, token: &str, now_ms: i64) -> Result<Self, LinkRefusal> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| LinkRefusal::Invalid)?;
        let (transaction_id, rest) = split::<ID_BYTES>(&bytes)?;
        let (expires_at, rest) = split::<EXPIRY_BYTES>(rest)?;
        let (tag, []) = split::<TAG_BYTES>(rest)? else {
            return Err(LinkRefusal::Invalid);
        };
        let link = Self {
            transaction_id,
            expires_at_ms: u64::from_be_bytes(expires_at),
        };

        let genuine = [Some(&keys.current), keys.previous.as_ref()]
            .into_iter()
            .flatten()
            .any(|key| link.mac(key).verify_truncated_left(&tag).is_ok());
        if !genuine {
            return Err(LinkRefusal::Invalid);
        }
        if i128::from(link.expires_at_ms) < i128::from(now_ms) {
            return Err(LinkRefusal::Expired);
        }
        Ok(link)
    }

    fn mac(&self, key: &ClientSecret) -> hmac::Hmac<sha2::Sha256> {
        let mut mac = message::keyed(key);
        mac.update(MAC_CONTEXT);
        mac.update(&self.transaction_id);
        mac.update(&self.expires_at_ms.to_be_bytes());
        mac
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), LinkRefusal> {
    let (head, tail) = bytes.split_first_chunk().ok_or(LinkRefusal::Invalid)?;
    Ok((*head, tail))
}
