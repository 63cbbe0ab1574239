//! Wires [`check_transaction::CheckTransaction`] to Lambda.

use check_transaction::CheckTransaction;
use outbound::HeaderNames;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Identity, TableName, get_signing, signature_window};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, get_signing, table) = world.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let get_signing = get_signing(env);
        let table = TableName::transactions(env);
        Some((tiki?, window?, get_signing?, table?))
    })?;
    let keys = world.keys(&tiki).await;
    api::serve(CheckTransaction {
        verifier: world.verifier(HeaderNames::TIKI, &keys, window),
        get_signing,
        client_id: tiki.client_id,
        transactions: world.transactions(&table),
    })
    .await
}
