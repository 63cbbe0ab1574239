//! The questions of core-worker: what became of a refund, and of a payment.

use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response as AxumResponse};
use serde_json::{Value, json};

use super::{Core, CoreState, Payment, reference, refunds, statement};
use crate::faults::words;

pub(super) async fn refund(
    State(core): State<Core>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> AxumResponse {
    let known = || {
        core.state
            .write(|state| state.refund_now(&id, core.now_ms()))
    };
    let says = || known().map(|refund| refunds::refund_json(&id, &refund));
    look_up(
        &core,
        ("find_refund", "GET refund"),
        (&uri, &headers),
        || found(says(), "refund_id", &id),
    )
    .await
}

pub(super) async fn payment(
    State(core): State<Core>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> AxumResponse {
    let says = || {
        core.state
            .read(|state| state.payment_json(&id, core.now_ms()))
    };
    look_up(&core, ("payment", "GET payment"), (&uri, &headers), || {
        found(says(), "transaction_id", &id)
    })
    .await
}

/// A question of core-worker, by its name among the faults and its name in the journal. Path and query are signed, as they
/// came.
async fn look_up(
    core: &Core,
    (call, title): (&'static str, &'static str),
    (uri, headers): (&Uri, &HeaderMap),
    found: impl Fn() -> (StatusCode, Value),
) -> AxumResponse {
    let open = core.journal.open("core-worker", "core", title);
    let signed = uri.path_and_query().map_or("", PathAndQuery::as_str);
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

impl CoreState {
    /// What is known about a payment. One whose form was shown can be paid until its `expires_at`.
    fn payment_json(&self, id: &str, now_ms: i64) -> Option<Value> {
        if let Some(payment) = self.payments.get(id) {
            return Some(payment_json(id, payment));
        }
        let is_open = now_ms <= *self.opened.get(id)?;
        let status = if is_open { "pending" } else { "not_paid" };
        Some(json!({ "transaction_id": id, "status": status }))
    }
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
