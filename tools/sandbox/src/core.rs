//! The partner's core, played: its payment screen, its refunds, and its reports of results.

mod screen;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::Vnd;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring};

use crate::caller::{Caller, Response, now_ms};
use crate::faults::{Faults, words};
use crate::journal::Journal;
use crate::state_store::StateStore;
use crate::tiki::verified;

/// How often the core reports a result that nobody took, and how long it waits in between.
const REPORTS: u32 = 50;
const REPORT_AGAIN: Duration = Duration::from_millis(200);

/// The partner's core.
#[derive(Clone)]
pub struct Core {
    books: StateStore<Ledger>,
    /// Faults of `refund`, `find_refund` and `payment`.
    pub faults: Faults,
    /// Calls the functions, signed as the core.
    pub caller: Caller,
    keys: Arc<Mutex<Keyring>>,
    journal: Journal,
}

/// What the core has on its books.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    payments: HashMap<String, Payment>,
    refunds: HashMap<String, Refund>,
}

/// A payment at the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// In VND.
    pub amount: u64,
    /// `paid`, `failed`, `not_paid` or `pending`.
    pub status: String,
}

/// A refund at the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Of which transaction.
    pub transaction_id: String,
    /// In VND.
    pub amount: u64,
    /// `succeeded`, `pending` or `rejected`.
    pub status: String,
    /// How often it was posted; the money moved once.
    pub posted: u32,
}

impl Core {
    pub(crate) fn new(caller: Caller, journal: Journal, books: StateStore<Ledger>) -> Self {
        Self {
            books,
            keys: Arc::new(Mutex::new(caller.keys.clone())),
            faults: Faults::default(),
            caller,
            journal,
        }
    }

    /// The customer pays: the money is taken.
    pub fn take_money(&self, transaction_id: &str, amount: u64) {
        self.set_payment(transaction_id, amount, "paid");
    }

    /// Sets what the core says of a payment.
    pub fn set_payment(&self, transaction_id: &str, amount: u64, status: &str) {
        let payment = Payment {
            amount,
            status: status.to_owned(),
        };
        self.books
            .write(|books| books.payments.insert(transaction_id.to_owned(), payment));
    }

    /// Sets what the core says of a refund that it knows.
    pub fn set_refund(&self, refund_id: &str, status: &str) {
        self.books.write(|books| {
            if let Some(refund) = books.refunds.get_mut(refund_id) {
                status.clone_into(&mut refund.status);
            }
        });
    }

    /// What has gone back for a transaction, in VND.
    #[must_use]
    pub fn given_back(&self, transaction_id: &str) -> u64 {
        let back = self.refunds(transaction_id);
        back.iter()
            .filter(|r| r.status == "succeeded")
            .map(|r| r.amount)
            .sum()
    }

    /// The refunds of a transaction.
    #[must_use]
    pub fn refunds(&self, transaction_id: &str) -> Vec<Refund> {
        self.books.read(|books| {
            let of_it = books.refunds.values();
            of_it
                .filter(|refund| refund.transaction_id == transaction_id)
                .cloned()
                .collect()
        })
    }

    /// Reports a result once.
    pub async fn report(&self, transaction_id: &str, body: &Value) -> anyhow::Result<Response> {
        let path = format!("/partner/v1/payments/{transaction_id}/result");
        self.caller.post(&path, body).await
    }

    /// The app's backend opens Tiki VIP for a customer; it shares the core's credentials.
    pub async fn open_webview(&self, body: &Value) -> anyhow::Result<Response> {
        self.caller.post("/partner/v1/webview", body).await
    }

    /// The core takes up other keys, for its own checks of signatures.
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
                post(async move |switch| faults.switch(switch)),
            )
            .with_state(self.clone())
    }

    fn verified(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        verified(&keys, HeaderNames::PARTNER, headers, message, now_ms())
    }

    /// Reports a result until it is taken.
    async fn report_until_taken(&self, transaction_id: &str, body: &Value) -> bool {
        for _ in 0..REPORTS {
            let answer = self.report(transaction_id, body).await;
            match answer {
                Ok(answer) if answer.code() == Some(0) => return true,
                // A refusal of the report itself will not change.
                Ok(answer) if answer.status == 200 => return false,
                _ => {}
            }
            tokio::time::sleep(REPORT_AGAIN).await;
        }
        false
    }
}

async fn refund(State(core): State<Core>, headers: HeaderMap, body: Bytes) -> AxumResponse {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = format!(
        "refund {}",
        money(message["amount"].as_u64().unwrap_or_default())
    );
    let open = core.journal.open("functions", "core", what);
    let mut said = Value::Null;
    let response = core.faults.around("refund", async || {
        let (status, body) = given_back(&core, &headers, &body, &message);
        said.clone_from(&body);
        (status, Json(body)).into_response()
    });
    let response = response.await;
    open.done(words(&response, &said));
    response
}

/// Once for each idempotency key, however often it is posted.
fn given_back(
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
    let status = core.books.write(|books| {
        let refund = books
            .refunds
            .entry(id.to_owned())
            .or_insert_with(|| Refund {
                transaction_id: message["transaction_id"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                amount,
                status: "succeeded".to_owned(),
                posted: 0,
            });
        refund.posted += 1;
        refund.status.clone()
    });
    (StatusCode::OK, json!({ "refund_id": id, "status": status }))
}

async fn find_refund(
    State(core): State<Core>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> AxumResponse {
    let open = core.journal.open("core-worker", "core", "GET refund");
    let mut said = Value::Null;
    let response = core.faults.around("find_refund", async || {
        if !core.verified(&headers, format!("/refunds/{id}").as_bytes()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match core.books.read(|books| books.refunds.get(&id).cloned()) {
            Some(refund) => {
                said = json!({ "refund_id": id, "status": refund.status });
                Json(said.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    });
    let response = response.await;
    open.done(words(&response, &said));
    response
}

async fn payment(
    State(core): State<Core>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> AxumResponse {
    let open = core.journal.open("core-worker", "core", "GET payment");
    let mut said = Value::Null;
    let response = core.faults.around("payment", async || {
        if !core.verified(&headers, format!("/payments/{id}").as_bytes()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match core.books.read(|books| books.payments.get(&id).cloned()) {
            Some(payment) => {
                said = json!({
                    "transaction_id": id,
                    "status": payment.status,
                    "amount": payment.amount,
                    "paid_at": payment.status.eq("paid").then_some("2026-11-23T10:00:00+07:00"),
                    "partner_banking_method": payment.status.eq("paid").then_some("ACCOUNT"),
                    "rail_reference": payment.status.eq("paid").then(|| reference(&id)),
                    "reason": payment.status.eq("failed").then_some("cancelled by the customer"),
                });
                Json(said.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    });
    let response = response.await;
    open.done(words(&response, &said));
    response
}

pub(crate) fn money(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| vnd.to_string(), Vnd::grouped)
}

/// The core's own reference of a payment.
fn reference(transaction_id: &str) -> String {
    format!("FT-{}", transaction_id.get(..8).unwrap_or_default())
}
