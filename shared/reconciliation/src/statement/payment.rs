//! A payment, by four words: our record, the core's statement, the core's answer about it, and Tiki's look-up.

use domain::{Day, LookUpAnswer, PaymentAnswer, Status, Timestamp, Transaction};

use super::{InStatement, Judgement, is_before, is_well_within};
use crate::classify::{Kind, MismatchReason};

/// Whether the core must be asked about a payment before it can be judged.
#[must_use]
pub fn asks_core(ours: Option<&Transaction>, statement: InStatement) -> bool {
    ours.is_some_and(|t| match statement {
        InStatement::Often { .. } => false,
        InStatement::Once(amount) => amount == t.order().amount && t.money_taken().is_none(),
        InStatement::Never => t.money_taken().is_some(),
    })
}

/// Judges a payment. `core` is its answer about it, if it was asked; `tiki` the look-up, if there was one.
#[must_use]
pub fn judge(
    ours: Option<&Transaction>,
    statement: InStatement,
    core: Option<&PaymentAnswer>,
    tiki: Option<LookUpAnswer>,
    day: Day,
) -> Judgement {
    let Some(t) = ours else {
        return match statement {
            InStatement::Never => Judgement::matched(MismatchReason::NobodyPaid),
            InStatement::Once(_) | InStatement::Often { .. } => {
                Judgement::review(MismatchReason::TakenAndUnknownHere)
            }
        };
    };
    match (statement, t.money_taken()) {
        (InStatement::Often { .. }, _) => Judgement::review(MismatchReason::TakenTwice),
        (InStatement::Once(amount), _) if amount != t.order().amount => {
            Judgement::review(MismatchReason::TakenOtherAmount)
        }
        // It was taken, and days later once more.
        (InStatement::Once(_), Some(ours)) if is_before(ours.paid_at, day) => {
            Judgement::review(MismatchReason::TakenTwice)
        }
        (InStatement::Once(_), Some(_)) => Judgement::matched(MismatchReason::Agree),
        (InStatement::Once(_), None) => taken_and_not_here(t, core),
        (InStatement::Never, None) => Judgement::matched(MismatchReason::NobodyPaid),
        (InStatement::Never, Some(ours)) => here_and_not_taken(t, core, tiki, (ours.paid_at, day)),
    }
}

/// Only the statement has it. If the core confirms it, it is recorded, and then our record has it, too.
fn taken_and_not_here(t: &Transaction, core: Option<&PaymentAnswer>) -> Judgement {
    match core {
        Some(PaymentAnswer::Paid { amount, .. }) if *amount == t.order().amount => {
            Judgement::undecided(MismatchReason::PaymentUnreported)
        }
        Some(PaymentAnswer::Paid { .. }) => Judgement::review(MismatchReason::TakenOtherAmount),
        Some(PaymentAnswer::NotPaid | PaymentAnswer::Failed { .. }) => {
            Judgement::review(MismatchReason::CoreContradictsStatement)
        }
        Some(PaymentAnswer::Pending | PaymentAnswer::Unreadable | PaymentAnswer::Unknown)
        | None => Judgement::undecided(MismatchReason::NoClearAnswerOfCore),
    }
}

/// Only our record has it.
fn here_and_not_taken(
    t: &Transaction,
    core: Option<&PaymentAnswer>,
    tiki: Option<LookUpAnswer>,
    (paid_at, day): (Timestamp, Day),
) -> Judgement {
    match core {
        Some(PaymentAnswer::Paid { amount, .. }) if *amount != t.order().amount => {
            Judgement::review(MismatchReason::TakenOtherAmount)
        }
        Some(PaymentAnswer::Paid { details, .. }) => {
            if is_well_within(details.paid_at.unwrap_or(paid_at), day) {
                Judgement::review(MismatchReason::StatementLacksPayment)
            } else {
                Judgement::matched(MismatchReason::OnAnotherDay)
            }
        }
        Some(PaymentAnswer::NotPaid | PaymentAnswer::Failed { .. }) => {
            let at_tiki = matches!(tiki, Some(LookUpAnswer::Found(Status::Success, _)));
            Judgement {
                kind: if at_tiki {
                    Kind::OrderWithoutMoney
                } else {
                    Kind::NeedsReview
                },
                mismatch: MismatchReason::NotTakenAtCore,
            }
        }
        Some(PaymentAnswer::Pending | PaymentAnswer::Unreadable | PaymentAnswer::Unknown)
        | None => Judgement::undecided(MismatchReason::NoClearAnswerOfCore),
    }
}
