//! One payment: its state machine as a picture, its refunds, its audit trail, and its calls.

use std::sync::Arc;

use anyhow::{Context, ensure};
use askama::Template;
use serde_json::Value;

use super::Watch;
use super::call::Call;
use crate::core::money;
use crate::principals::Principal;

#[derive(Template)]
#[template(path = "watch-payment.html")]
pub(super) struct PaymentPage {
    /// Without script the page does not load itself again.
    still: bool,
    pub(super) transaction_id: String,
    tiki_id: String,
    amount: String,
    review: Option<String>,
    next_step: Option<String>,
    lanes: Vec<Lane>,
    refunds: Vec<RefundRow>,
    trail: Vec<TrailRow>,
    calls: Vec<Arc<Call>>,
}

/// A part of the state machine: its stages from left to right, each with its states.
struct Lane {
    vietnamese: &'static str,
    english: &'static str,
    stages: Vec<Vec<Node>>,
}

struct Node {
    vietnamese: &'static str,
    word: &'static str,
    is_now: bool,
}

struct RefundRow {
    id: String,
    amount: String,
    origin: String,
    state: String,
}

struct TrailRow {
    at: String,
    actor: String,
    what: String,
    times: String,
}

type States = &'static [&'static [(&'static str, &'static str)]];

/// The states of the payment, as the item's attributes say them.
const PAYMENT: States = &[
    &[("Chờ thanh toán", "PENDING")],
    &[("Đã thanh toán", "SUCCESS"), ("Thất bại", "FAILURE")],
    &[("Đảo giao dịch", "reversed")],
];

/// The states of the notification, as the item has them (docs/architecture.md).
const NOTIFICATION: States = &[
    &[("Chưa có kết quả", "not_due")],
    &[("Chờ gửi", "queued"), ("Gửi lại", "retrying")],
    &[
        ("Tiki đã xác nhận", "confirmed"),
        ("Chờ tiền hoàn về", "reversing"),
        ("Hai bên khác nhau", "disputed"),
        ("Hết lượt gửi", "exhausted"),
        ("Thôi gửi", "abandoned"),
    ],
];

impl PaymentPage {
    /// The page of a payment. An error says that there is no such payment, or why it cannot be read.
    pub(super) async fn read(watch: &Watch, id: &str, still: bool) -> anyhow::Result<Self> {
        // The path is one segment of a route, and `operator` refuses what is no id.
        let is_id = id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let path = format!("/operator/v1/transactions/{id}");
        let gateway = &watch.handles.gateway;
        ensure!(is_id, "this is no id of a payment");
        let answered = gateway.as_person(Principal::HOA, &path).await?;
        let shown = &answered["data"];
        let item = watch.handles.item(id).await?;
        let text = |name: &str| shown[name].as_str().map(str::to_owned);
        let known = text("transaction_id").zip(text("tiki_transaction_id"));
        let (transaction_id, tiki_id) =
            known.with_context(|| format!("operator answers {answered}"))?;
        let calls = watch.calls.newest().into_iter();
        let calls = calls
            .filter(|call| call.is_about(&[id, &tiki_id]))
            .collect();
        Ok(Self {
            still,
            transaction_id,
            tiki_id,
            amount: money(shown["amount_vnd"].as_u64().unwrap_or_default()),
            review: text("needs_review"),
            next_step: text("next_step"),
            lanes: lanes(&item),
            refunds: rows(&shown["refunds"], RefundRow::of),
            trail: rows(&shown["trail"], TrailRow::of),
            calls,
        })
    }
}

fn rows<T>(list: &Value, row: fn(&Value) -> T) -> Vec<T> {
    list.as_array().into_iter().flatten().map(row).collect()
}

fn lanes(item: &Value) -> Vec<Lane> {
    let has = |name: &str| !item[name].is_null();
    let payment = match (has("reversal"), has("failure"), has("payment")) {
        (true, ..) => "reversed",
        (_, true, _) => "FAILURE",
        (_, _, true) => "SUCCESS",
        _ => "PENDING",
    };
    let notification = item["ipn"]["state"].as_str().unwrap_or_default();
    vec![
        Lane {
            vietnamese: "Thanh toán",
            english: "payment",
            stages: stages(PAYMENT, payment),
        },
        Lane {
            vietnamese: "Thông báo kết quả cho Tiki",
            english: "notification (IPN)",
            stages: stages(NOTIFICATION, notification),
        },
    ]
}

fn stages(all: States, now: &str) -> Vec<Vec<Node>> {
    let node = |(vietnamese, word): &(&'static str, &'static str)| Node {
        vietnamese,
        word,
        is_now: *word == now,
    };
    all.iter()
        .map(|stage| stage.iter().map(node).collect())
        .collect()
}

impl RefundRow {
    fn of(refund: &Value) -> Self {
        let text = |name: &str| refund[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("refund_id"),
            amount: money(refund["amount_vnd"].as_u64().unwrap_or_default()),
            origin: text("origin"),
            state: text("state"),
        }
    }
}

impl TrailRow {
    fn of(entry: &Value) -> Self {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let at = text("at");
        Self {
            at: at.get(11..19).unwrap_or(at).to_owned(),
            actor: text("actor").to_owned(),
            what: text("what").to_owned(),
            times: match entry["times"].as_u64() {
                None | Some(0 | 1) => String::new(),
                Some(times) => format!("×{times}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_picture_shows_where_the_payment_is() {
        for (item, now) in [
            (
                json!({ "ipn": { "state": "not_due" } }),
                ["PENDING", "not_due"],
            ),
            (
                json!({ "payment": {}, "ipn": { "state": "confirmed" } }),
                ["SUCCESS", "confirmed"],
            ),
            (
                json!({ "payment": {}, "reversal": {}, "ipn": { "state": "reversing" } }),
                ["reversed", "reversing"],
            ),
            (
                json!({ "failure": {}, "ipn": { "state": "exhausted" } }),
                ["FAILURE", "exhausted"],
            ),
        ] {
            let lanes = lanes(&item);
            let nodes = lanes.iter().flat_map(|lane| lane.stages.iter().flatten());
            let lit = nodes.filter(|node| node.is_now);
            let lit: Vec<_> = lit.map(|node| node.word).collect();
            assert_eq!(lit, now);
        }
    }
}
