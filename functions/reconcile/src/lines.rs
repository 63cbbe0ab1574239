//! A line of a result file: each comes to an outcome.

use anyhow::bail;
use domain::{Day, Refund, TransactionId};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::compare;
use reconciliation::record::{Claim, Closed, Finding, Subject, Values};
use reconciliation::result::{Read, RefundLine, ResultLine, Unreadable};
use store::{Record, Versioned, Written, day_partition};

use crate::Reconcile;

/// The attempts at one finding that others are changing too.
pub(crate) const MAX_WRITE_ATTEMPTS: usize = 5;

/// The findings that one request reads.
const FINDINGS_PER_PAGE: u16 = 200;

/// The outcome of a line.
pub(crate) enum LineOutcome {
    Matched,
    Finding,
    Unreadable,
}

/// One reading of a file, from its first line to its last, over as many runs as it takes.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'f> {
    pub(crate) day: Day,
    pub(crate) file: &'f str,
    /// [`reconciliation::record::Received::reading`]
    pub(crate) number: u64,
}

impl Reconcile {
    pub(crate) async fn process_line(
        &self,
        reading: Reading<'_>,
        read: Read,
    ) -> anyhow::Result<LineOutcome> {
        match read {
            Err(unreadable) => {
                self.report_line(reading, unreadable).await?;
                Ok(LineOutcome::Unreadable)
            }
            Ok(line) => match line.refund.clone() {
                None => self.process_payment(reading, line).await,
                Some(refund) => self.process_refund(reading, &line, &refund).await,
            },
        }
    }

    /// A line that says what we have ends here. About any other Tiki is asked.
    async fn process_payment(
        &self,
        reading: Reading<'_>,
        line: ResultLine,
    ) -> anyhow::Result<LineOutcome> {
        let id = TransactionId::derive(&line.tiki_id);
        let found = self.transactions.load(id).await?;
        if compare::payment_matches(found.as_ref(), &line) {
            return Ok(LineOutcome::Matched);
        }
        self.check_line(reading, line).await?;
        Ok(LineOutcome::Finding)
    }

