//! No log holds secrets or personal data.

use e2e::TestEnv;
use sandbox::{Fault, Principal};
use serde_json::json;

const PHONE: &str = "0987654321";
const NAME: &str = "Trần Thị Bí Mật";
const LAN: &str = "arn:aws:sts::000000000000:assumed-role/tikivip-operator/lan";
const CUSTOMER: &str = "KHACH-HANG-RIENG-TU";

/// What an operator types is personal too: a text for an id, a reason, the body of a message.
async fn operators_act(env: &TestEnv, payment: &e2e::Payment, folder: &std::path::Path) {
    let message = folder.join("message");
    let content = json!({ "identify_phone": PHONE, "identify_fullname": NAME });
    std::fs::write(&message, content.to_string()).unwrap();
    let message = message.to_str().unwrap();
    let (ours, reason) = (payment.id.as_str(), ["--reason", NAME]);
    let headers = ["--timestamp", PHONE, "--client-id", CUSTOMER];
    let verify = [
        "verify",
        "--explain",
        "--body",
        message,
        "--signature",
        "00",
    ];
    for (words, code) in [
        (vec!["show", PHONE], 3),
        (vec!["show", CUSTOMER], 3),
        (vec!["lookup", CUSTOMER], 3),
        (vec!["show", ours], 0),
        (vec!["list", "--state", "pending"], 0),
        (vec!["find", "--customer", CUSTOMER], 0),
        (vec!["find", "--order", PHONE], 3),
        ([&["resend-ipn", PHONE][..], &reason].concat(), 3),
        ([&["forget", ours][..], &reason].concat(), 4),
        ([&verify[..], &headers].concat(), 5),
    ] {
        let done = env.tikivip(&words).await;
        assert_eq!(done.code, code, "{words:?}: {done:?}");
    }
    // `tikivip` derives an id from any text; another program sends it as it is.
    let identity =
        json!({ "accountId": sandbox::ACCOUNT, "sourceIp": "127.0.0.1", "userArn": LAN });
    for (resource, id, query) in [
        ("/operator/v1/transactions/{transaction_id}", PHONE, None),
        ("/operator/v1/transactions", "", Some(("state", NAME))),
        ("/operator/v1/findings", "", Some(("day", CUSTOMER))),
        ("/operator/v1/report", "", Some(("period", PHONE))),
    ] {
        let query = query.map(|(name, value)| json!({ name: value }));
        let event = json!({
            "resource": resource, "path": resource.replace("{transaction_id}", id), "httpMethod": "GET",
            "headers": {}, "multiValueHeaders": {}, "pathParameters": { "transaction_id": id },
            "queryStringParameters": query, "body": null, "isBase64Encoded": false,
            "requestContext": {
                "accountId": sandbox::ACCOUNT, "apiId": "a", "httpMethod": "GET", "identity": identity,
                "protocol": "HTTP/1.1", "requestId": "r", "resourcePath": resource, "stage": "live",
            },
        });
        let answer = env.sandbox.invoke("operator", &event).await.unwrap();
        let status = answer["statusCode"].as_u64().unwrap();
        assert!([200, 400].contains(&status), "{resource}: {answer}");
        assert!(!answer.to_string().contains(r#""code\":0"#), "{answer}");
    }
    let sign = ["sign", "--with", "core", "--body", message];
    let signed = env.tikivip_as(Principal::KHOA, &sign).await;
    assert_eq!(signed.code, 0, "{signed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_holds_a_secret_or_personal_data() {
    let folder = tempfile::TempDir::new().unwrap();
    let log = folder.path().join("log");
    let env = TestEnv::with(|options| {
        options.log = Some(log.clone());
        options
            .parameters
            .push(("LogLevel".to_owned(), "debug".to_owned()));
    });
    let env = env.await;
    let customer =
        json!({ "identify_code": CUSTOMER, "identify_phone": PHONE, "identify_fullname": NAME });
    let opened = env.core.open_webview(&customer).await.unwrap();
    let data = opened.json["data"].clone();
    let tiki_id = env.tiki.order(100_000);
    let order = json!({
        "tiki_transaction_id": tiki_id, "transaction_amount": 100_000, "identify_code": CUSTOMER,
        "request_id": data["request_id"], "description": NAME, "order_code": "DON-HANG-RIENG",
    });
    let created = env
        .tiki
        .caller
        .post("/tikivip/v1/transactions", &order)
        .await
        .unwrap();
    let payment = e2e::Payment::created(&tiki_id, 100_000, &created);
    let browser = sandbox::http().unwrap();
    let to_screen = browser.get(&payment.url).send().await.unwrap();
    let screen = to_screen.headers()["location"].to_str().unwrap().to_owned();
    browser
        .get(format!("{}/return", payment.url))
        .send()
        .await
        .unwrap();

    // Successful calls and refused calls.
    env.tiki.faults.next(
        "ipn",
        [
            Fault::Down,
            Fault::Answer {
                status: 401,
                body: NAME.to_owned(),
            },
        ],
    );
    env.core.faults.next("refund", [Fault::Lost]);
    let result =
        json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "THAM-CHIEU-RIENG" });
    env.core.send_result(&payment.id, &result).await.unwrap();
    env.until("Tiki is notified", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    env.later(&payment).await;
    env.tiki.faults.next("webview", [Fault::Down]);
    env.core.open_webview(&customer).await.unwrap();
    let refund = json!({
        "tiki_transaction_id": payment.tiki_id, "transaction_id": payment.id, "transaction_amount": 1,
        "reason": NAME, "request_id": "R1",
    });
    env.tiki
        .caller
        .post("/tikivip/v1/refunds", &refund)
        .await
        .unwrap();
    env.later(&payment).await;
    let wrong = env.caller_with(&env.tiki.caller, "client", "a wrong secret");
    wrong
        .post("/tikivip/v1/transactions", &order)
        .await
        .unwrap();
    let mut malformed = order.clone();
    malformed["transaction_amount"] = json!(NAME);
    env.tiki
        .caller
        .post("/tikivip/v1/transactions", &malformed)
        .await
        .unwrap();
    env.tiki
        .caller
        .get(&format!(
            "/tikivip/v1/transactions?tiki_transaction_id={}",
            payment.tiki_id
        ))
        .await
        .unwrap();

    // A reversal, an expiry, a late payment.
    let cancelled = env.tiki.order(100_000);
    let mut reversed = order.clone();
    reversed["tiki_transaction_id"] = json!(cancelled);
    let created = env
        .tiki
        .caller
        .post("/tikivip/v1/transactions", &reversed)
        .await
        .unwrap();
    let id = created.json["data"]["transaction_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let expiring = e2e::Payment {
        tiki_id: cancelled.clone(),
        id,
        url: String::new(),
        amount: 100_000,
    };
    env.later(&expiring).await;
    env.core.send_result(&expiring.id, &result).await.unwrap();
    env.later(&expiring).await;
    env.tiki
        .change(&payment.tiki_id, |order| order.cancelled = true);

    operators_act(&env, &payment, folder.path()).await;

    let last = env.tiki.check(&payment.tiki_id).await.unwrap();
    let last = last.headers["x-request-id"].to_str().unwrap().to_owned();
    env.until("the last request is logged", async || {
        std::fs::read_to_string(&log).unwrap().contains(&last)
    })
    .await;
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.lines().count() > 10, "there are logs to look at");
    for line in logged.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        assert!(line["function"].is_string());
    }
    let query = |url: &str| {
        url.split_once('?')
            .map(|(_, query)| query.to_owned())
            .unwrap()
    };
    let token = payment.url.rsplit('/').next().unwrap().to_owned();
    let text = |name: &str| data[name].as_str().unwrap().to_owned();
    let c = &env.options.credentials;
    for secret in [
        c.client_secret.clone(),
        c.core_secret.clone(),
        "sandbox-link-key".to_owned(),
        PHONE.to_owned(),
        PHONE.trim_start_matches('0').to_owned(),
        NAME.to_owned(),
        CUSTOMER.to_owned(),
        "DON-HANG-RIENG".to_owned(),
        "THAM-CHIEU-RIENG".to_owned(),
        query(&text("url_open")),
        query(&text("url_checkout_result")),
        query(&screen),
        token,
    ] {
        assert!(!logged.contains(&secret), "the logs hold {secret}");
    }
    for ipn in env.tiki.known(&payment.tiki_id).unwrap().ipns {
        assert!(!logged.contains(&ipn.signature));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_has_the_request_id_of_its_answer() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.core.faults.next("refund", [Fault::Down]);
    let answer = env.refund(&payment, "R1", 1).await;
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let of_it = || {
        let logs = env.sandbox.logs().into_iter();
        // A metric belongs to the function and not to a request.
        logs.filter(|line| line.function == "refund-transaction" && line.event["_aws"].is_null())
            .collect::<Vec<_>>()
    };
    env.until("silence and answer are logged", async || of_it().len() >= 2)
        .await;
    let of_it = of_it();
    for line in of_it {
        assert_eq!(line.event["spans"][0]["request_id"], id, "{}", line.event);
        assert_eq!(line.event["spans"][0]["transaction_id"], json!(payment.id));
    }
}
