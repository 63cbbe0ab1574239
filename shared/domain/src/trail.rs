//! The audit trail: what happened to a transaction, when, and on whose word.
//!
//! It is written in the same write as the change that it tells of, so it can neither miss one nor tell of
//! one that did not happen. It is bounded: what may happen without end (a question to the core without a
//! clear answer) is one entry that counts, and what a person may do is limited in number.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{Decision, IpnAnswer, LookUpAnswer, OperatorName, OperatorReason, Timestamp, Verdict};

/// How often persons may act on one transaction: the trail has an end.
pub const MAX_OPERATOR_ACTS: usize = 20;

/// How often of these a result may be reported again: the others are for decisions.
pub const MAX_RESENDS: usize = MAX_OPERATOR_ACTS - 5;

/// How often reconciliation may have a result reported again.
pub const MAX_REQUEUES: u32 = 3;

/// Something that happened to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Tiki created it.
    Created,
    /// The core said that it is paid.
    Paid,
    /// The core said that it was declined or cancelled.
    Declined,
    /// Its time was over, and the core said that it was not paid.
    Expired,
    /// The core said that it was paid after it had failed.
    PaidLate,
    /// The core gave its reference later than its result.
    ReferenceLearned,
    /// The core was asked about the expired payment and gave no final answer. Counted.
    CoreAsked(CoreAnswer),
    /// One attempt to notify Tiki of the result.
    NotificationAttempt {
        /// Which taking-up of the IPN it was; one that is missing was taken up, and its sender died.
        attempt: u32,
        /// What came of it.
        outcome: NotificationOutcome,
    },
    /// An amount was reserved to go back.
    RefundReserved {
        /// Its place among the refunds.
        refund: usize,
    },
    /// The core was asked about the refund and gave no final answer. Counted.
    RefundAsked {
        /// Its place among the refunds.
        refund: usize,
        /// Whether the core is at it, as it says; otherwise it gave no clear answer.
        pending: bool,
    },
    /// The core said that the money is back.
    RefundSucceeded {
        /// Its place among the refunds.
        refund: usize,
    },
    /// A person said that the money is back, by other means than the core.
    RefundReturned {
        /// Its place among the refunds.
        refund: usize,
    },
    /// The core refused it, for good.
    RefundRejected {
        /// Its place among the refunds.
        refund: usize,
    },
    /// Reconciliation found that Tiki does not know the result, and had it reported again. Counted.
    Requeued,
    /// A person had the result reported again.
    Resent(OperatorWord),
    /// A person decided what the two sides could not.
    Resolved(Verdict, OperatorWord),
}

/// What came of telling Tiki, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationOutcome {
    /// Tiki's answer to the IPN.
    pub answer: IpnAnswer,
    /// What Tiki knew of the transaction, if it was asked then.
    pub known: Option<LookUpAnswer>,
    /// What followed.
    pub decision: Decision,
}

/// What the core said of an expired payment that was not final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CoreAnswer {
    /// The customer is at it.
    Pending,
    /// No clear answer.
    Unknown,
    /// Another amount was paid.
    OtherAmount,
}

/// Who acts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorWord {
    /// Who.
    pub by: OperatorName,
    /// Why.
    pub reason: OperatorReason,
}

/// An entry of the trail. Entries stand in the order in which their events first happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, first.
    pub at: Timestamp,
    /// When it happened last.
    pub last_at: Timestamp,
    /// How often it happened.
    pub times: u32,
    /// What; of what is counted, as it was the last time.
    pub event: Event,
}

/// On whose word something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Tiki's.
    Tiki,
    /// The partner's core's.
    Core,
    /// Our own, following from what was said before.
    Ours,
    /// A person's.
    Operator,
}

impl Event {
    /// The event's name in the item and in logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::PaidLate => "paid_late",
            Self::ReferenceLearned => "reference_learned",
            Self::CoreAsked(_) => "core_asked",
            Self::NotificationAttempt { .. } => "notification_attempt",
            Self::RefundReserved { .. } => "refund_reserved",
            Self::RefundAsked { .. } => "refund_asked",
            Self::RefundSucceeded { .. } => "refund_succeeded",
            Self::RefundReturned { .. } => "refund_returned",
            Self::RefundRejected { .. } => "refund_rejected",
            Self::Requeued => "requeued",
            Self::Resent(_) => "resent",
            Self::Resolved(..) => "resolved",
        }
    }

    /// On whose word it happened. Who wants a refund, its origin says.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Created | Self::NotificationAttempt { .. } => Actor::Tiki,
            Self::Paid
            | Self::Declined
            | Self::Expired
            | Self::PaidLate
            | Self::ReferenceLearned
            | Self::CoreAsked(_)
            | Self::RefundAsked { .. }
            | Self::RefundSucceeded { .. }
            | Self::RefundRejected { .. } => Actor::Core,
            Self::RefundReserved { .. } | Self::RefundReturned { .. } | Self::Requeued => {
                Actor::Ours
            }
            Self::Resent(_) | Self::Resolved(..) => Actor::Operator,
        }
    }

    /// Its place among the refunds, if it is about one.
    #[must_use]
    pub fn refund(&self) -> Option<usize> {
        match self {
            Self::RefundReserved { refund }
            | Self::RefundAsked { refund, .. }
            | Self::RefundSucceeded { refund }
            | Self::RefundReturned { refund }
            | Self::RefundRejected { refund } => Some(*refund),
            Self::Created
            | Self::Paid
            | Self::Declined
            | Self::Expired
            | Self::PaidLate
            | Self::ReferenceLearned
            | Self::CoreAsked(_)
            | Self::NotificationAttempt { .. }
            | Self::Requeued
            | Self::Resent(_)
            | Self::Resolved(..) => None,
        }
    }

    /// Whether it is the same thing happening again: what has no end of its own is counted.
    fn repeats(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::CoreAsked(_), Self::CoreAsked(_)) | (Self::Requeued, Self::Requeued) => true,
            (Self::RefundAsked { refund, .. }, Self::RefundAsked { refund: same, .. }) => {
                refund == same
            }
            _ => false,
        }
    }
}

/// Notes an event at the end of a trail, or counts it where it stands already.
pub(crate) fn note(trail: &mut Vec<Entry>, event: Event, now: Timestamp) {
    let earlier = trail.iter_mut().rev();
    match earlier
        .into_iter()
        .find(|entry| event.repeats(&entry.event))
    {
        Some(entry) => {
            entry.times = entry.times.saturating_add(1);
            entry.last_at = now;
            entry.event = event;
        }
        None => trail.push(Entry {
            at: now,
            last_at: now,
            times: 1,
            event,
        }),
    }
}

/// The last taking-up of the IPN of which anybody knows what came.
pub(crate) fn last_attempt(trail: &[Entry]) -> u32 {
    let attempts = trail.iter().filter_map(|entry| match entry.event {
        Event::NotificationAttempt { attempt, .. } => Some(attempt),
        _ => None,
    });
    attempts.max().unwrap_or(0)
}

/// How often reconciliation has had the result reported again.
pub(crate) fn requeues(trail: &[Entry]) -> u32 {
    let requeued = trail.iter().find(|entry| entry.event == Event::Requeued);
    requeued.map_or(0, |entry| entry.times)
}

/// How often persons have acted.
pub(crate) fn operator_acts(trail: &[Entry]) -> usize {
    let by_person = |entry: &&Entry| entry.event.actor() == Actor::Operator;
    trail.iter().filter(by_person).count()
}

impl CoreAnswer {
    /// Every answer.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
