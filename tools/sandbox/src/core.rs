//! Plays the partner's core: its payment screen, its refunds, and the payment results that it sends.

mod screen;
mod statement;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::Vnd;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring};

pub use self::statement::Booking;
use crate::caller::{Caller, Response, now_ms};
use crate::faults::{self, Faults, words};
use crate::journal::{Callee, Exchange, Journal, texts};
use crate::state_store::StateStore;
use crate::tiki::verified;

/// How often the core sends a payment result until it is accepted, and the wait between two attempts.
const RESULT_ATTEMPTS: u32 = 50;
const RESULT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// How long the answer about a refund may be on its way to the functions.
const ANSWER_ON_ITS_WAY_MS: i64 = 60_000;

/// The partner's core system.
#[derive(Clone)]
pub struct Core {
    state: StateStore<CoreState>,
    /// Faults of `refund`, `find_refund`, `payment` and `statement`.
    pub faults: Faults,
    /// Calls the functions, signed as the core.
    pub caller: Caller,
    keys: Arc<Mutex<Keyring>>,
    journal: Journal,
}

/// The payments and refunds that the core knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CoreState {
    payments: HashMap<String, Payment>,
    refunds: HashMap<String, Refund>,
    /// What its statements say, in the order of time.
    #[serde(default)]
    bookings: Vec<Booking>,
}

/// A payment at the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Amount in VND.
    pub amount: u64,
    /// `paid`, `failed`, `not_paid` or `pending`.
    pub status: String,
    /// When it was paid, in Unix milliseconds.
    #[serde(default)]
    pub paid_at_ms: i64,
}

/// A refund at the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The transaction that it belongs to.
    pub transaction_id: String,
    /// Amount in VND.
    pub amount: u64,
    /// What had gone back before, as the first posting says, in VND.
    #[serde(default)]
    pub refunded_so_far: u64,
    /// When the money went back, in Unix milliseconds.
    #[serde(default)]
    pub at_ms: i64,
    /// `succeeded`, `pending` or `rejected`.
    pub status: String,
    /// How often it was posted. The money moves once.
    pub posted: u32,
}

impl Core {
    pub(crate) fn new(caller: Caller, journal: Journal, state: StateStore<CoreState>) -> Self {
        Self {
            state,
            keys: Arc::new(Mutex::new(caller.keys.clone())),
            faults: Faults::of(&["refund", "find_refund", "payment", "statement"]),
            caller,
            journal,
        }
    }

    /// Takes the money of a customer who pays.
    pub fn take_money(&self, transaction_id: &str, amount: u64) {
        self.set_payment(transaction_id, amount, "paid");
    }

    /// Sets the core's answer about a payment.
    pub fn set_payment(&self, transaction_id: &str, amount: u64, status: &str) {
        let payment = Payment {
            amount,
            status: status.to_owned(),
            paid_at_ms: now_ms(),
        };
        self.state.write(|state| {
            if payment.status == "paid" {
                state.book_payment(transaction_id, amount);
            }
            state.payments.insert(transaction_id.to_owned(), payment);
        });
    }

    /// Sets when a payment was paid, by the core's word.
    pub fn set_paid_at(&self, transaction_id: &str, paid_at_ms: i64) {
        self.state.write(|state| {
            if let Some(payment) = state.payments.get_mut(transaction_id) {
                payment.paid_at_ms = paid_at_ms;
            }
        });
    }

    /// Sets the core's answer about a refund that it knows.
    pub fn set_refund(&self, refund_id: &str, status: &str) {
        self.state.write(|state| {
            let Some(refund) = state.refunds.get_mut(refund_id) else {
                return;
            };
            status.clone_into(&mut refund.status);
            let Refund {
                transaction_id,
                amount,
                ..
            } = refund.clone();
            if status == "succeeded" {
                state.book_refund(refund_id, &transaction_id, amount);
            } else {
                state.bookings.retain(|b| b.id != refund_id);
            }
        });
    }

    /// Makes the refunds of a transaction two minutes older.
    pub fn age_refunds(&self, transaction_id: &str) {
        self.state.write(|state| {
            let refunds = state.refunds.values_mut();
            for refund in refunds.filter(|refund| refund.transaction_id == transaction_id) {
                refund.at_ms -= 2 * ANSWER_ON_ITS_WAY_MS;
            }
        });
    }

    /// The amount that was refunded of a transaction, in VND.
    #[must_use]
    pub fn refunded_vnd(&self, transaction_id: &str) -> u64 {
        let refunds = self.refunds(transaction_id);
        refunds
            .iter()
            .filter(|r| r.status == "succeeded")
            .map(|r| r.amount)
            .sum()
    }

