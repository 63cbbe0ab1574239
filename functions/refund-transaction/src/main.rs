//! Wires [`refund_transaction::RefundTransaction`] to Lambda.

use std::sync::Arc;

use outbound::HeaderNames;
use rail::{HttpRail, TIMEOUT_IN_REQUEST};
use refund_transaction::RefundTransaction;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Identity, TableName, rail_url, signature_window};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, table, core, rail_url) = world.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let table = TableName::transactions(env);
        let core = Identity::core(env);
        let rail_url = rail_url(env);
        Some((tiki?, window?, table?, core?, rail_url?))
    })?;
    let keys = world.keys(&tiki).await;
    let core = world.core_client(rail_url, world.keys(&core).await)?;
    api::serve(RefundTransaction {
        verifier: world.verifier(HeaderNames::TIKI, &keys, window),
        client_id: tiki.client_id,
        transactions: world.transactions(&table),
        rail: Arc::new(HttpRail::new(core, TIMEOUT_IN_REQUEST)),
        clock: Arc::clone(&world.clock),
    })
    .await
}
