//! Wires [`ipn_sender::IpnSender`] to Lambda.

use std::sync::Arc;

use ipn_sender::IpnSender;
use outbox::Outbox;
use runtime::aws::World;
use runtime::config::{Identity, TableName, get_signing, tiki_api};
use tiki::{PhoneFormat, TikiClient};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, api, get_signing, table) = world.env.load(|env| {
        let tiki = Identity::tiki(env);
        let api = tiki_api(env);
        let get_signing = get_signing(env);
        let table = TableName::transactions(env);
        Some((tiki?, api?, get_signing?, table?))
    })?;
    let client = world.tiki_client(api, get_signing, world.keys(&tiki).await)?;
    let transactions = world.transactions(&table);
    let worker = IpnSender {
        // It opens no webview, so how a phone is written is no setting of its.
        tiki: TikiClient::new(client, PhoneFormat::default()),
        transactions: transactions.clone(),
        clock: Arc::clone(&world.clock),
    };
    Outbox {
        worker,
        transactions,
        clock: Arc::clone(&world.clock),
    }
    .serve()
    .await
}
