//! The seam to the table of reconciliation. Simulations put another table below it.

use async_trait::async_trait;
use serde_dynamo::Item;

use crate::conditional_write::{Condition, WriteOutcome};
use crate::error::TableError;

/// The key of an item of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredKey {
    pub partition: String,
    pub sort: String,
}

/// A page of a partition, by sort key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordPage {
    pub items: Vec<Item>,
    /// The sort key after which the next page starts; none after the last page.
    pub next: Option<String>,
}

/// The table of reconciliation: keys, items and conditions, and no knowledge of files or findings.
#[async_trait]
pub trait RecordTable: Send + Sync {
    /// Reads an item, strongly consistently.
    async fn get(&self, key: &StoredKey) -> Result<Option<Item>, TableError>;

    /// Writes the item if the condition holds.
    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError>;

    /// A page of at most `limit` items of a partition whose sort keys begin with `prefix`, after the sort key `after`;
    /// strongly consistent.
    async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<RecordPage, TableError>;

    /// The keys of at most `limit` items with this status, the oldest time first.
    async fn with_status(&self, status: &str, limit: u16) -> Result<Vec<StoredKey>, TableError>;

    /// The number of items with this status.
    async fn count_with_status(&self, status: &str) -> Result<i64, TableError>;
}
