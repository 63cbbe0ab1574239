//! What is left of the personal content of a create call once that is forgotten: a keyed hash, which only says whether a
//! repeat has the same content.

use std::fmt;
use std::str::FromStr;

/// A keyed hash of the personal content of a create call: which key, a dot, and the hash, both in lower-case hex. Whoever
/// has the item alone can neither read the content nor guess it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentHash(String);

/// The text is no hash of a create call's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of a key, a dot and a hash, in hex")]
pub struct BadContentHash;

/// The hex digits of a key's id.
const KEY_ID_DIGITS: usize = 16;
/// The hex digits of a hash.
const HASH_DIGITS: usize = 64;

impl ContentHash {
    /// A hash by the key with this id.
    #[must_use]
    pub fn new(key_id: [u8; KEY_ID_DIGITS / 2], hash: [u8; HASH_DIGITS / 2]) -> Self {
        let hex = |bytes: &[u8]| {
            let digits = bytes.iter().flat_map(|b| [b >> 4, b & 0xf]);
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            digits.collect::<String>()
        };
        Self(format!("{}.{}", hex(&key_id), hex(&hash)))
    }

    /// Whether both were made with the same key: otherwise they cannot be compared.
    pub(crate) fn has_key_of(&self, other: &Self) -> bool {
        self.0.get(..KEY_ID_DIGITS) == other.0.get(..KEY_ID_DIGITS)
    }
}

impl FromStr for ContentHash {
    type Err = BadContentHash;

    fn from_str(text: &str) -> Result<Self, BadContentHash> {
        let hex = |text: &str, digits| {
            let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            text.len() == digits && text.bytes().all(digit)
        };
        match text.split_once('.') {
            Some((key_id, hash)) if hex(key_id, KEY_ID_DIGITS) && hex(hash, HASH_DIGITS) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(BadContentHash),
        }
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
