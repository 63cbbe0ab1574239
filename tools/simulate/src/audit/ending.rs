//! The auditor's checks some days after the last fault.

use domain::{AuditEvent, DisputeReason, Ipn, RefundState, Status, Transaction};

use super::Invariant as I;
use crate::core::Paying;
use crate::world::World;

impl World {
    /// Checks every payment at the end of the run.
    pub(crate) fn audit_ending(&mut self) {
        for payment in 0..self.payments.len() {
            let stored = self.rows.find(self.payments[payment].id).cloned();
            if let Some(transaction) = stored {
                self.audit_end_of(payment, &transaction);
            } else {
                let paid = matches!(self.payments[payment].paying, Paying::Paid { .. });
                self.audit
                    .must(!paid, I::EveryPaymentAccounted, payment, || {
                        "it was paid, but is not in our records".to_owned()
                    });
            }
        }
    }

    fn audit_end_of(&mut self, payment: usize, t: &Transaction) {
        self.audit_exports(payment, t);
        self.audit_reversed_end(payment, t);
        self.audit_review(payment, t);
        let undecided = |state: &RefundState| {
            matches!(state, RefundState::Reserved(_) | RefundState::Unknown(_))
        };
        let owed = t.status() == Status::Pending
            || matches!(
                t.ipn(),
                Ipn::NotDue | Ipn::Queued { .. } | Ipn::Retrying { .. }
            )
            // While the core contradicts itself, a person must first find out where the money is.
            || (!t.is_doubtful() && t.refunds().iter().any(|refund| undecided(&refund.state)));
        let paid = matches!(self.payments[payment].paying, Paying::Paid { .. });
        let returned = self.core.returned(payment);
        let in_review = t.needs_review().is_some();
        let shown = self.rows.indexes.shows("needs_review", t.id());
        let accounted = match (t.status(), paid) {
            (Status::Pending, _) => false,
            (Status::Success, _) => matches!(t.ipn(), Ipn::Confirmed { .. }) || in_review,
            (Status::Failure, true) => returned == t.order().amount.get() || in_review,
            (Status::Failure, false) => returned == 0,
        };
        let agree = returned == t.refunded_amount().get()
            && paid == t.money_taken().is_some()
            && returned <= t.order().amount.get();

        let audit = &mut self.audit;
        audit.must(shown == in_review, I::OwedIsFindable, payment, || {
            format!("in review: {in_review}; in the index that people read: {shown}")
        });
        audit.must(!owed, I::NothingOwedForever, payment, || {
            format!(
                "{:?}, IPN {:?}, refunds {:?}",
                t.payment(),
                t.ipn(),
                t.refunds()
            )
        });
        audit.must(accounted, I::EveryPaymentAccounted, payment, || {
            format!(
                "{:?}, IPN {:?}, {returned} VND returned",
                t.payment(),
                t.ipn()
            )
        });
        audit.must(agree, I::RecordsAgree, payment, || {
            let ours = t.refunded_amount();
            format!(
                "paid {paid}, returned {returned}; our record: {:?}, {ours}",
                t.payment()
            )
        });
    }

    /// At the end: the money of a reversed payment is back and Tiki has heard so, or it needs review.
    fn audit_reversed_end(&mut self, payment: usize, t: &Transaction) {
        let Some(reversed_at) = self.audit.reversed_since(payment) else {
            return;
        };
        let returned = self.core.returned(payment) == self.payments[payment].amount;
        let log = &self.payments[payment].log;
        let heard = log
            .notified
            .iter()
            .any(|(at, paid)| !paid && *at >= reversed_at);
        let mut trail = t.audit_trail().iter();
        let acted = trail.any(|entry| matches!(entry.event, AuditEvent::Resolved { .. }));
        let ended = match t.ipn() {
            // A person may have dealt with it at Tiki.
            Ipn::Confirmed { .. } => returned && (heard || acted),
            Ipn::Disputed { reason, .. } => match reason {
                DisputeReason::KnownAsPaid => returned && heard,
                DisputeReason::ReversalRejected => !returned,
                // A person finds out where the money is.
                DisputeReason::ReversalHeld => t.needs_review().is_some(),
                _ => false,
            },
            Ipn::Exhausted { .. } => returned,
            // It waits for a person, who must first find out where the money is.
            Ipn::Reversing { .. } => t.is_doubtful() && t.needs_review().is_some(),
            _ => false,
        };
        self.audit.must(ended, I::ReversedIsNotified, payment, || {
            format!(
                "IPN {:?}; the money is back: {returned}; Tiki has heard of it: {heard}",
                t.ipn()
            )
        });
        let failed = t.status() == domain::Status::Failure;
        self.audit.must(failed, I::ReversedIsFailure, payment, || {
            format!("{:?}", t.payment())
        });
    }
}
