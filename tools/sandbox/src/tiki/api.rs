//! Tiki's APIs: the webview, the IPN and the look-up; and the switches that only a sandbox has.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::{OriginalUri, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring, SignatureHeaders, Window};
use uuid::Uuid;

use super::{Ipn, Tiki, orders, shop};
use crate::body::JsonBody;
use crate::clock::dated;
use crate::faults::{self, Switch, words};
use crate::journal::{Callee, Watched};
use crate::lambda::Function;
use crate::magic::{AtTiki, at_tiki};

impl Tiki {
    /// `reconcile` is the partner's function that a person can run here.
    pub(crate) fn router(&self, reconcile: Arc<Function>) -> Router {
        let watched = Watched {
            journal: self.journal.clone(),
            side: Callee::Tiki,
            caller: caller_of,
        };
        Router::new()
            .route("/webview", post(webview))
            .route("/payment/ipn", post(ipn))
            .route("/transaction", get(look_up))
            .route("/_sandbox/orders", post(orders::place))
            .route(
                "/_sandbox/orders/{id}",
                put(orders::add).post(orders::change),
            )
            .route(
                "/_sandbox/reconcile",
                post(async move |tiki, event| run_or_reconcile(tiki, &reconcile, event).await),
            )
            .route("/_sandbox/faults", get(show_faults).post(switch_faults))
            .route("/_sandbox/shop/orders", post(shop::buy))
            .route("/_sandbox/shop/refunds", post(shop::refund))
            .fallback(get(shop::page))
            .with_state(self.clone())
            .layer(middleware::from_fn_with_state(self.clone(), add_date))
            .layer(middleware::from_fn_with_state(watched, Watched::layer))
    }

    fn verified(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        verified(&keys, HeaderNames::TIKI, headers, message, self.now_ms())
    }
}

/// Who calls this path of Tiki.
fn caller_of(path: &str) -> &'static str {
    match path {
        "/webview" => "open-webview",
        "/payment/ipn" => "ipn-sender",
        "/transaction" => "functions",
        _ => "customer",
    }
}

/// Adds Tiki's time to each answer.
async fn add_date(State(tiki): State<Tiki>, request: Request, next: Next) -> AxumResponse {
    let mut response = next.run(request).await;
    dated(&mut response, tiki.now_ms());
    response
}

/// Whether a message has a valid signature at this time.
pub(crate) fn verified(
    keys: &Keyring,
    names: HeaderNames,
    headers: &HeaderMap,
    message: &[u8],
    now_ms: i64,
) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let headers = SignatureHeaders {
        timestamp: header(names.timestamp),
        client_id: header(names.client_id),
        signature: header(names.signature),
    };
    keys.verify(&headers, message, now_ms, Window::default())
        .is_ok()
}

pub(super) fn answer(status: StatusCode, body: &Value) -> AxumResponse {
    (status, Json(body.clone())).into_response()
}

