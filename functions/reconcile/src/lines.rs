//! A line of a result file: each comes to an outcome.

use domain::TransactionId;
use reconciliation::classify::Kind;
use reconciliation::plan::import::Reading;
use reconciliation::plan::line::{self, LinePlan};
use reconciliation::record::{Finding, Subject};
use reconciliation::result::{Read, ResultLine, Unreadable};
use store::{Key, StoreError, day_partition};

use crate::Reconcile;

/// The findings that one request reads.
pub(crate) const FINDINGS_PER_PAGE: u16 = 200;

/// The outcome of a line.
pub(crate) enum LineOutcome {
    Matched,
    Finding,
    Unreadable,
}

impl Reconcile {
    /// A line that says what we have ends here. About any other payment Tiki is asked; about a refund nobody can be, so
    /// what a file says of one stays, until the file comes without it.
    pub(crate) async fn process_line(
        &self,
        reading: Reading<'_>,
        read: Read,
    ) -> anyhow::Result<LineOutcome> {
        let found = match &read {
            Ok(line) => {
                let id = TransactionId::derive(&line.tiki_id);
                self.transactions.load(id).await?
            }
            Err(_) => None,
        };
        match LinePlan::of(read, found.as_ref()) {
            LinePlan::Matched => Ok(LineOutcome::Matched),
            LinePlan::LookUp(line) => {
                self.check_line(reading, line).await?;
                Ok(LineOutcome::Finding)
            }
            LinePlan::Refund(about) => {
                self.update_finding(reading, about.subject(), |finding| {
                    about.record(finding, reading, self.clock.now());
                })
                .await?;
                Ok(LineOutcome::Finding)
            }
            LinePlan::Unreadable(unreadable) => {
                self.report_line(reading, &unreadable).await?;
                Ok(LineOutcome::Unreadable)
            }
        }
    }

    /// Asks Tiki about the payment of a line, and records what both say.
    async fn check_line(&self, reading: Reading<'_>, line: ResultLine) -> anyhow::Result<()> {
        let comparison = self.compare(&line.tiki_id).await?;
        let subject = Subject::Payment {
            tiki_id: line.tiki_id.clone(),
        };
        self.update_finding(reading, &subject, |finding| {
            let now = self.clock.now();
            let claim = line::claim_of(&line, reading, now);
            finding.claims.insert(reading.file.to_owned(), claim);
            comparison.record(finding, now);
        })
        .await
    }

    /// Makes a finding of a line that cannot be read.
    pub(crate) async fn report_line(
        &self,
        reading: Reading<'_>,
        unreadable: &Unreadable,
    ) -> anyhow::Result<()> {
        let subject = line::subject_of(unreadable, reading);
        let key = Key::finding(reading.day, &subject);
        let reported = self
            .records
            .update::<_, StoreError>(&key, |known| {
                let now = self.clock.now();
                Ok(line::unreadable(known.as_ref(), unreadable, reading, now))
            })
            .await?;
        if reported.is_some() {
            metrics::FINDINGS.count(&[Kind::NeedsReview.as_str()]);
        }
        Ok(())
    }

    /// Brings the finding of a line up to date, or makes it.
    async fn update_finding(
        &self,
        reading: Reading<'_>,
        subject: &Subject,
        record: impl Fn(&mut Finding),
    ) -> anyhow::Result<()> {
        let key = Key::finding(reading.day, subject);
        let mut before = None;
        let updated = self
            .records
            .update::<_, StoreError>(&key, |known| {
                let new = || Finding::new(reading.day, subject.clone(), self.clock.now());
                before = known.as_ref().map(|known: &Finding| known.kind);
                let mut finding = known.unwrap_or_else(new);
                record(&mut finding);
                Ok(Some(finding))
            })
            .await?;
        let kind = updated.map(|finding| finding.kind);
        if let Some(kind) = kind.filter(|kind| before != Some(*kind)) {
            metrics::FINDINGS.count(&[kind.as_str()]);
        }
        Ok(())
    }

    /// What the file said in an earlier reading, and does not say any more, ends: a refund, an unreadable line, an id. The
    /// sides' status and amount are Tiki's to say, so a payment is looked up again.
    pub(crate) async fn withdraw_old_claims(&self, reading: Reading<'_>) -> anyhow::Result<()> {
        let partition = day_partition(reading.day);
        let withdraw = |finding: &mut Finding| {
            finding.withdraw(reading.file, reading.number, self.clock.now())
        };
        let mut after = None;
        loop {
            let (page, next) = self
                .records
                .page::<Finding>(&partition, after, FINDINGS_PER_PAGE)
                .await?;
            for known in page {
                if !withdraw(&mut known.record.clone()) {
                    continue;
                }
                let key = Key::finding(reading.day, &known.record.subject);
                self.records
                    .update::<_, StoreError>(&key, |known| {
                        Ok(known.and_then(|mut finding| withdraw(&mut finding).then_some(finding)))
                    })
                    .await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}
