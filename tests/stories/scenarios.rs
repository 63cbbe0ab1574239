//! Each scenario of the sandbox, judged by the books of Tiki and of the core, and by the alarms that it is for.

use e2e::TestEnv;
use sandbox::Response;
use serde_json::{Value, json};

/// What must be true after a scenario, of its last payment.
struct After {
    scenario: &'static str,
    /// At Tiki: `SUCCESS`, `FAILURE`, `PENDING`.
    at_tiki: &'static str,
    /// What the core has given back, in VND.
    refunded: u64,
    needs_review: Option<&'static str>,
    /// Alarms that the sandbox computes and that must be on.
    alarms: &'static [&'static str],
}

const fn after(
    scenario: &'static str,
    at_tiki: &'static str,
    refunded: u64,
    needs_review: Option<&'static str>,
    alarms: &'static [&'static str],
) -> After {
    After {
        scenario,
        at_tiki,
        refunded,
        needs_review,
        alarms,
    }
}

const REVIEW: &[&str] = &["ReviewQueue", "ReviewRaised"];

async fn post(env: &TestEnv, path: &str, body: Value) -> Response {
    let url = format!("{}/_sandbox/{path}", env.sandbox.url);
    let post = sandbox::http().unwrap().post(url).body(body.to_string());
    Response::read(post.send().await.unwrap()).await.unwrap()
}

async fn get(env: &TestEnv, path: &str) -> Response {
    let url = format!("{}/_sandbox{path}", env.sandbox.url);
    let get = sandbox::http().unwrap().get(url);
    Response::read(get.send().await.unwrap()).await.unwrap()
}

async fn alarms_on(env: &TestEnv) -> Vec<String> {
    let alarms = get(env, "/alarms").await.json;
    let on = alarms.as_array().unwrap().iter();
    let on = on.filter(|alarm| alarm["is_on"] == true);
    on.map(|alarm| alarm["alarm"].as_str().unwrap().to_owned())
        .collect()
}

async fn played(env: &TestEnv, scenario: &str) -> Value {
    let played = post(env, "scenarios", json!({ "scenario": scenario })).await;
    assert_eq!(played.status, 200, "{scenario}: {}", played.text);
    assert!(!played.json["steps"].as_array().unwrap().is_empty());
    played.json
}

async fn ends(env: &TestEnv, scenario: &str) {
    let ended = post(
        env,
        "scenarios",
        json!({ "scenario": scenario, "end": true }),
    )
    .await;
    assert_eq!(ended.status, 200, "{scenario}: {}", ended.text);
    let on = sandbox::http().unwrap();
    let on = on.get(format!("{}/_sandbox/faults", env.sandbox.tiki_url));
    let on = Response::read(on.send().await.unwrap()).await.unwrap();
    assert_eq!(on.json, json!({}), "{scenario} leaves nothing switched on");
}