fn refusal(code: u8, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

async fn webview(State(tiki): State<Tiki>, headers: HeaderMap, body: Bytes) -> AxumResponse {
    let open = tiki.journal.open("open-webview", "Tiki", "POST webview");
    let mut answered = Value::Null;
    let response = tiki.faults.around("webview", async || {
        let (status, body) = opened(&tiki, &headers, &body);
        answered.clone_from(&body);
        answer(status, &body)
    });
    let response = response.await;
    open.done(words(&response, &answered));
    response
}

fn opened(tiki: &Tiki, headers: &HeaderMap, body: &[u8]) -> (StatusCode, Value) {
    if !tiki.verified(headers, body) {
        return (StatusCode::UNAUTHORIZED, refusal(1, "signature"));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut opened = tiki.opened.lock().unwrap_or_else(PoisonError::into_inner);
    opened.push(body.clone());
    if !body["identify_code"].is_string() || !body["identify_phone"].is_number() {
        return (StatusCode::OK, refusal(1, "invalid request"));
    }
    let session = Uuid::new_v4().to_string();
    let url = &tiki.url;
    let data = json!({
        "url_open": format!("{url}/apps/vn.tiki.vip?session={session}"),
        // Tiki's own URLs have this double slash.
        "url_checkout_result": format!("{url}//apps/vn.tiki.vip/callback/index?session={session}&x=%20a"),
        "request_id": session,
    });
    (
        StatusCode::OK,
        json!({ "code": 0, "message": "success", "data": data }),
    )
}

async fn ipn(State(tiki): State<Tiki>, headers: HeaderMap, body: Bytes) -> AxumResponse {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = format!("IPN {}", message["status"].as_str().unwrap_or("?"));
    let open = tiki.journal.open("ipn-sender", "Tiki", what);
    let verified = tiki.verified(&headers, &body);
    if verified {
        record_ipn(&tiki, &headers, &message);
    }
    let mut answered = Value::Null;
    let response = tiki.faults.around("ipn", async || {
        let (status, body) = if verified {
            (StatusCode::OK, accept_ipn(&tiki, &message))
        } else {
            (StatusCode::UNAUTHORIZED, refusal(1, "signature"))
        };
        answered.clone_from(&body);
        answer(status, &body)
    });
    let response = response.await;
    open.done(words(&response, &answered));
    response
}

/// Records every IPN that arrives, also one that a fault then suppresses.
fn record_ipn(tiki: &Tiki, headers: &HeaderMap, message: &Value) {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let id = message["reference_transaction_id"]
        .as_str()
        .unwrap_or_default();
    tiki.change(id, |order| {
        order.ipns.push(Ipn {
            timestamp: header(HeaderNames::TIKI.timestamp),
            signature: header(HeaderNames::TIKI.signature),
            body: message.clone(),
        });
    });
}

fn accept_ipn(tiki: &Tiki, message: &Value) -> Value {
    let id = message["reference_transaction_id"]
        .as_str()
        .unwrap_or_default();
    let accepted = tiki.orders.write(|orders| {
        let order = orders.get_mut(id).ok_or((3, "transaction not found"))?;
        let is_first_or_second = order.ipns.len() <= 2;
        match at_tiki(order.amount) {
            Some(AtTiki::NotFound) => return Err((3, "transaction not found")),
            Some(AtTiki::Cancelled) => return Err((6, "transaction cancelled")),
            Some(AtTiki::SystemError) => return Err((2, "system error")),
            Some(AtTiki::TwiceDown) if is_first_or_second => return Err((2, "system error")),
            Some(AtTiki::OtherAmount) => {
                "SUCCESS".clone_into(&mut order.status);
                return Err((5, "invalid amount"));
            }
            Some(AtTiki::TwiceDown) | None => {}
        }
        if order.cancelled {
            return Err((6, "transaction cancelled"));
        }
        if message["transaction_amount"].as_u64() != Some(order.amount) {
            return Err((5, "invalid amount"));
        }
        match message["status"].as_str() {
            Some(status @ ("SUCCESS" | "FAILURE")) => status.clone_into(&mut order.status),
            _ => return Err((1, "invalid request")),
        }
        Ok(json!({ "transaction_id": message["transaction_id"] }))
    });
    match accepted {
        Ok(data) => json!({ "code": 0, "message": "success", "data": data }),
        Err((code, message)) => refusal(code, message),
    }
}

async fn look_up(
    State(tiki): State<Tiki>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> AxumResponse {
    let open = tiki.journal.open("ipn-sender", "Tiki", "GET transaction");
    let mut answered = Value::Null;
    let response = tiki.faults.around("look_up", async || {
        let path = uri.path_and_query().map(PathAndQuery::as_str);
        let signing = *tiki
            .get_signing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let signed = signing.message("", path.unwrap_or_default());
        let (status, body) = if tiki.verified(&headers, signed.as_bytes()) {
            (StatusCode::OK, found(&tiki, &query))
        } else {
            (StatusCode::UNAUTHORIZED, refusal(1, "signature"))
        };
        answered.clone_from(&body);
        answer(status, &body)
    });
    let response = response.await;
    open.done(words(&response, &answered));
    response
}

fn found(tiki: &Tiki, query: &HashMap<String, String>) -> Value {
    let Some(id) = query.get("tiki_transaction_id") else {
        return refusal(1, "invalid request");
    };
    match tiki.known(id) {
        Some(order) if at_tiki(order.amount) == Some(AtTiki::Cancelled) => {
            refusal(6, "transaction cancelled")
        }
        Some(order) if at_tiki(order.amount) == Some(AtTiki::NotFound) => {
            refusal(3, "transaction not found")
        }
        None => refusal(3, "transaction not found"),
        Some(order) if order.cancelled => refusal(6, "transaction cancelled"),
        Some(order) => json!({
            "code": 0,
            "message": "success",
            "tiki_transaction_id": id,
            "status": order.status,
            "amount": match at_tiki(order.amount) {
                Some(AtTiki::OtherAmount) => order.amount + 1000,
                _ => order.amount,
            },
        }),
    }
}

/// `POST /_sandbox/faults`, of Tiki itself, its result files and its SFTP server.
async fn switch_faults(
    State(tiki): State<Tiki>,
    JsonBody(switch): JsonBody<Switch>,
) -> AxumResponse {
    faults::switch(
        &[&tiki.faults, &tiki.result_files, &tiki.file_server],
        switch,
    )
}

/// `GET /_sandbox/faults`, of the same calls.
async fn show_faults(State(tiki): State<Tiki>) -> AxumResponse {
    faults::shown(&[&tiki.faults, &tiki.result_files, &tiki.file_server])
}

/// `POST /_sandbox/reconcile`. Without a body Tiki processes the files that have arrived, and answers with the names of
/// its result files. With an event (`events/reconcile*.json`) the partner's function runs, and the answer is its outcome.
async fn run_or_reconcile(
    State(tiki): State<Tiki>,
    function: &Function,
    event: Bytes,
) -> AxumResponse {
    let failed = |status, message: String| answer(status, &json!({ "message": message }));
    if event.is_empty() {
        return reconcile(tiki).await;
    }
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&event) {
        return failed(
            StatusCode::BAD_REQUEST,
            format!("the event is no JSON: {error}"),
        );
    }
    match function.invoke(event).await {
        Ok(outcome) => ([(CONTENT_TYPE, "application/json")], outcome).into_response(),
        Err(error) => failed(
            StatusCode::BAD_GATEWAY,
            format!("{} {error}", function.name()),
        ),
    }
}

async fn reconcile(tiki: Tiki) -> AxumResponse {
    let work = move || tiki.reconcile(&tiki.folder);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(names)) => Json(names).into_response(),
        Ok(Err(error)) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "message": format!("{error:#}") }),
        ),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
