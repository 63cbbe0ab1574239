//! Wires [`check_reconciliation::CheckReconciliation`] to Lambda.

use std::sync::Arc;

use archive::Archive;
use check_reconciliation::CheckReconciliation;
use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, archive_bucket, get_signing, signature_window};
use ledger::Ledger;
use signing::HeaderNames;
use store::RandomWriteIds;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, get_signing, table, bucket) = aws.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let get_signing = get_signing(env);
        let table = TableName::reconciliation(env);
        let bucket = archive_bucket(env);
        Some((tiki?, window?, get_signing?, table?, bucket?))
    })?;
    let keys = aws.keys(&tiki).await;
    let dynamodb = store::connect(aws.sdk());
    lambda::serve_http(CheckReconciliation {
        verifier: aws.verifier(HeaderNames::TIKI, &keys, window),
        get_signing,
        ledger: Ledger::new(dynamodb, table.0, Arc::new(RandomWriteIds)),
        archive: Archive::new(aws.sdk(), bucket),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
