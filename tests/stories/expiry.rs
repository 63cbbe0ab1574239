//! Expiry and late payments.

use e2e::TestEnv;
use sandbox::Fault;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_clear_not_paid_expires_a_payment() {
    let env = TestEnv::start().await;
    let answer = |status, body: &str| Fault::Answer {
        status,
        body: body.to_owned(),
    };
    let id_of = |payment: &e2e::Payment, body: &str| body.replace("ID", &payment.id);
    for (body, status, expected) in [
        (
            r#"{"transaction_id":"ID","status":"never_seen"}"#,
            404,
            "FAILURE",
        ),
        // A proxy answers 404 too, and another payment may be unknown to the core.
        ("", 404, "PENDING"),
        ("<html>not found</html>", 404, "PENDING"),
        (r#"{"message":"no route"}"#, 404, "PENDING"),
        (
            r#"{"transaction_id":"another","status":"never_seen"}"#,
            404,
            "PENDING",
        ),
        (
            r#"{"transaction_id":"ID","status":"never_seen"}"#,
            200,
            "PENDING",
        ),
        (
            r#"{"transaction_id":"ID","status":"not_paid"}"#,
            200,
            "FAILURE",
        ),
        (
            r#"{"transaction_id":"ID","status":"failed","reason":"declined"}"#,
            200,
            "FAILURE",
        ),
        (
            r#"{"transaction_id":"ID","status":"paid","amount":100000}"#,
            200,
            "SUCCESS",
        ),
        (
            r#"{"transaction_id":"ID","status":"paid","amount":99999}"#,
            200,
            "PENDING",
        ),
        (r#"{"transaction_id":"ID","status":"paid"}"#, 200, "PENDING"),
        (
            r#"{"transaction_id":"ID","status":"pending"}"#,
            200,
            "PENDING",
        ),
        (
            r#"{"transaction_id":"another","status":"not_paid"}"#,
            200,
            "PENDING",
        ),
        (
            r#"{"transaction_id":"ID","status":"NOT_PAID"}"#,
            200,
            "PENDING",
        ),
        ("<html>", 200, "PENDING"),
        ("", 500, "PENDING"),
        ("", 401, "PENDING"),
    ] {
        let payment = env.create(100_000).await;
        env.core
            .faults
            .standing("payment", answer(status, &id_of(&payment, body)));
        env.later(&payment).await;
        env.core.faults.off("payment");
        let checked = env.check(&payment).await;
        assert_eq!(checked["status"], expected, "{status} {body}");
        if expected == "PENDING" {
            env.later(&payment).await;
            let checked = env.check(&payment).await;
            assert_eq!(checked["status"], "FAILURE", "asked again: {status} {body}");
            assert_eq!(checked["failure_reason"], "expired");
        }
    }
    env.until_alarm("paid_amount_differs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_core_leaves_a_payment_pending() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    env.core.faults.standing("payment", Fault::Down);
    for _ in 0..3 {
        env.later(&payment).await;
        assert_eq!(env.check(&payment).await["status"], "PENDING");
    }
    env.core.take_money(&payment.id, 100_000);
    // 10:00 on 23/11/2026 in Vietnam.
    env.core.set_paid_at(&payment.id, 1_795_402_800_000);
    env.core.faults.off("payment");
    env.later(&payment).await;
    let checked = env.check(&payment).await;
    assert_eq!(checked["status"], "SUCCESS");
    assert_eq!(checked["paid_at"], "2026-11-23T10:00:00+07:00");
    assert_eq!(checked["partner_banking_method"], "ACCOUNT");
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_expires_by_itself_after_its_grace_period() {
    let env = TestEnv::with(|options| {
        options.sweep_every = std::time::Duration::from_millis(100);
        options.expiry_grace = std::time::Duration::ZERO;
    });
    let env = env.await;
    let payment = env.create(100_000).await;
    // The payment's 900 seconds end now.
    env.time_passes(&payment).await;
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    assert_eq!(env.tiki.known(&payment.tiki_id).unwrap().status, "FAILURE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_payment_is_refunded_in_full_and_once() {
    let env = TestEnv::start().await;
    for fail in ["declined", "expired"] {
        let payment = env.create(100_000).await;
        if fail == "declined" {
            env.send_failed_result(&payment).await;
        } else {
            env.later(&payment).await;
        }
        assert_eq!(env.check(&payment).await["status"], "FAILURE");

        for _ in 0..3 {
            let answer = env.send_paid_result(&payment).await;
            assert_eq!(
                (answer.status, answer.code()),
                (200, Some(0)),
                "{}",
                answer.text
            );
            assert_eq!(answer.json["data"]["status"], "FAILURE");
        }
        env.until("it is back", async || {
            env.core.refunded_vnd(&payment.id) == 100_000
        })
        .await;
        env.until("the refund is made", async || {
            env.check(&payment).await["refunded_amount"] == 100_000
        })
        .await;
        let checked = env.check(&payment).await;
        assert_eq!(checked["status"], "FAILURE", "a final status never changes");
        assert_eq!(checked["refunds"][0]["origin"], "late_payment");
        let refunds = env.core.refunds(&payment.id);
        assert_eq!((refunds.len(), refunds[0].posted), (1, 1));

        let code = if fail == "declined" { 6 } else { 7 };
        assert_eq!(env.refund(&payment, "R1", 1).await.code(), Some(code));
        let second = json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "FT2" });
        assert_eq!(
            env.core
                .send_result(&payment.id, &second)
                .await
                .unwrap()
                .code(),
            Some(0)
        );
        assert_eq!(env.core.refunded_vnd(&payment.id), 100_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_refund_of_a_late_payment_is_looked_up() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    env.send_failed_result(&payment).await;
    env.core.faults.next("refund", [Fault::Lost]);
    env.send_paid_result(&payment).await;
    env.until("the core was asked", async || {
        !env.core.refunds(&payment.id).is_empty()
    })
    .await;
    env.until("it is unknown", async || {
        env.item(&payment).await["refunds"][0]["state"] == "unknown"
    })
    .await;
    env.later(&payment).await;
    assert_eq!(env.check(&payment).await["refunded_amount"], 100_000);
    assert_eq!(env.core.refunds(&payment.id)[0].posted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_come_before_questions_about_expired_payments() {
    let env = TestEnv::start().await;
    env.until("the first sweeps have ended", async || {
        env.sandbox.has_swept()
    })
    .await;
    let mut refunded = Vec::new();
    for _ in 0..4 {
        let payment = env.confirmed(100_000).await;
        env.core.faults.next("refund", [Fault::Lost]);
        assert_eq!(env.refund(&payment, "R1", 40_000).await.code(), Some(12));
        env.time_passes(&payment).await;
        refunded.push(payment);
    }
    for _ in 0..4 {
        let payment = env.create(100_000).await;
        env.time_passes(&payment).await;
    }
    // The core is slow: side by side, both kinds of questions would be at the core at the same time.
    env.core
        .faults
        .standing("find_refund", Fault::Late { ms: 1_000 });
    let began = env.sandbox.journal.now();
    env.sweep("core-worker").await;
    let asked = env.sandbox.journal.since(began);
    let asked = asked.iter().map(|entry| entry.what.as_str());
    let asked: Vec<&str> = asked.filter(|what| what.starts_with("GET ")).collect();
    assert_eq!(asked.len(), 8, "{asked:?}");
    assert!(
        asked[..4].iter().all(|what| *what == "GET refund"),
        "{asked:?}"
    );
    for payment in &refunded {
        assert_eq!(env.core.refunded_vnd(&payment.id), 40_000);
    }
}
