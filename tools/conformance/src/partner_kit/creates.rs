//! The cases of the create call, of its signature, and of the payment link.

use futures::FutureExt;
use futures::future::join;
use serde_json::{Value, json};

use super::bench::{expect, names, new_id};
use super::{PartnerKit, Play};
use crate::browser;
use crate::call::{Request, SignatureHeaders};
use crate::cases::TestCase;
use crate::clock::read_time;
use crate::verdict::{Verdict, ensure};

const MINUTE_MS: i64 = 60_000;
/// So long as no message of the protocol is.
const TOO_LARGE_BYTES: usize = 65 * 1024;

pub(super) const PLAYS: &[(&str, Play)] = &[
    ("TC-01", |kit, case| created(kit, case).boxed()),
    ("TC-02", |kit, case| repeated(kit, case).boxed()),
    ("TC-03", |kit, case| at_once(kit, case).boxed()),
    ("TC-04", |kit, case| other_amount(kit, case).boxed()),
    ("TC-05", |kit, case| {
        kit.create(case, |b| b["transaction_amount"] = digits(b))
    }),
    ("TC-06", |kit, case| {
        kit.create(case, |b| b["transaction_amount"] = json!("100.000"))
    }),
    ("TC-07", |kit, case| {
        kit.create(case, |b| b["transaction_amount"] = json!(0))
    }),
    ("TC-08", |kit, case| {
        kit.create(case, |b| b["transaction_amount"] = json!(-100_000))
    }),
    ("TC-09", |kit, case| {
        kit.create(case, |b| b["transaction_amount"] = json!(100_000.5))
    }),
    ("TC-10", |kit, case| {
        kit.create(case, |b| b["transaction_amount"] = json!(1))
    }),
    ("TC-11", |kit, case| {
        kit.create(case, |b| {
            b["transaction_amount"] = json!(9_000_000_000_000_u64);
        })
    }),
    ("TC-12", |kit, case| {
        without(kit, case, "tiki_transaction_id").boxed()
    }),
    ("TC-13", |kit, case| {
        without(kit, case, "transaction_amount").boxed()
    }),
    ("TC-14", |kit, case| {
        kit.create_naming(case, "tiki_transaction_id", |b| {
            b["tiki_transaction_id"] = json!("mã giao dịch");
        })
    }),
    ("TC-15", |kit, case| {
        kit.create_naming(case, "transaction_amount", |b| {
            b["transaction_amount"] = json!(true);
        })
    }),
    ("TC-16", |kit, case| {
        kit.create_naming(case, "reference_transaction_id", |b| {
            b["reference_transaction_id"] = json!("x");
        })
    }),
    ("TC-17", |kit, case| {
        kit.create(case, |b| b["x_new"] = json!({ "any": ["thing", 1] }))
    }),
    ("TC-18", |kit, case| {
        kit.create(case, |b| {
            b["order_code"] = json!("");
            b["description"] = Value::Null;
        })
    }),
    ("TC-19", |kit, case| shortest(kit, case).boxed()),
    ("TC-20", |kit, case| {
        kit.create_naming(case, "expires_in", |b| b["expires_in"] = json!(299))
    }),
    ("TC-21", |kit, case| {
        kit.create_naming(case, "expires_in", |b| b["expires_in"] = json!(86_401))
    }),
    ("TC-22", |kit, case| {
        kit.create(case, |b| b["description"] = json!("ơ".repeat(255)))
    }),
    ("TC-23", |kit, case| {
        kit.create_naming(case, "description", |b| {
            b["description"] = json!("ơ".repeat(256));
        })
    }),
    ("TC-24", |kit, case| {
        bytes(kit, case, b"{\"tiki_transaction_id\":".to_vec()).boxed()
    }),
    ("TC-25", |kit, case| twice(kit, case).boxed()),
    ("TC-26", |kit, case| too_large(kit, case).boxed()),
    ("TC-30", |kit, case| missing(kit, case).boxed()),
    ("TC-31", |kit, case| {
        kit.signed(case, |call| call.changed(spoil))
    }),
    ("TC-32", |kit, case| other_body(kit, case).boxed()),
    ("TC-33", |kit, case| {
        kit.signed(case, |call| {
            call.changed(|h| h.signature = Some("z".repeat(64)))
        })
    }),
    ("TC-34", |kit, case| {
        kit.signed(case, |call| call.client_id("another-client"))
    }),
    ("TC-35", |kit, case| {
        kit.signed(case, |call| call.shifted(-6 * MINUTE_MS))
    }),
    ("TC-36", |kit, case| {
        kit.signed(case, |call| call.shifted(2 * MINUTE_MS))
    }),
    ("TC-37", |kit, case| {
        kit.signed(case, |call| call.shifted(-4 * MINUTE_MS))
    }),
    ("TC-51", |kit, case| link(kit, case).boxed()),
    ("TC-52", |kit, case| unknown_link(kit, case).boxed()),
    ("TC-71", |kit, case| link_of_paid(kit, case).boxed()),
    ("TC-72", |kit, case| {
        repeated_after_payment(kit, case).boxed()
    }),
];

/// A right signature with its first digit changed.
pub(super) fn spoil(headers: &mut SignatureHeaders) {
    if let Some(signature) = &mut headers.signature {
        let other = if signature.starts_with('0') { "1" } else { "0" };
        signature.replace_range(..1, other);
    }
}

fn digits(body: &Value) -> Value {
    json!(body["transaction_amount"].to_string())
}

