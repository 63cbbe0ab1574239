//! Who called whom, with what outcome, after how many milliseconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One call between two parties.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it began, since the sandbox did.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// Who called.
    pub from: String,
    /// Whom.
    pub to: String,
    /// For what.
    pub what: String,
    /// What came of it.
    pub outcome: String,
}

/// Every call since the sandbox began, up to a bound.
#[derive(Clone, Debug)]
pub struct Journal {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
}

/// Enough for a walk; a long test is not to fill the memory.
const KEPT: usize = 20_000;

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: Arc::default(),
        }
    }

    /// Begins an entry; [`Open::done`] ends it.
    pub(crate) fn open(&self, from: &str, to: &str, what: impl Into<String>) -> Open {
        Open {
            journal: self.clone(),
            began: self.began.elapsed(),
            from: from.to_owned(),
            to: to.to_owned(),
            what: what.into(),
        }
    }

    /// The entries that began at or after a moment, in the order in which they began.
    #[must_use]
    pub fn since(&self, began: Duration) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = entries
            .iter()
            .filter(|e| e.began >= began)
            .cloned()
            .collect();
        found.sort_by_key(|entry| entry.began);
        found
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A call that is going on.
pub(crate) struct Open {
    journal: Journal,
    began: Duration,
    from: String,
    to: String,
    what: String,
}

impl Open {
    pub(crate) fn done(self, outcome: impl Into<String>) {
        let entry = Entry {
            took: self.journal.began.elapsed().saturating_sub(self.began),
            began: self.began,
            from: self.from,
            to: self.to,
            what: self.what,
            outcome: outcome.into(),
        };
        let mut entries = self
            .journal
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if entries.len() < KEPT {
            entries.push(entry);
        }
    }
}
