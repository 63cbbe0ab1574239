//! `POST /partner/v1/payments/{transaction_id}/result`.

use e2e::TestEnv;
use sandbox::Fault;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_result_returns_the_first_answer() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let result = json!({
        "transaction_id": payment.id, "status": "SUCCESS", "amount": 100_000,
        "paid_at": "2026-11-23T03:00:00Z", "partner_banking_method": "CARD", "rail_reference": "FT1",
        "reason": null,
    });
    let first = env.core.send_result(&payment.id, &result).await.unwrap();
    assert_eq!(
        (first.status, first.code()),
        (200, Some(0)),
        "{}",
        first.text
    );
    let data = &first.json["data"];
    assert_eq!(data["transaction_id"], json!(payment.id));
    assert_eq!(data["tiki_transaction_id"], json!(payment.tiki_id));
    assert_eq!(data["transaction_amount"], 100_000);
    assert_eq!(data["status"], "SUCCESS");
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    let again = env.core.send_result(&payment.id, &result).await.unwrap();
    assert_eq!(again.text, first.text);
    // One write for the creation, one for the result, one for the IPN, and none for the repeat.
    assert_eq!(env.item(&payment).await["version"], 3);
    assert_eq!(
        env.tiki.known(&payment.tiki_id).unwrap().ipns[0].body["partner_banking_method"],
        "CARD"
    );
    assert_eq!(
        env.check(&payment).await["paid_at"],
        "2026-11-23T10:00:00+07:00"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_code() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let paid = json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "FT1" });
    let cases: Vec<(&str, Value, u16, i64)> = vec![
        ("status", json!({ "amount": 100_000 }), 400, 1),
        (
            "status",
            json!({ "status": "PAID", "amount": 100_000 }),
            400,
            1,
        ),
        (
            "status",
            json!({ "status": "PENDING", "amount": 100_000 }),
            400,
            1,
        ),
        ("status", json!({ "status": 1, "amount": 100_000 }), 400, 1),
        ("amount", json!({ "status": "SUCCESS" }), 400, 1),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": "much" }),
            400,
            1,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": 100_001 }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": 99_999 }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "FAILURE", "amount": 99_999 }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": 1e300 }),
            200,
            5,
        ),
        (
            "reason",
            json!({ "status": "FAILURE", "reason": 7 }),
            400,
            1,
        ),
        (
            "partner_banking_method",
            json!({ "status": "SUCCESS", "amount": 100_000, "partner_banking_method": 7 }),
            400,
            1,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": 0 }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": -100_000 }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": 100_000.5 }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": "100.000" }),
            200,
            5,
        ),
        (
            "amount",
            json!({ "status": "SUCCESS", "amount": "" }),
            400,
            1,
        ),
        (
            "transaction_id",
            json!({ "status": "SUCCESS", "amount": 100_000, "transaction_id": null }),
            400,
            1,
        ),
        (
            "transaction_id",
            json!({ "status": "FAILURE", "transaction_id": "" }),
            400,
            1,
        ),
        (
            "partner_banking_method",
            json!({ "status": "SUCCESS", "amount": 100_000, "partner_banking_method": "x".repeat(65) }),
            400,
            1,
        ),
        (
            "rail_reference",
            json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": 7 }),
            400,
            1,
        ),
        (
            "transaction_id",
            json!({ "status": "SUCCESS", "amount": 100_000, "transaction_id": "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed" }),
            400,
            1,
        ),
        (
            "refund_id",
            json!({ "status": "SUCCESS", "amount": 100_000, "refund_id": "x" }),
            400,
            1,
        ),
        (
            "tiki_transaction_id",
            json!({ "status": "SUCCESS", "amount": 100_000, "tiki_transaction_id": "x" }),
            400,
            1,
        ),
    ];
    for (field, body, status, code) in cases {
        let answer = env.core.send_result(&payment.id, &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{body}: {}",
            answer.text
        );
        assert!(
            answer.json["message"].as_str().unwrap().contains(field),
            "{}",
            answer.text
        );
    }
    assert_eq!(env.check(&payment).await["status"], "PENDING");
    for (id, status, code) in [
        ("9d2f8378-8d6c-5b98-8c46-c1852c4d18ed", 200, 3),
        ("no-id-of-ours", 200, 3),
        ("a%20b", 400, 1),
        ("%2e%2e%2fx", 400, 1),
    ] {
        let answer = env.core.send_result(id, &paid).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{id}: {}",
            answer.text
        );
    }

    assert_eq!(
        env.core
            .send_result(&payment.id, &paid)
            .await
            .unwrap()
            .code(),
        Some(0)
    );
    let declined = json!({ "status": "FAILURE" });
    let contradicts = env.core.send_result(&payment.id, &declined).await.unwrap();
    assert_eq!(
        (contradicts.status, contradicts.code()),
        (200, Some(8)),
        "{}",
        contradicts.text
    );
    let second_debit = json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "FT2" });
    let second_debit = env
        .core
        .send_result(&payment.id, &second_debit)
        .await
        .unwrap();
    assert_eq!(
        second_debit.code(),
        Some(8),
        "two debits of one customer: {}",
        second_debit.text
    );
    assert_eq!(env.check(&payment).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_with_a_long_reason_is_accepted() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let result = json!({ "status": "FAILURE", "reason": "đ".repeat(1000) });
    let answer = env.core.send_result(&payment.id, &result).await.unwrap();
    assert_eq!(answer.code(), Some(0), "{}", answer.text);
    let kept = env.check(&payment).await["failure_reason"]
        .as_str()
        .unwrap()
        .chars()
        .count();
    assert_eq!(kept, 255);
}

