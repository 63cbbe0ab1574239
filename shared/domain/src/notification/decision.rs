//! What follows from Tiki's answers: the decision tables of protocol §3 and §4.

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

use super::answer::{AttemptHttp, IpnAnswer, IpnRefusal, LookUpAnswer};
use super::lease::{IpnLease, IpnSubject};
use crate::money::Vnd;
use crate::schedule::LOOK_UP_FROM_FAILURE;
use crate::status::Status;
use crate::time::Timestamp;

/// What follows at once from the answer to an IPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationStep {
    /// Ask Tiki what it knows; [`after_look_up`] or [`after_reversal_look_up`] then decides.
    LookUp,
    /// The answer alone decides.
    Decide(Decision),
}

/// What was decided after an IPN, and a look-up if there was one. This is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(DecisionKind),
    derive(EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "A decision without its reason: the word that the item has.",
    vis(pub)
)]
pub enum Decision {
    /// Tiki has it.
    #[strum_discriminants(strum(serialize = "confirmed"))]
    Confirm,
    /// Tiki need not have it: no money was taken.
    #[strum_discriminants(strum(serialize = "abandoned"))]
    Abandon,
    /// Send again on the schedule.
    #[strum_discriminants(strum(serialize = "again"))]
    Retry,
    /// Send again on the schedule, and raise an alarm: wrong key, or wrong clock.
    #[strum_discriminants(strum(serialize = "again_unauthorized"))]
    RetryUnauthorized,
    /// Tiki does not have it: look up once more before money is returned (protocol §3).
    #[strum_discriminants(strum(serialize = "look_again"))]
    LookAgain,
    /// Give back what remains.
    #[strum_discriminants(strum(serialize = "reversed"))]
    Reverse(ReversalReason),
    /// No automatic movement of money: a person decides.
    #[strum_discriminants(strum(serialize = "disputed"))]
    Dispute(DisputeReason),
}

impl Decision {
    /// The name in the item and in logs, without the reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        DecisionKind::from(self).into()
    }

    /// The reason of a reversal or a dispute.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Reverse(reason) => Some(reason.as_str()),
            Self::Dispute(reason) => Some(reason.as_str()),
            Self::Confirm
            | Self::Abandon
            | Self::Retry
            | Self::RetryUnauthorized
            | Self::LookAgain => None,
        }
    }
}

/// Why a payment is reversed: the only reasons there are (protocol §4, and a person's decision).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ReversalReason {
    /// The look-up says `FAILURE`.
    FailedAtTiki,
    /// Two look-ups, some time apart, say code 3.
    NotFoundAtTiki,
    /// The look-up says code 6.
    CancelledAtTiki,
    /// A person has decided a dispute.
    ByOperator,
}

impl ReversalReason {
    /// All reasons, for reading stored names.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item, in logs and at the core.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a person must decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DisputeReason {
    /// Tiki has another amount.
    AmountDiffers,
    /// Tiki calls our look-up invalid.
    #[strum(serialize = "look_up_invalid")]
    InvalidRequest,
    /// Tiki says that the transaction is another partner's.
    NotOfThisPartner,
    /// The core refuses to give the money back.
    ReversalRejected,
    /// The core contradicts itself about the payment, so nobody knows whether the customer has the money already.
    ReversalHeld,
    /// More payments were to be reversed within an hour than is allowed: when Tiki denies everything, the
    /// environment is wrong and not the customers.
    TooManyReversals,
    /// The payment was reversed, and Tiki says that it is paid.
    KnownAsPaid,
}

impl DisputeReason {
    /// All reasons, for reading stored names.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The outcome of one notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationOutcome {
    /// Tiki's answer to the IPN.
    pub answer: IpnAnswer,
    /// What Tiki knew of the transaction, if it was asked then.
    pub known: Option<LookUpAnswer>,
    /// What was decided.
    pub decision: Decision,
}

/// The outcome of one notification, and how its answers came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardOutcome {
    pub outcome: NotificationOutcome,
    pub http: AttemptHttp,
}

/// Of a test, or of a simulation, in which nothing goes over HTTP.
impl From<NotificationOutcome> for HeardOutcome {
    fn from(outcome: NotificationOutcome) -> Self {
        Self {
            outcome,
            http: AttemptHttp::default(),
        }
    }
}

