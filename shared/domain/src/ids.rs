//! Ids of transactions and refunds, each its own type, so that two cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Not an id by protocol §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
pub struct BadId;

/// Tiki's id of a transaction: 1 to 64 of `[A-Za-z0-9._-]` (protocol §8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TikiTransactionId(String);

impl FromStr for TikiTransactionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId)
        }
    }
}

impl TikiTransactionId {
    /// The id as Tiki wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TikiTransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The namespace of our transaction ids. It is a constant of this project and no credential, because credentials
/// change (protocol §8). It is kept for ever: another value would lose every transaction there is.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b0f_3f0c_9a0e_4d53_8c7e_7469_6b69_7669);

/// Our id of a transaction: the `UUIDv5` of a fixed namespace and Tiki's id, so that both ids lead to one key and
/// creating twice is naturally the same item (docs/architecture.md#the-transaction).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(Uuid);

impl TransactionId {
    /// The id of Tiki's transaction. Nothing else goes into it.
    #[must_use]
    pub fn derive(tiki_id: &TikiTransactionId) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, tiki_id.as_str().as_bytes()))
    }

    /// The id as 16 bytes, for a payment link.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id from the bytes of a payment link.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// One of `shards` numbers, the same for ever for this id: spreads an index over partitions.
    #[must_use]
    pub fn shard(self, shards: u8) -> u8 {
        let [.., last] = self.to_bytes();
        last.checked_rem(shards).unwrap_or(0)
    }
}

impl FromStr for TransactionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Uuid::try_parse(text).map(Self).map_err(|_| BadId)
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionId({self})")
    }
}

/// The id of a refund, ours, which the core sees as the idempotency key: derived from the transaction and
/// the refund's cause, so that the same cause can never become two refunds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefundId(Uuid);

impl RefundId {
    pub(crate) fn derive(transaction: TransactionId, cause: &str) -> Self {
        Self(Uuid::new_v5(&transaction.0, cause.as_bytes()))
    }
}

impl FromStr for RefundId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Uuid::try_parse(text).map(Self).map_err(|_| BadId)
    }
}

impl fmt::Display for RefundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tiki_id_has_one_to_64_plain_characters() {
        let longest = "a".repeat(64);
        for good in [
            "221115TIKIVIP-235784371-1668488254",
            "a",
            "A.b_c-9",
            &longest,
        ] {
            assert_eq!(good.parse::<TikiTransactionId>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(65);
        for bad in ["", " ", "a b", "a/b", "a\n", "đ", "a%20", &too_long] {
            assert_eq!(bad.parse::<TikiTransactionId>(), Err(BadId), "{bad}");
        }
    }

    #[test]
    fn an_id_is_derived_from_tikis_id_and_nothing_else() {
        let id = |tiki: &str| TransactionId::derive(&tiki.parse().unwrap());
        assert_eq!(id("t"), id("t"));
        assert_ne!(id("t"), id("u"));
        // Upper and lower case differ in Tiki's ids.
        assert_ne!(id("t"), id("T"));
        // Kept for ever: another value would lose every transaction there is.
        for (tiki_id, expected) in [
            (
                "221115TIKIVIP-235784371-1668488254",
                "fec637ab-9f3b-5066-bc02-a539f47b5582",
            ),
            ("t", "f246d4d1-85c9-5347-bddf-1cca21e26502"),
        ] {
            assert_eq!(id(tiki_id).to_string(), expected);
        }
    }

    #[test]
    fn shards_are_bounded() {
        for last in 0..=255 {
            let mut bytes = [0; 16];
            bytes[15] = last;
            assert!(TransactionId::from_bytes(bytes).shard(16) < 16);
        }
        assert_eq!(TransactionId::from_bytes([1; 16]).shard(0), 0);
    }
}
