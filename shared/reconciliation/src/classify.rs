//! Classifies a finding by our record and Tiki's answer to a look-up.
//!
//! The result file only says where to look; our record and the look-up decide (protocol §4). Nothing here moves
//! money. At most the notification (IPN) is queued again, and then Tiki's answer to it decides by the ordinary
//! rules.

use domain::{DisputeReason, Ipn, LookUpAnswer, PaymentState, Status, Transaction, Vnd};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The state of a finding.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Tiki has the order as paid, and we hold no money for it: goods may go out for nothing.
    OrderWithoutMoney,
    /// The sides differ and no rule decides: it is in the review queue.
    NeedsReview,
    /// Paid here, but Tiki does not have the order and never confirmed it: the payment is reversed.
    Reverse,
    /// Tiki does not have our result: the notification is sent, or sent again.
    Resent,
    /// Tiki gave no clear answer: the look-up is repeated.
    Undecided,
    /// The two sides agree.
    Matched,
}

impl Kind {
    /// Every kind, the most urgent first.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether no rule decides, so that a person closes it when both companies agree.
    #[must_use]
    pub fn is_for_review(self) -> bool {
        matches!(self, Self::OrderWithoutMoney | Self::NeedsReview)
    }

    /// The name in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a finding has its kind.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MismatchReason {
    /// Status and amount are the same.
    Agree,
    /// On neither side is it paid.
    NobodyPaid,
    /// Tiki does not have the order, and the customer has all the money back.
    MoneyIsBack,
    /// Tiki waits for the result, and the notification is being sent.
    NotificationInProgress,
    /// Tiki waits for the result, and the notification was given up: it is queued again.
    QueuedAgain,
    /// Tiki does not have the order: the payment is reversed, at the latest after one more notification.
    BeingReversed,
    /// Tiki gave no clear answer.
    NoClearAnswer,
    /// The line of the result file cannot be read.
    UnreadableLine,
    /// Paid at Tiki; we do not have the transaction.
    UnknownHere,
    /// Paid at Tiki, not here.
    PaidAtTikiOnly,
    /// Paid on both sides, but the amounts differ.
    AmountDiffers,
    /// Paid on both sides, but Tiki gives no amount.
    NoAmountAtTiki,
    /// Tiki confirmed our result, but waits for it again.
    ConfirmedAndForgotten,
    /// Tiki confirmed the payment, but does not have the order now; not all the money went back.
    ConfirmedAndGone,
    /// Reversed because Tiki did not have the order, but now Tiki says that it is paid.
    ReversedAndPaid,
    /// The transaction itself is in the review queue.
    InReview,
    /// The notification was queued again as often as allowed.
    GivenUp,
    /// Tiki says that the look-up is invalid, or that the transaction is another partner's.
    NotOurs,
    /// Status and amount agree, but Tiki's file has another id of ours for the transaction.
    OtherTransactionId,
    /// Tiki's file has the refund with another amount, or says that it differs, or the money is not back here.
    RefundDiffers,
    /// Tiki says that it does not have our refund.
    RefundOnlyHere,
    /// Tiki has a refund that we do not have.
    RefundOnlyAtTiki,
    /// The core took money for a transaction that we do not have.
    TakenAndUnknownHere,
    /// The core took the money twice or more.
    TakenTwice,
    /// The core took another amount.
    TakenOtherAmount,
    /// The core took the money and never reported it: it is recorded, and then the ordinary rules decide.
    PaymentUnreported,
    /// The statement has the payment, and the core says that nobody has paid.
    CoreContradictsStatement,
    /// Paid here, and the core says that nobody has paid.
    NotTakenAtCore,
    /// The core says that it was paid on that day, and its statement does not have it.
    StatementLacksPayment,
    /// It is so near to midnight that it may be in the statement of the day before or after.
    OnAnotherDay,
    /// The core gave no clear answer.
    NoClearAnswerOfCore,
    /// The core gave money back under none of our ids.
    GivenBackWithoutUs,
    /// The core gave the same refund back twice or more.
    GivenBackTwice,
    /// The core gave another amount back.
    GivenBackOtherAmount,
    /// The core gave money back for a refund that it had rejected.
    GivenBackThoughRejected,
    /// The core has given the money back, and our record waits for its answer.
    RefundInProgress,
    /// Our record says that the money is back, and the core does not have the refund.
    RefundNotAtCore,
    /// The core says that the money is back, and its statement does not have it.
    StatementLacksRefund,
}

