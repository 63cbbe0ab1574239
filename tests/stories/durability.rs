//! Crashes, lost answers, and the number of round trips of each operation.

use std::time::Duration;

use e2e::{DynamoDbProxy, Payment, TestEnv, kill};
use sandbox::Fault;
use serde_json::{Value, json};

use crate::sample_events::typed;

/// A test environment behind a counting proxy, after the first sweeps. No other sweeps follow.
async fn env_behind(proxy: &DynamoDbProxy) -> TestEnv {
    let env = TestEnv::with(|options| options.dynamodb_url = Some(proxy.url.clone())).await;
    env.until("both workers have swept all groups", async || {
        env.sandbox.has_swept()
    })
    .await;
    env
}

/// `GetItem` and `PutItem` of one operation.
fn round_trips(proxy: &DynamoDbProxy) -> (usize, usize) {
    let counts = proxy.take_counts();
    let of = |operation: &str| counts.get(operation).copied().unwrap_or(0);
    (of("GetItem"), of("PutItem"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_makes_the_planned_round_trips() {
    let proxy = DynamoDbProxy::start().await;
    let env = env_behind(&proxy).await;
    let browser = sandbox::http().unwrap();

    let customer = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let opened = env.core.open_webview(&customer).await.unwrap();
    // The call, the session and the call's answer (decision 23).
    assert_eq!(round_trips(&proxy), (0, 3), "webview");
    let tiki_id = env.tiki.order(100_000);
    let created = env
        .tiki
        .create(&tiki_id, opened.json["data"]["request_id"].as_str())
        .await
        .unwrap();
    let payment = Payment::created(&tiki_id, 100_000, &created);
    assert_eq!(round_trips(&proxy), (0, 1), "create");
    env.tiki
        .create(&payment.tiki_id, opened.json["data"]["request_id"].as_str())
        .await
        .unwrap();
    assert_eq!(round_trips(&proxy), (0, 1), "create, again");
    env.check(&payment).await;
    assert_eq!(round_trips(&proxy), (1, 0), "check");
    browser.get(&payment.url).send().await.unwrap();
    assert_eq!(round_trips(&proxy), (1, 0), "redirect");
    browser
        .get(format!("{}/return", payment.url))
        .send()
        .await
        .unwrap();
    assert_eq!(round_trips(&proxy), (2, 0), "return");

    // Two for the payment result, and at most two for the notification that follows from the stream.
    env.send_paid_result(&payment).await;
    env.until("Tiki is notified", async || {
        env.tiki.known(&payment.tiki_id).unwrap().status == "SUCCESS"
    })
    .await;
    let mut total = (0, 0);
    env.until("the IPN is recorded", async || {
        env.dynamodb
            .describe_table()
            .table_name("TransactionsTable")
            .send()
            .await
            .unwrap();
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    let counts = round_trips(&proxy);
    total.1 += counts.1;
    assert_eq!(total.1, 1 + 1, "one write for the result, one for the IPN");

    env.send_paid_result(&payment).await;
    assert_eq!(round_trips(&proxy), (1, 0), "result, again");
    env.refund(&payment, "R1", 40_000).await;
    assert_eq!(round_trips(&proxy), (1, 2), "refund");
    env.refund(&payment, "R1", 40_000).await;
    assert_eq!(round_trips(&proxy), (1, 0), "refund, again");
}

/// The bill: what one payment with one refund writes, indexes included.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_with_a_refund_costs_so_many_write_units() {
    let proxy = DynamoDbProxy::start().await;
    let env = env_behind(&proxy).await;
    let _ = proxy.take_write_units();
    let mut units = Vec::new();
    let payment = env.create(100_000).await;
    units.push(("create", proxy.take_write_units()));
    env.send_paid_result(&payment).await;
    env.until("Tiki has confirmed it", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    units.push(("result and notification", proxy.take_write_units()));
    env.refund(&payment, "R1", 40_000).await;
    units.push(("refund", proxy.take_write_units()));
    let all: f64 = units.iter().map(|(_, units)| units).sum();
    assert!((all - 13.0).abs() < f64::EPSILON, "{units:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipn_from_the_stream_is_read_once_and_written_once() {
    let proxy = DynamoDbProxy::start().await;
    let env = env_behind(&proxy).await;
    let payment = env.create(100_000).await;
    let _ = proxy.take_counts();
    env.send_paid_result(&payment).await;
    let notified = || {
        env.tiki
            .known(&payment.tiki_id)
            .is_some_and(|order| order.status == "SUCCESS")
    };
    env.until("Tiki is notified", async || notified()).await;
    // The worker's last write follows. The proxy counts it, so the test does not read the item.
    let writes = std::sync::Mutex::new((0, 0));
    env.until("the IPN is recorded", async || {
        let (gets, puts) = round_trips(&proxy);
        let mut seen = writes.lock().unwrap();
        *seen = (seen.0 + gets, seen.1 + puts);
        seen.1 >= 2
    })
    .await;
    assert_eq!(
        *writes.lock().unwrap(),
        (2, 2),
        "1 read and 1 write for the result, 1 and 1 for the IPN"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_write_with_a_lost_answer_is_recognised() {
    let proxy = DynamoDbProxy::start().await;
    let env = env_behind(&proxy).await;

    let tiki_id = env.tiki.order(100_000);
    proxy.lose_next("PutItem");
    let created = env.tiki.create(&tiki_id, None).await.unwrap();
    assert!(proxy.lost("PutItem"));
    assert_eq!(
        (created.status, created.code()),
        (200, Some(0)),
        "{}",
        created.text
    );
    let payment = Payment::created(&tiki_id, 100_000, &created);

    proxy.lose_next("PutItem");
    let answer = env.send_paid_result(&payment).await;
    assert_eq!(
        (answer.status, answer.code()),
        (200, Some(0)),
        "{}",
        answer.text
    );
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    let version = env.item(&payment).await["version"].as_u64().unwrap();

    // The answer to the reservation is lost. The function recognises its own write and refunds once.
    proxy.lose_next("PutItem");
    let refunded = env.refund(&payment, "R1", 40_000).await;
    assert!(proxy.lost("PutItem"));
    assert_eq!(
        (refunded.status, refunded.code()),
        (200, Some(0)),
        "{}",
        refunded.text
    );
    let refunds = env.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
    assert_eq!(
        env.item(&payment).await["version"],
        version + 2,
        "no write happens twice"
    );

    proxy.lose_next("GetItem");
    assert_eq!(env.check(&payment).await["refunded_amount"], 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_of_writes_cause_no_second_notification() {
    let proxy = DynamoDbProxy::start().await;
    let env = env_behind(&proxy).await;
    let payment = env.create(100_000).await;
    env.tiki.faults.next(
        "ipn",
        [Fault::Answer {
            status: 503,
            body: String::new(),
        }],
    );
    env.send_paid_result(&payment).await;
    env.until("the first try is recorded", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    env.time_passes(&payment).await;
    proxy.lose_next("PutItem");
    env.sweep("ipn-sender").await;
    assert!(proxy.lost("PutItem"));
    assert_eq!(env.ipn_state(&payment).await, "confirmed");
    assert_eq!(env.tiki.known(&payment.tiki_id).unwrap().ipns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ipn_sender_loses_no_notification() {
    let env = TestEnv::start().await;
    env.tiki.faults.next("ipn", [Fault::Late { ms: 60_000 }]);
    let payment = env.paid(100_000).await;
    env.until("it is sending", async || {
        !env.tiki.known(&payment.tiki_id).unwrap().ipns.is_empty()
    })
    .await;
    kill(&env.sandbox.pids("ipn-sender"));

    // The lease expires, the next sweep leases the obligation again, and no attempt is lost.
    env.later(&payment).await;
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    assert_eq!(env.tiki.known(&payment.tiki_id).unwrap().ipns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_dies_answers_502_and_refunds_once() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.core.faults.next("refund", [Fault::Late { ms: 60_000 }]);
    let (tiki, id) = (env.tiki.clone(), payment.clone());
    let asked = tokio::spawn(async move {
        tiki.refund(&id.tiki_id, &id.id, "R1", 40_000)
            .await
            .unwrap()
    });
    env.until("the core was asked", async || {
        !env.core.refunds(&payment.id).is_empty()
    })
    .await;
    kill(&env.sandbox.pids("refund-transaction"));
    let answer = asked.await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (502, Some(2)),
        "{}",
        answer.text
    );

    env.later(&payment).await;
    let again = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(
        (again.status, again.code()),
        (200, Some(0)),
        "{}",
        again.text
    );
    let refunds = env.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_killed_repeatedly_lose_nothing() {
    let env = TestEnv::with(|options| options.sweep_every = Duration::from_millis(200)).await;
    let mut payments = Vec::new();
    for i in 0..12 {
        let payment = env.create(100_000).await;
        env.core.take_money(&payment.id, 100_000);
        let result = json!({ "status": "SUCCESS", "amount": 100_000 });
        let sending = async {
            // A core repeats the result until it is accepted.
            while env
                .core
                .send_result(&payment.id, &result)
                .await
                .unwrap()
                .status
                != 200
            {}
        };
        let killing = async {
            tokio::time::sleep(Duration::from_millis(7 * i)).await;
            for function in ["payment-result", "ipn-sender", "core-worker"] {
                kill(&env.sandbox.pids(function));
            }
        };
        tokio::join!(sending, killing);
        payments.push(payment);
    }
    for payment in &payments {
        let lease_over = async || {
            if env.ipn_state(payment).await == "retrying" {
                env.time_passes(payment).await;
            }
            env.ipn_state(payment).await == "confirmed"
        };
        env.until("Tiki is notified", lease_over).await;
        assert_eq!(env.check(payment).await["status"], "SUCCESS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_survives_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let dir = folder.path().to_owned();
    let before = TestEnv::with(|options| options.data_dir = Some(dir.clone())).await;
    before.tiki.faults.standing("ipn", Fault::Down);
    let payment = before.paid(100_000).await;
    before
        .until("the first try is recorded", async || {
            before.item(&payment).await["ipn"]["failures"] == 1
        })
        .await;
    let confirmed = {
        before.tiki.faults.off("ipn");
        before.confirmed(50_000).await
    };
    let ipns = before.tiki.known(&confirmed.tiki_id).unwrap().ipns.len();
    before.sandbox.stop().await;

    let after = TestEnv::with(|options| options.data_dir = Some(dir)).await;
    assert_eq!(after.check(&payment).await["status"], "SUCCESS");
    // An open notification is still sent, and a confirmed one is not repeated.
    after.later(&payment).await;
    assert_eq!(after.ipn_state(&payment).await, "confirmed");
    let repeated = after.tiki.known(&confirmed.tiki_id).unwrap().ipns.len();
    assert_eq!((ipns, repeated), (1, 1));
    // The stream continues at its position: the last batch may come again, but no earlier one.
    let streamed = after.sandbox.journal.since(Duration::ZERO);
    assert!(
        !streamed
            .iter()
            .any(|entry| entry.what == "2 new obligations"),
        "{streamed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_core_worker_loses_no_refund() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    env.send_failed_result(&payment).await;
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    env.core.faults.next("refund", [Fault::Late { ms: 60_000 }]);
    // A late payment: the stream starts core-worker, which refunds it.
    env.send_paid_result(&payment).await;
    env.until("the core was asked", async || {
        !env.core.refunds(&payment.id).is_empty()
    })
    .await;
    kill(&env.sandbox.pids("core-worker"));
    env.later(&payment).await;
    env.until("the refund is made", async || {
        env.check(&payment).await["refunded_amount"] == 100_000
    })
    .await;
    let refunds = env.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_idle_function_is_replaced_unnoticed() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    for _ in 0..20 {
        kill(&env.sandbox.pids("check-transaction"));
        assert_eq!(env.check(&payment).await["status"], "SUCCESS");
        kill(&env.sandbox.pids("create-transaction"));
        env.create(100_000).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_system_error_while_dynamodb_fails() {
    let proxy = DynamoDbProxy::start().await;
    let env = env_behind(&proxy).await;
    let payment = env.confirmed(100_000).await;
    proxy.fail(true);
    let customer = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let new_order = env.tiki.order(100_000);
    for (name, answer) in [
        ("create", env.tiki.create(&new_order, None).await.unwrap()),
        ("check", env.tiki.check(&payment.tiki_id).await.unwrap()),
        ("refund", env.refund(&payment, "R1", 1).await),
        ("result", env.send_paid_result(&payment).await),
        ("webview", env.core.open_webview(&customer).await.unwrap()),
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (500, Some(2)),
            "{name}: {}",
            answer.text
        );
        assert!(
            !answer.text.contains("Dynamo"),
            "the answer names no internal service: {}",
            answer.text
        );
    }
    proxy.fail(false);
    assert_eq!(
        env.tiki.create(&new_order, None).await.unwrap().code(),
        Some(0)
    );
    assert_eq!(env.refund(&payment, "R1", 1).await.code(), Some(0));
}

/// A record of the stream in which a payment is as another one is: whoever may invoke a worker can send it.
async fn forged(env: &TestEnv, payment: &Payment, like: &Payment, change: Value) -> Value {
    let (own, mut item) = (env.item(payment).await, env.item(like).await);
    for name in ["transaction_id", "tiki_transaction_id", "version"] {
        item[name] = own[name].clone();
    }
    for (name, value) in change.as_object().unwrap() {
        item[name] = value.clone();
    }
    let image = typed(&item)["M"].clone();
    let readable = store::read(serde_json::from_value(image.clone()).unwrap());
    assert!(readable.is_ok(), "{readable:?}: it would be no attack");
    let keys = json!({ "transaction_id": { "S": payment.id } });
    json!({ "Records": [{ "dynamodb": { "SequenceNumber": "1", "Keys": keys, "NewImage": image } }] })
}

/// With the right to sweep by hand a person can invoke the workers, and with any event.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_of_the_stream_moves_no_money_and_tells_tiki_nothing() {
    let env = TestEnv::start().await;
    let (unpaid, paid) = (env.create(100_000).await, env.confirmed(100_000).await);
    let retrying = json!({ "state": "retrying", "attempt": 1, "failures": 0, "due_at": 1 });
    let says_paid = forged(&env, &unpaid, &paid, json!({ "ipn": retrying })).await;

    let refunded = env.confirmed(100_000).await;
    env.core.faults.standing("refund", Fault::Down);
    env.core.faults.standing("find_refund", Fault::Down);
    env.refund(&refunded, "R1", 100_000).await;
    env.core.faults.off("refund");
    env.core.faults.off("find_refund");
    let mut refunds = env.item(&refunded).await["refunds"].clone();
    refunds[0]["due"]["due_at"] = json!(1);
    // The id that this refund would have.
    let (of, cause) = (paid.id.parse().unwrap(), b"tiki\nR1");
    refunds[0]["refund_id"] = json!(uuid::Uuid::new_v5(&of, cause).to_string());
    let is_to_return = forged(&env, &paid, &refunded, json!({ "refunds": refunds })).await;

    let before = [env.item(&unpaid).await, env.item(&paid).await];
    for (worker, event) in [("ipn-sender", says_paid), ("core-worker", is_to_return)] {
        env.sandbox.invoke(worker, &event).await.unwrap();
    }
    assert_eq!(before, [env.item(&unpaid).await, env.item(&paid).await]);
    assert_eq!(env.core.refunded_vnd(&paid.id), 0);
    assert_ne!(env.tiki.known(&unpaid.tiki_id).unwrap().status, "SUCCESS");
}
