//! A line of a result file: each comes to an outcome.

use anyhow::bail;
use domain::{Day, Refund, TransactionId};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::compare;
use reconciliation::record::{Closed, Finding, Subject, Values};
use reconciliation::result::{Read, RefundLine, ResultLine, Unreadable};
use store::{Record, Versioned, Written, day_partition};

use crate::Reconcile;

/// The attempts at one finding that others are changing too.
pub(crate) const MAX_WRITE_ATTEMPTS: usize = 5;

/// The outcome of a line.
pub(crate) enum LineOutcome {
    Matched,
    Finding,
    Unreadable,
}

impl Reconcile {
    pub(crate) async fn process_line(
        &self,
        day: Day,
        file: &str,
        read: Read,
    ) -> anyhow::Result<LineOutcome> {
        match read {
            Err(unreadable) => {
                self.report_line(day, file, unreadable).await?;
                Ok(LineOutcome::Unreadable)
            }
            Ok(line) => match line.refund.clone() {
                None => self.process_payment(day, file, line).await,
                Some(refund) => self.process_refund(day, file, &line, &refund).await,
            },
        }
    }

    /// A line that says what we have ends here. About any other Tiki is asked.
    async fn process_payment(
        &self,
        day: Day,
        file: &str,
        line: ResultLine,
    ) -> anyhow::Result<LineOutcome> {
        let id = TransactionId::derive(&line.tiki_id);
        let found = self.transactions.load(id).await?;
        if compare::payment_matches(found.as_ref(), &line) {
            return Ok(LineOutcome::Matched);
        }
        self.check_line(day, file, line).await?;
        Ok(LineOutcome::Finding)
    }

    /// Nobody can be asked about a refund: what the file says stays, until it says something else.
    async fn process_refund(
        &self,
        day: Day,
        file: &str,
        line: &ResultLine,
        refund: &RefundLine,
    ) -> anyhow::Result<LineOutcome> {
        let id = TransactionId::derive(&line.tiki_id);
        let found = self.transactions.load(id).await?;
        let ours = compare::our_refund(found.as_ref(), refund);
        let mismatch = compare::refund(ours, refund, line.verdict);
        let subject = Subject::Refund {
            tiki_id: line.tiki_id.clone(),
            refund: name_of(ours, refund),
        };
        let agrees = mismatch == MismatchReason::Agree;
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let known = self.finding(day, &subject).await?;
            if agrees && known.as_ref().is_none_or(|known| !known.record.is_open()) {
                return Ok(LineOutcome::Matched);
            }
            let now = self.clock.now().unix_ms();
            let (mut finding, version) = known_or(known, || {
                Finding::new(day, subject.clone(), file, line.line, now)
            });
            take_from(&mut finding, file, line);
            finding.transaction_id = found.as_ref().map(|t| t.id().to_string());
            finding.in_file.amount_vnd = refund.amount.map(domain::Vnd::get);
            finding.ours = Values {
                status: ours.map(|ours| ours.status().as_str().to_owned()),
                amount_vnd: ours.map(|ours| ours.amount.get()),
            };
            let kind = if agrees {
                Kind::Matched
            } else {
                Kind::NeedsReview
            };
            finding.look(now, kind, mismatch);
            if let Written::Stored(_) = self.records.put(finding, version).await? {
                metrics::FINDINGS.count(&[kind.as_str()]);
                return Ok(LineOutcome::Finding);
            }
        }
        bail!("the finding of {subject} is being changed by others")
    }

    /// A finding of a day.
    pub(crate) async fn finding(
        &self,
        day: Day,
        subject: &Subject,
    ) -> anyhow::Result<Option<Versioned<Finding>>> {
        let sort = format!("{}{subject}", Finding::PREFIX);
        Ok(self.records.get(&day_partition(day), &sort).await?)
    }

    pub(crate) async fn report_line(
        &self,
        day: Day,
        file: &str,
        line: Unreadable,
    ) -> anyhow::Result<()> {
        let now = self.clock.now().unix_ms();
        let reason = match &line.column {
            Some(column) => format!("{column} {}", line.problem),
            None => line.problem,
        };
        let subject = Subject::Line {
            file: file.to_owned(),
            line: line.line,
        };
        let mut finding = Finding::new(day, subject, file, line.line, now);
        finding.reason = reason;
        finding.look(now, Kind::NeedsReview, MismatchReason::UnreadableLine);
        match self.records.put(finding.clone(), None).await? {
            Written::Stored(_) => metrics::FINDINGS.count(&[Kind::NeedsReview.as_str()]),
            // An earlier run has reported it. Only when the file is read again is it reported again.
            Written::Conflict(there) if there.record.closed.is_some() => {
                self.records.put(finding, Some(there.version)).await?;
            }
            Written::Conflict(_) => {}
        }
        Ok(())
    }
}

/// The finding that is known, and its version. What a run has closed begins anew: otherwise what the file says again
/// would stay closed.
pub(crate) fn known_or(
    known: Option<Versioned<Finding>>,
    new: impl FnOnce() -> Finding,
) -> (Finding, Option<u64>) {
    match known {
        None => (new(), None),
        Some(known) => {
            let by_run = known.record.closed.as_ref().is_some_and(Closed::is_by_run);
            let finding = if by_run { new() } else { known.record };
            (finding, Some(known.version))
        }
    }
}

/// What the finding of a line has from the line.
pub(crate) fn take_from(finding: &mut Finding, file: &str, line: &ResultLine) {
    file.clone_into(&mut finding.file);
    finding.line = line.line;
    finding.code.clone_from(&line.code);
    finding.reason.clone_from(&line.reason);
    finding.in_file = line.values.clone();
    finding.id_in_file.clone_from(&line.transaction_id);
}

/// The name of a refund in the id of its finding.
fn name_of(ours: Option<&Refund>, line: &RefundLine) -> String {
    let ours = ours.map(|ours| ours.id).or(line.refund_id);
    let request_id = line.request_id.as_ref();
    ours.map(|id| id.to_string())
        .or_else(|| request_id.map(ToString::to_string))
        .unwrap_or_default()
}
