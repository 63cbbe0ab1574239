//! Whether the customer has paid, and what Tiki knows of it.

use crate::notification::{
    FailedNotification, Ipn, PaidNotification, ReversalReason, ReversedNotification, Sending,
};
use crate::schedule::Due;
use crate::text::{BankingMethod, CoreReference, FailureReason};
use crate::time::Timestamp;

/// Whether the customer has paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Not known yet; after expiry the core is asked.
    Pending {
        /// When to ask the core.
        expiry_check: Due,
    },
    Paid {
        payment: Payment,
        /// What Tiki knows of it.
        notification: PaidNotification,
    },
    /// It was paid, and Tiki does not have the order: what remains goes back, and from the decision on it is a
    /// failure to everybody. Final.
    Reversed {
        payment: Payment,
        reversal: Reversal,
    },
    /// Declined, cancelled or expired. Final, even if the money comes after all.
    Failed {
        failure: Failure,
        /// What Tiki knows of it.
        notification: FailedNotification,
    },
}

/// A payment that the core has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// When we learned of it; the day of the final status (protocol §7).
    pub recorded_at: Timestamp,
    /// When it was paid, by the core's word.
    pub paid_at: Timestamp,
    /// How it was paid.
    pub banking_method: Option<BankingMethod>,
    /// The core's reference.
    pub core_reference: Option<CoreReference>,
}

/// A reversal that was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// When it was decided.
    pub at: Timestamp,
    pub reason: ReversalReason,
    /// What Tiki knows of it.
    pub notification: ReversedNotification,
}

/// A payment that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When we learned of it; the day of the final status (protocol §7).
    pub recorded_at: Timestamp,
    pub cause: FailureCause,
    /// The money came after all, and goes back in full.
    pub late_payment: Option<Payment>,
}

/// Why a payment was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The core declined it, or the customer cancelled it.
    Declined {
        /// In the core's words.
        reason: Option<FailureReason>,
    },
    /// Nobody paid in time, and the core confirmed that.
    Expired,
}

impl PaymentState {
    /// What Tiki knows of the result.
    #[must_use]
    pub fn ipn(&self) -> Ipn {
        match self {
            Self::Pending { .. } => Ipn::NotDue,
            Self::Paid { notification, .. } => (*notification).into(),
            Self::Reversed { reversal, .. } => {
                Ipn::of_reversed(reversal.notification, reversal.at, reversal.reason)
            }
            Self::Failed { notification, .. } => (*notification).into(),
        }
    }

    /// When Tiki first said that it does not have the transaction, if a second look-up must still decide.
    #[must_use]
    pub fn not_found_at(&self) -> Option<Timestamp> {
        match self {
            Self::Paid {
                notification: PaidNotification::Sending { not_found_at, .. },
                ..
            } => *not_found_at,
            Self::Pending { .. }
            | Self::Paid { .. }
            | Self::Reversed { .. }
            | Self::Failed { .. } => None,
        }
    }

    /// A pending payment has no notification, so nothing changes there.
    pub(crate) fn set_sending(&mut self, sending: Sending, not_found_at: Option<Timestamp>) {
        match self {
            Self::Pending { .. } => {}
            Self::Paid { notification, .. } => {
                *notification = PaidNotification::Sending {
                    sending,
                    not_found_at,
                };
            }
            Self::Reversed { reversal, .. } => {
                reversal.notification = ReversedNotification::Sending(sending);
            }
            Self::Failed { notification, .. } => {
                *notification = FailedNotification::Sending(sending);
            }
        }
    }

    /// A pending payment has no notification, so nothing changes there.
    pub(crate) fn set_confirmed(&mut self, at: Timestamp) {
        match self {
            Self::Pending { .. } => {}
            Self::Paid { notification, .. } => *notification = PaidNotification::Confirmed { at },
            Self::Reversed { reversal, .. } => {
                reversal.notification = ReversedNotification::Confirmed { at };
            }
            Self::Failed { notification, .. } => {
                *notification = FailedNotification::Confirmed { at };
            }
        }
    }

    /// All tries have failed. Of a payment without money, nothing is at stake: it is abandoned.
    pub(crate) fn set_given_up(&mut self, at: Timestamp) {
        match self {
            Self::Pending { .. } => {}
            Self::Paid { notification, .. } => *notification = PaidNotification::Exhausted { at },
            Self::Reversed { reversal, .. } => {
                reversal.notification = ReversedNotification::Exhausted { at };
            }
            Self::Failed { notification, .. } => {
                *notification = FailedNotification::Abandoned { at };
            }
        }
    }

    /// Only of what was paid and is not reversed.
    pub(crate) fn set_paid_notification(&mut self, to: PaidNotification) {
        if let Self::Paid { notification, .. } = self {
            *notification = to;
        }
    }

    /// Only of what is reversed.
    pub(crate) fn set_reversed_notification(&mut self, to: ReversedNotification) {
        if let Self::Reversed { reversal, .. } = self {
            reversal.notification = to;
        }
    }

    /// From here on it is a failure. Of a payment that is reversed already, the first decision counts.
    pub(crate) fn set_reversed(&mut self, at: Timestamp, reason: ReversalReason) {
        match self {
            Self::Paid { payment, .. } => {
                *self = Self::Reversed {
                    payment: payment.clone(),
                    reversal: Reversal {
                        at,
                        reason,
                        notification: ReversedNotification::Returning,
                    },
                };
            }
            Self::Reversed { reversal, .. } => {
                reversal.notification = ReversedNotification::Returning;
            }
            Self::Pending { .. } | Self::Failed { .. } => {}
        }
    }
}
