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
async fn a_payment_survives_a_change_of_the_client_id() {
    let proxy = DynamoDbProxy::start().await;
    let before = TestEnv::with(|options| options.dynamodb_url = Some(proxy.url.clone())).await;
    let former = before.options.credentials.client_id.clone();
    let after = TestEnv::with(|options| {
        options.dynamodb_url = Some(proxy.url.clone());
        options.credentials.client_id = "the-next-client-id".to_owned();
        let setting = ("TikiFormerClientIds".to_owned(), former.clone());
        options.parameters.push(setting);
    });
    let after = after.await;
    // Both stacks read one stream, so either may notify its Tiki: both know the order.
    let payment = before.create(100_000).await;
    after.tiki.add_order(&payment.tiki_id, 100_000);
    before.send_paid_result(&payment).await;
    after.core.take_money(&payment.id, 100_000);
    let item = before.item(&payment).await;
    assert!(!item.to_string().contains(&former), "{item}");

    // Each question finds the same payment under the new id, and so does a repeat of its creation.
    let (tiki_id, id) = (&payment.tiki_id, &payment.id);
    for answer in [
        post(&after, &json!({ "transaction_id": id })).await,
        post(&after, &json!({ "tiki_transaction_id": tiki_id })).await,
        get(&after, &format!("tiki_transaction_id={tiki_id}")).await,
    ] {
        assert_eq!(answer.json["transaction_id"], *id, "{}", answer.text);
        assert_eq!(answer.json["status"], "SUCCESS", "{}", answer.text);
    }
    let repeat = after.tiki.create(tiki_id, None).await.unwrap();
    assert_eq!(
        repeat.json["data"]["transaction_id"], *id,
        "{}",
        repeat.text
    );

    // What Tiki still signs under the former id is accepted and counted; another id is not.
    let secret = &after.options.credentials.client_secret;
    let under = |id: &str| after.caller_with(&after.tiki.caller, id, secret);
    let body = json!({ "transaction_id": id });
    let path = "/tikivip/v1/transactions/query";
    let answer = under(&former).post(path, &body).await.unwrap();
    assert_eq!(answer.code(), Some(0), "{}", answer.text);
    let forged = after.caller_with(&after.tiki.caller, &former, "another secret");
    for refused in [under("a-stranger"), forged] {
        let answer = refused.post(path, &body).await.unwrap();
        assert_eq!((answer.status, answer.code()), (401, Some(97)));
    }
    after
        .until("the use of the former id is in the log", async || {
            let mut logs = after.sandbox.logs().into_iter();
            logs.any(|line| line.event["former_client_id"] == former.as_str())
        })
        .await;
    let answer = after.refund(&payment, "R1", 1_000).await;
    assert_eq!((answer.status, answer.code()), (200, Some(0)));

    // Our own calls have the new id only: the played Tiki accepts no other.
    let customer = json!({ "identify_code": "KH-0001", "identify_phone": "0912345678" });
    let opened = after.core.caller.post("/partner/v1/webview", &customer);
    assert_eq!(opened.await.unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_from_tiki_binds_its_path_whatever_the_setting() {
    for setting in ["relative_path", "full_path", "empty_body", "empty_object"] {
        let env = TestEnv::with(|options| {
            options
                .parameters
                .push(("TikiGetSigning".to_owned(), setting.to_owned()));
        });
        let env = env.await;
        let payment = env.create(100_000).await;
        let day = "/tikivip/v1/reconciliation/2026-11-22".to_owned();
        let query = format!("tiki_transaction_id={}", payment.tiki_id);
        let path = format!("/tikivip/v1/transactions?{query}");
        for path in [path, day] {
            for sent in GetSigning::ALL {
                let mut caller = env.tiki.caller.clone();
                caller.get_signing = sent;
                let answer = caller.get(&path).await.unwrap();
                let binds = matches!(sent, GetSigning::RelativePath | GetSigning::FullPath);
                let expected = if binds { 200 } else { 401 };
                assert_eq!(
                    answer.status, expected,
                    "{sent:?} under {setting}: {}",
                    answer.text
                );
            }
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
