//! The API that the core calls: the details of a payment, and the payment result.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring, SignatureHeaders, Window};

use super::bench::Payment;
use crate::clock;
use crate::clock::{now_ms, rfc3339};

/// The API, and what it got.
#[derive(Clone)]
pub(super) struct PartnerApi {
    keys: Keyring,
    /// An answer that comes too late comes after so long.
    too_late: Duration,
    got: Arc<Mutex<Got>>,
}

/// How a call is answered that is not answered as it should be. A stack, and what stands before it, can do all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error of the server.
    Status(StatusCode),
    /// HTTP 200 with a page: a proxy's.
    Page,
    /// HTTP 200 with JSON that has no `code`.
    NoCode,
    /// The connection breaks within the answer.
    BreaksOff,
    /// The right answer, too late.
    TooLate,
    /// HTTP 200 with a code that refuses. A repeat does not change it.
    Code(u8),
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
    /// How its first results are answered.
    result_faults: VecDeque<Fault>,
    /// How each question about it is answered.
    details_fault: Option<Fault>,
    status: &'static str,
    description: &'static str,
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
    /// The answer is HTTP 200 with a `code`: the core needs not send it again.
    pub(super) is_accepted: bool,
}

impl PartnerApi {
    pub(super) fn new(keys: Keyring, too_late: Duration) -> Self {
        Self {
            keys,
            too_late,
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

    /// Knows a payment from now on. Its first results are answered with these faults.
    pub(super) fn add(&self, payment: &Payment, faults: &[Fault]) {
        let known = Known {
            payment: payment.clone(),
            result_faults: faults.iter().copied().collect(),
            details_fault: None,
            status: "PENDING",
            description: "Đơn hàng thử nghiệm",
        };
        self.lock().payments.insert(payment.id.clone(), known);
    }

    /// The payment has this status, whatever the core knows of it.
    pub(super) fn close(&self, payment: &Payment, status: &'static str) {
        self.change(payment, |known| known.status = status);
    }

    /// The order has this description.
    pub(super) fn describe(&self, payment: &Payment, description: &'static str) {
        self.change(payment, |known| known.description = description);
    }

    /// Each question about the payment is answered with this fault.
    pub(super) fn hide(&self, payment: &Payment, fault: Fault) {
        self.change(payment, |known| known.details_fault = Some(fault));
    }

    /// The payments that a customer has decided, each with the result that was accepted.
    pub(super) fn decided(&self) -> Vec<(Payment, Received)> {
        let got = self.lock();
        let accepted = got.results.iter().filter(|result| result.is_accepted);
        let mut decided: Vec<(Payment, Received)> = Vec::new();
        for result in accepted {
            let is_new = decided.iter().all(|(payment, _)| payment.id != result.id);
            if let Some(known) = got.payments.get(&result.id).filter(|_| is_new) {
                decided.push((known.payment.clone(), result.clone()));
            }
        }
        decided
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

    /// Whether no call came at all.
    pub(super) fn got_nothing(&self) -> bool {
        let got = self.lock();
        got.results.is_empty() && got.details.is_empty() && got.strays.is_empty()
    }

    /// Whether a result of a transaction was accepted.
    pub(super) fn has_accepted(&self, id: &str) -> bool {
        let results = self.results(id);
        results.iter().any(|result| result.is_accepted)
    }

    /// Waits until a result of a transaction came, however it was answered.
    pub(super) async fn has_result(&self, id: &str, limit: Duration) {
        let began = Instant::now();
        while self.results(id).is_empty() && began.elapsed() < limit {
            clock::wait(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a result of a transaction was accepted, and returns it.
    pub(super) async fn accepted(&self, id: &str, limit: Duration) -> Option<Received> {
        let began = Instant::now();
        loop {
            let mut results = self.results(id).into_iter();
            if let Some(accepted) = results.find(|result| result.is_accepted) {
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
            is_accepted: false,
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

impl Fault {
    /// The status and the body of the answer.
    fn answer(self, right: impl FnOnce() -> (StatusCode, Value)) -> (StatusCode, Value) {
        match self {
            Self::Status(status) => refused(status, 2, "system error, safe to repeat"),
            Self::Page | Self::BreaksOff => (StatusCode::OK, Value::Null),
            Self::NoCode => (StatusCode::OK, json!({ "message": "success" })),
            Self::TooLate => right(),
            Self::Code(code) => refused(StatusCode::OK, code, "the result is refused"),
        }
    }
}

impl PartnerApi {
    async fn respond(&self, fault: Option<Fault>, (status, body): (StatusCode, Value)) -> Response {
        match fault {
            Some(Fault::Page) => Html("<!doctype html><title>Proxy</title>").into_response(),
            Some(Fault::BreaksOff) => {
                let start = Ok(Bytes::from_static(b"{\"code\":0,"));
                let broken = stream::iter([start, Err(io::Error::other("broken off"))]);
                let length = [(header::CONTENT_LENGTH, "100")];
                (length, Body::from_stream(broken)).into_response()
            }
            Some(Fault::TooLate) => {
                clock::wait(self.too_late).await;
                (status, Json(body)).into_response()
            }
            _ => (status, Json(body)).into_response(),
        }
    }
}

async fn details(
    State(api): State<PartnerApi>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let received = api.received(&id, &headers, path.as_bytes(), b"");
    let (fault, answer) = api.answer_details(received);
    api.respond(fault, answer).await
}

impl PartnerApi {
    fn answer_details(&self, mut received: Received) -> (Option<Fault>, (StatusCode, Value)) {
        let mut got = self.lock();
        let mut fault = None;
        let answer = match (&received.signature, got.payments.get(&received.id)) {
            (Err(refusal), _) => refused(StatusCode::UNAUTHORIZED, 97, refusal),
            (Ok(()), None) => refused(StatusCode::OK, 3, "transaction not found"),
            (Ok(()), Some(known)) => {
                fault = known.details_fault;
                let right = || done(&shown(known));
                fault.map_or_else(right, |fault| fault.answer(right))
            }
        };
        received.answered = answer.0.as_u16();
        got.details.push(received);
        (fault, answer)
    }

    fn answer_result(&self, mut received: Received) -> (Option<Fault>, (StatusCode, Value)) {
        let mut got = self.lock();
        let mut fault = None;
        let answer = match (&received.signature, got.payments.get_mut(&received.id)) {
            (Err(refusal), _) => refused(StatusCode::UNAUTHORIZED, 97, refusal),
            (Ok(()), None) => refused(StatusCode::OK, 3, "transaction not found"),
            (Ok(()), Some(known)) => {
                fault = known.result_faults.pop_front();
                let mut right = || record(known, &received.body);
                match fault {
                    Some(fault) => fault.answer(right),
                    None => right(),
                }
            }
        };
        received.answered = answer.0.as_u16();
        received.is_accepted = answer.0 == StatusCode::OK && answer.1["code"].is_u64();
        got.results.push(received);
        (fault, answer)
    }
}

/// Records a result, as our API does.
fn record(known: &mut Known, result: &Value) -> (StatusCode, Value) {
    let paid = result["status"] == "SUCCESS";
    known.status = if paid { "SUCCESS" } else { "FAILURE" };
    done(&json!({
        "transaction_id": known.payment.id,
        "tiki_transaction_id": known.payment.tiki_id,
        "transaction_amount": known.payment.amount,
        "status": known.status,
    }))
}

fn shown(known: &Known) -> Value {
    let Known {
        payment,
        status,
        description,
        ..
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
        "description": description,
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
    let received = api.received(&id, &headers, &body, &body);
    let (fault, answer) = api.answer_result(received);
    api.respond(fault, answer).await
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
