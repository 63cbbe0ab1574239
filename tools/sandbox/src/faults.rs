//! Faults of the played Tiki, its file server and the core, which tests and people switch on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Long enough for the server to write what it has.
const HEAD_IS_SENT: Duration = Duration::from_millis(5);

/// What goes wrong with a call to a played side.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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

/// The active faults, by call. `F` is what can go wrong with these calls.
#[derive(Debug)]
pub struct Faults<F = Fault> {
    calls: &'static [&'static str],
    switches: Arc<Mutex<Switches<F>>>,
}

#[derive(Debug)]
struct Switches<F> {
    next: HashMap<String, VecDeque<F>>,
    standing: HashMap<String, F>,
}

/// `POST /_sandbox/faults`: `{"call": "ipn", "next": ["lost"]}` or `{"call": "ipn", "standing": "down"}`;
/// `{"call": "ipn"}` alone switches all faults of this call off.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    call: String,
    #[serde(default)]
    next: Vec<Value>,
    standing: Option<Value>,
}

/// The faults of some calls, whatever can go wrong with them.
pub(crate) trait Switchable {
    fn calls(&self) -> &'static [&'static str];

    /// The faults that are on, by call: those of the next calls, and the standing one.
    fn on(&self) -> serde_json::Map<String, Value>;

    /// Replaces the faults of a call. A fault that these calls do not have is an error, and changes nothing.
    fn set(&self, switch: Switch) -> serde_json::Result<()>;
}

/// `GET /_sandbox/faults`: the calls that have faults, each with what is on.
pub(crate) fn shown(all: &[&dyn Switchable]) -> Response {
    let on = all.iter().flat_map(|faults| faults.on());
    Json(Value::Object(on.collect())).into_response()
}

/// Switches the faults of one call, and explains to a person what is wrong with the request.
pub(crate) fn switch(all: &[&dyn Switchable], switch: Switch) -> Response {
    let has = |faults: &&&dyn Switchable| faults.calls().contains(&switch.call.as_str());
    let Some(faults) = all.iter().find(has) else {
        let calls: Vec<&str> = all
            .iter()
            .flat_map(|faults| faults.calls())
            .copied()
            .collect();
        let problem = format!("no such call; there are {}\n", calls.join(", "));
        return (StatusCode::NOT_FOUND, problem).into_response();
    };
    match faults.set(switch) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let problem = format!("this call has no such fault: {error}\n");
            (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response()
        }
    }
}

impl<F> Clone for Faults<F> {
    fn clone(&self) -> Self {
        Self {
            calls: self.calls,
            switches: Arc::clone(&self.switches),
        }
    }
}

impl<F: Clone> Faults<F> {
    /// No faults yet of these calls.
    pub(crate) fn of(calls: &'static [&'static str]) -> Self {
        let switches = Switches {
            next: HashMap::new(),
            standing: HashMap::new(),
        };
        Self {
            calls,
            switches: Arc::new(Mutex::new(switches)),
        }
    }

    /// The next calls have these faults, one after the other.
    pub fn next(&self, call: &str, faults: impl IntoIterator<Item = F>) {
        self.lock()
            .next
            .entry(call.to_owned())
            .or_default()
            .extend(faults);
    }

    /// Every call has this fault until it is switched off.
    pub fn standing(&self, call: &str, fault: F) {
        self.lock().standing.insert(call.to_owned(), fault);
    }

    /// Removes all faults of a call.
    pub fn off(&self, call: &str) {
        let mut switches = self.lock();
        switches.next.remove(call);
        switches.standing.remove(call);
    }

    /// The fault of a call that begins now.
    pub(crate) fn take(&self, call: &str) -> Option<F> {
        let mut switches = self.lock();
        let next = switches.next.get_mut(call).and_then(VecDeque::pop_front);
        next.or_else(|| switches.standing.get(call).cloned())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Switches<F>> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Clone + Serialize + DeserializeOwned> Switchable for Faults<F> {
    fn calls(&self) -> &'static [&'static str] {
        self.calls
    }

    fn on(&self) -> serde_json::Map<String, Value> {
        let switches = self.lock();
        let of = |call: &str| {
            let next = switches.next.get(call).filter(|next| !next.is_empty());
            let standing = switches.standing.get(call);
            let is_on = next.is_some() || standing.is_some();
            is_on.then(|| json!({ "next": next, "standing": standing }))
        };
        let calls = self.calls.iter();
        let on = calls.filter_map(|call| Some(((*call).to_owned(), of(call)?)));
        on.collect()
    }

    fn set(&self, switch: Switch) -> serde_json::Result<()> {
        let next = switch.next.into_iter().map(serde_json::from_value);
        let next: Vec<F> = next.collect::<Result<_, _>>()?;
        let standing = switch.standing.map(serde_json::from_value).transpose()?;
        self.off(&switch.call);
        self.next(&switch.call, next);
        if let Some(fault) = standing {
            self.standing(&switch.call, fault);
        }
        Ok(())
    }
}

impl Faults {
    /// Runs a call with its current fault.
    pub(crate) async fn around(
        &self,
        call: &str,
        work: impl AsyncFnOnce() -> Response,
    ) -> Response {
        match self.take(call) {
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
