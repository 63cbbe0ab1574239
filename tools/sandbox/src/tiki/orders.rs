//! The orders of the played Tiki, as a person or a collection places and changes them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as AxumResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Tiki;
use super::api::answer;
use crate::body::JsonBody;

/// The amount of an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Amount {
    amount: u64,
}

/// An order, and what else Tiki's create call says. A field can have any value, so that a refusal can be seen, too.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    #[serde(skip_serializing)]
    amount: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identify_code: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_code: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Value>,
}

/// `POST /_sandbox/orders`: `{"amount": 150000}`, or with more fields of the create call. A buyer orders for this amount,
/// and Tiki creates the payment at the partner. If the partner refuses, its answer is in the message, and the order stays
/// unpaid.
pub(super) async fn place(
    State(tiki): State<Tiki>,
    JsonBody(order): JsonBody<NewOrder>,
) -> AxumResponse {
    match tiki.place(order.amount, json!(order)).await {
        Ok(created) => answer(
            StatusCode::OK,
            &json!({
                "tiki_transaction_id": created.tiki_id,
                "transaction_id": created.transaction_id,
                "payment_url": created.payment_url,
                "amount": order.amount,
            }),
        ),
        Err(why) => answer(StatusCode::BAD_GATEWAY, &json!({ "message": why })),
    }
}

/// An order whose payment the partner has created.
pub(crate) struct Created {
    pub(crate) tiki_id: String,
    pub(crate) transaction_id: String,
    pub(crate) payment_url: String,
}

impl Tiki {
    /// Orders for this amount, and creates the payment at the partner, with more fields of the create call. The error is in
    /// words: the partner refuses it, or does not answer.
    pub(crate) async fn place(&self, amount: u64, more: Value) -> Result<Created, String> {
        let id = self.order(amount);
        let created = self.create_with(&id, more).await;
        let created = created.map_err(|error| format!("the partner does not answer: {error:#}"))?;
        let text = |name: &str| created.json["data"][name].as_str().map(str::to_owned);
        match (created.code(), text("transaction_id"), text("payment_url")) {
            (Some(0), Some(transaction_id), Some(payment_url)) => Ok(Created {
                tiki_id: id,
                transaction_id,
                payment_url,
            }),
            _ => Err(format!(
                "the partner answered {}: {}",
                created.status, created.text
            )),
        }
    }
}

/// `PUT /_sandbox/orders/{id}`: `{"amount": 150000}`. Tiki has an unpaid order with this id, and the partner does not know
/// of it yet. The collections create its payment themselves.
pub(super) async fn add(
    State(tiki): State<Tiki>,
    Path(id): Path<String>,
    JsonBody(order): JsonBody<Amount>,
) -> StatusCode {
    tiki.add_order(&id, order.amount);
    StatusCode::NO_CONTENT
}

/// The fields of an order that a person may change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    status: Option<Status>,
    amount: Option<u64>,
    cancelled: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Pending,
    Success,
    Failure,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

/// `POST /_sandbox/orders/{id}`: `{"status": "FAILURE", "amount": 5000, "cancelled": true}`, or some of these.
pub(super) async fn change(
    State(tiki): State<Tiki>,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<Change>,
) -> AxumResponse {
    let changed = tiki.orders.write(|orders| {
        let order = orders.get_mut(&id)?;
        if let Some(status) = change.status {
            status.as_str().clone_into(&mut order.status);
        }
        order.amount = change.amount.unwrap_or(order.amount);
        order.cancelled = change.cancelled.unwrap_or(order.cancelled);
        Some(())
    });
    match changed {
        Some(()) => StatusCode::NO_CONTENT.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
