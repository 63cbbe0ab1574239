//! Crashes, lost answers, and what an operation costs.

use std::time::Duration;

use e2e::{Payment, Proxy, World, kill};
use sandbox::Fault;
use serde_json::json;

/// Behind a line that counts; the sweeps of the beginning are over, and no others follow.
async fn behind(proxy: &Proxy) -> World {
    let world = World::with(|options| options.dynamodb_url = Some(proxy.url.clone())).await;
    world
        .until("both have swept", async || {
            let logs = world.sandbox.logs();
            let measured = |name: &str, of: &str| {
                let mut lines = logs.iter();
                lines.any(|line| line.event[name].is_i64() && line.function == of)
            };
            measured("IpnUnconfirmedAge", "ipn-sender")
                && measured("ObligationLateness", "rail-worker")
        })
        .await;
    world
}

/// `GetItem` and `PutItem` of one operation.
fn trips(proxy: &Proxy) -> (usize, usize) {
    let counts = proxy.take_counts();
    let of = |operation: &str| counts.get(operation).copied().unwrap_or(0);
    (of("GetItem"), of("PutItem"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_makes_as_few_round_trips_as_it_can() {
    let proxy = Proxy::start().await;
    let world = behind(&proxy).await;
    let browser = sandbox::http().unwrap();

    let customer = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let opened = world.core.open_webview(&customer).await.unwrap();
    assert_eq!(trips(&proxy), (0, 1), "webview");
    let tiki_id = world.tiki.order(100_000);
    let created = world
        .tiki
        .create(&tiki_id, opened.json["data"]["request_id"].as_str())
        .await
        .unwrap();
    let payment = Payment::created(&tiki_id, 100_000, &created);
    assert_eq!(trips(&proxy), (0, 1), "create");
    world
        .tiki
        .create(&payment.tiki_id, opened.json["data"]["request_id"].as_str())
        .await
        .unwrap();
    assert_eq!(trips(&proxy), (0, 1), "create, again");
    world.check(&payment).await;
    assert_eq!(trips(&proxy), (1, 0), "check");
    browser.get(&payment.url).send().await.unwrap();
    assert_eq!(trips(&proxy), (1, 0), "redirect");
    browser
        .get(format!("{}/return", payment.url))
        .send()
        .await
        .unwrap();
    assert_eq!(trips(&proxy), (2, 0), "return");

    // The result's own two, and at most two of the IPN that follows from the stream.
    world.report_paid(&payment).await;
    world
        .until("Tiki is told", async || {
            world.tiki.known(&payment.tiki_id).unwrap().status == "SUCCESS"
        })
        .await;
    let mut total = (0, 0);
    world
        .until("the IPN is recorded", async || {
            world
                .dynamodb
                .describe_table()
                .table_name("TransactionsTable")
                .send()
                .await
                .unwrap();
            world.ipn_state(&payment).await == "confirmed"
        })
        .await;
    let counts = trips(&proxy);
    total.1 += counts.1;
    assert_eq!(total.1, 1 + 2, "one write of the result, two of the IPN");

    world.report_paid(&payment).await;
    assert_eq!(trips(&proxy), (1, 0), "result, again");
    world.refund(&payment, "R1", 40_000).await;
    assert_eq!(trips(&proxy), (1, 2), "refund");
    world.refund(&payment, "R1", 40_000).await;
    assert_eq!(trips(&proxy), (1, 0), "refund, again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipn_from_the_stream_reads_nothing() {
    let proxy = Proxy::start().await;
    let world = behind(&proxy).await;
    let payment = world.create(100_000).await;
    let _ = proxy.take_counts();
    world.report_paid(&payment).await;
    let told = || {
        world
            .tiki
            .known(&payment.tiki_id)
            .is_some_and(|order| order.status == "SUCCESS")
    };
    world.until("Tiki is told", async || told()).await;
    // The worker's last write follows; the proxy sees it without our reading the item.
    let writes = std::sync::Mutex::new((0, 0));
    world
        .until("the IPN is recorded", async || {
            let (gets, puts) = trips(&proxy);
            let mut seen = writes.lock().unwrap();
            *seen = (seen.0 + gets, seen.1 + puts);
            seen.1 >= 3
        })
        .await;
    assert_eq!(
        *writes.lock().unwrap(),
        (1, 3),
        "1 and 1 of the result, 0 and 2 of the IPN"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_committed_though_its_answer_was_lost_is_recognised_as_ours() {
    let proxy = Proxy::start().await;
    let world = behind(&proxy).await;

    let tiki_id = world.tiki.order(100_000);
    proxy.lose_next("PutItem");
    let created = world.tiki.create(&tiki_id, None).await.unwrap();
    assert!(proxy.lost("PutItem"));
    assert_eq!(
        (created.status, created.code()),
        (200, Some(0)),
        "{}",
        created.text
    );
    let payment = Payment::created(&tiki_id, 100_000, &created);

    proxy.lose_next("PutItem");
    let reported = world.report_paid(&payment).await;
    assert_eq!(
        (reported.status, reported.code()),
        (200, Some(0)),
        "{}",
        reported.text
    );
    world
        .until("Tiki is told", async || {
            world.ipn_state(&payment).await == "confirmed"
        })
        .await;
    let version = world.item(&payment).await["version"].as_u64().unwrap();

    // The reservation's answer is lost: the refund goes on as the one who reserved it, and is made once.
    proxy.lose_next("PutItem");
    let refunded = world.refund(&payment, "R1", 40_000).await;
    assert!(proxy.lost("PutItem"));
    assert_eq!(
        (refunded.status, refunded.code()),
        (200, Some(0)),
        "{}",
        refunded.text
    );
    let refunds = world.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
    assert_eq!(
        world.item(&payment).await["version"],
        version + 2,
        "no write twice"
    );

    proxy.lose_next("GetItem");
    assert_eq!(world.check(&payment).await["refunded_amount"], 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_writes_lose_their_answers_tells_tiki_once() {
    let proxy = Proxy::start().await;
    let world = behind(&proxy).await;
    let payment = world.create(100_000).await;
    world.tiki.faults.next(
        "ipn",
        [Fault::Answer {
            status: 503,
            body: String::new(),
        }],
    );
    world.report_paid(&payment).await;
    world
        .until("the first try is recorded", async || {
            world.item(&payment).await["ipn"]["failures"] == 1
        })
        .await;
    world.time_passes(&payment).await;
    proxy.lose_next("PutItem");
    world.sweep("ipn-sender").await;
    assert!(proxy.lost("PutItem"));
    assert_eq!(world.ipn_state(&payment).await, "confirmed");
    assert_eq!(world.tiki.known(&payment.tiki_id).unwrap().ipns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipn_sender_killed_while_it_sends_forgets_nothing() {
    let world = World::start().await;
    world.tiki.faults.next("ipn", [Fault::Late { ms: 60_000 }]);
    let payment = world.paid(100_000).await;
    world
        .until("it is sending", async || {
            !world.tiki.known(&payment.tiki_id).unwrap().ipns.is_empty()
        })
        .await;
    kill(&world.sandbox.pids("ipn-sender"));

    // Its lease runs out; the next sweep takes the obligation up, and the death has cost no try.
    world.later(&payment).await;
    world
        .until("Tiki is told", async || {
            world.ipn_state(&payment).await == "confirmed"
        })
        .await;
    assert_eq!(world.tiki.known(&payment.tiki_id).unwrap().ipns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_dies_in_the_middle_is_a_502_and_its_refund_is_made_once() {
    let world = World::start().await;
    let payment = world.confirmed(100_000).await;
    world
        .core
        .faults
        .next("refund", [Fault::Late { ms: 60_000 }]);
    let (tiki, id) = (world.tiki.clone(), payment.clone());
    let asked = tokio::spawn(async move {
        tiki.refund(&id.tiki_id, &id.id, "R1", 40_000)
            .await
            .unwrap()
    });
    world
        .until("the core was asked", async || {
            !world.core.refunds(&payment.id).is_empty()
        })
        .await;
    kill(&world.sandbox.pids("refund-transaction"));
    let answer = asked.await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (502, Some(2)),
        "{}",
        answer.text
    );

    world.later(&payment).await;
    let again = world.refund(&payment, "R1", 40_000).await;
    assert_eq!(
        (again.status, again.code()),
        (200, Some(0)),
        "{}",
        again.text
    );
    let refunds = world.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_killed_again_and_again_forget_nothing() {
    let world = World::with(|options| options.sweep_every = Duration::from_millis(200)).await;
    let mut payments = Vec::new();
    for i in 0..12 {
        let payment = world.create(100_000).await;
        world.core.take_money(&payment.id, 100_000);
        let report = json!({ "status": "SUCCESS", "amount": 100_000 });
        let reported = async {
            // As a core does: until it is taken.
            while world
                .core
                .report(&payment.id, &report)
                .await
                .unwrap()
                .status
                != 200
            {}
        };
        let killing = async {
            tokio::time::sleep(Duration::from_millis(7 * i)).await;
            for function in ["payment-result", "ipn-sender", "rail-worker"] {
                kill(&world.sandbox.pids(function));
            }
        };
        tokio::join!(reported, killing);
        payments.push(payment);
    }
    for payment in &payments {
        let lease_over = async || {
            if world.ipn_state(payment).await == "retrying" {
                world.time_passes(payment).await;
            }
            world.ipn_state(payment).await == "confirmed"
        };
        world.until("Tiki is told", lease_over).await;
        assert_eq!(world.check(payment).await["status"], "SUCCESS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_data_directory_everything_survives_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let dir = folder.path().to_owned();
    let before = World::with(|options| options.data_dir = Some(dir.clone())).await;
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

    let after = World::with(|options| options.data_dir = Some(dir)).await;
    assert_eq!(after.check(&payment).await["status"], "SUCCESS");
    // What is owed is still owed, and what was told is not told again.
    after.later(&payment).await;
    assert_eq!(after.ipn_state(&payment).await, "confirmed");
    let told = after.tiki.known(&confirmed.tiki_id).unwrap().ipns.len();
    assert_eq!((ipns, told), (1, 1));
    // The stream goes on where it was: the last batch may come again, the ones before it do not.
    let streamed = after.sandbox.journal.since(Duration::ZERO);
    assert!(
        !streamed
            .iter()
            .any(|entry| entry.what == "2 new obligations"),
        "{streamed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rail_worker_killed_while_the_core_is_asked_forgets_nothing() {
    let world = World::start().await;
    let payment = world.create(100_000).await;
    world.report_failed(&payment).await;
    world
        .until("Tiki is told", async || {
            world.ipn_state(&payment).await == "confirmed"
        })
        .await;
    world
        .core
        .faults
        .next("refund", [Fault::Late { ms: 60_000 }]);
    // Paid after all: the stream has rail-worker give it back.
    world.report_paid(&payment).await;
    world
        .until("the core was asked", async || {
            !world.core.refunds(&payment.id).is_empty()
        })
        .await;
    kill(&world.sandbox.pids("rail-worker"));
    world.later(&payment).await;
    world
        .until("it is settled", async || {
            world.check(&payment).await["refunded_amount"] == 100_000
        })
        .await;
    let refunds = world.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_function_that_was_killed_is_not_noticed_by_anybody() {
    let world = World::start().await;
    let payment = world.confirmed(100_000).await;
    for _ in 0..20 {
        kill(&world.sandbox.pids("check-transaction"));
        assert_eq!(world.check(&payment).await["status"], "SUCCESS");
        kill(&world.sandbox.pids("create-transaction"));
        world.create(100_000).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_dynamodb_fails_every_route_says_system_error_and_nothing_is_lost() {
    let proxy = Proxy::start().await;
    let world = behind(&proxy).await;
    let payment = world.confirmed(100_000).await;
    proxy.fail(true);
    let customer = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let unborn = world.tiki.order(100_000);
    for (name, answer) in [
        ("create", world.tiki.create(&unborn, None).await.unwrap()),
        ("check", world.tiki.check(&payment.tiki_id).await.unwrap()),
        ("refund", world.refund(&payment, "R1", 1).await),
        ("result", world.report_paid(&payment).await),
        ("webview", world.core.open_webview(&customer).await.unwrap()),
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (500, Some(2)),
            "{name}: {}",
            answer.text
        );
        assert!(
            !answer.text.contains("Dynamo"),
            "nothing of ours is told: {}",
            answer.text
        );
    }
    proxy.fail(false);
    assert_eq!(
        world.tiki.create(&unborn, None).await.unwrap().code(),
        Some(0)
    );
    assert_eq!(world.refund(&payment, "R1", 1).await.code(), Some(0));
}
