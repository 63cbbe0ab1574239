//! Wires [`refund_transaction::RefundTransaction`] to Lambda.

mod settings;

use std::sync::Arc;

use core_api::{CORE_TIMEOUT_IN_REQUEST, CoreClient};
use lambda::aws::AwsContext;
use refund_transaction::{Patience, RefundTransaction};

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (tiki_keys, core_keys) = tokio::join!(aws.keys(&settings.tiki), aws.keys(&settings.core));
    let core = aws.core_client(settings.core_url, core_keys)?;
    lambda::serve_http(RefundTransaction {
        verifier: aws.tiki_verifier(&tiki_keys, settings.former, settings.window),
        transactions: aws.transactions(&settings.transactions),
        core: Arc::new(CoreClient::new(core, CORE_TIMEOUT_IN_REQUEST)),
        patience: Patience::default(),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
