//! Wires [`core_worker::CoreWorker`] to Lambda.

mod settings;

use std::sync::Arc;

use core_api::{CORE_TIMEOUT_IN_WORKER, CoreClient};
use core_worker::CoreWorker;
use lambda::aws::AwsContext;
use outbox::Outbox;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let keys = aws.keys(&settings.core).await;
    let client = aws.core_client(settings.core_url, keys)?;
    let transactions = aws.transactions(&settings.transactions);
    let worker = CoreWorker {
        core: Arc::new(CoreClient::new(client, CORE_TIMEOUT_IN_WORKER)),
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
