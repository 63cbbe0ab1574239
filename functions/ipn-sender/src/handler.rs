//! Tells Tiki what became of a payment, until Tiki has it (integration points 4 and 5, protocol §3 and §4).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Clock, IpnLease, NotificationOutcome, NotificationStep, ReviewReason, Timestamp, Transaction,
    after_look_up, after_notification,
};
use outbox::Worker;
use store::{DueIndex, SHARDS, StoreError, Transactions};
use tiki_api::TikiClient;

/// So many of each kind are counted: who has more, has a problem and not a number.
const MAX_COUNTED_PER_ALARM: u16 = 100;

/// So many of each shard are looked at for their age. Of more, those that are next due.
const MAX_AGES_PER_SHARD: u16 = 16;

/// The worker of the index `ipn_due`.
pub struct IpnSender {
    /// Tiki.
    pub tiki: TikiClient,
    /// The transactions.
    pub transactions: Transactions,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Worker for IpnSender {
    fn indexes(&self) -> &'static [DueIndex] {
        &[DueIndex::Ipn]
    }

    /// An IPN and a look-up of 15 s each, and the writes around them.
    fn max_processing_time(&self) -> Duration {
        Duration::from_secs(40)
    }

    /// Measures what lasts, so that an alarm can last as long.
    async fn after_sweep(&self) {
        let measured = async {
            metrics::REVIEW_QUEUE.record(&[], self.in_review().await?);
            let age = self.oldest_unconfirmed().await?;
            metrics::IPN_UNCONFIRMED_AGE.record_duration(&[], age);
            Ok::<_, StoreError>(())
        };
        if let Err(error) = measured.await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "what waits cannot be measured");
        }
    }

    /// Takes the IPN up, sends it, and records what came of it: two writes, whatever happens between them.
    async fn process(&self, found: Transaction) -> anyhow::Result<()> {
        let Some((lease, transaction)) = self.take_up(found).await? else {
            return Ok(());
        };
        let told = self.tell(&transaction, lease).await;
        self.transactions
            .apply(transaction, |transaction| {
                transaction.record_ipn(lease, told, self.clock.now())
            })
            .await?;
        Ok(())
    }
}

impl IpnSender {
    /// How many transactions wait for a person.
    async fn in_review(&self) -> Result<i64, StoreError> {
        let mut waiting = 0;
        for reason in ReviewReason::all() {
            waiting += self
                .transactions
                .needs_review(reason, MAX_COUNTED_PER_ALARM)
                .await?
                .len();
        }
        Ok(i64::try_from(waiting).unwrap_or(i64::MAX))
    }

    /// How long Tiki has not known of the oldest result that it has not confirmed, of a few from each shard.
    async fn oldest_unconfirmed(&self) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let mut oldest = Duration::ZERO;
        for shard in 0..SHARDS {
            let index = DueIndex::Ipn;
            let some = self
                .transactions
                .due(index, shard, Timestamp::MAX, MAX_AGES_PER_SHARD);
            for entry in some.await? {
                let since = match self.transactions.load(entry.id).await {
                    Ok(found) => found
                        .filter(|found| found.ipn_due_at().is_some())
                        .and_then(|found| found.final_at()),
                    // The sweep has told of it; it must not hide the others.
                    Err(StoreError::Unreadable { .. }) => Some(entry.at),
                    Err(error) => return Err(error),
                };
                oldest = oldest.max(since.map_or(Duration::ZERO, |since| now.since(since)));
            }
        }
        Ok(oldest)
    }

    /// `None` if it is not due any more, or somebody else is at it.
    async fn take_up(
        &self,
        found: Transaction,
    ) -> Result<Option<(IpnLease, Transaction)>, StoreError> {
        let mut lease = None;
        let updated = self
            .transactions
            .apply(found, |transaction| {
                let taken = transaction.lease_ipn(self.clock.now());
                let (taken, change) = taken.unzip();
                lease = taken;
                change
            })
            .await?;
        Ok(lease
            .filter(|_| updated.written)
            .map(|lease| (lease, updated.transaction)))
    }

    /// Sends the IPN and, where the table says so, asks Tiki what it knows.
    async fn tell(&self, transaction: &Transaction, lease: IpnLease) -> NotificationOutcome {
        let answer = self.tiki.send_ipn(transaction, lease.status).await;
        let (known, decision) = match after_notification(lease.status, answer, lease.failures) {
            NotificationStep::LookUp => {
                let known = self
                    .tiki
                    .look_up(transaction.tiki_id(), Some(transaction.id()))
                    .await;
                (
                    Some(known),
                    after_look_up(transaction.order().amount, known),
                )
            }
            NotificationStep::Decide(decision) => (None, decision),
        };
        NotificationOutcome {
            answer,
            known,
            decision,
        }
    }
}
