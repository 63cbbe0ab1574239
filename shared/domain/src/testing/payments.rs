//! Payments in the states that tests need. Each step is one that production takes.

use std::time::Duration;

use super::{AssumeCommitted, lease_now, plain_payment};
use crate::commands::Reservation;
use crate::money::Vnd;
use crate::notification::{Decision, IpnAnswer, NotificationOutcome};
use crate::payment::{PaymentResult, PaymentResultMessage};
use crate::refund::{RefundAnswer, RefundCommand};
use crate::time::Timestamp;
use crate::transaction::Transaction;

const CONFIRM_AFTER: Duration = Duration::from_mins(2);

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).expect("an amount")
}

/// A payment of 100,000 VND that was just created.
///
/// # Panics
///
/// If it is refused.
#[must_use]
pub fn pending_payment(now: Timestamp) -> Transaction {
    let tiki_id = "T-1".parse().expect("an id");
    let created = plain_payment(&tiki_id, vnd(100_000), Duration::from_mins(1), now);
    created.expect("a plain payment").assume_committed()
}

/// The payment after this result of the core; with an amount, if the core names one.
///
/// # Panics
///
/// If the result changes nothing.
#[must_use]
pub fn said(t: &Transaction, result: PaymentResult, amount: Option<u64>) -> Transaction {
    let message = PaymentResultMessage {
        amount: amount.map(vnd),
        result,
    };
    let recorded = t.record_payment_result(&message, t.updated_at());
    recorded.change.expect("a change").assume_committed()
}

/// The payment after one attempt of its notification, which was answered without a clear word.
///
/// # Panics
///
/// If no notification is due.
#[must_use]
pub fn tried(t: &Transaction, decision: Decision) -> Transaction {
    let now = t.ipn_due_at().expect("a notification is due");
    let (lease, leased) = lease_now(t, CONFIRM_AFTER, now).expect("nobody else has leased it");
    let outcome = NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    };
    let recorded = leased.record_ipn(lease, outcome, now);
    recorded.expect("its own lease").assume_committed()
}

/// The payment after all attempts of its notification.
#[must_use]
pub fn given_up(t: &Transaction) -> Transaction {
    let mut t = t.clone();
    while t.ipn_due_at().is_some() {
        t = tried(&t, Decision::Retry);
    }
    t
}

/// The payment with a refund of Tiki's, the request `R1`; as it was, if that is refused or repeated.
///
/// # Panics
///
/// If this is no amount.
#[must_use]
pub fn with_refund(t: &Transaction, amount: u64) -> Transaction {
    let command = RefundCommand {
        request_id: "R1".parse().expect("an id"),
        amount: vnd(amount),
        reason: "changed mind".parse().expect("a reason"),
    };
    match t.reserve_refund(&command, t.updated_at()) {
        Ok(Reservation::Reserve(_, change)) => change.assume_committed(),
        _ => t.clone(),
    }
}

/// The payment after this answer of the core to its last refund.
///
/// # Panics
///
/// If it has no refund, or the answer changes nothing.
#[must_use]
pub fn answered(t: &Transaction, answer: &RefundAnswer) -> Transaction {
    let id = t.refunds().last().expect("a refund").id;
    let change = t.record_refund_outcome(id, answer, t.updated_at());
    change.expect("a change").assume_committed()
}
