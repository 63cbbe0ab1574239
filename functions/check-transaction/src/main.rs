//! Wires [`check_transaction::CheckTransaction`] to Lambda.

mod settings;

use check_transaction::CheckTransaction;
use lambda::aws::AwsContext;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let keys = aws.keys(&settings.tiki).await;
    lambda::serve_http(CheckTransaction {
        verifier: aws.tiki_verifier(&keys, settings.former, settings.window),
        transactions: aws.transactions(&settings.transactions),
    })
    .await
}
