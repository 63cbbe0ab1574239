//! One transaction: our record compared with Tiki's look-up. The result file only says which one to look at.

use std::time::Duration;

use anyhow::bail;
use domain::{Day, LookUpAnswer, TikiTransactionId, Timestamp, TransactionId};
use futures::{StreamExt, stream};
use ledger::{Entry, Written};
use reconciliation::classify::{Classification, Kind, MismatchReason, classify};
use reconciliation::record::{Finding, Record, Values, of_day, ours, tiki_id};
use reconciliation::result::ResultLine;

use crate::{Reconcile, Run};

/// How many findings of each kind a run checks again, first those that were not checked for the longest time.
const MAX_RECHECKS_PER_KIND: u16 = 2_000;

/// How many findings are checked at the same time.
const MAX_CONCURRENT_RECHECKS: usize = 8;

/// A finding without a clear answer of Tiki for this time needs review.
const REVIEW_UNDECIDED_AFTER: Duration = Duration::from_hours(24);

/// How often a finding is written again after another writer changed it.
const MAX_WRITE_ATTEMPTS: usize = 5;

/// Both sides of a transaction, and what follows from them.
struct View {
    transaction_id: Option<String>,
    ours: Values,
    known: LookUpAnswer,
    classification: Classification,
}

/// The outcome of writing a recheck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rechecked {
    /// The kind or the reason has changed.
    New,
    /// Kind and reason are as before.
    Same,
    /// Another writer has changed the finding meanwhile.
    Refused,
}

impl Reconcile {
    /// Checks the transaction that a line of a result file is about.
    pub(crate) async fn find(&self, day: Day, file: &str, line: ResultLine) -> anyhow::Result<()> {
        let view = self.view(&line.tiki_id).await?;
        let entry = format!("{}{}", Finding::PREFIX, line.tiki_id);
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let known = self.ledger.get::<Finding>(&of_day(day), &entry).await?;
            let version = known.as_ref().map(|known| known.version);
            let now = self.clock.now().unix_ms();
            let mut finding = match known {
                Some(known) => known.record,
                None => Finding::new(day, line.tiki_id.to_string(), file, line.line, now),
            };
            file.clone_into(&mut finding.file);
            finding.line = line.line;
            finding.code.clone_from(&line.code);
            finding.reason.clone_from(&line.reason);
            finding.in_file = line.values.clone();
            if self.write_recheck(finding, version, &view).await? != Rechecked::Refused {
                return Ok(());
            }
        }
        bail!("the finding of {} is being changed by others", line.tiki_id)
    }

    /// Checks every open finding again: it becomes a match if both sides agree now, and each change is recorded.
    pub(crate) async fn recheck_open(&self, run: &mut Run) -> anyhow::Result<()> {
        for kind in Kind::ALL {
            if kind == Kind::Matched {
                continue;
            }
            let open = self
                .ledger
                .open(kind.as_str(), MAX_RECHECKS_PER_KIND)
                .await?;
            let (began, until) = (run.began, run.until);
            let work = open.into_iter().map(async |(subject, entry)| {
                if self.clock.now() >= until {
                    return Ok(None);
                }
                self.recheck_finding(&subject, &entry, began).await
            });
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_RECHECKS);
            while let Some(changed) = work.next().await {
                match changed {
                    Ok(day) => run.touched.extend(day),
                    Err(error) => run.note("a finding could not be checked again", Err(error)),
                }
            }
        }
        Ok(())
    }

    /// The day of the finding, if it has changed.
    async fn recheck_finding(
        &self,
        subject: &str,
        entry: &str,
        began: Timestamp,
    ) -> anyhow::Result<Option<Day>> {
        let Some(known) = self.ledger.get::<Finding>(subject, entry).await? else {
            return Ok(None);
        };
        // The index may be behind, and a finding of this run needs no second check.
        if !known.record.is_open() || known.record.looked_at >= began.unix_ms() {
            return Ok(None);
        }
        let Entry {
            record: mut finding,
            version,
        } = known;
        let day = finding.day.parse()?;
        let Some(tiki_id) = tiki_id(&finding) else {
            // It has no id to ask about. It goes to the end of the queue.
            finding.looked_at = self.clock.now().unix_ms();
            self.ledger.put(finding, Some(version)).await?;
            return Ok(None);
        };
        let view = self.view(&tiki_id).await?;
        // If the write is refused, another run has checked it just now.
        let rechecked = self.write_recheck(finding, Some(version), &view).await?;
        Ok((rechecked == Rechecked::New).then_some(day))
    }

    /// Our record and Tiki's look-up, and what follows. If a notification is due again, it is queued.
    async fn view(&self, tiki_id: &TikiTransactionId) -> anyhow::Result<View> {
        let id = TransactionId::derive(&self.client_id, tiki_id);
        // Ours first: then Tiki answers with at least the same knowledge.
        let found = self.transactions.load(id).await?;
        let known = self
            .tiki
            .look_up(tiki_id, found.as_ref().map(|t| t.id))
            .await;
        let mut classification = classify(found.as_deref(), known);
        let mut ours_now = Values::default();
        let mut transaction_id = None;
        if let Some(found) = found {
            ours_now = ours(found.status(), found.order.amount);
            transaction_id = Some(found.id.to_string());
            if classification.requeue {
                let updated = self
                    .transactions
                    .apply(found, |t| t.requeue_ipn(self.clock.now()))
                    .await?;
                let queued = updated.written || updated.transaction.ipn_due_at().is_some();
                if !queued && classification.kind != Kind::Matched {
                    (classification.kind, classification.ground) =
                        (Kind::NeedsReview, MismatchReason::GivenUp);
                }
            }
        }
        Ok(View {
            transaction_id,
            ours: ours_now,
            known,
            classification,
        })
    }

    /// Writes the present state of a finding.
    async fn write_recheck(
        &self,
        mut finding: Finding,
        version: Option<u64>,
        view: &View,
    ) -> anyhow::Result<Rechecked> {
        let now = self.clock.now().unix_ms();
        let (mut kind, ground) = (view.classification.kind, view.classification.ground);
        let since = finding.history.iter().rev();
        let since = since
            .take_while(|step| step.ground == MismatchReason::NoClearAnswer)
            .last();
        let waited = since.map_or(0, |step| now.saturating_sub(step.at));
        if kind == Kind::Undecided
            && u128::from(waited.unsigned_abs()) > REVIEW_UNDECIDED_AFTER.as_millis()
        {
            kind = Kind::NeedsReview;
        }
        finding.transaction_id.clone_from(&view.transaction_id);
        finding.ours = view.ours.clone();
        view.known.as_str().clone_into(&mut finding.tiki);
        finding.tiki_amount_vnd = match view.known {
            LookUpAnswer::Found(_, amount) => amount.map(domain::Vnd::get),
            _ => None,
        };
        let before = finding.history.last().map(|step| step.kind);
        let new = finding.look(now, kind, ground);
        if let Written::Refused(_) = self.ledger.put(finding, version).await? {
            return Ok(Rechecked::Refused);
        }
        if before != Some(kind) {
            metrics::FINDINGS.count(&[kind.as_str()]);
        }
        Ok(if new { Rechecked::New } else { Rechecked::Same })
    }
}
