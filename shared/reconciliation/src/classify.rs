//! What follows from our record and Tiki's word.
//!
//! The file only says where to look. What is so, our own record and a look-up at Tiki say (protocol §4), and
//! money moves by the rules that are there already: a payment of which Tiki does not know is reported again, and
//! whatever follows, follows from Tiki's answer to the report.

use domain::{Ipn, LookUpAnswer, PaymentState, Status, Transaction, Vnd};
use serde::{Deserialize, Serialize};

/// How a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The two sides' values differ, and no rule says what to do: a person decides.
    NeedsReview,
    /// Paid here and not at Tiki, which never confirmed it: the money goes back.
    Reverse,
    /// Tiki does not have our result: it is reported, or reported again.
    Resent,
    /// Tiki gave no clear answer: it is asked again.
    Undecided,
    /// The two sides agree.
    Matched,
}

impl Kind {
    /// Every kind, the one first that needs somebody most.
    pub const ALL: [Self; 5] = [
        Self::NeedsReview,
        Self::Reverse,
        Self::Resent,
        Self::Undecided,
        Self::Matched,
    ];

    /// The kind's name in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsReview => "needs_review",
            Self::Reverse => "reverse",
            Self::Resent => "resent",
            Self::Undecided => "undecided",
            Self::Matched => "matched",
        }
    }
}

/// Why it stands so, and what is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MismatchReason {
    /// Status and amount are the same.
    Agree,
    /// Nobody has paid, by either side's word.
    NobodyPaid,
    /// Tiki does not have the order, and the customer has the money back.
    MoneyIsBack,
    /// Tiki waits for a result that is being reported.
    BeingReported,
    /// Tiki waits for a result that reporting had been given up for: it is queued again.
    QueuedAgain,
    /// Tiki does not have the order; it is reported once more, and the rule then gives the money back.
    BeingReversed,
    /// Tiki gave no clear answer.
    NoClearAnswer,
    /// The line cannot be read.
    UnreadableLine,
    /// Paid at Tiki; here there is no such transaction.
    UnknownHere,
    /// Paid at Tiki; here it is not.
    PaidAtTikiOnly,
    /// Paid on both sides, and the amounts differ.
    AmountDiffers,
    /// Paid on both sides, and Tiki gives no amount.
    NoAmountAtTiki,
    /// Tiki had confirmed our result, and waits for it again.
    ConfirmedAndForgotten,
    /// Tiki had confirmed the payment, and does not have it any more; not all of the money is back.
    ConfirmedAndGone,
    /// The money was given back because Tiki did not have the order; now Tiki says that it is paid.
    ReversedAndPaid,
    /// It lies on the desk already, and waits for a decision.
    InReview,
    /// It was queued again as often as that is allowed.
    GivenUp,
    /// Tiki calls the look-up invalid, or the transaction another partner's.
    NotOurs,
}

impl MismatchReason {
    /// The ground's name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::NobodyPaid => "nobody_paid",
            Self::MoneyIsBack => "money_is_back",
            Self::BeingReported => "being_reported",
            Self::QueuedAgain => "queued_again",
            Self::BeingReversed => "being_reversed",
            Self::NoClearAnswer => "no_clear_answer",
            Self::UnreadableLine => "unreadable_line",
            Self::UnknownHere => "unknown_here",
            Self::PaidAtTikiOnly => "paid_at_tiki_only",
            Self::AmountDiffers => "amount_differs",
            Self::NoAmountAtTiki => "no_amount_at_tiki",
            Self::ConfirmedAndForgotten => "confirmed_and_forgotten",
            Self::ConfirmedAndGone => "confirmed_and_gone",
            Self::ReversedAndPaid => "reversed_and_paid",
            Self::InReview => "in_review",
            Self::GivenUp => "given_up",
            Self::NotOurs => "not_ours",
        }
    }
}

/// What was found of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification {
    /// How it stands.
    pub kind: Kind,
    /// Why.
    pub ground: MismatchReason,
    /// Whether reporting is to be taken up again, if it was given up.
    pub requeue: bool,
}

/// Tiki's word, as far as it matters here.
enum Word {
    Paid(Option<Vnd>),
    Waits,
    Gone,
    NotOurs,
    Unclear,
}

/// What follows from our record, if there is one, and what Tiki knows.
#[must_use]
pub fn classify(ours: Option<&Transaction>, known: LookUpAnswer) -> Classification {
    let word = match known {
        LookUpAnswer::Found(Status::Success, amount) => Word::Paid(amount),
        LookUpAnswer::Found(Status::Pending, _) => Word::Waits,
        LookUpAnswer::Found(Status::Failure, _)
        | LookUpAnswer::NotFound
        | LookUpAnswer::Cancelled => Word::Gone,
        LookUpAnswer::InvalidRequest | LookUpAnswer::NotOfThisPartner => Word::NotOurs,
        LookUpAnswer::SystemError | LookUpAnswer::Unauthorized | LookUpAnswer::Unclear => {
            Word::Unclear
        }
    };
    match (ours, word) {
        (_, Word::Unclear) => found(Kind::Undecided, MismatchReason::NoClearAnswer),
        (_, Word::NotOurs) => found(Kind::NeedsReview, MismatchReason::NotOurs),
        (None, Word::Paid(_)) => found(Kind::NeedsReview, MismatchReason::UnknownHere),
        (None, Word::Waits | Word::Gone) => found(Kind::Matched, MismatchReason::NobodyPaid),
        (Some(t), word) => match t.payment() {
            PaymentState::Paid { .. } => paid(t, &word),
            PaymentState::Pending { .. } | PaymentState::Failed { .. } => unpaid(t, &word),
        },
    }
}

