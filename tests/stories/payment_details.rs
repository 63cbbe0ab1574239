//! `GET /partner/v1/payments/{transaction_id}`.

use e2e::{Payment, TestEnv};
use serde_json::json;
use signing::GetSigning;

#[tokio::test(flavor = "multi_thread")]
async fn the_payment_screen_reads_a_payment_in_every_state() {
    let env = TestEnv::start().await;
    let tiki_id = env.tiki.order(100_000);
    let order = json!({
        "tiki_transaction_id": tiki_id, "transaction_amount": 100_000, "identify_code": "KH-0001",
        "order_code": "235784371", "description": "Đơn hàng Tiki VIP",
    });
    let create = env.tiki.caller.post("/tikivip/v1/transactions", &order);
    let created = create.await.unwrap();
    let payment = Payment::created(&tiki_id, 100_000, &created);
    let data = env.core.details(&payment.id).await.unwrap().json["data"].clone();
    for (field, value) in [
        ("transaction_id", json!(payment.id)),
        ("tiki_transaction_id", json!(tiki_id)),
        ("transaction_amount", json!(100_000)),
        ("status", json!("PENDING")),
        ("created_at", created.json["data"]["created_at"].clone()),
        ("expires_at", created.json["data"]["expires_at"].clone()),
        ("identify_code", json!("KH-0001")),
        ("order_code", json!("235784371")),
        ("description", json!("Đơn hàng Tiki VIP")),
        ("refunded_amount", json!(0)),
        ("refunds", json!([])),
    ] {
        assert_eq!(data[field], value, "{field}");
    }

    env.send_paid_result(&payment).await;
    env.refund(&payment, "R1", 30_000).await;
    let data = env.core.details(&payment.id).await.unwrap().json["data"].clone();
    let checked = env.check(&payment).await;
    assert_eq!(data["status"], checked["status"]);
    assert_eq!(data["refunded_amount"], 30_000);
    assert_eq!(
        data["refunds"][0]["refund_id"],
        checked["refunds"][0]["refund_id"]
    );
    assert_eq!(data["refunds"][0]["amount"], 30_000);
    assert_eq!(data["refunds"][0]["request_id"], "R1");

    let declined = env.create(50_000).await;
    env.send_failed_result(&declined).await;
    let data = env.core.details(&declined.id).await.unwrap().json["data"].clone();
    assert_eq!(data["status"], "FAILURE");
    assert!(data["identify_code"].is_null(), "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_malformed_id_is_refused() {
    let env = TestEnv::start().await;
    for (id, status, code) in [
        ("9d2f8378-8d6c-5b98-8c46-c1852c4d18ed", 200, 3),
        ("no-id-of-ours", 200, 3),
        (&"x".repeat(65), 400, 1),
    ] {
        let answer = env.core.details(id).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{id}: {}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_signature_of_the_whole_path_opens_a_payment() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let other = env.create(100_000).await;
    let path = format!("/partner/v1/payments/{}", payment.id);
    for signed in [
        String::new(),
        "{}".to_owned(),
        // What we sign when we ask the core about this payment, with the same secret.
        format!("/payments/{}", payment.id),
        format!("/partner/v1/payments/{}", other.id),
        format!("{path}/result"),
        format!("{path}?x=1"),
    ] {
        let caller = &env.core.caller;
        let headers = caller.sign(e2e::now_ms(), signed.as_bytes());
        let request = caller.http.get(caller.url(&path));
        let request = headers
            .into_iter()
            .fold(request, |r, (name, value)| r.header(name, value));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{signed:?}");
    }
    let mut caller = env.core.caller.clone();
    caller.get_signing = GetSigning::EmptyBody;
    assert_eq!(caller.get(&path).await.unwrap().code(), Some(97));
    assert_eq!(env.core.details(&payment.id).await.unwrap().code(), Some(0));
}
