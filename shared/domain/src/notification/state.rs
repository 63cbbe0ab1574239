//! What Tiki knows of a result. Each result has only the states that it can have.

use super::decision::{DisputeReason, ReversalReason};
use crate::inconsistent::Inconsistent;
use crate::time::Timestamp;

/// A notification that Tiki has not confirmed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// The result is to be sent.
    Queued {
        /// When it was queued. It is due at once, whatever the clocks say: the stream brings it to a sender, which holds
        /// lease 1 without a write.
        due_at: Timestamp,
    },
    /// A sender holds the lease, or the last try failed and the next is due.
    Retrying {
        /// Names the lease: counts how often the notification was leased.
        attempt: u32,
        /// How many tries have failed; the budget.
        failures: u32,
        /// When the next try may begin.
        due_at: Timestamp,
    },
}

/// What Tiki knows of a payment that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidNotification {
    /// It is to be sent, or being sent.
    Sending {
        sending: Sending,
        /// When Tiki first said that it does not have the transaction, if nothing has contradicted that since: a
        /// second look-up decides (protocol §3).
        not_found_at: Option<Timestamp>,
    },
    /// Tiki has accepted it. Final.
    Confirmed { at: Timestamp },
    /// An operator must decide.
    Disputed {
        at: Timestamp,
        reason: DisputeReason,
    },
    /// The budget is used up; an operator must act.
    Exhausted { at: Timestamp },
}

/// What Tiki knows of a payment that was not made. There is no money that could be reversed or disputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedNotification {
    /// It is to be sent, or being sent.
    Sending(Sending),
    /// Tiki has accepted it. Final.
    Confirmed { at: Timestamp },
    /// Tiki need not know: it has no such transaction, or could not be reached within the budget. Final.
    Abandoned { at: Timestamp },
}

/// What Tiki knows of a payment that is reversed. It is notified of the failure when the money is back: its own
/// recovery may have believed an earlier `SUCCESS` (protocol §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversedNotification {
    /// The money is on its way back; nothing is sent.
    Returning,
    /// The core refuses to give the money back: an operator must decide.
    Rejected { at: Timestamp },
    /// The core contradicts itself about the payment: an operator must find out where the money is.
    Held { at: Timestamp },
    /// The money is back, and the failure is to be sent, or being sent.
    Sending(Sending),
    /// Tiki has answered, and does not believe that it is paid. Final.
    Confirmed { at: Timestamp },
    /// The budget is used up; an operator must act.
    Exhausted { at: Timestamp },
    /// Tiki says that it is paid: both sides believe different things, and an operator must decide.
    KnownAsPaid { at: Timestamp },
}

/// The state of a notification without the payment that it is about: for readers, and for the stored item.
/// [`PaidNotification`], [`FailedNotification`] and [`ReversedNotification`] have the states that each payment can
/// have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipn {
    /// There is no result yet.
    NotDue,
    /// [`Sending::Queued`].
    Queued {
        /// When it was queued.
        due_at: Timestamp,
    },
    /// [`Sending::Retrying`].
    Retrying {
        /// Names the lease: counts how often the notification was leased.
        attempt: u32,
        /// How many tries have failed; the budget.
        failures: u32,
        /// When the next try may begin.
        due_at: Timestamp,
    },
    /// Tiki has accepted it.
    Confirmed { at: Timestamp },
    /// [`FailedNotification::Abandoned`].
    Abandoned { at: Timestamp },
    /// [`ReversedNotification::Returning`].
    Reversing {
        /// When it was decided.
        at: Timestamp,
        reason: ReversalReason,
    },
    /// [`PaidNotification::Disputed`], or one of [`ReversedNotification`]: `KnownAsPaid`, `Rejected`, `Held`.
    Disputed {
        at: Timestamp,
        reason: DisputeReason,
    },
    /// [`PaidNotification::Exhausted`] or [`ReversedNotification::Exhausted`].
    Exhausted { at: Timestamp },
}

const NOT_NOTIFIED: Inconsistent = Inconsistent("a result without a notification");
const NO_RESULT: Inconsistent = Inconsistent("a notification without a result");
const ABANDONED: Inconsistent = Inconsistent("a paid payment whose notification was abandoned");
const NO_PAYMENT: Inconsistent = Inconsistent("a reversal or dispute without a payment");
const NOT_REVERSED: Inconsistent = Inconsistent("a payment that is being reversed and is not");
const REVERSED: Inconsistent = Inconsistent("a dispute that a reversed payment cannot have");

impl From<Sending> for Ipn {
    fn from(sending: Sending) -> Self {
        match sending {
            Sending::Queued { due_at } => Self::Queued { due_at },
            Sending::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt,
                failures,
                due_at,
            },
        }
    }
}

impl From<PaidNotification> for Ipn {
    fn from(notification: PaidNotification) -> Self {
        match notification {
            PaidNotification::Sending { sending, .. } => sending.into(),
            PaidNotification::Confirmed { at } => Self::Confirmed { at },
            PaidNotification::Disputed { at, reason } => Self::Disputed { at, reason },
            PaidNotification::Exhausted { at } => Self::Exhausted { at },
        }
    }
}

impl From<FailedNotification> for Ipn {
    fn from(notification: FailedNotification) -> Self {
        match notification {
            FailedNotification::Sending(sending) => sending.into(),
            FailedNotification::Confirmed { at } => Self::Confirmed { at },
            FailedNotification::Abandoned { at } => Self::Abandoned { at },
        }
    }
}

