//! The played Tiki's shop, as a person with a browser uses it: buys, pays, sees the result, gives money back.

use e2e::TestEnv;
use reqwest::Response;
use serde_json::json;

async fn page(url: &str) -> (u16, String) {
    read(sandbox::http().unwrap().get(url).send().await.unwrap()).await
}

async fn read(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A form that a browser sends, and where it leads.
async fn sent(url: &str, fields: &[(&str, &str)]) -> Result<String, (u16, String)> {
    let post = sandbox::http().unwrap().post(url).form(fields);
    let answer = post.send().await.unwrap();
    let location = answer.headers().get("location");
    match location.map(|to| to.to_str().unwrap().to_owned()) {
        Some(to) => Ok(to),
        None => Err(read(answer).await),
    }
}

async fn led(url: &str) -> String {
    let answer = sandbox::http().unwrap().get(url).send().await.unwrap();
    let to = answer.headers().get("location");
    to.unwrap_or_else(|| panic!("{url} leads nowhere"))
        .to_str()
        .unwrap()
        .to_owned()
}

/// Opens the payment screen and presses a button there. Gives where it leads: the way back to Tiki.
async fn press(env: &TestEnv, payment_url: &str, action: &str) -> String {
    let screen = led(payment_url).await;
    let (status, shown) = page(&screen).await;
    assert_eq!(status, 200, "{shown}");
    for text in ["150.000 ₫", "Ấm &amp; chén", "Hạn thanh toán"] {
        let escaped = text.replace("&amp;", "&#38;");
        assert!(
            shown.contains(text) || shown.contains(&escaped),
            "{text}: {shown}"
        );
    }
    let (_, query) = screen.split_once('?').unwrap();
    let pay = format!("{}/pay", env.sandbox.core_url);
    let back = sent(&pay, &[("query", query), ("action", action)]).await;
    led(&back.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_buys_pays_and_gets_money_back() {
    let env = TestEnv::start().await;
    let tiki = &env.sandbox.tiki_url;
    let customer = json!({
        "identify_code": "KH-1", "identify_phone": "0987654321", "identify_fullname": "Lê Thị Bé",
    });
    let opened = env.core.open_webview(&customer).await.unwrap();
    let shop = opened.json["data"]["url_open"].as_str().unwrap().to_owned();
    let (_, session) = shop.split_once("session=").unwrap();
    let (status, shown) = page(&shop).await;
    assert_eq!(status, 200);
    assert!(shown.contains("Mua") && shown.contains(session), "{shown}");

    let buy = format!("{tiki}/_sandbox/shop/orders");
    let basket = [
        ("amount", "150.000"),
        ("description", "Ấm & chén"),
        ("session", session),
    ];
    let payment_url = sent(&buy, &basket).await.unwrap();
    let result = press(&env, &payment_url, "pay").await;
    assert!(result.contains(session), "{result}");
    env.until("the result page says that it is paid", async || {
        page(&result).await.1.contains("Đã thanh toán")
    })
    .await;
    let (_, shown) = page(&result).await;
    let id = shown.split("name=\"order\" value=\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();

    let refund = format!("{tiki}/_sandbox/shop/refunds");
    let back = sent(&refund, &[("order", id), ("amount", "50000")]).await;
    let (_, shown) = page(&format!("{tiki}{}", back.unwrap())).await;
    assert!(
        shown.contains("50.000 ₫") && shown.contains("Đã hoàn tiền"),
        "{shown}"
    );
    // No more than there is.
    let back = sent(&refund, &[("order", id), ("amount", "100001")]).await;
    let (_, shown) = page(&format!("{tiki}{}", back.unwrap())).await;
    assert!(shown.contains("Bị từ chối"), "{shown}");
    let paid = env.tiki.known(id).unwrap().transaction_id.unwrap();
    assert_eq!(env.core.refunded_vnd(&paid), 50_000);

    // Another order is cancelled, and the shop lists both.
    let payment_url = sent(&buy, &basket).await.unwrap();
    let result = press(&env, &payment_url, "cancel").await;
    env.until("the result page says that it failed", async || {
        page(&result)
            .await
            .1
            .contains("Thanh toán không thành công")
    })
    .await;
    let (_, listed) = page(&shop).await;
    assert_eq!(listed.matches("150.000 ₫").count(), 2, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_says_why_it_does_not_sell() {
    let env = TestEnv::start().await;
    let buy = format!("{}/_sandbox/shop/orders", env.sandbox.tiki_url);
    for (amount, why) in [
        ("", "Not an amount"),
        ("một", "Not an amount"),
        ("0", "transaction_amount"),
    ] {
        let (status, shown) = sent(&buy, &[("amount", amount)]).await.unwrap_err();
        assert_eq!(status, 400, "{amount}: {shown}");
        assert!(shown.contains(why), "{amount}: {shown}");
    }
    let (status, _) = page(&format!("{}/", env.sandbox.tiki_url)).await;
    assert_eq!(status, 303, "the shop is where the address alone leads");
    // Outside a webview the partner sends the customer to the shop, which shows the order once.
    let order = [("amount", "20000"), ("description", "Sách")];
    let bought = sandbox::http().unwrap().post(&buy).form(&order).send();
    let bought = bought.await.unwrap();
    let cookie = bought.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let shop = format!("{}/apps/vn.tiki.vip", env.sandbox.tiki_url);
    let back = sandbox::http().unwrap().get(&shop).header("cookie", cookie);
    let back = back.send().await.unwrap();
    let id = cookie.split_once('=').unwrap().1;
    assert!(back.headers()["location"].to_str().unwrap().ends_with(id));
    let gone = back.headers()["set-cookie"].to_str().unwrap();
    assert!(gone.contains("=;") && gone.contains("Max-Age=0"), "{gone}");
    let no_order = [("order", "T-1"), ("amount", "1")];
    let refund = format!("{}/_sandbox/shop/refunds", env.sandbox.tiki_url);
    assert_eq!(sent(&refund, &no_order).await.unwrap_err().0, 404);
}

/// What is on is shown, a body needs no header, and a mistake is named.
#[tokio::test(flavor = "multi_thread")]
async fn faults_are_shown_and_taken_from_plain_curl() {
    let env = TestEnv::start().await;
    for url in [&env.sandbox.tiki_url, &env.sandbox.core_url] {
        let faults = format!("{url}/_sandbox/faults");
        let call = if *url == env.sandbox.tiki_url {
            "ipn"
        } else {
            "refund"
        };
        let post = async |body: String| {
            let post = sandbox::http().unwrap().post(&faults);
            // As `curl -d` has it.
            let post = post.header("content-type", "application/x-www-form-urlencoded");
            read(post.body(body).send().await.unwrap()).await
        };
        assert_eq!(page(&faults).await, (200, "{}".to_owned()));
        let on = json!({ "call": call, "next": ["lost"], "standing": { "late": { "ms": 5 } } });
        assert_eq!(post(on.to_string()).await.0, 204);
        let shown: serde_json::Value = serde_json::from_str(&page(&faults).await.1).unwrap();
        assert_eq!(shown[call]["next"], json!(["lost"]));
        assert_eq!(shown[call]["standing"], json!({ "late": { "ms": 5 } }));
        for bad in [
            json!({ "call": call, "standing": "downn" }),
            json!({ "call": call, "standing": { "late": { "ms": 5, "s": 1 } } }),
            json!({ "call": call, "stand": "down" }),
            json!({ "call": "ipnn", "standing": "down" }),
        ] {
            let (status, why) = post(bad.to_string()).await;
            assert!(status == 422 || status == 404, "{bad}: {status} {why}");
            assert!(!why.is_empty(), "{bad}");
        }
        assert_eq!(post(json!({ "call": call }).to_string()).await.0, 204);
        assert_eq!(page(&faults).await, (200, "{}".to_owned()));
    }
}
