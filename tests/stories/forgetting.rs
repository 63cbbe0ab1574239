//! The end of personal data: a payment forgets its customer, a repeat of its create call is known all the same, and a
//! session knows its customer by a hash.

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Payment, TestEnv};
use sandbox::{Fault, Response};
use serde_json::{Value, json};

use crate::reconciliation::{reconcile, run, the_day};

/// What a create call may say of a customer, as the item has it.
const PERSONAL: [&str; 4] = [
    "identify_code",
    "order_code",
    "description",
    "webview_request_id",
];

fn body(tiki_id: &str) -> Value {
    json!({
        "tiki_transaction_id": tiki_id, "transaction_amount": 100_000, "identify_code": "KH-RIENG",
        "order_code": "DON-RIENG", "description": "Ấm đun nước", "request_id": "webview-rieng",
    })
}

async fn create(env: &TestEnv, body: &Value) -> Response {
    let caller = &env.tiki.caller;
    caller.post("/tikivip/v1/transactions", body).await.unwrap()
}

/// A payment with all personal content that there can be, confirmed by Tiki.
async fn confirmed(env: &TestEnv) -> Payment {
    let tiki_id = env.tiki.order(100_000);
    let created = create(env, &body(&tiki_id)).await;
    let payment = Payment::created(&tiki_id, 100_000, &created);
    env.send_paid_result(&payment).await;
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    payment
}

/// A stack that keeps personal data for a day after a payment.
async fn env() -> TestEnv {
    TestEnv::with(|options| {
        let setting = ("PersonalDataDays".to_owned(), "1".to_owned());
        options.parameters.push(setting);
    })
    .await
}

/// The day of the payments goes to Tiki, and Tiki's results come back.
async fn reconcile_the_day(env: &TestEnv) {
    env.days_pass().await;
    env.set_first_day(the_day()).await;
    run(env, json!({ "day": the_day().to_string() })).await;
    reconcile(env).await;
    env.tiki.reconcile(&env.sandbox.sftp_folder).unwrap();
    // This run reads the results, and its report says that the day is reconciled; the next one forgets.
    reconcile(env).await;
}

