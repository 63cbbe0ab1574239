//! Telling Tiki: the decision tables of protocol §3 and §4, and what each decision does to a transaction.

use std::str::FromStr;

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, ParseError, VariantArray};

use crate::change::Alarm;
use crate::schedule::{self, IPN_LEASE, LOOK_UP_FROM_FAILURE};
use crate::trail::{self, MAX_REQUEUES};
use crate::{
    Change, Event, FinalStatus, Ipn, NotificationOutcome, PaidNotification, PaymentState,
    ReviewReason, Status, Timestamp, Transaction, Vnd,
};

/// What came of an IPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(IpnAnswerKind),
    derive(EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "An answer to an IPN, without what it holds.",
    vis(pub(crate))
)]
pub enum IpnAnswer {
    /// Code 0, and the echoed transaction id is ours.
    Accepted,
    /// A code by which Tiki says no.
    Refused(IpnRefusal),
    /// Code 2.
    SystemError,
    /// HTTP 401 or 403, although the secret was loaded again and the message signed again.
    Unauthorized,
    /// Any other HTTP error, no answer, or one that we cannot read.
    Unclear,
}

/// The codes by which Tiki refuses an IPN (protocol §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum IpnRefusal {
    /// Code 1.
    InvalidRequest,
    /// Code 3.
    NotFound,
    /// Code 4.
    NotOfThisPartner,
    /// Code 5.
    InvalidAmount,
    /// Code 6.
    Cancelled,
}

/// What came of a look-up at Tiki (protocol §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(LookUpAnswerKind),
    derive(EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "An answer to a look-up, without what it holds.",
    vis(pub(crate))
)]
pub enum LookUpAnswer {
    /// Code 0: Tiki's status of the transaction, and its amount if it gave one.
    Found(Status, Option<Vnd>),
    /// Code 1.
    InvalidRequest,
    /// Code 2.
    SystemError,
    /// Code 3.
    NotFound,
    /// Code 4.
    NotOfThisPartner,
    /// Code 6.
    Cancelled,
    /// HTTP 401 or 403, although the secret was loaded again and the message signed again.
    Unauthorized,
    /// Any other HTTP error, no answer, or one that we cannot read.
    Unclear,
}

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
    /// Send again on the schedule, and tell a person: wrong key, or wrong clock.
    #[strum_discriminants(strum(serialize = "again_unauthorized"))]
    RetryUnauthorized,
    /// Give back what remains.
    #[strum_discriminants(strum(serialize = "reversed"))]
    Reverse(ReversalReason),
    /// No automatic movement of money: a person decides.
    #[strum_discriminants(strum(serialize = "disputed"))]
    Dispute(DisputeReason),
}

/// Why a payment is reversed: the only reasons there are (protocol §4, and a person's word).
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
    /// Every reason.
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
    /// Every reason.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl IpnRefusal {
    /// Every refusal.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl IpnAnswer {
    /// Every answer.
    pub fn all() -> impl Iterator<Item = Self> {
        let refused = IpnRefusal::ALL.iter().copied().map(Self::Refused);
        let kinds = IpnAnswerKind::VARIANTS.iter().copied();
        kinds.filter_map(Self::of_kind).chain(refused)
    }

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::Accepted | Self::SystemError | Self::Unauthorized | Self::Unclear => {
                IpnAnswerKind::from(self).into()
            }
        }
    }

    /// `None` for a refusal: which one, its own name says.
    fn of_kind(kind: IpnAnswerKind) -> Option<Self> {
        match kind {
            IpnAnswerKind::Accepted => Some(Self::Accepted),
            IpnAnswerKind::Refused => None,
            IpnAnswerKind::SystemError => Some(Self::SystemError),
            IpnAnswerKind::Unauthorized => Some(Self::Unauthorized),
            IpnAnswerKind::Unclear => Some(Self::Unclear),
        }
    }
}

impl FromStr for IpnAnswer {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        if let Ok(refusal) = name.parse() {
            return Ok(Self::Refused(refusal));
        }
        Self::of_kind(name.parse()?).ok_or(ParseError::VariantNotFound)
    }
}

