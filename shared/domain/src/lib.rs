//! The transaction as a state machine: what may happen to a payment, and what is then owed to whom.
//!
//! Pure: no I/O, no clock, no randomness. A command takes the [`Transaction`] as it was read and the time,
//! and gives back a [`Change`] to be written in one piece, or says that nothing is to be written, or a
//! [`Refusal`]. What is still owed to the outside (an IPN to Tiki, a refund at the core) is part of the
//! transaction, so it changes together with the state that causes it: the transaction is its own outbox.
//!
//! | room | what is decided there |
//! |---|---|
//! | [`create`](Transaction::create) | a new transaction, and what counts as a repeat |
//! | `payment` | results from the core, late payments, expiry |
//! | `refund` | reservations, outcomes, reversals; one balance for all |
//! | `ipn` | the decision tables of protocol §3 and §4 |
//! | `operator` | what a person may do |
//! | `trail` | the audit trail |
//!
//! Each id and each text has a type of its own; one cannot stand in for another:
//!
//! ```compile_fail,E0308
//! let code: domain::OrderCode = "221115".parse().unwrap();
//! let request_id: domain::RequestId = code;
//! ```

// Money is counted here: no sum may wrap, in no build.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod change;
mod create;
mod customer;
mod day;
mod final_transaction;
mod ids;
mod ipn;
mod money;
mod notification;
mod operator;
mod payment;
mod refund;
mod refusal;
mod schedule;
mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod time;
mod trail;
mod transaction;

pub use change::{Alarm, Change, DueMarks, ReviewReason};
pub use create::{AmountLimits, Created};
pub use customer::{BadPhone, Customer, PhoneNumber};
pub use day::{BadDay, Day};
pub use final_transaction::FinalTransaction;
pub use ids::{BadId, RefundId, TikiTransactionId, TransactionId};
pub use ipn::{
    Decision, DecisionKind, DisputeReason, IpnAnswer, IpnLease, IpnRefusal, LookUpAnswer,
    NotificationStep, ReversalReason, after_look_up, after_notification,
};
pub use money::{BadAmount, Vnd};
pub use notification::{FailedNotification, Ipn, PaidNotification};
pub use operator::{OperatorRefusal, Verdict};
pub use payment::{PaidDetails, PaymentAnswer, PaymentResult, PaymentResultMessage};
pub use refund::{MAX_TIKI_REFUNDS, RefundAnswer, RefundCommand, Reservation};
pub use refusal::Refusal;
pub use schedule::{CORE_LEASE, IPN_BUDGET, IPN_LEASE, LOOK_UP_FROM_FAILURE};
pub use text::{
    BadText, BankingMethod, ClientId, CoreReference, CustomerName, Description, FailureReason,
    IdentifyCode, OperatorName, OperatorReason, OrderCode, RefundReason, RejectionReason,
    RequestId, WebviewRequestId,
};
pub use time::{BadTimestamp, Clock, Timestamp};
pub use trail::{
    Actor, CoreAnswer, Entry, Event, MAX_OPERATOR_ACTS, MAX_REQUEUES, MAX_RESENDS,
    NotificationOutcome, OperatorWord,
};
pub use transaction::{
    Balance, Due, Failure, FailureCause, FinalStatus, Inconsistent, Order, Origin, Payment,
    PaymentState, Refund, RefundState, Snapshot, Status, Transaction,
};
