//! A line of a result file beside our record: whether they agree, before anybody is asked.
//!
//! About a payment Tiki is asked, and its answer decides ([`crate::classify`]). About a refund a look-up says nothing,
//! so what the file says stays until a person, or a later file, says otherwise.

use domain::{Refund, Transaction, TransactionId};

use crate::classify::{Classification, Kind, MismatchReason};
use crate::record::{Values, ours};
use crate::result::{RefundLine, ResultLine, Verdict};

/// Whether a line about a payment says what we have. With the code of a match, what the line leaves out agrees;
/// without a code, it must have status and amount. A payment that is not final agrees with nothing.
#[must_use]
pub fn payment_matches(t: Option<&Transaction>, line: &ResultLine) -> bool {
    let Some(t) = t.filter(|t| t.final_at().is_some()) else {
        return false;
    };
    let complete = line.values.status.is_some() && line.values.amount_vnd.is_some();
    let says_so = match line.verdict {
        Some(Verdict::Match) => true,
        None => complete,
        Some(Verdict::OnlyPartner | Verdict::OnlyTiki | Verdict::Differs) => false,
    };
    says_so
        && is_ours(t.id(), line.transaction_id.as_deref())
        && agree(&line.values, &ours(t.status(), t.order().amount))
}

/// What a look-up does not cover, it cannot close: if the file has another id of ours for the transaction, the sides do
/// not agree, whatever Tiki answers.
#[must_use]
pub fn with_id_in_file(
    classification: Classification,
    t: Option<&Transaction>,
    id_in_file: Option<&str>,
) -> Classification {
    let other = t.is_some_and(|t| !is_ours(t.id(), id_in_file));
    if other && classification.kind == Kind::Matched {
        return Classification {
            kind: Kind::NeedsReview,
            mismatch: MismatchReason::OtherTransactionId,
            ..classification
        };
    }
    classification
}

/// Our refund, if we have the one of a line.
#[must_use]
pub fn our_refund<'t>(t: Option<&'t Transaction>, line: &RefundLine) -> Option<&'t Refund> {
    let mut refunds = t?.refunds().iter();
    refunds.find(|refund| {
        let by_id = line.refund_id.map(|id| id == refund.id);
        let by_request = line
            .request_id
            .as_ref()
            .map(|id| Some(id) == refund.origin.request_id());
        // Each id that the line has must be this refund's.
        by_id.unwrap_or(true) && by_request.unwrap_or(true)
    })
}

/// What a line about a refund says beside our refund.
#[must_use]
pub fn refund(
    ours: Option<&Refund>,
    line: &RefundLine,
    verdict: Option<Verdict>,
) -> MismatchReason {
    let Some(ours) = ours else {
        return match verdict {
            // Tiki says that only we have it.
            Some(Verdict::OnlyPartner) => MismatchReason::RefundDiffers,
            Some(Verdict::Match | Verdict::OnlyTiki | Verdict::Differs) | None => {
                MismatchReason::RefundOnlyAtTiki
            }
        };
    };
    let same_amount = match line.amount {
        Some(amount) => amount == ours.amount,
        None => verdict == Some(Verdict::Match),
    };
    let agrees = same_amount && ours.back_at().is_some();
    match verdict {
        Some(Verdict::Match | Verdict::OnlyTiki) | None if agrees => MismatchReason::Agree,
        Some(Verdict::OnlyPartner) => MismatchReason::RefundOnlyHere,
        Some(Verdict::Match | Verdict::OnlyTiki | Verdict::Differs) | None => {
            MismatchReason::RefundDiffers
        }
    }
}

fn is_ours(id: TransactionId, in_file: Option<&str>) -> bool {
    in_file.is_none_or(|text| text.parse() == Ok(id))
}

fn agree(in_file: &Values, ours: &Values) -> bool {
    let status = in_file.status.is_none() || in_file.status == ours.status;
    status && (in_file.amount_vnd.is_none() || in_file.amount_vnd == ours.amount_vnd)
}