    /// Nobody can be asked about a refund: what a file says stays, until the file comes without it.
    async fn process_refund(
        &self,
        reading: Reading<'_>,
        line: &ResultLine,
        refund: &RefundLine,
    ) -> anyhow::Result<LineOutcome> {
        let id = TransactionId::derive(&line.tiki_id);
        let found = self.transactions.load(id).await?;
        let ours = found.as_ref().and_then(|t| compare::our_refund(t, refund));
        let mismatch = compare::refund(found.as_ref(), line, refund);
        if mismatch == MismatchReason::Agree {
            return Ok(LineOutcome::Matched);
        }
        let subject = Subject::Refund {
            tiki_id: line.tiki_id.clone(),
            refund: name_of(ours, refund),
        };
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let known = self.finding(reading.day, &subject).await?;
            let now = self.clock.now().unix_ms();
            let (mut finding, version) = known_or_new(known, &subject, reading, line.line, now);
            take_from(&mut finding, reading, line);
            finding.transaction_id = found.as_ref().map(|t| t.id().to_string());
            let amount_vnd = refund.amount.map(domain::Vnd::get);
            finding.in_file.amount_vnd = amount_vnd;
            if let Some(claim) = finding.claims.get_mut(reading.file) {
                claim.values.amount_vnd = amount_vnd;
            }
            finding.ours = Values {
                status: found.as_ref().map(|t| t.status().as_str().to_owned()),
                amount_vnd: ours.map(|ours| ours.amount.get()),
            };
            finding.look(now, Kind::NeedsReview, mismatch);
            if let Written::Stored(_) = self.records.put(finding, version).await? {
                metrics::FINDINGS.count(&[Kind::NeedsReview.as_str()]);
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

    /// Makes a finding of a line that cannot be read.
    pub(crate) async fn report_line(
        &self,
        reading: Reading<'_>,
        line: Unreadable,
    ) -> anyhow::Result<()> {
        let reason = match &line.column {
            Some(column) => format!("{column} {}", line.problem),
            None => line.problem,
        };
        let subject = Subject::Line {
            file: reading.file.to_owned(),
            line: line.line,
        };
        for _ in 0..MAX_WRITE_ATTEMPTS {
            let known = self.finding(reading.day, &subject).await?;
            let now = self.clock.now().unix_ms();
            let seen_before = known.as_ref().is_some_and(|known| {
                let claim = known.record.claims.get(reading.file);
                claim.is_some_and(|claim| claim.reading >= reading.number)
            });
            if seen_before {
                return Ok(());
            }
            let version = known.map(|known| known.version);
            // Another reading has another line there: it is a finding of its own.
            let mut finding =
                Finding::new(reading.day, subject.clone(), reading.file, line.line, now);
            finding.reason.clone_from(&reason);
            claim(&mut finding, reading, None);
            finding.look(now, Kind::NeedsReview, MismatchReason::UnreadableLine);
            if let Written::Stored(_) = self.records.put(finding, version).await? {
                metrics::FINDINGS.count(&[Kind::NeedsReview.as_str()]);
                return Ok(());
            }
        }
        bail!("the finding of {subject} is being changed by others")
    }

    /// What the file said in an earlier reading, and does not say any more, ends: a refund, an unreadable line, an id. The
    /// sides' status and amount are Tiki's to say, so a payment is looked up again.
    pub(crate) async fn withdraw_old_claims(&self, reading: Reading<'_>) -> anyhow::Result<()> {
        let partition = day_partition(reading.day);
        let mut after = None;
        loop {
            let (page, next) = self
                .records
                .page::<Finding>(&partition, after, FINDINGS_PER_PAGE)
                .await?;
            for Versioned {
                record: mut finding,
                version,
            } in page
            {
                let old = |claim: &Claim| claim.reading < reading.number;
                if !finding.claims.get(reading.file).is_some_and(old) {
                    continue;
                }
                finding.claims.remove(reading.file);
                let only_by_file = finding.subject.payment().is_none();
                if only_by_file && finding.claims.is_empty() && finding.is_open() {
                    finding.closed = Some(Closed {
                        at: self.clock.now().unix_ms(),
                        by: "reconcile".to_owned(),
                        reason: "the file has come again without it".to_owned(),
                        by_run: true,
                    });
                }
                // If the write is refused, another writer has just changed it: a person, or a check.
                if let Written::Conflict(_) = self.records.put(finding, Some(version)).await? {
                    bail!("a finding of {} is being changed by others", reading.file);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// The finding that is known, with its version, or a new one.
pub(crate) fn known_or_new(
    known: Option<Versioned<Finding>>,
    subject: &Subject,
    reading: Reading<'_>,
    line: u64,
    now: i64,
) -> (Finding, Option<u64>) {
    let (known, version) = known.map(|known| (known.record, known.version)).unzip();
    let new = || Finding::new(reading.day, subject.clone(), reading.file, line, now);
    (known.unwrap_or_else(new), version)
}

/// What the finding of a line has from the line.
pub(crate) fn take_from(finding: &mut Finding, reading: Reading<'_>, line: &ResultLine) {
    reading.file.clone_into(&mut finding.file);
    finding.line = line.line;
    finding.code.clone_from(&line.code);
    finding.reason.clone_from(&line.reason);
    finding.in_file = line.values.clone();
    finding.id_in_file.clone_from(&line.transaction_id);
    claim(finding, reading, Some(line));
}

fn claim(finding: &mut Finding, reading: Reading<'_>, line: Option<&ResultLine>) {
    let claim = Claim {
        reading: reading.number,
        code: line.map(|line| line.code.clone()).unwrap_or_default(),
        values: line.map(|line| line.values.clone()).unwrap_or_default(),
        id: line.and_then(|line| line.transaction_id.clone()),
    };
    finding.claims.insert(reading.file.to_owned(), claim);
}

/// The name of a refund in the id of its finding.
fn name_of(ours: Option<&Refund>, line: &RefundLine) -> String {
    let request_id = line.request_id.as_ref().map(ToString::to_string);
    let refund_id = line.refund_id.map(|id| id.to_string());
    match ours {
        Some(ours) => ours.id.to_string(),
        // If both are there, they may be of two refunds of ours: the name is of neither.
        None => [refund_id, request_id]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("+"),
    }
}
