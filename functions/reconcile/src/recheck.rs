//! One transaction, by our record and Tiki's word. The file only said where to look.

use std::time::Duration;

use anyhow::bail;
use domain::{Day, LookUpAnswer, TikiTransactionId, Timestamp, TransactionId};
use futures::{StreamExt, stream};
use reconciliation::classify::{Classification, Kind, MismatchReason, classify};
use reconciliation::record::{Finding, Values, ours, tiki_id};
use reconciliation::result::ResultLine;
use store::{Record, Versioned, Written, day_partition};

use crate::{Reconcile, Run};

/// How many of each kind a run looks at again, those first that were not looked at for longest.
const MAX_RECHECKS_PER_KIND: u16 = 2_000;

/// Looked at at once.
const MAX_CONCURRENT_RECHECKS: usize = 8;

/// Tiki is given so long for a clear answer before a person is called.
const REVIEW_UNDECIDED_AFTER: Duration = Duration::from_hours(24);

/// Rounds against another writer of the same finding.
const MAX_WRITE_ATTEMPTS: usize = 5;

/// What there is to see of a transaction.
struct View {
    transaction_id: Option<String>,
    ours: Values,
    known: LookUpAnswer,
    classification: Classification,
}

/// What came of writing a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It stands otherwise than before.
    New,
    /// It stands as before.
    Same,
    /// Somebody else has written it meanwhile.
    Refused,
}

impl Reconcile {
    /// Looks at what a line of a result file is about.
    pub(crate) async fn find(&self, day: Day, file: &str, line: ResultLine) -> anyhow::Result<()> {
        let view = self.view(&line.tiki_id).await?;
        let sort = format!("{}{}", Finding::PREFIX, line.tiki_id);
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let known = self
                .records
                .get::<Finding>(&day_partition(day), &sort)
                .await?;
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
            if self.write_look(finding, version, &view).await? != Look::Refused {
                return Ok(());
            }
        }
        bail!("the finding of {} is being changed by others", line.tiki_id)
    }

    /// Looks again at all that is open: what agrees now is settled, and whatever else has become of it is noted.
    pub(crate) async fn look_again(&self, run: &mut Run) -> anyhow::Result<()> {
        for kind in Kind::ALL {
            if kind == Kind::Matched {
                continue;
            }
            let open = self
                .records
                .with_status(kind.as_str(), MAX_RECHECKS_PER_KIND)
                .await?;
            let (began, until) = (run.began, run.until);
            let work = open.into_iter().map(async |(partition, sort)| {
                if self.clock.now() >= until {
                    return Ok(None);
                }
                self.look_at(&partition, &sort, began).await
            });
            let mut work = stream::iter(work).buffer_unordered(MAX_CONCURRENT_RECHECKS);
            while let Some(changed) = work.next().await {
                match changed {
                    Ok(day) => run.touched.extend(day),
                    Err(error) => run.note("a finding could not be looked at", Err(error)),
                }
            }
        }
        Ok(())
    }

    /// The finding's day, if it stands otherwise than before.
    async fn look_at(
        &self,
        partition: &str,
        sort: &str,
        began: Timestamp,
    ) -> anyhow::Result<Option<Day>> {
        let Some(known) = self.records.get::<Finding>(partition, sort).await? else {
            return Ok(None);
        };
        // The index lags behind; and what this run has found needs no second look.
        if !known.record.is_open() || known.record.looked_at >= began.unix_ms() {
            return Ok(None);
        }
        let Versioned {
            record: mut finding,
            version,
        } = known;
        let day = finding.day.parse()?;
        let Some(tiki_id) = tiki_id(&finding) else {
            // Nothing to ask; it goes to the end of the row.
            finding.looked_at = self.clock.now().unix_ms();
            self.records.put(finding, Some(version)).await?;
            return Ok(None);
        };
        let view = self.view(&tiki_id).await?;
        // Refused, somebody else has looked at it just now.
        let look = self.write_look(finding, Some(version), &view).await?;
        Ok((look == Look::New).then_some(day))
    }

    /// Our record and Tiki's word, and what follows; a report that was given up is queued again where it does.
    async fn view(&self, tiki_id: &TikiTransactionId) -> anyhow::Result<View> {
        let id = TransactionId::derive(&self.client_id, tiki_id);
        // Ours first: what Tiki then says, it says knowing at least as much.
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
                let reported = updated.written || updated.transaction.ipn_due_at().is_some();
                if !reported && classification.kind != Kind::Matched {
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

    /// Writes how a finding stands now.
    async fn write_look(
        &self,
        mut finding: Finding,
        version: Option<u64>,
        view: &View,
    ) -> anyhow::Result<Look> {
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
        if let Written::Refused(_) = self.records.put(finding, version).await? {
            return Ok(Look::Refused);
        }
        if before != Some(kind) {
            metrics::FINDINGS.count(&[kind.as_str()]);
        }
        Ok(if new { Look::New } else { Look::Same })
    }
}
