//! The payment result that the core sends, and its question about a payment.

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::join;
use serde_json::{Value, json};

use super::bench::{Payment, no_payment};
use super::partner_api::{Fault, Received};
use super::screen::by_form;
use super::{Check, CoreKit, rules};
use crate::clock::{now_ms, read_time};
use crate::verdict::{Stop, Verdict, ensure, says};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "result-signed",
        title: "Each payment result is signed right",
        title_vi: "Mọi kết quả thanh toán được ký đúng",
        cites: rules::SIGNED,
        run: |kit| signed(kit).boxed(),
    },
    Check {
        id: "result-transaction",
        title: "The payment result names the transaction of its path",
        title_vi: "Kết quả thanh toán nêu đúng giao dịch trong đường dẫn",
        cites: rules::RESULT,
        run: |kit| transaction(kit).boxed(),
    },
    Check {
        id: "result-amount",
        title: "The payment result of a payment has status SUCCESS and the whole amount",
        title_vi: "Kết quả có trạng thái SUCCESS và đúng số tiền, là số nguyên",
        cites: rules::RESULT,
        run: |kit| amount(kit).boxed(),
    },
    Check {
        id: "result-fields",
        title: "The other fields of the payment result have their forms and bounds",
        title_vi: "Các trường khác của kết quả đúng định dạng và giới hạn",
        cites: rules::BOUNDS,
        run: |kit| fields(kit).boxed(),
    },
    Check {
        id: "result-repeated",
        title: "A result that was answered with 500 is sent again, signed anew",
        title_vi: "Kết quả bị trả lời 500 được gửi lại với chữ ký mới",
        cites: rules::ANEW,
        run: |kit| repeated(kit).boxed(),
    },
    Check {
        id: "result-kept-on",
        title: "A result is sent again after every kind of failure, however many come",
        title_vi: "Kết quả được gửi lại sau mọi loại lỗi, dù lỗi bao nhiêu lần",
        cites: rules::RESULT,
        run: |kit| kept_on(kit).boxed(),
    },
    Check {
        id: "result-refused",
        title: "A result that is refused with a code does not change the payment",
        title_vi: "Kết quả bị từ chối với một code không làm thay đổi thanh toán",
        cites: rules::RESULT,
        run: |kit| refused(kit).boxed(),
    },
    Check {
        id: "result-before-return",
        title: "The result is accepted before the customer is sent back",
        title_vi: "Kết quả được chấp nhận trước khi khách hàng được đưa trở lại",
        cites: rules::WAY_BACK,
        run: |kit| before_return(kit).boxed(),
    },
    Check {
        id: "details-signed",
        title: "The core's question about a payment is signed right",
        title_vi: "Câu hỏi của hệ thống lõi về thanh toán được ký đúng",
        cites: rules::SIGNED_GET,
        run: |kit| details(kit).boxed(),
    },
];

/// Also of a payment of which no result was accepted: a wrong signature is the likeliest reason.
async fn signed(kit: &CoreKit) -> Verdict {
    let paid = kit.first().await;
    let all = kit.api.all_results();
    for result in &all {
        if let Err(problem) = &result.signature {
            let expected = "a signature over timestamp, client id and body with the core's secret";
            return Err(Stop::failed(expected, problem.clone()));
        }
    }
    if all.is_empty() {
        paid.map_err(no_payment)?;
    }
    Ok(())
}

async fn transaction(kit: &CoreKit) -> Verdict {
    let paid = kit.first().await.map_err(no_payment)?;
    let named = &paid.result.body["transaction_id"];
    ensure(
        *named == *paid.payment.id,
        format!("transaction_id {}", paid.payment.id),
        || paid.result.text.clone(),
    )
}

async fn amount(kit: &CoreKit) -> Verdict {
    let paid = kit.first().await.map_err(no_payment)?;
    right_amount(&paid.payment, &paid.result)?;
    let status = &paid.result.body["status"];
    ensure(*status == "SUCCESS", "\"status\":\"SUCCESS\"", || {
        paid.result.text.clone()
    })
}

