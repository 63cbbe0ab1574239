//! Wires [`payment_result::PaymentResult`] to Lambda.

use std::sync::Arc;

use outbound::HeaderNames;
use payment_result::PaymentResult;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Identity, TableName, signature_window};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (core, window, table) = world.env.load(|env| {
        let core = Identity::core(env);
        let window = signature_window(env);
        let table = TableName::transactions(env);
        Some((core?, window?, table?))
    })?;
    let keys = world.keys(&core).await;
    api::serve(PaymentResult {
        verifier: world.verifier(HeaderNames::PARTNER, &keys, window),
        transactions: world.transactions(&table),
        clock: Arc::clone(&world.clock),
    })
    .await
}
