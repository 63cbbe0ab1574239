//! Wires [`refund_transaction::RefundTransaction`] to Lambda.

use std::sync::Arc;

use core_api::{CoreClient, TIMEOUT_IN_REQUEST};
use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, core_url, signature_window};
use refund_transaction::RefundTransaction;
use signing::HeaderNames;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, table, core, core_url) = aws.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let table = TableName::transactions(env);
        let core = Identity::core(env);
        let core_url = core_url(env);
        Some((tiki?, window?, table?, core?, core_url?))
    })?;
    let keys = aws.keys(&tiki).await;
    let core = aws.core_client(core_url, aws.keys(&core).await)?;
    lambda::serve_http(RefundTransaction {
        verifier: aws.verifier(HeaderNames::TIKI, &keys, window),
        client_id: tiki.client_id,
        transactions: aws.transactions(&table),
        core: Arc::new(CoreClient::new(core, TIMEOUT_IN_REQUEST)),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
