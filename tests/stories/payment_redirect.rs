//! `GET /pay/{token}` and `GET /pay/{token}/return`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Payment, TestEnv};
use sandbox::Response;
use serde_json::json;
use signing::{ClientSecret, Keyring, PaymentLink};

async fn browse(url: &str) -> Response {
    let browser = sandbox::http();
    Response::read(browser.unwrap().get(url).send().await.unwrap())
        .await
        .unwrap()
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status, 302, "{}", response.text);
    response.headers["location"].to_str().unwrap()
}

fn assert_guarded(response: &Response) {
    let header = |name: &str| response.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("strict-transport-security"), "max-age=31536000");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert!(response.headers.contains_key("x-request-id"));
}

/// Opens a webview and creates a payment in it.
async fn in_a_webview(env: &TestEnv) -> (Payment, String) {
    let customer = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let opened = env.core.open_webview(&customer).await.unwrap();
    let data = &opened.json["data"];
    let tiki_id = env.tiki.order(100_000);
    let created = env
        .tiki
        .create(&tiki_id, data["request_id"].as_str())
        .await
        .unwrap();
    let payment = Payment::created(&tiki_id, 100_000, &created);
    (
        payment,
        data["url_checkout_result"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_redirected_to_the_payment_screen_and_back() {
    let env = TestEnv::start().await;
    let (payment, result_url) = in_a_webview(&env).await;
    let to_screen = browse(&payment.url).await;
    assert_guarded(&to_screen);
    let screen_url = location(&to_screen);
    assert!(screen_url.starts_with(&format!(
        "{}/pay?transaction_id={}&amount=100000&",
        env.sandbox.core_url, payment.id
    )));

    let screen = browse(screen_url).await;
    assert_eq!(screen.status, 200);
    assert!(screen.text.contains("100.000 ₫") && screen.text.contains(r#"<html lang="vi">"#));
    assert!(!screen.text.contains("<script"));

    // The payment screen refuses a changed address.
    let cheaper = browse(&screen_url.replace("amount=100000", "amount=1000")).await;
    assert_eq!(cheaper.status, 400);

    let back = browse(&format!("{}/return", payment.url)).await;
    assert_guarded(&back);
    assert_eq!(location(&back), result_url, "byte for byte");

    env.send_paid_result(&payment).await;
    assert_eq!(
        location(&browse(&payment.url).await),
        result_url,
        "nothing is left to pay"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_decision_reaches_the_functions_and_tiki() {
    let env = TestEnv::start().await;
    for (action, status) in [("pay", "SUCCESS"), ("cancel", "FAILURE")] {
        let (payment, result_url) = in_a_webview(&env).await;
        let screen_url = location(&browse(&payment.url).await).to_owned();
        let query = screen_url.split_once('?').unwrap().1;
        let form = [("query", query), ("action", action)];
        let pressed = env
            .core
            .caller
            .http
            .post(format!("{}/pay", env.sandbox.core_url))
            .form(&form);
        let pressed = pressed.send().await.unwrap();
        assert_eq!(pressed.status(), 303);
        let back = pressed.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(location(&browse(&back).await), result_url);
        assert_eq!(env.check(&payment).await["status"], status);
        env.until("Tiki is notified", async || {
            env.tiki.known(&payment.tiki_id).unwrap().status == status
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_known_webview_the_customer_returns_to_the_shop() {
    let env = TestEnv::start().await;
    let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
    let payment = env.create(100_000).await;
    assert_eq!(
        location(&browse(&format!("{}/return", payment.url)).await),
        shop
    );
    let tiki_id = env.tiki.order(100_000);
    let created = env
        .tiki
        .create(&tiki_id, Some("a-webview-of-yesterday"))
        .await
        .unwrap();
    let url = created.json["data"]["payment_url"].as_str().unwrap();
    assert_eq!(location(&browse(&format!("{url}/return")).await), shop);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_never_redirected_to_an_unknown_host() {
    let env = TestEnv::start().await;
    let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
    let tiki_id = env.tiki.order(100_000);
    let created = env.tiki.create(&tiki_id, Some("webview-1")).await.unwrap();
    let url = created.json["data"]["payment_url"].as_str().unwrap();
    for (result_url, followed) in [
        ("https://evil.example/", false),
        ("https://tiki.vn.evil.example/", false),
        ("https://tiki.vn@evil.example/", false),
        ("http://tiki.vn/", false),
        ("javascript:alert(1)", false),
        (
            "https://tiki.vn//apps/vn.tiki.vip/callback/index?a=%20b",
            true,
        ),
        ("https://beta.tala.xyz/apps/x", true),
    ] {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let session = env.dynamodb.put_item().table_name("SessionsTable");
        let session = session.item("request_id", text("webview-1"));
        let session = session.item("url_checkout_result", text(result_url));
        let far = AttributeValue::N("99999999999".to_owned());
        session.item("expires_at", far).send().await.unwrap();
        let found = browse(&format!("{url}/return")).await;
        assert_eq!(location(&found), if followed { result_url } else { &shop });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_link_shows_a_page_with_a_way_back() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let mut tampered = payment.url.clone();
    let at = tampered.len() - 20;
    let other = if &tampered[at..=at] == "_" { "-" } else { "_" };
    tampered.replace_range(at..=at, other);
    let base = format!("{}/pay", env.sandbox.url);
    for url in [
        tampered,
        format!("{base}/x"),
        format!("{base}/{}", "A".repeat(54)),
        format!("{base}/%00%ff/return"),
    ] {
        let page = browse(&url).await;
        assert_eq!(page.status, 404, "{url}");
        assert_page(&env, &page, "không hợp lệ");
    }

    // The payment has expired without a payment.
    let past = AttributeValue::N("1".to_owned());
    let key = AttributeValue::S(payment.id.clone());
    let update = env
        .dynamodb
        .update_item()
        .table_name("TransactionsTable")
        .key("transaction_id", key);
    let update = update
        .update_expression("SET expires_at = :past")
        .expression_attribute_values(":past", past);
    update.send().await.unwrap();
    let page = browse(&payment.url).await;
    assert_eq!(page.status, 410);
    assert_page(&env, &page, "đã hết hạn");
    // A customer who returns late from the payment screen is still redirected to Tiki.
    assert_eq!(browse(&format!("{}/return", payment.url)).await.status, 302);
}

/// A webview may look before it goes, and the payment screen may end with a form.
#[tokio::test(flavor = "multi_thread")]
async fn head_and_post_lead_where_get_leads() {
    let env = TestEnv::start().await;
    let (payment, result_url) = in_a_webview(&env).await;
    for method in ["HEAD", "POST"] {
        let ask = async |url: String| {
            let browser = sandbox::http().unwrap();
            let asked = browser.request(method.parse().unwrap(), url).send().await;
            Response::read(asked.unwrap()).await.unwrap()
        };
        let to_screen = ask(payment.url.clone()).await;
        assert_guarded(&to_screen);
        assert!(location(&to_screen).starts_with(&env.sandbox.core_url));
        let back = ask(format!("{}/return", payment.url)).await;
        assert_eq!(location(&back), result_url, "{method}");
        let unknown = ask(format!("{}/pay/x", env.sandbox.url)).await;
        assert_eq!(
            (unknown.status, unknown.text.is_empty()),
            (404, method == "HEAD")
        );
    }
}

/// Whatever goes wrong, a browser gets a page with a way back, and a program JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_page_whatever_goes_wrong() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let shop = format!(r#"href="{}/apps/vn.tiki.vip""#, env.sandbox.tiki_url);
    // Routes that are not there: what API Gateway answers, the sandbox plays.
    for (method, path) in [("PUT", ""), ("GET", "/"), ("GET", "/return/")] {
        for (accept, type_of) in [
            ("text/html,*/*;q=0.8", "text/html"),
            ("*/*", "application/json"),
        ] {
            let url = format!("{}{path}", payment.url);
            let request = sandbox::http()
                .unwrap()
                .request(method.parse().unwrap(), url);
            let answer = request.header("accept", accept).send().await.unwrap();
            let answer = Response::read(answer).await.unwrap();
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.headers["content-type"], type_of);
            assert_eq!(answer.text.contains(&shop), type_of == "text/html");
        }
    }

    // A record that cannot be read: the function fails.
    let odd = AttributeValue::S("odd".to_owned());
    let key = AttributeValue::S(payment.id.clone());
    let update = env.dynamodb.update_item().table_name("TransactionsTable");
    let update = update.key("transaction_id", key);
    let update = update.update_expression("SET expires_at = :odd");
    update
        .expression_attribute_values(":odd", odd)
        .send()
        .await
        .unwrap();
    let page = browse(&payment.url).await;
    assert_eq!(page.status, 500);
    assert_page(&env, &page, "xin đừng thanh toán lần nữa");
}

fn assert_page(env: &TestEnv, page: &Response, words: &str) {
    assert_guarded(page);
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(page.text.contains(r#"<html lang="vi">"#) && page.text.contains(r#"lang="en""#));
    assert!(page.text.contains(words), "{}", page.text);
    assert!(page.text.contains(&format!(
        r#"href="{}/apps/vn.tiki.vip""#,
        env.sandbox.tiki_url
    )));
    assert!(
        !page.text.contains("<script") && !page.text.contains("src="),
        "self-contained"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_valid_for_one_transaction_until_it_expires() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let keys = Keyring::new("payment-link", ClientSecret::new("sandbox-link-key"));
    let id: domain::TransactionId = payment.id.parse().unwrap();
    let url = |transaction_id: [u8; 16], expires_at_ms: u64| {
        let link = PaymentLink {
            transaction_id,
            expires_at_ms,
        };
        format!("{}/pay/{}", env.sandbox.url, link.token(&keys))
    };
    let far = 4_102_444_800_000;
    assert_eq!(browse(&url(id.to_bytes(), far)).await.status, 302);
    let over = browse(&url(id.to_bytes(), 1)).await;
    assert_eq!(over.status, 410);
    assert_page(&env, &over, "đã hết hạn");
    let nobody = browse(&url([7; 16], far)).await;
    assert_eq!(nobody.status, 404);
    assert_page(&env, &nobody, "không hợp lệ");
    env.send_failed_result(&payment).await;
    let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
    assert_eq!(
        location(&browse(&payment.url).await),
        shop,
        "failed is final too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_stay_valid_when_the_link_key_is_rotated() {
    let env = TestEnv::start().await;
    let before = env.create(100_000).await;
    assert_eq!(browse(&before.url).await.status, 302);
    let secret = &env.sandbox.plan.secrets["LinkSecret"];
    env.sandbox.secrets.put(secret, "the next link key");
    env.sandbox.restart("create-transaction").await;
    let after = env.create(100_000).await;
    // payment-redirect has cached the old key, and reloads it at most every few seconds.
    env.until("the new link works", async || {
        browse(&after.url).await.status == 302
    })
    .await;
    assert_eq!(browse(&before.url).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_webview_session_is_not_used() {
    let env = TestEnv::start().await;
    let (payment, result_url) = in_a_webview(&env).await;
    let url = format!("{}/return", payment.url);
    assert_eq!(location(&browse(&url).await), result_url);
    let result = AttributeValue::S(result_url);
    let sessions = env
        .dynamodb
        .scan()
        .table_name("SessionsTable")
        .send()
        .await
        .unwrap();
    // The signed call lies beside the session that it opened.
    let is_session =
        |item: &&HashMap<String, AttributeValue>| item.get("url_checkout_result") == Some(&result);
    let session = sessions.items().iter().find(is_session).unwrap();
    let key = session["request_id"].clone();
    let update = env
        .dynamodb
        .update_item()
        .table_name("SessionsTable")
        .key("request_id", key);
    let update = update.update_expression("SET expires_at = :past");
    let past = AttributeValue::N("1".to_owned());
    update
        .expression_attribute_values(":past", past)
        .send()
        .await
        .unwrap();
    let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
    assert_eq!(location(&browse(&url).await), shop);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_first_choice_counts() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let screen_url = location(&browse(&payment.url).await).to_owned();
    let query = screen_url.split_once('?').unwrap().1;
    for action in ["pay", "cancel"] {
        let form = [("query", query), ("action", action)];
        let press = env
            .core
            .caller
            .http
            .post(format!("{}/pay", env.sandbox.core_url));
        assert_eq!(press.form(&form).send().await.unwrap().status(), 303);
    }
    assert_eq!(env.check(&payment).await["status"], "SUCCESS");
}

/// Opens a webview for this customer, and returns its result URL.
async fn open(env: &TestEnv, customer: &str) -> String {
    let customer = json!({ "identify_code": customer, "identify_phone": "0912345678" });
    let opened = env.core.open_webview(&customer).await.unwrap();
    let url = opened.json["data"]["url_checkout_result"].as_str();
    url.unwrap().to_owned()
}

/// Creates a payment of this customer, without the `request_id` of a webview. Returns its link.
async fn create_for(env: &TestEnv, customer: &str) -> Payment {
    let tiki_id = env.tiki.order(100_000);
    let order = json!({
        "tiki_transaction_id": tiki_id, "transaction_amount": 100_000, "identify_code": customer,
    });
    let created = env.tiki.caller.post("/tikivip/v1/transactions", &order);
    Payment::created(&tiki_id, 100_000, &created.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_request_id_the_customers_newest_webview_counts() {
    let env = TestEnv::start().await;
    let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
    open(&env, "KH-1").await;
    let newest = open(&env, "KH-1").await;
    open(&env, "KH-2").await;
    let payment = create_for(&env, "KH-1").await;
    let stranger = create_for(&env, "KH-3").await;
    // A webview that was opened after the payment belongs to another order.
    let later = open(&env, "KH-1").await;
    let back = async |payment: &Payment| {
        let answer = browse(&format!("{}/return", payment.url)).await;
        location(&answer).to_owned()
    };
    env.until("the index has the webviews", async || {
        back(&payment).await == newest
    })
    .await;
    assert_eq!(back(&stranger).await, shop);
    let second = create_for(&env, "KH-1").await;
    assert_eq!(back(&second).await, later);
    assert_eq!(back(&payment).await, newest);

    // A request_id that is given decides alone.
    let tiki_id = env.tiki.order(100_000);
    let order = json!({
        "tiki_transaction_id": tiki_id, "transaction_amount": 100_000,
        "identify_code": "KH-1", "request_id": "unknown",
    });
    let created = env.tiki.caller.post("/tikivip/v1/transactions", &order);
    let unknown = Payment::created(&tiki_id, 100_000, &created.await.unwrap());
    assert_eq!(back(&unknown).await, shop);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_appended_to_the_result_url_if_set() {
    for (append, name) in [
        ("transaction_id", "transactionId"),
        ("tiki_transaction_id", "order"),
    ] {
        let env = TestEnv::with(|options| {
            for (parameter, value) in [("ResultUrlAppend", append), ("ResultUrlParameter", name)] {
                let setting = (parameter.to_owned(), value.to_owned());
                options.parameters.push(setting);
            }
        });
        let env = env.await;
        let (payment, result_url) = in_a_webview(&env).await;
        let id = match append {
            "transaction_id" => &payment.id,
            _ => &payment.tiki_id,
        };
        let expected = format!("{result_url}&{name}={id}");
        let back = browse(&format!("{}/return", payment.url)).await;
        assert_eq!(location(&back), expected);
        env.send_paid_result(&payment).await;
        assert_eq!(location(&browse(&payment.url).await), expected);

        // Nothing is appended to the shop's URL.
        let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
        let unknown = env.create(100_000).await;
        let back = browse(&format!("{}/return", unknown.url)).await;
        assert_eq!(location(&back), shop);
    }
}
