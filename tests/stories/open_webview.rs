//! `POST /partner/v1/webview` (protocol §6).

use e2e::TestEnv;
use sandbox::Fault;
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
