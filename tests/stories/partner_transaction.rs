//! `POST /partner/v1/transactions`: the app hands over a payment, and Tiki makes no create call (protocol §1).

use e2e::{Payment, TestEnv};
use sandbox::Fault;
use serde_json::{Value, json};

fn order(tiki_id: &str, amount: u64) -> Value {
    json!({
        "tiki_transaction_id": tiki_id, "transaction_amount": amount, "identify_code": "KH-0001",
        "order_code": "235784371", "description": "Đơn hàng Tiki VIP", "expires_in": 900,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handed_over_payment_is_like_any_other() {
    let env = TestEnv::start().await;
    let tiki_id = env.tiki.order(100_000);
    let handed_over = env.core.hand_over(&order(&tiki_id, 100_000)).await.unwrap();
    assert_eq!(handed_over.code(), Some(0), "{}", handed_over.text);
    let data = &handed_over.json["data"];
    assert_eq!(data["status"], "PENDING");
    let id = data["transaction_id"].as_str().unwrap().to_owned();

    // Tiki's own create call with the same content finds it, and has the link.
    let body = order(&tiki_id, 100_000);
    let create = env.tiki.caller.post("/tikivip/v1/transactions", &body);
    let created = create.await.unwrap();
    let payment = Payment::created(&tiki_id, 100_000, &created);
    assert_eq!(payment.id, id);
    for field in ["created_at", "expires_at", "transaction_amount"] {
        assert_eq!(created.json["data"][field], data[field], "{field}");
    }

    env.send_paid_result(&payment).await;
    env.until("Tiki is notified", async || {
        env.tiki.known(&tiki_id).unwrap().status == "SUCCESS"
    })
    .await;
    let refunded = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(refunded.code(), Some(0), "{}", refunded.text);
    assert_eq!(env.check(&payment).await["refunded_amount"], 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_and_writes_nothing() {
    let env = TestEnv::start().await;
    let tiki_id = env.tiki.order(100_000);
    let body = order(&tiki_id, 100_000);
    let first = env.core.hand_over(&body).await.unwrap();
    let id = first.json["data"]["transaction_id"].as_str().unwrap();
    let payment = Payment {
        tiki_id: tiki_id.clone(),
        id: id.to_owned(),
        url: String::new(),
        amount: 100_000,
    };
    env.send_paid_result(&payment).await;
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    let before = env.item(&payment).await;
    // Tiki has it as paid by now, and is not asked.
    let repeat = env.core.hand_over(&body).await.unwrap();
    assert_eq!(repeat.text, first.text);
    let mut other = body.clone();
    other["description"] = json!("another");
    for changed in [order(&tiki_id, 90_000), other] {
        let refused = env.core.hand_over(&changed).await.unwrap();
        assert_eq!((refused.status, refused.code()), (200, Some(8)));
    }
    assert_eq!(env.item(&payment).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_amount_and_the_order_are_tikis() {
    let env = TestEnv::start().await;
    let pending = env.tiki.order(100_000);
    let cancelled = env.tiki.order(100_000);
    env.tiki.change(&cancelled, |order| order.cancelled = true);
    let failed = env.tiki.order(100_000);
    env.tiki
        .change(&failed, |order| "FAILURE".clone_into(&mut order.status));
    env.tiki.add_order_only_at_tiki("PAID-AT-TIKI", 100_000);
    for (tiki_id, amount, status, code) in [
        (pending.as_str(), 1_000, 200, 5),
        (&pending, 100_001, 200, 5),
        // The limits of a payment hold here too.
        (&pending, 999, 200, 5),
        (&pending, 500_000_001, 200, 5),
        ("NOBODY-KNOWS-IT", 100_000, 200, 3),
        (&cancelled, 100_000, 200, 6),
        (&failed, 100_000, 200, 6),
        ("PAID-AT-TIKI", 100_000, 200, 8),
        ("a b", 100_000, 400, 1),
    ] {
        let answer = env.core.hand_over(&order(tiki_id, amount)).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{tiki_id} {amount}: {}",
            answer.text
        );
        let looked_up = env.tiki.check(tiki_id).await.unwrap();
        assert_ne!(looked_up.code(), Some(0), "nothing was created: {tiki_id}");
    }
    let mut foreign = order(&pending, 100_000);
    foreign["transaction_id"] = json!("9d2f8378-8d6c-5b98-8c46-c1852c4d18ed");
    let answer = env.core.hand_over(&foreign).await.unwrap();
    assert_eq!((answer.status, answer.code()), (400, Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tikis_answer_nothing_is_created() {
    let env = TestEnv::start().await;
    let tiki_id = env.tiki.order(100_000);
    let body = order(&tiki_id, 100_000);
    let answered = |status, body: &str| Fault::Answer {
        status,
        body: body.to_owned(),
    };
    let without_amount =
        format!(r#"{{"code":0,"tiki_transaction_id":"{tiki_id}","status":"PENDING"}}"#);
    for fault in [
        Fault::Down,
        answered(200, r#"{"code":2,"message":"system error"}"#),
        answered(200, r#"{"code":1,"message":"invalid request"}"#),
        answered(200, "<html>"),
        answered(404, r#"{"code":3,"message":"not found"}"#),
        answered(200, &without_amount),
        answered(
            200,
            r#"{"code":0,"tiki_transaction_id":"another","status":"PENDING","amount":100000}"#,
        ),
    ] {
        let name = format!("{fault:?}");
        env.tiki.faults.next("look_up", [fault]);
        let answer = env.core.hand_over(&body).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (502, Some(2)),
            "{name}: {}",
            answer.text
        );
        assert_eq!(env.tiki.check(&tiki_id).await.unwrap().code(), Some(3));
    }
    // It is safe to repeat.
    let answer = env.core.hand_over(&body).await.unwrap();
    assert_eq!(answer.code(), Some(0), "{}", answer.text);
}
