//! The audit trail: what happened to a transaction, when, and on whose word.
//!
//! An entry is written in the same write as the change that it is about, so it cannot be missing, and it cannot
//! be about something that did not happen. The trail is bounded: what may happen without end (a question to the
//! core without a clear answer) is one entry that counts, and what a person may do is limited in number.

use crate::money::Vnd;
use crate::notification::{AttemptHttp, NotificationOutcome};
use crate::operator::{MAX_OPEN_ACTS, OperatorWord, Verdict};
use crate::payment::{Contradiction, CoreAnswer};
use crate::proposal::ProposedAct;
use crate::review::{RaisedReason, ReviewReason};
use crate::text::CoreReference;
use crate::time::Timestamp;

/// How often reconciliation may queue a notification again.
pub const MAX_REQUEUES: u32 = 3;

/// How many different contradictions are kept; of those that follow, the last one, and how many they were.
pub const MAX_CONTRADICTIONS: usize = 10;

/// Something that happened to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditEvent {
    /// Tiki created it.
    Created,
    /// The core said that it is paid.
    Paid,
    /// The core said that it was declined or cancelled.
    Declined,
    /// It expired, and the core said that it was not paid.
    Expired,
    /// The core said that it was paid after it had failed.
    PaidLate,
    /// The core gave its reference later than its result.
    ReferenceLearned,
    /// The core was asked about the expired payment and gave no final answer. Counted.
    CoreAsked(CoreAnswer),
    /// The core said something that contradicts what is recorded. It was refused, and needs review.
    Contradicted(Contradiction),
    /// A notification was sent to Tiki.
    NotificationAttempt {
        /// The number of the lease. If a number is missing, its sender died.
        attempt: u32,
        /// Tiki's answers, and what was decided.
        outcome: NotificationOutcome,
        /// How the answers came.
        http: AttemptHttp,
    },
    /// The amount of a refund was reserved.
    RefundReserved {
        /// Its place among the refunds.
        refund: usize,
    },
    /// The core was asked about the refund and gave no final answer. Counted.
    RefundAsked {
        /// Its place among the refunds.
        refund: usize,
        /// Whether the core said that it is pending; otherwise it gave no clear answer.
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
    /// The core rejected it for good.
    RefundRejected {
        /// Its place among the refunds.
        refund: usize,
    },
    /// Reconciliation found that Tiki does not know the result, and queued the notification again. Counted.
    Requeued,
    /// A person had the notification sent again.
    Resent(OperatorWord),
    /// A person resolved the transaction.
    Resolved {
        /// What was in review; an older version did not write it down.
        review: Option<ReviewReason>,
        /// What the person decided.
        verdict: Verdict,
        /// Who decided it, and why.
        word: OperatorWord,
    },
    /// A person proposed an act. Counted, if proposals that came to nothing take the room of decisions.
    Proposed {
        /// The number of the proposal.
        number: u32,
        act: ProposedAct,
        /// What could still go back to the customer.
        remaining: Vnd,
        /// Who proposed it, and why.
        word: OperatorWord,
    },
    /// A person approved a proposal. The next entry is what was done on it, with the word of the one who proposed it.
    Approved {
        /// The number of the proposal.
        number: u32,
        /// Who approved it, and why.
        word: OperatorWord,
    },
    /// A person declined a proposal, or withdrew it. Counted as the proposals.
    ProposalDeclined {
        /// The number of the proposal.
        number: u32,
        /// Who declined it, and why.
        word: OperatorWord,
    },
    /// The personal content of the create call was forgotten: after its days, or on an operator's word.
    PersonalDataForgotten(Option<OperatorWord>),
    /// Something that a newer version of this software has written, and this one does not know.
    Unknown,
}

/// An entry of the audit trail. Entries are in the order in which their events first happened; a proposal can take the
/// place of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it happened for the first time.
    pub at: Timestamp,
    /// When it happened for the last time.
    pub last_at: Timestamp,
    /// How often it happened.
    pub times: u32,
    /// What happened. Of a counted event, as it was the last time.
    pub event: AuditEvent,
}

/// On whose word something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Tiki,
    /// The partner's core.
    Core,
    /// We ourselves: it follows from what was said before.
    Ours,
    Operator,
}

