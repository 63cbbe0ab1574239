//! Wires [`reconcile::Reconcile`] to Lambda.

use std::sync::Arc;

use anyhow::anyhow;
use domain::Timestamp;
use files::s3::S3ObjectStore;
use lambda::aws::AwsContext;
use lambda::secrets::SecretsManager;
use lambda_runtime::{LambdaEvent, service_fn};
use reconcile::{Event, Reconcile, Settings, SftpServer};
use serde_json::Value;
use store::{RandomWriteIds, ReconciliationRecords, WriteIds};
use tiki_api::{PhoneFormat, TikiClient};
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let keys = aws.keys(&settings.tiki).await;
    let client = aws.tiki_client(settings.tiki_api, settings.get_signing, keys)?;
    let write_ids: Arc<dyn WriteIds> = Arc::new(RandomWriteIds);
    let dynamodb = store::connect(aws.sdk());
    let reconcile = Reconcile {
        transactions: aws.transactions(&settings.transactions),
        records: ReconciliationRecords::new(
            dynamodb,
            settings.reconciliation.0,
            Arc::clone(&write_ids),
        ),
        objects: S3ObjectStore::new(aws.sdk(), settings.bucket),
        sftp: settings.sftp.map(|sftp| SftpServer {
            server: sftp.server,
            folder: sftp.folder,
            key: Arc::new(SecretsManager::new(aws.sdk(), &sftp.secret_id)),
        }),
        // This function opens no webview, so it needs no phone format.
        tiki: TikiClient::new(client, PhoneFormat::default()),
        client_id: settings.tiki.client_id,
        partner: settings.partner,
        refund_rows: settings.refund_rows,
        format: settings.format,
        clock: Arc::clone(&aws.clock),
        write_ids,
    };
    serve(&reconcile).await
}

async fn serve(reconcile: &Reconcile) -> anyhow::Result<()> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let deadline = Timestamp::from_unix_ms(deadline).unwrap_or(Timestamp::MAX);
        let span = tracing::info_span!("invocation", request_id = %event.context.request_id);
        let work = async {
            reconcile
                .handle(Event::read(event.payload)?, deadline)
                .await
        };
        // With its causes: who calls by hand reads nothing else.
        let outcome = work.instrument(span).await;
        outcome.map_err(|error| lambda_runtime::Error::from(format!("{error:#}")))
    }))
    .await
    .map_err(|error| anyhow!(error))
}
