//! `POST /tikivip/v1/transactions`.

use e2e::{DynamoDbProxy, TestEnv};
use sandbox::Response;
use serde_json::{Value, json};

const PATH: &str = "/tikivip/v1/transactions";

fn body(id: &str) -> Value {
    json!({ "tiki_transaction_id": id, "transaction_amount": 100_000 })
}

async fn post(env: &TestEnv, body: &Value) -> Response {
    env.tiki.caller.post(PATH, body).await.unwrap()
}

fn assert_refused(answer: &Response, status: u16, code: i64, field: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, Some(code)),
        "{field}: {}",
        answer.text
    );
    let message = answer.json["message"].as_str().unwrap();
    assert!(message.contains(field), "{message} does not name {field}");
    assert!(answer.headers.contains_key("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_is_answered_with_all_fields() {
    let env = TestEnv::start().await;
    let created = post(
        &env,
        &json!({
            "tiki_transaction_id": "221115TIKIVIP-235784371-1668488254",
            "transaction_amount": 100_000,
            "request_id": "session-1",
            "identify_code": "KH-1",
            "order_code": "235784371",
            "description": "Đơn hàng Tiki",
            "expires_in": 300,
            "a_field_that_tiki_adds_one_day": true,
        }),
    )
    .await;
    assert_eq!(
        (created.status, created.code()),
        (200, Some(0)),
        "{}",
        created.text
    );
    assert_eq!(created.json["message"], "success");
    let data = &created.json["data"];
    assert_eq!(
        data["tiki_transaction_id"],
        "221115TIKIVIP-235784371-1668488254"
    );
    assert_eq!(data["transaction_amount"], 100_000);
    assert_eq!(data["status"], "PENDING");
    let url = data["payment_url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("{}/pay/", env.sandbox.url)),
        "{url}"
    );
    let time = |name: &str| domain::Timestamp::parse_rfc3339(data[name].as_str().unwrap()).unwrap();
    assert_eq!(time("expires_at").since(time("created_at")).as_secs(), 300);
    for name in ["created_at", "expires_at"] {
        assert!(data[name].as_str().unwrap().ends_with("+07:00"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_creation_returns_the_first_answer() {
    let env = TestEnv::start().await;
    let id = env.tiki.order(100_000);
    let first = post(&env, &body(&id)).await;
    let again = post(&env, &body(&id)).await;
    assert_eq!(first.text, again.text);

    // The same request in another JSON format.
    let text = format!(
        r#"{{ "transaction_amount": "100000.0", "tiki_transaction_id": "{id}", "expires_in": 900 }}"#
    );
    let spelt = env
        .tiki
        .caller
        .post_bytes(PATH, text.into_bytes())
        .await
        .unwrap();
    assert_eq!(first.text, spelt.text);

    // A repeat after the payment returns the same answer.
    let payment = e2e::Payment {
        tiki_id: id.clone(),
        id: first.json["data"]["transaction_id"]
            .as_str()
            .unwrap()
            .to_owned(),
        url: String::new(),
        amount: 100_000,
    };
    env.send_paid_result(&payment).await;
    assert_eq!(post(&env, &body(&id)).await.text, first.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_content_is_refused() {
    let env = TestEnv::start().await;
    let id = env.tiki.order(100_000);
    assert_eq!(post(&env, &body(&id)).await.code(), Some(0));
    for (field, value) in [
        ("transaction_amount", json!(100_001)),
        ("request_id", json!("other")),
        ("identify_code", json!("other")),
        ("order_code", json!("other")),
        ("description", json!("other")),
        ("expires_in", json!(901)),
    ] {
        let mut other = body(&id);
        other[field] = value;
        assert_refused(&post(&env, &other).await, 200, 8, "tiki_transaction_id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_field_is_named() {
    let env = TestEnv::start().await;
    let cases = [
        ("tiki_transaction_id", json!(null)),
        ("tiki_transaction_id", json!("")),
        ("tiki_transaction_id", json!(7)),
        ("tiki_transaction_id", json!("a b")),
        ("tiki_transaction_id", json!("a".repeat(65))),
        ("transaction_amount", json!(null)),
        ("transaction_amount", json!("a lot")),
        ("transaction_amount", json!(true)),
        ("transaction_amount", json!([100_000])),
        ("transaction_amount", json!({ "vnd": 100_000 })),
        ("request_id", json!(7)),
        ("request_id", json!("a".repeat(129))),
        ("identify_code", json!("a".repeat(129))),
        ("order_code", json!({})),
        ("description", json!("đ".repeat(256))),
        ("expires_in", json!(299)),
        ("expires_in", json!(86_401)),
        ("expires_in", json!(300.5)),
        ("expires_in", json!("soon")),
        // Fields that belong to other messages.
        ("reference_transaction_id", json!("x")),
        ("transaction_id", json!("x")),
        ("reason", json!("x")),
        ("status", json!("SUCCESS")),
        ("identify_phone", json!(912_345_678)),
    ];
    for (field, value) in cases {
        let mut message = body("T-1");
        message[field] = value;
        assert_refused(&post(&env, &message).await, 400, 1, field);
    }
    for field in ["tiki_transaction_id", "transaction_amount"] {
        let mut message = body("T-1");
        message.as_object_mut().unwrap().remove(field);
        assert_refused(&post(&env, &message).await, 400, 1, field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_amount_is_refused_with_its_own_code() {
    let env = TestEnv::start().await;
    for amount in [
        "0",
        "-1",
        "-100000",
        "0.5",
        "100000.5",
        "100000.00000000001",
        "1e-3",
        "9007199254740993",
        "1e300",
        "99999999999999999999999999",
        "\"0.5\"",
        "\"100.000\"",
        "\"1.000.000\"",
        "\"-1\"",
        "999",
        "500000001",
    ] {
        let text = format!(r#"{{"tiki_transaction_id":"T-1","transaction_amount":{amount}}}"#);
        let answer = env
            .tiki
            .caller
            .post_bytes(PATH, text.into_bytes())
            .await
            .unwrap();
        assert_refused(&answer, 200, 5, "transaction_amount");
    }
    for amount in [
        "1000",
        "500000000",
        "1e5",
        "100000.0",
        "\"100000\"",
        "\"100000.00\"",
    ] {
        let id = env.tiki.order(0);
        let text = format!(r#"{{"tiki_transaction_id":"{id}","transaction_amount":{amount}}}"#);
        let answer = env
            .tiki
            .caller
            .post_bytes(PATH, text.into_bytes())
            .await
            .unwrap();
        assert_eq!(answer.code(), Some(0), "{amount}: {}", answer.text);
        assert!(
            answer.json["data"]["transaction_amount"].is_u64(),
            "always an integer"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let env = TestEnv::start().await;
    let twice =
        br#"{"tiki_transaction_id":"a","tiki_transaction_id":"b","transaction_amount":1000}"#;
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\"x\"",
        b"{\"a\":1}}",
        b"\xff\xfe",
        b"{\"a\":\"\xff\"}",
        twice,
    ];
    for body in bodies {
        let answer = env
            .tiki
            .caller
            .post_bytes(PATH, body.to_vec())
            .await
            .unwrap();
        assert_refused(&answer, 400, 1, "JSON");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_64_kib_is_refused() {
    let env = TestEnv::start().await;
    let of_size = |size: usize| {
        let id = env.tiki.order(0);
        let empty =
            format!(r#"{{"tiki_transaction_id":"{id}","transaction_amount":100000,"x":""}}"#);
        let filler = "x".repeat(size - empty.len());
        empty
            .replace(r#""x":"""#, &format!(r#""x":"{filler}""#))
            .into_bytes()
    };
    let fits = env
        .tiki
        .caller
        .post_bytes(PATH, of_size(65_536))
        .await
        .unwrap();
    assert_eq!((fits.status, fits.code()), (200, Some(0)));
    let too_large = env
        .tiki
        .caller
        .post_bytes(PATH, of_size(65_537))
        .await
        .unwrap();
    assert_refused(&too_large, 413, 1, "65536");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_optional_text_is_as_absent() {
    let env = TestEnv::start().await;
    let id = env.tiki.order(100_000);
    let mut message = body(&id);
    let first = post(&env, &message).await;
    assert_eq!(first.code(), Some(0), "{}", first.text);
    for field in [
        "request_id",
        "identify_code",
        "order_code",
        "description",
        "expires_in",
    ] {
        for empty in ["", "  ", "\n"] {
            message[field] = json!(empty);
            // The same order: a repeat with another value would be refused with code 8.
            assert_eq!(post(&env, &message).await.text, first.text, "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_also_after_the_limits_have_changed() {
    let proxy = DynamoDbProxy::start().await;
    let before = TestEnv::with(|options| options.dynamodb_url = Some(proxy.url.clone())).await;
    let after = TestEnv::with(|options| {
        options.dynamodb_url = Some(proxy.url.clone());
        let setting = ("MinAmountVnd".to_owned(), "200000".to_owned());
        options.parameters.push(setting);
    });
    let after = after.await;
    let small = before.create(100_000).await;
    let create = async |tiki_id: &str, amount: u64| {
        after.tiki.add_order(tiki_id, amount);
        after.tiki.create(tiki_id, None).await.unwrap()
    };

    let repeat = create(&small.tiki_id, 100_000).await;
    assert_eq!(repeat.code(), Some(0), "{}", repeat.text);
    assert_eq!(repeat.json["data"]["transaction_id"], *small.id);
    // Other content is another order under a used id, whatever the limits are.
    assert_eq!(create(&small.tiki_id, 50_000).await.code(), Some(8));
    assert_eq!(create(&small.tiki_id, 300_000).await.code(), Some(8));
    // A new payment must be inside the limits of today.
    assert_eq!(create("NEW-AND-SMALL", 100_000).await.code(), Some(5));
    assert_eq!(create("NEW-AND-LARGE", 300_000).await.code(), Some(0));

    // The app's way gives the same answers.
    let hand_over = async |tiki_id: &str, amount: u64| {
        let order = json!({ "tiki_transaction_id": tiki_id, "transaction_amount": amount });
        after.core.hand_over(&order).await.unwrap()
    };
    after.tiki.add_order(&small.tiki_id, 100_000);
    let repeat = hand_over(&small.tiki_id, 100_000).await;
    assert_eq!(repeat.code(), Some(0), "{}", repeat.text);
    assert_eq!(repeat.json["data"]["transaction_id"], *small.id);
    assert_eq!(hand_over(&small.tiki_id, 50_000).await.code(), Some(8));
    after.tiki.add_order("ALSO-SMALL", 100_000);
    assert_eq!(hand_over("ALSO-SMALL", 100_000).await.code(), Some(5));
}
