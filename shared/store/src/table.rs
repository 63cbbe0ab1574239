//! The seam to DynamoDB. Tests and simulations put another table below it.

use async_trait::async_trait;
use domain::{Day, Timestamp, TransactionId};
use serde_dynamo::Item;

use crate::conditional_write::{Condition, WriteOutcome};
use crate::error::TableError;
use crate::hourly_count::HourlyCount;
use crate::keys::{DayIndex, Index};

/// One page of an index by day, the oldest entry first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayPage {
    /// The entries, with the attributes of the index.
    pub entries: Vec<Item>,
    /// The key after which the next page starts; none after the last page.
    pub next: Option<Item>,
}

/// A question to one partition of an index.
#[derive(Clone, Debug)]
pub struct IndexQuery {
    pub index: Index,
    /// The value of the index's partition key.
    pub partition: String,
    /// Entries whose sort key is this time or later.
    pub from: Timestamp,
    /// Entries whose sort key is this time or earlier.
    pub until: Timestamp,
    /// At most so many.
    pub limit: u16,
}

/// An entry of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    pub id: TransactionId,
    /// The index's sort key: when the transaction is due, since when it needs review, or when its proposal ends.
    pub at: Timestamp,
    /// When the payment became final; only in the index of notifications that are due.
    pub final_at: Option<Timestamp>,
}

/// The table of transactions.
#[async_trait]
pub trait Table: Send + Sync {
    /// Reads an item, strongly consistently.
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError>;

    /// Writes the item if the condition holds.
    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError>;

    /// Counts one more in this hour (of the Unix time), if fewer than `limit` are counted in it. Returns whether it was
    /// counted. A count whose answer was lost may be counted again: fewer happen in that hour, and never more.
    async fn count_in_hour(
        &self,
        counted: HourlyCount,
        hour: i64,
        limit: u32,
    ) -> Result<bool, TableError>;

    /// Entries of an index, the oldest first. An index lags behind the table, so the caller loads each transaction and
    /// checks it again.
    async fn oldest(&self, query: IndexQuery) -> Result<Vec<Indexed>, TableError>;

    /// A page of at most `limit` entries of one shard of a day, the oldest first, after the key `after`.
    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError>;
}
