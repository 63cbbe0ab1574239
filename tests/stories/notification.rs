//! The notification (IPN) to Tiki: the tables of protocol §3 and §4.

use std::collections::HashSet;
use std::time::Duration;

use e2e::{Payment, TestEnv, now_ms};
use sandbox::Fault;
use serde_json::json;
use signing::{ClientSecret, Keyring};

fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        body: body.to_owned(),
    }
}

fn code(code: u8) -> Fault {
    answer(200, &format!(r#"{{"code":{code},"message":"no"}}"#))
}

/// A payment whose first IPN has this fault.
async fn notified_with_fault(env: &TestEnv, fault: Fault) -> Payment {
    env.tiki.faults.next("ipn", [fault]);
    let payment = env.paid(100_000).await;
    env.until("the first try is recorded", async || {
        let ipn = &env.item(&payment).await["ipn"];
        ipn["state"] != "queued" && !(ipn["state"] == "retrying" && ipn["failures"] == 0)
    })
    .await;
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclear_answer_to_an_ipn_is_retried() {
    let env = TestEnv::start().await;
    for fault in [
        code(2),
        answer(500, ""),
        answer(404, ""),
        answer(302, ""),
        answer(200, "<html>"),
        answer(200, ""),
        answer(200, r#"{"code":99}"#),
        answer(200, r#"{"code":0,"message":"success"}"#),
        answer(200, r#"{"code":0,"data":{"transaction_id":"another"}}"#),
        Fault::Down,
        Fault::Lost,
    ] {
        let payment = notified_with_fault(&env, fault.clone()).await;
        let ipn = env.item(&payment).await["ipn"].clone();
        assert_eq!(
            (&ipn["state"], &ipn["failures"]),
            (&json!("retrying"), &json!(1)),
            "{fault:?}"
        );
        assert_eq!(
            env.core.refunded_vnd(&payment.id),
            0,
            "no ground to give money back"
        );
        env.later(&payment).await;
        assert_eq!(env.ipn_state(&payment).await, "confirmed", "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_signature_is_retried_with_a_reloaded_secret() {
    let env = TestEnv::start().await;
    // The sender has the old secret. Tiki has changed to the new one and refuses the old one.
    env.confirmed(100_000).await;
    let old = &env.tiki.caller.keys;
    let new = Keyring::new(
        old.client_id(),
        ClientSecret::new("the secret that is next"),
    );
    env.tiki.expect_keys(new.clone());
    let payment = env.paid(100_000).await;
    env.until("refused", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    let secret = &env.sandbox.plan.secrets["TikiSecret"];
    env.sandbox.secrets.put(secret, "the secret that is next");
    // The secret is reloaded at most every few seconds. Each refused attempt is one of ten.
    env.until("it is heard with the new secret", async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        env.later(&payment).await;
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;

    // After two refusals it waits for the schedule, and an alarm is raised.
    env.tiki
        .faults
        .next("ipn", [answer(403, ""), answer(403, "")]);
    let payment = env.paid(100_000).await;
    env.until("recorded", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    env.until_alarm("ipn_unauthorized").await;
    env.later(&payment).await;
    assert_eq!(env.ipn_state(&payment).await, "confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_ipn_is_decided_by_a_look_up() {
    let env = TestEnv::start().await;
    for refusal in [1, 3, 4, 5, 6] {
        for (look_up, state, given_back) in [
            (
                r#"{"code":0,"status":"SUCCESS","amount":100000}"#,
                "confirmed",
                0,
            ),
            (
                r#"{"code":0,"data":{"status":"SUCCESS","amount":"100000"}}"#,
                "confirmed",
                0,
            ),
            (
                r#"{"code":0,"status":"SUCCESS","amount":100001}"#,
                "disputed",
                0,
            ),
            (r#"{"code":0,"status":"SUCCESS"}"#, "retrying", 0),
            (
                r#"{"code":0,"status":"PENDING","amount":100000}"#,
                "retrying",
                0,
            ),
            (
                r#"{"code":0,"status":"FAILURE","amount":100000}"#,
                "reversed",
                100_000,
            ),
            (r#"{"code":6,"message":"cancelled"}"#, "reversed", 100_000),
            (r#"{"code":1,"message":"invalid"}"#, "disputed", 0),
            (r#"{"code":4,"message":"not yours"}"#, "disputed", 0),
            (r#"{"code":2,"message":"system"}"#, "retrying", 0),
            (r#"{"code":7}"#, "retrying", 0),
            (
                r#"{"code":0,"tiki_transaction_id":"another","status":"FAILURE"}"#,
                "retrying",
                0,
            ),
            (
                r#"{"code":0,"partner_transaction_id":"another","status":"FAILURE"}"#,
                "retrying",
                0,
            ),
            ("<html>", "retrying", 0),
        ] {
            env.tiki.faults.next("look_up", [answer(200, look_up)]);
            let payment = notified_with_fault(&env, code(refusal)).await;
            let status = if state == "reversed" {
                // Tiki is notified of it before the next payment's faults are set.
                env.until("Tiki knows of the failure", async || {
                    env.ipn_state(&payment).await == "confirmed"
                })
                .await;
                "FAILURE"
            } else {
                let found = env.ipn_state(&payment).await;
                assert_eq!(found, state, "code {refusal}, then {look_up}");
                "SUCCESS"
            };
            env.until("what is to go back is back", async || {
                env.core.refunded_vnd(&payment.id) == given_back
            })
            .await;
            assert_eq!(env.check(&payment).await["status"], status, "{look_up}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_without_an_answer_changes_nothing() {
    let env = TestEnv::start().await;
    for fault in [
        answer(500, ""),
        answer(404, ""),
        answer(401, ""),
        Fault::Down,
        Fault::Lost,
    ] {
        env.tiki.faults.standing("look_up", fault.clone());
        let payment = notified_with_fault(&env, code(3)).await;
        assert_eq!(env.ipn_state(&payment).await, "retrying", "{fault:?}");
        assert_eq!(env.core.refunded_vnd(&payment.id), 0);
        env.tiki.faults.off("look_up");
        env.later(&payment).await;
        assert_eq!(env.ipn_state(&payment).await, "confirmed", "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_continue_and_tiki_is_notified_after_an_outage() {
    let env = TestEnv::start().await;
    env.tiki.faults.standing("ipn", answer(503, ""));
    env.tiki.faults.standing("look_up", answer(503, ""));
    let payment = notified_with_fault(&env, answer(503, "")).await;
    assert_eq!(
        env.check(&payment).await["status"],
        "SUCCESS",
        "the customer has paid"
    );

    let look_ups = || {
        env.sandbox
            .journal
            .since(Duration::ZERO)
            .iter()
            .filter(|e| e.what == "GET transaction")
            .count()
    };
    for failures in 2..=5 {
        env.later(&payment).await;
        assert_eq!(env.item(&payment).await["ipn"]["failures"], failures);
        // After the third failed attempt, and after each later one.
        assert_eq!(look_ups(), failures.max(2) - 2, "after {failures} failures");
    }
    let ipns = env.tiki.known(&payment.tiki_id).unwrap().ipns;
    assert_eq!(ipns.len(), 5);
    let signatures: HashSet<_> = ipns.iter().map(|ipn| &ipn.signature).collect();
    let timestamps: HashSet<_> = ipns.iter().map(|ipn| &ipn.timestamp).collect();
    assert_eq!(
        (signatures.len(), timestamps.len()),
        (5, 5),
        "each signed anew"
    );
    assert!(ipns.iter().all(|ipn| ipn.body == ipns[0].body));

    env.tiki.faults.off("ipn");
    env.later(&payment).await;
    assert_eq!(env.ipn_state(&payment).await, "confirmed");
    assert_eq!(env.tiki.known(&payment.tiki_id).unwrap().status, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_notification_raises_an_alarm_and_moves_no_money() {
    let env = TestEnv::start().await;
    env.tiki.faults.standing("ipn", Fault::Down);
    env.tiki.faults.standing("look_up", Fault::Down);
    let payment = notified_with_fault(&env, Fault::Down).await;
    for _ in 0..9 {
        assert_eq!(env.ipn_state(&payment).await, "retrying");
        env.later(&payment).await;
    }
    assert_eq!(env.ipn_state(&payment).await, "exhausted");
    env.until_alarm("ipn_exhausted").await;
    assert_eq!(
        env.item(&payment).await["needs_review"],
        "ipn_exhausted",
        "and it stays to be found"
    );
    env.later(&payment).await;
    assert_eq!(
        env.tiki.known(&payment.tiki_id).unwrap().ipns.len(),
        10,
        "and no more"
    );
    assert_eq!(env.core.refunded_vnd(&payment.id), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_tiki_refuses_is_closed_without_a_look_up() {
    let env = TestEnv::start().await;
    for (refusal, first) in [
        (3, "abandoned"),
        (6, "abandoned"),
        (1, "retrying"),
        (2, "retrying"),
        (4, "retrying"),
        (5, "retrying"),
    ] {
        env.tiki.faults.next("ipn", [code(refusal)]);
        let payment = env.create(100_000).await;
        env.send_failed_result(&payment).await;
        env.until("recorded", async || {
            let ipn = &env.item(&payment).await["ipn"];
            ipn["state"] == "abandoned" || ipn["failures"] == 1
        })
        .await;
        assert_eq!(env.ipn_state(&payment).await, first, "code {refusal}");
    }
    env.tiki.faults.standing("ipn", code(5));
    let payment = env.create(100_000).await;
    env.send_failed_result(&payment).await;
    for _ in 0..10 {
        env.later(&payment).await;
    }
    assert_eq!(env.ipn_state(&payment).await, "abandoned");
    env.until_alarm("failure_unconfirmed").await;
    let looked_up = env.sandbox.journal.since(Duration::ZERO);
    assert!(
        !looked_up
            .iter()
            .any(|entry| entry.what == "GET transaction")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_returns_the_remaining_amount() {
    let env = TestEnv::start().await;
    env.tiki.faults.standing("ipn", answer(503, ""));
    let payment = notified_with_fault(&env, answer(503, "")).await;
    assert_eq!(env.refund(&payment, "R1", 30_000).await.code(), Some(0));
    env.tiki.faults.off("ipn");
    env.tiki
        .change(&payment.tiki_id, |order| order.cancelled = true);
    env.later(&payment).await;
    env.until("all is back", async || {
        env.core.refunded_vnd(&payment.id) == 100_000
    })
    .await;
    let refused = env.refund(&payment, "R2", 1).await;
    assert_eq!(
        (refused.status, refused.code()),
        (500, Some(6)),
        "{}",
        refused.text
    );
    let checked = env.check(&payment).await;
    assert_eq!(checked["refunds"][1]["origin"], "reversal");
    assert_eq!(checked["refunds"][1]["request_id"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_reversal_is_disputed_and_raises_an_alarm() {
    let env = TestEnv::start().await;
    env.tiki.faults.next("look_up", [code(6)]);
    env.core.faults.standing("refund", Fault::Lost);
    env.core.faults.standing("find_refund", answer(500, ""));
    let payment = notified_with_fault(&env, code(3)).await;
    let item = env.item(&payment).await;
    let id = item["refunds"][0]["refund_id"].as_str().unwrap().to_owned();
    // Nothing is posted before the core has been asked, and its answer to the posting is lost each time.
    let never_seen = json!({ "refund_id": id, "status": "never_seen" }).to_string();
    env.core
        .faults
        .standing("find_refund", answer(404, &never_seen));
    env.until("it is posted", async || {
        env.later(&payment).await;
        !env.core.refunds(&payment.id).is_empty()
    })
    .await;
    env.core.set_refund(&id, "rejected");
    env.core.faults.off("find_refund");
    env.until("it is disputed", async || {
        env.later(&payment).await;
        env.ipn_state(&payment).await == "disputed"
    })
    .await;
    env.until_alarm("system_refund_rejected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_is_signed_as_the_setting_says() {
    for setting in ["relative_path", "full_path", "empty_body", "empty_object"] {
        let env = TestEnv::with(|options| {
            options
                .parameters
                .push(("TikiGetSigning".to_owned(), setting.to_owned()));
        });
        let env = env.await;
        env.tiki.expect_get_signing(setting.parse().unwrap());
        // The order failed at Tiki. Only a look-up with the expected signature shows it.
        let payment = env.create(100_000).await;
        env.tiki
            .change(&payment.tiki_id, |order| order.cancelled = true);
        env.send_paid_result(&payment).await;
        env.until("decided", async || {
            env.ipn_state(&payment).await == "reversing"
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_unconfirmed_is_seen_wherever_it_is_due() {
    let env = TestEnv::start().await;
    env.tiki.faults.standing("ipn", Fault::Down);
    let young = notified_with_fault(&env, Fault::Down).await;
    let old = notified_with_fault(&env, Fault::Down).await;
    // It failed often: it became final 20 hours ago, and is due after the young one.
    let hours_ago = now_ms() - 20 * 3_600_000;
    env.set_final_at(&old, hours_ago).await;
    env.time_passes(&young).await;
    let ages = || -> Vec<i64> {
        let logs = env.sandbox.logs();
        let ages = logs.iter().map(|line| &line.event["IpnUnconfirmedAge"]);
        ages.filter_map(serde_json::Value::as_i64).collect()
    };
    env.until("the first sweep has measured", async || {
        env.sandbox.has_swept() && !ages().is_empty()
    })
    .await;
    let measured = ages().len();
    // A sweep of another group does not measure.
    let other = json!({ "action": "sweep", "group": 1, "of": 4 });
    env.sandbox.invoke("ipn-sender", &other).await.unwrap();
    env.sweep("ipn-sender").await;
    env.until("it is measured", async || ages().len() > measured)
        .await;
    let age = *ages().last().unwrap();
    assert_eq!(ages().len(), measured + 1);
    assert!((72_000_000..72_600_000).contains(&age), "{age} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_of_a_group_that_is_not_there_fails_clearly() {
    let env = TestEnv::start().await;
    for worker in ["ipn-sender", "core-worker"] {
        let event = json!({ "action": "sweep", "group": 4, "of": 4 });
        let error = env.sandbox.invoke(worker, &event).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("there is no group 4 of 4"), "{error}");
    }
}
