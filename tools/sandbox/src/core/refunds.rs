//! Refunds: each is paid once, and all of a payment together are never more than was paid.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Core, CoreState, Refund, money};
use crate::faults::words;
use crate::magic::{self, AtTheRefund};

/// How long the answer about a refund may be on its way to the functions.
pub(super) const ANSWER_ON_ITS_WAY_MS: i64 = 60_000;

/// How long a refund of a special amount is pending.
const PENDING_MS: i64 = 30_000;

/// What a refund's message says.
struct Asked<'m> {
    id: &'m str,
    transaction_id: &'m str,
    amount: u64,
    so_far: u64,
}

/// Why the core does not answer about a refund.
enum Conflict {
    /// The id is that of another refund.
    OtherContent,
    /// More is back than the functions know of.
    MoreIsBack,
}

pub(super) async fn refund(State(core): State<Core>, headers: HeaderMap, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = format!(
        "refund {}",
        money(message["amount"].as_u64().unwrap_or_default())
    );
    let open = core.journal.open("functions", "core", what);
    let mut answer = Value::Null;
    let response = core.faults.around("refund", async || {
        if core.verified(&headers, &body) {
            core.book_recorded(message["transaction_id"].as_str().unwrap_or_default())
                .await;
        }
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
    let refused = |status, message: &str| (status, json!({ "message": message }));
    if !core.verified(headers, body) {
        return refused(StatusCode::UNAUTHORIZED, "signature");
    }
    let Some(asked) = Asked::read(message) else {
        let what = "refund_id, transaction_id, amount and refunded_so_far";
        return refused(StatusCode::BAD_REQUEST, what);
    };
    let key = headers.get("idempotency-key");
    if key.and_then(|key| key.to_str().ok()) != Some(asked.id) {
        return refused(StatusCode::BAD_REQUEST, "Idempotency-Key");
    }
    let now_ms = core.now_ms();
    match core.state.write(|state| state.refund(&asked, now_ms)) {
        Ok(refund) => (StatusCode::OK, refund_json(asked.id, &refund)),
        Err(Conflict::OtherContent) => {
            let what = "refund_id was used before with other content";
            refused(StatusCode::CONFLICT, what)
        }
        Err(Conflict::MoreIsBack) => {
            let what = "more is back than refunded_so_far says";
            refused(StatusCode::CONFLICT, what)
        }
    }
}

/// The answer about a refund names it and its amount.
pub(super) fn refund_json(id: &str, refund: &Refund) -> Value {
    json!({ "refund_id": id, "amount": refund.amount, "status": refund.status })
}

impl<'m> Asked<'m> {
    fn read(message: &'m Value) -> Option<Self> {
        let id = |name: &str| message[name].as_str().filter(|id| !id.trim().is_empty());
        Some(Self {
            id: id("refund_id")?,
            transaction_id: id("transaction_id")?,
            amount: message["amount"].as_u64().filter(|amount| *amount > 0)?,
            so_far: message["refunded_so_far"].as_u64()?,
        })
    }
}

impl CoreState {
    /// A refund as it is now: one of a special amount is pending only for a while.
    pub(super) fn refund_now(&mut self, id: &str, now_ms: i64) -> Option<Refund> {
        let refund = self.refunds.get_mut(id)?;
        let is_over = now_ms - refund.at_ms >= PENDING_MS;
        let is_special = magic::at_the_refund(refund.amount) == Some(AtTheRefund::Pending);
        if refund.status == "pending" && is_special && is_over {
            "succeeded".clone_into(&mut refund.status);
            let Refund {
                transaction_id,
                amount,
                ..
            } = refund.clone();
            self.book_refund(id, &transaction_id, amount, now_ms);
        }
        self.refunds.get(id).cloned()
    }

    /// The refund as it is after this request. Requests that come at once are dealt with one after the other.
    fn refund(&mut self, asked: &Asked<'_>, now_ms: i64) -> Result<Refund, Conflict> {
        if let Some(known) = self.refunds.get_mut(asked.id) {
            let same = (known.amount, known.transaction_id.as_str());
            if same != (asked.amount, asked.transaction_id) {
                return Err(Conflict::OtherContent);
            }
            known.posted += 1;
            let known = known.clone();
            return Ok(self.refund_now(asked.id, now_ms).unwrap_or(known));
        }
        // More is back than the functions know of, and not just now: their records are older than these, and the money
        // may be back already. No final answer, because the next answer may bring them up to date.
        let before = now_ms - ANSWER_ON_ITS_WAY_MS;
        let is_back = |refund: &Refund| refund.status == "succeeded" && refund.at_ms < before;
        if self.others(asked, is_back) > asked.so_far {
            return Err(Conflict::MoreIsBack);
        }
        let status = match magic::at_the_refund(asked.amount) {
            _ if !self.fits(asked) => "rejected",
            Some(AtTheRefund::Rejected) => "rejected",
            Some(AtTheRefund::Pending) => "pending",
            None => "succeeded",
        };
        let refund = Refund {
            transaction_id: asked.transaction_id.to_owned(),
            amount: asked.amount,
            refunded_so_far: asked.so_far,
            at_ms: now_ms,
            status: status.to_owned(),
            posted: 1,
        };
        self.refunds.insert(asked.id.to_owned(), refund.clone());
        if refund.status == "succeeded" {
            self.book_refund(asked.id, asked.transaction_id, asked.amount, now_ms);
        }
        Ok(refund)
    }

    /// Whether the payment was made, and so much of it is left. What is not decided yet may still go back.
    fn fits(&self, asked: &Asked<'_>) -> bool {
        let payment = self.payments.get(asked.transaction_id);
        let paid = payment.filter(|payment| payment.status == "paid");
        let paid = paid.map_or(0, |payment| payment.amount);
        let holds = |refund: &Refund| refund.status != "rejected";
        self.others(asked, holds).saturating_add(asked.amount) <= paid
    }

    /// The sum of other refunds of the transaction, in VND.
    fn others(&self, asked: &Asked<'_>, counts: impl Fn(&Refund) -> bool) -> u64 {
        let others = self.refunds.iter().filter(|(id, refund)| {
            *id != asked.id && refund.transaction_id == asked.transaction_id && counts(refund)
        });
        others.map(|(_, refund)| refund.amount).sum()
    }
}
