//! What is due next, and what a person must look at.

use super::data::Transaction;
use crate::money::Vnd;
use crate::notification::{DisputeReason, Ipn};
use crate::payment::PaymentState;
use crate::refund::{Origin, Refund, RefundState};
use crate::review::ReviewReason;
use crate::schedule::IPN_HEAD_START;
use crate::time::Timestamp;

impl Transaction {
    /// When a sweep of ipn-sender takes it up; `None` if no notification is due. The stream brings a newly queued one
    /// to ipn-sender at once, and the sweep finds it if the stream has lost it.
    #[must_use]
    pub fn ipn_due_at(&self) -> Option<Timestamp> {
        match self.ipn() {
            Ipn::Queued { due_at } => Some(due_at.after(IPN_HEAD_START)),
            Ipn::Retrying { due_at, .. } => Some(due_at),
            Ipn::NotDue
            | Ipn::Confirmed { .. }
            | Ipn::Abandoned { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. }
            | Ipn::Exhausted { .. } => None,
        }
    }

    /// When core-worker next asks the core whether the payment was made; `None` once that is known.
    #[must_use]
    pub fn expiry_due_at(&self) -> Option<Timestamp> {
        match &self.data.payment {
            PaymentState::Pending { expiry_check } => Some(expiry_check.due_at),
            PaymentState::Paid { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Failed { .. } => None,
        }
    }

    /// When core-worker next asks the core about a refund; `None` while no refund is open.
    #[must_use]
    pub fn refund_due_at(&self) -> Option<Timestamp> {
        let due = self.data.refunds.iter().filter_map(Refund::due);
        due.map(|due| due.due_at).min()
    }

    /// Why the transaction is in the review queue, and since when. It stays there until a person has acted. Of several
    /// reasons a contradiction comes first, because what is decided about the others may move money; only a reversal
    /// that is held because of it comes before it, and one decision ends it and what was said of this payment's money.
    #[must_use]
    pub fn needs_review(&self) -> Option<(ReviewReason, Timestamp)> {
        let held = matches!(
            self.ipn(),
            Ipn::Disputed {
                reason: DisputeReason::ReversalHeld,
                ..
            }
        );
        let mut raised = self.data.raised.iter();
        let contradiction = raised.find(|raised| raised.reason.is_contradiction() && !held);
        if let Some(raised) = contradiction {
            return Some((ReviewReason::Raised(raised.reason), raised.since));
        }
        match self.ipn() {
            Ipn::Disputed { at, reason } => return Some((ReviewReason::Disputed(reason), at)),
            Ipn::Exhausted { at } => return Some((ReviewReason::IpnExhausted, at)),
            Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::Confirmed { .. }
            | Ipn::Abandoned { .. }
            | Ipn::Reversing { .. } => {}
        }
        if let Some(raised) = self.data.raised.first() {
            return Some((ReviewReason::Raised(raised.reason), raised.since));
        }
        if !self.keeps_late_payment() {
            return None;
        }
        let rejected = |refund: &Refund| match (&refund.origin, &refund.state) {
            (Origin::LatePayment, RefundState::Rejected { at, .. }) => Some(*at),
            _ => None,
        };
        let since = self.data.refunds.iter().rev().find_map(rejected)?;
        Some((ReviewReason::SystemRefundRejected, since))
    }

    /// Whether the money of a failed payment is still with us and not on its way back.
    pub(crate) fn keeps_late_payment(&self) -> bool {
        matches!(self.data.payment, PaymentState::Failed { .. })
            && self.remaining_amount() > Vnd::ZERO
    }
}
