//! Tiki, played: the webview, the IPN and the look-up API, and its buyers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{OriginalUri, Query, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response as AxumResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use outbound::HeaderNames;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{GetSigning, Keyring, SignatureHeaders, Window};
use uuid::Uuid;

use crate::books::Books;
use crate::caller::{Caller, Response, now_ms};
use crate::faults::{Faults, words};
use crate::journal::Journal;

/// Tiki: what it knows of orders, and its side of the conversation.
#[derive(Clone)]
pub struct Tiki {
    orders: Books<HashMap<String, Order>>,
    /// Faults of `webview`, `ipn` and `look_up`.
    pub faults: Faults,
    /// Calls the partner's APIs, signed as Tiki.
    pub caller: Caller,
    keys: Arc<Mutex<Keyring>>,
    opened: Arc<Mutex<Vec<Value>>>,
    get_signing: Arc<Mutex<GetSigning>>,
    /// How far Tiki's clock runs ahead, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
    journal: Journal,
    url: String,
}

/// An order at Tiki.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is to be paid, in VND.
    pub amount: u64,
    /// `PENDING`, `SUCCESS` or `FAILURE`.
    pub status: String,
    /// Whether it was cancelled: IPN and look-up then answer code 6.
    pub cancelled: bool,
    /// Every rightly signed IPN that arrived for it.
    pub ipns: Vec<Ipn>,
}

/// An IPN that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipn {
    /// The signature's timestamp.
    pub timestamp: String,
    /// The signature.
    pub signature: String,
    /// The body.
    pub body: Value,
}

impl Tiki {
    pub(crate) fn new(
        caller: Caller,
        journal: Journal,
        url: String,
        orders: Books<HashMap<String, Order>>,
    ) -> Self {
        Self {
            orders,
            faults: Faults::default(),
            keys: Arc::new(Mutex::new(caller.keys.clone())),
            caller,
            opened: Arc::default(),
            get_signing: Arc::default(),
            ahead_ms: Arc::default(),
            journal,
            url,
        }
    }

    /// A buyer fills a basket: Tiki has an order, and an id for its payment.
    #[must_use]
    pub fn order(&self, amount: u64) -> String {
        let number = Uuid::new_v4().as_u128() % 1_000_000_000;
        let id = format!("261123TIKIVIP-{number}-{}", now_ms() / 1000);
        self.adopt(&id, amount);
        id
    }

    /// Tiki has an order under this id, unpaid.
    pub fn adopt(&self, id: &str, amount: u64) {
        let order = Order {
            amount,
            status: "PENDING".to_owned(),
            cancelled: false,
            ipns: Vec::new(),
        };
        self.orders
            .write(|orders| orders.insert(id.to_owned(), order));
    }

    /// Tiki's backend creates the payment of an order at the partner.
    pub async fn create(&self, id: &str, request_id: Option<&str>) -> anyhow::Result<Response> {
        let amount = self.known(id).map_or(0, |order| order.amount);
        let mut body = json!({ "tiki_transaction_id": id, "transaction_amount": amount });
        if let Some(request_id) = request_id {
            body["request_id"] = json!(request_id);
        }
        self.caller.post("/tikivip/v1/transactions", &body).await
    }

    /// Tiki's backend asks money back.
    pub async fn refund(
        &self,
        id: &str,
        transaction_id: &str,
        request_id: &str,
        amount: u64,
    ) -> anyhow::Result<Response> {
        let body = json!({
            "tiki_transaction_id": id,
            "transaction_id": transaction_id,
            "transaction_amount": amount,
            "reason": "Khách hủy một phần đơn",
            "request_id": request_id,
        });
        self.caller.post("/tikivip/v1/refunds", &body).await
    }

    /// Tiki's backend looks a transaction up at the partner.
    pub async fn check(&self, id: &str) -> anyhow::Result<Response> {
        let body = json!({ "tiki_transaction_id": id });
        self.caller
            .post("/tikivip/v1/transactions/query", &body)
            .await
    }

    /// What Tiki knows of an order.
    #[must_use]
    pub fn known(&self, id: &str) -> Option<Order> {
        self.orders.read(|orders| orders.get(id).cloned())
    }

