//! Sends the notification (IPN) about a payment until Tiki has confirmed it (integration points 4 and 5, protocol §3
//! and §4).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    AttemptHttp, Clock, Decision, DisputeReason, HeardOutcome, IPN_LEASE, IpnLease, IpnSubject,
    LookUpAnswer, NotificationOutcome, NotificationStep, ReviewReason, Timestamp, Transaction,
    after_look_up, after_notification, after_reversal_look_up,
};
use futures::future::{join, try_join_all};
use outbox::Worker;
use store::{DueIndex, Indexed, REQUEST_TIMEOUT, StoreError, Transactions};
use tiki_api::{Heard, TIKI_ANSWER_TIMEOUT, TikiClient};

/// The longest time that one notification takes: read it, lease it, send, look up, count the reversal, record.
pub const MAX_PROCESSING_TIME: Duration = REQUEST_TIMEOUT
    .saturating_mul(3)
    .saturating_add(TIKI_ANSWER_TIMEOUT.saturating_mul(2))
    .saturating_add(REVERSAL_COUNT_TIMEOUT);

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

/// So many unconfirmed results of a shard are read: 32,000 in all.
const MAX_READ_PER_SHARD: u16 = 2_000;

/// The age of a result that was not read. It is longer than all tries of a notification take together: the gauge
/// shows too much, and the alarm is on, rather than that an old one stays unseen.
const AGE_UNREAD: Duration = Duration::from_hours(72);

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
    async fn measure(&self) {
        join(self.measure_review(), self.measure_unconfirmed()).await;
    }

    /// Leases the notification, sends it, and records the outcome: two round trips to the table, whatever happens
    /// between them.
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
    async fn measure_review(&self) {
        match self.in_review().await {
            Ok(waiting) => metrics::REVIEW_QUEUE.record(&[], waiting),
            Err(error) => cannot_measure("the review queue", error),
        }
    }

    async fn measure_unconfirmed(&self) {
        match self.oldest_unconfirmed().await {
            Ok(age) => metrics::IPN_UNCONFIRMED_AGE.record_duration(&[], age),
            Err(error) => cannot_measure("unconfirmed results", error),
        }
    }

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

    /// The age of the oldest result that Tiki has not confirmed. The index has what is due next first, and the oldest
    /// has often failed and is due late: so all are read, up to a bound.
    async fn oldest_unconfirmed(&self) -> Result<Duration, StoreError> {
        let (index, any_time, most) = (DueIndex::Ipn, Timestamp::MAX, MAX_READ_PER_SHARD);
        let shards = self.transactions.due_by_shard(index, any_time, most);
        let shards = try_join_all(shards).await?;
        let now = self.clock.now();
        let oldest = shards.iter().map(|shard| oldest_age(shard, most, now));
        Ok(oldest.max().unwrap_or_default())
    }

    /// `None` if the notification is no longer due, or another worker has leased it. What comes in time needs no lease of
    /// its own: it was just read, and whoever changes it meanwhile has sent it, or a sweep finds it.
    async fn lease(
        &self,
        found: Transaction,
    ) -> Result<Option<(IpnLease, Transaction)>, StoreError> {
        match found.first_ipn_lease(self.confirm_after, self.clock.now()) {
            Some(lease) => Ok(Some((lease, found))),
            None => self.write_lease(found).await,
        }
    }

    /// Leases by a write.
    async fn write_lease(
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
    async fn notify(&self, transaction: &Transaction, lease: IpnLease) -> HeardOutcome {
        let status = lease.subject.status();
        let Heard { answer, http: ipn } = self.tiki.send_ipn(transaction, status).await;
        let mut http = AttemptHttp {
            ipn: Some(ipn),
            look_up: None,
        };
        let (known, decision) = match after_notification(lease, answer) {
            NotificationStep::LookUp => {
                // Two look-ups are so far apart as they were begun, however long each takes.
                let asked_at = self.clock.now();
                let asked = self
                    .tiki
                    .look_up(transaction.tiki_id(), Some(transaction.id()));
                let Heard {
                    answer: known,
                    http: look_up,
                } = asked.await;
                http.look_up = Some(look_up);
                let heard = lease.heard(answer);
                let decision = self.decide(transaction, heard, (known, asked_at)).await;
                (Some(known), decision)
            }
            NotificationStep::Decide(decision) => (None, decision),
        };
        let outcome = NotificationOutcome {
            answer,
            known,
            decision,
        };
        HeardOutcome { outcome, http }
    }

    /// What Tiki's answer to the look-up means. When many payments would be reversed, the environment is wrong and
    /// not the customers: they are disputed instead.
    async fn decide(
        &self,
        t: &Transaction,
        lease: IpnLease,
        (known, asked_at): (LookUpAnswer, Timestamp),
    ) -> Decision {
        if lease.subject == IpnSubject::Reversed {
            return after_reversal_look_up(known);
        }
        let decision = after_look_up(t.order().amount, known, lease, asked_at);
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

/// The age of the oldest of these entries, of which at most `most` were read.
fn oldest_age(entries: &[Indexed], most: u16, now: Timestamp) -> Duration {
    let age = |entry: &Indexed| entry.final_at.map_or(AGE_UNREAD, |at| now.since(at));
    let oldest = entries.iter().map(age).max().unwrap_or_default();
    if entries.len() < usize::from(most) {
        oldest
    } else {
        // Those that were not read may be older than all that were.
        oldest.max(AGE_UNREAD)
    }
}

fn cannot_measure(what: &str, error: StoreError) {
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::warn!(what, error, "cannot be measured");
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn entry(due_ms: i64, final_ms: Option<i64>) -> Indexed {
        let at = |ms| Timestamp::from_unix_ms(ms).unwrap();
        Indexed {
            id: domain::TransactionId::from_bytes([7; 16]),
            at: at(due_ms),
            final_at: final_ms.map(at),
        }
    }

    #[test]
    fn the_oldest_is_found_by_when_it_became_final() {
        let now = Timestamp::from_unix_ms(100 * HOUR_MS).unwrap();
        let minute_ago = entry(100 * HOUR_MS, Some(100 * HOUR_MS - 60_000));
        let hours_ago = entry(106 * HOUR_MS, Some(80 * HOUR_MS));
        let unknown = entry(0, None);
        let (minute, twenty_hours) = (Duration::from_mins(1), Duration::from_hours(20));
        // (entries, how many are read at most, age)
        let mut young = vec![minute_ago; 18];
        young.push(hours_ago);
        for (entries, most, age) in [
            (vec![], 2, Duration::ZERO),
            (vec![minute_ago], 2, minute),
            (young, 20, twenty_hours),
            (vec![hours_ago, minute_ago], 3, twenty_hours),
            // As many as could be read: an older one may follow.
            (vec![minute_ago, minute_ago], 2, AGE_UNREAD),
            (vec![unknown], 2, AGE_UNREAD),
        ] {
            assert_eq!(oldest_age(&entries, most, now), age, "{entries:?}, {most}");
        }
    }
}