fn unpaid(t: &Transaction, word: &Word) -> Classification {
    if t.needs_review().is_some() {
        return found(Kind::NeedsReview, MismatchReason::InReview);
    }
    match (word, t.ipn()) {
        (Word::Paid(_), _) => found(Kind::NeedsReview, MismatchReason::PaidAtTikiOnly),
        (Word::Gone, _) => found(Kind::Matched, MismatchReason::NobodyPaid),
        (Word::Waits, Ipn::NotDue) => found(Kind::Matched, MismatchReason::Agree),
        (Word::Waits, Ipn::Queued { .. } | Ipn::Retrying { .. }) => {
            found(Kind::Resent, MismatchReason::BeingReported)
        }
        (Word::Waits, Ipn::Abandoned { .. }) => {
            queued_again(Kind::Resent, MismatchReason::QueuedAgain)
        }
        (Word::Waits, Ipn::Confirmed { .. }) => {
            found(Kind::NeedsReview, MismatchReason::ConfirmedAndForgotten)
        }
        // No state of a payment that was not made; whoever finds it there must look.
        (Word::Waits, Ipn::Reversing { .. } | Ipn::Disputed { .. } | Ipn::Exhausted { .. })
        | (Word::NotOurs | Word::Unclear, _) => found(Kind::NeedsReview, MismatchReason::InReview),
    }
}

fn paid(t: &Transaction, word: &Word) -> Classification {
    let all_back = t.refunded_amount() == t.paid_amount();
    match (t.ipn(), word) {
        (Ipn::Disputed { .. }, _) => found(Kind::NeedsReview, MismatchReason::InReview),
        // Tiki gives an order up after it has refunded it in full, too.
        (_, Word::Gone) if all_back => found(Kind::Matched, MismatchReason::MoneyIsBack),
        // Also once all is back: while Tiki waits it may yet take the payment for made, so it stays in sight.
        (Ipn::Reversing { .. }, Word::Gone | Word::Waits) => {
            found(Kind::Reverse, MismatchReason::BeingReversed)
        }
        (Ipn::Reversing { .. }, Word::Paid(_)) => {
            found(Kind::NeedsReview, MismatchReason::ReversedAndPaid)
        }
        (_, Word::Paid(None)) => found(Kind::NeedsReview, MismatchReason::NoAmountAtTiki),
        (_, Word::Paid(Some(amount))) if *amount != t.order().amount => {
            found(Kind::NeedsReview, MismatchReason::AmountDiffers)
        }
        (Ipn::Exhausted { .. }, Word::Paid(_)) => {
            queued_again(Kind::Matched, MismatchReason::Agree)
        }
        (_, Word::Paid(_)) => found(Kind::Matched, MismatchReason::Agree),
        (Ipn::Queued { .. } | Ipn::Retrying { .. }, Word::Waits) => {
            found(Kind::Resent, MismatchReason::BeingReported)
        }
        (Ipn::Queued { .. } | Ipn::Retrying { .. }, Word::Gone) => {
            found(Kind::Reverse, MismatchReason::BeingReversed)
        }
        (Ipn::Exhausted { .. }, Word::Waits) => {
            queued_again(Kind::Resent, MismatchReason::QueuedAgain)
        }
        (Ipn::Exhausted { .. }, Word::Gone) => {
            queued_again(Kind::Reverse, MismatchReason::BeingReversed)
        }
        (Ipn::Confirmed { .. }, Word::Waits) => {
            found(Kind::NeedsReview, MismatchReason::ConfirmedAndForgotten)
        }
        (Ipn::Confirmed { .. }, Word::Gone) => {
            found(Kind::NeedsReview, MismatchReason::ConfirmedAndGone)
        }
        // No state of a payment that was made; whoever finds it there must look.
        (Ipn::NotDue | Ipn::Abandoned { .. }, _) | (_, Word::NotOurs | Word::Unclear) => {
            found(Kind::NeedsReview, MismatchReason::InReview)
        }
    }
}

fn found(kind: Kind, ground: MismatchReason) -> Classification {
    Classification {
        kind,
        ground,
        requeue: false,
    }
}

fn queued_again(kind: Kind, ground: MismatchReason) -> Classification {
    Classification {
        requeue: true,
        ..found(kind, ground)
    }
}
