//! Wires [`check_reconciliation::CheckReconciliation`] to Lambda.

use std::sync::Arc;

use archive::Archive;
use check_reconciliation::CheckReconciliation;
use ledger::Ledger;
use outbound::HeaderNames;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Identity, TableName, archive_bucket, get_signing, signature_window};
use store::RandomStamps;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, get_signing, table, bucket) = world.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let get_signing = get_signing(env);
        let table = TableName::reconciliation(env);
        let bucket = archive_bucket(env);
        Some((tiki?, window?, get_signing?, table?, bucket?))
    })?;
    let keys = world.keys(&tiki).await;
    let dynamodb = store::connect(world.sdk());
    api::serve(CheckReconciliation {
        verifier: world.verifier(HeaderNames::TIKI, &keys, window),
        get_signing,
        ledger: Ledger::new(dynamodb, table.0, Arc::new(RandomStamps)),
        archive: Archive::new(world.sdk(), bucket),
        clock: Arc::clone(&world.clock),
    })
    .await
}
