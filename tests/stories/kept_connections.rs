//! Connections to the core and to Tiki that die between two calls (docs/decisions/0017).

use std::time::{Duration, Instant};

use e2e::{FaultyConnection, TestEnv};
use serde_json::json;

/// A test environment that calls a counterparty through this connection, by a parameter of the template.
async fn env_through(connection: &FaultyConnection, parameter: &str) -> TestEnv {
    let url = format!("http://127.0.0.1:{}", connection.port);
    TestEnv::with(|options| options.parameters.push((parameter.to_owned(), url))).await
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_to_the_core_costs_tiki_no_answer() {
    let connection = FaultyConnection::to_later().await;
    let env = env_through(&connection, "CoreUrl").await;
    connection.forward_to(port(&env.sandbox.core_url));
    let payment = env.confirmed(100_000).await;
    let first = env.refund(&payment, "R1", 10_000).await;
    assert_eq!((first.status, first.code()), (200, Some(0)));
    assert_eq!(connection.accepted(), 1);

    connection.break_kept();
    let second = env.refund(&payment, "R2", 20_000).await;
    let found = (second.status, second.code());
    assert_eq!(found, (200, Some(0)), "{}", second.text);
    assert_eq!(
        connection.accepted(),
        2,
        "the first broke, the second answered"
    );

    let third = env.refund(&payment, "R3", 30_000).await;
    assert_eq!((third.status, third.code()), (200, Some(0)));
    connection.hold_kept();
    tokio::time::sleep(Duration::from_millis(4_200)).await;
    let began = Instant::now();
    let fourth = env.refund(&payment, "R4", 40_000).await;
    let found = (fourth.status, fourth.code());
    assert_eq!(found, (200, Some(0)), "{}", fourth.text);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "the held connection was used"
    );

    let refunds = env.core.refunds(&payment.id);
    assert!(
        refunds.iter().all(|refund| refund.posted == 1),
        "{refunds:?}"
    );
    assert_eq!(env.core.refunded_vnd(&payment.id), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_to_tiki_costs_the_customer_no_webview() {
    let connection = FaultyConnection::to_later().await;
    let env = env_through(&connection, "TikiApiUrl").await;
    connection.forward_to(port(&env.sandbox.tiki_url));
    let customer = json!({ "identify_code": "c", "identify_phone": "0912345678" });
    let first = env.core.open_webview(&customer).await.unwrap();
    assert_eq!(first.code(), Some(0), "{}", first.text);
    connection.break_kept();
    let second = env.core.open_webview(&customer).await.unwrap();
    assert_eq!(second.code(), Some(0), "{}", second.text);
    assert_eq!(connection.accepted(), 2);
}
