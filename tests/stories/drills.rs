//! The drills of docs/operations.md that are no scenario: each raises its alarm in the sandbox, and ends with its cure.

use std::time::Duration;

use e2e::{Payment, TestEnv};
use sandbox::{Fault, SftpFault};

const HOUR: Duration = Duration::from_hours(1);

async fn is_on(env: &TestEnv, alarm: &str) -> bool {
    let url = format!("{}/_sandbox/alarms", env.sandbox.url);
    let alarms = sandbox::http().unwrap().get(url).send().await.unwrap();
    let alarms: serde_json::Value = alarms.json().await.unwrap();
    let mut all = alarms.as_array().unwrap().iter();
    let found = all.find(|found| found["alarm"] == alarm);
    found.unwrap_or_else(|| panic!("{alarm} is not computed: {alarms}"))["is_on"] == true
}

async fn forward(env: &TestEnv, by: Duration) {
    env.sandbox.forward(by).await.unwrap();
}

/// Gives back a part of a payment under a new request id.
async fn gives_back(env: &TestEnv, payment: &Payment, amount: u64) {
    let request_id = uuid::Uuid::new_v4().to_string();
    env.refund(payment, &request_id, amount).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_is_asked_for_twice() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    assert!(!is_on(&env, "RefundsAskedTwice").await);
    env.core.faults.next("refund", [Fault::Lost]);
    gives_back(&env, &payment, 50_000).await;
    gives_back(&env, &payment, 50_000).await;
    env.until("the alarm is on", async || {
        is_on(&env, "RefundsAskedTwice").await
    })
    .await;
    forward(&env, Duration::from_mins(10)).await;
    assert!(!is_on(&env, "RefundsAskedTwice").await, "it ends by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_stays_undecided() {
    let env = TestEnv::start().await;
    env.core.faults.standing("payment", Fault::Down);
    let payment = env.create(100_000).await;
    forward(&env, Duration::from_hours(26)).await;
    assert!(is_on(&env, "PaymentsUndecided").await);
    env.core.faults.off("payment");
    forward(&env, 2 * HOUR).await;
    assert_eq!(env.check(&payment).await["status"], "FAILURE");
    forward(&env, HOUR).await;
    assert!(!is_on(&env, "PaymentsUndecided").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_core_that_are_wrong() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let another = r#"{"refund_id":"another","amount":1,"status":"succeeded"}"#;
    for (body, times, alarm) in [
        (another, 1, "CoreAnswersMismatched"),
        ("<html></html>", 3, "CoreAnswersUnreadable"),
    ] {
        let answer = Fault::Answer {
            status: 200,
            body: body.to_owned(),
        };
        env.core.faults.next("refund", vec![answer; times]);
        for amount in (1..).take(times) {
            gives_back(&env, &payment, 1000 * amount).await;
        }
        env.until(alarm, async || is_on(&env, alarm).await).await;
        forward(&env, HOUR).await;
        assert!(!is_on(&env, alarm).await, "{alarm} ends by itself");
    }
    let refunds = env.core.refunds(&payment.id);
    assert!(refunds.iter().all(|refund| refund.status == "succeeded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_are_not_reconciled() {
    let env = TestEnv::start().await;
    env.confirmed(100_000).await;
    env.tiki
        .file_server
        .standing("sftp_write", SftpFault::Denied);
    env.core.faults.standing("statement", Fault::Down);
    forward(&env, 57 * HOUR).await;
    assert!(is_on(&env, "ReconciliationIsLate").await);
    assert!(is_on(&env, "StatementsMissing").await);
    env.tiki.file_server.off("sftp_write");
    env.core.faults.off("statement");
    forward(&env, HOUR).await;
    assert!(!is_on(&env, "ReconciliationIsLate").await);
    assert!(!is_on(&env, "StatementsMissing").await);
    assert!(!is_on(&env, "ResultsMissing").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reversals_in_an_hour() {
    let env = TestEnv::start().await;
    for _ in 0..6 {
        let payment = env.paid(150_021).await;
        env.until("Tiki has denied it", async || {
            env.ipn_state(&payment).await != "queued"
        })
        .await;
    }
    forward(&env, Duration::from_mins(1)).await;
    env.until("the alarm is on", async || is_on(&env, "Reversals").await)
        .await;
    forward(&env, 2 * HOUR).await;
    assert!(!is_on(&env, "Reversals").await);
}
