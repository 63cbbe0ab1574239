//! Secrets from AWS Secrets Manager: cached, both versions, with a forced reload (protocol §2, rotation).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{BoxError, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::{Clock, Timestamp};
use signing::{ClientSecret, KeyError, KeyProvider, Keyring};
use tokio::sync::Mutex;
use wire::Fields;

/// How long a secret is used before it is looked at again.
const KEPT: Duration = Duration::from_mins(5);
/// A forced reload goes to the source at most this often: anybody can send bad signatures.
const RELOAD_AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// One secret, as a keyring. Its value is JSON: `{"secret": "…"}`.
pub struct SecretKeys {
    client: Client,
    clock: Arc<dyn Clock>,
    secret_id: String,
    client_id: Arc<str>,
    cached: Mutex<Option<Cached>>,
}

#[derive(Clone)]
struct Cached {
    keys: Keyring,
    asked_at: Timestamp,
}

impl SecretKeys {
    /// The secret of this name or ARN, for the conversation of this client id. Nothing is read yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, clock: Arc<dyn Clock>, secret_id: &str, client_id: &str) -> Self {
        Self {
            client: connect(sdk),
            clock,
            secret_id: secret_id.to_owned(),
            client_id: client_id.into(),
            cached: Mutex::default(),
        }
    }

    /// What is cached, unless it is older than `oldest`. A source that is down is no reason to stop while
    /// there is a secret that worked, and is not asked again at once.
    async fn no_older_than(&self, oldest: Duration) -> Result<Keyring, KeyError> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        if let Some(known) = &*cached
            && now.since(known.asked_at) < oldest
        {
            return Ok(known.keys.clone());
        }
        let keys = match (self.read().await, cached.take()) {
            (Ok(keys), _) => keys,
            (Err(error), Some(known)) => {
                let error = outbound::causes(&error);
                tracing::warn!(
                    error,
                    "the secret cannot be read again; the known one is used"
                );
                known.keys
            }
            (Err(error), None) => return Err(error),
        };
        *cached = Some(Cached {
            keys: keys.clone(),
            asked_at: now,
        });
        Ok(keys)
    }

    async fn read(&self) -> Result<Keyring, KeyError> {
        let current = self.version("AWSCURRENT").await?;
        let current = current.ok_or_else(|| self.error("it has no AWSCURRENT version"))?;
        // A previous secret that cannot be read, or is no secret, must not take the current one down.
        let previous = self.version("AWSPREVIOUS").await.unwrap_or_else(|error| {
            tracing::warn!(error = outbound::causes(&error), "no previous secret");
            None
        });
        Ok(Keyring::new(Arc::clone(&self.client_id), current).accepting(previous))
    }

    async fn version(&self, stage: &str) -> Result<Option<ClientSecret>, KeyError> {
        let request = self.client.get_secret_value();
        let request = request.secret_id(&self.secret_id).version_stage(stage);
        let value = match request.send().await {
            Ok(value) => value.secret_string,
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                GetSecretValueError::ResourceNotFoundException(_) => return Ok(None),
                other => return Err(self.error(other)),
            },
            Err(error) => return Err(self.error(error)),
        };
        let secret = value
            .and_then(|json| Fields::read(json.as_bytes()).ok())
            .and_then(|fields| fields.text::<String>("secret").ok())
            .filter(|secret| !secret.is_empty());
        let secret = secret.ok_or_else(|| self.error(r#"its value is not {"secret":"…"}"#))?;
        Ok(Some(ClientSecret::new(secret)))
    }

    fn error(&self, source: impl Into<BoxError>) -> KeyError {
        KeyError {
            secret_id: self.secret_id.clone(),
            source: source.into(),
        }
    }
}

/// Shorter than any request's patience: a source that does not answer is a source that is down.
fn connect(sdk: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(4))
        .build();
    let config = aws_sdk_secretsmanager::config::Builder::from(sdk).timeout_config(timeouts);
    Client::from_conf(config.build())
}

#[async_trait]
impl KeyProvider for SecretKeys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        self.no_older_than(KEPT).await
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        self.no_older_than(RELOAD_AT_MOST_EVERY).await
    }
}
