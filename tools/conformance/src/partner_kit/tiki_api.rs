//! Tiki's API, as the partner's side calls it: the notification (IPN) and the look-up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring, SignatureHeaders, Window};

use crate::clock;
use crate::clock::now_ms;

/// The API, its orders, and the notifications that came.
#[derive(Clone)]
pub(super) struct TikiApi {
    keys: Keyring,
    got: Arc<Mutex<Got>>,
}

#[derive(Default)]
struct Got {
    orders: HashMap<String, Order>,
    notifications: Vec<Notification>,
}

struct Order {
    amount: u64,
    status: &'static str,
    /// The first notification about it is answered with HTTP 500.
    fails_first: bool,
}

/// A notification (IPN) of the partner's side.
#[derive(Clone, Debug)]
pub(super) struct Notification {
    /// Why the signature is wrong, or nothing.
    pub(super) signature: Result<(), String>,
    pub(super) timestamp: String,
    pub(super) body: Value,
    /// The HTTP status and the code of the kit's answer.
    pub(super) answered: (u16, u8),
}

impl TikiApi {
    pub(super) fn new(keys: Keyring) -> Self {
        Self {
            keys,
            got: Arc::default(),
        }
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/payment/ipn", post(notified))
            .route("/transaction", get(look_up))
            .with_state(self.clone())
    }

    pub(super) fn add_order(&self, id: &str, amount: u64, fails_first: bool) {
        let order = Order {
            amount,
            status: "PENDING",
            fails_first,
        };
        self.lock().orders.insert(id.to_owned(), order);
    }

    /// The notifications about an order, in their order.
    pub(super) fn notifications(&self, id: &str) -> Vec<Notification> {
        let got = self.lock();
        let of_it = got.notifications.iter();
        let of_it = of_it.filter(|n| n.body["reference_transaction_id"] == id);
        of_it.cloned().collect()
    }

    /// Waits for the notification about an order that the kit accepted.
    pub(super) async fn accepted(&self, id: &str, limit: Duration) -> Option<Notification> {
        let began = Instant::now();
        loop {
            let mut came = self.notifications(id).into_iter();
            if let Some(accepted) = came.find(|n| n.answered == (200, 0)) {
                return Some(accepted);
            }
            if began.elapsed() > limit {
                return None;
            }
            clock::wait(Duration::from_millis(20)).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timestamp of a signature, and why the signature is wrong.
    fn verified(&self, headers: &HeaderMap, signed: &[u8]) -> (String, Result<(), String>) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let names = HeaderNames::TIKI;
        let headers = SignatureHeaders {
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
        };
        let verified = self
            .keys
            .verify(&headers, signed, now_ms(), Window::default());
        let verified = verified.map(drop).map_err(|refusal| refusal.to_string());
        (headers.timestamp.unwrap_or_default().to_owned(), verified)
    }
}

fn refusal(code: u8, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

async fn notified(State(api): State<TikiApi>, headers: HeaderMap, body: Bytes) -> Response {
    let (timestamp, signature) = api.verified(&headers, &body);
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = message["reference_transaction_id"].as_str();
    let mut got = api.lock();
    let order = got.orders.get_mut(id.unwrap_or_default());
    let (status, code, says) = match (&signature, order) {
        (Err(problem), _) => (401, 1, problem.clone()),
        (Ok(()), None) => (200, 3, "transaction not found".to_owned()),
        (Ok(()), Some(order)) if order.fails_first => {
            order.fails_first = false;
            (500, 2, "system error".to_owned())
        }
        (Ok(()), Some(order)) => {
            if message["status"] == "SUCCESS" {
                order.status = "SUCCESS";
            }
            (200, 0, "success".to_owned())
        }
    };
    let mut answer = refusal(code, &says);
    if code == 0 {
        answer["data"] = json!({ "transaction_id": message["transaction_id"] });
    }
    got.notifications.push(Notification {
        signature,
        timestamp,
        body: message,
        answered: (status, code),
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, Json(answer)).into_response()
}

async fn look_up(
    State(api): State<TikiApi>,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if let (_, Err(problem)) = api.verified(&headers, path.as_bytes()) {
        return (StatusCode::UNAUTHORIZED, Json(refusal(1, &problem))).into_response();
    }
    let got = api.lock();
    let id = query.get("tiki_transaction_id");
    let order = id.and_then(|id| got.orders.get(id));
    let answer = match order {
        None => refusal(3, "transaction not found"),
        Some(order) => json!({
            "code": 0,
            "message": "success",
            "tiki_transaction_id": id,
            "status": order.status,
            "amount": order.amount,
        }),
    };
    Json(answer).into_response()
}
