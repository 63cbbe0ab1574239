//! The ledger of reconciliation: records under a subject and an entry, each with a version, so that two runs
//! cannot overwrite each other's.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BoxError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, Select};
use reconciliation::record::Record;
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;
use store::{StoreError, TableError, WriteIds};

/// The table of reconciliation.
#[derive(Clone)]
pub struct Ledger {
    client: Client,
    name: String,
    write_ids: Arc<dyn WriteIds>,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<R> {
    /// The record.
    pub record: R,
    /// Counts its writes; the condition of the next one.
    pub version: u64,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written<R> {
    /// Written.
    Stored(Entry<R>),
    /// Somebody else was faster: this is what is there.
    Refused(Entry<R>),
}

/// A record with all that the table needs beside it.
#[derive(Serialize, Deserialize)]
struct Row<R> {
    subject: String,
    entry: String,
    version: u64,
    write_id: String,
    /// How an open finding stands; the index `open` has these alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<String>,
    /// When it was last looked at, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    record: R,
}

impl Ledger {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>, write_ids: Arc<dyn WriteIds>) -> Self {
        Self {
            client,
            name: name.into(),
            write_ids,
        }
    }

    /// The record of this subject and entry, as of now.
    pub async fn get<R: Record>(
        &self,
        subject: &str,
        entry: &str,
    ) -> Result<Option<Entry<R>>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("subject", AttributeValue::S(subject.to_owned()))
            .key("entry", AttributeValue::S(entry.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        let found = answer
            .item
            .map(|item| read(Item::from(item)).map(Row::into_entry));
        found.transpose()
    }

    /// Writes a record that is to be new, or that was read in this version, and where it stands in the index
    /// `open`. A write of ours whose answer was lost counts as written.
    pub async fn put<R: Record>(
        &self,
        record: R,
        before: Option<u64>,
    ) -> Result<Written<R>, StoreError> {
        let open = record.open();
        let write_id = self.write_ids.next().to_string();
        let row = Row {
            subject: record.subject(),
            entry: record.entry(),
            version: before.unwrap_or(0).saturating_add(1),
            write_id: write_id.clone(),
            open: open.map(|(word, _)| word.to_owned()),
            since: open.map(|(_, since)| since),
            record,
        };
        let (subject, entry) = (row.subject.clone(), row.entry.clone());
        let item: Item =
            serde_dynamo::to_item(&row).map_err(|error| unreadable(&subject, &entry, error))?;
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(HashMap::from(item)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match before {
            None => request.condition_expression("attribute_not_exists(subject)"),
            Some(version) => request
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        let refused = match request.send().await {
            Ok(_) => return Ok(Written::Stored(row.into_entry())),
            Err(SdkError::ServiceError(refused)) => match refused.into_err() {
                PutItemError::ConditionalCheckFailedException(found) => found.item,
                other => return Err(failed("PutItem", other).into()),
            },
            Err(error) => return Err(failed("PutItem", error).into()),
        };
        let vanished = || unreadable(&subject, &entry, "it has vanished");
        let found: Row<R> = read(refused.map(Item::from).ok_or_else(vanished)?)?;
        Ok(if found.write_id == write_id {
            Written::Stored(found.into_entry())
        } else {
            Written::Refused(found.into_entry())
        })
    }

    /// Some records of one kind of a subject, by entry, after the entry that is given; and the entry to go on
    /// after, if there may be more.
    pub async fn page<R: Record>(
        &self,
        subject: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<(Vec<Entry<R>>, Option<String>), StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let after = after.map(|entry| {
            HashMap::from([
                ("subject".to_owned(), text(subject)),
                ("entry".to_owned(), AttributeValue::S(entry)),
            ])
        });
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("subject = :subject AND begins_with(entry, :prefix)")
            .expression_attribute_values(":subject", text(subject))
            .expression_attribute_values(":prefix", text(R::PREFIX))
            .set_exclusive_start_key(after)
            .limit(limit.into())
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let next = page
            .last_evaluated_key
            .as_ref()
            .and_then(|key| key.get("entry"));
        let next = next.and_then(|entry| entry.as_s().ok()).cloned();
        let records = page.items.into_iter().flatten();
        let records = records.map(|item| read(Item::from(item)).map(Row::into_entry));
        Ok((records.collect::<Result<_, _>>()?, next))
    }

    /// Every record of one kind of a subject, by entry.
    pub async fn list<R: Record>(&self, subject: &str) -> Result<Vec<Entry<R>>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(subject, after, 100).await?;
            all.extend(page);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// At most `limit` of those that stand under a word in the index `open`: subject and entry, those first
    /// that were not looked at for longest.
    pub async fn open(&self, word: &str, limit: u16) -> Result<Vec<(String, String)>, StoreError> {
        let query = self.query_open(word).limit(limit.into());
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| failed("Query", error))?;
            for item in page.items() {
                let text = |name: &str| item.get(name)?.as_s().ok().cloned();
                keys.extend(text("subject").zip(text("entry")));
            }
            after = page.last_evaluated_key;
            if after.is_none() || keys.len() >= usize::from(limit) {
                return Ok(keys);
            }
        }
    }

    /// How many stand under a word in the index `open`.
    pub async fn count_open(&self, word: &str) -> Result<i64, StoreError> {
        let query = self.query_open(word).select(Select::Count);
        let (mut count, mut after) = (0_i64, None);
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| failed("Query", error))?;
            count = count.saturating_add(page.count().into());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    fn query_open(&self, word: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .index_name("open")
            .key_condition_expression("#open = :open")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":open", AttributeValue::S(word.to_owned()))
    }
}

impl<R> Row<R> {
    fn into_entry(self) -> Entry<R> {
        Entry {
            record: self.record,
            version: self.version,
        }
    }
}

fn read<R: Record>(item: Item) -> Result<Row<R>, StoreError> {
    let text = |name: &str| match item.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => text.chars().take(200).collect(),
        _ => "?".to_owned(),
    };
    let (subject, entry): (String, String) = (text("subject"), text("entry"));
    serde_dynamo::from_item(item).map_err(|error| unreadable(&subject, &entry, error))
}

fn unreadable(subject: &str, entry: &str, error: impl Into<BoxError>) -> StoreError {
    let what = format!(
        "{entry} of {subject} cannot be read or written: {}",
        error.into()
    );
    failed("of a record", what).into()
}

fn failed(operation: &'static str, error: impl Into<BoxError>) -> TableError {
    TableError {
        operation,
        source: error.into(),
    }
}
