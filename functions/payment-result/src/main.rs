//! Wires [`payment_result::PaymentResult`] to Lambda.

use std::sync::Arc;

use outbound::HeaderNames;
use payment_result::PaymentResult;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Env, Identity, TableName, signature_window};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start().await;
    let (core, window, table) = Env::of_process().load(|env| {
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
