//! What follows from Tiki's answers: the decision tables of protocol §3 and §4.

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

use super::answer::{IpnAnswer, IpnRefusal, LookUpAnswer};
use crate::money::Vnd;
use crate::schedule::LOOK_UP_FROM_FAILURE;
use crate::status::{FinalStatus, Status};

/// What follows at once from the answer to an IPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationStep {
    /// Ask Tiki what it knows; [`after_look_up`] then decides.
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
            Self::Confirm | Self::Abandon | Self::Retry | Self::RetryUnauthorized => None,
        }
    }
}

/// Why a payment is reversed: the only reasons there are (protocol §4, and a person's decision).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ReversalReason {
    /// The look-up says `FAILURE`.
    FailedAtTiki,
    /// The look-up says code 3.
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

/// The table of protocol §3: what an IPN's answer means, after so many failures before it.
#[must_use]
pub fn after_notification(
    notified: FinalStatus,
    answer: IpnAnswer,
    failures: u32,
) -> NotificationStep {
    use IpnAnswer::{Accepted, Refused, SystemError, Unauthorized, Unclear};
    use NotificationStep::{Decide, LookUp};
    let failed_often = failures.saturating_add(1) >= LOOK_UP_FROM_FAILURE;
    match (notified, answer) {
        (FinalStatus::Success | FinalStatus::Failure, Accepted) => Decide(Decision::Confirm),
        (FinalStatus::Success | FinalStatus::Failure, Unauthorized) => {
            Decide(Decision::RetryUnauthorized)
        }
        (FinalStatus::Success, Refused(_)) => LookUp,
        (FinalStatus::Success, SystemError | Unclear) if failed_often => LookUp,
        (FinalStatus::Success, SystemError | Unclear) => Decide(Decision::Retry),
        (FinalStatus::Failure, Refused(IpnRefusal::NotFound | IpnRefusal::Cancelled)) => {
            Decide(Decision::Abandon)
        }
        (
            FinalStatus::Failure,
            Refused(
                IpnRefusal::InvalidRequest
                | IpnRefusal::NotOfThisPartner
                | IpnRefusal::InvalidAmount,
            )
            | SystemError
            | Unclear,
        ) => Decide(Decision::Retry),
    }
}

/// The table of protocol §4: what Tiki's answer means for a payment of this amount whose IPN is not confirmed.
#[must_use]
pub fn after_look_up(amount: Vnd, answer: LookUpAnswer) -> Decision {
    match answer {
        LookUpAnswer::Found(Status::Success, Some(at_tiki)) if at_tiki == amount => {
            Decision::Confirm
        }
        LookUpAnswer::Found(Status::Success, Some(_)) => {
            Decision::Dispute(DisputeReason::AmountDiffers)
        }
        LookUpAnswer::Found(Status::Failure, _) => Decision::Reverse(ReversalReason::FailedAtTiki),
        LookUpAnswer::NotFound => Decision::Reverse(ReversalReason::NotFoundAtTiki),
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
