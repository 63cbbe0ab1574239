//! What a refund must have, and what it may have.

use futures::FutureExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::{Refund, succeeded};
use super::crossing::stays_unpaid;
use super::refunds::{contradicts, not_paid, part, same_word};
use super::{Check, CoreKit, rules};
use crate::call::{Answer, Request};
use crate::verdict::{Stop, Verdict, ensure, says};

/// A body so large is accepted, and one so large is not: the limit is 64 KiB.
const ACCEPTED_BYTES: usize = 60_000;
const REFUSED_BYTES: usize = 70_000;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "refund-captured",
        title: "A payment result that is posted as a refund is refused",
        title_vi: "Kết quả thanh toán bị gửi lại như một hoàn tiền phải bị từ chối",
        cites: rules::OWN_CALL,
        run: |kit| captured(kit).boxed(),
    },
    Check {
        id: "refund-field-missing",
        title: "A refund without one of its required fields is refused",
        title_vi: "Hoàn tiền thiếu một trường bắt buộc phải bị từ chối",
        cites: rules::WRONG_CALL,
        run: |kit| field_missing(kit).boxed(),
    },
    Check {
        id: "refund-rejected-amount",
        title: "A rejected refund_id with another amount is refused, and stays rejected",
        title_vi: "refund_id đã bị từ chối với số tiền khác: 409, vẫn là rejected",
        cites: rules::ONE_CONTENT,
        run: |kit| rejected_amount(kit).boxed(),
    },
    Check {
        id: "refund-ids-exact",
        title: "Ids are compared in full, and with their upper and lower case",
        title_vi: "Mã được so sánh đầy đủ, có phân biệt chữ hoa chữ thường",
        cites: rules::IDS,
        run: |kit| ids_exact(kit).boxed(),
    },
    Check {
        id: "refund-long-reason",
        title: "A reason of 255 characters is accepted, and one with signs of every kind",
        title_vi: "Lý do dài 255 ký tự, hoặc có ký tự đặc biệt, được chấp nhận",
        cites: rules::BOUNDS,
        run: |kit| long_reason(kit).boxed(),
    },
    Check {
        id: "refund-size",
        title: "A body of 60,000 bytes is accepted, and one of 70,000 gets 413",
        title_vi: "Nội dung 60.000 byte được chấp nhận, 70.000 byte bị trả 413",
        cites: rules::SIZES,
        run: |kit| size(kit).boxed(),
    },
    Check {
        id: "refund-query",
        title: "What stands in the query of a refund changes nothing",
        title_vi: "Phần truy vấn của lời gọi hoàn tiền không làm thay đổi khoản hoàn",
        cites: rules::WRONG_CALL,
        run: |kit| query(kit).boxed(),
    },
];

fn bad_request(answer: &Answer) -> Verdict {
    ensure(answer.status == 400, "HTTP 400", || answer.shown())
}

/// The core has signed a payment result with the same secret. Whoever reads it can post it with a header of his own.
async fn captured(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let key = Uuid::new_v4().to_string();
    let result = json!({
        "transaction_id": payment.id,
        "status": "SUCCESS",
        "amount": payment.amount,
        "rail_reference": "FT26327001",
    });
    let call = Request::post("/refunds", &result);
    bad_request(&kit.core.send(call.clone()).await?)?;
    // A header and a field that are both missing are not the same.
    for key in ["", "null", &*key] {
        let call = call.clone().header("idempotency-key", key);
        bad_request(&kit.core.send(call).await?)?;
    }
    kit.rest_goes_back(&payment, 0).await
}

/// Absent, and not only null.
async fn field_missing(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    for name in ["refund_id", "transaction_id", "amount"] {
        let mut refund = payment.refund(part(kit), 0);
        if let Value::Object(fields) = &mut refund.body {
            fields.remove(name);
        }
        bad_request(&kit.refund(&refund).await?)?;
        not_paid(kit, &refund).await?;
    }
    let nowhere = payment.refund(part(kit), 0).with("transaction_id", "");
    bad_request(&kit.refund(&nowhere).await?)?;
    kit.rest_goes_back(&payment, 0).await
}

async fn rejected_amount(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(payment.amount + 1_000, 0);
    let answer = kit.refund_to_its_end(&refund).await?;
    if answer.json["status"] != "rejected" {
        return Err(Stop::skipped("the core rejected no refund"));
    }
    contradicts(&kit.refund(&refund.with("amount", part(kit))).await?)?;
    let found = kit.core.get(refund.path()).await?;
    ensure(
        same_word(&answer, &found),
        "the status rejected again, with the first amount",
        || found.shown(),
    )?;
    kit.rest_goes_back(&payment, 0).await
}

async fn ids_exact(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(part(kit), 0);
    kit.refunded(&refund).await?;
    let mut other = refund.id.clone();
    let last = if other.ends_with('0') { "1" } else { "0" };
    other.replace_range(other.len() - 1.., last);
    let found = kit.core.get(format!("/refunds/{other}")).await?;
    let expected = json!({ "refund_id": other, "status": "never_seen" });
    says(&found, 404, &expected)?;
    // It has letters, so that its capitals are another text.
    if payment.id.chars().any(char::is_alphabetic) {
        let capitals = payment.id.to_uppercase();
        let refund = payment.refund(part(kit), part(kit));
        stays_unpaid(kit, &refund.with("transaction_id", capitals)).await?;
    }
    kit.rest_goes_back(&payment, part(kit)).await
}

/// And what a database, a page or a reader of JSON can stumble over.
async fn long_reason(kit: &CoreKit) -> Verdict {
    let signs = "a/b <c> & 'd' \"e\" \\ 😀 ﷺ %s".to_owned();
    for reason in ["đ".repeat(255), signs] {
        let refund = kit.paid().await?.refund(part(kit), 0);
        kit.refunded(&refund.with("reason", reason)).await?;
    }
    Ok(())
}

/// A refund whose body has this many bytes, by a field that nobody knows.
fn of_size(refund: &Refund, bytes: usize) -> Refund {
    let bare = refund.with("x_new", "").body.to_string().len();
    refund.with("x_new", "x".repeat(bytes.saturating_sub(bare)))
}

async fn size(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let large = of_size(&payment.refund(part(kit), 0), REFUSED_BYTES);
    // A core may close the connection while it is still being sent to: then it is refused, too.
    let refused = kit.core.attempt(&large.call()).await;
    let right = refused.answer.as_ref().map_or(true, |a| a.status == 413);
    ensure(right, "HTTP 413", || refused.shown())?;
    not_paid(kit, &large).await?;
    kit.refunded(&of_size(&payment.refund(part(kit), 0), ACCEPTED_BYTES))
        .await
}

/// Nothing signs the query of a POST.
async fn query(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(part(kit), 0);
    let path = format!("/refunds?amount={}&refunded_so_far=0", 5 * part(kit));
    let call = Request::post(path, &refund.body).header("idempotency-key", &*refund.id);
    let answer = kit.core.send(call).await?;
    if answer.status == 404 {
        not_paid(kit, &refund).await?;
        return kit.rest_goes_back(&payment, 0).await;
    }
    succeeded(&kit.when_final(&refund, answer).await?, &refund)?;
    kit.rest_goes_back(&payment, part(kit)).await
}
