//! `POST /tikivip/v1/refunds` (protocol §5).

use std::collections::BTreeMap;
use std::time::Instant;

use e2e::TestEnv;
use futures::future::join_all;
use sandbox::{Fault, Response};
use serde_json::{Value, json};

fn found(answer: &Response) -> (u16, Option<i64>) {
    (answer.status, answer.code())
}

/// A sandbox in which so many refunds may run at once.
async fn with_refunds_at_once(most: u32) -> TestEnv {
    let set = ("RefundConcurrency".to_owned(), most.to_string());
    TestEnv::with(|options| options.parameters.push(set)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_refund_returns_the_first_answer() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let first = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(found(&first), (200, Some(0)), "{}", first.text);
    let data = &first.json["data"];
    assert_eq!(data["request_id"], "R1");
    assert_eq!(data["refund_amount"], 40_000);
    assert_eq!(data["refunded_amount"], 40_000);
    assert_eq!(data["remaining_amount"], 60_000);
    assert_eq!(data["status"], "SUCCESS");

    let second = env.refund(&payment, "R2", 60_000).await;
    assert_eq!(found(&second), (200, Some(0)));
    assert_eq!(second.json["data"]["remaining_amount"], 0);
    let again = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(
        again.text, first.text,
        "as the first time, whatever has happened since"
    );

    let posted: Vec<_> = env
        .core
        .refunds(&payment.id)
        .iter()
        .map(|r| (r.amount, r.posted))
        .collect();
    assert_eq!(posted.len(), 2);
    assert!(posted.iter().all(|(_, posted)| *posted == 1));
    assert_eq!(env.core.refunded_vnd(&payment.id), 100_000);
    let checked = env.check(&payment).await;
    assert_eq!(
        (&checked["status"], &checked["refunded_amount"]),
        (&json!("SUCCESS"), &json!(100_000))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_code_and_tikis_status() {
    let env = TestEnv::start().await;
    let paid = env.confirmed(100_000).await;
    env.refund(&paid, "R1", 90_000).await;
    let other = env.create(100_000).await;
    let failed = env.create(100_000).await;
    env.send_failed_result(&failed).await;
    let expired = env.create(100_000).await;
    env.later(&expired).await;

    for (name, answer, code) in [
        ("not final yet", env.refund(&other, "R1", 1).await, 9),
        ("failed", env.refund(&failed, "R1", 1).await, 6),
        ("expired", env.refund(&expired, "R1", 1).await, 7),
        (
            "more than remains",
            env.refund(&paid, "R2", 10_001).await,
            10,
        ),
        (
            "other amount under the same request id",
            env.refund(&paid, "R1", 90_001).await,
            11,
        ),
        (
            "unknown",
            {
                let nobody = e2e::Payment {
                    id: "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed".to_owned(),
                    ..paid.clone()
                };
                env.refund(&nobody, "R1", 1).await
            },
            3,
        ),
        (
            "no id of ours",
            {
                let nobody = e2e::Payment {
                    id: "X".to_owned(),
                    ..paid.clone()
                };
                env.refund(&nobody, "R1", 1).await
            },
            3,
        ),
        (
            "ids that disagree",
            {
                let mixed = e2e::Payment {
                    tiki_id: other.tiki_id.clone(),
                    ..paid.clone()
                };
                env.refund(&mixed, "R3", 1).await
            },
            1,
        ),
        ("nothing", env.refund(&paid, "R4", 0).await, 5),
    ] {
        assert_eq!(found(&answer), (500, Some(code)), "{name}: {}", answer.text);
    }
    let other_reason = json!({
        "tiki_transaction_id": paid.tiki_id, "transaction_id": paid.id, "transaction_amount": 90_000,
        "reason": "another", "request_id": "R1",
    });
    let answer = env
        .tiki
        .caller
        .post("/tikivip/v1/refunds", &other_reason)
        .await
        .unwrap();
    assert_eq!(found(&answer), (500, Some(11)), "{}", answer.text);
    assert_eq!(env.core.refunded_vnd(&paid.id), 90_000);
    assert_eq!(env.core.refunded_vnd(&failed.id), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_field_is_named() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let good = json!({
        "tiki_transaction_id": payment.tiki_id, "transaction_id": payment.id,
        "transaction_amount": 1_000, "reason": "r", "request_id": "q",
    });
    let cases: Vec<(&str, Value, i64)> = vec![
        ("tiki_transaction_id", json!(null), 1),
        ("tiki_transaction_id", json!("a/b"), 1),
        ("transaction_id", json!(null), 1),
        ("transaction_id", json!(1), 1),
        ("transaction_amount", json!(null), 1),
        ("transaction_amount", json!("x"), 1),
        ("transaction_amount", json!(0), 5),
        ("transaction_amount", json!(-1), 5),
        ("transaction_amount", json!(0.5), 5),
        ("transaction_amount", json!(1e300), 5),
        ("reason", json!(null), 1),
        ("reason", json!(""), 1),
        ("reason", json!("đ".repeat(256)), 1),
        ("request_id", json!(null), 1),
        ("request_id", json!(""), 1),
        ("request_id", json!("x".repeat(129)), 1),
        ("request_amount", json!(999), 1),
        ("request_amount", json!(0), 1),
        ("request_amount", json!("x"), 1),
        ("reference_transaction_id", json!("x"), 1),
        ("order_code", json!("x"), 1),
    ];
    for (field, value, code) in cases {
        let mut message = good.clone();
        message[field] = value;
        let answer = env
            .tiki
            .caller
            .post("/tikivip/v1/refunds", &message)
            .await
            .unwrap();
        assert_eq!(
            found(&answer),
            (500, Some(code)),
            "{field}: {}",
            answer.text
        );
        assert!(
            answer.json["message"].as_str().unwrap().contains(field),
            "{}",
            answer.text
        );
    }
    let raw = env
        .tiki
        .caller
        .post_bytes("/tikivip/v1/refunds", b"{".to_vec())
        .await
        .unwrap();
    assert_eq!(found(&raw), (500, Some(1)));
    let large = vec![b' '; 65_537];
    let large = env
        .tiki
        .caller
        .post_bytes("/tikivip/v1/refunds", large)
        .await
        .unwrap();
    assert_eq!(found(&large), (500, Some(1)));
    assert_eq!(env.core.refunded_vnd(&payment.id), 0);

    let mut agreeing = good;
    agreeing["request_amount"] = json!("1000.0");
    let answer = env
        .tiki
        .caller
        .post("/tikivip/v1/refunds", &agreeing)
        .await
        .unwrap();
    assert_eq!(found(&answer), (200, Some(0)), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_concurrent_refunds_never_exceed_the_payment() {
    let env = with_refunds_at_once(200).await;
    let payment = env.confirmed(1_000_000).await;
    let refunds = (0..200).map(|i| {
        let (env, payment) = (&env, &payment);
        async move {
            // On a busy machine some must repeat, and the same id gets the same outcome.
            loop {
                let answer = env.refund(payment, &format!("R{i}"), 30_000).await;
                if !matches!(answer.code(), Some(2 | 12)) {
                    break answer;
                }
            }
        }
    });
    let answers = join_all(refunds).await;
    let mut codes: BTreeMap<(u16, Option<i64>), usize> = BTreeMap::new();
    for answer in &answers {
        *codes.entry(found(answer)).or_default() += 1;
    }
    let expected = BTreeMap::from([((200, Some(0)), 33), ((500, Some(10)), 167)]);
    assert_eq!(codes, expected);
    assert_eq!(env.core.refunded_vnd(&payment.id), 990_000);
    assert!(
        env.core
            .refunds(&payment.id)
            .iter()
            .all(|refund| refund.posted == 1)
    );
    let checked = env.check(&payment).await;
    assert_eq!(checked["refunded_amount"], 990_000);
    let last = env.refund(&payment, "the rest", 10_000).await;
    assert_eq!(last.json["data"]["remaining_amount"], 0, "{}", last.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_repeats_make_one_refund() {
    let env = with_refunds_at_once(50).await;
    let payment = env.confirmed(100_000).await;
    let refunds = (0..50).map(|_| env.refund(&payment, "R1", 40_000));
    let answers = join_all(refunds).await;
    for answer in &answers {
        assert_eq!(found(answer), (200, Some(0)), "{}", answer.text);
        assert_eq!(answer.text, answers[0].text);
    }
    let refunds = env.core.refunds(&payment.id);
    assert_eq!((refunds.len(), refunds[0].posted), (1, 1));
    assert_eq!(env.core.refunded_vnd(&payment.id), 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_with_a_lost_answer_is_unknown_until_looked_up() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.core.faults.next("refund", [Fault::Lost]);
    let answer = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(found(&answer), (500, Some(12)), "{}", answer.text);
    assert_eq!(answer.json["data"]["status"], "PENDING");
    assert_eq!(
        answer.json["data"]["remaining_amount"], 60_000,
        "it holds its amount"
    );
    let again = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(found(&again), (500, Some(12)));

    env.later(&payment).await;
    let second = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(found(&second), (200, Some(0)), "{}", second.text);
    let refunds = env.core.refunds(&payment.id);
    assert_eq!(
        (refunds.len(), refunds[0].posted),
        (1, 1),
        "asked for, not posted again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_core_never_saw_is_posted_again() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.core.faults.next("refund", [Fault::Down]);
    env.core.faults.next(
        "find_refund",
        [Fault::Answer {
            status: 500,
            body: String::new(),
        }],
    );
    assert_eq!(env.refund(&payment, "R1", 40_000).await.code(), Some(12));
    env.later(&payment).await;
    assert_eq!(
        env.refund(&payment, "R1", 40_000).await.code(),
        Some(12),
        "500 is no answer"
    );
    env.later(&payment).await;
    assert_eq!(
        found(&env.refund(&payment, "R1", 40_000).await),
        (200, Some(0))
    );
    assert_eq!(env.core.refunded_vnd(&payment.id), 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_clear_answer_of_the_core_decides_a_refund() {
    let env = TestEnv::start().await;
    let unclear = |status, body: &str| Fault::Answer {
        status,
        body: body.to_owned(),
    };
    for fault in [
        unclear(500, r#"{"status":"rejected"}"#),
        unclear(400, r#"{"status":"rejected"}"#),
        unclear(200, "<html>"),
        unclear(200, r#"{"refund_id":"another","status":"succeeded"}"#),
        unclear(200, r#"{"status":"succeeded"}"#),
        unclear(200, r#"{"refund_id":"ID","status":"succeeded"}"#),
        unclear(200, r#"{"refund_id":"ID","amount":1,"status":"succeeded"}"#),
        unclear(200, r#"{"refund_id":"ID","amount":1,"status":"rejected"}"#),
        unclear(
            404,
            r#"{"refund_id":"ID","amount":40000,"status":"rejected"}"#,
        ),
        unclear(302, ""),
        Fault::Down,
    ] {
        let payment = env.confirmed(100_000).await;
        let fault = match fault {
            Fault::Answer { status, body } => {
                let id = refund_id(&payment, "R1");
                unclear(status, &body.replace("ID", &id))
            }
            other => other,
        };
        env.core.faults.next("refund", [fault.clone()]);
        let answer = env.refund(&payment, "R1", 40_000).await;
        assert_eq!(
            found(&answer),
            (500, Some(12)),
            "{fault:?}: {}",
            answer.text
        );
        env.later(&payment).await;
        let answer = env.refund(&payment, "R1", 40_000).await;
        assert_eq!(found(&answer), (200, Some(0)), "{fault:?}: {}", answer.text);
        assert_eq!(env.core.refunded_vnd(&payment.id), 40_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_rejected_refund_frees_its_amount() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.core.faults.next("refund", [Fault::Lost]);
    env.refund(&payment, "R1", 100_000).await;
    let item = env.item(&payment).await;
    let refund_id = item["refunds"][0]["refund_id"].as_str().unwrap();

    env.core.set_refund(refund_id, "pending");
    env.later(&payment).await;
    assert_eq!(env.refund(&payment, "R1", 100_000).await.code(), Some(12));
    assert_eq!(
        env.refund(&payment, "R2", 1).await.code(),
        Some(10),
        "it holds its amount"
    );

    let shown = async || env.check(&payment).await["refunds"][0]["status"].clone();
    assert_eq!(shown().await, "PENDING");
    env.core.set_refund(refund_id, "rejected");
    env.later(&payment).await;
    assert_eq!(shown().await, "FAILURE");
    let rejected = env.refund(&payment, "R1", 100_000).await;
    assert_eq!(found(&rejected), (500, Some(9)), "{}", rejected.text);
    assert_eq!(rejected.json["data"]["status"], "FAILURE");
    assert_eq!(env.refund(&payment, "R2", 100_000).await.code(), Some(0));
    assert_eq!(
        env.refund(&payment, "R1", 100_000).await.text,
        rejected.text
    );
    assert_eq!(env.core.refunded_vnd(&payment.id), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_of_the_core_is_retried_with_a_reloaded_secret() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    // The core answers 401 once. The function reloads its secret, signs again, and succeeds.
    env.core.faults.next(
        "refund",
        [Fault::Answer {
            status: 401,
            body: String::new(),
        }],
    );
    let answer = env.refund(&payment, "R1", 40_000).await;
    assert_eq!(found(&answer), (200, Some(0)), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hundred_and_first_refund_is_refused() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(1_000_000).await;
    for i in 0..100 {
        let answer = env.refund(&payment, &format!("R{i}"), 1).await;
        assert_eq!(found(&answer), (200, Some(0)), "{i}: {}", answer.text);
    }
    let answer = env.refund(&payment, "R100", 1).await;
    assert_eq!(found(&answer), (500, Some(9)), "{}", answer.text);
    assert_eq!(
        env.refund(&payment, "R99", 1).await.code(),
        Some(0),
        "a repeat still is one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_needs_some_seconds_gets_them() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.core.faults.next("refund", [Fault::Late { ms: 4_000 }]);
    // A repeat that comes meanwhile waits with it.
    let repeat = async {
        env.until("the core was asked", async || {
            !env.core.refunds(&payment.id).is_empty()
        })
        .await;
        env.refund(&payment, "R1", 40_000).await
    };
    let (first, repeat) = tokio::join!(env.refund(&payment, "R1", 40_000), repeat);
    assert_eq!(found(&first), (200, Some(0)), "{}", first.text);
    assert_eq!(repeat.text, first.text);
    assert_eq!(env.core.refunds(&payment.id)[0].posted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_hangs_is_waited_for_long_only_once() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let hangs = Fault::Late { ms: 60_000 };
    env.core.faults.next("refund", [hangs.clone(), hangs]);
    let timed = async |request_id| {
        let began = Instant::now();
        let answer = env.refund(&payment, request_id, 10_000).await;
        assert_eq!(found(&answer), (500, Some(12)), "{}", answer.text);
        began.elapsed().as_secs()
    };
    // Less than API Gateway waits.
    let first = timed("R1").await;
    assert!((19..=24).contains(&first), "it took {first} s");
    let second = timed("R2").await;
    assert!((2..=6).contains(&second), "it took {second} s");
    // It answers again.
    assert_eq!(env.refund(&payment, "R3", 5_000).await.code(), Some(0));
    env.later(&payment).await;
    for request_id in ["R1", "R2"] {
        let answer = env.refund(&payment, request_id, 10_000).await;
        assert_eq!(found(&answer), (200, Some(0)), "{}", answer.text);
    }
    assert_eq!(env.core.refunded_vnd(&payment.id), 25_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_reserve_a_refund_is_answered_429() {
    let env = with_refunds_at_once(2).await;
    let payment = env.confirmed(100_000).await;
    env.core
        .faults
        .next("refund", vec![Fault::Late { ms: 2_500 }; 2]);
    let third = async {
        env.until("two are at the core", async || {
            env.core.refunds(&payment.id).len() == 2
        })
        .await;
        let third = env.refund(&payment, "R3", 3_000).await;
        // The other functions are not throttled, and nothing is held.
        let checked = env.check(&payment).await;
        assert_eq!(checked["refunds"].as_array().unwrap().len(), 2, "{checked}");
        third
    };
    let (first, second, third) = tokio::join!(
        env.refund(&payment, "R1", 1_000),
        env.refund(&payment, "R2", 2_000),
        third
    );
    assert_eq!((first.code(), second.code()), (Some(0), Some(0)));
    assert_eq!(found(&third), (429, Some(2)), "{}", third.text);
    assert!(third.headers.contains_key("x-request-id"));
    let repeat = env.refund(&payment, "R3", 3_000).await;
    assert_eq!(found(&repeat), (200, Some(0)), "{}", repeat.text);
    assert_eq!(env.core.refunded_vnd(&payment.id), 6_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_amount_under_a_new_request_id_is_alarmed() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let asked_twice = || {
        let logs = env.sandbox.logs();
        let counted = logs.iter().filter(|l| l.event["RefundsAskedTwice"] == 1);
        let counted = counted.count();
        let ids = |l: &sandbox::LogLine| {
            let (open, new) = (&l.event["open_request_id"], &l.event["request_id"]);
            open.is_string().then(|| (open.clone(), new.clone()))
        };
        (counted, logs.iter().filter_map(ids).collect::<Vec<_>>())
    };
    env.core.faults.next("refund", [Fault::Lost]);
    assert_eq!(env.refund(&payment, "R1", 40_000).await.code(), Some(12));
    // A repeat and another amount are nothing special.
    assert_eq!(env.refund(&payment, "R1", 40_000).await.code(), Some(12));
    assert_eq!(env.refund(&payment, "R2", 10_000).await.code(), Some(0));
    assert_eq!(asked_twice().0, 0);
    // Taken, as the balance allows it, and noted once.
    for _ in 0..2 {
        assert_eq!(env.refund(&payment, "R3", 40_000).await.code(), Some(0));
    }
    env.until("it is counted", async || asked_twice().0 > 0)
        .await;
    assert_eq!(asked_twice(), (1, vec![(json!("R1"), json!("R3"))]));
    // When the first has its outcome, the amount says nothing any more.
    env.later(&payment).await;
    assert_eq!(env.refund(&payment, "R4", 10_000).await.code(), Some(0));
    assert_eq!(asked_twice().0, 1);
}

/// Our id of a refund of Tiki.
fn refund_id(payment: &e2e::Payment, request_id: &str) -> String {
    let transaction = uuid::Uuid::parse_str(&payment.id).unwrap();
    uuid::Uuid::new_v5(&transaction, format!("tiki\n{request_id}").as_bytes()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_another_amount_is_unknown_and_warned_of() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let id = refund_id(&payment, "R1");
    let another = |status: &str| Fault::Answer {
        status: 200,
        body: json!({ "refund_id": id, "amount": 1, "status": status }).to_string(),
    };
    env.core.faults.next("refund", [another("succeeded")]);
    env.core.faults.next("find_refund", [another("rejected")]);
    assert_eq!(env.refund(&payment, "R1", 40_000).await.code(), Some(12));
    env.later(&payment).await;
    let checked = env.check(&payment).await;
    assert_eq!(
        checked["refunds"][0]["status"], "PENDING",
        "neither yes nor no"
    );
    assert_eq!(
        env.refund(&payment, "R2", 60_001).await.code(),
        Some(10),
        "it holds its amount"
    );
    let warned = |function: &str| {
        env.sandbox.logs().iter().any(|line| {
            line.function == function
                && line.event["level"] == "WARN"
                && line.event["id"] == json!(id)
                && line.event["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("does not name"))
        })
    };
    env.until("both warn", async || {
        warned("refund-transaction") && warned("core-worker")
    })
    .await;
    env.later(&payment).await;
    assert_eq!(env.refund(&payment, "R1", 40_000).await.code(), Some(0));
    assert_eq!(env.core.refunded_vnd(&payment.id), 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_core_hears_what_had_gone_back_before() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    assert_eq!(env.refund(&payment, "R1", 10_000).await.code(), Some(0));
    assert_eq!(env.refund(&payment, "R2", 20_000).await.code(), Some(0));
    // Of R3 we do not know that it is back. An answer that is on its way holds up no other refund.
    env.core.faults.next("refund", [Fault::Lost]);
    assert_eq!(env.refund(&payment, "R3", 30_000).await.code(), Some(12));
    assert_eq!(env.refund(&payment, "R4", 5_000).await.code(), Some(0));
    // After a minute our records could be older than the core's, so the core refuses R5 for now.
    env.core.age_refunds(&payment.id);
    assert_eq!(env.refund(&payment, "R5", 35_000).await.code(), Some(12));
    assert_eq!(env.core.refunded_vnd(&payment.id), 65_000);
    // Then both are found out, and R5 is posted again with the new sum.
    env.until("all is back", async || {
        env.later(&payment).await;
        env.core.refunded_vnd(&payment.id) == 100_000
    })
    .await;
    assert_eq!(env.refund(&payment, "R3", 30_000).await.code(), Some(0));
    assert_eq!(env.refund(&payment, "R5", 35_000).await.code(), Some(0));
    let mut heard: Vec<_> = env
        .core
        .refunds(&payment.id)
        .iter()
        .map(|refund| (refund.amount, refund.refunded_so_far))
        .collect();
    heard.sort_unstable();
    assert_eq!(
        heard,
        [
            (5_000, 30_000),
            (10_000, 0),
            (20_000, 10_000),
            (30_000, 30_000),
            (35_000, 65_000)
        ]
    );
}
