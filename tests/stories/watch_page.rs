//! The page on which a person sees everything happen: `GET /_sandbox`.

use std::time::Duration;

use e2e::TestEnv;
use sandbox::{Caller, Fault, Response};
use serde_json::{Value, json};
use signing::{ClientSecret, Keyring};

async fn get(env: &TestEnv, path: &str) -> Response {
    let url = format!("{}/_sandbox{path}", env.sandbox.url);
    let get = sandbox::http().unwrap().get(url);
    Response::read(get.send().await.unwrap()).await.unwrap()
}

/// The newest call whose `what` begins so.
async fn call(env: &TestEnv, what: &str) -> Value {
    let calls = get(env, "/calls").await.json;
    let calls = calls.as_array().unwrap();
    let mut found = calls.iter().filter(|call| {
        let is = call["what"].as_str().unwrap();
        is.starts_with(what)
    });
    let found = found.next().cloned();
    found.unwrap_or_else(|| panic!("{what} is not among {calls:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_side_of_a_payment_is_shown() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(150_000).await;
    let page = get(&env, "").await;
    assert_eq!(page.status, 200);
    for text in [
        payment.id.as_str(),
        &payment.tiki_id,
        "150.000 ₫",
        "đã trừ tiền",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    for (what, from, to) in [
        ("POST /tikivip/v1/transactions", "Tiki", "API"),
        ("POST /partner/v1/payments/", "core", "API"),
        ("POST /payment/ipn", "ipn-sender", "Tiki"),
    ] {
        let call = call(&env, what).await;
        assert_eq!((&call["from"], &call["to"]), (&json!(from), &json!(to)));
        let message = &call["message"];
        assert_eq!(message["signature"]["verdict"], "holds", "{what}");
        let signed = message["signature"]["signed"].as_str().unwrap();
        assert!(
            signed.ends_with(message["body"].as_str().unwrap()),
            "{signed}"
        );
    }
    let own = get(&env, &format!("/payments/{}", payment.id)).await;
    assert_eq!(own.status, 200, "{}", own.text);
    for text in [
        "aria-current=\"step\">Đã thanh toán",
        "aria-current=\"step\">Tiki đã xác nhận",
    ] {
        assert!(own.text.contains(text), "{text}: {}", own.text);
    }
    let none = get(&env, "/payments/00000000-0000-4000-8000-000000000000").await;
    assert_eq!(none.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_and_what_breaks_is_shown_as_such() {
    let env = TestEnv::start().await;
    let mistaken = Caller {
        keys: Keyring::new(
            env.tiki.caller.keys.client_id().to_owned(),
            ClientSecret::new("another secret of sixteen bytes"),
        ),
        ..env.tiki.caller.clone()
    };
    let body = json!({ "tiki_transaction_id": "T-1" });
    mistaken
        .post("/tikivip/v1/transactions/query", &body)
        .await
        .unwrap();
    let refused = call(&env, "POST /tikivip/v1/transactions/query").await;
    assert_eq!(refused["message"]["signature"]["verdict"], "wrong");
    assert_eq!(refused["message"]["status"], 401);

    let nowhere = sandbox::http().unwrap();
    nowhere
        .get(format!("{}/nowhere", env.sandbox.url))
        .send()
        .await
        .unwrap();
    assert_eq!(call(&env, "GET /nowhere").await["to"], "API Gateway");

    env.tiki.faults.next("ipn", [Fault::Down]);
    env.paid(100_000).await;
    env.until("the notification was sent", async || {
        let calls = get(&env, "/calls").await.text;
        calls.contains("/payment/ipn")
    })
    .await;
    let broken = call(&env, "POST /payment/ipn").await;
    assert_eq!(broken["outcome"], "the connection broke");
    assert_eq!(broken["message"]["status"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_calls_come_by_themselves() {
    let env = TestEnv::start().await;
    let url = format!("{}/_sandbox/events", env.sandbox.url);
    let mut events = sandbox::http().unwrap().get(url).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let payment = env.create(150_000).await;
    let mut seen = String::new();
    let wait = async {
        while !seen.contains(&payment.id) {
            let part = events.chunk().await.unwrap().unwrap();
            seen.push_str(&String::from_utf8_lossy(&part));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
    assert!(seen.starts_with("data: "), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_switched_on_the_page() {
    let env = TestEnv::start().await;
    let form = |fields: Vec<(&'static str, &'static str)>| {
        let url = format!("{}/_sandbox/faults", env.sandbox.url);
        sandbox::http().unwrap().post(url).form(&fields).send()
    };
    let on = form(vec![
        ("call", "ipn"),
        ("fault", "\"down\""),
        ("when", "standing"),
    ]);
    assert_eq!(on.await.unwrap().status().as_u16(), 303);
    assert!(get(&env, "").await.text.contains("Đang bật"));
    let payment = env.paid(100_000).await;
    env.until("Tiki is down", async || {
        env.ipn_state(&payment).await == "retrying"
    })
    .await;
    let off = form(vec![("call", "ipn"), ("fault", ""), ("when", "standing")]);
    assert_eq!(off.await.unwrap().status().as_u16(), 303);
    assert!(!get(&env, "").await.text.contains("Đang bật"));
    env.later(&payment).await;
    assert_eq!(env.ipn_state(&payment).await, "confirmed");
    let unknown = form(vec![
        ("call", "nothing"),
        ("fault", "\"down\""),
        ("when", "next"),
    ]);
    assert_eq!(unknown.await.unwrap().status().as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_for_this_machine_and_no_other_site() {
    let env = TestEnv::start().await;
    for path in ["", "/calls", "/events", "/alarms", "/scenarios", "/board"] {
        let url = format!("{}/_sandbox{path}", env.sandbox.url);
        for (name, value) in [
            ("host", "attacker.example"),
            ("origin", "https://attacker.example"),
        ] {
            let get = sandbox::http().unwrap().get(&url).header(name, value);
            let status = get.send().await.unwrap().status().as_u16();
            assert!([403, 421].contains(&status), "{path} with {name}: {status}");
        }
    }
}
