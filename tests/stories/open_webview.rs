//! `POST /partner/v1/webview` (protocol §6).

use e2e::{TestEnv, now_ms};
use sandbox::{Fault, Response};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_webview_is_opened_and_tikis_answer_is_passed_on() {
    let env = TestEnv::start().await;
    for phone in [
        json!("0912345678"),
        json!("+84912345678"),
        json!(912_345_678),
    ] {
        let customer = json!({ "identify_code": "KH-1", "identify_phone": phone, "identify_fullname": "Nguyễn Văn An" });
        let opened = env.core.open_webview(&customer).await.unwrap();
        assert_eq!(
            (opened.status, opened.code()),
            (200, Some(0)),
            "{}",
            opened.text
        );
        let data = &opened.json["data"];
        for field in ["url_open", "url_checkout_result", "request_id"] {
            assert!(data[field].is_string(), "{}", opened.text);
        }
    }
    let without_name = json!({ "identify_code": "KH-1", "identify_phone": "0912345678" });
    assert_eq!(
        env.core.open_webview(&without_name).await.unwrap().code(),
        Some(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_field_is_named() {
    let env = TestEnv::start().await;
    let good = json!({ "identify_code": "KH-1", "identify_phone": "0912345678" });
    let cases: Vec<(&str, Value)> = vec![
        ("identify_code", json!(null)),
        ("identify_code", json!("")),
        ("identify_code", json!(7)),
        ("identify_code", json!("x".repeat(129))),
        ("identify_phone", json!(null)),
        ("identify_phone", json!("")),
        ("identify_phone", json!("12")),
        ("identify_phone", json!("+6591234567")),
        ("identify_phone", json!("00912345678")),
        ("identify_phone", json!("phone")),
        ("identify_phone", json!(-912_345_678)),
        ("identify_phone", json!(1.5)),
        ("identify_phone", json!([])),
        ("identify_fullname", json!(7)),
        ("identify_fullname", json!("x".repeat(256))),
        ("transaction_amount", json!(1)),
        ("status", json!("SUCCESS")),
    ];
    for (field, value) in cases {
        let mut message = good.clone();
        message[field] = value;
        let answer = env.core.open_webview(&message).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (400, Some(1)),
            "{message}: {}",
            answer.text
        );
        assert!(
            answer.json["message"].as_str().unwrap().contains(field),
            "{}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tikis_refusal_is_passed_on_and_no_answer_is_an_error() {
    let env = TestEnv::start().await;
    let customer = json!({ "identify_code": "KH-1", "identify_phone": "0912345678" });
    let answer = |status, body: &str| Fault::Answer {
        status,
        body: body.to_owned(),
    };
    for (fault, status, code) in [
        (
            answer(200, r#"{"code":1,"message":"invalid request"}"#),
            400,
            1,
        ),
        (
            answer(200, r#"{"code":2,"message":"system error"}"#),
            502,
            2,
        ),
        (answer(200, r#"{"code":0,"message":"success"}"#), 502, 2),
        (answer(200, r#"{"code":0,"data":{"url_open":"x"}}"#), 502, 2),
        (answer(200, "<html>"), 502, 2),
        (answer(500, ""), 502, 2),
        (answer(302, ""), 502, 2),
        (Fault::Down, 502, 2),
        (Fault::Lost, 502, 2),
    ] {
        env.tiki.faults.next("webview", [fault.clone()]);
        let found = env.core.open_webview(&customer).await.unwrap();
        assert_eq!(
            (found.status, found.code()),
            (status, Some(code)),
            "{fault:?}: {}",
            found.text
        );
    }
    // After one refusal the secret is reloaded and the call signed again.
    env.tiki.faults.next("webview", [answer(401, "")]);
    assert_eq!(
        env.core.open_webview(&customer).await.unwrap().code(),
        Some(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_number_is_sent_as_the_setting_says() {
    for (setting, phone) in [
        ("national_number", json!(912_345_678)),
        ("international_number", json!(84_912_345_678_u64)),
        // The played Tiki refuses a text; its refusal is passed on.
        ("string", json!("0912345678")),
    ] {
        let env = TestEnv::with(|options| {
            options
                .parameters
                .push(("TikiPhoneFormat".to_owned(), setting.to_owned()));
        });
        let env = env.await;
        let customer = json!({
            "identify_code": "KH-1", "identify_phone": "0912345678", "identify_fullname": "Nguyễn Văn An",
        });
        let answer = env.core.open_webview(&customer).await.unwrap();
        assert_eq!(
            answer.code(),
            Some(i64::from(phone.is_string())),
            "{setting}: {}",
            answer.text
        );
        let sent = json!({
            "identify_code": "KH-1", "identify_phone": phone, "identify_fullname": "Nguyễn Văn An",
        });
        assert_eq!(env.tiki.webviews(), [sent]);
    }
}

/// A webview is opened for whoever has the answer. So a captured call must not open another one.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_signed_bytes_open_one_webview() {
    let env = TestEnv::start().await;
    let caller = env.sandbox.as_core(&env.options).unwrap();
    let body = json!({ "identify_code": "KH-1", "identify_phone": "0912345678" }).to_string();
    let send = async |headers: [(&'static str, String); 3]| {
        let post = caller.http.post(caller.url("/partner/v1/webview"));
        let post = headers
            .into_iter()
            .fold(post, |post, (name, value)| post.header(name, value));
        let answer = post.body(body.clone()).send().await.unwrap();
        Response::read(answer).await.unwrap()
    };

    let signed = caller.sign(now_ms(), body.as_bytes());
    let first = send(signed.clone()).await;
    assert_eq!(first.code(), Some(0), "{}", first.text);
    for _ in 0..4 {
        let again = send(signed.clone()).await;
        assert_eq!((again.status, &again.text), (200, &first.text));
    }
    // The signature in capitals is the same signature.
    let mut capitals = signed.clone();
    capitals[2].1 = capitals[2].1.to_uppercase();
    assert_eq!(send(capitals).await.text, first.text);
    assert_eq!(env.tiki.webviews().len(), 1);

    // Two at once: one opens it, and the other gets the same answer or none.
    let signed = caller.sign(now_ms() + 1, body.as_bytes());
    let (one, other) = tokio::join!(send(signed.clone()), send(signed.clone()));
    assert!([&one, &other].iter().any(|answer| answer.code() == Some(0)));
    assert_eq!(env.tiki.webviews().len(), 2);
    assert_eq!(send(signed).await.code(), Some(0));

    // What Tiki did not answer is not asked a second time with the same bytes. With new ones it is.
    env.tiki.faults.next("webview", [Fault::Lost]);
    let lost = caller.sign(now_ms() + 2, body.as_bytes());
    assert_eq!(send(lost.clone()).await.status, 502);
    let opened = env.tiki.webviews().len();
    let again = send(lost).await;
    assert_eq!((again.status, again.code()), (502, Some(2)));
    let message = again.json["message"].as_str().unwrap();
    assert!(message.contains("sign it anew"), "{message}");
    assert_eq!(env.tiki.webviews().len(), opened);
    let anew = caller.sign(now_ms() + 3, body.as_bytes());
    assert_eq!(send(anew).await.code(), Some(0));

    // A refusal of Tiki's is repeated, too.
    let refusal = r#"{"code":1,"message":"invalid request"}"#.to_owned();
    let (status, body_of) = (200, refusal.clone());
    env.tiki.faults.next(
        "webview",
        [Fault::Answer {
            status,
            body: body_of,
        }],
    );
    let refused = caller.sign(now_ms() + 4, body.as_bytes());
    for _ in 0..2 {
        let answer = send(refused.clone()).await;
        assert_eq!((answer.status, &answer.text), (400, &refusal));
    }
}
