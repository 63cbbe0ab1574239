//! Wires [`ipn_sender::IpnSender`] to Lambda.

mod settings;

use std::sync::Arc;

use ipn_sender::IpnSender;
use lambda::aws::AwsContext;
use outbox::Outbox;
use tiki_api::{PhoneFormat, TikiClient};

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let keys = aws.keys(&settings.tiki).await;
    let client = aws.tiki_client(settings.tiki_api, settings.get_signing, keys)?;
    let transactions = aws.transactions(&settings.transactions);
    let worker = IpnSender {
        // It opens no webview, so it needs no phone format.
        tiki: TikiClient::new(client, PhoneFormat::default()),
        transactions: transactions.clone(),
        confirm_after: settings.reversals.confirm_after,
        max_reversals_per_hour: settings.reversals.max_per_hour,
        clock: Arc::clone(&aws.clock),
    };
    lambda::serve_stream(Outbox {
        worker,
        transactions,
        clock: Arc::clone(&aws.clock),
    })
    .await
}
