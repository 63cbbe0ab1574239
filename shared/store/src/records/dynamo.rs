//! The table of reconciliation in DynamoDB, through the AWS SDK.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde_dynamo::Item;

use super::table::{RecordPage, RecordTable, StoredKey};
use crate::conditional_write::{self, Condition, WriteOutcome};
use crate::error::TableError;
use crate::keys::{BY_STATUS, PARTITION, SORT};

/// The table of reconciliation.
#[derive(Clone, Debug)]
pub struct DynamoRecords {
    client: Client,
    name: String,
}

impl DynamoRecords {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    fn query_status(&self, status: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .index_name(BY_STATUS.name)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", BY_STATUS.partition_key)
            .expression_attribute_values(":status", text(status))
    }
}

#[async_trait]
impl RecordTable for DynamoRecords {
    async fn get(&self, key: &StoredKey) -> Result<Option<Item>, TableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(PARTITION, text(&key.partition))
            .key(SORT, text(&key.sort))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::new("GetItem", error))?;
        Ok(answer.item.map(Item::from))
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        conditional_write::put_item(&self.client, &self.name, PARTITION, item, condition).await
    }

    async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<RecordPage, TableError> {
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
            .expression_attribute_values(":prefix", text(prefix))
            .set_exclusive_start_key(after)
            .limit(limit.into())
            .send()
            .await
            .map_err(|error| TableError::new("Query", error))?;
        let last = page.last_evaluated_key.as_ref();
        let next = last.and_then(|key| key.get(SORT)?.as_s().ok()).cloned();
        let items = page.items.into_iter().flatten().map(Item::from);
        Ok(RecordPage {
            items: items.collect(),
            next,
        })
    }

    async fn with_status(&self, status: &str, limit: u16) -> Result<Vec<StoredKey>, TableError> {
        let query = self.query_status(status).limit(limit.into());
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| TableError::new("Query", error))?;
            for item in page.items() {
                let text = |name: &str| item.get(name)?.as_s().ok().cloned();
                let key = text(PARTITION).zip(text(SORT));
                keys.extend(key.map(|(partition, sort)| StoredKey { partition, sort }));
            }
            after = page.last_evaluated_key;
            if after.is_none() || keys.len() >= usize::from(limit) {
                return Ok(keys);
            }
        }
    }

    async fn count_with_status(&self, status: &str) -> Result<i64, TableError> {
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
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
