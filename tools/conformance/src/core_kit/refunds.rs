//! The answers about a refund, and what is posted twice.

use futures::FutureExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::{Refund, succeeded};
use super::{Check, CoreKit, rules};
use crate::call::{Answer, Request};
use crate::verdict::{Stop, Verdict, ensure, says};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "refund-never-seen",
        title: "An unknown refund is never_seen, as JSON that names the id",
        title_vi: "Mã khoản hoàn không biết thì trả never_seen, JSON có nêu mã",
        cites: rules::NEVER_SEEN,
        run: |kit| never_seen(kit).boxed(),
    },
    Check {
        id: "refund-answer",
        title: "The answer to a refund names its refund_id and its amount",
        title_vi: "Trả lời hoàn tiền nêu đúng refund_id và số tiền",
        cites: rules::REFUND_ANSWER,
        run: |kit| answer(kit).boxed(),
    },
    Check {
        id: "refund-found",
        title: "A refund that was posted is found by its id",
        title_vi: "Hoàn tiền đã gửi tra được theo mã",
        cites: rules::REFUND_FOUND,
        run: |kit| found(kit).boxed(),
    },
    Check {
        id: "refund-repeat",
        title: "A refund that is posted again is paid once",
        title_vi: "Hoàn tiền được gửi lại chỉ được chi trả một lần",
        cites: rules::ONCE,
        run: |kit| repeat(kit).boxed(),
    },
    Check {
        id: "refund-repeat-later",
        title: "A repeat with a larger refunded_so_far gets the same answer",
        title_vi: "Gửi lại với refunded_so_far lớn hơn nhận cùng câu trả lời",
        cites: rules::REFUNDED_SO_FAR,
        run: |kit| repeat_later(kit).boxed(),
    },
    Check {
        id: "refund-repeat-reason",
        title: "A repeat with another reason is paid once, too",
        title_vi: "Gửi lại với lý do khác cũng chỉ được chi trả một lần",
        cites: rules::ONE_CONTENT,
        run: |kit| repeat_reason(kit).boxed(),
    },
    Check {
        id: "refund-other-amount",
        title: "The same refund_id with another amount is refused",
        title_vi: "Cùng refund_id với số tiền khác phải bị từ chối",
        cites: rules::ONE_CONTENT,
        run: |kit| other_amount(kit).boxed(),
    },
    Check {
        id: "refund-other-transaction",
        title: "The same refund_id for another transaction is refused",
        title_vi: "Cùng refund_id cho giao dịch khác phải bị từ chối",
        cites: rules::ONE_CONTENT,
        run: |kit| other_transaction(kit).boxed(),
    },
    Check {
        id: "refund-key-missing",
        title: "A refund without an Idempotency-Key is refused",
        title_vi: "Khoản hoàn thiếu Idempotency-Key phải bị từ chối",
        cites: rules::IDEMPOTENCY_KEY,
        run: |kit| key(kit, None).boxed(),
    },
    Check {
        id: "refund-key-differs",
        title: "A refund whose Idempotency-Key is not its refund_id is refused",
        title_vi: "Idempotency-Key khác refund_id phải bị từ chối",
        cites: rules::IDEMPOTENCY_KEY,
        run: |kit| key(kit, Some(Uuid::new_v4().to_string())).boxed(),
    },
    Check {
        id: "refund-unknown-field",
        title: "A field that the core does not know is ignored",
        title_vi: "Trường lạ trong yêu cầu được bỏ qua",
        cites: rules::UNKNOWN_FIELDS,
        run: |kit| unknown_field(kit).boxed(),
    },
    Check {
        id: "refund-malformed",
        title: "A malformed refund is refused with 4xx, and nothing is paid",
        title_vi: "Yêu cầu hoàn tiền sai định dạng bị từ chối 4xx, không chi trả",
        cites: rules::WRONG_CALL,
        run: |kit| malformed(kit).boxed(),
    },
    Check {
        id: "refund-seen-later",
        title: "A refund that was never_seen is found after it was posted",
        title_vi: "Khoản hoàn từng là never_seen tra cứu được sau khi gửi",
        cites: rules::REFUND_FOUND,
        run: |kit| seen_later(kit).boxed(),
    },
];

