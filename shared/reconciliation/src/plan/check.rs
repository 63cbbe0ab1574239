//! A look-up at Tiki: what it means for a finding, at first and again.

use std::time::Duration;

use domain::{LookUpAnswer, TikiTransactionId, Timestamp, Transaction, TransactionId};

use crate::classify::{Classification, Kind, MismatchReason, classify};
use crate::compare::with_id_in_file;
use crate::record::{Finding, Ours};

/// The time that Tiki has for a clear answer, before the finding needs review.
pub const CLEAR_ANSWER_TIMEOUT: Duration = Duration::from_hours(24);

/// Both sides of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Our id of the transaction, whether we have it or not.
    pub id: TransactionId,
    /// Our side, if we have the transaction.
    pub ours: Option<Ours>,
    /// Tiki's answer to the look-up.
    pub tiki: LookUpAnswer,
    /// What follows from both.
    pub classification: Classification,
}

/// What is undecided for too long needs review.
pub(super) fn or_review(kind: Kind, finding: &Finding, now: Timestamp) -> Kind {
    let unclear = finding.history.iter().rev();
    let unclear = unclear.take_while(|step| step.mismatch.is_unclear()).last();
    let unclear_for = unclear.map_or(Duration::ZERO, |step| now.since(step.at));
    if kind == Kind::Undecided && unclear_for > CLEAR_ANSWER_TIMEOUT {
        Kind::NeedsReview
    } else {
        kind
    }
}

impl Comparison {
    /// Compares our record, read before Tiki was asked, with Tiki's answer.
    #[must_use]
    pub fn of(
        tiki_id: &TikiTransactionId,
        found: Option<&Transaction>,
        tiki: LookUpAnswer,
    ) -> Self {
        Self {
            id: TransactionId::derive(tiki_id),
            ours: found.map(Ours::of),
            tiki,
            classification: classify(found, tiki),
        }
    }

    /// The notification could not be queued again: it was, as often as allowed.
    pub fn is_given_up(&mut self) {
        if self.classification.kind != Kind::Matched {
            self.classification.kind = Kind::NeedsReview;
            self.classification.mismatch = MismatchReason::GivenUp;
        }
    }

    /// Brings a finding up to date. The answer is whether its state is new.
    pub fn record(&self, finding: &mut Finding, now: Timestamp) -> bool {
        let ids = finding
            .present_claims()
            .filter_map(|(_, claim)| claim.id.as_deref());
        let ids: Vec<&str> = ids.collect();
        let Classification {
            mut kind, mismatch, ..
        } = with_id_in_file(self.classification, self.id, &ids);
        kind = or_review(kind, finding, now);
        finding.transaction_id = self.ours.map(|_| self.id);
        finding.ours = self.ours;
        finding.tiki = Some(self.tiki);
        finding.look(now, kind, mismatch)
    }
}
