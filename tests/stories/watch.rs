//! What went back is watched: Tiki is asked whether it keeps an order for money that we gave back.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Payment, TestEnv};
use sandbox::Fault;
use serde_json::json;

use crate::reconciliation::{finding, open_findings, run, the_day};

fn scheduled() -> serde_json::Value {
    json!({ "action": "reconcile" })
}

fn code(code: u8) -> Fault {
    Fault::Answer {
        status: 200,
        body: format!(r#"{{"code":{code},"message":"no"}}"#),
    }
}

/// A payment of 100,000 that Tiki refuses and says to have failed, so that its money goes back.
async fn reversed(env: &TestEnv) -> Payment {
    let failed = Fault::Answer {
        status: 200,
        body: r#"{"code":0,"status":"FAILURE","amount":100000}"#.to_owned(),
    };
    env.tiki.faults.next("ipn", [code(3)]);
    env.tiki.faults.next("look_up", [failed]);
    let payment = env.paid(100_000).await;
    env.until("the money is back", async || {
        env.core.refunded_vnd(&payment.id) == 100_000
    })
    .await;
    env.until("Tiki is notified of it", async || {
        env.later(&payment).await;
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    payment
}

pub(crate) fn last_gauge(env: &TestEnv, metric: &str) -> Option<i64> {
    let logs = env.sandbox.logs();
    let measured = logs.iter().rev();
    let mut measured = measured.filter(|line| line.function == "reconcile");
    measured.find_map(|line| line.event[metric].as_i64())
}

/// Also if no file ever names it, and although status and amount of both sides agree in every file.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_tiki_keeps_without_our_money_is_found() {
    let env = TestEnv::start().await;
    let (kept, dropped) = (reversed(&env).await, reversed(&env).await);
    // Tiki changed its mind after the money went back, and said so to nobody.
    env.tiki.change(&kept.tiki_id, |order| {
        order.status = "SUCCESS".to_owned();
    });
    env.tiki.forget(&dropped.tiki_id);
    env.days_pass().await;
    run(&env, scheduled()).await;
    let found = finding("order_without_money", "reversed_and_paid");
    let open = open_findings(&env).await;
    assert_eq!(open.get(&kept.tiki_id), Some(&found), "{open:?}");
    assert!(!open.contains_key(&dropped.tiki_id), "{open:?}");
    assert_eq!(last_gauge(&env, "OrdersWithoutMoney"), Some(1));
    assert_eq!(env.core.refunded_vnd(&kept.id), 100_000, "nothing moves");
    let page = crate::reconciliation::archived(&env, &format!("{}/report.html", the_day())).await;
    assert!(page.contains("yêu cầu Tiki dừng giao hàng"), "{page}");
    assert!(page.contains(&kept.tiki_id), "{page}");

    // Tiki has cancelled it.
    env.tiki.forget(&kept.tiki_id);
    run(&env, scheduled()).await;
    assert_eq!(open_findings(&env).await, [].into());
    assert_eq!(last_gauge(&env, "OrdersWithoutMoney"), Some(0));
}

/// A damaged item may not hide an order that Tiki keeps without our money.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_cannot_be_read_hides_no_other() {
    let env = TestEnv::start().await;
    let (kept, damaged) = (reversed(&env).await, reversed(&env).await);
    env.tiki.change(&kept.tiki_id, |order| {
        order.status = "SUCCESS".to_owned();
    });
    env.days_pass().await;
    let text = AttributeValue::S("a hundred thousand".to_owned());
    env.dynamodb
        .update_item()
        .table_name("TransactionsTable")
        .key("transaction_id", AttributeValue::S(damaged.id.clone()))
        .update_expression("SET amount_vnd = :text ADD version :one")
        .expression_attribute_values(":text", text)
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let failed = env.sandbox.invoke("reconcile", &scheduled()).await;
    assert!(failed.is_err(), "and an alarm sees it");
    let found = finding("order_without_money", "reversed_and_paid");
    let open = open_findings(&env).await;
    assert_eq!(open.get(&kept.tiki_id), Some(&found), "{open:?}");
}

/// Not with each hourly run.
#[tokio::test(flavor = "multi_thread")]
async fn what_went_back_is_looked_up_once_a_day() {
    let env = TestEnv::start().await;
    reversed(&env).await;
    let look_ups = || {
        let journal = env.sandbox.journal.since(Duration::ZERO);
        let asked = journal
            .iter()
            .filter(|entry| entry.what == "GET transaction");
        asked.count()
    };
    env.days_pass().await;
    let before = look_ups();
    for _ in 0..3 {
        run(&env, scheduled()).await;
    }
    assert_eq!(look_ups() - before, 1);
    assert_eq!(open_findings(&env).await, [].into());
}
