//! Refunds: money on its way back, or back, or rejected.

use crate::ids::{RefundId, TransactionId};
use crate::money::Vnd;
use crate::operator::MAX_OPERATOR_ACTS;
use crate::schedule::Due;
use crate::status::Status;
use crate::text::{RefundReason, RejectionReason, RequestId};
use crate::time::Timestamp;

/// The most refunds of Tiki that hold their amount: they are all in the transaction's one item.
pub const MAX_TIKI_REFUNDS: usize = 100;

/// The most rejected refunds of Tiki. They are bounded apart, so that rejections never lock money in.
pub const MAX_REJECTED_REFUNDS: usize = 20;

/// The most refunds that Tiki can have asked for: the last rejected ones were held when the others were asked for.
pub(crate) const MAX_ASKED_REFUNDS: usize = MAX_TIKI_REFUNDS + MAX_REJECTED_REFUNDS;

/// Tiki's refunds, a reversal for each of them that was rejected while the payment was being reversed, one more
/// reversal or a late payment, and one for each act of a person.
pub(crate) const MAX_REFUNDS: usize = MAX_ASKED_REFUNDS + MAX_TIKI_REFUNDS + 2 + MAX_OPERATOR_ACTS;

/// A refund: money on its way back, or back, or rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Ours; the idempotency key at the core.
    pub id: RefundId,
    /// On whose word.
    pub origin: Origin,
    pub amount: Vnd,
    /// Why, for the core.
    pub reason: RefundReason,
    /// When it was reserved.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: RefundState,
}

/// On whose word money goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Tiki's refund request (protocol §5).
    Tiki {
        /// Its idempotency key.
        request_id: RequestId,
    },
    /// Tiki does not have the order that was paid (protocol §4).
    Reversal,
    /// The money of a failed transaction came after all (docs/architecture.md#the-transaction).
    LatePayment,
}

/// What became of a refund. `Reserved` and `Unknown` hold their amount; `Rejected` gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// It is written. The core was not asked yet, or we do not know whether it was.
    Reserved(Due),
    /// The core was asked and has not given a clear answer.
    Unknown(Due),
    /// The money is back. Final.
    Succeeded {
        /// When we learned of it.
        at: Timestamp,
        /// The balance that this left.
        balance: Balance,
    },
    /// The core rejected it. Final.
    Rejected {
        /// When we learned of it.
        at: Timestamp,
        /// In the core's words.
        reason: Option<RejectionReason>,
        /// The balance that this left.
        balance: Balance,
    },
}

/// What was back and what was left when a refund became final. A repeat of the request is answered as the first
/// one was, whatever has happened since (docs/architecture.md#one-request).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What had gone back for certain, this refund included.
    pub refunded: Vnd,
    /// What could still be given back.
    pub remaining: Vnd,
}

/// Tiki's refund request (protocol §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundCommand {
    /// The idempotency key.
    pub request_id: RequestId,
    pub amount: Vnd,
    pub reason: RefundReason,
}

/// The core's answer about a refund (docs/architecture.md#the-partners-side).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// The money is back.
    Succeeded,
    /// The core rejects it for good.
    Rejected {
        /// In the core's words.
        reason: Option<RejectionReason>,
    },
    /// The core is working on it.
    Pending,
    /// No clear answer, or none in time. This never counts as a rejection.
    Unknown,
}

impl RefundAnswer {
    /// The answer's name in logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected { .. } => "rejected",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }
}

impl Refund {
    /// Whether its amount is back or on its way.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self.state {
            RefundState::Reserved(_) | RefundState::Unknown(_) | RefundState::Succeeded { .. } => {
                true
            }
            RefundState::Rejected { .. } => false,
        }
    }

    /// When the core is next to be asked about it, if at all.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        match self.state {
            RefundState::Reserved(due) | RefundState::Unknown(due) => Some(due),
            RefundState::Succeeded { .. } | RefundState::Rejected { .. } => None,
        }
    }

    /// When the money was back, if it is.
    #[must_use]
    pub fn back_at(&self) -> Option<Timestamp> {
        match self.state {
            RefundState::Succeeded { at, .. } => Some(at),
            RefundState::Reserved(_) | RefundState::Unknown(_) | RefundState::Rejected { .. } => {
                None
            }
        }
    }

    /// Its status in Tiki's words.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.state {
            RefundState::Reserved(_) | RefundState::Unknown(_) => Status::Pending,
            RefundState::Succeeded { .. } => Status::Success,
            RefundState::Rejected { .. } => Status::Failure,
        }
    }
}

impl Origin {
    /// Tiki's idempotency key, if it was Tiki's request.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::Tiki { request_id } => Some(request_id),
            Self::Reversal | Self::LatePayment => None,
        }
    }

    /// The origin's name in logs and answers.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Tiki { .. } => "tiki",
            Self::Reversal => "reversal",
            Self::LatePayment => "late_payment",
        }
    }

    /// Whether we made the refund ourselves. If the core rejects it, only a person can act.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Tiki { .. } => false,
            Self::Reversal | Self::LatePayment => true,
        }
    }

    /// The id of a refund of this origin, which follows from its cause: Tiki's request, or how many of ours
    /// there were before it. So the same cause can never become two refunds, nor two causes one.
    pub(crate) fn refund_id(&self, transaction: TransactionId, earlier: usize) -> RefundId {
        let origin = self.as_str();
        match self {
            Self::Tiki { request_id } => {
                RefundId::derive(transaction, &format!("{origin}\n{request_id}"))
            }
            Self::Reversal | Self::LatePayment => {
                RefundId::derive(transaction, &format!("{origin}\n{earlier}"))
            }
        }
    }
}
