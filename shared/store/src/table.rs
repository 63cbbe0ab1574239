//! The seam to DynamoDB: what the transactions need of a table, and no more.

use async_trait::async_trait;
use domain::{Alarm, Day, Timestamp, TransactionId};
use serde_dynamo::Item;

/// Each sparse index is spread over this many partitions by a hash of the id (design §5).
pub const SHARDS: u8 = 16;

/// On what condition an item is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no item under this key.
    Absent,
    /// The item's `version` is this.
    VersionIs(u64),
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// Written.
    Stored,
    /// The condition did not hold; this is the item that is there.
    Refused(Option<Item>),
}

/// What a worker owes, as a sparse index over the time from which it owes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueIndex {
    /// What ipn-sender owes Tiki.
    Ipn,
    /// What core-worker owes the core: questions about open refunds.
    Refund,
    /// What core-worker owes the core: questions about expired payments.
    Expiry,
}

impl DueIndex {
    /// The index's name in the template.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipn => "ipn_due",
            Self::Refund => "refund_due",
            Self::Expiry => "expiry_due",
        }
    }

    /// The attribute that is the index's partition key.
    #[must_use]
    pub fn shard_attribute(self) -> &'static str {
        match self {
            Self::Ipn => "ipn_shard",
            Self::Refund => "refund_shard",
            Self::Expiry => "expiry_shard",
        }
    }

    /// The attribute that is the index's sort key, Unix milliseconds.
    #[must_use]
    pub fn due_attribute(self) -> &'static str {
        match self {
            Self::Ipn => "ipn_due_at",
            Self::Refund => "refund_due_at",
            Self::Expiry => "expiry_due_at",
        }
    }
}

/// Transactions by a Vietnamese day, as a sparse index (protocol §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayIndex {
    /// By the day on which the status became final; with all that reconciliation needs of them.
    Final,
    /// By the day on which money last went back; with their ids alone.
    Refund,
}

impl DayIndex {
    /// The index's name in the template.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Final => "by_day",
            Self::Refund => "by_refund_day",
        }
    }

    /// The attribute that is the index's partition key.
    #[must_use]
    pub fn shard_attribute(self) -> &'static str {
        match self {
            Self::Final => "day_shard",
            Self::Refund => "refund_day_shard",
        }
    }

    /// The attribute that is the index's sort key, Unix milliseconds.
    #[must_use]
    pub fn at_attribute(self) -> &'static str {
        match self {
            Self::Final => "final_at",
            Self::Refund => "refund_at",
        }
    }
}

/// Some entries of an index by day, the oldest first, and where the next begin, if there may be more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayPage {
    /// The entries, with the attributes that the index has.
    pub entries: Vec<Item>,
    /// What to go on after.
    pub next: Option<Item>,
}

/// What an index says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Which.
    pub id: TransactionId,
    /// The time that the index is ordered by: when it is due, or since when it needs a person.
    pub at: Timestamp,
}

/// The table of transactions.
#[async_trait]
pub trait Table: Send + Sync {
    /// The item of this key, as of now (a strongly consistent read).
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError>;

    /// Writes the item if the condition holds.
    async fn put(&self, item: Item, condition: Condition) -> Result<Put, TableError>;

    /// At most `limit` entries of one shard that are due until `until`, the oldest first. An index lags behind:
    /// what it names must be loaded and looked at again.
    async fn due(
        &self,
        index: DueIndex,
        shard: u8,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<Indexed>, TableError>;

    /// At most `limit` entries of those that need a person for this reason, the oldest first.
    async fn needs_review(&self, alarm: Alarm, limit: u16) -> Result<Vec<Indexed>, TableError>;

    /// At most `limit` entries of one shard of a day, the oldest first, after those of the page before.
    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError>;
}

/// DynamoDB did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB {operation} failed")]
pub struct TableError {
    /// The operation.
    pub operation: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
