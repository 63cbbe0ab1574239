//! DynamoDB, through the AWS SDK.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Day, Timestamp, TransactionId};
use serde_dynamo::Item;

use crate::conditional_write::{self, Condition, WriteOutcome};
use crate::error::TableError;
use crate::hourly_count::{self, HourlyCount};
use crate::keys::{DayIndex, FINAL_AT, TRANSACTION_ID, day_shard, shard_key};
use crate::table::{DayPage, IndexQuery, Indexed, Table};

/// The limits of one request to DynamoDB: to connect, and one attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// The limit of all attempts of one request to DynamoDB together.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);
const MAX_ATTEMPTS: u32 = 4;

/// A client, which a function makes once when it starts. A retry is always safe: a write whose answer was lost is
/// recognised by its write id.
#[must_use]
pub fn connect(sdk: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(REQUEST_TIMEOUT)
        .build();
    let config = aws_sdk_dynamodb::config::Builder::from(sdk)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
        .build();
    Client::from_conf(config)
}

/// The table of transactions in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

impl DynamoTable {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(TRANSACTION_ID, AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::new("GetItem", error))?;
        Ok(answer.item.map(Item::from))
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        conditional_write::put_item(&self.client, &self.name, TRANSACTION_ID, item, condition).await
    }

    async fn count_in_hour(
        &self,
        counted: HourlyCount,
        hour: i64,
        limit: u32,
    ) -> Result<bool, TableError> {
        let table = (self.name.as_str(), TRANSACTION_ID);
        hourly_count::count(&self.client, table, counted, hour, limit).await
    }

    async fn oldest(&self, query: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        let (index, limit) = (query.index, query.limit);
        let time = |at: Timestamp| AttributeValue::N(at.unix_ms().to_string());
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index.name)
            .key_condition_expression("#partition = :partition AND #at BETWEEN :from AND :until")
            .expression_attribute_names("#partition", index.partition_key)
            .expression_attribute_names("#at", index.sort_key)
            .expression_attribute_values(":partition", AttributeValue::S(query.partition))
            .expression_attribute_values(":from", time(query.from))
            .expression_attribute_values(":until", time(query.until))
            .limit(limit.into());
        let mut entries = Vec::new();
        let mut from = None;
        // One page has at most a megabyte.
        loop {
            let page = query.clone().set_exclusive_start_key(from).send().await;
            let page = page.map_err(|error| TableError::new("Query", error))?;
            for item in page.items() {
                entries.push(indexed(item, index.sort_key)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() || entries.len() >= usize::from(limit) {
                return Ok(entries);
            }
        }
    }

    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError> {
        let index = index.index();
        let partition = day_shard(day, &shard_key(shard));
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index.name)
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", index.partition_key)
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .set_exclusive_start_key(after.map(HashMap::from))
            .limit(limit.into())
            .send()
            .await
            .map_err(|error| TableError::new("Query", error))?;
        Ok(DayPage {
            entries: page.items.into_iter().flatten().map(Item::from).collect(),
            next: page.last_evaluated_key.map(Item::from),
        })
    }
}

fn indexed(item: &HashMap<String, AttributeValue>, sort_key: &str) -> Result<Indexed, TableError> {
    let entry = || {
        let id = item.get(TRANSACTION_ID)?.as_s().ok()?;
        let time = |name: &str| {
            let at = item.get(name)?.as_n().ok()?;
            Timestamp::from_unix_ms(at.parse().ok()?).ok()
        };
        Some(Indexed {
            id: id.parse().ok()?,
            at: time(sort_key)?,
            final_at: time(FINAL_AT),
        })
    };
    entry().ok_or_else(|| TableError::new("Query", "an entry has no transaction_id or no time"))
}
