//! Asks the partner's core for refunds that are due or unknown, and whether an expired payment was made.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use core_api::{CORE_TIMEOUT_IN_WORKER, Core, FoundRefund};
use domain::{CORE_LEASE, Clock, RefundAnswer, RefundId, Transaction};
use outbox::Worker;
use store::{DueIndex, REQUEST_TIMEOUT, StoreError, Transactions};

/// No refund is started after this time: while the core is slow, a transaction with many refunds leaves some to the
/// next sweep.
const MAX_STARTING_TIME: Duration = Duration::from_secs(10);

/// The longest time of one refund: lease it, ask for it, post it, record. A question about an expired payment takes
/// less.
const MAX_REFUND_TIME: Duration = REQUEST_TIMEOUT
    .saturating_mul(2)
    .saturating_add(CORE_TIMEOUT_IN_WORKER.saturating_mul(2));

/// The longest time that one transaction takes: read it, the time in which refunds are started, and the last refund.
pub const MAX_PROCESSING_TIME: Duration = REQUEST_TIMEOUT
    .saturating_add(MAX_STARTING_TIME)
    .saturating_add(MAX_REFUND_TIME);

const _: () = assert!(
    CORE_LEASE.as_millis() >= MAX_REFUND_TIME.as_millis(),
    "within its lease a worker asks, posts and records: or another worker would post the same refund meanwhile"
);

/// The worker of the indexes `refund_due` and `expiry_due`.
pub struct CoreWorker {
    /// The partner's core.
    pub core: Arc<dyn Core>,
    /// The table of payments.
    pub transactions: Transactions,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Worker for CoreWorker {
    /// Refunds first: a customer waits for the money. A core that hangs must not use up a sweep on questions about
    /// customers who walked away.
    fn indexes(&self) -> &'static [DueIndex] {
        &[DueIndex::Refund, DueIndex::Expiry]
    }

    fn max_processing_time(&self) -> Duration {
        MAX_PROCESSING_TIME
    }

    async fn process(&self, found: Transaction) -> anyhow::Result<()> {
        let began = self.clock.now();
        let mut transaction = self.conclude_expiry(found).await?;
        let due: Vec<RefundId> = transaction.due_refunds(began).collect();
        for id in due {
            if self.clock.now().since(began) > MAX_STARTING_TIME {
                break;
            }
            transaction = self.ask_about_refund(transaction, id).await?;
        }
        Ok(())
    }
}

impl CoreWorker {
    /// Asks the core about an expired payment, if that is due. Only a clear "not paid" fails the payment.
    async fn conclude_expiry(&self, found: Transaction) -> Result<Transaction, StoreError> {
        let lease = |transaction: &Transaction| transaction.lease_expiry_check(self.clock.now());
        let leased = self.transactions.apply(found, lease).await?;
        if !leased.written {
            return Ok(leased.transaction);
        }
        let answer = self.core.payment(leased.transaction.id()).await;
        let conclude =
            |transaction: &Transaction| transaction.conclude_expiry(&answer, self.clock.now());
        let concluded = self
            .transactions
            .apply(leased.transaction, conclude)
            .await?;
        Ok(concluded.transaction)
    }

    /// Asks the core about a refund, if it is still due, and records the outcome.
    async fn ask_about_refund(
        &self,
        found: Transaction,
        id: RefundId,
    ) -> Result<Transaction, StoreError> {
        let lease = |transaction: &Transaction| transaction.lease_refund(id, self.clock.now());
        let leased = self.transactions.apply(found, lease).await?;
        if !leased.written {
            return Ok(leased.transaction);
        }
        let answer = self.ask(&leased.transaction, id).await;
        let record = |transaction: &Transaction| {
            transaction.record_refund_outcome(id, &answer, self.clock.now())
        };
        let recorded = self.transactions.apply(leased.transaction, record).await?;
        Ok(recorded.transaction)
    }

    /// Asks for the refund by its id before it is requested again. If the core has never seen it, it is requested with
    /// the same id; but not while the core contradicts itself about the payment, because the customer may have the
    /// money already.
    async fn ask(&self, transaction: &Transaction, id: RefundId) -> RefundAnswer {
        let Some(refund) = transaction.refund_by_id(id) else {
            return RefundAnswer::Unknown;
        };
        match self.core.find_refund(refund).await {
            FoundRefund::Known(answer) => answer,
            FoundRefund::NeverSeen if transaction.is_doubtful() => {
                tracing::warn!(refund_id = %id, "not requested while the payment is under review");
                RefundAnswer::Unknown
            }
            FoundRefund::NeverSeen => {
                let within = CORE_TIMEOUT_IN_WORKER;
                self.core.refund(transaction, refund, within).await
            }
        }
    }
}
