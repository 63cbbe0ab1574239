//! The partner's core, played: its payment screen, its refunds, and its reports of results.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Form, OriginalUri, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response as AxumResponse};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Timestamp, Vnd};
use outbound::HeaderNames;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{Keyring, SignatureHeaders, Window};

use crate::books::Books;
use crate::caller::{Caller, Response, now_ms};
use crate::faults::{Faults, words};
use crate::journal::Journal;
use crate::tiki::verified;

/// How often the core reports a result that nobody took, and how long it waits in between.
const REPORTS: u32 = 50;
const REPORT_AGAIN: Duration = Duration::from_millis(200);

/// The partner's core.
#[derive(Clone)]
pub struct Core {
    books: Books<Ledger>,
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
    pub(crate) fn new(caller: Caller, journal: Journal, books: Books<Ledger>) -> Self {
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
            .route("/pay", get(screen).post(decide))
            .route(
                "/_sandbox/faults",
                post(async move |switch| faults.switch(switch)),
            )
            .with_state(self.clone())
    }

    fn verified(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        verified(&keys, HeaderNames::PARTNER, headers, message)
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
    let open = core.journal.open("rail-worker", "core", "GET refund");
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
    let open = core.journal.open("rail-worker", "core", "GET payment");
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

/// What a customer's way to the payment screen says, once its signature is verified.
struct Asked {
    transaction_id: String,
    amount: u64,
    expires_at: Timestamp,
    return_url: String,
}

/// Reads the query that payment-redirect has signed. It is signed like a GET, up to the signature's parts.
fn asked(keys: &Keyring, query: &str) -> Option<Asked> {
    let (signed, rest) = query.split_once("&client_id=")?;
    let pairs = |text: &str| -> HashMap<String, String> {
        url::form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect()
    };
    let (values, signature) = (pairs(signed), pairs(&format!("client_id={rest}")));
    let get = |name: &str| signature.get(name).map(String::as_str);
    let headers = SignatureHeaders {
        timestamp: get("timestamp"),
        client_id: get("client_id"),
        signature: get("signature"),
    };
    // A customer may leave the screen open for as long as the payment lives; its own expiry bounds it.
    let window = Window {
        max_age_ms: Duration::from_hours(25).as_millis().try_into().ok()?,
        ..Window::default()
    };
    let message = format!("/pay?{signed}");
    keys.verify(&headers, message.as_bytes(), now_ms(), window)
        .ok()?;
    let expires_at = values.get("expires_at")?.parse().ok()?;
    Some(Asked {
        transaction_id: values.get("transaction_id")?.clone(),
        amount: values.get("amount")?.parse().ok()?,
        expires_at: Timestamp::from_unix_ms(expires_at).ok()?,
        return_url: values.get("return_url")?.clone(),
    })
}

async fn screen(State(core): State<Core>, OriginalUri(uri): OriginalUri) -> AxumResponse {
    let open = core.journal.open("customer", "core", "GET payment screen");
    let query = uri.query().unwrap_or_default();
    let Some(asked) = asked(&core.caller.keys, query) else {
        open.done("400, the link is not valid");
        let html = include_str!("pages/refused.html");
        return page(StatusCode::BAD_REQUEST, html.to_owned());
    };
    open.done(format!("shown: {}", money(asked.amount)));
    let until = asked.expires_at.to_rfc3339();
    let clock = until.get(11..16).unwrap_or_default();
    let html = include_str!("pages/pay.html")
        .replace("{amount}", &money(asked.amount))
        .replace("{transaction_id}", &escaped(&asked.transaction_id))
        .replace("{until}", clock)
        .replace("{query}", &escaped(query));
    page(StatusCode::OK, html)
}

/// The core's own reference of a payment.
fn reference(transaction_id: &str) -> String {
    format!("FT-{}", transaction_id.get(..8).unwrap_or_default())
}

/// What the customer pressed.
#[derive(Deserialize)]
struct Decision {
    query: String,
    action: String,
}

async fn decide(State(core): State<Core>, Form(decision): Form<Decision>) -> AxumResponse {
    let open = core
        .journal
        .open("customer", "core", format!("presses “{}”", decision.action));
    let Some(asked) = asked(&core.caller.keys, &decision.query) else {
        open.done("400, the link is not valid");
        let html = include_str!("pages/refused.html");
        return page(StatusCode::BAD_REQUEST, html.to_owned());
    };
    let id = asked.transaction_id.clone();
    if now_ms() > asked.expires_at.unix_ms() {
        open.done("too late to pay");
        return page(
            StatusCode::GONE,
            include_str!("pages/refused.html").to_owned(),
        );
    }
    let known = core
        .books
        .read(|books| books.payments.get(&id).map(|p| p.status.clone()));
    let pays = decision.action == "pay";
    if known.is_none() {
        core.set_payment(&id, asked.amount, if pays { "paid" } else { "failed" });
    }
    // What was decided first stands: a customer who goes back and presses the other button changes nothing.
    let report = if known.map_or(pays, |status| status == "paid") {
        json!({
            "transaction_id": id,
            "status": "SUCCESS",
            "amount": asked.amount,
            "partner_banking_method": "ACCOUNT",
            "rail_reference": reference(&id),
        })
    } else {
        json!({ "transaction_id": id, "status": "FAILURE", "reason": "cancelled by the customer" })
    };
    // In a task of its own: a customer who closes the window does not stop the report.
    let reporting = tokio::spawn(async move { core.report_until_taken(&id, &report).await });
    let taken = reporting.await.unwrap_or(false);
    open.done(if taken {
        "reported, back to Tiki"
    } else {
        "not taken by payment-result"
    });
    Redirect::to(&asked.return_url).into_response()
}

/// A page that loads nothing, sends its form only here, and whose redirect may lead to Tiki.
fn page(status: StatusCode, html: String) -> AxumResponse {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    let csp =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert("content-security-policy", HeaderValue::from_static(csp));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn money(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| vnd.to_string(), Vnd::grouped)
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
