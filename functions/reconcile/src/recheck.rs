//! Compares one transaction as we have it with Tiki's look-up. The result file only names the transaction.

use std::time::Duration;

use anyhow::bail;
use domain::{Day, LookUpAnswer, TikiTransactionId, Timestamp, Transaction, TransactionId};
use futures::{StreamExt, stream};
use reconciliation::classify::{Classification, Kind, MismatchReason, classify};
use reconciliation::compare::with_id_in_file;
use reconciliation::record::{Finding, Subject, Values, ours};
use reconciliation::result::ResultLine;
use store::{Versioned, Written};

use crate::lines::{MAX_WRITE_ATTEMPTS, Reading, known_or_new, take_from};
use crate::{Reconcile, Run};

/// The open findings of each kind that a run checks again, those first that were not checked for the longest time.
const MAX_RECHECKED_PER_KIND: u16 = 2_000;

/// The findings that are checked at the same time. Each asks Tiki once.
const MAX_CONCURRENT_LOOK_UPS: usize = 8;

/// The time that Tiki has for a clear answer, before the finding needs review.
const CLEAR_ANSWER_TIMEOUT: Duration = Duration::from_hours(24);

/// Both sides of a transaction.
struct Comparison {
    /// Our id of the transaction, whether we have it or not.
    id: TransactionId,
    transaction_id: Option<String>,
    ours: Values,
    known: LookUpAnswer,
    classification: Classification,
}

/// The outcome of recording a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recorded {
    /// The finding has changed.
    Changed,
    /// The finding is as before, and was checked.
    Unchanged,
    /// Another writer has changed the record in between.
    Refused,
}

impl Reconcile {
    /// Checks the transaction of a line of a result file, and records the finding.
    pub(crate) async fn check_line(
        &self,
        reading: Reading<'_>,
        line: ResultLine,
    ) -> anyhow::Result<()> {
        let subject = Subject::Payment {
            tiki_id: line.tiki_id.clone(),
        };
        let comparison = self.compare(&line.tiki_id).await?;
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let known = self.finding(reading.day, &subject).await?;
            let now = self.clock.now().unix_ms();
            let (mut finding, version) = known_or_new(known, &subject, reading, line.line, now);
            take_from(&mut finding, reading, &line);
            if self.record_check(finding, version, &comparison).await? != Recorded::Refused {
                return Ok(());
            }
        }
        bail!("the finding of {} is being changed by others", line.tiki_id)
    }

    /// Checks the open findings again, and records each change. A finding on which the sides now agree is not open
    /// any more.
    pub(crate) async fn recheck_open_findings(&self, run: &mut Run) -> anyhow::Result<()> {
        for &kind in Kind::ALL {
            if kind == Kind::Matched {
                continue;
            }
            let open = self
                .records
                .with_status(kind.as_str(), MAX_RECHECKED_PER_KIND)
                .await?;
            let (started_at, until) = (run.started_at, run.until);
            let work = open.into_iter().map(async |(partition, sort)| {
                if self.clock.now() >= until {
                    return Ok(None);
                }
                self.recheck_finding(&partition, &sort, started_at).await
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
        partition: &str,
        sort: &str,
        started_at: Timestamp,
    ) -> anyhow::Result<Option<Day>> {
        let Some(known) = self.records.get::<Finding>(partition, sort).await? else {
            return Ok(None);
        };
        // The index lags behind the table, and this run may have checked it already.
        if !known.record.is_open() || known.record.looked_at >= started_at.unix_ms() {
            return Ok(None);
        }
        let Versioned {
            record: mut finding,
            version,
        } = known;
        let day = finding.day.parse()?;
        let Some(tiki_id) = finding.subject.payment() else {
            // There is nothing to ask Tiki about, so it only moves to the end of the queue.
            finding.looked_at = self.clock.now().unix_ms();
            self.records.put(finding, Some(version)).await?;
            return Ok(None);
        };
        let comparison = self.compare(tiki_id).await?;
        // If the write is refused, another writer has just changed the finding.
        let recorded = self
            .record_check(finding, Some(version), &comparison)
            .await?;
        Ok((recorded == Recorded::Changed).then_some(day))
    }

    /// Reads both sides of a transaction and classifies them. If Tiki does not have our result, the notification (IPN)
    /// is queued again.
    async fn compare(&self, tiki_id: &TikiTransactionId) -> anyhow::Result<Comparison> {
        let id = TransactionId::derive(tiki_id);
        // Ours first: Tiki is asked later, so its answer is not older than our record.
        let found = self.transactions.load(id).await?;
        let known = self
            .tiki
            .look_up(tiki_id, found.as_ref().map(Transaction::id))
            .await;
        let mut classification = classify(found.as_ref(), known);
        let mut ours_now = Values::default();
        let mut transaction_id = None;
        if let Some(found) = found {
            ours_now = ours(found.status(), found.order().amount);
            transaction_id = Some(found.id().to_string());
            if classification.requeue {
                let updated = self
                    .transactions
                    .apply(found, |t| t.requeue_ipn(self.clock.now()))
                    .await?;
                let queued = updated.written || updated.transaction.ipn_due_at().is_some();
                if !queued && classification.kind != Kind::Matched {
                    (classification.kind, classification.mismatch) =
                        (Kind::NeedsReview, MismatchReason::GivenUp);
                }
            }
        }
        Ok(Comparison {
            id,
            transaction_id,
            ours: ours_now,
            known,
            classification,
        })
    }

    /// Records a check of a finding.
    async fn record_check(
        &self,
        mut finding: Finding,
        version: Option<u64>,
        comparison: &Comparison,
    ) -> anyhow::Result<Recorded> {
        let now = self.clock.now().unix_ms();
        let ids = finding
            .claims
            .values()
            .filter_map(|claim| claim.id.as_deref());
        let ids: Vec<&str> = ids.collect();
        let checked = with_id_in_file(comparison.classification, comparison.id, &ids);
        let (mut kind, mismatch) = (checked.kind, checked.mismatch);
        let since = finding.history.iter().rev();
        let since = since
            .take_while(|step| step.mismatch == MismatchReason::NoClearAnswer)
            .last();
        let unclear_for_ms = since.map_or(0, |step| now.saturating_sub(step.at));
        if kind == Kind::Undecided
            && u128::from(unclear_for_ms.unsigned_abs()) > CLEAR_ANSWER_TIMEOUT.as_millis()
        {
            kind = Kind::NeedsReview;
        }
        finding
            .transaction_id
            .clone_from(&comparison.transaction_id);
        finding.ours = comparison.ours.clone();
        comparison.known.as_str().clone_into(&mut finding.tiki);
        finding.tiki_amount_vnd = match comparison.known {
            LookUpAnswer::Found(_, amount) => amount.map(domain::Vnd::get),
            _ => None,
        };
        let before = finding.history.last().map(|step| step.kind);
        let new = finding.look(now, kind, mismatch);
        if let Written::Conflict(_) = self.records.put(finding, version).await? {
            return Ok(Recorded::Refused);
        }
        if before != Some(kind) {
            metrics::FINDINGS.count(&[kind.as_str()]);
        }
        Ok(if new {
            Recorded::Changed
        } else {
            Recorded::Unchanged
        })
    }
}
