//! The one balance that Tiki's refunds, reversals and late payments draw on.

use super::data::Transaction;
use crate::ids::RefundId;
use crate::money::Vnd;
use crate::payment::PaymentState;
use crate::refund::{Balance, Refund, RefundState};
use crate::time::Timestamp;

impl Transaction {
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

    /// What had gone back for certain without this refund, whatever the other refunds are for. The core gets it with
    /// the refund (docs/core.md): a core that has given back more knows that our records are older than its own.
    #[must_use]
    pub fn refunded_without(&self, id: RefundId) -> Vnd {
        let others = self.data.refunds.iter().filter(|refund| refund.id != id);
        let back = others.filter(|refund| matches!(refund.state, RefundState::Succeeded { .. }));
        Vnd::checked_sum(back.map(|refund| refund.amount)).unwrap_or(Vnd::MAX)
    }

    /// What may still go back: what was paid, without what is back or on its way. Tiki's refunds, reversals and
    /// late payments have this one balance, so no interleaving returns more than was paid.
    #[must_use]
    pub fn remaining_amount(&self) -> Vnd {
        self.held_amount()
            .and_then(|held| self.paid_amount().checked_sub(held))
            .unwrap_or(Vnd::ZERO)
    }

    /// What was paid and is not back for certain. What is on its way can be rejected, and then it goes back another way: a
    /// decision is about it as well.
    #[must_use]
    pub fn amount_at_stake(&self) -> Vnd {
        self.paid_amount()
            .checked_sub(self.refunded_amount())
            .unwrap_or(Vnd::ZERO)
    }

    /// What is back or on its way, or `None` if that is more than any amount.
    pub(super) fn held_amount(&self) -> Option<Vnd> {
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

    /// When it was decided to give back all the money, unasked: a reversal, or a payment that came too late. Tiki must
    /// keep no order for it.
    #[must_use]
    pub fn given_back_at(&self) -> Option<Timestamp> {
        match &self.data.payment {
            PaymentState::Reversed { reversal, .. } => Some(reversal.at),
            PaymentState::Failed { failure, .. } => {
                let late = failure.late_payment.as_ref();
                late.map(|late| late.recorded_at)
            }
            PaymentState::Pending { .. } | PaymentState::Paid { .. } => None,
        }
    }

    /// When the customer's money last went back for certain: the day of a refund's row (protocol §7).
    #[must_use]
    pub fn last_refund_at(&self) -> Option<Timestamp> {
        let back = self.data.refunds.iter().filter_map(Refund::back_at);
        back.max()
    }
}
