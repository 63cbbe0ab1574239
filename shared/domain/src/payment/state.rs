//! Whether the customer has paid, and what Tiki knows of it.

use crate::notification::{FailedNotification, Ipn, PaidNotification};
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
        /// Since when the core says that another amount was paid than was asked for: it needs review.
        other_amount_since: Option<Timestamp>,
    },
    Paid {
        payment: Payment,
        /// What Tiki knows of it.
        notification: PaidNotification,
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
            Self::Failed { notification, .. } => (*notification).into(),
        }
    }

    /// A pending payment has no notification, so nothing changes there.
    pub(crate) fn set_retrying(&mut self, attempt: u32, failures: u32, due_at: Timestamp) {
        match self {
            Self::Pending { .. } => {}
            Self::Paid { notification, .. } => {
                *notification = PaidNotification::Retrying {
                    attempt,
                    failures,
                    due_at,
                };
            }
            Self::Failed { notification, .. } => {
                *notification = FailedNotification::Retrying {
                    attempt,
                    failures,
                    due_at,
                };
            }
        }
    }

    /// A pending payment has no notification, so nothing changes there.
    pub(crate) fn set_confirmed(&mut self, at: Timestamp) {
        match self {
            Self::Pending { .. } => {}
            Self::Paid { notification, .. } => *notification = PaidNotification::Confirmed { at },
            Self::Failed { notification, .. } => {
                *notification = FailedNotification::Confirmed { at };
            }
        }
    }

    /// Only of what was paid; nothing else can be reversed, disputed or exhausted.
    pub(crate) fn set_paid_notification(&mut self, to: PaidNotification) {
        if let Self::Paid { notification, .. } = self {
            *notification = to;
        }
    }

    /// Only of what has failed; no payment is abandoned.
    pub(crate) fn set_abandoned(&mut self, at: Timestamp) {
        if let Self::Failed { notification, .. } = self {
            *notification = FailedNotification::Abandoned { at };
        }
    }
}
