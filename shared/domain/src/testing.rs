//! For tests and the simulation, which have no store (feature `testing`).

#[expect(
    clippy::expect_used,
    reason = "a test stops at a payment that cannot be"
)]
mod payments;

use std::time::Duration;

use crate::ids::TikiTransactionId;
use crate::money::Vnd;
use crate::notification::IpnLease;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transaction::{AmountLimits, Change, Created, Order, Transaction};

pub use self::payments::{answered, given_up, pending_payment, said, tried, with_refund};

/// Leases a notification: by the lease that it was queued with, or by one that is written.
#[must_use]
pub fn lease_now(
    t: &Transaction,
    confirm_after: Duration,
    now: Timestamp,
) -> Option<(IpnLease, Transaction)> {
    if let Some(first) = t.first_ipn_lease(confirm_after, now) {
        return Some((first, t.clone()));
    }
    let (lease, change) = t.lease_ipn(confirm_after, now)?;
    Some((lease, change.assume_committed()))
}

/// A payment of this amount that expires in a quarter of an hour, and has nothing that it need not have.
pub fn plain_payment(
    tiki_id: &TikiTransactionId,
    amount: Vnd,
    grace: Duration,
    now: Timestamp,
) -> Result<Created, Refusal> {
    let order = Order {
        amount,
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        expires_in_s: 900,
    };
    let limits = AmountLimits {
        min: amount,
        max: amount,
    };
    Transaction::create(tiki_id, order, limits, grace, now)
}

/// What is decided is taken as written.
pub trait AssumeCommitted {
    /// The transaction as it is once the store has written it.
    #[must_use]
    fn assume_committed(self) -> Transaction;
}

impl AssumeCommitted for Change {
    fn assume_committed(self) -> Transaction {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test says that the change is written"
        )]
        self.into_transaction()
    }
}

impl AssumeCommitted for Created {
    fn assume_committed(self) -> Transaction {
        self.transaction().clone()
    }
}
