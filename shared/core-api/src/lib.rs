//! What we ask of the partner's core (docs/core.md): the traits [`Core`] and [`Statements`], and [`CoreClient`], which asks
//! over HTTP. `refund-transaction`, `core-worker` and `reconcile` use it. A partner whose core has another interface implements the trait and
//! wires it in these two `main.rs`. It must not depend on the store or Lambda, nor on what the core sends us
//! (`partner-api`).

mod http;
mod statement;

use std::time::Duration;

use async_trait::async_trait;
use domain::{PaymentAnswer, Refund, RefundAnswer, Transaction, TransactionId};

pub use statement::{StatementError, StatementPage, Statements};

pub use http::{
    CORE_TIMEOUT_IN_REQUEST, CORE_TIMEOUT_IN_WORKER, CORE_TIMEOUT_WHILE_FAILING, CoreClient,
};

/// What the core knows of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundRefund {
    /// The core knows the refund, or did not answer clearly.
    Known(RefundAnswer),
    /// The core has never seen it, so it may be posted again with the same id.
    NeverSeen,
}

/// The partner's core.
#[async_trait]
pub trait Core: Send + Sync {
    /// Asks the core to give money back. The id of the refund is the idempotency key: the same request a second time
    /// must not pay a second time. An answer counts only if it names this refund and its amount. No answer `within`
    /// this time is `Unknown`: only the caller knows how much time it has left.
    async fn refund(
        &self,
        transaction: &Transaction,
        refund: &Refund,
        within: Duration,
    ) -> RefundAnswer;

    /// Asks for the status of a refund. An unclear answer is `Known(Unknown)`, never `NeverSeen`.
    async fn find_refund(&self, refund: &Refund) -> FoundRefund;

    /// Asks whether a payment was made.
    async fn payment(&self, id: TransactionId) -> PaymentAnswer;
}
