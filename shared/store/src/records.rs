//! The reconciliation records. Each has a version, so that two runs cannot overwrite each other's records.

mod keys;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;

pub use self::keys::{CLOSED, RUNS, Record, day_partition};
use crate::conditional_write::{self, Condition, WriteOutcome};
use crate::error::{StoreError, TableError};
use crate::keys::{BY_STATUS, PARTITION, SORT};
use crate::write_ids::WriteIds;

/// The records that one request of [`ReconciliationRecords::list`] reads.
const RECORDS_PER_PAGE: u16 = 100;

/// The table of reconciliation.
#[derive(Clone)]
pub struct ReconciliationRecords {
    client: Client,
    name: String,
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

/// A record as an item.
#[derive(Serialize, Deserialize)]
struct Row<R> {
    partition: String,
    sort: String,
    version: u64,
    write_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    record: R,
}

impl ReconciliationRecords {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>, write_ids: Arc<dyn WriteIds>) -> Self {
        Self {
            client,
            name: name.into(),
            write_ids,
        }
    }

    /// Reads a record, strongly consistently.
    pub async fn get<R: Record>(
        &self,
        partition: &str,
        sort: &str,
    ) -> Result<Option<Versioned<R>>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(PARTITION, AttributeValue::S(partition.to_owned()))
            .key(SORT, AttributeValue::S(sort.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::new("GetItem", error))?;
        let found = answer.item.map(|item| read(Item::from(item)));
        found.transpose()
    }

    /// Writes a record that is new (`before` is `None`) or that was read in the version `before`.
    pub async fn put<R: Record>(
        &self,
        record: R,
        before: Option<u64>,
    ) -> Result<Written<R>, StoreError> {
        let status = record.status();
        let write_id = self.write_ids.next();
        let row = Row {
            partition: record.partition(),
            sort: record.sort(),
            version: before.unwrap_or(0).saturating_add(1),
            write_id: write_id.to_string(),
            status: status.map(|(status, _)| status.to_owned()),
            since: status.map(|(_, since)| since),
            record,
        };
        let unusable = |reason: String| StoreError::Record {
            partition: row.partition.clone(),
            sort: row.sort.clone(),
            reason,
        };
        let item = serde_dynamo::to_item(&row).map_err(|error| unusable(error.to_string()))?;
        let condition = before.map_or(Condition::Absent, Condition::VersionIs);
        let put =
            conditional_write::put_item(&self.client, &self.name, PARTITION, item, condition).await;
        match put?.recognise(write_id) {
            WriteOutcome::Stored => Ok(Written::Stored(row.into_versioned())),
            WriteOutcome::Conflict(Some(found)) => Ok(Written::Conflict(read(found)?)),
            WriteOutcome::Conflict(None) => {
                Err(unusable("it has disappeared from the table".to_owned()))
            }
        }
    }

    /// A page of the records of one type in a partition, by sort key, after the sort key `after`; and the sort key
    /// after which the next page starts, if there may be more.
    pub async fn page<R: Record>(
        &self,
        partition: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<(Vec<Versioned<R>>, Option<String>), StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let after = after.map(|sort| {
            HashMap::from([
                (PARTITION.to_owned(), text(partition)),
                (SORT.to_owned(), AttributeValue::S(sort)),
            ])
        });
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("#partition = :partition AND begins_with(#sort, :prefix)")
            .expression_attribute_names("#partition", PARTITION)
            .expression_attribute_names("#sort", SORT)
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":prefix", text(R::PREFIX))
            .set_exclusive_start_key(after)
            .limit(limit.into())
            .send()
            .await
            .map_err(|error| TableError::new("Query", error))?;
        let last = page.last_evaluated_key.as_ref();
        let next = last.and_then(|key| key.get(SORT)?.as_s().ok()).cloned();
        let items = page.items.into_iter().flatten();
        let records = items.map(|item| read(Item::from(item)));
        Ok((records.collect::<Result<_, _>>()?, next))
    }

    /// All records of one type in a partition, by sort key.
    pub async fn list<R: Record>(&self, partition: &str) -> Result<Vec<Versioned<R>>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(partition, after, RECORDS_PER_PAGE).await?;
            all.extend(page);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// The partition and sort keys of at most `limit` records with this status, the oldest time first. The index
    /// lags behind the table, so the caller reads each record and checks it again.
    pub async fn with_status(
        &self,
        status: &str,
        limit: u16,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let query = self.query_status(status).limit(limit.into());
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| TableError::new("Query", error))?;
            for item in page.items() {
                let text = |name: &str| item.get(name)?.as_s().ok().cloned();
                keys.extend(text(PARTITION).zip(text(SORT)));
            }
            after = page.last_evaluated_key;
            if after.is_none() || keys.len() >= usize::from(limit) {
                return Ok(keys);
            }
        }
    }

    /// The number of records with this status.
    pub async fn count_with_status(&self, status: &str) -> Result<i64, StoreError> {
        let query = self.query_status(status).select(Select::Count);
        let (mut count, mut after) = (0_i64, None);
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| TableError::new("Query", error))?;
            count = count.saturating_add(page.count().into());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    fn query_status(&self, status: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .index_name(BY_STATUS.name)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", BY_STATUS.partition_key)
            .expression_attribute_values(":status", AttributeValue::S(status.to_owned()))
    }
}

impl<R> Row<R> {
    fn into_versioned(self) -> Versioned<R> {
        Versioned {
            record: self.record,
            version: self.version,
        }
    }
}

fn read<R: Record>(item: Item) -> Result<Versioned<R>, StoreError> {
    let text = |name: &str| match item.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => text.chars().take(200).collect(),
        _ => "?".to_owned(),
    };
    let (partition, sort) = (text(PARTITION), text(SORT));
    let row = serde_dynamo::from_item(item).map(Row::into_versioned);
    row.map_err(|error| StoreError::Record {
        partition,
        sort,
        reason: error.to_string(),
    })
}