impl LookUpAnswer {
    /// Every answer, without amounts.
    pub fn all() -> impl Iterator<Item = Self> {
        let found = Status::ALL.iter().map(|&status| Self::Found(status, None));
        let kinds = LookUpAnswerKind::VARIANTS.iter().copied();
        found.chain(kinds.filter_map(Self::of_kind))
    }

    /// The name in the item and in logs, without the amount.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found(Status::Pending, _) => "pending",
            Self::Found(Status::Success, _) => "success",
            Self::Found(Status::Failure, _) => "failure",
            Self::InvalidRequest
            | Self::SystemError
            | Self::NotFound
            | Self::NotOfThisPartner
            | Self::Cancelled
            | Self::Unauthorized
            | Self::Unclear => LookUpAnswerKind::from(self).into(),
        }
    }

    /// The same answer with Tiki's amount, if it is one that has an amount.
    #[must_use]
    pub fn with_amount(self, amount: Option<Vnd>) -> Self {
        match self {
            Self::Found(status, _) => Self::Found(status, amount),
            other => other,
        }
    }

    /// `None` for a transaction that was found: with which status, the status's name says.
    fn of_kind(kind: LookUpAnswerKind) -> Option<Self> {
        match kind {
            LookUpAnswerKind::Found => None,
            LookUpAnswerKind::InvalidRequest => Some(Self::InvalidRequest),
            LookUpAnswerKind::SystemError => Some(Self::SystemError),
            LookUpAnswerKind::NotFound => Some(Self::NotFound),
            LookUpAnswerKind::NotOfThisPartner => Some(Self::NotOfThisPartner),
            LookUpAnswerKind::Cancelled => Some(Self::Cancelled),
            LookUpAnswerKind::Unauthorized => Some(Self::Unauthorized),
            LookUpAnswerKind::Unclear => Some(Self::Unclear),
        }
    }
}

/// Without the amount.
impl FromStr for LookUpAnswer {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        let found = Self::all().find(|answer| answer.as_str() == name);
        found.ok_or(ParseError::VariantNotFound)
    }
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

/// An IPN that was taken up: who holds it may send, and record what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpnLease {
    /// Which taking-up this is.
    pub attempt: u32,
    /// How many tries had failed before.
    pub failures: u32,
    /// What is reported (protocol §3).
    pub status: FinalStatus,
}

