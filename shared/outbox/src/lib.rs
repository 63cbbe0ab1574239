//! Finds what transactions still owe the outside, and has a worker meet it (design §1, §5).
//!
//! Two things bring a worker its work: the table's stream, at once when an obligation is newly queued; and
//! the schedule, which sweeps the due index and so finds everything that a crash, an outage or a lost
//! record has left. The transaction is its own outbox, so neither is needed for nothing to be forgotten:
//! the stream is there to be quick, and the sweep to be sure.

mod event;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Clock, Timestamp, Transaction};
use futures::{StreamExt, stream};
use serde_json::Value;
use store::{DueIndex, StoreError, Transactions};
use tracing::Instrument;

pub use event::{BatchResponse, Event, ItemFailure, StreamRecord};

/// Records of one batch that are worked on at once.
const AT_ONCE: usize = 16;

/// Meets one kind of obligation.
#[async_trait]
pub trait Worker: Send + Sync {
    /// The indexes that say what is due. They are swept side by side, so that none waits for another.
    fn indexes(&self) -> &'static [DueIndex];

    /// The longest that meeting one transaction's obligations takes; none is begun with less time left.
    fn max_processing_time(&self) -> Duration;

    /// What else there is to do once a minute; a sweep does not fail by it.
    async fn after_sweep(&self) {}

    /// Meets what this transaction owes now, if it still does. The transaction may be out of date: the
    /// conditional writes find out.
    async fn process(&self, found: Transaction) -> anyhow::Result<()>;
}

/// A worker with what brings it its work.
pub struct Outbox<W> {
    /// The worker.
    pub worker: W,
    /// The transactions.
    pub transactions: Transactions,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl<W: Worker> Outbox<W> {
    /// Does an event's work until shortly before the deadline.
    pub async fn handle(&self, event: Value, deadline: Timestamp) -> anyhow::Result<BatchResponse> {
        match Event::read(event)? {
            Event::Stream(records) => Ok(self.records(records).await),
            Event::Sweep => {
                let swept = self.sweep(deadline).await;
                self.worker.after_sweep().await;
                swept?;
                Ok(BatchResponse::default())
            }
        }
    }

    /// Works on the records of a batch. A record whose work could not be begun or recorded is given back, and
    /// delivered again.
    async fn records(&self, records: Vec<StreamRecord>) -> BatchResponse {
        let work = records.into_iter().map(async |record| {
            let image = record.new_image?;
            let found = match store::read(image) {
                Ok(found) => found,
                Err(error) => {
                    // Delivering it again would not make it readable, and would hold up all that follow.
                    not_read(error);
                    return None;
                }
            };
            self.process(found).await.err().map(|_| ItemFailure {
                item_identifier: record.sequence_number,
            })
        });
        let failures = stream::iter(work).buffer_unordered(AT_ONCE);
        let failures = failures.filter_map(async |failure| failure);
        BatchResponse {
            batch_item_failures: failures.collect().await,
        }
    }

    /// Meets one transaction's obligations; what broke is logged here, once.
    async fn process(&self, found: Transaction) -> anyhow::Result<()> {
        let span = tracing::info_span!("obligation", transaction_id = %found.id);
        let work = async {
            let result = self.worker.process(found).await;
            if let Err(error) = &result {
                metrics::FAILURES.count(&[]);
                tracing::error!(error = format!("{error:#}"), "failed; it stays due");
            }
            result
        };
        work.instrument(span).await
    }
}

/// Tells that a transaction could not be read. One that is damaged needs a person; one that was only not
/// there to be read stays due, and is read at the next sweep.
fn not_read(error: StoreError) {
    let damaged = matches!(error, StoreError::Unreadable { .. });
    let error = format!("{:#}", anyhow::Error::from(error));
    if damaged {
        metrics::REVIEW_RAISED.count(&["unreadable_item"]);
        tracing::error!(alarm = "unreadable_item", error, "a person must act");
    } else {
        tracing::error!(error, "not read; it stays due");
    }
}
