//! What Tiki knows of a result. Each result has only the states that it can have.

use super::decision::{DisputeReason, ReversalReason};
use crate::inconsistent::Inconsistent;
use crate::status::FinalStatus;
use crate::time::Timestamp;

/// What Tiki knows of a payment that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidNotification {
    /// The result is to be sent.
    Queued {
        /// Not before this time.
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
    /// Tiki has accepted it. Final.
    Confirmed { at: Timestamp },
    /// Tiki does not have the order: what remains goes back to the customer. Final, unless the core refuses the
    /// reversal.
    Reversing {
        /// When it was decided.
        at: Timestamp,
        reason: ReversalReason,
    },
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
    /// The result is to be sent.
    Queued {
        /// Not before this time.
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
    /// Tiki has accepted it. Final.
    Confirmed { at: Timestamp },
    /// Tiki need not know: it has no such transaction, or could not be reached within the budget. Final.
    Abandoned { at: Timestamp },
}

/// The state of a notification without the payment that it is about: for readers, and for the stored item.
/// [`PaidNotification`] and [`FailedNotification`] have the states that each payment can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipn {
    /// There is no result yet.
    NotDue,
    /// [`PaidNotification::Queued`] or [`FailedNotification::Queued`].
    Queued {
        /// Not before this time.
        due_at: Timestamp,
    },
    /// [`PaidNotification::Retrying`] or [`FailedNotification::Retrying`].
    Retrying {
        /// Names the lease: counts how often the notification was leased.
        attempt: u32,
        /// How many tries have failed; the budget.
        failures: u32,
        /// When the next try may begin.
        due_at: Timestamp,
    },
    /// [`PaidNotification::Confirmed`] or [`FailedNotification::Confirmed`].
    Confirmed { at: Timestamp },
    /// [`FailedNotification::Abandoned`].
    Abandoned { at: Timestamp },
    /// [`PaidNotification::Reversing`].
    Reversing {
        /// When it was decided.
        at: Timestamp,
        reason: ReversalReason,
    },
    /// [`PaidNotification::Disputed`].
    Disputed {
        at: Timestamp,
        reason: DisputeReason,
    },
    /// [`PaidNotification::Exhausted`].
    Exhausted { at: Timestamp },
}

impl From<PaidNotification> for Ipn {
    fn from(notification: PaidNotification) -> Self {
        match notification {
            PaidNotification::Queued { due_at } => Self::Queued { due_at },
            PaidNotification::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt,
                failures,
                due_at,
            },
            PaidNotification::Confirmed { at } => Self::Confirmed { at },
            PaidNotification::Reversing { at, reason } => Self::Reversing { at, reason },
            PaidNotification::Disputed { at, reason } => Self::Disputed { at, reason },
            PaidNotification::Exhausted { at } => Self::Exhausted { at },
        }
    }
}

impl From<FailedNotification> for Ipn {
    fn from(notification: FailedNotification) -> Self {
        match notification {
            FailedNotification::Queued { due_at } => Self::Queued { due_at },
            FailedNotification::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt,
                failures,
                due_at,
            },
            FailedNotification::Confirmed { at } => Self::Confirmed { at },
            FailedNotification::Abandoned { at } => Self::Abandoned { at },
        }
    }
}

const NOT_NOTIFIED: Inconsistent = Inconsistent("a result without a notification");
const NO_RESULT: Inconsistent = Inconsistent("a notification without a result");
const DROPPED: Inconsistent = Inconsistent("a paid payment whose notification was abandoned");
const NO_PAYMENT: Inconsistent = Inconsistent("a reversal or dispute without a payment");

impl TryFrom<Ipn> for PaidNotification {
    type Error = Inconsistent;

    fn try_from(ipn: Ipn) -> Result<Self, Inconsistent> {
        Ok(match ipn {
            Ipn::NotDue => return Err(NOT_NOTIFIED),
            Ipn::Abandoned { .. } => return Err(DROPPED),
            Ipn::Queued { due_at } => Self::Queued { due_at },
            Ipn::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt,
                failures,
                due_at,
            },
            Ipn::Confirmed { at } => Self::Confirmed { at },
            Ipn::Reversing { at, reason } => Self::Reversing { at, reason },
            Ipn::Disputed { at, reason } => Self::Disputed { at, reason },
            Ipn::Exhausted { at } => Self::Exhausted { at },
        })
    }
}

impl TryFrom<Ipn> for FailedNotification {
    type Error = Inconsistent;

    fn try_from(ipn: Ipn) -> Result<Self, Inconsistent> {
        Ok(match ipn {
            Ipn::NotDue => return Err(NOT_NOTIFIED),
            Ipn::Reversing { .. } | Ipn::Disputed { .. } | Ipn::Exhausted { .. } => {
                return Err(NO_PAYMENT);
            }
            Ipn::Queued { due_at } => Self::Queued { due_at },
            Ipn::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt,
                failures,
                due_at,
            },
            Ipn::Confirmed { at } => Self::Confirmed { at },
            Ipn::Abandoned { at } => Self::Abandoned { at },
        })
    }
}

impl Ipn {
    /// Checks the state that is stored with a pending payment: nothing is due.
    pub fn not_due(self) -> Result<(), Inconsistent> {
        match self {
            Self::NotDue => Ok(()),
            Self::Queued { .. } | Self::Retrying { .. } | Self::Confirmed { .. } => Err(NO_RESULT),
            Self::Abandoned { .. } => Err(DROPPED),
            Self::Reversing { .. } | Self::Disputed { .. } | Self::Exhausted { .. } => {
                Err(NO_PAYMENT)
            }
        }
    }
}

/// The lease of a notification: its holder may send it, and record the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpnLease {
    /// The number of the lease.
    pub attempt: u32,
    /// How many tries had failed before.
    pub failures: u32,
    /// What Tiki is sent (protocol §3).
    pub status: FinalStatus,
}
