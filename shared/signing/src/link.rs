//! The tokens of links: each names one thing, expires, and cannot be forged.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use crate::{ClientSecret, Keyring, message};

const TRANSACTION_ID_BYTES: usize = 16;
const REPORT_BYTES: usize = 9;
const EXPIRY_BYTES: usize = 8;
/// 128 bits: nobody can guess it, and the link stays short.
const TAG_BYTES: usize = 16;

/// The content of a payment link, once its token is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentLink {
    /// The id of the transaction.
    pub transaction_id: [u8; TRANSACTION_ID_BYTES],
    /// The token is refused after this time, in Unix milliseconds.
    pub expires_at_ms: u64,
}

/// The content of a link to a report, once its token is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportLink {
    /// Which report, as the caller writes it.
    pub report: [u8; REPORT_BYTES],
    /// The token is refused after this time, in Unix milliseconds.
    pub expires_at_ms: u64,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// The token was not made with our keys, for another kind of link, or was changed.
    #[error("the link is not valid")]
    Invalid,
    /// The token is ours, and too old.
    #[error("the link has expired")]
    Expired,
}

impl PaymentLink {
    /// The token: 54 characters, which need no escaping in a URL. The same link gives the same token.
    #[must_use]
    pub fn token(&self, keys: &Keyring) -> String {
        self.sealed().token(keys)
    }

    /// Reads a token, made with the current or the previous key.
    pub fn verify(keys: &Keyring, token: &str, now_ms: i64) -> Result<Self, LinkRefusal> {
        let sealed = Sealed::verify(Self::CONTEXT, keys, token, now_ms)?;
        Ok(Self {
            transaction_id: sealed.names,
            expires_at_ms: sealed.expires_at_ms,
        })
    }

    const CONTEXT: &'static [u8] = b"tikivip payment link v1\0";

    fn sealed(&self) -> Sealed<TRANSACTION_ID_BYTES> {
        Sealed {
            context: Self::CONTEXT,
            names: self.transaction_id,
            expires_at_ms: self.expires_at_ms,
        }
    }
}

impl ReportLink {
    /// The token: 44 characters, which need no escaping in a URL. The same link gives the same token.
    #[must_use]
    pub fn token(&self, keys: &Keyring) -> String {
        self.sealed().token(keys)
    }

    /// Reads a token, made with the current or the previous key.
    pub fn verify(keys: &Keyring, token: &str, now_ms: i64) -> Result<Self, LinkRefusal> {
        let sealed = Sealed::verify(Self::CONTEXT, keys, token, now_ms)?;
        Ok(Self {
            report: sealed.names,
            expires_at_ms: sealed.expires_at_ms,
        })
    }

    const CONTEXT: &'static [u8] = b"tikivip report link v1\0";

    fn sealed(&self) -> Sealed<REPORT_BYTES> {
        Sealed {
            context: Self::CONTEXT,
            names: self.report,
            expires_at_ms: self.expires_at_ms,
        }
    }
}

/// What every token has.
struct Sealed<const N: usize> {
    /// Separates the MAC of one kind of token from every other use of the key.
    context: &'static [u8],
    names: [u8; N],
    expires_at_ms: u64,
}

impl<const N: usize> Sealed<N> {
    fn token(&self, keys: &Keyring) -> String {
        let tag = self.mac(&keys.current).finalize().into_bytes();
        let tag = tag.get(..TAG_BYTES).unwrap_or_default();
        let bytes = [&self.names[..], &self.expires_at_ms.to_be_bytes(), tag].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn verify(
        context: &'static [u8],
        keys: &Keyring,
        token: &str,
        now_ms: i64,
    ) -> Result<Self, LinkRefusal> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| LinkRefusal::Invalid)?;
        let (names, rest) = split::<N>(&bytes)?;
        let (expires_at, rest) = split::<EXPIRY_BYTES>(rest)?;
        let (tag, []) = split::<TAG_BYTES>(rest)? else {
            return Err(LinkRefusal::Invalid);
        };
        let sealed = Self {
            context,
            names,
            expires_at_ms: u64::from_be_bytes(expires_at),
        };

        let genuine = [Some(&keys.current), keys.previous.as_ref()]
            .into_iter()
            .flatten()
            .any(|key| sealed.mac(key).verify_truncated_left(&tag).is_ok());
        if !genuine {
            return Err(LinkRefusal::Invalid);
        }
        if i128::from(sealed.expires_at_ms) < i128::from(now_ms) {
            return Err(LinkRefusal::Expired);
        }
        Ok(sealed)
    }

    fn mac(&self, key: &ClientSecret) -> hmac::Hmac<sha2::Sha256> {
        let mut mac = message::keyed(key);
        mac.update(self.context);
        mac.update(&self.names);
        mac.update(&self.expires_at_ms.to_be_bytes());
        mac
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), LinkRefusal> {
    let (head, tail) = bytes.split_first_chunk().ok_or(LinkRefusal::Invalid)?;
    Ok((*head, tail))
}
