//! Tells Tiki what became of a payment, until Tiki has it (integration points 4 and 5, protocol §3 and §4).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Alarm, Clock, Decision, IpnLease, Told, Transaction, after_ipn, after_look_up};
use outbox::Worker;
use store::{DueIndex, StoreError, Transactions};
use tiki::TikiClient;

/// So many of each kind are counted: who has more, has a problem and not a number.
const COUNTED: u16 = 100;

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
    fn index(&self) -> DueIndex {
        DueIndex::Ipn
    }

    /// An IPN and a look-up of 15 s each, and the writes around them.
    fn longest(&self) -> Duration {
        Duration::from_secs(40)
    }

    /// Counts what waits for a person, so that an alarm can stay until somebody has acted.
    async fn after_sweep(&self) {
        let mut waiting = 0;
        for alarm in Alarm::ON_THE_DESK {
            match self.transactions.attention(alarm, COUNTED).await {
                Ok(found) => waiting += found.len(),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    return tracing::warn!(error, "what waits for a person cannot be counted");
                }
            }
        }
        metrics::ON_THE_DESK.record(&[], i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Takes the IPN up, sends it, and records what came of it: two writes, whatever happens between them.
    async fn meet(&self, found: Transaction) -> anyhow::Result<()> {
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
    async fn tell(&self, transaction: &Transaction, lease: IpnLease) -> Told {
        let answer = self.tiki.send_ipn(transaction).await;
        let (known, decision) = match after_ipn(lease.status, answer, lease.failures) {
            Decision::LookUp => {
                let known = self.tiki.look_up(transaction).await;
                (Some(known), after_look_up(transaction.order.amount, known))
            }
            decided => (None, decided),
        };
        Told {
            answer,
            known,
            decision,
        }
    }
}
