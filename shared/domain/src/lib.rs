//! The transaction as a state machine: what may happen to a payment, and what is then due at Tiki and at the core.
//!
//! Every crate that handles a transaction uses it; it depends on none of ours. It is pure: no I/O, no clock, no
//! randomness. A command takes the [`Transaction`] as it was read and the time. It returns a [`Change`] that is
//! written in one piece, or nothing if nothing is to be written, or a [`Refusal`]. What is due (a notification to
//! Tiki, a refund at the core) is part of the transaction, so it changes in the same write as the state that
//! causes it: the transaction is its own outbox.
//!
//! A module uses only modules above it in this table:
//!
//! | module | what is there |
//! |---|---|
//! | `printable` | what a text from outside may show to people |
//! | `text`, `ids`, `money`, `time` | checked values: texts of one meaning each, ids, amounts, moments and days |
//! | `customer` | the customer for whom a webview is opened |
//! | `principal` | who acts, as AWS names the caller, and whether two callers are two persons |
//! | `schedule` | when to try again, and how long a lease is |
//! | `status`, `inconsistent` | a transaction's status; the error of data that no command can have made |
//! | `notification` | Tiki's answers, the decision tables of protocol §3 and §4, what Tiki knows of a result |
//! | `payment` | the state of a payment, and the core's answers |
//! | `review` | what a person must look at |
//! | `operator` | what a person says |
//! | `refund` | a refund and its states |
//! | `proposal` | what one person proposes, and another one approves or declines |
//! | `audit_trail` | what happened, when, on whose word |
//! | `refusal` | why a request is refused |
//! | `transaction` | the data together, what follows from it, and changes to it |
//! | `commands` | what may happen to a transaction |
//! | `testing` | for tests: a plain payment, decisions taken as written (feature `testing`) |
//!
//! Each id and each text has a type of its own; one cannot stand in for another:
//!
//! ```compile_fail,E0308
//! let code: domain::OrderCode = "221115".parse().unwrap();
//! let request_id: domain::RequestId = code;
//! ```

// Money is counted here: no sum may wrap, in no build.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod audit_trail;
mod commands;
mod customer;
mod ids;
mod inconsistent;
mod money;
mod notification;
mod operator;
mod payment;
mod principal;
mod printable;
mod proposal;
mod refund;
mod refusal;
mod review;
mod schedule;
mod status;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod time;
mod transaction;

pub use audit_trail::{Actor, AuditEntry, AuditEvent, MAX_CONTRADICTIONS, MAX_REQUEUES};
pub use commands::{RecordedResult, Reservation, StillNeeded};
pub use customer::{BadPhone, Customer, PhoneNumber};
pub use ids::{BadId, RefundId, TikiTransactionId, TransactionId};
pub use inconsistent::Inconsistent;
pub use money::{BadAmount, Vnd, integer_from_json_number};
pub use notification::{
    AttemptHttp, Decision, DecisionKind, DisputeReason, FailedNotification, HeardOutcome,
    HttpOutcome, Ipn, IpnAnswer, IpnLease, IpnRefusal, IpnSubject, LookUpAnswer,
    NotificationOutcome, NotificationStep, PaidNotification, ReversalReason, ReversedNotification,
    Sending, after_look_up, after_notification, after_reversal_look_up,
};
pub use operator::{
    MAX_OPEN_ACTS, MAX_OPERATOR_ACTS, MAX_RESENDS, OperatorRefusal, OperatorWord, Resolution,
    Verdict,
};
pub use payment::{
    Contradiction, CoreAnswer, Failure, FailureCause, PaidDetails, Payment, PaymentAnswer,
    PaymentResult, PaymentResultMessage, PaymentState, Reversal,
};
pub use principal::{BadPrincipal, Principal};
pub use printable::{escaped, escaped_json, is_unprintable, printable};
pub use proposal::{ApprovalRule, PROPOSAL_HOURS, Proposal, ProposedAct};
pub use refund::{
    Balance, MAX_REJECTED_REFUNDS, MAX_TIKI_REFUNDS, Origin, Refund, RefundAnswer, RefundCommand,
    RefundState,
};
pub use refusal::Refusal;
pub use review::{Alarm, BadReview, Raised, RaisedReason, ReviewReason, SeenReview};
pub use schedule::{
    CORE_LEASE, Due, IPN_BUDGET, IPN_DELIVERY, IPN_HEAD_START, IPN_LEASE, LOOK_UP_FROM_FAILURE,
};
pub use status::{FinalStatus, Status};
pub use text::{
    BadText, BankingMethod, ClientId, CoreReference, CustomerName, Description, FailureReason,
    IdentifyCode, OperatorName, OperatorReason, OrderCode, RefundReason, RejectionReason,
    RequestId, WebviewRequestId,
};
pub use time::{BadDay, BadTimestamp, Clock, Day, Timestamp};
pub use transaction::{
    AmountLimits, BadContentHash, Change, ContentHash, Created, DueMarks, FinalTransaction, Kept,
    Order, OrderAtTiki, Snapshot, Transaction, order_at_tiki,
};
