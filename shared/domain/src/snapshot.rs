//! What follows from a transaction's data: its status and balance, what it owes, and the rules that hold of
//! every one.

use std::collections::BTreeSet;

use crate::refund::{MAX_REFUNDS, MAX_TIKI_REFUNDS};
use crate::{
    Balance, FinalStatus, Inconsistent, Ipn, Origin, Payment, PaymentState, Refund, RefundId,
    RefundState, RequestId, ReviewReason, Status, Timestamp, Transaction, Vnd,
};

impl Transaction {
    /// The status to Tiki.
    #[must_use]
    pub fn status(&self) -> Status {
        self.final_status().map_or(Status::Pending, Status::from)
    }

    /// The status once it is final.
    #[must_use]
    pub fn final_status(&self) -> Option<FinalStatus> {
        match self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { .. } => Some(FinalStatus::Success),
            PaymentState::Failed { .. } => Some(FinalStatus::Failure),
        }
    }

    /// When the status became final.
    #[must_use]
    pub fn final_at(&self) -> Option<Timestamp> {
        match &self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { payment, .. } => Some(payment.recorded_at),
            PaymentState::Failed { failure, .. } => Some(failure.recorded_at),
        }
    }

    /// The payment, in time or late.
    #[must_use]
    pub fn money_taken(&self) -> Option<&Payment> {
        match &self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { payment, .. } => Some(payment),
            PaymentState::Failed { failure, .. } => failure.late_payment.as_ref(),
        }
    }

    /// What the core holds of the customer's money, before refunds.
    #[must_use]
    pub fn paid_amount(&self) -> Vnd {
        self.money_taken()
            .map_or(Vnd::ZERO, |_| self.data.order.amount)
    }

    /// What has gone back for certain.
    #[must_use]
    pub fn refunded_amount(&self) -> Vnd {
        let back = |refund: &&Refund| matches!(refund.state, RefundState::Succeeded { .. });
        Vnd::checked_sum(self.data.refunds.iter().filter(back).map(|r| r.amount))
            .unwrap_or(Vnd::MAX)
    }

    /// What may still be given back: paid, less all that is back or on its way. One balance for Tiki's
    /// refunds, reversals and late payments, so no interleaving returns more than was paid.
    #[must_use]
    pub fn remaining_amount(&self) -> Vnd {
        self.held_amount()
            .and_then(|held| self.paid_amount().checked_sub(held))
            .unwrap_or(Vnd::ZERO)
    }

    fn held_amount(&self) -> Option<Vnd> {
        let held = |refund: &&Refund| refund.holds();
        Vnd::checked_sum(self.data.refunds.iter().filter(held).map(|r| r.amount))
    }

    /// The balance now.
    #[must_use]
    pub fn balance(&self) -> Balance {
        Balance {
            refunded: self.refunded_amount(),
            remaining: self.remaining_amount(),
        }
    }

    /// Whether some of the money is back, or on its way, because Tiki did not have the order.
    #[must_use]
    pub fn has_active_reversal(&self) -> bool {
        let reversal = |refund: &Refund| refund.origin == Origin::Reversal && refund.holds();
        self.data.refunds.iter().any(reversal)
    }

    /// When the customer's money last went back for certain: the day of a refund's row (protocol §7).
    #[must_use]
    pub fn last_refund_at(&self) -> Option<Timestamp> {
        let back = self.data.refunds.iter().filter_map(Refund::back_at);
        back.max()
    }

    /// The refund of this id.
    #[must_use]
    pub fn refund_by_id(&self, id: RefundId) -> Option<&Refund> {
        self.data.refunds.iter().find(|refund| refund.id == id)
    }

    /// The refund that Tiki asked for under this `request_id`.
    #[must_use]
    pub fn refund_by_request(&self, request_id: &RequestId) -> Option<&Refund> {
        self.data
            .refunds
            .iter()
            .find(|refund| refund.origin.request_id() == Some(request_id))
    }

    /// When ipn-sender is next to look at it, if at all.
    #[must_use]
    pub fn ipn_due_at(&self) -> Option<Timestamp> {
        match self.ipn() {
            Ipn::Queued { due_at } | Ipn::Retrying { due_at, .. } => Some(due_at),
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
            PaymentState::Pending { expiry_check, .. } => Some(expiry_check.due_at),
            PaymentState::Paid { .. } | PaymentState::Failed { .. } => None,
        }
    }

    /// When core-worker next asks the core about a refund; `None` while no refund is open.
    #[must_use]
    pub fn refund_due_at(&self) -> Option<Timestamp> {
        let due = self.data.refunds.iter().filter_map(Refund::due);
        due.map(|due| due.due_at).min()
    }

    /// What a person must act on, and since when: it stays so until somebody has.
    #[must_use]
    pub fn needs_review(&self) -> Option<(ReviewReason, Timestamp)> {
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
        if let PaymentState::Pending {
            other_amount_since: Some(since),
            ..
        } = self.data.payment
        {
            return Some((ReviewReason::PaidAmountDiffers, since));
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
    fn keeps_late_payment(&self) -> bool {
        matches!(self.data.payment, PaymentState::Failed { .. })
            && self.remaining_amount() > Vnd::ZERO
    }

    /// Whether each refund is one that this payment can have come to, under the id of its cause.
    fn refunds_follow_from_causes(&self) -> bool {
        let (mut reversals, mut late_payments) = (0_usize, 0_usize);
        self.data.refunds.iter().all(|refund| {
            let (possible, earlier) = match (&refund.origin, &self.data.payment) {
                (Origin::Tiki { .. }, PaymentState::Paid { .. }) => (true, 0),
                (Origin::Reversal, PaymentState::Paid { .. }) => {
                    reversals = reversals.saturating_add(1);
                    (true, reversals.saturating_sub(1))
                }
                (Origin::LatePayment, PaymentState::Failed { failure, .. }) => {
                    late_payments = late_payments.saturating_add(1);
                    let possible = failure.late_payment.is_some();
                    (possible, late_payments.saturating_sub(1))
                }
                (Origin::Tiki { .. } | Origin::Reversal, PaymentState::Failed { .. })
                | (Origin::LatePayment, PaymentState::Paid { .. })
                | (_, PaymentState::Pending { .. }) => (false, 0),
            };
            possible && refund.id == refund.origin.refund_id(self.data.id, earlier)
        })
    }

    /// The rules that hold of every transaction, whatever happened to it.
    pub(crate) fn check(&self) -> Result<(), Inconsistent> {
        let rule = |holds: bool, text| {
            if holds {
                Ok(())
            } else {
                Err(Inconsistent(text))
            }
        };
        rule(self.data.order.amount > Vnd::ZERO, "the amount is zero")?;
        rule(
            self.held_amount()
                .is_some_and(|held| held <= self.paid_amount()),
            "more is refunded than was paid",
        )?;
        rule(
            self.data
                .refunds
                .iter()
                .all(|refund| refund.amount > Vnd::ZERO),
            "a refund of nothing",
        )?;
        rule(
            self.refunds_follow_from_causes(),
            "a refund without a cause",
        )?;
        let named = self
            .data
            .audit_trail
            .iter()
            .filter_map(|entry| entry.event.refund());
        rule(
            named
                .max()
                .is_none_or(|place| place < self.data.refunds.len()),
            "a trail of refunds that are not there",
        )?;
        let tiki = self
            .data
            .refunds
            .iter()
            .filter_map(|r| r.origin.request_id());
        let requests: BTreeSet<_> = tiki.clone().collect();
        let tiki = tiki.count();
        rule(requests.len() == tiki, "two refunds of one request id")?;
        rule(
            tiki <= MAX_TIKI_REFUNDS && self.data.refunds.len() <= MAX_REFUNDS,
            "too many refunds",
        )
    }
}
