//! A whole purchase, as `sandbox --once` shows it.

use e2e::TestEnv;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_works_from_the_webview_to_a_refund() {
    let env = TestEnv::start().await;
    let mut lines = Vec::new();
    let walked = sandbox::walk(&env.sandbox, &mut |line| lines.push(line.to_owned())).await;
    walked.unwrap_or_else(|error| panic!("{error:#}\n{}", lines.join("\n")));
    let shown = lines.join("\n");
    for step in [
        "app → open-webview",
        "open-webview → Tiki",
        "Tiki → create-transaction",
        "customer → payment-redirect",
        "core → payment-result",
        "stream → ipn-sender",
        "ipn-sender → Tiki",
        "Tiki → refund-transaction",
        "Tiki → check-transaction",
        "100.000 ₫ paid and confirmed",
    ] {
        assert!(shown.contains(step), "no {step} in\n{shown}");
    }
}

/// With a core of one's own the walk prints the link, and waits until somebody has paid there.
#[tokio::test(flavor = "multi_thread")]
async fn the_walk_waits_for_another_core_to_pay() {
    // The core of another sandbox stands for the partner's own.
    let own = TestEnv::start().await;
    let options = sandbox::Options {
        core_url: Some(own.sandbox.core_url.parse().unwrap()),
        no_cron: true,
        ..sandbox::Options::default()
    };
    let sandbox = sandbox::Sandbox::start(options).await.unwrap();
    own.core.call_api_at(Some(sandbox.url.clone()));
    let (said, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let walk = async {
        let mut print = |line: &str| said.send(line.to_owned()).unwrap();
        sandbox::walk(&sandbox, &mut print).await
    };
    let pay = async {
        let link = loop {
            let line = lines.recv().await.unwrap();
            if line.contains("/pay/") {
                break line.trim().to_owned();
            }
        };
        let browser = sandbox::http().unwrap();
        let led = browser.get(&link).send().await.unwrap();
        let screen = led.headers()["location"].to_str().unwrap();
        let (address, query) = screen.split_once('?').unwrap();
        let shown = browser.get(screen).send().await.unwrap();
        assert_eq!(shown.status().as_u16(), 200);
        let form = [("query", query), ("action", "pay")];
        let paid = browser.post(address).form(&form).send().await.unwrap();
        assert_eq!(paid.status().as_u16(), 303);
    };
    let (walked, ()) = tokio::join!(walk, pay);
    walked.unwrap();
    let mut rest = Vec::new();
    while let Ok(line) = lines.try_recv() {
        rest.push(line);
    }
    let rest = rest.join("\n");
    assert!(rest.contains("100.000 ₫ paid and confirmed"), "{rest}");
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiki_is_notified_of_a_declined_payment() {
    let env = TestEnv::start().await;
    let payment = env.create(50_000).await;
    assert_eq!(env.send_failed_result(&payment).await.code(), Some(0));
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;

    let order = env.tiki.known(&payment.tiki_id).unwrap();
    assert_eq!(order.status, "FAILURE");
    assert_eq!(
        order.ipns[0].body,
        json!({
            "reference_transaction_id": payment.tiki_id,
            "transaction_amount": 50_000,
            "transaction_id": payment.id,
            "status": "FAILURE",
        })
    );
    let checked = env.check(&payment).await;
    assert_eq!(checked["status"], "FAILURE");
    assert_eq!(checked["failure_reason"], "not enough money");
    assert_eq!(checked["paid_at"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_places_an_order_at_the_sandboxs_tiki() {
    let env = TestEnv::start().await;
    let place = async |order: Value| {
        let orders = format!("{}/_sandbox/orders", env.sandbox.tiki_url);
        let post = sandbox::http().unwrap().post(orders);
        let post = post.header("content-type", "application/json");
        let answer = post.body(order.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, answer)
    };
    let (status, placed) = place(json!({ "amount": 150_000 })).await;
    assert_eq!((status, &placed["amount"]), (200, &json!(150_000)));

    // The order is known at both sides, and unpaid.
    let tiki_id = placed["tiki_transaction_id"].as_str().unwrap();
    let order = env.tiki.known(tiki_id).unwrap();
    assert_eq!((order.amount, order.status.as_str()), (150_000, "PENDING"));
    let checked = env.tiki.check(tiki_id).await.unwrap().json;
    assert_eq!(checked["status"], "PENDING");
    assert_eq!(checked["transaction_id"], placed["transaction_id"]);
    // Its link leads to the payment screen.
    let link = placed["payment_url"].as_str().unwrap();
    let opened = sandbox::http().unwrap().get(link).send().await.unwrap();
    assert_eq!(opened.status().as_u16(), 302);
    let screen = opened.headers()["location"].to_str().unwrap();
    assert!(screen.starts_with(&env.sandbox.core_url), "{screen}");

    // It may say more of the create call.
    let (status, placed) = place(json!({
        "amount": 150_000,
        "expires_in": 300,
        "identify_code": "KH-0001",
        "order_code": "A-1",
        "description": "Đơn hàng",
    }))
    .await;
    assert_eq!(status, 200, "{placed}");
    let id = placed["transaction_id"].as_str().unwrap();
    let details = env.core.details(id).await.unwrap().json;
    assert_eq!(details["data"]["identify_code"], "KH-0001");
    assert_eq!(details["data"]["order_code"], "A-1");

    // What the partner refuses is answered with the reason.
    let (_, refused) = place(json!({ "amount": 150_000, "expires_in": 1 })).await;
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("expires_in"), "{message}");
    let (status, refused) = place(json!({ "amount": 10 })).await;
    assert_eq!(status, 502);
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains(r#""code":5"#), "{message}");
}
