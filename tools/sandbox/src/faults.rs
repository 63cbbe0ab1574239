//! Faults of the played Tiki and core, which tests and people switch on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use serde_json::Value;

/// Long enough for the server to write what it has.
const HEAD_IS_SENT: Duration = Duration::from_millis(5);

/// What goes wrong with a call to a played side.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The call has no effect, and this is the answer.
    Answer {
        status: u16,
        /// The exact body.
        body: String,
    },
    /// The call takes effect, but the connection breaks after the answer's head.
    Lost,
    /// The call has no effect, and the connection breaks after the answer's head.
    Down,
    /// The call takes effect, and the answer is delayed.
    Late {
        /// The delay in milliseconds.
        ms: u64,
    },
}

/// The active faults, by call.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Switches>>);

#[derive(Debug, Default)]
struct Switches {
    next: HashMap<String, VecDeque<Fault>>,
    standing: HashMap<String, Fault>,
}

/// `POST /_sandbox/faults`: `{"call": "ipn", "next": ["lost"]}` or `{"call": "ipn", "standing": "down"}`;
/// `{"call": "ipn"}` alone switches all faults of this call off.
#[derive(Debug, Deserialize)]
pub(crate) struct Switch {
    call: String,
    #[serde(default)]
    next: Vec<Fault>,
    standing: Option<Fault>,
}

impl Faults {
    /// The next calls have these faults, one after the other.
    pub fn next(&self, call: &str, faults: impl IntoIterator<Item = Fault>) {
        self.lock()
            .next
            .entry(call.to_owned())
            .or_default()
            .extend(faults);
    }

    /// Every call has this fault until it is switched off.
    pub fn standing(&self, call: &str, fault: Fault) {
        self.lock().standing.insert(call.to_owned(), fault);
    }

    /// Removes all faults of a call.
    pub fn off(&self, call: &str) {
        let mut switches = self.lock();
        switches.next.remove(call);
        switches.standing.remove(call);
    }

    pub(crate) fn switch(&self, Json(switch): Json<Switch>) -> StatusCode {
        self.off(&switch.call);
        self.next(&switch.call, switch.next);
        if let Some(fault) = switch.standing {
            self.standing(&switch.call, fault);
        }
        StatusCode::NO_CONTENT
    }

    /// Runs a call with its current fault.
    pub(crate) async fn around(
        &self,
        call: &str,
        work: impl AsyncFnOnce() -> Response,
    ) -> Response {
        let fault = {
            let mut switches = self.lock();
            let next = switches.next.get_mut(call).and_then(VecDeque::pop_front);
            next.or_else(|| switches.standing.get(call).cloned())
        };
        match fault {
            None => work().await,
            Some(Fault::Answer { status, body }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                (status, body).into_response()
            }
            Some(Fault::Lost) => {
                work().await;
                broken()
            }
            Some(Fault::Down) => broken(),
            Some(Fault::Late { ms }) => {
                let response = work().await;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                response
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Switches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response whose body fails, so that the server closes the connection. Its head is sent before: without a byte of
/// an answer, a caller on a kept connection would send once more (docs/decisions/0017).
pub(crate) fn broken() -> Response {
    let breaks = stream::once(async {
        tokio::time::sleep(HEAD_IS_SENT).await;
        Err::<Bytes, _>(std::io::Error::other("the connection broke"))
    });
    Response::new(Body::from_stream(breaks))
}

/// A short outcome of a JSON answer, for the journal.
pub(crate) fn words(response: &Response, body: &Value) -> String {
    let status = response.status().as_u16();
    match (body["code"].as_i64(), body["status"].as_str()) {
        (Some(code), _) => format!("{status}, code {code}"),
        (None, Some(word)) => format!("{status}, {word}"),
        (None, None) => status.to_string(),
    }
}
