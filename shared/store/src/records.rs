//! The reconciliation records. Each has a version, so that two runs cannot overwrite each other's records.

mod dynamo;
mod keys;
mod pages;
mod rows;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use serde_dynamo::{AttributeValue, Item};

pub use self::dynamo::DynamoRecords;
pub use self::keys::{CLOSED, Key, RUNS, Record, day_partition};
pub use self::pages::Pages;
pub use self::table::{RecordPage, RecordTable, StoredKey};
use crate::conditional_write::{Condition, WriteOutcome};
use crate::error::StoreError;
use crate::keys::{BY_STATUS, PARTITION, SORT};
use crate::write_ids::WriteIds;

/// The attempts of [`ReconciliationRecords::update`] at a record that others are changing too.
const MAX_UPDATE_ATTEMPTS: usize = 10;

/// The attributes of an item beside its keys and those of its index.
const VERSION: &str = "version";
const WRITE_ID: &str = "write_id";
const RECORD: &str = "record";

/// The records of reconciliation, each under its key and with its version.
#[derive(Clone)]
pub struct ReconciliationRecords {
    table: Arc<dyn RecordTable>,
    write_ids: Arc<dyn WriteIds>,
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<R> {
    pub record: R,
    /// The number of its writes: the next write is on condition of it.
    pub version: u64,
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written<R> {
    /// The record is stored.
    Stored(Versioned<R>),
    /// Another writer was faster; this is the stored record.
    Conflict(Versioned<R>),
}

impl ReconciliationRecords {
    /// The records in this table.
    #[must_use]
    pub fn new(table: Arc<dyn RecordTable>, write_ids: Arc<dyn WriteIds>) -> Self {
        Self { table, write_ids }
    }

    /// Reads a record, strongly consistently.
    pub async fn get<R: Record>(&self, key: &Key<R>) -> Result<Option<Versioned<R>>, StoreError> {
        let found = self.table.get(key.stored()).await?;
        found.as_ref().map(read).transpose()
    }

    /// Writes a record that is new (`before` is `None`) or that was read in the version `before`.
    pub async fn put<R: Record>(
        &self,
        record: R,
        before: Option<u64>,
    ) -> Result<Written<R>, StoreError> {
        let write_id = self.write_ids.next();
        let version = before.unwrap_or(0).saturating_add(1);
        let key = record.key();
        let item = item_of(&record, &key, version, write_id.to_string())?;
        let condition = before.map_or(Condition::Absent, Condition::VersionIs);
        let put = self.table.put(item, condition).await?;
        match put.recognise(write_id) {
            WriteOutcome::Stored => Ok(Written::Stored(Versioned { record, version })),
            WriteOutcome::Conflict(Some(found)) => Ok(Written::Conflict(read(&found)?)),
            WriteOutcome::Conflict(None) => {
                Err(unusable(&key, "it has disappeared from the table"))
            }
        }
    }

    /// Changes a record, or makes it. `change` gets the stored record, if there is one, and decides again when another
    /// writer was faster; with `Ok(None)` there is nothing to write. The answer is the record that was written.
    pub async fn update<R: Record, E: From<StoreError>>(
        &self,
        key: &Key<R>,
        mut change: impl FnMut(Option<R>) -> Result<Option<R>, E>,
    ) -> Result<Option<R>, E> {
        let mut known = self.get(key).await?;
        for _ in 0..MAX_UPDATE_ATTEMPTS {
            let (record, version) = known.map(|known| (known.record, known.version)).unzip();
            let Some(changed) = change(record)? else {
                return Ok(None);
            };
            match self.put(changed, version).await? {
                Written::Stored(stored) => return Ok(Some(stored.record)),
                Written::Conflict(newer) => known = Some(newer),
            }
        }
        Err(unusable(key, "it is being changed by too many writers at once").into())
    }

    /// All records of one type in a partition, by sort key, page by page.
    #[must_use]
    pub fn pages<R: Record>(&self, partition: String) -> Pages<'_, R> {
        Pages::new(self, partition)
    }

    /// The same, all at once: for records of which a partition has few.
    pub async fn list<R: Record>(&self, partition: &str) -> Result<Vec<Versioned<R>>, StoreError> {
        let (mut pages, mut all) = (self.pages(partition.to_owned()), Vec::new());
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// A page of the records of one type in a partition, by sort key, after the sort key `after`; and the sort key
    /// after which the next page starts, if there may be more.
    async fn page<R: Record>(
        &self,
        partition: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<(Vec<Versioned<R>>, Option<String>), StoreError> {
        let page = self.table.page(partition, R::PREFIX, after, limit).await?;
        let records = page.items.iter().map(read);
        Ok((records.collect::<Result<_, _>>()?, page.next))
    }

    /// The keys of at most `limit` records with this status, the oldest time first. The index lags behind the table,
    /// so the caller reads each record and checks it again.
    pub async fn with_status<R: Record>(
        &self,
        status: &str,
        limit: u16,
    ) -> Result<Vec<Key<R>>, StoreError> {
        let keys = self.table.with_status(status, limit).await?;
        Ok(keys.into_iter().map(Key::of_stored).collect())
    }

    /// The number of records with this status.
    pub async fn count_with_status(&self, status: &str) -> Result<i64, StoreError> {
        Ok(self.table.count_with_status(status).await?)
    }
}

fn item_of<R: Record>(
    record: &R,
    key: &Key<R>,
    version: u64,
    write_id: String,
) -> Result<Item, StoreError> {
    let StoredKey { partition, sort } = key.stored().clone();
    let row = serde_dynamo::to_attribute_value(R::Row::from(record.clone()));
    let row = row.map_err(|error| unusable(key, error.to_string()))?;
    let mut item = HashMap::from([
        (PARTITION.to_owned(), AttributeValue::S(partition)),
        (SORT.to_owned(), AttributeValue::S(sort)),
        (VERSION.to_owned(), AttributeValue::N(version.to_string())),
        (WRITE_ID.to_owned(), AttributeValue::S(write_id)),
        (RECORD.to_owned(), row),
    ]);
    if let Some((status, since)) = record.status() {
        let (status_key, since_key) = (BY_STATUS.partition_key, BY_STATUS.sort_key);
        item.insert(status_key.to_owned(), AttributeValue::S(status.to_owned()));
        let since = since.unix_ms().to_string();
        item.insert(since_key.to_owned(), AttributeValue::N(since));
    }
    Ok(item.into())
}

fn read<R: Record>(item: &Item) -> Result<Versioned<R>, StoreError> {
    let text = |name: &str| match item.get(name) {
        Some(AttributeValue::S(text)) => text.chars().take(200).collect(),
        _ => "?".to_owned(),
    };
    let (partition, sort) = (text(PARTITION), text(SORT));
    let version = match item.get(VERSION) {
        Some(AttributeValue::N(version)) => version.parse().ok(),
        _ => None,
    };
    let row = item.get(RECORD).cloned();
    let versioned = || {
        let row = row.ok_or("it has no record")?;
        let row: R::Row = serde_dynamo::from_attribute_value(row).map_err(|e| e.to_string())?;
        Ok(Versioned {
            record: row.into(),
            version: version.ok_or("it has no version")?,
        })
    };
    versioned().map_err(|reason: String| StoreError::Record {
        partition,
        sort,
        reason,
    })
}

fn unusable<R>(key: &Key<R>, reason: impl Into<String>) -> StoreError {
    let StoredKey { partition, sort } = key.stored().clone();
    StoreError::Record {
        partition,
        sort,
        reason: reason.into(),
    }
}