impl MismatchReason {
    /// Whether a side was asked, and did not answer clearly: the question is repeated.
    #[must_use]
    pub fn is_unclear(self) -> bool {
        matches!(
            self,
            Self::NoClearAnswer
                | Self::NoClearAnswerOfCore
                | Self::PaymentUnreported
                | Self::RefundInProgress
        )
    }

    /// All reasons, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The result for one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The state of the finding.
    pub kind: Kind,
    pub mismatch: MismatchReason,
    /// Whether the notification, which was given up, must be queued again.
    pub requeue: bool,
}

/// Tiki's answer, as far as it matters here.
enum AtTiki {
    Paid(Option<Vnd>),
    Waits,
    Gone,
    NotOurs,
    Unclear,
}

/// Classifies a finding by our record, if we have one, and Tiki's answer to a look-up.
#[must_use]
pub fn classify(ours: Option<&Transaction>, known: LookUpAnswer) -> Classification {
    let at_tiki = match known {
        LookUpAnswer::Found(Status::Success, amount) => AtTiki::Paid(amount),
        LookUpAnswer::Found(Status::Pending, _) => AtTiki::Waits,
        LookUpAnswer::Found(Status::Failure, _)
        | LookUpAnswer::NotFound
        | LookUpAnswer::Cancelled => AtTiki::Gone,
        LookUpAnswer::InvalidRequest | LookUpAnswer::NotOfThisPartner => AtTiki::NotOurs,
        LookUpAnswer::SystemError | LookUpAnswer::Unauthorized | LookUpAnswer::Unclear => {
            AtTiki::Unclear
        }
    };
    match (ours, at_tiki) {
        (_, AtTiki::Unclear) => result(Kind::Undecided, MismatchReason::NoClearAnswer),
        (_, AtTiki::NotOurs) => result(Kind::NeedsReview, MismatchReason::NotOurs),
        (None, AtTiki::Paid(_)) => result(Kind::OrderWithoutMoney, MismatchReason::UnknownHere),
        (None, AtTiki::Waits | AtTiki::Gone) => result(Kind::Matched, MismatchReason::NobodyPaid),
        (Some(t), at_tiki) => match t.payment() {
            PaymentState::Paid { .. } => paid(t, &at_tiki),
            PaymentState::Reversed { .. } => reversed(t, &at_tiki),
            PaymentState::Pending { .. } | PaymentState::Failed { .. } => unpaid(t, &at_tiki),
        },
    }
}

fn unpaid(t: &Transaction, at_tiki: &AtTiki) -> Classification {
    // Whatever else is under review: if we hold no money, goods may go out for nothing.
    let holds_money = t.money_taken().is_some() && t.refunded_amount() < t.order().amount;
    let for_nothing = matches!(at_tiki, AtTiki::Paid(_)) && !holds_money;
    if t.needs_review().is_some() && !for_nothing {
        return result(Kind::NeedsReview, MismatchReason::InReview);
    }
    match (at_tiki, t.ipn()) {
        (AtTiki::Paid(_), _) => result(Kind::OrderWithoutMoney, MismatchReason::PaidAtTikiOnly),
        (AtTiki::Gone, _) => result(Kind::Matched, MismatchReason::NobodyPaid),
        (AtTiki::Waits, Ipn::NotDue) => result(Kind::Matched, MismatchReason::Agree),
        (AtTiki::Waits, Ipn::Queued { .. } | Ipn::Retrying { .. }) => {
            result(Kind::Resent, MismatchReason::NotificationInProgress)
        }
        (AtTiki::Waits, Ipn::Abandoned { .. }) => {
            with_requeue(Kind::Resent, MismatchReason::QueuedAgain)
        }
        (AtTiki::Waits, Ipn::Confirmed { .. }) => {
            result(Kind::NeedsReview, MismatchReason::ConfirmedAndForgotten)
        }
        // Not a state of a payment that was not made: a person must look.
        (AtTiki::Waits, Ipn::Reversing { .. } | Ipn::Disputed { .. } | Ipn::Exhausted { .. })
        | (AtTiki::NotOurs | AtTiki::Unclear, _) => {
            result(Kind::NeedsReview, MismatchReason::InReview)
        }
    }
}

