//! Wires [`rail_worker::RailWorker`] to Lambda.

use std::sync::Arc;

use outbox::Outbox;
use rail::{HttpRail, TIMEOUT_IN_WORKER};
use rail_worker::RailWorker;
use runtime::aws::World;
use runtime::config::{Identity, TableName, rail_url};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (core, rail_url, table) = world.env.load(|env| {
        let core = Identity::core(env);
        let rail_url = rail_url(env);
        let table = TableName::transactions(env);
        Some((core?, rail_url?, table?))
    })?;
    let client = world.core_client(rail_url, world.keys(&core).await)?;
    let transactions = world.transactions(&table);
    let worker = RailWorker {
        rail: Arc::new(HttpRail::new(client, TIMEOUT_IN_WORKER)),
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
