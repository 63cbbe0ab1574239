//! `POST /tikivip/v1/transactions/query` and `GET /tikivip/v1/transactions`.

use e2e::{DynamoDbProxy, TestEnv};
use sandbox::Response;
use serde_json::{Value, json};
use signing::GetSigning;

async fn post(env: &TestEnv, body: &Value) -> Response {
    env.tiki
        .caller
        .post("/tikivip/v1/transactions/query", body)
        .await
        .unwrap()
}

async fn get(env: &TestEnv, query: &str) -> Response {
    let path = format!("/tikivip/v1/transactions?{query}");
    env.tiki.caller.get(&path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_finds_a_payment_by_either_id_and_method() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    env.core.take_money(&payment.id, 100_000);
    let result = json!({
        "status": "SUCCESS", "amount": 100_000, "paid_at": "2026-11-23T10:00:00+07:00",
        "partner_banking_method": "ACCOUNT", "rail_reference": "FT1",
    });
    env.core.send_result(&payment.id, &result).await.unwrap();
    let refunded = env.refund(&payment, "R1", 30_000).await;

    let (tiki_id, id) = (&payment.tiki_id, &payment.id);
    let expected = post(&env, &json!({ "tiki_transaction_id": tiki_id })).await;
    assert_eq!(expected.status, 200);
    let json = &expected.json;
    for (field, value) in [
        ("code", json!(0)),
        ("message", json!("success")),
        ("tiki_transaction_id", json!(tiki_id)),
        ("transaction_id", json!(id)),
        ("partner_transaction_id", json!(id)),
        ("status", json!("SUCCESS")),
        ("amount", json!(100_000)),
        ("transaction_amount", json!(100_000)),
        ("failure_reason", json!(null)),
        ("partner_banking_method", json!("ACCOUNT")),
        ("paid_at", json!("2026-11-23T10:00:00+07:00")),
        ("refunded_amount", json!(30_000)),
    ] {
        assert_eq!(json[field], value, "{field}");
    }
    let refund = &json["refunds"][0];
    assert_eq!(refund["request_id"], "R1");
    assert_eq!(refund["refund_id"], refunded.json["data"]["refund_id"]);
    assert_eq!(
        (&refund["amount"], &refund["status"]),
        (&json!(30_000), &json!("SUCCESS"))
    );
    assert!(refund["created_at"].as_str().unwrap().ends_with("+07:00"));

    for other in [
        post(&env, &json!({ "transaction_id": id })).await,
        post(&env, &json!({ "transaction_id": id.to_uppercase() })).await,
        post(
            &env,
            &json!({ "tiki_transaction_id": tiki_id, "transaction_id": id }),
        )
        .await,
        get(&env, &format!("tiki_transaction_id={tiki_id}")).await,
        get(&env, &format!("transaction_id={id}")).await,
        get(
            &env,
            &format!("tiki_transaction_id={tiki_id}&transaction_id={id}"),
        )
        .await,
        get(
            &env,
            &format!("transaction_id={id}&tiki_transaction_id={tiki_id}"),
        )
        .await,
    ] {
        assert_eq!(other.text, expected.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_or_a_malformed_look_up_is_refused() {
    let env = TestEnv::start().await;
    let one = env.create(100_000).await;
    let two = env.create(100_000).await;
    let nobody = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";
    for (body, status, code, word) in [
        (
            json!({ "tiki_transaction_id": "unknown" }),
            200,
            3,
            "not found",
        ),
        (json!({ "transaction_id": nobody }), 200, 3, "not found"),
        (
            json!({ "transaction_id": "no-id-of-ours" }),
            200,
            3,
            "not found",
        ),
        (
            json!({ "transaction_id": one.id, "tiki_transaction_id": two.tiki_id }),
            400,
            1,
            "transaction_id",
        ),
        (json!({}), 400, 1, "tiki_transaction_id"),
        (
            json!({ "tiki_transaction_id": 7 }),
            400,
            1,
            "tiki_transaction_id",
        ),
        (json!({ "transaction_id": "a b" }), 400, 1, "transaction_id"),
        (
            json!({ "tiki_transaction_id": one.tiki_id, "status": "SUCCESS" }),
            400,
            1,
            "status",
        ),
        (
            json!({ "transaction_id": one.id, "reference_transaction_id": "x" }),
            400,
            1,
            "reference",
        ),
        (
            json!({ "transaction_id": one.id, "transaction_amount": 1 }),
            400,
            1,
            "transaction_amount",
        ),
    ] {
        let answer = post(&env, &body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{body} {}",
            answer.text
        );
        assert!(
            answer.json["message"].as_str().unwrap().contains(word),
            "{}",
            answer.text
        );
    }
    for (query, status, code) in [
        ("tiki_transaction_id=unknown", 200, 3),
        ("tiki_transaction_id=", 400, 1),
        ("x=1", 400, 1),
        ("transaction_amount=1&tiki_transaction_id=x", 400, 1),
        ("a=1&b=2&c=3&tiki_transaction_id=x", 401, 97),
    ] {
        let answer = get(&env, query).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{query} {}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_another_partner_is_refused() {
    let proxy = DynamoDbProxy::start().await;
    let here = TestEnv::with(|options| options.dynamodb_url = Some(proxy.url.clone())).await;
    let theirs = TestEnv::with(|options| {
        options.dynamodb_url = Some(proxy.url.clone());
        options.credentials.client_id = "another-partner".to_owned();
    });
    let theirs = theirs.await;
    let payment = theirs.paid(100_000).await;

    let answer = post(&here, &json!({ "transaction_id": payment.id })).await;
    assert_eq!(
        (answer.status, answer.code()),
        (200, Some(4)),
        "{}",
        answer.text
    );
    let answer = here.refund(&payment, "R1", 1_000).await;
    assert_eq!(
        (answer.status, answer.code()),
        (500, Some(4)),
        "{}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_verified_only_as_the_setting_says() {
    for setting in ["relative_path", "full_path", "empty_body", "empty_object"] {
        let env = TestEnv::with(|options| {
            options
                .parameters
                .push(("TikiGetSigning".to_owned(), setting.to_owned()));
        });
        let env = env.await;
        let payment = env.create(100_000).await;
        let path = format!(
            "/tikivip/v1/transactions?tiki_transaction_id={}",
            payment.tiki_id
        );
        for sent in ["relative_path", "empty_body", "empty_object"] {
            let mut caller = env.tiki.caller.clone();
            caller.get_signing = sent.parse::<GetSigning>().unwrap();
            let answer = caller.get(&path).await.unwrap();
            // At the host's root a relative path and a full path are the same.
            let fits = sent == setting || (sent, setting) == ("relative_path", "full_path");
            assert_eq!(
                answer.status == 200,
                fits,
                "{sent} under {setting}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_may_be_signed_relative_to_the_api() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let mut caller = env.tiki.caller.clone();
    caller.base += "/tikivip/v1";
    let path = format!("/transactions?tiki_transaction_id={}", payment.tiki_id);
    let answer = caller.get(&path).await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (200, Some(0)),
        "{}",
        answer.text
    );
    let other = caller
        .get("/transactions?tiki_transaction_id=other")
        .await
        .unwrap();
    assert_eq!(other.code(), Some(3));
}
