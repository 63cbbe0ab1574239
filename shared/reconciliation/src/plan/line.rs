//! A line of a result file: what it means beside our record, and what its finding then says.

use domain::{Refund, Timestamp, Transaction, TransactionId};

use super::import::Reading;
use crate::classify::{Kind, MismatchReason};
use crate::compare;
use crate::record::{Claim, Finding, Ours, Subject, Values};
use crate::result::{Read, RefundLine, ResultLine, Unreadable};

/// What to do with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinePlan {
    /// It says what we have.
    Matched,
    /// Tiki is asked about the payment, and the finding gets what the line says.
    LookUp(ResultLine),
    /// Nobody can be asked about a refund: what the file says is a finding.
    Refund(Box<AboutRefund>),
    /// It cannot be read, which is a finding.
    Unreadable(Unreadable),
}

/// A line about a refund that does not say what we have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AboutRefund {
    subject: Subject,
    transaction_id: Option<TransactionId>,
    ours: Option<Ours>,
    mismatch: MismatchReason,
    line: ResultLine,
}

impl LinePlan {
    /// What a line means beside the transaction that it names, if we have it.
    #[must_use]
    pub fn of(read: Read, found: Option<&Transaction>) -> Self {
        let line = match read {
            Err(unreadable) => return Self::Unreadable(unreadable),
            Ok(line) => line,
        };
        match &line.refund {
            None if compare::payment_matches(found, &line) => Self::Matched,
            None => Self::LookUp(line),
            Some(refund) => {
                let mismatch = compare::refund(found, &line, refund);
                if mismatch == MismatchReason::Agree {
                    return Self::Matched;
                }
                let of_ours = found.and_then(|t| compare::our_refund(t, refund));
                let ours = found.map(|t| Ours {
                    status: t.status(),
                    amount: of_ours.map(|ours| ours.amount),
                });
                Self::Refund(Box::new(AboutRefund {
                    subject: Subject::Refund {
                        tiki_id: line.tiki_id.clone(),
                        refund: name_of(of_ours, refund),
                    },
                    transaction_id: found.map(Transaction::id),
                    ours,
                    mismatch,
                    line,
                }))
            }
        }
    }
}

impl AboutRefund {
    /// What its finding is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Brings its finding up to date.
    pub fn record(&self, finding: &mut Finding, reading: Reading<'_>, now: Timestamp) {
        let mut claim = claim_of(&self.line, reading, now);
        let refund = self.line.refund.as_ref();
        claim.values.amount = refund.and_then(|refund| refund.amount);
        finding.claims.insert(reading.file.to_owned(), claim);
        finding.transaction_id = self.transaction_id;
        finding.ours = self.ours;
        finding.look(now, Kind::NeedsReview, self.mismatch);
    }
}

/// What a line about a payment says, for its finding.
#[must_use]
pub fn claim_of(line: &ResultLine, reading: Reading<'_>, now: Timestamp) -> Claim {
    Claim {
        reading: reading.number,
        heard_at: now,
        line: line.line,
        code: line.code.clone(),
        reason: line.reason.clone(),
        values: line.values.clone(),
        id: line.transaction_id.clone(),
        withdrawn: false,
    }
}

/// Notes what a line says of its payment. If another line of this reading has an id of ours for it that is not ours, that
/// one is kept: one wrong line is not made good by a right one beside it.
pub fn hear(finding: &mut Finding, file: &str, claim: Claim, ours: TransactionId) {
    let known = finding.claims.get(file);
    let known = known.filter(|known| known.reading == claim.reading && !known.withdrawn);
    let of_ours = known.is_none_or(|known| compare::is_ours(ours, known.id.as_deref()));
    if of_ours {
        finding.claims.insert(file.to_owned(), claim);
    }
}

/// The finding of a line that cannot be read. Another reading of the file may have another line there, which is a
/// finding of its own; `None` if this reading has reported it.
#[must_use]
pub fn unreadable(
    known: Option<&Finding>,
    unreadable: &Unreadable,
    reading: Reading<'_>,
    now: Timestamp,
) -> Option<Finding> {
    let seen = known.and_then(|known| known.claims.get(reading.file));
    if seen.is_some_and(|claim| claim.reading >= reading.number) {
        return None;
    }
    let subject = subject_of(unreadable, reading);
    let mut finding = Finding::new(reading.day, subject, now);
    let claim = Claim {
        reading: reading.number,
        heard_at: now,
        line: unreadable.line,
        code: String::new(),
        reason: unreadable.reason(),
        values: Values::default(),
        id: None,
        withdrawn: false,
    };
    finding.claims.insert(reading.file.to_owned(), claim);
    finding.look(now, Kind::NeedsReview, MismatchReason::UnreadableLine);
    Some(finding)
}

/// The line, or the whole file.
#[must_use]
pub fn subject_of(unreadable: &Unreadable, reading: Reading<'_>) -> Subject {
    Subject::Line {
        file: reading.file.to_owned(),
        line: unreadable.line,
    }
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