fn paid(t: &Transaction, at_tiki: &AtTiki) -> Classification {
    if !t.raised().is_empty() {
        return result(Kind::NeedsReview, MismatchReason::InReview);
    }
    let all_back = t.refunded_amount() == t.paid_amount();
    match (t.ipn(), at_tiki) {
        (Ipn::Disputed { .. }, _) => result(Kind::NeedsReview, MismatchReason::InReview),
        // Tiki also drops an order after it refunded it in full.
        (_, AtTiki::Gone) if all_back => result(Kind::Matched, MismatchReason::MoneyIsBack),
        (_, AtTiki::Paid(None)) => result(Kind::NeedsReview, MismatchReason::NoAmountAtTiki),
        (_, AtTiki::Paid(Some(amount))) if *amount != t.order().amount => {
            result(Kind::NeedsReview, MismatchReason::AmountDiffers)
        }
        (Ipn::Exhausted { .. }, AtTiki::Paid(_)) => {
            with_requeue(Kind::Matched, MismatchReason::Agree)
        }
        (_, AtTiki::Paid(_)) => result(Kind::Matched, MismatchReason::Agree),
        (Ipn::Queued { .. } | Ipn::Retrying { .. }, AtTiki::Waits) => {
            result(Kind::Resent, MismatchReason::NotificationInProgress)
        }
        (Ipn::Queued { .. } | Ipn::Retrying { .. }, AtTiki::Gone) => {
            result(Kind::Reverse, MismatchReason::BeingReversed)
        }
        (Ipn::Exhausted { .. }, AtTiki::Waits) => {
            with_requeue(Kind::Resent, MismatchReason::QueuedAgain)
        }
        (Ipn::Exhausted { .. }, AtTiki::Gone) => {
            with_requeue(Kind::Reverse, MismatchReason::BeingReversed)
        }
        (Ipn::Confirmed { .. }, AtTiki::Waits) => {
            result(Kind::NeedsReview, MismatchReason::ConfirmedAndForgotten)
        }
        (Ipn::Confirmed { .. }, AtTiki::Gone) => {
            result(Kind::NeedsReview, MismatchReason::ConfirmedAndGone)
        }
        // Not a state of a payment that was made: a person must look.
        (Ipn::NotDue | Ipn::Abandoned { .. } | Ipn::Reversing { .. }, _)
        | (_, AtTiki::NotOurs | AtTiki::Unclear) => {
            result(Kind::NeedsReview, MismatchReason::InReview)
        }
    }
}

/// It was paid, and is a failure since it was reversed.
fn reversed(t: &Transaction, at_tiki: &AtTiki) -> Classification {
    if !t.raised().is_empty() && !matches!(at_tiki, AtTiki::Paid(_)) {
        return result(Kind::NeedsReview, MismatchReason::InReview);
    }
    match (t.ipn(), at_tiki) {
        // The core did not give it back: the money is here.
        (Ipn::Disputed { reason, .. }, _) if reason != DisputeReason::KnownAsPaid => {
            result(Kind::NeedsReview, MismatchReason::InReview)
        }
        (_, AtTiki::Paid(_)) => result(Kind::OrderWithoutMoney, MismatchReason::ReversedAndPaid),
        (Ipn::Disputed { .. }, _) => result(Kind::NeedsReview, MismatchReason::InReview),
        (Ipn::Reversing { .. }, AtTiki::Gone | AtTiki::Waits) => {
            result(Kind::Reverse, MismatchReason::BeingReversed)
        }
        (Ipn::Queued { .. } | Ipn::Retrying { .. } | Ipn::Confirmed { .. }, AtTiki::Gone) => {
            result(Kind::Matched, MismatchReason::MoneyIsBack)
        }
        (Ipn::Exhausted { .. }, AtTiki::Gone) => {
            with_requeue(Kind::Matched, MismatchReason::MoneyIsBack)
        }
        (Ipn::Queued { .. } | Ipn::Retrying { .. }, AtTiki::Waits) => {
            result(Kind::Resent, MismatchReason::NotificationInProgress)
        }
        (Ipn::Exhausted { .. }, AtTiki::Waits) => {
            with_requeue(Kind::Resent, MismatchReason::QueuedAgain)
        }
        (Ipn::Confirmed { .. }, AtTiki::Waits) => {
            result(Kind::NeedsReview, MismatchReason::ConfirmedAndForgotten)
        }
        // Not a state of a reversed payment: a person must look.
        (Ipn::NotDue | Ipn::Abandoned { .. }, _) | (_, AtTiki::NotOurs | AtTiki::Unclear) => {
            result(Kind::NeedsReview, MismatchReason::InReview)
        }
    }
}

fn result(kind: Kind, mismatch: MismatchReason) -> Classification {
    Classification {
        kind,
        mismatch,
        requeue: false,
    }
}

fn with_requeue(kind: Kind, mismatch: MismatchReason) -> Classification {
    Classification {
        requeue: true,
        ..result(kind, mismatch)
    }
}
