//! A reversal: Tiki does not have an order that was paid. From the decision on it is a failure to everybody, and
//! when the money is back Tiki is notified of that (protocol §3 and §4).

use std::time::Duration;

use e2e::{Payment, TestEnv};
use sandbox::Fault;
use serde_json::{Value, json};

use crate::reconciliation::{inbound, run, the_day};

fn code(code: u8) -> Fault {
    answer(&format!(r#"{{"code":{code},"message":"no"}}"#))
}

fn answer(body: &str) -> Fault {
    Fault::Answer {
        status: 200,
        body: body.to_owned(),
    }
}

/// A payment of 100,000 that Tiki refuses and says to have failed.
pub(crate) async fn reversed(env: &TestEnv) -> Payment {
    let failed = answer(r#"{"code":0,"status":"FAILURE","amount":100000}"#);
    env.tiki.faults.next("ipn", [code(3)]);
    env.tiki.faults.next("look_up", [failed]);
    let payment = env.paid(100_000).await;
    env.until("the money is back", async || {
        env.core.refunded_vnd(&payment.id) == 100_000
    })
    .await;
    payment
}

/// The statuses that Tiki was sent.
fn notified(env: &TestEnv, payment: &Payment) -> Vec<Value> {
    let ipns = env.tiki.known(&payment.tiki_id).unwrap().ipns;
    ipns.into_iter()
        .map(|ipn| ipn.body["status"].clone())
        .collect()
}

async fn until_state(env: &TestEnv, payment: &Payment, state: &str) {
    env.until(state, async || env.ipn_state(payment).await == state)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_payment_is_a_failure_to_everybody() {
    let env = TestEnv::start().await;
    env.core.faults.standing("find_refund", code(0));
    let failed = answer(r#"{"code":0,"status":"FAILURE","amount":100000}"#);
    env.tiki.faults.next("ipn", [code(3)]);
    env.tiki.faults.next("look_up", [failed]);
    let payment = env.paid(100_000).await;
    until_state(&env, &payment, "reversing").await;
    // Already while the money is on its way.
    let checked = env.check(&payment).await;
    assert_eq!(
        (&checked["status"], &checked["failure_reason"]),
        (&json!("FAILURE"), &json!("reversed"))
    );
    assert_eq!(checked["refunded_amount"], 0);
    assert_eq!(
        env.item(&payment).await["status"],
        "FAILURE",
        "in the day's file"
    );
    let refused = env.refund(&payment, "R1", 1).await;
    assert_eq!((refused.status, refused.code()), (500, Some(6)));

    env.core.faults.off("find_refund");
    env.later(&payment).await;
    until_state(&env, &payment, "confirmed").await;
    assert_eq!(env.core.refunded_vnd(&payment.id), 100_000);
    assert_eq!(notified(&env, &payment), ["SUCCESS", "FAILURE"]);
    let checked = env.check(&payment).await;
    assert_eq!(
        (&checked["status"], &checked["refunded_amount"]),
        (&json!("FAILURE"), &json!(100_000))
    );
    let shown = env.tikivip(&["show", &payment.id]).await.out;
    assert!(shown.contains("reversed at"), "{shown}");
}

/// A replica that lags says "not found" once.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_found_once_is_looked_up_again() {
    let env = TestEnv::start().await;
    for (second, status, refunded) in [
        (code(3), "FAILURE", 100_000),
        (
            answer(r#"{"code":0,"status":"SUCCESS","amount":100000}"#),
            "SUCCESS",
            0,
        ),
        (
            answer(r#"{"code":0,"status":"PENDING","amount":100000}"#),
            "SUCCESS",
            0,
        ),
    ] {
        env.tiki.faults.next("ipn", [code(3)]);
        env.tiki.faults.next("look_up", [code(3)]);
        let payment = env.paid(100_000).await;
        env.until("it was not found once", async || {
            env.item(&payment).await["not_found_at"].is_number()
        })
        .await;
        let item = env.item(&payment).await;
        assert_eq!(
            (&item["status"], &item["ipn"]["failures"]),
            (&json!("SUCCESS"), &json!(0))
        );
        assert_eq!(
            env.core.refunded_vnd(&payment.id),
            0,
            "no money goes back on one look"
        );

        // The second look is due after the time that the sandbox sets.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        env.tiki.faults.next("ipn", [code(3)]);
        env.tiki.faults.next("look_up", [second]);
        env.sweep("ipn-sender").await;
        env.until("what goes back is back", async || {
            env.core.refunded_vnd(&payment.id) == refunded
        })
        .await;
        env.until("it is decided", async || {
            env.check(&payment).await["status"] == status
                && env.ipn_state(&payment).await != "reversing"
        })
        .await;
        // The next payment's faults are its own.
        env.until("Tiki is notified", async || {
            env.later(&payment).await;
            env.ipn_state(&payment).await == "confirmed"
        })
        .await;
        assert!(env.item(&payment).await["not_found_at"].is_null());
    }
}

/// Both believe something else: Tiki may ship the goods.
#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_payment_that_tiki_has_as_paid_needs_review() {
    let env = TestEnv::start().await;
    let paid = answer(r#"{"code":0,"status":"SUCCESS","amount":100000}"#);
    env.core.faults.standing("find_refund", code(0));
    let failed = answer(r#"{"code":0,"status":"FAILURE","amount":100000}"#);
    env.tiki.faults.next("ipn", [code(3)]);
    env.tiki.faults.next("look_up", [failed]);
    let payment = env.paid(100_000).await;
    until_state(&env, &payment, "reversing").await;
    env.tiki.faults.standing("look_up", paid);
    env.core.faults.off("find_refund");
    env.later(&payment).await;
    env.until_alarm("known_as_paid").await;
    assert_eq!(env.item(&payment).await["needs_review"], "known_as_paid");
    assert_eq!(env.check(&payment).await["status"], "FAILURE");

    let shown = env
        .tikivip(&["show", &payment.id, "--output", "json"])
        .await;
    let choices = shown.json()["choices"].clone();
    assert_eq!(choices.as_array().unwrap().len(), 1, "{choices}");
    assert_eq!(choices[0]["verdict"], "handled");
    let stands = env.resolve(&payment.id, &["confirmed"]).await;
    assert_eq!(stands.code, 4, "it is a failure for ever");
    let handled = env.resolve(&payment.id, &["handled"]).await;
    assert_eq!(handled.code, 0, "{handled:?}");
    assert!(env.item(&payment).await["needs_review"].is_null());
}

/// When Tiki denies everything, the environment is wrong and not the customers.
#[tokio::test(flavor = "multi_thread")]
async fn more_reversals_than_an_hour_allows_become_disputes() {
    let env = TestEnv::with(|options| {
        let limit = ("MaxReversalsPerHour".to_owned(), "3".to_owned());
        options.parameters.push(limit);
    })
    .await;
    env.tiki.faults.standing("ipn", code(6));
    env.tiki.faults.standing("look_up", code(6));
    let mut payments = Vec::new();
    for _ in 0..10 {
        payments.push(env.paid(100_000).await);
    }
    let count = async |state: &str| {
        let mut found = 0;
        for payment in &payments {
            found += usize::from(env.item(payment).await["status"] == state);
        }
        found
    };
    let disputed = async || {
        let mut found = 0;
        for payment in &payments {
            let item = env.item(payment).await;
            found += usize::from(item["needs_review"] == "too_many_reversals");
        }
        found
    };
    env.until("each is decided", async || {
        count("FAILURE").await + disputed().await == payments.len()
    })
    .await;
    // A new hour begins with a count of its own, and it can begin while this runs.
    let reversed = count("FAILURE").await;
    assert!((3..=6).contains(&reversed), "{reversed}");
    env.until_alarm("too_many_reversals").await;
    let back: u64 = payments.iter().map(|p| env.core.refunded_vnd(&p.id)).sum();
    assert!(back <= 600_000);

    // Tiki is in order again: what waits is sent again.
    env.tiki.faults.off("ipn");
    env.tiki.faults.off("look_up");
    let listed = env
        .tikivip(&["list", "--state", "disputed", "--output", "json"])
        .await;
    let waits = listed.json()["transactions"].as_array().unwrap().len();
    assert_eq!(waits + reversed, payments.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_the_core_keeps_is_returned_by_hand_and_by_its_amount() {
    let env = TestEnv::start().await;
    let payment = reversed_and_rejected(&env).await;
    assert_eq!(env.check(&payment).await["status"], "FAILURE");
    let waits = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(
        (waits.status, waits.code()),
        (500, Some(9)),
        "{}",
        waits.text
    );

    let say = async |amount: &str| {
        let verdict = ["returned", "--amount", amount];
        env.resolve(&payment.id, &verdict).await
    };
    let differs = say("60000").await;
    assert_eq!(differs.code, 4);
    assert!(
        differs.err.contains("what remains is 100000 VND"),
        "{differs:?}"
    );
    let none = env.resolve(&payment.id, &["returned"]).await;
    assert_eq!(none.code, 2, "the amount is missing");
    assert_eq!(say("100000").await.code, 0);
    until_state(&env, &payment, "confirmed").await;
    assert_eq!(notified(&env, &payment).last(), Some(&json!("FAILURE")));
    assert_eq!(env.check(&payment).await["refunded_amount"], 100_000);
}

async fn reversed_and_rejected(env: &TestEnv) -> Payment {
    env.core.faults.next("refund", [Fault::Lost]);
    let failed = answer(r#"{"code":0,"status":"FAILURE","amount":100000}"#);
    env.tiki.faults.next("ipn", [code(3)]);
    env.tiki.faults.next("look_up", [failed]);
    let payment = env.paid(100_000).await;
    env.until("the core was asked", async || {
        !env.core.refunds(&payment.id).is_empty()
    })
    .await;
    let item = env.item(&payment).await;
    let refund_id = item["refunds"][0]["refund_id"].as_str().unwrap();
    env.core.set_refund(refund_id, "rejected");
    env.until("the rejection is recorded", async || {
        env.later(&payment).await;
        env.ipn_state(&payment).await == "disputed"
    })
    .await;
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_of_a_reversed_payment_says_failure() {
    let env = TestEnv::start().await;
    let payment = reversed(&env).await;
    until_state(&env, &payment, "confirmed").await;
    env.days_pass().await;
    let day = the_day();
    run(&env, json!({ "day": day.to_string() })).await;
    let files = inbound(&env);
    let file = &files[&format!("tikivip_sandbox_{}_1", day.digits())];
    let line = file.lines().find(|line| line.contains(&payment.tiki_id));
    assert!(line.unwrap().contains(",FAILURE,"), "{file}");
}