    /// The refunds of a transaction.
    #[must_use]
    pub fn refunds(&self, transaction_id: &str) -> Vec<Refund> {
        self.state.read(|state| {
            state
                .refunds
                .values()
                .filter(|refund| refund.transaction_id == transaction_id)
                .cloned()
                .collect()
        })
    }

    /// Sends a payment result once. The result names the transaction, if `body` has no `transaction_id` of its own.
    pub async fn send_result(
        &self,
        transaction_id: &str,
        body: &Value,
    ) -> anyhow::Result<Response> {
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields
                .entry("transaction_id")
                .or_insert_with(|| json!(transaction_id));
        }
        let path = format!("/partner/v1/payments/{transaction_id}/result");
        self.caller.post(&path, &body).await
    }

    /// Opens Tiki VIP for a customer, as the app's backend does. It uses the core's credentials.
    pub async fn open_webview(&self, body: &Value) -> anyhow::Result<Response> {
        self.caller.post("/partner/v1/webview", body).await
    }

    /// Hands over an order of Tiki, as an app does that gets its payments by a function of the webview.
    pub async fn hand_over(&self, body: &Value) -> anyhow::Result<Response> {
        self.caller.post("/partner/v1/transactions", body).await
    }

    /// Reads a payment, as the payment screen does.
    pub async fn details(&self, transaction_id: &str) -> anyhow::Result<Response> {
        let path = format!("/partner/v1/payments/{transaction_id}");
        self.caller.get(&path).await
    }

    /// Changes the keys with which the core checks signatures.
    pub fn expect_keys(&self, keys: Keyring) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(crate) fn router(&self) -> Router {
        let faults = self.faults.clone();
        Router::new()
            .route("/refunds", post(refund))
            .route("/refunds/{id}", get(find_refund))
            .route("/payments/{id}", get(payment))
            .route("/pay", get(screen::screen).post(screen::decide))
            .route(
                "/_sandbox/faults",
                post(async move |switch| faults::switch(&[&faults], switch)),
            )
            .merge(statement::routes())
            .layer(from_fn_with_state(self.journal.clone(), watched))
            .with_state(self.clone())
    }

    fn verified(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        verified(&keys, HeaderNames::PARTNER, headers, message, now_ms())
    }

    /// Sends a payment result until it is accepted or refused.
    async fn send_result_until_accepted(&self, transaction_id: &str, body: &Value) -> bool {
        for _ in 0..RESULT_ATTEMPTS {
            let answer = self.send_result(transaction_id, body).await;
            match answer {
                Ok(answer) if answer.code() == Some(0) => return true,
                // A refusal does not change when it is repeated.
                Ok(answer) if answer.status == 200 => return false,
                _ => {}
            }
            tokio::time::sleep(RESULT_RETRY_DELAY).await;
        }
        false
    }
}

/// Has each call seen that is answered.
async fn watched(State(journal): State<Journal>, request: Request, next: Next) -> AxumResponse {
    if !journal.is_watched() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (method, uri) = (parts.method.to_string(), parts.uri.clone());
    let headers = texts(&parts.headers);
    let request = Request::from_parts(parts, Body::from(body.clone()));
    let (parts, answer) = next.run(request).await.into_parts();
    // A fault breaks the answer's body.
    let Ok(answer) = to_bytes(answer, usize::MAX).await else {
        return faults::broken();
    };
    journal.saw(|| Exchange {
        to: Callee::Core,
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
        status: parts.status.as_u16(),
        answer_headers: texts(&parts.headers),
        answer: answer.clone(),
    });
    AxumResponse::from_parts(parts, Body::from(answer))
}

async fn refund(State(core): State<Core>, headers: HeaderMap, body: Bytes) -> AxumResponse {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = format!(
        "refund {}",
        money(message["amount"].as_u64().unwrap_or_default())
    );
    let open = core.journal.open("functions", "core", what);
    let mut answer = Value::Null;
    let response = core.faults.around("refund", async || {
        let (status, body) = refund_answer(&core, &headers, &body, &message);
        answer.clone_from(&body);
        (status, Json(body)).into_response()
    });
    let response = response.await;
    open.done(words(&response, &answer));
    response
}

