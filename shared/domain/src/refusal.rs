//! Refusals of requests. A refusal is answered with its code (docs/architecture.md#what-tiki-calls); it is no internal
//! error.

use crate::money::Vnd;
use crate::text::RejectionReason;

/// Why a request that is signed and well formed is refused. The codes are those of docs/architecture.md#what-tiki-calls.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Both ids were given, and belong to different transactions.
    #[error("tiki_transaction_id and transaction_id do not name the same transaction")]
    IdsDisagree,
    /// There is no such transaction.
    #[error("transaction not found")]
    NotFound,
    /// Tiki knows it as another partner's.
    #[error("transaction not of this partner")]
    NotOfThisPartner,
    /// A field holds a number that is no amount, or not one we accept.
    #[error("{field} {problem}")]
    InvalidAmount {
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The payment was declined or cancelled.
    #[error("transaction cancelled or failed")]
    Failed,
    /// The payment was not made in time.
    #[error("transaction expired")]
    Expired,
    /// Tiki has the order as paid, so the customer must not pay again.
    #[error("Tiki has this order as paid already")]
    PaidAtTiki,
    /// The transaction exists with other content.
    #[error("tiki_transaction_id was used before with other content")]
    IdReused,
    /// The result received before was another one.
    #[error("another result of this payment was received before")]
    ResultDiffers,
    /// The payment is not final yet.
    #[error("not refundable in this state: the payment is not final")]
    NotPaidYet,
    /// A person must first find out where the money is.
    #[error("not refundable in this state: the payment is under review")]
    UnderReview,
    /// The most refunds of one transaction are reached.
    #[error("not refundable in this state: {0} refunds were asked for")]
    TooManyRefunds(usize),
    /// The core rejected this refund for good.
    #[error("not refundable in this state: the refund was rejected")]
    RejectedByCore {
        /// In the core's words.
        reason: Option<RejectionReason>,
    },
    /// More than is left.
    #[error("transaction_amount is more than what remains to be refunded: {remaining}")]
    ExceedsRemaining {
        /// What is left, in VND.
        remaining: Vnd,
    },
    /// The refund exists with other content.
    #[error("request_id was used before with other content")]
    RequestIdReused,
    /// The core has not answered yet.
    #[error("in progress, repeat with the same id")]
    InProgress,
}
