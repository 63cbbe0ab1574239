//! The calls between the parties: who called whom, with what outcome, and how long it took.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::HeaderMap;

/// One call between two parties.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it began, since the sandbox's start.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    pub from: String,
    /// The called party.
    pub to: String,
    /// What was asked.
    pub what: String,
    /// How it ended.
    pub outcome: String,
}

/// A call as it went over the wire.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Who was called.
    pub to: Callee,
    pub method: String,
    pub path: String,
    /// As it was sent, without the question mark.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub status: u16,
    pub answer_headers: Vec<(String, String)>,
    pub answer: Bytes,
}

/// Who is called by HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// The functions, through API Gateway.
    Api,
    /// The played core.
    Core,
}

type Watcher = dyn Fn(&Exchange) + Send + Sync;

/// All calls since the sandbox's start, up to a limit.
#[derive(Clone)]
pub struct Journal {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
    watchers: Arc<RwLock<Vec<Box<Watcher>>>>,
}

/// Entries kept. Enough for a walk, and a limit for a long run.
const MAX_ENTRIES: usize = 20_000;

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: Arc::default(),
            watchers: Arc::default(),
        }
    }

    /// Has each call of the API and of the played core seen as it goes over the wire.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + Sync + 'static) {
        let watchers = self.watchers.write();
        let mut watchers = watchers.unwrap_or_else(PoisonError::into_inner);
        watchers.push(Box::new(watcher));
    }

    pub(crate) fn saw(&self, exchange: impl FnOnce() -> Exchange) {
        let watchers = self.watchers.read();
        let watchers = watchers.unwrap_or_else(PoisonError::into_inner);
        if !watchers.is_empty() {
            let exchange = exchange();
            watchers.iter().for_each(|watcher| watcher(&exchange));
        }
    }

    pub(crate) fn is_watched(&self) -> bool {
        let watchers = self.watchers.read();
        !watchers.unwrap_or_else(PoisonError::into_inner).is_empty()
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

    /// The entries that began at this time or later, in the order of their beginning.
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

    /// The time since the sandbox's start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A call that has not ended yet.
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
        if entries.len() < MAX_ENTRIES {
            entries.push(entry);
        }
    }
}

/// Headers as a watcher gets them. A value that is no text is left out.
pub(crate) fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}
