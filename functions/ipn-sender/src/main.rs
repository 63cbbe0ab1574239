//! Wires [`ipn_sender::IpnSender`] to Lambda.

use std::sync::Arc;

use ipn_sender::IpnSender;
use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, get_signing, tiki_api};
use outbox::Outbox;
use tiki_api::{PhoneFormat, TikiClient};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, api, get_signing, table) = aws.env.load(|env| {
        let tiki = Identity::tiki(env);
        let api = tiki_api(env);
        let get_signing = get_signing(env);
        let table = TableName::transactions(env);
        Some((tiki?, api?, get_signing?, table?))
    })?;
    let client = aws.tiki_client(api, get_signing, aws.keys(&tiki).await)?;
    let transactions = aws.transactions(&table);
    let worker = IpnSender {
        // It opens no webview, so how a phone is written is no setting of its.
        tiki: TikiClient::new(client, PhoneFormat::default()),
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
