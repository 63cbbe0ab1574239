//! Wires [`operator::Operator`] to Lambda.

mod settings;

use std::sync::Arc;
use std::time::Duration;

use core_api::{CORE_TIMEOUT_IN_WORKER, CoreClient};
use files::sftp::Server;
use lambda::aws::AwsContext;
use lambda::config::{Identity, StatementSetting};
use lambda::secrets::SecretsManager;
use operator::{CoreSide, FileServer, Operator, SideKeys, TikiSide};
use reconciliation::place::Folders;
use store::{DynamoRecords, RandomWriteIds, ReconciliationRecords};
use tiki_api::{PhoneFormat, TikiClient};

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (tiki_keys, core_keys, link_keys) = tokio::join!(
        keys(&aws, &settings.tiki),
        keys(&aws, &settings.core),
        aws.link_keys(&settings.link_secret),
    );
    let tiki = aws.tiki_client(
        settings.tiki_api.clone(),
        settings.get_signing,
        Arc::clone(&tiki_keys.accepted),
    )?;
    let core = aws.core_client(settings.core_url.clone(), Arc::clone(&core_keys.accepted))?;
    let dynamodb = store::connect(aws.sdk());
    let records = DynamoRecords::new(dynamodb, settings.reconciliation.0);
    lambda::serve_http(Operator {
        clock: Arc::clone(&aws.clock),
        transactions: aws.transactions(&settings.transactions),
        sessions: aws.sessions(&settings.sessions),
        records: ReconciliationRecords::new(Arc::new(records), Arc::new(RandomWriteIds)),
        link_keys,
        tiki: TikiSide {
            base: settings.tiki_api,
            get_signing: settings.get_signing,
            former: settings.former.0,
            keys: tiki_keys,
            client: TikiClient::new(tiki, PhoneFormat::default()),
        },
        core: CoreSide {
            base: settings.core_url,
            keys: core_keys,
            statements: (settings.statement == StatementSetting::Api)
                .then(|| CoreClient::new(core, CORE_TIMEOUT_IN_WORKER)),
            no_statements: match settings.statement {
                StatementSetting::File => {
                    "the core puts a file into the bucket; `tikivip doctor` does not look at it"
                }
                StatementSetting::Off | StatementSetting::Api => "off: it is not compared",
            },
            window: settings.window,
        },
        file_server: settings.sftp.map(|sftp| FileServer {
            server: Server {
                host: sftp.host,
                port: sftp.port,
                user: sftp.user,
                host_keys: sftp.host_keys,
            },
            folders: Folders { root: sftp.folder },
            private_key: SecretsManager::new(aws.sdk(), &sftp.secret_id),
        }),
        sides: settings.sides,
        approval: settings.approval,
        resends_per_hour: settings.resends_per_hour,
    })
    .await
}

async fn keys(aws: &AwsContext, identity: &Identity) -> SideKeys {
    let with_ended = Identity {
        previous_for: Duration::MAX,
        ..identity.clone()
    };
    let (accepted, for_diagnosis) = tokio::join!(aws.keys(identity), aws.keys(&with_ended));
    SideKeys {
        accepted,
        for_diagnosis,
    }
}
