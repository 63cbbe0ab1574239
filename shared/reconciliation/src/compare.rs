//! A line of a result file beside our record: whether they agree, before anybody is asked.
//!
//! About a payment Tiki is asked, and its answer decides ([`crate::classify`]). About a refund a look-up says nothing,
//! so what a file says stays until a person has closed it, or the file comes without it.

use domain::{PaymentState, Refund, Timestamp, Transaction, TransactionId};

use crate::classify::{Classification, Kind, MismatchReason};
use crate::record::{Ours, Values};
use crate::result::{RefundLine, ResultLine, Verdict};

/// Whether a line about a payment says what we have. With the code of a match, what the line leaves out agrees;
/// without a code, it must have status and amount. A payment that is not final agrees with nothing. Nor does one whose
/// money went back: status and amount do not say whether Tiki keeps an order for it, so Tiki is asked.
#[must_use]
pub fn payment_matches(t: Option<&Transaction>, line: &ResultLine) -> bool {
    let Some(t) = t.filter(|t| t.final_at().is_some()) else {
        return false;
    };
    if matches!(t.payment(), PaymentState::Reversed { .. }) {
        return false;
    }
    let complete = line.values.status.is_some() && line.values.amount.is_some();
    let says_so = match line.verdict {
        Some(Verdict::Match) => true,
        // A reason says that something is wrong, whatever the values are.
        None => {
            complete && line.reason.is_empty() && !line.lacks_transaction_id && same_times(t, line)
        }
        Some(Verdict::OnlyPartner | Verdict::OnlyTiki | Verdict::Differs) => false,
    };
    says_so && is_ours(t.id(), line.transaction_id.as_deref()) && agree(&line.values, Ours::of(t))
}

/// What a look-up does not cover, it cannot close: if a file has another id of ours for the transaction, the sides do
/// not agree, whatever Tiki answers.
#[must_use]
pub fn with_id_in_file(
    classification: Classification,
    id: TransactionId,
    ids_in_files: &[&str],
) -> Classification {
    let nobody_paid = classification.mismatch == MismatchReason::NobodyPaid;
    let other = ids_in_files.iter().any(|in_file| {
        // Of what nobody has paid, Tiki may have a word of its own; but an id like ours is of another payment.
        let like_ours = in_file.parse::<TransactionId>().is_ok();
        !is_ours(id, Some(in_file)) && (like_ours || !nobody_paid)
    });
    if other && classification.kind == Kind::Matched {
        return Classification {
            kind: Kind::NeedsReview,
            mismatch: MismatchReason::OtherTransactionId,
            requeue: false,
        };
    }
    classification
}

/// Whether the times of a line are ours. In another form than ours they say nothing.
fn same_times(t: &Transaction, line: &ResultLine) -> bool {
    let ours = [Some(t.created_at()), t.final_at()].map(|at| at.map(Timestamp::on_vietnams_clock));
    let in_our_form = |text: &str| {
        let form = |c: char| if c.is_ascii_digit() { '0' } else { c };
        text.chars().map(form).eq("0000-00-00 00:00:00".chars())
    };
    let pairs = ours.iter().zip(&line.times);
    pairs.into_iter().all(|(ours, theirs)| {
        let theirs = theirs.as_ref().filter(|text| in_our_form(text));
        theirs.is_none() || theirs == ours.as_ref()
    })
}

/// Our refund, if we have the one of a line.
#[must_use]
pub fn our_refund<'t>(t: &'t Transaction, line: &RefundLine) -> Option<&'t Refund> {
    let mut refunds = t.refunds().iter();
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

/// What a line about a refund says beside our refund of our payment.
#[must_use]
pub fn refund(t: Option<&Transaction>, line: &ResultLine, refund: &RefundLine) -> MismatchReason {
    let verdict = line.verdict;
    let one_known = t.into_iter().flat_map(Transaction::refunds).any(|ours| {
        let by_request = refund.request_id.as_ref() == ours.origin.request_id();
        Some(ours.id) == refund.refund_id || (by_request && refund.request_id.is_some())
    });
    let Some((t, ours)) = t.and_then(|t| Some((t, our_refund(t, refund)?))) else {
        return match verdict {
            // Its two ids are of two refunds.
            _ if one_known => MismatchReason::RefundDiffers,
            // Tiki says that only we have it.
            Some(Verdict::OnlyPartner) => MismatchReason::RefundDiffers,
            Some(Verdict::Match | Verdict::OnlyTiki | Verdict::Differs) | None => {
                MismatchReason::RefundOnlyAtTiki
            }
        };
    };
    let same_amount = match refund.amount {
        Some(amount) => amount == ours.amount,
        None => verdict == Some(Verdict::Match),
    };
    let agrees = same_amount
        && ours.back_at().is_some()
        && is_ours(t.id(), line.transaction_id.as_deref())
        && agree(&line.values, Ours::of(t))
        && (verdict.is_some() || line.reason.is_empty());
    match verdict {
        Some(Verdict::Match | Verdict::OnlyTiki) | None if agrees => MismatchReason::Agree,
        Some(Verdict::OnlyPartner) => MismatchReason::RefundOnlyHere,
        Some(Verdict::Match | Verdict::OnlyTiki | Verdict::Differs) | None => {
            MismatchReason::RefundDiffers
        }
    }
}

pub(crate) fn is_ours(id: TransactionId, in_file: Option<&str>) -> bool {
    in_file.is_none_or(|text| text.parse() == Ok(id))
}

fn agree(in_file: &Values, ours: Ours) -> bool {
    let status = in_file.status.as_deref();
    let amount = in_file.amount;
    status.is_none_or(|status| status == ours.status.as_str())
        && (amount.is_none() || amount == ours.amount)
}
