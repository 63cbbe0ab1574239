//! A line of a result file: each comes to an outcome.

use domain::TransactionId;
use reconciliation::classify::Kind;
use reconciliation::plan::import::Reading;
use reconciliation::plan::line::{self, LinePlan};
use reconciliation::record::{Finding, Subject};
use reconciliation::result::{Read, ResultLine, Unreadable};
use store::{Key, StoreError, Versioned};

use crate::Reconcile;

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
                let day = reading.day;
                self.update_finding(day, about.subject(), false, |finding, now| {
                    about.record(finding, reading, now);
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
        // What both sides agree on is a finding, too, since the file differs.
        self.update_finding(reading.day, &subject, false, |finding, now| {
            let claim = line::claim_of(&line, reading, now);
            line::hear(finding, reading.file, claim, comparison.id);
            comparison.record(finding, now);
        })
        .await?;
        Ok(())
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

    /// What the file said in an earlier reading, and does not say any more, ends: a refund, an unreadable line, an id. The
    /// sides' status and amount are Tiki's to say, so a payment is looked up again.
    pub(crate) async fn withdraw_old_claims(&self, reading: Reading<'_>) -> anyhow::Result<()> {
        let withdraw = |finding: &mut Finding| {
            finding.withdraw(reading.file, reading.number, self.clock.now())
        };
        let mut pages = self.findings_of(reading.day);
        while let Some(page) = pages.next().await? {
            for Versioned {
                record: mut known, ..
            } in page
            {
                let key = Key::finding(reading.day, &known.subject);
                if !withdraw(&mut known) {
                    continue;
                }
                self.records
                    .update::<_, StoreError>(&key, |known| {
                        Ok(known.and_then(|mut finding| withdraw(&mut finding).then_some(finding)))
                    })
                    .await?;
            }
        }
        Ok(())
    }
}
