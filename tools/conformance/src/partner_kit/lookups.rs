//! The cases of the look-up, by POST and by GET.

use futures::FutureExt;
use serde_json::{Value, json};

use super::bench::{Created, expect, new_id};
use super::creates::spoil;
use super::{PartnerKit, Play};
use crate::call::{Answer, Call, Request};
use crate::cases::TestCase;
use crate::clock::read_time;
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const PLAYS: &[(&str, Play)] = &[
    ("TC-38", |kit, case| wrong(kit, case).boxed()),
    ("TC-40", |kit, case| {
        found(kit, case, |p| json!({ "tiki_transaction_id": p.tiki_id })).boxed()
    }),
    ("TC-41", |kit, case| {
        found(kit, case, |p| json!({ "transaction_id": p.id })).boxed()
    }),
    ("TC-42", |kit, case| {
        found(
            kit,
            case,
            |p| json!({ "tiki_transaction_id": p.tiki_id, "transaction_id": p.id }),
        )
        .boxed()
    }),
    ("TC-43", |kit, case| {
        other(kit, case, || json!({ "tiki_transaction_id": new_id() })).boxed()
    }),
    ("TC-44", |kit, case| other(kit, case, || json!({})).boxed()),
    ("TC-45", |kit, case| {
        refused(kit, case, |body| {
            body["tiki_transaction_id"] = json!(new_id());
        })
        .boxed()
    }),
    ("TC-46", |kit, case| {
        refused(kit, case, |body| body["request_id"] = json!("x")).boxed()
    }),
    ("TC-47", |kit, case| {
        get(kit, case, |_, path| path.to_owned()).boxed()
    }),
    ("TC-48", |kit, case| {
        get(kit, case, |kit, path| format!("{}{path}", kit.base_path())).boxed()
    }),
    ("TC-49", |kit, case| {
        get_refused(kit, case, &["/transactions?tiki_transaction_id=another"]).boxed()
    }),
    ("TC-50", |kit, case| {
        get_refused(kit, case, &["", "{}"]).boxed()
    }),
    ("TC-70", |kit, case| paid(kit, case).boxed()),
    ("TC-73", |kit, case| cancelled(kit, case).boxed()),
    ("TC-75", |kit, case| expired(kit, case).boxed()),
    ("TC-98", |kit, _| async { schema(kit) }.boxed()),
    ("TC-99", |kit, case| {
        async { request_ids(kit, case) }.boxed()
    }),
];

/// The flat answer about a payment.
fn is_about(answer: &Answer, payment: &Created, status: &str) -> Verdict {
    let json = &answer.json;
    let right = json["tiki_transaction_id"] == payment.tiki_id.as_str()
        && json["transaction_id"] == payment.id.as_str()
        && json["amount"] == payment.body["transaction_amount"]
        && json["status"] == status;
    let expected = format!(
        "tiki_transaction_id {}, transaction_id {}, the amount, status {status}",
        payment.tiki_id, payment.id
    );
    ensure(right, expected, || answer.shown())
}

async fn found(kit: &PartnerKit, case: &TestCase, body: fn(&Created) -> Value) -> Verdict {
    let payment = kit.payment().await?;
    let answer = kit.check(&body(payment)).await?;
    expect(case, &answer)?;
    is_about(&answer, payment, "PENDING")
}

async fn other(kit: &PartnerKit, case: &TestCase, body: fn() -> Value) -> Verdict {
    expect(case, &kit.check(&body()).await?)
}

async fn refused(kit: &PartnerKit, case: &TestCase, change: fn(&mut Value)) -> Verdict {
    let mut body = json!({ "transaction_id": kit.payment().await?.id });
    change(&mut body);
    expect(case, &kit.check(&body).await?)
}

async fn wrong(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let body = json!({ "transaction_id": kit.payment().await?.id });
    let call = Request::post("/transactions/query", &body).changed(spoil);
    expect(case, &kit.partner.send(call).await?)
}

async fn path(kit: &PartnerKit) -> Verdict<String> {
    let payment = kit.payment().await?;
    Ok(format!(
        "/transactions?tiki_transaction_id={}",
        payment.tiki_id
    ))
}

async fn get(
    kit: &PartnerKit,
    case: &TestCase,
    signed: fn(&PartnerKit, &str) -> String,
) -> Verdict {
    let path = path(kit).await?;
    let signed = signed(kit, &path);
    let answer = kit.partner.send(Request::get(path).signing(signed)).await?;
    expect(case, &answer)?;
    is_about(&answer, kit.payment().await?, "PENDING")
}

async fn get_refused(kit: &PartnerKit, case: &TestCase, signed: &[&str]) -> Verdict {
    for signed in signed {
        let call = Request::get(path(kit).await?).signing(*signed);
        expect(case, &kit.partner.send(call).await?)?;
    }
    Ok(())
}

async fn paid(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let payment = kit.paid().await?;
    let answer = kit
        .check(&json!({ "tiki_transaction_id": payment.tiki_id }))
        .await?;
    expect(case, &answer)?;
    is_about(&answer, payment, "SUCCESS")?;
    let paid_at = answer.json["paid_at"].as_str().and_then(read_time);
    ensure(paid_at.is_some(), "paid_at by RFC 3339", || answer.shown())
}

async fn cancelled(kit: &PartnerKit, case: &TestCase) -> Verdict {
    failed(kit, case, kit.cancelled().await?).await
}

async fn expired(kit: &PartnerKit, case: &TestCase) -> Verdict {
    failed(kit, case, &kit.expired().await?).await
}

/// A failure, which says of no money that it was taken.
async fn failed(kit: &PartnerKit, case: &TestCase, payment: &Created) -> Verdict {
    let answer = kit
        .check(&json!({ "tiki_transaction_id": payment.tiki_id }))
        .await?;
    expect(case, &answer)?;
    is_about(&answer, payment, "FAILURE")?;
    let paid_at = &answer.json["paid_at"];
    ensure(paid_at.is_null(), "no paid_at", || answer.shown())
}

fn schema(kit: &PartnerKit) -> Verdict {
    let means = |answer: &Answer| answer.json.is_object();
    for call in kit.partner.journal.since(0) {
        if let Some(problem) = kit.schema.problems(&call, means).into_iter().next() {
            return Err(Stop::failed(problem, call.shown()));
        }
    }
    Ok(())
}

/// The firewall of this backend answers these itself, so no function has seen the call, and the answer has no request id.
const OF_THE_FIREWALL: [(u16, &str); 2] = [
    (401, "a header of the signature is missing"),
    (413, "the body is larger than 65536 bytes"),
];

fn is_of_the_firewall(answer: &Answer) -> bool {
    let mut known = OF_THE_FIREWALL.iter();
    known.any(|(status, message)| answer.status == *status && answer.json["message"] == *message)
}

fn request_ids(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let has_none = |call: &&Call| {
        let answer = call.answer.as_ref();
        answer.is_ok_and(|answer| {
            answer.header("x-request-id").is_none() && !is_of_the_firewall(answer)
        })
    };
    let calls = kit.partner.journal.since(0);
    let without = calls.iter().find(has_none);
    ensure(without.is_none(), case.title_en, || {
        without.map(Call::shown).unwrap_or_default()
    })
}
