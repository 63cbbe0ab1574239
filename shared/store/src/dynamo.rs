//! DynamoDB itself, through the AWS SDK.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BoxError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::{Alarm, Day, Timestamp, TransactionId};
use serde_dynamo::Item;

use crate::record::day_shard;
use crate::table::{Condition, DayIndex, DayPage, DueIndex, Indexed, Put, Table, TableError};

/// A client for one function, made once in INIT. Short attempts and a few retries: a write whose answer was
/// lost is recognised by its stamp, so trying again is always right.
#[must_use]
pub fn connect(sdk: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(7))
        .build();
    let config = aws_sdk_dynamodb::config::Builder::from(sdk)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
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
            .key("transaction_id", AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        Ok(answer.item.map(Item::from))
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<Put, TableError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(HashMap::from(item)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match condition {
            Condition::Absent => {
                request.condition_expression("attribute_not_exists(transaction_id)")
            }
            Condition::VersionIs(version) => request
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        match request.send().await {
            Ok(_) => Ok(Put::Stored),
            Err(SdkError::ServiceError(refused)) => match refused.into_err() {
                PutItemError::ConditionalCheckFailedException(found) => {
                    Ok(Put::Refused(found.item.map(Item::from)))
                }
                other => Err(failed("PutItem", other)),
            },
            Err(error) => Err(failed("PutItem", error)),
        }
    }

    async fn due(
        &self,
        index: DueIndex,
        shard: u8,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<Indexed>, TableError> {
        let names = [index.name(), index.shard_attribute(), index.due_attribute()];
        self.oldest(names, shard_key(shard), until, limit).await
    }

    async fn needs_review(&self, alarm: Alarm, limit: u16) -> Result<Vec<Indexed>, TableError> {
        let names = ["needs_review", "needs_review", "needs_review_since"];
        let partition = alarm.as_str().to_owned();
        self.oldest(names, partition, Timestamp::MAX, limit).await
    }

    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError> {
        let partition = day_shard(day, &shard_key(shard));
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index.name())
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", index.shard_attribute())
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .set_exclusive_start_key(after.map(HashMap::from))
            .limit(limit.into())
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        Ok(DayPage {
            entries: page.items.into_iter().flatten().map(Item::from).collect(),
            next: page.last_evaluated_key.map(Item::from),
        })
    }
}

impl DynamoTable {
    /// The first entries of one partition of an index: its name, its partition key and its sort key.
    async fn oldest(
        &self,
        [index, partition_key, sort_key]: [&str; 3],
        partition: String,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<Indexed>, TableError> {
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .key_condition_expression("#partition = :partition AND #at <= :until")
            .expression_attribute_names("#partition", partition_key)
            .expression_attribute_names("#at", sort_key)
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .expression_attribute_values(":until", AttributeValue::N(until.unix_ms().to_string()))
            .limit(limit.into());
        let mut entries = Vec::new();
        let mut from = None;
        // DynamoDB gives at most a megabyte at a time.
        loop {
            let page = query.clone().set_exclusive_start_key(from).send().await;
            let page = page.map_err(|error| failed("Query", error))?;
            for item in page.items() {
                entries.push(indexed(item, sort_key)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() || entries.len() >= usize::from(limit) {
                return Ok(entries);
            }
        }
    }
}

/// A shard's number as the index has it.
pub(crate) fn shard_key(shard: u8) -> String {
    format!("{shard:02}")
}

fn indexed(item: &HashMap<String, AttributeValue>, sort_key: &str) -> Result<Indexed, TableError> {
    let entry = || {
        let id = item.get("transaction_id")?.as_s().ok()?;
        let at = item.get(sort_key)?.as_n().ok()?;
        Some(Indexed {
            id: id.parse().ok()?,
            at: Timestamp::from_unix_ms(at.parse().ok()?).ok()?,
        })
    };
    entry().ok_or_else(|| failed("Query", "an entry without a transaction_id and a time"))
}

pub(crate) fn failed(operation: &'static str, error: impl Into<BoxError>) -> TableError {
    TableError {
        operation,
        source: error.into(),
    }
}
