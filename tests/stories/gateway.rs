//! What API Gateway and Lambda do around the functions.

use e2e::World;
use futures::future::join_all;
use sandbox::{Fault, Response};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_method_or_path_that_does_not_exist_is_answered_in_our_envelope() {
    let world = World::start().await;
    let http = &world.tiki.caller.http;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/tikivip/v1"),
        ("GET", "/tikivip/v1/refunds"),
        ("PUT", "/tikivip/v1/transactions"),
        ("DELETE", "/tikivip/v1/transactions"),
        ("POST", "/tikivip/v1/transactions/"),
        ("POST", "/tikivip/v2/transactions"),
        ("POST", "/tikivip/v1/transactions/query/x"),
        ("POST", "/pay/token"),
        ("GET", "/pay/"),
        ("GET", "/pay/a/b/return"),
        ("GET", "/partner/v1/webview"),
        ("POST", "/partner/v1/payments/x"),
        ("POST", "/partner/v1/payments//result"),
    ] {
        let url = format!("{}{path}", world.sandbox.url);
        let answer = http
            .request(method.parse().unwrap(), url)
            .body("{}")
            .send()
            .await
            .unwrap();
        let answer = Response::read(answer).await.unwrap();
        assert_eq!(
            (answer.status, answer.code()),
            (404, Some(1)),
            "{method} {path}: {}",
            answer.text
        );
        assert!(answer.headers.contains_key("x-request-id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_get_instances_of_their_own_up_to_the_bound() {
    let world = World::with(|options| options.instances = 3).await;
    let payments = join_all((0..20).map(|_| world.create(100_000))).await;
    assert_eq!(payments.len(), 20);
    let instances = world.sandbox.pids("create-transaction").len();
    assert!((1..=3).contains(&instances), "{instances}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_dies_is_a_502_and_is_started_anew() {
    let world = World::start().await;
    let payment = world.confirmed(100_000).await;
    world
        .core
        .faults
        .next("refund", [Fault::Late { ms: 60_000 }]);
    let (tiki, p) = (world.tiki.clone(), payment.clone());
    let asked = tokio::spawn(async move { tiki.refund(&p.tiki_id, &p.id, "R1", 1).await.unwrap() });
    world
        .until("it is at work", async || {
            !world.core.refunds(&payment.id).is_empty()
        })
        .await;
    for pid in world.sandbox.pids("refund-transaction") {
        let _ = std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status();
    }
    let answer = asked.await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (502, Some(2)),
        "{}",
        answer.text
    );
    assert_eq!(world.refund(&payment, "R2", 1).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_set_up_wrongly_names_everything_that_is_wrong() {
    let world = World::with(|options| {
        options
            .parameters
            .push(("MinAmountVnd".to_owned(), "x".to_owned()));
        options
            .parameters
            .push(("ExpiryGraceSeconds".to_owned(), "y".to_owned()));
    });
    let world = world.await;
    let id = world.tiki.order(100_000);
    let answer = world.tiki.create(&id, None).await.unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        (502, Some(2)),
        "{}",
        answer.text
    );
    world
        .until("it is said", async || {
            let said = json!(
                world
                    .sandbox
                    .logs()
                    .iter()
                    .map(|line| line.event.clone())
                    .collect::<Vec<_>>()
            )
            .to_string();
            said.contains("MIN_AMOUNT_VND must be a number")
                && said.contains("EXPIRY_GRACE_S must be a number of seconds")
        })
        .await;
}
