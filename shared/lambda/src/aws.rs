//! The clients and keys that the functions' `main.rs` wire, made once in INIT.

use std::sync::Arc;
use std::time::Duration;

use api::Verifier;
use aws_config::SdkConfig;
use domain::Clock;
use signed_http::{BaseUrl, HttpTransport, SignedClient, Transport};
use signing::{GetSigning, HeaderNames, KeyProvider, Window};
use store::{DynamoSessions, DynamoTable, RandomWriteIds, Transactions};

use crate::config::{Env, FormerClientIds, Identity, LinkSecret, TableName};
use crate::secrets::{SECRETS_IN_INIT_TIMEOUT, SecretKeys, SecretsManager};
use crate::{SystemClock, sdk, telemetry};

/// The surroundings of a function: environment, clock, AWS configuration.
pub struct AwsContext {
    sdk: SdkConfig,
    /// The environment of the process.
    pub env: Env,
    /// The clock of the machine.
    pub clock: Arc<dyn Clock>,
}

impl AwsContext {
    /// Starts logs and metrics of this function, by the name of its binary, and loads the AWS configuration.
    pub async fn start(function: &'static str) -> Self {
        let env = Env::of_process();
        telemetry::init(&env, function);
        metrics::COLD_STARTS.count(&[]);
        Self {
            sdk: sdk::config().await,
            env,
            clock: Arc::new(SystemClock),
        }
    }

    /// The surroundings of a command that a person runs: nothing is logged, and no cold start is counted.
    pub async fn of_command() -> Self {
        Self {
            sdk: sdk::config().await,
            env: Env::of_process(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The AWS configuration, for a client that is not made here.
    #[must_use]
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The table of payments.
    #[must_use]
    pub fn transactions(&self, table: &TableName) -> Transactions {
        let table = DynamoTable::new(store::connect(&self.sdk), &table.0);
        Transactions::new(
            Arc::new(table),
            Arc::new(RandomWriteIds),
            Arc::clone(&self.clock),
        )
    }

    /// The table of opened webviews.
    #[must_use]
    pub fn sessions(&self, table: &TableName) -> DynamoSessions {
        DynamoSessions::new(store::connect(&self.sdk), &table.0)
    }

    /// The keys that we share with one counterparty. They are read now, so that the first request does not wait
    /// for them. If that fails, the first request tries again and fails with the reason. A function with several
    /// secrets reads them side by side (`tokio::join!`), because the time to start is short.
    pub async fn keys(&self, identity: &Identity) -> Arc<dyn KeyProvider> {
        let client_id = identity.client_id.as_str();
        self.secret(&identity.secret_id, client_id, identity.previous_for)
            .await
    }

    /// The keys that sign payment links.
    pub async fn link_keys(&self, secret: &LinkSecret) -> Arc<dyn KeyProvider> {
        self.secret(&secret.id, "payment-link", secret.previous_for)
            .await
    }

    async fn secret(
        &self,
        secret_id: &str,
        client_id: &str,
        previous_for: Duration,
    ) -> Arc<dyn KeyProvider> {
        let source = Arc::new(SecretsManager::new(&self.sdk, secret_id));
        let clock = Arc::clone(&self.clock);
        let keys = SecretKeys::new(source, clock, secret_id, client_id, previous_for);
        match tokio::time::timeout(SECRETS_IN_INIT_TIMEOUT, keys.keys()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(
                error = signed_http::error_chain(&error),
                "a secret cannot be used: calls are refused until it can be"
            ),
            Err(_) => tracing::error!(
                secret_id,
                "a secret was not read in time: the first call reads it again"
            ),
        }
        Arc::new(keys)
    }

    /// Verifies the calls of one counterparty.
    #[must_use]
    pub fn verifier(
        &self,
        headers: HeaderNames,
        keys: &Arc<dyn KeyProvider>,
        window: Window,
    ) -> Verifier {
        Verifier {
            headers,
            keys: Arc::clone(keys),
            former_client_ids: Vec::new(),
            window,
            clock: Arc::clone(&self.clock),
        }
    }

    /// Verifies Tiki's calls, also those under a client id that Tiki gave us earlier.
    #[must_use]
    pub fn tiki_verifier(
        &self,
        keys: &Arc<dyn KeyProvider>,
        former: FormerClientIds,
        window: Window,
    ) -> Verifier {
        Verifier {
            former_client_ids: former.0,
            ..self.verifier(HeaderNames::TIKI, keys, window)
        }
    }

    /// A client for calls to Tiki.
    pub fn tiki_client(
        &self,
        base: BaseUrl,
        get_signing: GetSigning,
        keys: Arc<dyn KeyProvider>,
    ) -> anyhow::Result<SignedClient> {
        self.client(base, HeaderNames::TIKI, get_signing, keys)
    }

    /// A client for calls to the partner's core. Of a GET, path and query are signed (docs/core.md).
    pub fn core_client(
        &self,
        base: BaseUrl,
        keys: Arc<dyn KeyProvider>,
    ) -> anyhow::Result<SignedClient> {
        self.client(base, HeaderNames::PARTNER, GetSigning::RelativePath, keys)
    }

    fn client(
        &self,
        base: BaseUrl,
        headers: HeaderNames,
        get_signing: GetSigning,
        keys: Arc<dyn KeyProvider>,
    ) -> anyhow::Result<SignedClient> {
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(Arc::clone(&self.clock))?);
        Ok(SignedClient {
            base,
            headers,
            get_signing,
            keys,
            clock: Arc::clone(&self.clock),
            transport,
        })
    }
}
