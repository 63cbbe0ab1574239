//! What a command returns: a change that is written in one piece.

use super::data::Transaction;
use crate::audit_trail::{self, AuditEvent};
use crate::review::Alarm;
use crate::time::Timestamp;

/// A decided change. It has happened only when the store has written it, on condition of the version that was read.
/// Only then [`Change::alarm`] is raised.
#[must_use = "a change has not happened until the store has committed it"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    expected_version: u64,
    after: Transaction,
    due_marks: DueMarks,
    events: Vec<AuditEvent>,
    alarm: Option<Alarm>,
}

/// A change while it is being made.
pub(crate) struct Edit {
    pub(crate) after: Transaction,
    pub(crate) due_marks: DueMarks,
    /// Never before the last change.
    pub(crate) now: Timestamp,
    /// What the clock says, for what is due at once: another clock may have been ahead at the last change.
    pub(crate) clock: Timestamp,
    events: Vec<AuditEvent>,
}

impl Edit {
    pub(crate) fn new(before: &Transaction, now: Timestamp) -> Self {
        Self {
            after: before.clone(),
            due_marks: DueMarks::default(),
            // Clocks differ. No change is older than the one before it.
            now: now.max(before.data.updated_at),
            clock: now,
            events: Vec::new(),
        }
    }

    /// Notes what happens, in the audit trail and for the metrics.
    pub(crate) fn note(&mut self, event: AuditEvent) {
        audit_trail::note(&mut self.after.data.audit_trail, event.clone(), self.now);
        self.events.push(event);
    }
}

/// Which workers have something new to do at once. The stream's filter uses it, so that a worker's own writes do
/// not start the worker again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DueMarks {
    /// A notification is newly queued.
    pub ipn: bool,
    /// A refund is newly reserved for core-worker.
    pub refund: bool,
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

    /// Which workers have something new to do.
    #[must_use]
    pub fn due_marks(&self) -> DueMarks {
        self.due_marks
    }

    /// What happens with it, in order.
    #[must_use]
    pub fn events(&self) -> &[AuditEvent] {
        &self.events
    }

    /// The alarm that is raised when it is written.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }
}

impl Transaction {
    /// The only way to a changed transaction: what `make` does is written together, or not at all.
    pub(crate) fn change(&self, now: Timestamp, make: impl FnOnce(&mut Edit)) -> Change {
        let mut edit = Edit::new(self, now);
        make(&mut edit);
        Change::of(self.data.version, edit)
    }
}
