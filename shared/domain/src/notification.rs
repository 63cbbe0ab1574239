//! The notification (IPN): Tiki's answers, what follows from them, and what Tiki knows of a result.

mod answer;
mod decision;
mod lease;
mod state;

pub use self::answer::{AttemptHttp, HttpOutcome, IpnAnswer, IpnRefusal, LookUpAnswer};
pub use self::decision::{
    Decision, DecisionKind, DisputeReason, HeardOutcome, NotificationOutcome, NotificationStep,
    ReversalReason, after_look_up, after_notification, after_reversal_look_up,
};
pub use self::lease::{IpnLease, IpnSubject};
pub use self::state::{FailedNotification, Ipn, PaidNotification, ReversedNotification, Sending};