async fn is_forgotten(env: &TestEnv, payment: &Payment) -> bool {
    let item = env.item(payment).await;
    let left = PERSONAL.iter().filter(|name| !item[**name].is_null());
    match left.count() {
        0 => {
            assert!(item["content_hash"].is_string(), "{item}");
            true
        }
        4 => {
            assert!(item["content_hash"].is_null(), "{item}");
            false
        }
        _ => panic!("a half is forgotten: {item}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_forgets_its_customer_and_knows_its_repeat() {
    let env = env().await;
    let payment = confirmed(&env).await;
    assert!(!is_forgotten(&env, &payment).await);
    reconcile_the_day(&env).await;
    reconcile(&env).await;
    assert!(is_forgotten(&env, &payment).await);
    let item = env.item(&payment).await;
    for text in ["RIENG", "rieng", "Ấm"] {
        assert!(!item.to_string().contains(text), "{item}");
    }
    let last = item["trail"].as_array().unwrap().last().unwrap();
    assert_eq!(last["what"], "personal_data_forgotten");
    let shown = env.tikivip(&["show", &payment.id]).await;
    assert!(
        shown.out.contains("personal data forgotten"),
        "{}",
        shown.out
    );

    let details = env.core.details(&payment.id).await.unwrap();
    for field in ["identify_code", "order_code", "description"] {
        assert!(details.json["data"][field].is_null(), "{}", details.text);
    }
    assert_eq!(details.json["data"]["status"], "SUCCESS");
    assert_eq!(env.check(&payment).await["status"], "SUCCESS");

    let same = body(&payment.tiki_id);
    let repeated = create(&env, &same).await;
    let repeated = Payment::created(&payment.tiki_id, 100_000, &repeated);
    assert_eq!(repeated.id, payment.id);
    let by_the_app = env.core.caller.post("/partner/v1/transactions", &same);
    assert_eq!(by_the_app.await.unwrap().code(), Some(0));
    for (field, value) in [
        ("transaction_amount", json!(100_001)),
        ("request_id", json!("other")),
        ("identify_code", json!("other")),
        ("order_code", json!(null)),
        ("description", json!("other")),
        ("expires_in", json!(901)),
    ] {
        let mut other = same.clone();
        other[field] = value;
        assert_eq!(create(&env, &other).await.code(), Some(8), "{field}");
        let by_the_app = env.core.caller.post("/partner/v1/transactions", &other);
        assert_eq!(by_the_app.await.unwrap().code(), Some(8), "{field}");
    }

    // What is forgotten is not written again.
    reconcile(&env).await;
    assert_eq!(env.item(&payment).await["version"], item["version"]);
}

/// The payment link of a payment has ended long ago.
async fn link_ends(env: &TestEnv, payment: &Payment) {
    let update = env.dynamodb.update_item().table_name("TransactionsTable");
    update
        .key("transaction_id", AttributeValue::S(payment.id.clone()))
        .update_expression("SET expires_at = :past ADD version :one")
        .expression_attribute_values(":past", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
}

/// A customer asks for it: the data go before their time, and not while they are needed.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_forgets_a_customer() {
    let env = TestEnv::start().await;
    let payment = confirmed(&env).await;
    let reason = ["--reason", "ticket 4711", "--output", "json"];
    let forget = async |id: &str| env.tikivip(&[&["forget", id][..], &reason].concat()).await;
    let pending = env.tiki.order(100_000);
    create(&env, &body(&pending)).await;
    let refused = forget(&pending).await;
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("is not final yet"), "{refused:?}");

    let refused = forget(&payment.id).await;
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("the payment link still works"));

    link_ends(&env, &payment).await;
    let forgotten = forget(&payment.tiki_id).await;
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    assert!(is_forgotten(&env, &payment).await);
    let trail = forgotten.json()["trail"].clone();
    let last = trail.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["event"], "personal_data_forgotten");
    assert_eq!(last["actor"], "tikivip-operator/lan");
    // Once more there is nothing to do, and nothing is written.
    let version = env.item(&payment).await["version"].clone();
    assert_eq!(forget(&payment.id).await.code, 0);
    assert_eq!(env.item(&payment).await["version"], version);
    let repeat = create(&env, &body(&payment.tiki_id)).await;
    assert_eq!(repeat.code(), Some(0), "{}", repeat.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_with_an_open_refund_forgets_later() {
    let env = env().await;
    let (open, other) = (confirmed(&env).await, confirmed(&env).await);
    env.core.faults.standing("refund", Fault::Down);
    env.refund(&open, "R1", 30_000).await;
    reconcile_the_day(&env).await;
    reconcile(&env).await;
    assert!(!is_forgotten(&env, &open).await);
    assert!(is_forgotten(&env, &other).await, "it waits for no other");

    env.core.faults.off("refund");
    env.until("the money is back", async || {
        env.later(&open).await;
        env.check(&open).await["refunded_amount"] == 30_000
    })
    .await;
    reconcile(&env).await;
    assert!(is_forgotten(&env, &open).await);
    let refunded = env.refund(&open, "R2", 10_000).await;
    assert_eq!(refunded.code(), Some(0), "money goes back as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_not_reconciled_keeps_its_data() {
    let env = env().await;
    let payment = confirmed(&env).await;
    env.days_pass().await;
    env.set_first_day(the_day()).await;
    run(&env, json!({ "day": the_day().to_string() })).await;
    for _ in 0..2 {
        reconcile(&env).await;
    }
    assert!(!is_forgotten(&env, &payment).await, "Tiki has not answered");
    env.tiki.reconcile(&env.sandbox.sftp_folder).unwrap();
    for _ in 0..2 {
        reconcile(&env).await;
    }
    assert!(is_forgotten(&env, &payment).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_are_kept_for_their_days() {
    let env = TestEnv::start().await;
    let payment = confirmed(&env).await;
    reconcile_the_day(&env).await;
    reconcile(&env).await;
    assert!(!is_forgotten(&env, &payment).await, "90 days are not over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_known_after_the_link_secret_was_replaced() {
    let env = env().await;
    let payment = confirmed(&env).await;
    reconcile_the_day(&env).await;
    reconcile(&env).await;
    assert!(is_forgotten(&env, &payment).await);
    let same = body(&payment.tiki_id);
    let mut other = same.clone();
    other["identify_code"] = json!("other");
    let replace = async |text: &str| {
        let secret = &env.sandbox.plan.secrets["LinkSecret"];
        env.sandbox.secrets.put(secret, text);
        env.sandbox.restart("create-transaction").await;
    };
    replace("the next link key").await;
    assert_eq!(create(&env, &same).await.code(), Some(0));
    assert_eq!(create(&env, &other).await.code(), Some(8));
    // Nobody has the key of its hash any more: what is left of the content decides.
    replace("the link key after that").await;
    assert_eq!(create(&env, &same).await.code(), Some(0));
    assert_eq!(create(&env, &other).await.code(), Some(0));
    other["transaction_amount"] = json!(100_001);
    assert_eq!(create(&env, &other).await.code(), Some(8));
}

/// Where a customer's browser is sent.
async fn location(url: &str) -> Option<String> {
    let browser = sandbox::http().unwrap();
    let answer = browser.get(url).send().await.unwrap();
    let location = answer.headers().get("location");
    location.and_then(|l| l.to_str().ok()).map(str::to_owned)
}

/// The sessions in the table, without the answers to calls.
async fn sessions(env: &TestEnv) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let scan = env.dynamodb.scan().table_name("SessionsTable");
    let items = scan.send().await.unwrap().items.unwrap_or_default();
    let is_session = |item: &std::collections::HashMap<String, AttributeValue>| {
        item.contains_key("url_checkout_result")
    };
    items.into_iter().filter(is_session).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_knows_its_customer_by_a_hash() {
    let env = TestEnv::start().await;
    let customer = json!({ "identify_code": "KH-RIENG", "identify_phone": "0912345678" });
    let opened = env.core.open_webview(&customer).await.unwrap();
    let result_url = opened.json["data"]["url_checkout_result"].as_str();
    let result_url = result_url.unwrap().to_owned();
    let tiki_id = env.tiki.order(100_000);
    let mut order = body(&tiki_id);
    order["request_id"] = json!(null);
    let payment = Payment::created(&tiki_id, 100_000, &create(&env, &order).await);
    let back = async || {
        let url = format!("{}/return", payment.url);
        location(&url).await
    };
    env.until("the index has the session", async || {
        back().await.as_deref() == Some(result_url.as_str())
    })
    .await;
    let session = sessions(&env).await.pop().unwrap();
    let stored = session["identify_code"].as_s().unwrap();
    assert!(!format!("{session:?}").contains("KH-RIENG"), "{session:?}");
    assert_eq!(stored.len(), 16 + 1 + 64, "{stored}");

    // As a version stored it that did not hash.
    let mut in_clear = session.clone();
    let code = AttributeValue::S("KH-RIENG".to_owned());
    in_clear.insert("identify_code".to_owned(), code);
    let other_url = format!("{result_url}&in_clear=1");
    let url = AttributeValue::S(other_url.clone());
    in_clear.insert("url_checkout_result".to_owned(), url);
    let put = env.dynamodb.put_item().table_name("SessionsTable");
    put.set_item(Some(in_clear)).send().await.unwrap();
    env.until("the session in clear is found", async || {
        back().await.as_deref() == Some(other_url.as_str())
    })
    .await;
    assert_eq!(sessions(&env).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_found_after_the_link_secret_was_replaced() {
    let env = TestEnv::start().await;
    let customer = json!({ "identify_code": "KH-RIENG", "identify_phone": "0912345678" });
    let opened = env.core.open_webview(&customer).await.unwrap();
    let result_url = opened.json["data"]["url_checkout_result"].as_str();
    let result_url = result_url.unwrap().to_owned();
    let secret = &env.sandbox.plan.secrets["LinkSecret"];
    env.sandbox.secrets.put(secret, "the next link key");
    for function in ["create-transaction", "payment-redirect"] {
        env.sandbox.restart(function).await;
    }
    let tiki_id = env.tiki.order(100_000);
    let mut order = body(&tiki_id);
    order["request_id"] = json!(null);
    let payment = Payment::created(&tiki_id, 100_000, &create(&env, &order).await);
    env.until("the customer comes back", async || {
        let url = format!("{}/return", payment.url);
        location(&url).await.as_deref() == Some(result_url.as_str())
    })
    .await;
}
