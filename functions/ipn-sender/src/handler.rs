//! Sends the notification (IPN) about a payment until Tiki has confirmed it (integration points 4 and 5, protocol §3
//! and §4).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Clock, Decision, DisputeReason, IPN_LEASE, IpnLease, IpnSubject, LookUpAnswer,
    NotificationOutcome, NotificationStep, ReviewReason, Timestamp, Transaction, after_look_up,
    after_notification, after_reversal_look_up,
};
use outbox::Worker;
use store::{DueIndex, REQUEST_TIMEOUT, SHARDS, StoreError, Transactions};
use tiki_api::{TIKI_ANSWER_TIMEOUT, TikiClient};

/// The longest time that one notification takes: as long as its lease.
pub const MAX_PROCESSING_TIME: Duration = IPN_LEASE;

const _: () = assert!(
    IPN_LEASE.as_millis()
        >= 2 * TIKI_ANSWER_TIMEOUT.as_millis()
            + REVERSAL_COUNT_TIMEOUT.as_millis()
            + REQUEST_TIMEOUT.as_millis(),
    "within its lease a sender sends, looks up and records: or another sender would send the same meanwhile"
);

/// So long the reversals of this hour are counted at most. Without an answer the next try decides.
const REVERSAL_COUNT_TIMEOUT: Duration = Duration::from_secs(3);

/// Above this number, transactions in review are not counted further.
const MAX_COUNTED_PER_ALARM: u16 = 100;

/// In each shard, the age of this many unconfirmed results is looked at: of those that are due next.
const MAX_AGES_PER_SHARD: u16 = 16;

/// The worker of the index `ipn_due`.
pub struct IpnSender {
    /// The client for Tiki.
    pub tiki: TikiClient,
    /// The table of payments.
    pub transactions: Transactions,
    /// How far apart two look-ups must be before Tiki's "not found" is believed (protocol §3).
    pub confirm_after: Duration,
    /// Above this number in an hour, payments are not reversed but disputed.
    pub max_reversals_per_hour: u32,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Worker for IpnSender {
    fn indexes(&self) -> &'static [DueIndex] {
        &[DueIndex::Ipn]
    }

    fn max_processing_time(&self) -> Duration {
        MAX_PROCESSING_TIME
    }

    /// Measures what is waiting, so that an alarm stays on as long as it waits.
    async fn after_sweep(&self) {
        let measured = async {
            metrics::REVIEW_QUEUE.record(&[], self.in_review().await?);
            let age = self.oldest_unconfirmed().await?;
            metrics::IPN_UNCONFIRMED_AGE.record_duration(&[], age);
            Ok::<_, StoreError>(())
        };
        if let Err(error) = measured.await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(
                error,
                "the review queue and unconfirmed results cannot be measured"
            );
        }
    }

    /// Leases the notification, sends it, and records the outcome: two writes, whatever happens between them.
    async fn process(&self, found: Transaction) -> anyhow::Result<()> {
        let Some((lease, transaction)) = self.lease(found).await? else {
            return Ok(());
        };
        let outcome = self.notify(&transaction, lease).await;
        self.transactions
            .apply(transaction, |transaction| {
                transaction.record_ipn(lease, outcome, self.clock.now())
            })
            .await?;
        Ok(())
    }
}

impl IpnSender {
    /// How many transactions are in the review queue.
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

    /// The age of the oldest result that Tiki has not confirmed, of a few from each shard.
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
                    // The sweep has raised an alarm for it. It must not hide the others.
                    Err(StoreError::Unreadable { .. }) => Some(entry.at),
                    Err(error) => return Err(error),
                };
                oldest = oldest.max(since.map_or(Duration::ZERO, |since| now.since(since)));
            }
        }
        Ok(oldest)
    }

    /// `None` if the notification is no longer due, or another worker has leased it.
    async fn lease(
        &self,
        found: Transaction,
    ) -> Result<Option<(IpnLease, Transaction)>, StoreError> {
        let mut lease = None;
        let updated = self
            .transactions
            .apply(found, |transaction| {
                let leased = transaction.lease_ipn(self.confirm_after, self.clock.now());
                let (new_lease, change) = leased.unzip();
                lease = new_lease;
                change
            })
            .await?;
        Ok(lease
            .filter(|_| updated.written)
            .map(|lease| (lease, updated.transaction)))
    }

    /// Sends the notification and, if the decision table asks for it, looks the transaction up at Tiki.
    async fn notify(&self, transaction: &Transaction, lease: IpnLease) -> NotificationOutcome {
        let status = lease.subject.status();
        let answer = self.tiki.send_ipn(transaction, status).await;
        let (known, decision) = match after_notification(lease, answer) {
            NotificationStep::LookUp => {
                let known = self
                    .tiki
                    .look_up(transaction.tiki_id(), Some(transaction.id()))
                    .await;
                (Some(known), self.decide(transaction, lease, known).await)
            }
            NotificationStep::Decide(decision) => (None, decision),
        };
        NotificationOutcome {
            answer,
            known,
            decision,
        }
    }

    /// What Tiki's answer to the look-up means. When many payments would be reversed, the environment is wrong and
    /// not the customers: they are disputed instead.
    async fn decide(&self, t: &Transaction, lease: IpnLease, known: LookUpAnswer) -> Decision {
        if lease.subject == IpnSubject::Reversed {
            return after_reversal_look_up(known);
        }
        let decision = after_look_up(t.order().amount, known, lease, self.clock.now());
        let Decision::Reverse(_) = decision else {
            return decision;
        };
        let count = self.transactions.may_reverse(self.max_reversals_per_hour);
        match tokio::time::timeout(REVERSAL_COUNT_TIMEOUT, count).await {
            Ok(Ok(true)) => decision,
            Ok(Ok(false)) => Decision::Dispute(DisputeReason::TooManyReversals),
            Ok(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, transaction_id = %t.id(), "the reversals of this hour cannot be counted: the next try decides");
                Decision::Retry
            }
            Err(_) => {
                tracing::warn!(transaction_id = %t.id(), "the reversals of this hour are not counted in time: the next try decides");
                Decision::Retry
            }
        }
    }
}