impl Ipn {
    /// The state of a reversed payment's notification, with what is known of the reversal.
    pub(crate) fn of_reversed(
        notification: ReversedNotification,
        since: Timestamp,
        reason: ReversalReason,
    ) -> Self {
        match notification {
            ReversedNotification::Returning => Self::Reversing { at: since, reason },
            ReversedNotification::Rejected { at } => Self::Disputed {
                at,
                reason: DisputeReason::ReversalRejected,
            },
            ReversedNotification::Held { at } => Self::Disputed {
                at,
                reason: DisputeReason::ReversalHeld,
            },
            ReversedNotification::Sending(sending) => sending.into(),
            ReversedNotification::Confirmed { at } => Self::Confirmed { at },
            ReversedNotification::Exhausted { at } => Self::Exhausted { at },
            ReversedNotification::KnownAsPaid { at } => Self::Disputed {
                at,
                reason: DisputeReason::KnownAsPaid,
            },
        }
    }

    /// What is still to be sent, if anything is.
    #[must_use]
    pub fn sending(self) -> Option<Sending> {
        match self {
            Self::Queued { due_at } => Some(Sending::Queued { due_at }),
            Self::Retrying {
                attempt,
                failures,
                due_at,
            } => Some(Sending::Retrying {
                attempt,
                failures,
                due_at,
            }),
            Self::NotDue
            | Self::Confirmed { .. }
            | Self::Abandoned { .. }
            | Self::Reversing { .. }
            | Self::Disputed { .. }
            | Self::Exhausted { .. } => None,
        }
    }

    /// Checks the state that is stored with a pending payment: nothing is due.
    pub fn not_due(self) -> Result<(), Inconsistent> {
        match self {
            Self::NotDue => Ok(()),
            Self::Queued { .. } | Self::Retrying { .. } | Self::Confirmed { .. } => Err(NO_RESULT),
            Self::Abandoned { .. } => Err(ABANDONED),
            Self::Reversing { .. } | Self::Disputed { .. } | Self::Exhausted { .. } => {
                Err(NO_PAYMENT)
            }
        }
    }

    /// The state that is stored with a payment that was made.
    pub fn of_paid(
        self,
        not_found_at: Option<Timestamp>,
    ) -> Result<PaidNotification, Inconsistent> {
        if let Some(sending) = self.sending() {
            return Ok(PaidNotification::Sending {
                sending,
                not_found_at,
            });
        }
        match self {
            Self::Confirmed { at } => Ok(PaidNotification::Confirmed { at }),
            Self::Disputed { at, reason } => match reason {
                DisputeReason::ReversalRejected
                | DisputeReason::ReversalHeld
                | DisputeReason::KnownAsPaid => Err(NOT_REVERSED),
                DisputeReason::AmountDiffers
                | DisputeReason::InvalidRequest
                | DisputeReason::NotOfThisPartner
                | DisputeReason::TooManyReversals => Ok(PaidNotification::Disputed { at, reason }),
            },
            Self::Exhausted { at } => Ok(PaidNotification::Exhausted { at }),
            Self::Abandoned { .. } => Err(ABANDONED),
            Self::Reversing { .. } => Err(NOT_REVERSED),
            Self::NotDue | Self::Queued { .. } | Self::Retrying { .. } => Err(NOT_NOTIFIED),
        }
    }

    /// The state that is stored with a payment that was not made.
    pub fn of_failed(self) -> Result<FailedNotification, Inconsistent> {
        if let Some(sending) = self.sending() {
            return Ok(FailedNotification::Sending(sending));
        }
        match self {
            Self::Confirmed { at } => Ok(FailedNotification::Confirmed { at }),
            Self::Abandoned { at } => Ok(FailedNotification::Abandoned { at }),
            Self::Reversing { .. } | Self::Disputed { .. } | Self::Exhausted { .. } => {
                Err(NO_PAYMENT)
            }
            Self::NotDue | Self::Queued { .. } | Self::Retrying { .. } => Err(NOT_NOTIFIED),
        }
    }

    /// The state that is stored with a payment that is reversed.
    pub fn into_reversed(self) -> Result<ReversedNotification, Inconsistent> {
        if let Some(sending) = self.sending() {
            return Ok(ReversedNotification::Sending(sending));
        }
        match self {
            Self::Reversing { .. } => Ok(ReversedNotification::Returning),
            Self::Disputed { at, reason } => match reason {
                DisputeReason::ReversalRejected => Ok(ReversedNotification::Rejected { at }),
                DisputeReason::ReversalHeld => Ok(ReversedNotification::Held { at }),
                DisputeReason::KnownAsPaid => Ok(ReversedNotification::KnownAsPaid { at }),
                DisputeReason::AmountDiffers
                | DisputeReason::InvalidRequest
                | DisputeReason::NotOfThisPartner
                | DisputeReason::TooManyReversals => Err(REVERSED),
            },
            Self::Confirmed { at } => Ok(ReversedNotification::Confirmed { at }),
            Self::Exhausted { at } => Ok(ReversedNotification::Exhausted { at }),
            Self::Abandoned { .. } => Err(ABANDONED),
            Self::NotDue | Self::Queued { .. } | Self::Retrying { .. } => Err(NOT_NOTIFIED),
        }
    }
}
