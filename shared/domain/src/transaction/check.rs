//! The rules that hold of every transaction, whatever happened to it.

use std::collections::BTreeSet;

use super::data::{Snapshot, Transaction};
use crate::inconsistent::Inconsistent;
use crate::money::Vnd;
use crate::payment::PaymentState;
use crate::proposal::Proposal;
use crate::refund::{MAX_ASKED_REFUNDS, MAX_REFUNDS, Origin};

impl Transaction {
    /// Takes data that was read back, if they follow the rules.
    pub fn restore(snapshot: Snapshot) -> Result<Self, Inconsistent> {
        let transaction = Self { data: snapshot };
        transaction.check()?;
        Ok(transaction)
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
        let raised: Vec<_> = self
            .data
            .raised
            .iter()
            .map(|raised| raised.reason)
            .collect();
        let once = |place: usize| {
            !raised
                .iter()
                .take(place)
                .any(|r| raised.get(place) == Some(r))
        };
        rule((0..raised.len()).all(once), "two reviews of one reason")?;
        rule(
            self.proposal().is_none_or(Proposal::is_sound),
            "a proposal that nobody can have made",
        )?;
        rule(
            tiki <= MAX_ASKED_REFUNDS && self.data.refunds.len() <= MAX_REFUNDS,
            "too many refunds",
        )
    }

    /// Whether each refund is one that this payment can have come to, under the id of its cause.
    fn refunds_follow_from_causes(&self) -> bool {
        let (mut reversals, mut late_payments) = (0_usize, 0_usize);
        self.data.refunds.iter().all(|refund| {
            let (possible, earlier) = match (&refund.origin, &self.data.payment) {
                (
                    Origin::Tiki { .. },
                    PaymentState::Paid { .. } | PaymentState::Reversed { .. },
                ) => (true, 0),
                (Origin::Reversal, PaymentState::Reversed { .. }) => {
                    reversals = reversals.saturating_add(1);
                    (true, reversals.saturating_sub(1))
                }
                (Origin::LatePayment, PaymentState::Failed { failure, .. }) => {
                    late_payments = late_payments.saturating_add(1);
                    let possible = failure.late_payment.is_some();
                    (possible, late_payments.saturating_sub(1))
                }
                (Origin::Tiki { .. } | Origin::Reversal, PaymentState::Failed { .. })
                | (Origin::Reversal, PaymentState::Paid { .. })
                | (
                    Origin::LatePayment,
                    PaymentState::Paid { .. } | PaymentState::Reversed { .. },
                )
                | (_, PaymentState::Pending { .. }) => (false, 0),
            };
            possible && refund.id == refund.origin.refund_id(self.data.id, earlier)
        })
    }
}