impl AuditEvent {
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
            Self::Contradicted(_) => "contradicted",
            Self::NotificationAttempt { .. } => "notification_attempt",
            Self::RefundReserved { .. } => "refund_reserved",
            Self::RefundAsked { .. } => "refund_asked",
            Self::RefundSucceeded { .. } => "refund_succeeded",
            Self::RefundReturned { .. } => "refund_returned",
            Self::RefundRejected { .. } => "refund_rejected",
            Self::Requeued => "requeued",
            Self::Resent(_) => "resent",
            Self::Resolved { .. } => "resolved",
            Self::Proposed { .. } => "proposed",
            Self::Approved { .. } => "approved",
            Self::ProposalDeclined { .. } => "proposal_declined",
            Self::PersonalDataForgotten(_) => "personal_data_forgotten",
            Self::Unknown => "unknown",
        }
    }

    /// On whose word it happened. A refund's origin says who wants the refund.
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
            | Self::Contradicted(_)
            | Self::RefundAsked { .. }
            | Self::RefundSucceeded { .. }
            | Self::RefundRejected { .. } => Actor::Core,
            Self::RefundReserved { .. }
            | Self::RefundReturned { .. }
            | Self::Requeued
            | Self::PersonalDataForgotten(None)
            | Self::Unknown => Actor::Ours,
            Self::Resent(_)
            | Self::Resolved { .. }
            | Self::Proposed { .. }
            | Self::Approved { .. }
            | Self::ProposalDeclined { .. }
            | Self::PersonalDataForgotten(Some(_)) => Actor::Operator,
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
            | Self::Contradicted(_)
            | Self::NotificationAttempt { .. }
            | Self::Requeued
            | Self::Resent(_)
            | Self::Resolved { .. }
            | Self::Proposed { .. }
            | Self::Approved { .. }
            | Self::ProposalDeclined { .. }
            | Self::PersonalDataForgotten(_)
            | Self::Unknown => None,
        }
    }

    /// Whether the same happened before: what may happen without end is counted.
    fn repeats(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::CoreAsked(_), Self::CoreAsked(_)) | (Self::Requeued, Self::Requeued) => true,
            (Self::Contradicted(said), Self::Contradicted(earlier)) => said == earlier,
            (Self::RefundAsked { refund, .. }, Self::RefundAsked { refund: same, .. }) => {
                refund == same
            }
            _ => false,
        }
    }
}

/// Adds an event to an audit trail, or counts it if it may happen without end and has happened before.
pub(crate) fn note(trail: &mut Vec<AuditEntry>, event: AuditEvent, now: Timestamp) {
    let earlier = place_of_earlier(trail, &event);
    match earlier.and_then(|place| trail.get_mut(place)) {
        Some(entry) => {
            entry.times = entry.times.saturating_add(1);
            entry.last_at = now;
            if is_of_one_person(&event) {
                // Nobody is said to have done it before he did.
                entry.at = now;
            }
            entry.event = event;
        }
        None => trail.push(AuditEntry {
            at: now,
            last_at: now,
            times: 1,
            event,
        }),
    }
}

/// Whether an entry names one person, also if it takes the place of another one's.
fn is_of_one_person(event: &AuditEvent) -> bool {
    matches!(
        event,
        AuditEvent::Proposed { .. } | AuditEvent::ProposalDeclined { .. }
    )
}

/// The place of the entry with which an event is counted.
fn place_of_earlier(trail: &[AuditEntry], event: &AuditEvent) -> Option<usize> {
    let last =
        |found: &dyn Fn(&AuditEvent) -> bool| trail.iter().rposition(|entry| found(&entry.event));
    match event {
        AuditEvent::Proposed { .. } => place_of_next_proposal(trail),
        AuditEvent::ProposalDeclined { .. } => {
            // What is behind the proposal is of an earlier one, which had the same place.
            let proposed = last(&|event| matches!(event, AuditEvent::Proposed { .. }))?;
            last(&|event| matches!(event, AuditEvent::ProposalDeclined { .. }))
                .filter(|declined| *declined > proposed)
        }
        AuditEvent::Contradicted(_) => {
            let contradicted = |event: &AuditEvent| matches!(event, AuditEvent::Contradicted(_));
            let kept = trail.iter().filter(|entry| contradicted(&entry.event));
            let full = kept.count() >= MAX_CONTRADICTIONS;
            last(&|earlier| event.repeats(earlier) || (full && contradicted(earlier)))
        }
        _ => last(&|earlier| event.repeats(earlier)),
    }
}

