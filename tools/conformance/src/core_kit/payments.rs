//! The answers about a payment.

use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use serde_json::json;
use uuid::Uuid;

use super::bench::no_payment;
use super::results::vnd;
use super::screen::by_form;
use super::{Check, CoreKit, rules};
use crate::call::Answer;
use crate::clock::{self, now_ms, read_time};
use crate::verdict::{Stop, Verdict, ensure, says};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "payment-never-seen",
        title: "An unknown payment is never_seen, as JSON that names the id",
        title_vi: "Thanh toán không có thì trả never_seen, JSON có nêu mã",
        cites: rules::NEVER_SEEN,
        run: |kit| never_seen(kit).boxed(),
    },
    Check {
        id: "path-unknown",
        title: "A path that the core does not have is 404, without never_seen",
        title_vi: "Đường dẫn mà hệ thống lõi không có: 404, không có never_seen",
        cites: rules::WRONG_CALL,
        run: |kit| unknown_path(kit).boxed(),
    },
    Check {
        id: "payment-not-paid",
        title: "A payment that was opened and is not decided is pending",
        title_vi: "Thanh toán đã mở mà chưa quyết định có trạng thái pending",
        cites: rules::PAYMENT,
        run: |kit| not_paid(kit).boxed(),
    },
    Check {
        id: "payment-while-paying",
        title: "While a customer pays, no answer says that nobody has paid",
        title_vi: "Khi khách hàng đang thanh toán, không câu trả lời nào nói chưa thanh toán",
        cites: rules::FINAL,
        run: |kit| while_paying(kit).boxed(),
    },
    Check {
        id: "payment-paid",
        title: "A payment that was made is paid, and names its transaction",
        title_vi: "Thanh toán đã thực hiện có trạng thái paid và nêu đúng giao dịch",
        cites: rules::PAYMENT,
        run: |kit| paid(kit).boxed(),
    },
    Check {
        id: "payment-amount",
        title: "The amount of a payment is a whole number of VND",
        title_vi: "Số tiền thanh toán là số nguyên VND",
        cites: rules::AMOUNTS,
        run: |kit| amount(kit).boxed(),
    },
    Check {
        id: "payment-large",
        title: "A large amount is kept to the dong",
        title_vi: "Số tiền lớn được lưu chính xác đến từng đồng",
        cites: rules::AMOUNTS,
        run: |kit| large(kit).boxed(),
    },
    Check {
        id: "payment-paid-at",
        title: "paid_at can be read, and is the time of the payment",
        title_vi: "paid_at đọc được và là thời điểm thanh toán",
        cites: rules::TIMES,
        run: |kit| paid_at(kit).boxed(),
    },
    Check {
        id: "payment-texts",
        title: "The other fields of a payment are texts within their bounds",
        title_vi: "Các trường khác của thanh toán là chuỗi trong giới hạn",
        cites: rules::BOUNDS,
        run: |kit| texts(kit).boxed(),
    },
    Check {
        id: "payment-after-refund",
        title: "A refund does not change what is said about the payment",
        title_vi: "Hoàn tiền không làm thay đổi câu trả lời về thanh toán",
        cites: rules::PAYMENT,
        run: |kit| after_refund(kit).boxed(),
    },
    Check {
        id: "payment-after-expiry",
        title: "After expires_at a payment stays paid, and can go back",
        title_vi: "Sau expires_at thanh toán vẫn là paid và hoàn tiền được",
        cites: rules::FINAL,
        run: |kit| after_expiry(kit).boxed(),
    },
    Check {
        id: "payment-failed",
        title: "A payment that the customer cancelled is failed or not paid",
        title_vi: "Thanh toán bị khách hàng hủy có trạng thái failed hoặc not_paid",
        cites: rules::PAYMENT,
        run: |kit| failed(kit).boxed(),
    },
    Check {
        id: "payment-seen-later",
        title: "A payment that was asked about before is found as it is now",
        title_vi: "Thanh toán đã được hỏi trước đó vẫn trả lời đúng hiện trạng",
        cites: rules::PAYMENT,
        run: |kit| seen_later(kit).boxed(),
    },
];

async fn never_seen(kit: &CoreKit) -> Verdict {
    let id = Uuid::new_v4().to_string();
    let answer = kit.core.get(format!("/payments/{id}")).await?;
    let expected = json!({ "transaction_id": id, "status": "never_seen" });
    says(&answer, 404, &expected)
}

/// A wrong `CORE_URL` must not look like a payment that nobody has made.
async fn unknown_path(kit: &CoreKit) -> Verdict {
    let path = format!("/no-such/{}", Uuid::new_v4());
    let answer = kit.core.get(path).await?;
    let says_nothing = answer.json["status"] != "never_seen";
    ensure(
        answer.status == 404 && says_nothing,
        "HTTP 404 without never_seen",
        || answer.shown(),
    )
}

async fn not_paid(kit: &CoreKit) -> Verdict {
    let payment = kit.unpaid().await.map_err(no_payment)?;
    let answer = kit.core.get(payment.path()).await?;
    // Nobody opens the screen before a person pays by hand: then it was never seen.
    let is_unseen = kit.options.by_hand && answer.status == 404;
    if is_unseen && answer.json["status"] == "never_seen" {
        return Ok(());
    }
    let expected = json!({ "transaction_id": payment.id, "status": "pending" });
    says(&answer, 200, &expected)
}

