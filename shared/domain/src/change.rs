//! What a command gives back: a change to be written in one piece.

use strum::{EnumDiscriminants, IntoStaticStr, VariantArray};

use crate::{DisputeReason, Event, Origin, Timestamp, Transaction, trail};

/// A decided change. It has happened only once the store has written it, on condition of the version that
/// was read; then [`Change::alarm`] is worth telling.
#[must_use = "a change has not happened until the store has committed it"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    expected_version: u64,
    after: Transaction,
    due_marks: DueMarks,
    events: Vec<Event>,
    alarm: Option<Alarm>,
}

/// A change while it is being made: the state, who has newly work to do, and what happens.
pub(crate) struct Edit {
    pub(crate) after: Transaction,
    pub(crate) due_marks: DueMarks,
    pub(crate) now: Timestamp,
    events: Vec<Event>,
}

impl Edit {
    pub(crate) fn new(before: &Transaction, now: Timestamp) -> Self {
        Self {
            after: before.clone(),
            due_marks: DueMarks::default(),
            now,
            events: Vec::new(),
        }
    }

    /// Notes what happens, in the audit trail and for whoever counts.
    pub(crate) fn note(&mut self, event: Event) {
        trail::note(&mut self.after.data.audit_trail, event.clone(), self.now);
        self.events.push(event);
    }
}

/// Which workers the change has newly given something to do, at once. The stream's filter goes by it, so
/// that a worker's own writes do not wake it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DueMarks {
    /// A result is newly to be reported.
    pub ipn: bool,
    /// A refund is newly to be asked of the core.
    pub refund: bool,
}

/// What a person must look at: it raises an alarm when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The transaction stays in the review queue until somebody has acted.
    Review(ReviewReason),
    /// Tiki did not accept the notification of a failure within the whole schedule; no money is at stake.
    FailureNotReported,
    /// Tiki refuses our signature: wrong key, or wrong clock.
    IpnUnauthorized,
}

impl Alarm {
    /// The name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Review(reason) => reason.as_str(),
            Self::FailureNotReported => "failure_not_reported",
            Self::IpnUnauthorized => "ipn_unauthorized",
        }
    }
}

/// Why a transaction is in the review queue: the index `needs_review` has a partition for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(ReviewReasonKind),
    derive(IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "A reason for review, without what it holds.",
    vis(pub(crate))
)]
pub enum ReviewReason {
    /// Tiki did not accept the notification of a payment within the whole schedule.
    IpnExhausted,
    /// Tiki's state and ours differ.
    Disputed(DisputeReason),
    /// The core refuses to give money back that the partner must not keep.
    SystemRefundRejected,
    /// The core says that another amount was paid than was asked for.
    PaidAmountDiffers,
}

impl ReviewReason {
    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        ReviewReasonKind::VARIANTS
            .iter()
            .flat_map(|kind| match kind {
                ReviewReasonKind::IpnExhausted => vec![Self::IpnExhausted],
                ReviewReasonKind::Disputed => {
                    let reasons = DisputeReason::ALL.iter().copied();
                    reasons.map(Self::Disputed).collect()
                }
                ReviewReasonKind::SystemRefundRejected => vec![Self::SystemRefundRejected],
                ReviewReasonKind::PaidAmountDiffers => vec![Self::PaidAmountDiffers],
            })
    }

    /// The name in the item, in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disputed(reason) => reason.as_str(),
            Self::IpnExhausted | Self::SystemRefundRejected | Self::PaidAmountDiffers => {
                ReviewReasonKind::from(self).into()
            }
        }
    }
}

impl Change {
    /// The next version of a transaction, from what was made of it.
    pub(crate) fn of(expected_version: u64, mut edit: Edit) -> Self {
        edit.after.data.version = expected_version.saturating_add(1);
        edit.after.data.updated_at = edit.now;
        Self {
            expected_version,
            after: edit.after,
            due_marks: edit.due_marks,
            events: edit.events,
            alarm: None,
        }
    }

    pub(crate) fn with_alarm(mut self, alarm: Option<Alarm>) -> Self {
        self.alarm = alarm;
        self
    }

    /// The version that must still be stored.
    #[must_use]
    pub fn expected_version(&self) -> u64 {
        self.expected_version
    }

    /// The transaction as it will be.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.after
    }

    /// The transaction as it is stored: only the store calls this, after the write that holds the change.
    ///
    /// The store is another crate, so Rust cannot keep the method from everybody else, and a Cargo feature
    /// could not either: features are unified over a build. The lint `disallowed_methods` (`clippy.toml`)
    /// refuses every call; the store expects it at its one commit. A test uses `domain::testing`.
    #[must_use]
    pub fn into_transaction(self) -> Transaction {
        self.after
    }

    /// Who is to be woken.
    #[must_use]
    pub fn due_marks(&self) -> DueMarks {
        self.due_marks
    }

    /// What happens by it, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The alarm that is raised once the change is written.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }
}

impl Origin {
    /// Whether the refund is of our own making, so that nobody but an operator can act when it is refused.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Tiki { .. } => false,
            Self::Reversal | Self::LatePayment => true,
        }
    }
}
