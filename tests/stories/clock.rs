//! The sandbox's clock: the time of the whole system is moved forward, and the schedules fire by it.

use std::time::{Duration, Instant};

use e2e::{TestEnv, now_ms};
use sandbox::{Options, Principal, Sandbox};
use serde_json::{Value, json};

use crate::reconciliation::inbound;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// `GET` or, with a body, `POST` of the clock, as curl makes it.
async fn clock(url: &str, body: Option<&str>) -> (u16, Value) {
    let (http, url) = (sandbox::http().unwrap(), format!("{url}/_sandbox/clock"));
    let call = match body {
        Some(body) => http.post(url).body(body.to_owned()),
        None => http.get(url),
    };
    let answer = call.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(json!(text)))
}

async fn forward(env: &TestEnv, by: &str) -> Value {
    let body = json!({ "forward": by }).to_string();
    let (status, moved) = clock(&env.sandbox.url, Some(&body)).await;
    assert_eq!(status, 200, "{moved}");
    moved
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_expires_when_the_time_is_moved() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    assert_eq!(env.check(&payment).await["status"], "PENDING");
    let (_, before) = clock(&env.sandbox.url, None).await;
    assert_eq!(before["ahead"], "0s");

    let began = Instant::now();
    let moved = forward(&env, "2h").await;
    assert!(began.elapsed() < Duration::from_mins(1), "nobody waits");
    assert_eq!(moved["ahead"], "2h");
    // Whoever moved it sees at once what fell due.
    let checked = env.check(&payment).await;
    assert_eq!(checked["status"], "FAILURE", "{moved}");
    assert_eq!(checked["failure_reason"], "expired");
    env.until("Tiki is notified, by signatures of this time", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;

    // Tiki, the core and a whole purchase live in the moved time.
    let paid = env.confirmed(200_000).await;
    let refunded = env.refund(&paid, "a-refund", 50_000).await;
    assert_eq!(refunded.code(), Some(0), "{}", refunded.text);
    let created_at = env.item(&paid).await["created_at"].as_i64().unwrap();
    let ahead = created_at - now_ms();
    assert!((2 * HOUR_MS - 60_000..=2 * HOUR_MS).contains(&ahead));
    // People's commands do not: they sign by the time of their own machine.
    let shown = env.tikivip_as(Principal::HOA, &["show", &paid.id]).await;
    assert_eq!(shown.code, 0, "{}", shown.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_instance_sees_the_move_and_two_moves_come_one_after_the_other() {
    let env = TestEnv::start().await;
    let first = env.create(100_000).await;
    let warm = env.sandbox.pids("create-transaction");
    assert_eq!(warm.len(), 1);
    let hour = Duration::from_hours(1);
    let (one, other) = tokio::join!(env.sandbox.forward(hour), env.sandbox.forward(hour));
    let fired = [one.unwrap(), other.unwrap()].concat();
    assert!(fired.len() <= 2, "once an hour: {fired:?}");
    assert_eq!(clock(&env.sandbox.url, None).await.1["ahead"], "2h");

    let second = env.create(100_000).await;
    assert_eq!(env.sandbox.pids("create-transaction"), warm);
    let created_at = async |payment| env.item(payment).await["created_at"].as_i64().unwrap();
    let apart = created_at(&second).await - created_at(&first).await;
    assert!(apart >= 2 * HOUR_MS, "{apart}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_the_day_is_delivered_by_its_schedule() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let item = env.item(&payment).await;
    let (day, _) = item["day_shard"].as_str().unwrap().split_once('#').unwrap();
    // Tomorrow's six o'clock is at most thirty hours away.
    let moved = forward(&env, "1d 6h").await;
    let fired = moved["fired"].as_array().unwrap();
    assert!((29..=31).contains(&fired.len()), "{moved}");
    let times = fired.iter().map(|fired| fired["at"].as_str().unwrap());
    assert!(times.is_sorted(), "{moved}");

    let name = format!("tikivip_sandbox_{}_1", day.replace('-', ""));
    let delivers = |fired: &&Value| fired["outcome"]["delivered"] == json!([name]);
    let delivered = fired.iter().find(delivers).expect("a run delivered it");
    assert_eq!(delivered["function"], "reconcile");
    assert_eq!(delivered["input"], json!({ "action": "reconcile" }));
    let at = delivered["at"].as_str().unwrap();
    assert!(at.ends_with("T06:00:00+07:00"), "{delivered}");
    assert!(inbound(&env)[&name].contains(&payment.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_says_why_and_stays() {
    let env = TestEnv::start().await;
    for (body, status, says) in [
        (r#"{"forward":"61d"}"#, 422, "at most 60 days"),
        (r#"{"forward":"-2h"}"#, 422, "such as 2h"),
        (r#"{"back":"2h"}"#, 422, "back"),
    ] {
        let (refused, answer) = clock(&env.sandbox.url, Some(body)).await;
        assert_eq!(refused, status, "{answer}");
        assert!(answer.to_string().contains(says), "{answer}");
    }
    assert_eq!(clock(&env.sandbox.url, None).await.1["ahead"], "0s");

    // Its own clock would stay.
    let others = Sandbox::start(Options {
        core_url: Some("http://127.0.0.1:9".parse().unwrap()),
        ..env.options.clone()
    });
    let others = others.await.unwrap();
    let (refused, answer) = clock(&others.url, Some(r#"{"forward":"2h"}"#)).await;
    assert_eq!(refused, 409, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("--core-url"), "{message}");
    assert_eq!(clock(&others.url, None).await.1["ahead"], "0s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        data_dir: Some(folder.path().to_owned()),
        no_cron: true,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options.clone()).await.unwrap();
    sandbox.forward(Duration::from_hours(2)).await.unwrap();
    sandbox.stop().await;
    let sandbox = Sandbox::start(options).await.unwrap();
    assert_eq!(clock(&sandbox.url, None).await.1["ahead"], "2h");
    sandbox.stop().await;
}