async fn never_seen(kit: &CoreKit) -> Verdict {
    let id = Uuid::new_v4().to_string();
    let answer = kit.core.get(format!("/refunds/{id}")).await?;
    let expected = json!({ "refund_id": id, "status": "never_seen" });
    says(&answer, 404, &expected)
}

/// A part of a payment, so that its double is less than the payment.
pub(super) fn part(kit: &CoreKit) -> u64 {
    kit.options.amount / 10
}

async fn answer(kit: &CoreKit) -> Verdict {
    let refund = kit.paid().await?.refund(part(kit), 0);
    let answer = kit.refund(&refund).await?;
    let expected = json!({ "refund_id": refund.id, "amount": part(kit) });
    says(&answer, 200, &expected)?;
    let status = &answer.json["status"];
    ensure(
        *status == "succeeded" || *status == "pending",
        "the status succeeded or pending",
        || answer.shown(),
    )?;
    succeeded(&kit.when_final(&refund, answer).await?, &refund)
}

async fn found(kit: &CoreKit) -> Verdict {
    let refund = kit.paid().await?.refund(part(kit), 0);
    let posted = kit.refund(&refund).await?;
    let found = kit.core.get(refund.path()).await?;
    let named = json!({ "refund_id": refund.id, "amount": part(kit) });
    says(&found, 200, &named)?;
    // What was pending may have become final meanwhile. What was final stays so.
    let was_pending = posted.json["status"] == "pending";
    ensure(
        was_pending || found.json["status"] == posted.json["status"],
        format!("the status {} again", posted.json["status"]),
        || found.shown(),
    )?;
    succeeded(&kit.when_final(&refund, found).await?, &refund)
}

/// An answer that was kept for some time would be an old one.
async fn seen_later(kit: &CoreKit) -> Verdict {
    let refund = kit.paid().await?.refund(part(kit), 0);
    let before = kit.core.get(refund.path()).await?;
    let expected = json!({ "refund_id": refund.id, "status": "never_seen" });
    says(&before, 404, &expected)?;
    if kit.refunded(&refund).await.is_err() {
        return Err(Stop::skipped("the refund did not go back"));
    }
    succeeded(&kit.core.get(refund.path()).await?, &refund)
}

/// The books show it: after the refund and its repeat, exactly the rest of the payment can go back.
async fn repeat(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(part(kit), 0);
    let first = kit.refund_to_its_end(&refund).await?;
    succeeded(&first, &refund)?;
    let second = kit.refund(&refund).await?;
    ensure(
        same_word(&first, &second),
        format!("the same answer again: {}", first.shown()),
        || second.shown(),
    )?;
    kit.rest_goes_back(&payment, part(kit)).await
}

async fn repeat_later(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let first = payment.refund(part(kit), 0);
    kit.refunded(&first).await?;
    kit.refunded(&payment.refund(part(kit), part(kit))).await?;
    let again = kit
        .refund(&first.with("refunded_so_far", part(kit)))
        .await?;
    succeeded(&again, &first)?;
    kit.rest_goes_back(&payment, 2 * part(kit)).await
}

async fn repeat_reason(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(part(kit), 0);
    kit.refunded(&refund).await?;
    let again = kit.refund(&refund.with("reason", "by_operator")).await?;
    succeeded(&again, &refund)?;
    kit.rest_goes_back(&payment, part(kit)).await
}

async fn other_amount(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(part(kit), 0);
    kit.refunded(&refund).await?;
    for amount in [2 * part(kit), part(kit) - 1] {
        let other = refund.with("amount", amount);
        contradicts(&kit.refund(&other).await?)?;
        stays(kit, &refund).await?;
    }
    kit.rest_goes_back(&payment, part(kit)).await
}

