//! Wires [`core_worker::CoreWorker`] to Lambda.

use std::sync::Arc;

use core_api::{CoreClient, TIMEOUT_IN_WORKER};
use core_worker::CoreWorker;
use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, core_url};
use outbox::Outbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (core, core_url, table) = aws.env.load(|env| {
        let core = Identity::core(env);
        let core_url = core_url(env);
        let table = TableName::transactions(env);
        Some((core?, core_url?, table?))
    })?;
    let client = aws.core_client(core_url, aws.keys(&core).await)?;
    let transactions = aws.transactions(&table);
    let worker = CoreWorker {
        core: Arc::new(CoreClient::new(client, TIMEOUT_IN_WORKER)),
        transactions: transactions.clone(),
        clock: Arc::clone(&aws.clock),
    };
    lambda::serve_stream(Outbox {
        worker,
        transactions,
        clock: Arc::clone(&aws.clock),
    })
    .await
}