/// `not_paid`, `failed` and `never_seen` fail a payment. While the money may still move none of them is right.
async fn while_paying(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let page = kit.open(&kit.link(&payment)).await?;
    let form = page.form()?;
    let mut paying = pin!(page.submit(&kit.core.http, &form, "pay"));
    loop {
        let (asked, after) = match select(paying, pin!(kit.core.get(payment.path()))).await {
            Either::Left((paid, asking)) => {
                paid?;
                (asking.await?, None)
            }
            Either::Right((asked, unfinished)) => (asked?, Some(unfinished)),
        };
        let expected = "pending, or paid";
        ensure(!says_unpaid(&asked), expected, || asked.shown())?;
        let Some(unfinished) = after else {
            return Ok(());
        };
        paying = unfinished;
        clock::wait(ASK_EVERY).await;
    }
}

async fn found(kit: &CoreKit) -> Verdict<Answer> {
    let paid = kit.first().await.map_err(no_payment)?;
    kit.core.get(paid.payment.path()).await
}

async fn paid(kit: &CoreKit) -> Verdict {
    let id = &kit.first().await.map_err(no_payment)?.payment.id;
    let expected = json!({ "transaction_id": id, "status": "paid" });
    says(&found(kit).await?, 200, &expected)?;
    // A query is signed, and has no meaning.
    let path = format!("/payments/{id}?x=1");
    says(&kit.core.get(path).await?, 200, &expected)
}

async fn amount(kit: &CoreKit) -> Verdict {
    let answer = found(kit).await?;
    let amount = kit.options.amount;
    // A number in JSON, written without a fraction: 100000.0 and "100.000" are no whole numbers to every reader.
    ensure(
        answer.json["amount"].as_u64() == Some(amount),
        format!("\"amount\":{amount}, a whole JSON number"),
        || answer.shown(),
    )
}

/// The kit asks so often while a form is submitted.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Almost the largest payment. A floating-point number of 32 bits cannot hold it, nor can a whole number of 32 bits hold
/// its hundredfold.
const LARGE: u64 = 499_999_999;

async fn large(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order_of(LARGE);
    let paid = kit.decide(payment, "pay").await.map_err(no_payment)?;
    if paid.result.body["status"] == "FAILURE" {
        let why = format!("the core takes no payment of {LARGE} VND");
        return Err(Stop::skipped(why));
    }
    let payment = &paid.payment;
    let result = &paid.result;
    let expected = format!("a payment result and a payment with \"amount\":{LARGE}");
    ensure(
        vnd(&result.body["amount"]) == Some(LARGE),
        &*expected,
        || result.text.clone(),
    )?;
    let found = kit.core.get(payment.path()).await?;
    ensure(found.json["amount"] == LARGE, expected, || found.shown())?;
    kit.refunded(&payment.refund(1, 0)).await?;
    kit.rest_goes_back(payment, 1).await
}

async fn after_expiry(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let payment = kit.paid_shortly_before().await?;
    kit.after_expiry(payment).await;
    let answer = kit.core.get(payment.path()).await?;
    let expected = json!({ "status": "paid", "amount": payment.amount });
    says(&answer, 200, &expected)?;
    kit.refunded(&payment.refund(payment.amount, 0)).await
}

async fn paid_at(kit: &CoreKit) -> Verdict {
    let answer = found(kit).await?;
    let at = &answer.json["paid_at"];
    if at.is_null() {
        return Ok(());
    }
    let read = at.as_str().and_then(read_time);
    let near = read.is_some_and(|at| (now_ms() - at).abs() < 60 * 60 * 1000);
    ensure(near, "a time by RFC 3339, less than an hour ago", || {
        format!("\"paid_at\":{at}")
    })
}

async fn texts(kit: &CoreKit) -> Verdict {
    let answer = found(kit).await?;
    let bounds = [
        ("partner_banking_method", 64),
        ("rail_reference", 128),
        ("reason", 255),
    ];
    for (name, most) in bounds {
        let value = &answer.json[name];
        let fits = value.is_null()
            || value
                .as_str()
                .is_some_and(|text| text.chars().count() <= most);
        let expected = format!("{name}: a text of at most {most} characters, or null");
        ensure(fits, expected, || format!("\"{name}\":{value}"))?;
    }
    Ok(())
}

async fn after_refund(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let before = kit.core.get(payment.path()).await?;
    kit.refunded(&payment.refund(payment.amount / 10, 0))
        .await?;
    let after = kit.core.get(payment.path()).await?;
    let same = ["status", "amount"];
    let same = same
        .iter()
        .all(|name| after.json[*name] == before.json[*name]);
    let expected = format!("the same status and amount as before: {}", before.shown());
    ensure(same, expected, || after.shown())
}

async fn failed(kit: &CoreKit) -> Verdict {
    let cancelled = kit.cancelled().await.map_err(no_payment)?;
    let answer = kit.core.get(cancelled.payment.path()).await?;
    ensure(
        says_unpaid(&answer) && answer.json["transaction_id"] == *cancelled.payment.id,
        "200 failed or not_paid, with the transaction_id",
        || answer.shown(),
    )
}

/// Whether the core's answer about a payment says that nobody has paid it.
pub(super) fn says_unpaid(answer: &Answer) -> bool {
    let status = answer.json["status"].as_str().unwrap_or_default();
    match answer.status {
        200 => matches!(status, "failed" | "not_paid"),
        404 => status == "never_seen",
        _ => false,
    }
}

/// An answer that was kept for some time would be an old one.
async fn seen_later(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let status = async |expected: &str| {
        let answer = kit.core.get(payment.path()).await?;
        let right = answer.json["status"] == expected;
        ensure(right, format!("the status {expected}"), || answer.shown())
    };
    status("never_seen").await?;
    let page = kit.open(&kit.link(&payment)).await?;
    let form = page.form()?;
    status("pending").await?;
    page.submit(&kit.core.http, &form, "pay").await?;
    status("paid").await
}
