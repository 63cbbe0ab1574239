//! Finds what transactions still owe to Tiki or to the core, and has a worker process it. `ipn-sender` and
//! `core-worker` use it, and the simulation. It must not depend on Lambda's runtime: `lambda::serve_stream` passes
//! it the events.
//!
//! Two things bring a worker its work: the table's stream, at once when an obligation is newly queued; and the
//! schedule, which sweeps the due indexes and so finds what a crash, an outage or a lost record has left. The
//! transaction is its own outbox, so an obligation is never lost: the stream is fast, and the sweep finds what
//! the stream has lost.

mod event;
mod group;
mod measure;
mod sweep;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::{Clock, Timestamp, Transaction, TransactionId};
use futures::future::join;
use futures::{StreamExt, stream};
use serde_json::Value;
use store::{DueIndex, StoreError, Transactions};
use tracing::Instrument;

pub use event::{Event, StreamRecord};
pub use group::{Group, NoSuchGroup};
pub use measure::MEASURING_TIME;
pub use sweep::TIME_TO_RETURN;

/// How many records of one batch are processed at the same time.
pub const MAX_CONCURRENT_RECORDS: usize = 16;

/// Processes one kind of obligation.
#[async_trait]
pub trait Worker: Send + Sync {
    /// The indexes that hold what is due, the most urgent first: a later one waits until the one before it has
    /// nothing left that is due, but not for ever.
    fn indexes(&self) -> &'static [DueIndex];

    /// The longest time that one transaction takes, from its read to its last write. None is started with less time
    /// left.
    fn max_processing_time(&self) -> Duration;

    /// Measures what is waiting, once a minute and beside the work. It gets [`MEASURING_TIME`], and a sweep does not
    /// fail when it fails.
    async fn measure(&self) {}

    /// Processes what this transaction owes now, if it still owes anything. It was just read from the table; if it has
    /// changed meanwhile, the conditional writes find out.
    async fn process(&self, found: Transaction) -> anyhow::Result<()>;
}

/// A worker, and what it gets its work from.
pub struct Outbox<W> {
    /// Processes the obligations.
    pub worker: W,
    /// The table and its due indexes.
    pub transactions: Transactions,
    /// Says what is due, and how much time is left.
    pub clock: Arc<dyn Clock>,
}

impl<W: Worker> Outbox<W> {
    /// Does the work of an event until shortly before the deadline.
    pub async fn handle(
        &self,
        event: Value,
        deadline: Timestamp,
    ) -> anyhow::Result<DynamoDbEventResponse> {
        match Event::read(event)? {
            Event::Stream(records) => Ok(self.records(records).await),
            Event::Sweep(group) => {
                // Side by side: neither takes time from the other, and what is measured is written at once, also if
                // the work then takes all the time there is.
                let (swept, ()) = join(self.sweep(group, deadline), self.measure(group)).await;
                swept?;
                Ok(DynamoDbEventResponse::default())
            }
        }
    }

    /// Processes the transactions of a batch, each once: two records of one would be sent side by side. A record
    /// whose work could not be started or recorded is returned as failed, and the stream delivers it again.
    async fn records(&self, records: Vec<StreamRecord>) -> DynamoDbEventResponse {
        let work = newest(records).into_iter().map(async |(id, number)| {
            let processed = self.process_as_stored(id).await;
            processed.err().map(|_| failure(number))
        });
        let failed = stream::iter(work).buffer_unordered(MAX_CONCURRENT_RECORDS);
        let mut response = DynamoDbEventResponse::default();
        response.batch_item_failures = failed.filter_map(async |failure| failure).collect().await;
        response
    }

    /// Processes what a transaction owes by what the table has: a record may come late, or once more. What cannot be read
    /// is left out: a new delivery would not make it readable, and would hold up every record after it.
    async fn process_as_stored(&self, id: TransactionId) -> anyhow::Result<()> {
        let span = tracing::info_span!("obligation", transaction_id = %id);
        match self.transactions.load(id).instrument(span.clone()).await {
            Ok(Some(found)) => self.process(found).await,
            // It was deleted, and owes nothing.
            Ok(None) => Ok(()),
            Err(error) => {
                let again = !matches!(error, StoreError::Unreadable { .. });
                let said = error.to_string();
                span.in_scope(|| record_unread(error));
                anyhow::ensure!(!again, said);
                Ok(())
            }
        }
    }

    /// Processes what one transaction owes. An internal error is logged here, once.
    async fn process(&self, found: Transaction) -> anyhow::Result<()> {
        let span = tracing::info_span!("obligation", transaction_id = %found.id());
        let work = async {
            let result = self.worker.process(found).await;
            if let Err(error) = &result {
                metrics::INTERNAL_ERRORS.count(&[]);
                tracing::error!(
                    error = format!("{error:#}"),
                    "internal error; the obligation stays due"
                );
            }
            result
        };
        work.instrument(span).await
    }
}

/// The transactions of a batch, each with the sequence number of its newest record: the stream keeps the order of the
/// writes of one item.
fn newest(records: Vec<StreamRecord>) -> Vec<(TransactionId, String)> {
    let mut newest = Vec::new();
    let mut seen = HashSet::new();
    for record in records.into_iter().rev() {
        if let Some(id) = record.transaction_id.filter(|id| seen.insert(*id)) {
            newest.push((id, record.sequence_number));
        }
    }
    newest.reverse();
    newest
}

fn failure(sequence_number: String) -> DynamoDbBatchItemFailure {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(sequence_number);
    failure
}

/// Records that a transaction could not be read. A damaged one must be reviewed by a person. One that the table
/// did not return stays due, and the next sweep reads it.
fn record_unread(error: StoreError) {
    let damaged = matches!(error, StoreError::Unreadable { .. });
    let error = format!("{:#}", anyhow::Error::from(error));
    if damaged {
        metrics::REVIEW_RAISED.count(&["unreadable_item"]);
        tracing::error!(alarm = "unreadable_item", error, "a person must act");
    } else {
        metrics::INTERNAL_ERRORS.count(&[]);
        tracing::error!(error, "not read; it stays due");
    }
}
