//! The calls between the parties: who called whom, with what outcome, and how long it took.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::faults;

/// One call between two parties, or a step that is no call.
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
    /// When it began, since the sandbox's start.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    pub from: &'static str,
    /// Who was called.
    pub to: Callee,
    pub method: String,
    pub path: String,
    /// As it was sent, without the question mark.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// 0 if a fault broke the connection before the whole answer was there.
    pub status: u16,
    pub answer_headers: Vec<(String, String)>,
    pub answer: Bytes,
}

/// Who is called by HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// The functions, through API Gateway.
    Api,
    /// API Gateway, which answered itself: no function was called.
    Gateway,
    /// The played Tiki.
    Tiki,
    /// The played core.
    Core,
}

type Watcher<T> = dyn Fn(&T) + Send + Sync;
type Watchers<T> = Arc<RwLock<Vec<Box<Watcher<T>>>>>;

/// All calls since the sandbox's start, up to a limit.
#[derive(Clone)]
pub struct Journal {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
    watchers: Watchers<Exchange>,
    step_watchers: Watchers<Entry>,
}

/// Entries kept. Enough for a walk, and a limit for a long run.
const MAX_ENTRIES: usize = 20_000;

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: Arc::default(),
            watchers: Arc::default(),
            step_watchers: Arc::default(),
        }
    }

    /// Has each call of the API, of the played Tiki and of the played core seen as it goes over the wire. What only a
    /// sandbox has is none of them.
    pub fn watch(&self, watcher: impl Fn(&Exchange) + Send + Sync + 'static) {
        add(&self.watchers, Box::new(watcher));
    }

    /// Has each step seen that is no HTTP call: of streams, schedules and files.
    pub(crate) fn watch_steps(&self, watcher: impl Fn(&Entry) + Send + Sync + 'static) {
        add(&self.step_watchers, Box::new(watcher));
    }

    pub(crate) fn saw(&self, exchange: impl FnOnce() -> Exchange) {
        let watchers = self.watchers.read();
        let watchers = watchers.unwrap_or_else(PoisonError::into_inner);
        if !watchers.is_empty() {
            let exchange = exchange();
            watchers.iter().for_each(|watcher| watcher(&exchange));
        }
    }

    fn is_watched(&self) -> bool {
        let watchers = self.watchers.read();
        !watchers.unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Begins the entry of a call; [`Open::done`] ends it.
    pub(crate) fn open(&self, from: &str, to: &str, what: impl Into<String>) -> Open {
        self.begin(from, to, what.into(), false)
    }

    /// Begins the entry of a step that is no HTTP call.
    pub(crate) fn step(&self, from: &str, to: &str, what: impl Into<String>) -> Open {
        self.begin(from, to, what.into(), true)
    }

    fn begin(&self, from: &str, to: &str, what: String, is_step: bool) -> Open {
        Open {
            journal: self.clone(),
            is_step,
            began: self.began.elapsed(),
            from: from.to_owned(),
            to: to.to_owned(),
            what,
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
    is_step: bool,
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
        if self.is_step {
            let watchers = self.journal.step_watchers.read();
            let watchers = watchers.unwrap_or_else(PoisonError::into_inner);
            watchers.iter().for_each(|watcher| watcher(&entry));
        }
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

fn add<T>(watchers: &Watchers<T>, watcher: Box<Watcher<T>>) {
    let mut watchers = watchers.write().unwrap_or_else(PoisonError::into_inner);
    watchers.push(watcher);
}

/// A played side whose calls are to be seen.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) journal: Journal,
    pub(crate) side: Callee,
    /// Who calls this path.
    pub(crate) caller: fn(&str) -> &'static str,
}

impl Watched {
    /// Has each call seen that is answered, and each whose answer a fault breaks.
    pub(crate) async fn layer(
        State(watched): State<Self>,
        request: Request,
        next: Next,
    ) -> Response {
        if request.uri().path().starts_with("/_sandbox") || !watched.journal.is_watched() {
            return next.run(request).await;
        }
        let began = watched.journal.now();
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let (method, uri) = (parts.method.to_string(), parts.uri.clone());
        let headers = texts(&parts.headers);
        let request = Request::from_parts(parts, Body::from(body.clone()));
        let (parts, answer) = next.run(request).await.into_parts();
        let answer = to_bytes(answer, usize::MAX).await.ok();
        watched.journal.saw(|| Exchange {
            began,
            took: watched.journal.now().saturating_sub(began),
            from: (watched.caller)(uri.path()),
            to: watched.side,
            method,
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body,
            status: answer.as_ref().map_or(0, |_| parts.status.as_u16()),
            answer_headers: texts(&parts.headers),
            answer: answer.clone().unwrap_or_default(),
        });
        match answer {
            Some(answer) => Response::from_parts(parts, Body::from(answer)),
            None => faults::broken(),
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