/// The table of protocol §3: what an IPN's answer means, after so many failures before it.
#[must_use]
pub fn after_notification(
    reported: FinalStatus,
    answer: IpnAnswer,
    failures: u32,
) -> NotificationStep {
    use IpnAnswer::{Accepted, Refused, SystemError, Unauthorized, Unclear};
    use NotificationStep::{Decide, LookUp};
    let failed_often = failures.saturating_add(1) >= LOOK_UP_FROM_FAILURE;
    match (reported, answer) {
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

/// The table of protocol §4: what Tiki's word means for a payment of this amount whose IPN is not confirmed.
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

impl Transaction {
    /// Takes a due IPN up: nobody else sends it until the lease runs out. A sender that dies costs nothing of
    /// the budget; the next sweep takes it up again.
    #[must_use]
    pub fn lease_ipn(&self, now: Timestamp) -> Option<(IpnLease, Change)> {
        let (attempt, failures) = match self.ipn() {
            Ipn::Queued { due_at } if due_at <= now => (0, 0),
            Ipn::Retrying {
                attempt,
                failures,
                due_at,
            } if due_at <= now => (attempt, failures),
            Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::NotDue
            | Ipn::Confirmed { .. }
            | Ipn::Abandoned { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. }
            | Ipn::Exhausted { .. } => return None,
        };
        let lease = IpnLease {
            attempt: attempt.saturating_add(1),
            failures,
            status: self.final_status()?,
        };
        let change = self.change(now, |edit| {
            let due_at = now.after(IPN_LEASE);
            let state = &mut edit.after.data.payment;
            state.set_retrying(lease.attempt, failures, due_at);
        });
        Some((lease, change))
    }

    /// Records what came of telling Tiki, if the lease is still ours: whoever took it up after us finds the
    /// truth itself.
    #[must_use]
    pub fn record_ipn(
        &self,
        lease: IpnLease,
        outcome: NotificationOutcome,
        now: Timestamp,
    ) -> Option<Change> {
        match self.ipn() {
            Ipn::Retrying { attempt, .. } if attempt == lease.attempt => {
                Some(self.decided(lease, outcome, now))
            }
            Ipn::Retrying { .. }
            | Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Confirmed { .. }
            | Ipn::Abandoned { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. }
            | Ipn::Exhausted { .. } => None,
        }
    }

    /// Has a result reported again that reporting was given up for, because reconciliation found that Tiki does
    /// not know it. What then follows, follows from Tiki's answers by the tables, as the first time. `None` if it
    /// is being reported anyway, needs no report, is a person's to decide, or was queued again often enough.
    #[must_use]
    pub fn requeue_ipn(&self, now: Timestamp) -> Option<Change> {
        match self.ipn() {
            Ipn::Exhausted { .. } | Ipn::Abandoned { .. } => {}
            Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::Confirmed { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. } => return None,
        }
        if self.has_active_reversal() || trail::requeues(&self.data.audit_trail) >= MAX_REQUEUES {
            return None;
        }
        Some(self.change(now, |edit| {
            let attempt = trail::last_attempt(&self.data.audit_trail).saturating_add(1);
            edit.after.data.payment.set_retrying(attempt, 0, now);
            edit.due_marks.ipn = true;
            edit.note(Event::Requeued);
        }))
    }

    fn decided(&self, lease: IpnLease, outcome: NotificationOutcome, now: Timestamp) -> Change {
        let attempt = lease.attempt;
        let event = Event::NotificationAttempt { attempt, outcome };
        let to = |make: &dyn Fn(&mut PaymentState)| {
            self.change(now, |edit| {
                make(&mut edit.after.data.payment);
                edit.note(event.clone());
            })
        };
        match (&self.data.payment, outcome.decision) {
            (_, Decision::Confirm) => to(&|state| state.set_confirmed(now)),
            (_, Decision::Retry) => self.try_again(lease, event, None, now),
            (_, Decision::RetryUnauthorized) => {
                self.try_again(lease, event, Some(Alarm::IpnUnauthorized), now)
            }
            (PaymentState::Paid { .. }, Decision::Reverse(reason)) => self.change(now, |edit| {
                let reversing = PaidNotification::Reversing { at: now, reason };
                edit.after.data.payment.set_paid_notification(reversing);
                edit.note(event.clone());
                edit.reserve_reversal(reason);
            }),
            (PaymentState::Paid { .. }, Decision::Dispute(reason)) => {
                let disputed = PaidNotification::Disputed { at: now, reason };
                to(&|state| state.set_paid_notification(disputed))
                    .with_alarm(Some(Alarm::Review(ReviewReason::Disputed(reason))))
            }
            (PaymentState::Failed { .. }, Decision::Abandon) => {
                to(&|state| state.set_abandoned(now))
            }
            // The tables never decide so: no money was taken that could be reversed or disputed, and money that
            // was taken is not dropped. Whatever decided it, the next try decides anew.
            (PaymentState::Paid { .. }, Decision::Abandon)
            | (PaymentState::Failed { .. }, Decision::Reverse(_) | Decision::Dispute(_))
            | (PaymentState::Pending { .. }, _) => self.try_again(lease, event, None, now),
        }
    }

    /// The next try, or the end if the budget is used up: then the alarm is that of the end.
    fn try_again(
        &self,
        lease: IpnLease,
        event: Event,
        alarm: Option<Alarm>,
        now: Timestamp,
    ) -> Change {
        let failures = lease.failures.saturating_add(1);
        let next = schedule::next_ipn(self.id(), failures, now);
        let alarm = match (next, &self.data.payment) {
            (Some(_), _) => alarm,
            (None, PaymentState::Failed { .. }) => Some(Alarm::FailureNotReported),
            (None, PaymentState::Paid { .. } | PaymentState::Pending { .. }) => {
                Some(Alarm::Review(ReviewReason::IpnExhausted))
            }
        };
        self.change(now, |edit| {
            let state = &mut edit.after.data.payment;
            if let Some(due_at) = next {
                state.set_retrying(lease.attempt, failures, due_at);
            } else {
                state.set_paid_notification(PaidNotification::Exhausted { at: now });
                state.set_abandoned(now);
            }
            edit.note(event);
        })
        .with_alarm(alarm)
    }
}