async fn holds(env: &TestEnv, expected: &After) {
    let name = expected.scenario;
    let played = played(env, name).await;
    let payment = &played["payments"].as_array().unwrap().last().unwrap();
    let text = |name: &str| payment[name].as_str().unwrap();
    let (id, tiki_id) = (text("transaction_id"), text("tiki_transaction_id"));
    let order = env.tiki.known(tiki_id).unwrap();
    assert_eq!(order.status, expected.at_tiki, "{name}");
    assert_eq!(env.core.refunded_vnd(id), expected.refunded, "{name}");
    let page = get(env, &format!("/payments/{id}")).await;
    assert_eq!(page.status, 200, "{name}: {}", page.text);
    match expected.needs_review {
        Some(reason) => assert!(
            page.text.contains(&format!("Cần xử lý: {reason}")),
            "{name}"
        ),
        None => assert!(!page.text.contains("Cần xử lý"), "{name}"),
    }
    let on = alarms_on(env).await;
    for alarm in expected.alarms {
        assert!(
            on.contains(&(*alarm).to_owned()),
            "{name}: {alarm} is not among {on:?}"
        );
    }
    // What the scenario says about its alarms is what the list says.
    let listed = get(env, "/scenarios").await.json;
    let mut listed = listed.as_array().unwrap().iter();
    let listed = listed.find(|listed| listed["scenario"] == name).unwrap();
    assert_eq!(listed["alarms"], played["alarms"], "{name}");
    ends(env, name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_do_is_played() {
    let env = TestEnv::start().await;
    for expected in [
        after("paid", "SUCCESS", 0, None, &[]),
        after("declined", "FAILURE", 0, None, &[]),
        after("expired", "FAILURE", 0, None, &[]),
        after("abandoned", "FAILURE", 0, None, &[]),
        after("paid-late", "FAILURE", 150_000, None, &[]),
    ] {
        holds(&env, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tiki_does_is_played() {
    let env = TestEnv::start().await;
    for expected in [
        after("tiki-down", "PENDING", 0, None, &["NotificationsOverdue"]),
        after("tiki-denies", "PENDING", 150_021, None, &[]),
        after("dispute", "PENDING", 0, Some("not_of_this_partner"), REVIEW),
        after(
            "amount-differs",
            "SUCCESS",
            0,
            Some("amount_differs"),
            REVIEW,
        ),
    ] {
        holds(&env, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_notification_is_played() {
    let env = TestEnv::start().await;
    let exhausted = after("exhausted", "PENDING", 0, Some("ipn_exhausted"), REVIEW);
    holds(&env, &exhausted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_core_does_is_played() {
    let env = TestEnv::start().await;
    for expected in [
        after("paid-twice", "SUCCESS", 0, Some("second_debit"), REVIEW),
        after(
            "chargeback",
            "SUCCESS",
            0,
            Some("failed_after_paid"),
            REVIEW,
        ),
        after("refund-rejected", "SUCCESS", 0, None, &[]),
        after("slow-core", "SUCCESS", 40_000, None, &[]),
        after("refund-pending", "SUCCESS", 0, None, &["RefundsOverdue"]),
    ] {
        holds(&env, &expected).await;
    }
    // The core is back, and the refund that waited is made, once.
    post(&env, "clock", json!({ "forward": "3h" })).await;
    let waiting = get(&env, "/board").await.text;
    assert!(
        waiting.contains("<b>0</b> Hoàn tiền ở hệ thống lõi"),
        "{waiting}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_secrets_is_played() {
    let env = TestEnv::start().await;
    let refused = &["TikiRefusesOurSignature", "SignaturesRefused"];
    holds(&env, &after("wrong-secret", "PENDING", 0, None, refused)).await;
    // The alarm `PreviousSecretUsed` is over an expression, which the sandbox does not compute.
    holds(&env, &after("rotated-secret", "SUCCESS", 0, None, &[])).await;
    let logs = env.sandbox.logs();
    let mut ages = logs.iter();
    let seven_days_ms = 7 * 24 * 60 * 60 * 1000;
    let is_late = ages.any(|line| {
        let age_ms = line.event["PreviousSecretAge"].as_i64();
        age_ms.is_some_and(|age_ms| age_ms > seven_days_ms)
    });
    assert!(is_late, "a week after its secret was replaced");
    // After the end both sides agree again.
    holds(&env, &after("paid", "SUCCESS", 0, None, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_of_reconciliation_are_played() {
    let env = TestEnv::start().await;
    let played_day = played(&env, "day-with-differences").await;
    assert!(alarms_on(&env).await.contains(&"FindingsOpen".to_owned()));
    let report = played_day["see"].as_array().unwrap().last().unwrap();
    let report = sandbox::http().unwrap().get(report.as_str().unwrap());
    let report = Response::read(report.send().await.unwrap()).await.unwrap();
    assert_eq!(report.status, 200);
    for payment in &played_day["payments"].as_array().unwrap()[1..] {
        let tiki_id = payment["tiki_transaction_id"].as_str().unwrap();
        assert!(report.text.contains(tiki_id), "{tiki_id} differs");
    }
    let quiet = played(&env, "quiet-day").await;
    let report = quiet["see"].as_array().unwrap().last().unwrap();
    let report = sandbox::http().unwrap().get(report.as_str().unwrap());
    assert_eq!(report.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_is_refused_with_all_names() {
    let env = TestEnv::start().await;
    let wrong = post(&env, "scenarios", json!({ "scenario": "bought" })).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("paid, declined"), "{}", wrong.text);
    let field = post(&env, "scenarios", json!({ "name": "paid" })).await;
    assert_eq!(field.status, 422, "{}", field.text);
}
