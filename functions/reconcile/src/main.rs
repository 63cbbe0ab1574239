//! Wires [`reconcile::Reconcile`] to Lambda.

mod settings;

use std::sync::Arc;

use core_api::{CORE_TIMEOUT_IN_WORKER, CoreClient, Statements};
use files::s3::S3ObjectStore;
use files::sftp::Server;
use lambda::aws::AwsContext;
use lambda::config::StatementSetting;
use lambda::secrets::SecretsManager;
use mail::sns::SnsTopic;
use reconcile::{
    CoreBooks, DailyMail, Event, LinkMaker, Reconcile, SftpServer, StatementSource, TikiFileDrop,
};
use reconciliation::place::Folders;
use store::{DynamoRecords, RandomWriteIds, ReconciliationRecords, WriteIds};
use tiki_api::{PhoneFormat, TikiClient};

use crate::settings::{Settings, SftpSettings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (keys, link_keys) = tokio::join!(
        aws.keys(&settings.tiki),
        aws.link_keys(&settings.link_secret)
    );
    let client = aws.tiki_client(settings.tiki_api, settings.get_signing, keys)?;
    let core_books = match settings.core {
        Some(core) => {
            let keys = aws.keys(&core.identity).await;
            let client = aws.core_client(core.url, keys)?;
            let client = Arc::new(CoreClient::new(client, CORE_TIMEOUT_IN_WORKER));
            let source = match core.statement {
                StatementSetting::File => StatementSource::Bucket,
                StatementSetting::Api | StatementSetting::Off => {
                    StatementSource::Api(Arc::clone(&client) as Arc<dyn Statements>)
                }
            };
            Some(CoreBooks {
                core: client,
                source,
            })
        }
        None => None,
    };
    let daily_mail = settings.daily_mail.map(|mail| DailyMail {
        mailbox: Arc::new(SnsTopic::new(aws.sdk(), mail.topic)),
        after: mail.after,
        links: mail.links.map(|base_url| LinkMaker {
            base_url,
            keys: Arc::clone(&link_keys),
        }),
    });
    let write_ids: Arc<dyn WriteIds> = Arc::new(RandomWriteIds);
    let dynamodb = store::connect(aws.sdk());
    let reconcile = Reconcile {
        transactions: aws.transactions(&settings.transactions),
        records: ReconciliationRecords::new(
            Arc::new(DynamoRecords::new(dynamodb, settings.reconciliation.0)),
            Arc::clone(&write_ids),
        ),
        objects: Arc::new(S3ObjectStore::new(aws.sdk(), settings.bucket)),
        file_drop: settings.sftp.map(|sftp| file_drop(&aws, sftp)),
        // This function opens no webview, so it needs no phone format.
        tiki: TikiClient::new(client, PhoneFormat::default()),
        core_books,
        daily_mail,
        link_keys,
        personal_data_kept_for: settings.personal_data_kept_for,
        partner: settings.partner,
        refund_rows: settings.refund_rows,
        format: settings.format,
        unchanged_for: settings.unchanged_for,
        clock: Arc::clone(&aws.clock),
        write_ids,
    };
    lambda::serve_event(async |event, deadline| {
        reconcile.handle(Event::read(event)?, deadline).await
    })
    .await
}

/// The folders on Tiki's file server.
fn file_drop(aws: &AwsContext, SftpSettings { server, upload }: SftpSettings) -> TikiFileDrop {
    TikiFileDrop {
        server: Arc::new(SftpServer {
            key: Arc::new(SecretsManager::new(aws.sdk(), &server.secret_id)),
            server: Server {
                host: server.host,
                port: server.port,
                user: server.user,
                host_keys: server.host_keys,
            },
        }),
        folders: Folders {
            root: server.folder,
        },
        upload,
    }
}