/// The place that the next proposal takes over, if the last acts are reached and the last proposal came to nothing: so
/// proposals never use up what is kept for decisions that end something.
pub(crate) fn place_of_next_proposal(trail: &[AuditEntry]) -> Option<usize> {
    if operator_acts(trail) < MAX_OPEN_ACTS {
        return None;
    }
    let proposed = |entry: &AuditEntry| matches!(entry.event, AuditEvent::Proposed { .. });
    let place = trail.iter().rposition(proposed)?;
    let approved = |entry: &AuditEntry| matches!(entry.event, AuditEvent::Approved { .. });
    let came_to_nothing = !trail.iter().skip(place).any(approved);
    came_to_nothing.then_some(place)
}

/// The number of the last proposal.
pub(crate) fn last_proposal(trail: &[AuditEntry]) -> u32 {
    let numbers = trail.iter().filter_map(|entry| match entry.event {
        AuditEvent::Proposed { number, .. } => Some(number),
        _ => None,
    });
    numbers.max().unwrap_or(0)
}

/// The number of the last lease whose outcome is recorded.
pub(crate) fn last_attempt(trail: &[AuditEntry]) -> u32 {
    let attempts = trail.iter().filter_map(|entry| match entry.event {
        AuditEvent::NotificationAttempt { attempt, .. } => Some(attempt),
        _ => None,
    });
    attempts.max().unwrap_or(0)
}

/// How often reconciliation has queued the notification again.
pub(crate) fn requeues(trail: &[AuditEntry]) -> u32 {
    let requeued = trail
        .iter()
        .find(|entry| entry.event == AuditEvent::Requeued);
    requeued.map_or(0, |entry| entry.times)
}

/// How often the core has contradicted the record, each time with news.
pub(crate) fn contradictions(trail: &[AuditEntry]) -> u32 {
    let noted = trail
        .iter()
        .filter(|entry| matches!(entry.event, AuditEvent::Contradicted(_)));
    noted.fold(0, |sum, entry| sum.saturating_add(entry.times))
}

/// When this contradiction was last noted.
pub(crate) fn contradicted_at(
    trail: &[AuditEntry],
    contradiction: &Contradiction,
) -> Option<Timestamp> {
    let same = trail
        .iter()
        .filter(|entry| matches!(&entry.event, AuditEvent::Contradicted(c) if c == contradiction));
    same.map(|entry| entry.last_at).max()
}

/// When a person has last dealt with what is raised for this reason.
pub(crate) fn resolved_at(trail: &[AuditEntry], reason: RaisedReason) -> Option<Timestamp> {
    let resolved = trail.iter().filter(|entry| match entry.event {
        AuditEvent::Resolved { review, .. } => review.is_some_and(|review| review.ends(reason)),
        _ => false,
    });
    resolved.map(|entry| entry.last_at).max()
}

/// The references under which another amount was paid than was asked for; `None` for one without.
pub(crate) fn other_amount_references(
    trail: &[AuditEntry],
) -> impl Iterator<Item = Option<&CoreReference>> {
    trail.iter().filter_map(|entry| match &entry.event {
        AuditEvent::Contradicted(Contradiction::OtherAmount { reference, .. }) => {
            Some(reference.as_ref())
        }
        _ => None,
    })
}

/// The other amounts that the core has said were paid.
pub(crate) fn other_amounts(trail: &[AuditEntry]) -> impl Iterator<Item = Vnd> {
    trail.iter().filter_map(|entry| match &entry.event {
        AuditEvent::Contradicted(Contradiction::OtherAmount { amount, .. }) => Some(*amount),
        _ => None,
    })
}

/// How often persons have acted. What is done on an approved proposal is one act with it.
pub(crate) fn operator_acts(trail: &[AuditEntry]) -> usize {
    let count = |is: fn(&AuditEvent) -> bool| trail.iter().filter(|e| is(&e.event)).count();
    let begun = count(|event| {
        matches!(
            event,
            AuditEvent::Resent(_) | AuditEvent::Resolved { .. } | AuditEvent::Proposed { .. }
        )
    });
    let approved = count(|event| matches!(event, AuditEvent::Approved { .. }));
    begun.saturating_sub(approved)
}