async fn created(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let created = kit.created().await?;
    expect(case, &created.answer)?;
    let data = &created.answer.json["data"];
    let echoes = data["tiki_transaction_id"] == created.tiki_id.as_str()
        && data["transaction_amount"] == created.body["transaction_amount"]
        && data["status"] == "PENDING";
    let expected = "tiki_transaction_id and transaction_amount as they were sent, status PENDING";
    ensure(echoes, expected, || created.answer.shown())?;
    let time = |field: &str| data[field].as_str().and_then(read_time);
    let expires = time("created_at").zip(time("expires_at"));
    let later = expires.is_some_and(|(from, until)| from < until);
    let expected = "created_at and expires_at by RFC 3339, one after the other";
    ensure(later, expected, || created.answer.shown())
}

async fn repeated(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let created = kit.payment().await?;
    same_again(kit, case, created).await
}

async fn same_again(kit: &PartnerKit, case: &TestCase, created: &super::Created) -> Verdict {
    let again = Request::post("/transactions", &created.body);
    let again = kit.partner.send(again).await?;
    expect(case, &again)?;
    let expected = format!("the same answer again: {}", created.answer.shown());
    ensure(again.json == created.answer.json, expected, || {
        again.shown()
    })
}

async fn at_once(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let call = Request::post("/transactions", &kit.new_order(false));
    let (one, two) = join(kit.partner.send(call.clone()), kit.partner.send(call)).await;
    let (one, two) = (one?, two?);
    expect(case, &one)?;
    expect(case, &two)?;
    ensure(one.json == two.json, one.shown(), || two.shown())
}

async fn other_amount(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let mut body = kit.payment().await?.body.clone();
    body["transaction_amount"] = json!(kit.options.amount + 1_000);
    expect(
        case,
        &kit.partner
            .send(Request::post("/transactions", &body))
            .await?,
    )
}

async fn without(kit: &PartnerKit, case: &TestCase, field: &'static str) -> Verdict {
    let mut body = kit.new_order(false);
    if let Some(fields) = body.as_object_mut() {
        fields.remove(field);
    }
    let answer = kit
        .partner
        .send(Request::post("/transactions", &body))
        .await?;
    expect(case, &answer)?;
    names(&answer, field)
}

async fn shortest(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let mut body = kit.new_order(false);
    body["expires_in"] = json!(300);
    let answer = kit
        .partner
        .send(Request::post("/transactions", &body))
        .await?;
    expect(case, &answer)?;
    let time = |field: &str| answer.json["data"][field].as_str().and_then(read_time);
    let life = time("created_at")
        .zip(time("expires_at"))
        .map(|(from, until)| until - from);
    // The times may be written in whole seconds.
    let right = life.is_some_and(|life| (life - 300_000).abs() <= 1_000);
    ensure(right, "an expires_at 300 seconds after created_at", || {
        answer.shown()
    })
}

async fn bytes(kit: &PartnerKit, case: &TestCase, body: Vec<u8>) -> Verdict {
    let call = Request::post_bytes("/transactions", body);
    expect(case, &kit.partner.send(call).await?)
}

async fn twice(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let (id, amount) = (new_id(), kit.options.amount);
    let body = format!(
        "{{\"tiki_transaction_id\":\"{id}\",\"transaction_amount\":{amount},\"transaction_amount\":{amount}}}"
    );
    bytes(kit, case, body.into_bytes()).await
}

async fn too_large(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let mut body = kit.new_order(false);
    body["x_new"] = json!("x".repeat(TOO_LARGE_BYTES));
    bytes(kit, case, body.to_string().into_bytes()).await
}

async fn missing(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let changes: [fn(&mut SignatureHeaders); 3] = [
        |headers| headers.timestamp = None,
        |headers| headers.client_id = None,
        |headers| headers.signature = None,
    ];
    for change in changes {
        let call = Request::post("/transactions", &kit.new_order(false));
        expect(case, &kit.partner.send(call.changed(change)).await?)?;
    }
    Ok(())
}

async fn other_body(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let mut body = kit.new_order(false);
    let signed = body.to_string();
    body["transaction_amount"] = json!(kit.options.amount + 1_000);
    let call = Request::post("/transactions", &body).signing(signed);
    expect(case, &kit.partner.send(call).await?)
}

async fn link(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let payment = kit.payment().await?;
    let answer = browser::open(&kit.partner.http, &payment.payment_url)
        .await?
        .answer;
    expect(case, &answer)?;
    let screen = answer.header("location").unwrap_or_default();
    let right = screen.contains(&payment.id) && screen.contains("signature=");
    ensure(right, "a signed link that names the transaction", || {
        // Without its query, which is signed.
        let address = screen.split('?').next().unwrap_or_default();
        format!("a redirect to {address}")
    })
}

async fn unknown_link(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let payment = kit.payment().await?;
    let (before, _) = payment.payment_url.rsplit_once('/').unwrap_or_default();
    let url = format!("{before}/{}", "A".repeat(54));
    let answer = browser::open(&kit.partner.http, &url).await?.answer;
    expect(case, &answer)?;
    let html = answer.content_type().contains("text/html");
    ensure(html, "an HTML page for the customer", || answer.shown())
}

async fn link_of_paid(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let paid = kit.paid_payment().await?;
    let answer = browser::open(&kit.partner.http, &paid.payment_url)
        .await?
        .answer;
    expect(case, &answer)?;
    let to = answer.header("location").unwrap_or_default();
    // A link to the screen has a signature, and Tiki's has none of this partner.
    ensure(!to.contains("signature="), "a redirect to Tiki", || {
        "a redirect to the payment screen".to_owned()
    })
}

async fn repeated_after_payment(kit: &PartnerKit, case: &TestCase) -> Verdict {
    let paid = kit.paid_payment().await?;
    same_again(kit, case, paid).await
}