async fn other_transaction(kit: &CoreKit) -> Verdict {
    let (payment, another) = (kit.paid().await?, kit.paid().await?);
    let refund = payment.refund(part(kit), 0);
    kit.refunded(&refund).await?;
    let other = refund.with("transaction_id", &*another.id);
    contradicts(&kit.refund(&other).await?)?;
    stays(kit, &refund).await?;
    kit.refunded(&another.refund(another.amount, 0)).await
}

/// Both say the same about a refund. An optional field may be there once only.
pub(super) fn same_word(first: &Answer, second: &Answer) -> bool {
    let same = |name: &str| first.json[name] == second.json[name];
    second.status == 200 && ["refund_id", "amount", "status"].into_iter().all(same)
}

pub(super) fn contradicts(answer: &Answer) -> Verdict {
    ensure(
        answer.status == 409,
        "HTTP 409: the id was used before with other content",
        || answer.shown(),
    )
}

async fn stays(kit: &CoreKit, refund: &Refund) -> Verdict {
    let found = kit.core.get(refund.path()).await?;
    succeeded(&found, refund)
}

async fn key(kit: &CoreKit, key: Option<String>) -> Verdict {
    let refund = kit.paid().await?.refund(part(kit), 0);
    let mut call = Request::post("/refunds", &refund.body);
    if let Some(key) = key {
        call = call.header("idempotency-key", key);
    }
    let answer = kit.core.send(call).await?;
    ensure((400..500).contains(&answer.status), "HTTP 400", || {
        answer.shown()
    })?;
    not_paid(kit, &refund).await
}

pub(super) async fn not_paid(kit: &CoreKit, refund: &Refund) -> Verdict {
    let found = kit.core.get(refund.path()).await?;
    ensure(
        found.json["status"] == "never_seen" || found.json["status"] == "rejected",
        "a refund that was not paid: never_seen or rejected",
        || found.shown(),
    )
}

async fn unknown_field(kit: &CoreKit) -> Verdict {
    let refund = kit.paid().await?.refund(part(kit), 0);
    let refund = refund.with("x_new", json!({ "any": ["thing", 1] }));
    kit.refunded(&refund).await
}

async fn malformed(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let good = payment.refund(part(kit), 0);
    let amounts = [
        json!(0),
        json!(-1000),
        json!(1000.5),
        json!(40_000.7),
        json!(1e30),
        json!("một nghìn"),
        json!("10000"),
        json!(true),
        json!([]),
        Value::Null,
    ];
    for amount in amounts {
        let refund = payment.refund(part(kit), 0).with("amount", amount);
        refused(&kit.refund(&refund).await?)?;
        not_paid(kit, &refund).await?;
    }
    let call = Request::post_bytes("/refunds", b"{\"refund_id\":".to_vec());
    let call = call.header("idempotency-key", &*good.id);
    refused(&kit.core.send(call).await?)?;
    for body in ["[]", "null", "1"] {
        let call = Request::post_bytes("/refunds", body.as_bytes().to_vec());
        let call = call.header("idempotency-key", &*good.id);
        refused(&kit.core.send(call).await?)?;
    }
    let nameless = good.with("refund_id", Value::Null);
    refused(&kit.refund(&nameless).await?)
}

fn refused(answer: &Answer) -> Verdict {
    let refused = (400..500).contains(&answer.status);
    ensure(refused, "HTTP 4xx", || answer.shown())
}

impl CoreKit {
    /// What was not refunded yet can go back, and nothing more: so much and no less was paid.
    pub(super) async fn rest_goes_back(
        &self,
        payment: &super::bench::Payment,
        refunded: u64,
    ) -> Verdict {
        let rest = payment.refund(payment.amount - refunded, refunded);
        let answer = self.refund_to_its_end(&rest).await?;
        ensure(
            succeeded(&answer, &rest).is_ok(),
            format!(
                "that {refunded} VND of {} went back, and the rest can go back",
                payment.amount
            ),
            || answer.shown(),
        )
    }
}