/// An amount of a payment result, in each form that our API accepts.
pub(super) fn vnd(amount: &Value) -> Option<u64> {
    let text = match amount {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let forms = ["", ".0", ".00"];
    forms
        .iter()
        .find_map(|end| text.strip_suffix(end)?.parse().ok())
}

/// Whether two results of one payment say the same. A reference may come later, and an amount is optional if it failed.
pub(super) fn same_result(one: &Value, other: &Value) -> bool {
    let text = |result: &Value, name: &str| result[name].as_str().unwrap_or_default().to_owned();
    let reference = "rail_reference";
    let references = [one, other].map(|result| text(result, reference));
    let amounts = [one, other].map(|result| vnd(&result["amount"]));
    one["status"] == other["status"]
        && (references[0] == references[1] || references.contains(&String::new()))
        && (amounts[0] == amounts[1] || amounts.contains(&None))
}

/// A failure needs no amount. If it has one, it is that of the payment, too.
fn right_amount(payment: &Payment, result: &Received) -> Verdict {
    let amount = payment.amount;
    let found = &result.body["amount"];
    let whole = vnd(found) == Some(amount);
    let is_optional = result.body["status"] == "FAILURE" && found.is_null();
    ensure(whole || is_optional, format!("\"amount\":{amount}"), || {
        result.text.clone()
    })
}

/// A result of any payment has the right transaction, status and amount, and its fields within their bounds.
pub(super) fn content(payment: &Payment, result: &Received) -> Verdict {
    let status = result.body["status"].as_str().unwrap_or_default();
    ensure(
        result.body["transaction_id"] == *payment.id && matches!(status, "SUCCESS" | "FAILURE"),
        format!("SUCCESS or FAILURE of the transaction {}", payment.id),
        || result.text.clone(),
    )?;
    right_amount(payment, result)?;
    right_fields(result)
}

/// The names of a payment result's fields, and the most characters of each text.
const TEXTS: [(&str, usize); 3] = [
    ("partner_banking_method", 64),
    ("rail_reference", 128),
    ("reason", 255),
];
/// Fields of other messages, which our API refuses in this one.
const FOREIGN: [&str; 6] = [
    "refund_id",
    "tiki_transaction_id",
    "identify_code",
    "identify_phone",
    "identify_fullname",
    "refunded_so_far",
];

async fn fields(kit: &CoreKit) -> Verdict {
    right_fields(&kit.first().await.map_err(no_payment)?.result)
}

fn right_fields(result: &Received) -> Verdict {
    let (body, text) = (&result.body, &result.text);
    for (name, most) in TEXTS {
        let fits = match body[name].as_str() {
            Some(value) => value.chars().count() <= most,
            None => body[name].is_null(),
        };
        let expected = format!("{name} of at most {most} characters, or none");
        ensure(fits, expected, || text.clone())?;
    }
    let at = &body["paid_at"];
    let readable = at.is_null()
        || at
            .as_str()
            .is_some_and(|at| at.is_empty() || read_time(at).is_some());
    ensure(readable, "paid_at by RFC 3339, or none", || text.clone())?;
    let paid_at = at.as_str().and_then(read_time);
    let is_near = paid_at.is_none_or(|at| (now_ms() - at).abs() < 60 * 60 * 1000);
    let expected = "a paid_at that is less than an hour ago, with the offset of its clock";
    ensure(is_near, expected, || text.clone())?;
    let foreign = FOREIGN.iter().find(|name| body.get(**name).is_some());
    ensure(foreign.is_none(), "no field of another message", || {
        foreign.copied().unwrap_or_default().to_owned()
    })
}

async fn repeated(kit: &CoreKit) -> Verdict {
    let paid = kit.first().await.map_err(no_payment)?;
    let results = kit.api.results(&paid.payment.id);
    let Some(first) = results.iter().find(|result| result.answered == 500) else {
        return Err(Stop::skipped("no result was answered with 500"));
    };
    // A reference that comes later is no other content.
    let bare = |result: &Received| {
        let mut body = result.body.clone();
        body["rail_reference"] = Value::Null;
        body
    };
    ensure(
        bare(first) == bare(&paid.result) && same_result(&first.body, &paid.result.body),
        format!("the same content again: {}", first.text),
        || paid.result.text.clone(),
    )?;
    ensure(
        first.timestamp != paid.result.timestamp,
        "a repeat with a timestamp and a signature of its own",
        || format!("the timestamp {} twice", first.timestamp),
    )
}

/// So much longer the kit waits for the fourth repeat than for the first: waits grow.
const RESULT_TIMES: u32 = 2;

/// What can stand before our API answers in many ways. Only HTTP 200 with a code is an answer to a result.
async fn kept_on(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    // Four of each: after more, growing waits would have the kit wait for many minutes.
    let faults = [
        [
            Fault::NoCode,
            Fault::BreaksOff,
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
            Fault::Status(StatusCode::TOO_MANY_REQUESTS),
        ],
        [
            Fault::Page,
            Fault::Status(StatusCode::TOO_MANY_REQUESTS),
            Fault::BreaksOff,
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        ],
    ];
    let limit = kit.options.limits.result * RESULT_TIMES;
    let payments = faults.map(|faults| kit.order_answered(&faults));
    let [one, other] = payments.clone();
    let first = one.id.clone();
    let second = async {
        // The second screen is opened after the first click: who confuses two screens has a check of its own.
        kit.api.has_result(&first, limit).await;
        kit.decide_within(other, "pay", limit).await
    };
    let paid = join(kit.decide_within(one, "pay", limit), second).await;
    for (paid, faults) in <[_; 2]>::from(paid).into_iter().zip(faults) {
        let results = kit.api.results(&paid?.payment.id);
        ensure(
            results.len() > faults.len(),
            format!("a result after {} failures", faults.len()),
            || format!("{} results", results.len()),
        )?;
    }
    Ok(())
}

/// Our API refuses a result that it cannot record, and people look at it. The money was taken all the same.
async fn refused(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    for code in [5, 3, 8] {
        let payment = kit.order_answered(&[Fault::Code(code)]);
        let paid = kit.decide(payment, "pay").await?;
        let expected = json!({ "status": "paid", "amount": paid.payment.amount });
        says(&kit.core.get(paid.payment.path()).await?, 200, &expected)?;
        let again = kit.open(&kit.link(&paid.payment)).await?;
        ensure(!again.has_form(), "no form after the decision", || {
            again.answer.shown()
        })?;
    }
    Ok(())
}

async fn details(kit: &CoreKit) -> Verdict {
    kit.first().await.map_err(no_payment)?;
    let asked = kit.api.details();
    if asked.is_empty() {
        return Err(Stop::skipped(
            "the core did not ask for the details of a payment",
        ));
    }
    for received in asked {
        if let Err(problem) = received.signature {
            let expected = format!(
                "a signature over the whole path /partner/v1/payments/{}",
                received.id
            );
            return Err(Stop::failed(expected, problem));
        }
    }
    Ok(())
}

/// Of a payment whose result the kit accepts at once.
async fn before_return(kit: &CoreKit) -> Verdict {
    let paid = kit.decide(kit.order(), "pay").await;
    let paid = paid.map_err(no_payment)?;
    for decided in [&paid, kit.cancelled().await.map_err(no_payment)?] {
        let Some(submitted) = &decided.submitted else {
            return Err(Stop::skipped("a person submits the form (--by-hand)"));
        };
        ensure(
            submitted.after_result,
            "the answer to the form after the payment result was accepted",
            || {
                let status = &decided.result.body["status"];
                format!("the answer to the form came before the result {status}")
            },
        )?;
    }
    Ok(())
}
