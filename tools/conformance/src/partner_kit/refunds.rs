//! The cases of the refund.

use futures::FutureExt;
use futures::future::join;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::{Created, expect, names, new_id};
use super::creates::spoil;
use super::{PartnerKit, Play};
use crate::call::{Answer, Request};
use crate::cases::TestCase;
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const PLAYS: &[(&str, Play)] = &[
    ("TC-39", |kit, case| wrong(kit, case).boxed()),
    ("TC-60", |kit, case| refused(kit, case, "", |_| {}).boxed()),
    ("TC-61", |kit, case| unknown(kit, case).boxed()),
    ("TC-62", |kit, case| {
        refused(kit, case, "", |b| {
            b["tiki_transaction_id"] = json!(new_id());
        })
        .boxed()
    }),
    ("TC-63", |kit, case| {
        refused(kit, case, "request_id", |b| b["request_id"] = Value::Null).boxed()
    }),
    ("TC-64", |kit, case| {
        refused(kit, case, "reason", |b| b["reason"] = Value::Null).boxed()
    }),
    ("TC-65", |kit, case| {
        refused(kit, case, "transaction_amount", |b| {
            b["transaction_amount"] = json!("1.000");
        })
        .boxed()
    }),
    ("TC-66", |kit, case| {
        refused(kit, case, "reference_transaction_id", |b| {
            b["reference_transaction_id"] = json!("x");
        })
        .boxed()
    }),
    ("TC-74", |kit, case| of_cancelled(kit, case).boxed()),
    ("TC-80", |kit, case| part(kit, case).boxed()),
    ("TC-81", |kit, case| repeat(kit, case).boxed()),
    ("TC-82", |kit, case| reused(kit, case).boxed()),
    ("TC-83", |kit, case| more(kit, case).boxed()),
    ("TC-84", |kit, case| two_amounts(kit, case).boxed()),
    ("TC-85", |kit, case| rest(kit, case).boxed()),
    ("TC-86", |kit, case| after_all(kit, case).boxed()),
    ("TC-87", |kit, case| shown(kit, case).boxed()),
    ("TC-88", |kit, case| first_again(kit, case).boxed()),
    ("TC-89", |kit, case| at_once(kit, case).boxed()),
];

/// The partial refund that the later cases are about.
pub(super) struct Refunded {
    body: Value,
    answer: Answer,
}

/// A refund of a payment, with a new `request_id`.
fn refund(payment: &Created, amount: u64) -> Value {
    json!({
        "tiki_transaction_id": payment.tiki_id,
        "transaction_id": payment.id,
        "transaction_amount": amount,
        "reason": "Khách hủy một phần đơn",
        "request_id": format!("kit-{}", Uuid::new_v4()),
    })
}

async fn send(kit: &PartnerKit, body: &Value) -> Verdict<Answer> {
    kit.partner.send(Request::post("/refunds", body)).await
}

async fn wrong(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let body = refund(kit.payment().await?, 1_000);
    let call = Request::post("/refunds", &body).changed(spoil);
    expect(case, &kit.partner.send(call).await?)
}

async fn refused(
    kit: &PartnerKit,
    case: &TestCase,
    field: &str,
    change: fn(&mut Value),
) -> Verdict {
    let mut body = refund(kit.payment().await?, 1_000);
    change(&mut body);
    let answer = send(kit, &body).await?;
    expect(case, &answer)?;
    names(&answer, field)
}

async fn unknown(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let body = json!({
        "tiki_transaction_id": new_id(),
        "transaction_id": Uuid::new_v4().to_string(),
        "transaction_amount": 1_000,
        "reason": "Khách hủy đơn",
        "request_id": format!("kit-{}", Uuid::new_v4()),
    });
    expect(case, &send(kit, &body).await?)
}

/// 40 % of the paid payment, once.
async fn refunded(kit: &PartnerKit) -> Verdict<&Refunded> {
    let post = async || {
        let body = refund(kit.paid_payment().await?, kit.options.amount / 10 * 4);
        let answer = send(kit, &body).await?;
        Ok(Refunded { body, answer })
    };
    let refunded = kit.refunded.get_or_init(post).await;
    refunded.as_ref().map_err(Clone::clone)
}

/// The same for a case that needs it to have succeeded.
async fn after_part(kit: &PartnerKit) -> Verdict<&Refunded> {
    let refunded = refunded(kit).await?;
    if refunded.answer.code() == Some(0) {
        return Ok(refunded);
    }
    Err(Stop::skipped("no part of a payment went back (TC-80)"))
}

fn balance(answer: &Answer, refunded: u64, remaining: u64) -> Verdict {
    let data = &answer.json["data"];
    let right = data["refunded_amount"] == refunded && data["remaining_amount"] == remaining;
    let expected = format!("refunded_amount {refunded}, remaining_amount {remaining}");
    ensure(right, expected, || answer.shown())
}

