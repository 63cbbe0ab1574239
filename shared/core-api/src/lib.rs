//! The partner's core: what we ask of it, and what it tells us (docs/architecture.md#the-partners-side).
//!
//! [`Core`] is what the rest of the system needs of a core; [`CoreClient`] asks it over HTTP. A partner
//! whose core speaks something else implements the trait and wires it in two `main.rs`.

mod http;

use async_trait::async_trait;
use domain::{PaymentAnswer, Refund, RefundAnswer, RefundId, Transaction, TransactionId};

pub use http::{CORE_TIMEOUT_IN_REQUEST, CORE_TIMEOUT_IN_WORKER, CoreClient};

/// What is known at the core of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundRefund {
    /// The core knows it.
    Known(RefundAnswer),
    /// The core has never seen it, so it may be posted, again, under the same id.
    NeverSeen,
}

/// The partner's core.
#[async_trait]
pub trait Core: Send + Sync {
    /// Gives money back. The refund's id is the idempotency key: posting it again must not pay again.
    async fn refund(&self, transaction: &Transaction, refund: &Refund) -> RefundAnswer;

    /// What became of a refund. No clear answer is `Known(Unknown)`, never `NeverSeen`.
    async fn find_refund(&self, id: RefundId) -> FoundRefund;

    /// Whether a payment was made.
    async fn payment(&self, id: TransactionId) -> PaymentAnswer;
}
