//! Lambda's event source mapping: reads the table's stream from the last position, filters the records, and delivers
//! them in batches. A failed batch is delivered again.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, ShardIteratorType};
use axum::body::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::journal::Journal;
use crate::lambda::Function;
use crate::template::{Plan, StreamPlan};

/// The wait before the stream is read again, if nothing was new and no call came.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The wait before a failed batch is delivered again. It doubles with each attempt.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// The position of each function: function → shard → sequence number. Saved to a file if there is one.
#[derive(Clone)]
pub(crate) struct Positions {
    file: Option<PathBuf>,
    known: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
}

impl Positions {
    pub(crate) fn load(file: Option<PathBuf>) -> anyhow::Result<Self> {
        let known = match file.as_ref().filter(|file| file.exists()) {
            Some(file) => serde_json::from_slice(&std::fs::read(file)?)
                .with_context(|| format!("{} is damaged", file.display()))?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            file,
            known: Arc::new(Mutex::new(known)),
        })
    }

    fn get(&self, function: &str, shard: &str) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(function)?.get(shard).cloned()
    }

    fn set(&self, function: &str, shard: &str, sequence: &str) -> anyhow::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let shards = known.entry(function.to_owned()).or_default();
        shards.insert(shard.to_owned(), sequence.to_owned());
        if let Some(file) = &self.file {
            // A rename is atomic. After a crash the old position is read, and some records are delivered twice.
            let fresh = file.with_extension("new");
            std::fs::write(&fresh, serde_json::to_vec_pretty(&*known)?)?;
            std::fs::rename(fresh, file)?;
        }
        Ok(())
    }
}

/// Delivers records to one function.
pub(crate) struct Pump {
    pub(crate) client: Client,
    pub(crate) plan: StreamPlan,
    pub(crate) function: Arc<Function>,
    pub(crate) positions: Positions,
    pub(crate) journal: Journal,
    pub(crate) written: Arc<Notify>,
}

impl Pump {
    /// Runs until it is aborted. Repeats after every error, also while the stream does not exist.
    pub(crate) async fn run(self) {
        let mut iterators = HashMap::new();
        loop {
            let written = self.written.notified();
            match self.read_shards(&mut iterators).await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = tokio::time::timeout(IDLE_POLL_INTERVAL, written).await;
                }
                Err(_) => {
                    iterators.clear();
                    tokio::time::sleep(IDLE_POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Reads each shard once. Returns whether there were records.
    async fn read_shards(&self, iterators: &mut HashMap<String, String>) -> anyhow::Result<bool> {
        if iterators.is_empty() {
            *iterators = self.iterators().await?;
        }
        let mut found = false;
        let mut ended = Vec::new();
        for (shard, iterator) in iterators.iter_mut() {
            let limit = i32::try_from(self.plan.batch_size).unwrap_or(i32::MAX);
            let request = self.client.get_records().shard_iterator(&*iterator);
            let answer = request.limit(limit).send().await?;
            if let Some(last) = answer.records().last() {
                found = true;
                self.deliver(answer.records()).await;
                let sequence = last.dynamodb().and_then(|change| change.sequence_number());
                let sequence = sequence.context("a record without a sequence number")?;
                self.positions.set(self.function.name(), shard, sequence)?;
            }
            match answer.next_shard_iterator {
                Some(next) => *iterator = next,
                None => ended.push(shard.clone()),
            }
        }
        for shard in ended {
            iterators.remove(&shard);
        }
        Ok(found)
    }

    async fn iterators(&self) -> anyhow::Result<HashMap<String, String>> {
        let streams = self
            .client
            .list_streams()
            .table_name(&self.plan.table)
            .send()
            .await?;
        let stream = streams
            .streams()
            .last()
            .and_then(|stream| stream.stream_arn());
        let stream = stream.context("the table has no stream")?;
        let described = self
            .client
            .describe_stream()
            .stream_arn(stream)
            .send()
            .await?;
        let description = described.stream_description.context("no description")?;
        let mut iterators = HashMap::new();
        for shard in description
            .shards()
            .iter()
            .filter_map(|shard| shard.shard_id())
        {
            let request = self
                .client
                .get_shard_iterator()
                .stream_arn(stream)
                .shard_id(shard);
            let request = match self.positions.get(self.function.name(), shard) {
                Some(sequence) => request
                    .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                    .sequence_number(sequence),
                None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            };
            if let Some(iterator) = request.send().await?.shard_iterator {
                iterators.insert(shard.to_owned(), iterator);
            }
        }
        Ok(iterators)
    }

    /// Delivers the records that pass the filter. Failed records are delivered again, as often as the template says.
    async fn deliver(&self, records: &[Record]) {
        let events = records.iter().map(event);
        let mut batch: Vec<Value> = events.filter(|event| self.passes(event)).collect();
        let mut wait = FIRST_RETRY_DELAY;
        for _ in 0..=self.plan.retries {
            if batch.is_empty() {
                return;
            }
            let what = match batch.len() {
                1 => "a new obligation".to_owned(),
                n => format!("{n} new obligations"),
            };
            let open = self.journal.step("stream", self.function.name(), what);
            let event = Bytes::from(json!({ "Records": batch }).to_string());
            match self.function.invoke(event).await {
                Ok(answer) => {
                    let left = left_over(&batch, &answer);
                    open.done(match left.len() {
                        0 => "done".to_owned(),
                        n => format!("{n} of {} will be repeated", batch.len()),
                    });
                    batch = left;
                }
                Err(error) => open.done(format!("{error}; will be repeated")),
            }
            if !batch.is_empty() {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_RETRY_DELAY);
            }
        }
    }

    fn passes(&self, event: &Value) -> bool {
        self.plan.filters.is_empty() || self.plan.filters.iter().any(|f| Plan::matches(f, event))
    }
}

/// The rest of the batch, from the first record that failed.
fn left_over(batch: &[Value], answer: &[u8]) -> Vec<Value> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let failures = answer["batchItemFailures"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let failed: Vec<&Value> = failures
        .iter()
        .map(|failure| &failure["itemIdentifier"])
        .collect();
    let first = batch
        .iter()
        .position(|r| failed.contains(&&r["dynamodb"]["SequenceNumber"]));
    batch
        .get(first.unwrap_or(batch.len())..)
        .unwrap_or_default()
        .to_vec()
}

/// A record in the format of a Lambda event.
fn event(record: &Record) -> Value {
    let image = |image: Option<&HashMap<String, AttributeValue>>| match image {
        Some(image) => object(image),
        None => Value::Null,
    };
    let change = record.dynamodb();
    json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(aws_sdk_dynamodbstreams::types::OperationType::as_str),
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "ap-southeast-1",
        "dynamodb": {
            "Keys": image(change.and_then(|c| c.keys())),
            "NewImage": image(change.and_then(|c| c.new_image())),
            "OldImage": image(change.and_then(|c| c.old_image())),
            "SequenceNumber": change.and_then(|c| c.sequence_number()),
            "SizeBytes": change.and_then(aws_sdk_dynamodbstreams::types::StreamRecord::size_bytes),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    })
}

fn object(attributes: &HashMap<String, AttributeValue>) -> Value {
    let attributes = attributes
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)));
    Value::Object(attributes.collect::<Map<_, _>>())
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::L(items) => json!({ "L": items.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(entries) => json!({ "M": object(entries) }),
        // The functions write no other types.
        _ => json!({ "NULL": true }),
    }
}
