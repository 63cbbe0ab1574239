//! A whole purchase, as `sandbox --once` shows it.

use e2e::TestEnv;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_works_from_the_webview_to_a_refund() {
    let env = TestEnv::start().await;
    let mut lines = Vec::new();
    let walked = sandbox::walk(&env.sandbox, &mut |line| lines.push(line.to_owned())).await;
    walked.unwrap_or_else(|error| panic!("{error:#}\n{}", lines.join("\n")));
    let shown = lines.join("\n");
    for step in [
        "app → open-webview",
        "open-webview → Tiki",
        "Tiki → create-transaction",
        "customer → payment-redirect",
        "core → payment-result",
        "stream → ipn-sender",
        "ipn-sender → Tiki",
        "Tiki → refund-transaction",
        "Tiki → check-transaction",
        "100.000 ₫ paid and confirmed",
    ] {
        assert!(shown.contains(step), "no {step} in\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiki_is_notified_of_a_declined_payment() {
    let env = TestEnv::start().await;
    let payment = env.create(50_000).await;
    assert_eq!(env.send_failed_result(&payment).await.code(), Some(0));
    env.until("Tiki is notified", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;

    let order = env.tiki.known(&payment.tiki_id).unwrap();
    assert_eq!(order.status, "FAILURE");
    assert_eq!(
        order.ipns[0].body,
        json!({
            "reference_transaction_id": payment.tiki_id,
            "transaction_amount": 50_000,
            "transaction_id": payment.id,
            "status": "FAILURE",
        })
    );
    let checked = env.check(&payment).await;
    assert_eq!(checked["status"], "FAILURE");
    assert_eq!(checked["failure_reason"], "not enough money");
    assert_eq!(checked["paid_at"], json!(null));
}
