//! Wires [`payment_result::PaymentResult`] to Lambda.

use std::sync::Arc;

use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, signature_window};
use payment_result::PaymentResult;
use signing::HeaderNames;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (core, window, table) = aws.env.load(|env| {
        let core = Identity::core(env);
        let window = signature_window(env);
        let table = TableName::transactions(env);
        Some((core?, window?, table?))
    })?;
    let keys = aws.keys(&core).await;
    lambda::serve_http(PaymentResult {
        verifier: aws.verifier(HeaderNames::PARTNER, &keys, window),
        transactions: aws.transactions(&table),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