/// The table of protocol §3: what an IPN's answer means under this lease.
#[must_use]
pub fn after_notification(lease: IpnLease, answer: IpnAnswer) -> NotificationStep {
    use IpnAnswer::{Accepted, AcceptedUnnamed, Refused, SystemError, Unauthorized, Unclear};
    use IpnSubject::{Failed, Paid, Reversed};
    use NotificationStep::{Decide, LookUp};
    let failed_often = lease.failures.saturating_add(1) >= LOOK_UP_FROM_FAILURE;
    match (lease.subject, answer) {
        (Paid | Failed, Accepted) | (Failed, AcceptedUnnamed) => Decide(Decision::Confirm),
        (Paid, AcceptedUnnamed | Refused(_)) => LookUp,
        (Paid, SystemError | Unclear) if failed_often => LookUp,
        (Paid, SystemError | Unclear) => Decide(Decision::Retry),
        (Failed, Refused(IpnRefusal::NotFound | IpnRefusal::Cancelled)) => {
            Decide(Decision::Abandon)
        }
        (
            Failed,
            Refused(
                IpnRefusal::InvalidRequest
                | IpnRefusal::NotOfThisPartner
                | IpnRefusal::InvalidAmount,
            )
            | SystemError
            | Unclear,
        ) => Decide(Decision::Retry),
        // Whatever Tiki answers: what it believes, only a look-up shows.
        (Reversed, Accepted | AcceptedUnnamed | Refused(_)) => LookUp,
        (Reversed, SystemError | Unclear) => Decide(Decision::Retry),
        (Paid | Failed | Reversed, Unauthorized) => Decide(Decision::RetryUnauthorized),
    }
}

/// The table of protocol §4: what Tiki's answer means for a payment of this amount whose IPN is not confirmed.
#[must_use]
pub fn after_look_up(
    amount: Vnd,
    answer: LookUpAnswer,
    lease: IpnLease,
    now: Timestamp,
) -> Decision {
    match answer {
        LookUpAnswer::Found(Status::Success, Some(at_tiki)) if at_tiki == amount => {
            Decision::Confirm
        }
        LookUpAnswer::Found(Status::Success, Some(_)) => {
            Decision::Dispute(DisputeReason::AmountDiffers)
        }
        LookUpAnswer::Found(Status::Failure, _) => Decision::Reverse(ReversalReason::FailedAtTiki),
        // A replica that lags, or a wrong environment, says the same: it is believed on a second look.
        LookUpAnswer::NotFound if lease.not_found_long_ago(now) => {
            Decision::Reverse(ReversalReason::NotFoundAtTiki)
        }
        LookUpAnswer::NotFound => Decision::LookAgain,
        LookUpAnswer::Cancelled => Decision::Reverse(ReversalReason::CancelledAtTiki),
        LookUpAnswer::InvalidRequest => Decision::Dispute(DisputeReason::InvalidRequest),
        LookUpAnswer::NotOfThisPartner => Decision::Dispute(DisputeReason::NotOfThisPartner),
        LookUpAnswer::Unauthorized => Decision::RetryUnauthorized,
        LookUpAnswer::Found(Status::Success, None)
        | LookUpAnswer::Found(Status::Pending, _)
        | LookUpAnswer::SystemError
        | LookUpAnswer::Unclear => Decision::Retry,
    }
}

/// What Tiki's answer to a look-up means for a payment whose money is back, once Tiki has been notified of the
/// failure (protocol §3).
#[must_use]
pub fn after_reversal_look_up(answer: LookUpAnswer) -> Decision {
    match answer {
        LookUpAnswer::Found(Status::Success, _) => Decision::Dispute(DisputeReason::KnownAsPaid),
        LookUpAnswer::Found(Status::Failure | Status::Pending, _)
        | LookUpAnswer::NotFound
        | LookUpAnswer::Cancelled
        | LookUpAnswer::InvalidRequest
        | LookUpAnswer::NotOfThisPartner => Decision::Confirm,
        LookUpAnswer::Unauthorized => Decision::RetryUnauthorized,
        LookUpAnswer::SystemError | LookUpAnswer::Unclear => Decision::Retry,
    }
}