/// The core contradicts itself. It is refused, and a person finds it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_contradicts_the_record_is_refused_and_kept() {
    let env = TestEnv::start().await;
    let paid = json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "FT1" });
    let other_amount = json!({ "status": "SUCCESS", "amount": 90_000, "rail_reference": "FT2" });
    let second_debit = json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "FT2" });
    let failed = json!({ "status": "FAILURE" });
    for (first, then, code, review, event) in [
        (
            None,
            &other_amount,
            5,
            "paid_amount_differs",
            "the core says: paid 90.000 ₫ under FT2",
        ),
        (
            Some(&paid),
            &other_amount,
            5,
            "paid_amount_differs",
            "paid 90.000 ₫",
        ),
        (
            Some(&failed),
            &other_amount,
            5,
            "paid_amount_differs",
            "paid 90.000 ₫",
        ),
        (
            Some(&paid),
            &second_debit,
            8,
            "second_debit",
            "paid once more, under FT2",
        ),
        (
            Some(&paid),
            &failed,
            8,
            "failed_after_paid",
            "not paid, after it was paid",
        ),
    ] {
        let payment = env.create(100_000).await;
        let say = async |result| env.core.send_result(&payment.id, result).await.unwrap();
        if let Some(first) = first {
            assert_eq!(say(first).await.code(), Some(0));
        }
        let status = env.check(&payment).await["status"].clone();
        for _ in 0..2 {
            let refused = say(then).await;
            assert_eq!(
                (refused.status, refused.code()),
                (200, Some(code)),
                "{}",
                refused.text
            );
        }
        let item = env.item(&payment).await;
        assert_eq!(item["needs_review"], review);
        assert_eq!(
            env.check(&payment).await["status"],
            status,
            "nothing else has changed"
        );
        env.until_alarm(review).await;
        // A proxy that does not reach the core answers 404, and that ends nothing.
        let proxy = Fault::Answer {
            status: 404,
            body: String::new(),
        };
        env.core.faults.standing("payment", proxy);
        env.later(&payment).await;
        assert_eq!(env.item(&payment).await["needs_review"], review);
        assert_eq!(env.check(&payment).await["status"], status);
        env.core.faults.off("payment");

        let shown = env.tikivip(&["show", &payment.id]).await.out;
        assert!(
            shown.contains(event) && shown.contains("No money moves. The review ends."),
            "{shown}"
        );
        let handled = env.resolve(&payment.id, &["handled"]).await;
        assert_eq!(handled.code, 0, "{handled:?}");
        assert!(env.item(&payment).await["needs_review"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_its_transaction_pays_none() {
    let env = TestEnv::start().await;
    let body = json!({ "status": "SUCCESS", "amount": 100_000 });
    for payment in [env.create(100_000).await, env.create(100_000).await] {
        let path = format!("/partner/v1/payments/{}/result", payment.id);
        let answer = env.core.caller.post(&path, &body).await.unwrap();
        assert_eq!((answer.status, answer.code()), (400, Some(1)));
        let message = answer.json["message"].as_str().unwrap();
        assert!(message.contains("transaction_id is required"), "{message}");
        assert_eq!(env.check(&payment).await["status"], "PENDING");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_a_late_payment_is_refused_and_kept() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    env.send_failed_result(&payment).await;
    env.send_paid_result(&payment).await;
    env.until("the money is back", async || {
        env.core.refunded_vnd(&payment.id) == 100_000
    })
    .await;
    assert_eq!(env.send_failed_result(&payment).await.code(), Some(8));
    assert_eq!(
        env.item(&payment).await["needs_review"],
        "failed_after_paid"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_detail_loses_money_that_was_taken() {
    let env = TestEnv::start().await;
    for (paid_at, is_read, warns) in [
        (json!("2026-11-23T10:00:00+0700"), true, false),
        (json!("2026-11-23T10:00:00"), true, false),
        (json!(""), false, false),
        (json!("yesterday"), false, true),
        (json!(1), false, true),
    ] {
        let payment = env.create(100_000).await;
        let result = json!({
            "status": "SUCCESS", "amount": 100_000, "paid_at": paid_at,
            "rail_reference": "", "partner_banking_method": " ", "reason": "",
        });
        let answer = env.core.send_result(&payment.id, &result).await.unwrap();
        assert_eq!(answer.code(), Some(0), "{result}: {}", answer.text);
        let checked = env.check(&payment).await;
        assert_eq!(checked["status"], "SUCCESS", "{result}");
        // Without a time of the core, it is the time at which the result came.
        let of_the_core = checked["paid_at"] == "2026-11-23T10:00:00+07:00";
        assert_eq!(of_the_core, is_read, "{result}: {checked}");
        let warned = || {
            env.sandbox.logs().iter().any(|line| {
                line.event["level"] == "WARN"
                    && line.event["spans"][0]["transaction_id"] == json!(payment.id)
                    && line.event["problem"]
                        .as_str()
                        .is_some_and(|problem| problem.starts_with("paid_at "))
            })
        };
        if warns {
            env.until("a warning names the field", async || warned())
                .await;
        } else {
            assert!(!warned(), "{result}");
        }
    }
}
