//! Keyed hashes of personal data: whether two are equal can be seen, and whoever has no key can neither read nor guess
//! what was hashed. A code of a customer is short: a hash without a key would be guessed in seconds.

use std::fmt;

use hmac::Mac;
use zeroize::Zeroizing;

use crate::{ClientSecret, Keyring, message};

const KEY_ID_BYTES: usize = 8;

/// What is hashed. Each has a key of its own, derived from the secret by a fixed label, so that no hash of one kind is a
/// hash of another, or a token of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashed {
    /// The partner's code of the customer of a webview session.
    CustomerOfSession,
    /// The personal content of a create call.
    CreateContent,
}

/// A keyed hash, with the id of its key. The id says which key it was, and nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedHash {
    /// The id of the key.
    pub key_id: [u8; KEY_ID_BYTES],
    /// HMAC-SHA-256 of the data.
    pub hash: [u8; 32],
}

impl Hashed {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::CustomerOfSession => b"tikivip customer of a session v1\0",
            Self::CreateContent => b"tikivip content of a create call v1\0",
        }
    }

    fn hash(self, secret: &ClientSecret, data: &[u8]) -> KeyedHash {
        let key = Zeroizing::new(hmac(secret, &[self.label()]));
        let key_id = hmac(secret, &[self.label(), b"key id"]);
        let mut mac = message::keyed_by(key.as_slice());
        mac.update(data);
        KeyedHash {
            key_id: key_id.first_chunk().copied().unwrap_or_default(),
            hash: mac.finalize().into_bytes().into(),
        }
    }
}

impl Keyring {
    /// The hash by the current secret.
    #[must_use]
    pub fn keyed_hash(&self, of: Hashed, data: &[u8]) -> KeyedHash {
        of.hash(&self.current, data)
    }

    /// The hashes by each secret that is accepted, the current one first: one of them was stored, if the data is the same
    /// and the secret was not replaced for longer.
    #[must_use]
    pub fn keyed_hashes(&self, of: Hashed, data: &[u8]) -> Vec<KeyedHash> {
        let secrets = [Some(&self.current), self.previous.as_ref()];
        let secrets = secrets.into_iter().flatten();
        secrets.map(|secret| of.hash(secret, data)).collect()
    }
}

/// The id of the key, a dot, and the hash, both in hex.
impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", hex::encode(self.key_id), hex::encode(self.hash))
    }
}

fn hmac(secret: &ClientSecret, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = message::keyed(secret);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