    /// Changes what Tiki knows.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Order)) {
        self.orders.write(|orders| orders.get_mut(id).map(change));
    }

    /// Forgets an order: it is not found any more.
    pub fn forget(&self, id: &str) {
        self.orders.write(|orders| orders.remove(id));
    }

    /// The bodies of the webview requests that were rightly signed.
    #[must_use]
    pub fn webviews(&self) -> Vec<Value> {
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tiki expects GETs to be signed in this way; nothing else is changed on the wire.
    pub fn expect_get_signing(&self, get_signing: GetSigning) {
        *self
            .get_signing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = get_signing;
    }

    /// Tiki's clock runs so far ahead: in its checks of signatures, and in the dates of its answers.
    pub fn set_clock_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    /// Tiki takes up other keys, for its own checks of signatures.
    pub fn expect_keys(&self, keys: Keyring) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(crate) fn router(&self) -> Router {
        let faults = self.faults.clone();
        Router::new()
            .route("/webview", post(webview))
            .route("/payment/ipn", post(ipn))
            .route("/transaction", get(look_up))
            .route(
                "/_sandbox/faults",
                post(async move |switch| faults.switch(switch)),
            )
            .fallback(shop)
            .with_state(self.clone())
            .layer(middleware::from_fn_with_state(self.clone(), dated))
    }

    fn verified(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = now_ms() + self.ahead_ms.load(Ordering::Relaxed);
        verified(&keys, HeaderNames::TIKI, headers, message, now_ms)
    }
}

/// Each answer says what time it is at Tiki.
async fn dated(State(tiki): State<Tiki>, request: Request, next: Next) -> AxumResponse {
    let mut response = next.run(request).await;
    let now_ms = now_ms() + tiki.ahead_ms.load(Ordering::Relaxed);
    let now = UNIX_EPOCH + Duration::from_millis(now_ms.unsigned_abs());
    if let Ok(date) = httpdate::fmt_http_date(now).parse() {
        response.headers_mut().insert("date", date);
    }
    response
}

/// Whether a message is signed as it should be at this time.
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

fn answer(status: StatusCode, body: &Value) -> AxumResponse {
    (status, Json(body.clone())).into_response()
}

fn refusal(code: u8, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

async fn webview(State(tiki): State<Tiki>, headers: HeaderMap, body: Bytes) -> AxumResponse {
    let open = tiki.journal.open("open-webview", "Tiki", "POST webview");
    let mut said = Value::Null;
    let response = tiki.faults.around("webview", async || {
        let (status, body) = opened(&tiki, &headers, &body);
        said.clone_from(&body);
        answer(status, &body)
    });
    let response = response.await;
    open.done(words(&response, &said));
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
        // The second slash is Tiki's own.
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
        note(&tiki, &headers, &message);
    }
    let mut said = Value::Null;
    let response = tiki.faults.around("ipn", async || {
        let (status, body) = if verified {
            (StatusCode::OK, told(&tiki, &message))
        } else {
            (StatusCode::UNAUTHORIZED, refusal(1, "signature"))
        };
        said.clone_from(&body);
        answer(status, &body)
    });
    let response = response.await;
    open.done(words(&response, &said));
    response
}

/// Every IPN that arrives is noted, also one that a fault then swallows.
fn note(tiki: &Tiki, headers: &HeaderMap, message: &Value) {
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

fn told(tiki: &Tiki, message: &Value) -> Value {
    let id = message["reference_transaction_id"]
        .as_str()
        .unwrap_or_default();
    let told = tiki.orders.write(|orders| {
        let order = orders.get_mut(id).ok_or((3, "transaction not found"))?;
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
    match told {
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
    let mut said = Value::Null;
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
        said.clone_from(&body);
        answer(status, &body)
    });
    let response = response.await;
    open.done(words(&response, &said));
    response
}

fn found(tiki: &Tiki, query: &HashMap<String, String>) -> Value {
    let Some(id) = query.get("tiki_transaction_id") else {
        return refusal(1, "invalid request");
    };
    match tiki.known(id) {
        None => refusal(3, "transaction not found"),
        Some(order) if order.cancelled => refusal(6, "transaction cancelled"),
        Some(order) => json!({
            "code": 0,
            "message": "success",
            "tiki_transaction_id": id,
            "status": order.status,
            "amount": order.amount,
        }),
    }
}

/// The shop, its result screen included. Tiki's own URLs have a slash too many, which routes would not take.
async fn shop(State(tiki): State<Tiki>, uri: Uri) -> AxumResponse {
    if uri.path().contains("/apps/") {
        tiki.journal
            .open("customer", "Tiki", "GET result screen")
            .done("200, shown");
        Html(include_str!("pages/shop.html")).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
