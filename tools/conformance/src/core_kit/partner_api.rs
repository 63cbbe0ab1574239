//! The API that the core calls: the details of a payment, and the payment result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring, SignatureHeaders, Window};

use super::bench::Payment;
use crate::clock;
use crate::clock::{now_ms, rfc3339};

/// The API, and what it got.
#[derive(Clone)]
pub(super) struct PartnerApi {
    keys: Keyring,
    got: Arc<Mutex<Got>>,
}

#[derive(Default)]
struct Got {
    payments: HashMap<String, Known>,
    results: Vec<Received>,
    details: Vec<Received>,
    /// Calls of other routes.
    strays: Vec<String>,
}

struct Known {
    payment: Payment,
    /// The first result is answered with HTTP 500.
    fails_first: bool,
    /// A question about it is answered with HTTP 500.
    is_unreadable: bool,
    status: &'static str,
}

/// A call of the core.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// The transaction of the path.
    pub(super) id: String,
    /// Why the signature is wrong, or nothing.
    pub(super) signature: Result<(), String>,
    pub(super) timestamp: String,
    pub(super) body: Value,
    pub(super) text: String,
    /// The HTTP status of the kit's answer.
    pub(super) answered: u16,
}

impl PartnerApi {
    pub(super) fn new(keys: Keyring) -> Self {
        Self {
            keys,
            got: Arc::default(),
        }
    }

    pub(super) fn router(&self) -> Router {
        let path = "/partner/v1/payments/{id}";
        Router::new()
            .route(path, get(details))
            .route(&format!("{path}/result"), post(result))
            .route("/pay/{token}/return", get(back))
            .fallback(stray)
            .with_state(self.clone())
    }

    pub(super) fn add(&self, payment: &Payment, fails_first: bool) {
        let known = Known {
            payment: payment.clone(),
            fails_first,
            is_unreadable: false,
            status: "PENDING",
        };
        self.lock().payments.insert(payment.id.clone(), known);
    }

    /// The payment has failed, or expired, before anybody paid it.
    pub(super) fn close(&self, payment: &Payment) {
        self.change(payment, |known| known.status = "FAILURE");
    }

    /// Each question about the payment is answered with an error.
    pub(super) fn hide(&self, payment: &Payment) {
        self.change(payment, |known| known.is_unreadable = true);
    }

    fn change(&self, payment: &Payment, change: impl FnOnce(&mut Known)) {
        self.lock().payments.get_mut(&payment.id).map(change);
    }

    /// The results that came for a transaction, in their order.
    pub(super) fn results(&self, id: &str) -> Vec<Received> {
        let got = self.lock();
        let of_it = got.results.iter().filter(|result| result.id == id);
        of_it.cloned().collect()
    }

    /// The results of every transaction.
    pub(super) fn all_results(&self) -> Vec<Received> {
        self.lock().results.clone()
    }

    /// The questions for the details of any payment.
    pub(super) fn details(&self) -> Vec<Received> {
        self.lock().details.clone()
    }

    pub(super) fn strays(&self) -> Vec<String> {
        self.lock().strays.clone()
    }

    /// Whether a result of a transaction was accepted.
    pub(super) fn has_accepted(&self, id: &str) -> bool {
        let results = self.results(id);
        results.iter().any(|result| result.answered == 200)
    }

    /// Waits until a result of a transaction was accepted, and returns it.
    pub(super) async fn accepted(&self, id: &str, limit: Duration) -> Option<Received> {
        let began = Instant::now();
        loop {
            let mut results = self.results(id).into_iter();
            if let Some(accepted) = results.find(|result| result.answered == 200) {
                return Some(accepted);
            }
            if began.elapsed() > limit {
                return None;
            }
            clock::wait(Duration::from_millis(10)).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn received(&self, id: &str, headers: &HeaderMap, signed: &[u8], body: &[u8]) -> Received {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let names = HeaderNames::PARTNER;
        let signature = SignatureHeaders {
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
        };
        let verified = self
            .keys
            .verify(&signature, signed, now_ms(), Window::default());
        Received {
            id: id.to_owned(),
            signature: verified.map(drop).map_err(|refusal| refusal.to_string()),
            timestamp: signature.timestamp.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            text: String::from_utf8_lossy(body).into_owned(),
            answered: 401,
        }
    }
}

fn refused(status: StatusCode, code: u8, message: &str) -> (StatusCode, Value) {
    (status, json!({ "code": code, "message": message }))
}

fn done(data: &Value) -> (StatusCode, Value) {
    let body = json!({ "code": 0, "message": "success", "data": data });
    (StatusCode::OK, body)
}

fn broken() -> (StatusCode, Value) {
    refused(
        StatusCode::INTERNAL_SERVER_ERROR,
        2,
        "system error, safe to repeat",
    )
}

async fn details(
    State(api): State<PartnerApi>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let mut received = api.received(&id, &headers, path.as_bytes(), b"");
    let mut got = api.lock();
    let (status, body) = match (&received.signature, got.payments.get(&id)) {
        (Err(refusal), _) => refused(StatusCode::UNAUTHORIZED, 97, refusal),
        (Ok(()), None) => refused(StatusCode::OK, 3, "transaction not found"),
        (Ok(()), Some(known)) if known.is_unreadable => broken(),
        (Ok(()), Some(known)) => done(&shown(known)),
    };
    received.answered = status.as_u16();
    got.details.push(received);
    (status, Json(body)).into_response()
}

fn shown(known: &Known) -> Value {
    let Known {
        payment, status, ..
    } = known;
    json!({
        "transaction_id": payment.id,
        "tiki_transaction_id": payment.tiki_id,
        "transaction_amount": payment.amount,
        "status": status,
        "created_at": rfc3339(payment.created_at_ms),
        "expires_at": rfc3339(payment.expires_at_ms),
        "identify_code": "KH-0001",
        "order_code": null,
        "description": "Đơn hàng thử nghiệm",
        "refunded_amount": 0,
        "refunds": [],
    })
}

async fn result(
    State(api): State<PartnerApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut received = api.received(&id, &headers, &body, &body);
    let mut got = api.lock();
    let (status, body) = match (&received.signature, got.payments.get_mut(&id)) {
        (Err(refusal), _) => refused(StatusCode::UNAUTHORIZED, 97, refusal),
        (Ok(()), None) => refused(StatusCode::OK, 3, "transaction not found"),
        (Ok(()), Some(known)) if known.fails_first => {
            known.fails_first = false;
            broken()
        }
        (Ok(()), Some(known)) => {
            let paid = received.body["status"] == "SUCCESS";
            known.status = if paid { "SUCCESS" } else { "FAILURE" };
            done(&json!({
                "transaction_id": id,
                "tiki_transaction_id": known.payment.tiki_id,
                "transaction_amount": known.payment.amount,
                "status": known.status,
            }))
        }
    };
    received.answered = status.as_u16();
    got.results.push(received);
    (status, Json(body)).into_response()
}

/// Where the customer comes back to.
async fn back() -> Html<&'static str> {
    Html(
        "<!doctype html><title>Tiki VIP</title><p>Đã quay lại. <span lang=\"en\">You are back.</span>",
    )
}

async fn stray(State(api): State<PartnerApi>, method: Method, uri: Uri) -> StatusCode {
    let call = format!("{method} {}", uri.path());
    api.lock().strays.push(call);
    StatusCode::NOT_FOUND
}