/// Refunds once for each idempotency key.
fn refund_answer(
    core: &Core,
    headers: &HeaderMap,
    body: &[u8],
    message: &Value,
) -> (StatusCode, Value) {
    if !core.verified(headers, body) {
        return (StatusCode::UNAUTHORIZED, json!({ "message": "signature" }));
    }
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let (Some(id), Some(amount)) = (message["refund_id"].as_str(), message["amount"].as_u64())
    else {
        return (
            StatusCode::BAD_REQUEST,
            json!({ "message": "refund_id and amount" }),
        );
    };
    if key != Some(id) {
        return (
            StatusCode::BAD_REQUEST,
            json!({ "message": "Idempotency-Key" }),
        );
    }
    let so_far = message["refunded_so_far"].as_u64().unwrap_or_default();
    let transaction_id = message["transaction_id"].as_str().unwrap_or_default();
    let refund = core.state.write(|state| {
        // More is back than the functions know of, and not just now: their records are older than these, and the money
        // may be back already. No final answer, because the next answer may bring them up to date.
        let others = state.refunds.iter().filter(|(other, refund)| {
            *other != id
                && refund.transaction_id == transaction_id
                && refund.status == "succeeded"
                && now_ms() - refund.at_ms > ANSWER_ON_ITS_WAY_MS
        });
        if others.map(|(_, refund)| refund.amount).sum::<u64>() > so_far {
            return None;
        }
        let refund = state
            .refunds
            .entry(id.to_owned())
            .or_insert_with(|| Refund {
                transaction_id: transaction_id.to_owned(),
                amount,
                refunded_so_far: so_far,
                at_ms: now_ms(),
                status: "succeeded".to_owned(),
                posted: 0,
            });
        refund.posted += 1;
        let refund = refund.clone();
        if refund.status == "succeeded" {
            state.book_refund(id, transaction_id, amount);
        }
        Some(refund)
    });
    match refund {
        Some(refund) => (StatusCode::OK, refund_json(id, &refund)),
        None => (
            StatusCode::CONFLICT,
            json!({ "message": "more is back than refunded_so_far says" }),
        ),
    }
}

/// The answer about a refund names it and its amount.
fn refund_json(id: &str, refund: &Refund) -> Value {
    json!({ "refund_id": id, "amount": refund.amount, "status": refund.status })
}

async fn find_refund(
    State(core): State<Core>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> AxumResponse {
    let known = || core.state.read(|state| state.refunds.get(&id).cloned());
    let says = || known().map(|refund| refund_json(&id, &refund));
    let call = ("find_refund", "GET refund", format!("/refunds/{id}"));
    look_up(&core, call, &headers, || found(says(), "refund_id", &id)).await
}

async fn payment(
    State(core): State<Core>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> AxumResponse {
    let known = || core.state.read(|state| state.payments.get(&id).cloned());
    let says = || known().map(|payment| payment_json(&id, &payment));
    let call = ("payment", "GET payment", format!("/payments/{id}"));
    look_up(&core, call, &headers, || {
        found(says(), "transaction_id", &id)
    })
    .await
}

/// A question of core-worker: its name among the faults, its name in the journal, and what it signs.
async fn look_up(
    core: &Core,
    (call, title, signed): (&'static str, &'static str, String),
    headers: &HeaderMap,
    found: impl Fn() -> (StatusCode, Value),
) -> AxumResponse {
    let open = core.journal.open("core-worker", "core", title);
    let mut answer = Value::Null;
    let response = core.faults.around(call, async || {
        if !core.verified(headers, signed.as_bytes()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let (status, says) = found();
        answer = says.clone();
        (status, Json(says)).into_response()
    });
    let response = response.await;
    open.done(words(&response, &answer));
    response
}

fn payment_json(id: &str, payment: &Payment) -> Value {
    let paid = payment.status == "paid";
    json!({
        "transaction_id": id,
        "status": payment.status,
        "amount": payment.amount,
        "paid_at": paid.then(|| statement::rfc3339(payment.paid_at_ms)),
        "partner_banking_method": paid.then_some("ACCOUNT"),
        "rail_reference": paid.then(|| reference(id)),
        "reason": payment.status.eq("failed").then_some("cancelled by the customer"),
    })
}

/// What is known, or that it was never seen. A bare 404 would count for nothing: a proxy that does not reach the core
/// gives it too.
fn found(known: Option<Value>, field: &str, id: &str) -> (StatusCode, Value) {
    match known {
        Some(says) => (StatusCode::OK, says),
        None => (
            StatusCode::NOT_FOUND,
            json!({ field: id, "status": "never_seen" }),
        ),
    }
}

pub(crate) fn money(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| vnd.to_string(), Vnd::grouped)
}

/// The core's reference of a payment.
fn reference(transaction_id: &str) -> String {
    format!("FT-{}", transaction_id.get(..8).unwrap_or_default())
}