async fn part(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let refunded = refunded(kit).await?;
    expect(case, &refunded.answer)?;
    let (amount, part) = (kit.options.amount, kit.options.amount / 10 * 4);
    let data = &refunded.answer.json["data"];
    let named = data["request_id"] == refunded.body["request_id"] && data["refund_amount"] == part;
    ensure(
        named,
        "request_id and refund_amount as they were sent",
        || refunded.answer.shown(),
    )?;
    balance(&refunded.answer, part, amount - part)
}

async fn repeat(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let refunded = after_part(kit).await?;
    let again = send(kit, &refunded.body).await?;
    expect(case, &again)?;
    let expected = format!("the same answer again: {}", refunded.answer.shown());
    ensure(again.json == refunded.answer.json, expected, || {
        again.shown()
    })
}

async fn reused(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let mut body = after_part(kit).await?.body.clone();
    body["transaction_amount"] = json!(1_000);
    expect(case, &send(kit, &body).await?)
}

async fn more(kit: &PartnerKit, case: &TestCase) -> Verdict {
    after_part(kit).await?;
    let body = refund(kit.paid_payment().await?, kit.options.amount / 10 * 7);
    expect(case, &send(kit, &body).await?)
}

async fn two_amounts(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let mut body = refund(kit.paid_payment().await?, 1_000);
    body["request_amount"] = json!(2_000);
    let answer = send(kit, &body).await?;
    expect(case, &answer)?;
    names(&answer, "request_amount")
}

/// What remains of the paid payment, once.
async fn rest_back(kit: &PartnerKit) -> Verdict<&Answer> {
    let post = async || {
        after_part(kit).await?;
        let rest = kit.options.amount - kit.options.amount / 10 * 4;
        send(kit, &refund(kit.paid_payment().await?, rest)).await
    };
    let answer = kit.rest.get_or_init(post).await;
    answer.as_ref().map_err(Clone::clone)
}

/// The same for a case that needs it to have succeeded.
async fn after_rest(kit: &PartnerKit) -> Verdict {
    if rest_back(kit).await?.code() == Some(0) {
        return Ok(());
    }
    Err(Stop::skipped(
        "the rest of the payment did not go back (TC-85)",
    ))
}

async fn rest(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let answer = rest_back(kit).await?;
    expect(case, answer)?;
    balance(answer, kit.options.amount, 0)
}

async fn after_all(kit: &PartnerKit, case: &TestCase) -> Verdict {
    after_rest(kit).await?;
    let body = refund(kit.paid_payment().await?, 1_000);
    expect(case, &send(kit, &body).await?)
}

async fn shown(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let refunded = after_part(kit).await?;
    after_rest(kit).await?;
    let payment = kit.paid_payment().await?;
    let answer = kit
        .check(&json!({ "tiki_transaction_id": payment.tiki_id }))
        .await?;
    expect(case, &answer)?;
    let refunds = answer.json["refunds"].as_array();
    let first = refunds.and_then(|refunds| refunds.first());
    let named = first.is_some_and(|first| first["request_id"] == refunded.body["request_id"]);
    let all = answer.json["refunded_amount"] == kit.options.amount;
    let expected = "the whole amount as refunded_amount, and each refund by its request_id";
    ensure(named && all, expected, || answer.shown())
}

async fn of_cancelled(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let cancelled = kit.cancelled().await.map_err(|stop| match stop {
        Stop::Failed { found, .. } => Stop::skipped(format!("no payment was cancelled: {found}")),
        Stop::Skipped(why) => Stop::Skipped(why),
    })?;
    expect(case, &send(kit, &refund(cancelled, 1_000)).await?)
}

/// A side that remembers the last `request_id` only pays this one again.
async fn first_again(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let first = after_part(kit).await?;
    after_rest(kit).await?;
    let again = send(kit, &first.body).await?;
    expect(case, &again)?;
    let expected = format!("the first answer again: {}", first.answer.shown());
    ensure(again.json == first.answer.json, expected, || again.shown())
}

/// Either answer may be "in progress". Afterwards the look-up has one refund.
async fn at_once(kit: &PartnerKit, case: &TestCase) -> Verdict {
    const IN_PROGRESS: i64 = 12;
    let payment = kit.another_paid().await?;
    let part = kit.options.amount / 10 * 3;
    let body = refund(&payment, part);
    let (one, two) = join(send(kit, &body), send(kit, &body)).await;
    for answer in [one?, two?] {
        if answer.code() != Some(IN_PROGRESS) {
            expect(case, &answer)?;
        }
    }
    expect(case, &send(kit, &body).await?)?;
    let checked = kit
        .check(&json!({ "tiki_transaction_id": payment.tiki_id }))
        .await?;
    let refunds = checked.json["refunds"].as_array().map_or(0, Vec::len);
    let is_one = checked.json["refunded_amount"] == part && refunds == 1;
    let expected = format!("one refund, and refunded_amount {part}");
    ensure(is_one, expected, || checked.shown())
}
