//! The payment screen of the sandbox's core, held to docs/core.md#what-the-screen-shows.

use e2e::{Payment, TestEnv, now_ms};
use reqwest::Url;
use sandbox::Response;
use serde_json::Value;

const RETURN_URL: &str = "https://pay.example.vn/return";

async fn sent(request: reqwest::RequestBuilder) -> Response {
    let answer = Response::read(request.send().await.unwrap()).await.unwrap();
    let headers = &answer.headers;
    if answer.text.contains("<html") {
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
    answer
}

/// A link as payment-redirect signs it.
fn link(env: &TestEnv, id: &str, amount: u64, expires_in_ms: i64) -> Url {
    let now = now_ms();
    let mut url: Url = format!("{}/pay", env.sandbox.core_url).parse().unwrap();
    url.query_pairs_mut()
        .append_pair("transaction_id", id)
        .append_pair("amount", &amount.to_string())
        .append_pair("expires_at", &(now + expires_in_ms).to_string())
        .append_pair("return_url", RETURN_URL);
    let message = format!("/pay?{}", url.query().unwrap());
    let signed = env.core.caller.keys.sign(now, message.as_bytes());
    url.query_pairs_mut()
        .append_pair("client_id", &signed.client_id)
        .append_pair("timestamp", &signed.timestamp)
        .append_pair("signature", &signed.signature);
    url
}

async fn open(link: &Url) -> Response {
    sent(sandbox::http().unwrap().get(link.clone())).await
}

async fn click(env: &TestEnv, link: &Url, action: &str) -> Response {
    let form = [("query", link.query().unwrap()), ("action", action)];
    let url = format!("{}/pay", env.sandbox.core_url);
    sent(sandbox::http().unwrap().post(url).form(&form)).await
}

fn assert_back(answer: &Response) {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.headers["location"], RETURN_URL);
}

async fn status(env: &TestEnv, payment: &Payment) -> Value {
    env.check(payment).await["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_shown_until_the_customer_has_decided_and_never_again() {
    let env = TestEnv::start().await;
    for (choice, other, decided) in [("pay", "cancel", "SUCCESS"), ("cancel", "pay", "FAILURE")] {
        let payment = env.create(100_000).await;
        let link = link(&env, &payment.id, 100_000, 600_000);
        let page = open(&link).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<form") && page.text.contains("100.000 ₫"));
        // What is neither button decides nothing.
        assert_eq!(click(&env, &link, "refund").await.status, 400);
        assert_eq!(status(&env, &payment).await, "PENDING");

        // The changed cookie ends what a browser kept of the form for the button back.
        let answer = click(&env, &link, choice).await;
        assert_back(&answer);
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("Path=/pay"),
            "{cookie}"
        );
        assert_eq!(status(&env, &payment).await, decided);
        assert_back(&open(&link).await);
        for action in [choice, other] {
            assert_back(&click(&env, &link, action).await);
        }
        assert_eq!(status(&env, &payment).await, decided);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clicks_at_once_are_one_decision() {
    let env = TestEnv::start().await;
    for _ in 0..5 {
        let payment = env.create(100_000).await;
        let link = link(&env, &payment.id, 100_000, 600_000);
        let (pay, cancel) = tokio::join!(click(&env, &link, "pay"), click(&env, &link, "cancel"));
        assert_back(&pay);
        assert_back(&cancel);
        let item = env.item(&payment).await;
        assert!(
            item["needs_review"].is_null(),
            "two words about one payment: {item}"
        );
        assert_ne!(status(&env, &payment).await, "PENDING");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_cannot_pay_shows_why_and_no_form() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let over = link(&env, &payment.id, 100_000, -1_000);
    let cheaper = link(&env, &payment.id, 1_000, 600_000);
    let unknown = link(
        &env,
        "9e87ce51-4647-5d79-9155-19ee50d4d84e",
        100_000,
        600_000,
    );
    let forged = link(&env, &payment.id, 100_000, 600_000);
    let forged = forged.as_str().replace("amount=100000", "amount=1000");
    let forged = forged.parse().unwrap();
    for (link, expected) in [(over, 410), (cheaper, 400), (unknown, 400), (forged, 400)] {
        for page in [open(&link).await, click(&env, &link, "pay").await] {
            assert_eq!(page.status, expected, "{link}");
            assert!(!page.text.contains("<form"), "{}", page.text);
            let leads_back = page.text.contains(RETURN_URL);
            assert_eq!(leads_back, expected == 410, "{}", page.text);
        }
    }
    assert_eq!(status(&env, &payment).await, "PENDING");

    // A payment that has failed is not open any more.
    env.send_failed_result(&payment).await;
    assert_back(&open(&link(&env, &payment.id, 100_000, 600_000)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_decision_gets_a_page_and_decides_nothing() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let link = link(&env, &payment.id, 100_000, 600_000);
    let post = async |form: &[(&str, &str)]| {
        let url = format!("{}/pay", env.sandbox.core_url);
        sent(sandbox::http().unwrap().post(url).form(form)).await
    };
    let query = link.query().unwrap();
    for form in [
        &[][..],
        &[("action", "pay")],
        &[("query", query)],
        &[("query", query), ("action", "refund")],
        &[("query", "transaction_id=x"), ("action", "pay")],
    ] {
        let page = post(form).await;
        assert_eq!(page.status, 400, "{form:?}: {}", page.text);
    }
    assert_eq!(status(&env, &payment).await, "PENDING");
    // A payment that is decided leads back, whatever is clicked.
    assert_back(&click(&env, &link, "pay").await);
    assert_back(&post(&[("query", query), ("action", "refund")]).await);
}
