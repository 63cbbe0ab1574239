//! Wires [`check_reconciliation::CheckReconciliation`] to Lambda.

mod settings;

use std::sync::Arc;

use check_reconciliation::CheckReconciliation;
use files::s3::S3ObjectStore;
use lambda::aws::AwsContext;
use store::{DynamoRecords, RandomWriteIds, ReconciliationRecords};

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let keys = aws.keys(&settings.tiki).await;
    let dynamodb = store::connect(aws.sdk());
    lambda::serve_http(CheckReconciliation {
        verifier: aws.tiki_verifier(&keys, settings.former, settings.window),
        records: ReconciliationRecords::new(
            Arc::new(DynamoRecords::new(dynamodb, settings.reconciliation.0)),
            Arc::new(RandomWriteIds),
        ),
        objects: Arc::new(S3ObjectStore::new(aws.sdk(), settings.bucket)),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
