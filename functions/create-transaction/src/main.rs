//! Wires [`create_transaction::CreateTransaction`] to Lambda.

mod settings;

use std::sync::Arc;

use create_transaction::CreateTransaction;
use lambda::aws::AwsContext;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (keys, link_keys) = tokio::join!(
        aws.keys(&settings.tiki),
        aws.link_keys(&settings.links.secret)
    );
    lambda::serve_http(CreateTransaction {
        verifier: aws.tiki_verifier(&keys, settings.former, settings.window),
        limits: settings.limits,
        expiry_grace: settings.expiry_grace,
        link_keys,
        public_base_url: settings.links.public_base_url,
        transactions: aws.transactions(&settings.transactions),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
