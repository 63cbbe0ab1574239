//! A refund, by three words: our record, the core's statement, and the core's answer about it.

use domain::{Day, Refund, RefundState};

use super::{InStatement, Judgement, is_before, is_well_within};
use crate::classify::MismatchReason;

/// The core's answer about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreRefund {
    /// It gave the money back.
    Succeeded,
    /// It gave no money back, and will not.
    Rejected,
    /// It is under way.
    Pending,
    /// It has never seen this id.
    NeverSeen,
    /// No clear answer.
    Unknown,
}

/// Whether the core must be asked about a refund before it can be judged.
#[must_use]
pub fn asks_core(ours: Option<&Refund>, statement: InStatement) -> bool {
    statement == InStatement::Never && ours.is_some_and(|refund| refund.back_at().is_some())
}

/// Judges a refund. `core` is its answer about it, if it was asked.
#[must_use]
pub fn judge(
    ours: Option<&Refund>,
    statement: InStatement,
    core: Option<CoreRefund>,
    day: Day,
) -> Judgement {
    let Some(refund) = ours else {
        return match statement {
            InStatement::Never => Judgement::matched(MismatchReason::Agree),
            InStatement::Once(_) | InStatement::Often { .. } => {
                Judgement::review(MismatchReason::GivenBackWithoutUs)
            }
        };
    };
    match statement {
        InStatement::Often { .. } => Judgement::review(MismatchReason::GivenBackTwice),
        InStatement::Once(amount) if amount != refund.amount => {
            Judgement::review(MismatchReason::GivenBackOtherAmount)
        }
        // It was given back, and days later once more.
        InStatement::Once(_) if refund.back_at().is_some_and(|at| is_before(at, day)) => {
            Judgement::review(MismatchReason::GivenBackTwice)
        }
        InStatement::Once(_) => match refund.state {
            RefundState::Succeeded { .. } => Judgement::matched(MismatchReason::Agree),
            // core-worker asks the core until it has an answer.
            RefundState::Reserved(_) | RefundState::Unknown(_) => {
                Judgement::undecided(MismatchReason::RefundInProgress)
            }
            RefundState::Rejected { .. } => {
                Judgement::review(MismatchReason::GivenBackThoughRejected)
            }
        },
        InStatement::Never => {
            let Some(back_at) = refund.back_at() else {
                return Judgement::matched(MismatchReason::Agree);
            };
            match core {
                Some(CoreRefund::Succeeded) if is_well_within(back_at, day) => {
                    Judgement::review(MismatchReason::StatementLacksRefund)
                }
                Some(CoreRefund::Succeeded) => Judgement::matched(MismatchReason::OnAnotherDay),
                Some(CoreRefund::Rejected | CoreRefund::NeverSeen) => {
                    Judgement::review(MismatchReason::RefundNotAtCore)
                }
                Some(CoreRefund::Pending | CoreRefund::Unknown) | None => {
                    Judgement::undecided(MismatchReason::NoClearAnswerOfCore)
                }
            }
        }
    }
}
