//! Compares payments as we have them with Tiki's look-up. A result file only names the payment.

use domain::{Day, TikiTransactionId, Timestamp, Transaction, TransactionId};
use futures::{StreamExt, stream};
use reconciliation::classify::Kind;
use reconciliation::plan::check::Comparison;
use reconciliation::record::Finding;
use store::Key;

use crate::{Reconcile, Run};

/// The open findings of each kind that a run checks again, those first that were not checked for the longest time.
const MAX_RECHECKED_PER_KIND: u16 = 2_000;

/// The findings that are checked at the same time. Each asks Tiki once.
pub(crate) const MAX_CONCURRENT_LOOK_UPS: usize = 8;

impl Reconcile {
    /// Checks the open findings again, and records each change. A finding on which the sides now agree is not open
    /// any more.
    pub(crate) async fn recheck_open_findings(&self, run: &mut Run) -> anyhow::Result<()> {
        for &kind in Kind::ALL {
            if kind == Kind::Matched {
                continue;
            }
            let open = self
                .records
                .with_status(kind.as_str(), MAX_RECHECKED_PER_KIND);
            let open: Vec<Key<Finding>> = open.await?;
            let (started_at, until) = (run.started_at, run.until);
            let work = open.into_iter().map(async |key| {
                if self.clock.now() >= until {
                    return Ok(None);
                }
                self.recheck_finding(&key, started_at).await
            });
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_LOOK_UPS);
            while let Some(changed) = work.next().await {
                match changed {
                    Ok(day) => run.changed_days.extend(day),
                    Err(error) => run.note("a finding could not be checked again", Err(error)),
                }
            }
        }
        Ok(())
    }

    /// Checks one finding again. Returns its day if it has changed.
    async fn recheck_finding(
        &self,
        key: &Key<Finding>,
        started_at: Timestamp,
    ) -> anyhow::Result<Option<Day>> {
        let Some(known) = self.records.get(key).await? else {
            return Ok(None);
        };
        // The index lags behind the table, and this run may have checked it already.
        let due = |finding: &Finding| finding.is_open() && finding.looked_at < started_at;
        if !due(&known.record) {
            return Ok(None);
        }
        if let Some((core, word)) = self.core_books.as_ref().zip(known.record.statement) {
            let (day, subject) = (known.record.day, &known.record.subject);
            self.check_again_at_core(core, day, subject, word).await?;
            let now = self.records.get(key).await?.map(|known| known.record);
            let changed = now.is_some_and(|now| now.history != known.record.history);
            return Ok(changed.then_some(day));
        }
        let comparison = match known.record.subject.payment() {
            Some(tiki_id) => Some(self.compare(tiki_id).await?),
            // There is nothing to ask Tiki about, so it only moves to the end of the queue.
            None => None,
        };
        let mut changed = false;
        let updated = self
            .change_finding(key, |known, now| {
                let mut finding = known.filter(&due)?;
                if let Some(comparison) = &comparison {
                    changed = comparison.record(&mut finding, now);
                } else {
                    finding.looked_at = now;
                }
                Some(finding)
            })
            .await?;
        Ok(updated.filter(|_| changed).map(|finding| finding.day))
    }

    /// Reads both sides of a payment and compares them. If Tiki does not have our result, the notification (IPN) is
    /// queued again.
    pub(crate) async fn compare(&self, tiki_id: &TikiTransactionId) -> anyhow::Result<Comparison> {
        let id = TransactionId::derive(tiki_id);
        // Ours first: Tiki is asked later, so its answer is not older than our record.
        let found = self.transactions.load(id).await?;
        let tiki = self
            .tiki
            .look_up(tiki_id, found.as_ref().map(Transaction::id))
            .await
            .answer;
        let mut comparison = Comparison::of(tiki_id, found.as_ref(), tiki);
        if let Some(found) = found.filter(|_| comparison.classification.requeue) {
            let updated = self
                .transactions
                .apply(found, |t| t.requeue_ipn(self.clock.now()))
                .await?;
            if !updated.written && updated.transaction.ipn_due_at().is_none() {
                comparison.is_given_up();
            }
        }
        Ok(comparison)
    }
}
