//! Secrets: cached, both versions, with a forced reload (protocol §2, rotation).
//!
//! [`SecretKeys`] is the cache. It reads from a [`SecretSource`]: in AWS that is [`SecretsManager`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{BoxError, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::{Clock, Timestamp};
use json_fields::Fields;
use signing::{ClientSecret, KeyError, KeyProvider, Keyring};
use tokio::sync::Mutex;

/// How long a secret is used before it is read again.
const SECRET_CACHE_TIME: Duration = Duration::from_mins(5);
/// The least time between two forced reloads: anybody can send bad signatures.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_secs(5);
/// The limit of all attempts to read one version of a secret together.
pub const SECRET_TIMEOUT: Duration = Duration::from_secs(4);

const _: () = assert!(
    SECRET_TIMEOUT.as_millis() < MIN_RELOAD_INTERVAL.as_millis()
        && MIN_RELOAD_INTERVAL.as_millis() < SECRET_CACHE_TIME.as_millis(),
    "a reload ends before the next may begin, and a rotated secret is not used longer for want of a reload"
);

/// How long a function waits for its secrets while it starts. They are read side by side.
pub(crate) const SECRETS_IN_INIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that Lambda gives a function to start, before it kills the process and starts it again.
const LAMBDA_INIT_LIMIT: Duration = Duration::from_secs(10);
/// What else a function does while it starts: it reads its settings and makes its clients.
const REST_OF_INIT: Duration = Duration::from_secs(2);

const _: () = assert!(
    SECRET_TIMEOUT.as_millis() < SECRETS_IN_INIT_TIMEOUT.as_millis()
        && SECRETS_IN_INIT_TIMEOUT.as_millis() + REST_OF_INIT.as_millis()
            < LAMBDA_INIT_LIMIT.as_millis(),
    "a function starts in time, and says why it has no secret"
);

/// The fewest bytes of a secret. A shorter one is a placeholder, or can be guessed (docs/decisions/0013).
const MIN_SECRET_BYTES: usize = 16;

/// A version of a secret, by its staging label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `AWSCURRENT`.
    Current,
    /// `AWSPREVIOUS`: what was current before the last rotation.
    Previous,
}

impl Stage {
    fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// The place where one secret is kept.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The text of this version; `None` if the secret has no such version.
    async fn version(&self, stage: Stage) -> Result<Option<String>, BoxError>;
}

/// One secret, cached as a keyring. Its value is JSON: `{"secret": "…"}`.
pub struct SecretKeys {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    secret_id: String,
    client_id: Arc<str>,
    cached: Mutex<Option<Cached>>,
}

#[derive(Clone)]
struct Cached {
    keys: Keyring,
    asked_at: Timestamp,
    /// When the source was last asked because a signature did not match.
    forced_at: Option<Timestamp>,
}

impl SecretKeys {
    /// The secret of this name or ARN, with the client id that goes with it. Nothing is read yet.
    #[must_use]
    pub fn new(
        source: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        secret_id: &str,
        client_id: &str,
    ) -> Self {
        Self {
            source,
            clock,
            secret_id: secret_id.to_owned(),
            client_id: client_id.into(),
            cached: Mutex::default(),
        }
    }

    /// The cached keys, if they are fresh enough. `forced` asks for a new read because a signature did not match, so
    /// that a rotation is seen at once; it is granted at most once in [`MIN_RELOAD_INTERVAL`]. If the source is down,
    /// the keys that worked so far stay in use, and the source is not asked again at once.
    async fn cached(&self, forced: bool) -> Result<Keyring, KeyError> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        let forced_at = cached.as_ref().and_then(|known| known.forced_at);
        if let Some(known) = &*cached {
            let lately = |at: Timestamp| now.since(at) < MIN_RELOAD_INTERVAL;
            let fresh = now.since(known.asked_at) < SECRET_CACHE_TIME;
            if (!forced && fresh) || (forced && forced_at.is_some_and(lately)) {
                return Ok(known.keys.clone());
            }
        }
        let keys = match (self.read().await, cached.take()) {
            (Ok(keys), _) => keys,
            (Err(error), Some(known)) => {
                let error = signed_http::error_chain(&error);
                tracing::warn!(
                    error,
                    "the secret cannot be read again; the cached one stays in use"
                );
                known.keys
            }
            (Err(error), None) => return Err(error),
        };
        *cached = Some(Cached {
            keys: keys.clone(),
            asked_at: now,
            forced_at: if forced { Some(now) } else { forced_at },
        });
        Ok(keys)
    }

    async fn read(&self) -> Result<Keyring, KeyError> {
        let (current, previous) =
            tokio::join!(self.version(Stage::Current), self.version(Stage::Previous));
        let current = current?.ok_or_else(|| self.error("it has no AWSCURRENT version"))?;
        // A previous secret that cannot be read must not make the current one unusable.
        let previous = previous.unwrap_or_else(|error| {
            tracing::warn!(
                error = signed_http::error_chain(&error),
                "no previous secret"
            );
            None
        });
        Ok(Keyring::new(Arc::clone(&self.client_id), current).accepting(previous))
    }

    async fn version(&self, stage: Stage) -> Result<Option<ClientSecret>, KeyError> {
        let text = secret(self.source.as_ref(), stage).await;
        let Some(text) = text.map_err(|error| self.error(error))? else {
            return Ok(None);
        };
        let secret = shared_secret(&text).map_err(|error| self.error(error))?;
        Ok(Some(secret))
    }

    fn error(&self, source: impl Into<BoxError>) -> KeyError {
        KeyError {
            secret_id: self.secret_id.clone(),
            source: source.into(),
        }
    }
}

/// A secret that we share with a counterparty. A person who pastes it easily adds a blank or a newline, which is no
/// part of it.
fn shared_secret(text: &str) -> Result<ClientSecret, TooShort> {
    let secret = text.trim();
    if secret.len() < MIN_SECRET_BYTES {
        return Err(TooShort {
            bytes: secret.len(),
        });
    }
    Ok(ClientSecret::new(secret))
}

/// A secret that nobody may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has {bytes} bytes, and a secret has at least {MIN_SECRET_BYTES}: store the real one")]
struct TooShort {
    bytes: usize,
}

/// The text in the JSON of a version, `{"secret": "…"}`, as it is stored; `None` if there is no such version.
pub async fn secret(source: &dyn SecretSource, stage: Stage) -> Result<Option<String>, BoxError> {
    let Some(json) = source.version(stage).await? else {
        return Ok(None);
    };
    let fields = Fields::read(json.as_bytes()).ok();
    match fields.and_then(|fields| fields.text::<String>("secret").ok()) {
        Some(secret) => Ok(Some(secret)),
        None => Err(r#"its value is not {"secret":"…"}"#.into()),
    }
}

#[async_trait]
impl KeyProvider for SecretKeys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        self.cached(false).await
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        self.cached(true).await
    }
}

/// A secret in AWS Secrets Manager.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
    secret_id: String,
}

impl SecretsManager {
    /// The secret of this name or ARN. The time-outs are short: a request must not wait for a source that is down.
    #[must_use]
    pub fn new(sdk: &SdkConfig, secret_id: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(2))
            .operation_timeout(SECRET_TIMEOUT)
            .build();
        let config = aws_sdk_secretsmanager::config::Builder::from(sdk).timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
            secret_id: secret_id.to_owned(),
        }
    }
}

#[async_trait]
impl SecretSource for SecretsManager {
    async fn version(&self, stage: Stage) -> Result<Option<String>, BoxError> {
        let request = self.client.get_secret_value();
        let request = request
            .secret_id(&self.secret_id)
            .version_stage(stage.label());
        match request.send().await {
            // A binary secret has no text, and is refused later as an empty one.
            Ok(value) => Ok(Some(value.secret_string.unwrap_or_default())),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                GetSecretValueError::ResourceNotFoundException(_) => Ok(None),
                other => Err(other.into()),
            },
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;
    use tokio::sync::Barrier;

    /// Answers only when both versions are asked for at the same time.
    struct Both {
        together: Barrier,
        current: String,
        previous: Option<String>,
    }

    #[async_trait]
    impl SecretSource for Both {
        async fn version(&self, stage: Stage) -> Result<Option<String>, BoxError> {
            self.together.wait().await;
            Ok(match stage {
                Stage::Current => Some(self.current.clone()),
                Stage::Previous => self.previous.clone(),
            })
        }
    }

    async fn keys(current: &str, previous: Option<&str>) -> Result<Keyring, String> {
        let json = |secret: &str| serde_json::json!({ "secret": secret }).to_string();
        let source = Both {
            together: Barrier::new(2),
            current: json(current),
            previous: previous.map(json),
        };
        let keys = SecretKeys::new(Arc::new(source), Arc::new(SystemClock), "the-arn", "client");
        let read = tokio::time::timeout(Duration::from_secs(5), keys.keys()).await;
        let keys = read.expect("both versions are read side by side");
        keys.map_err(|error| signed_http::error_chain(&error))
    }

    const SECRET: &str = "sixteen bytes ok";

    #[tokio::test]
    async fn blanks_around_a_secret_are_no_part_of_it() {
        let signature = |keys: &Keyring| keys.sign(0, b"{}").signature;
        let plain = keys(SECRET, None).await.unwrap();
        for pasted in [
            format!("{SECRET}\n"),
            format!("{SECRET}\r\n"),
            format!("  {SECRET}\t"),
            format!("\u{a0}{SECRET} "),
        ] {
            let read = keys(&pasted, None).await.unwrap();
            assert_eq!(signature(&read), signature(&plain), "{pasted:?}");
        }
        let inner = keys("sixteenbytes and more", None).await.unwrap();
        assert_ne!(signature(&inner), signature(&plain));
    }

    #[tokio::test]
    async fn a_secret_that_is_too_short_is_refused_by_its_name() {
        for short in ["hunter2", "fifteen bytes!!", " fifteen bytes!! \n"] {
            let problem = keys(short, None).await.unwrap_err();
            assert!(problem.contains("the-arn"), "{problem}");
            assert!(problem.contains("at least 16"), "{problem}");
            assert!(!problem.contains(short.trim()), "{problem}");
        }
        for empty in ["", " \n"] {
            let problem = keys(empty, None).await.unwrap_err();
            assert!(
                problem.contains("the-arn") && problem.contains("its value is not"),
                "{problem}"
            );
        }
        let before = keys(SECRET, Some("hunter2")).await.unwrap();
        assert!(
            !before.has_previous(),
            "a short previous secret verifies nothing"
        );
        assert!(
            keys(SECRET, Some("the one before it"))
                .await
                .unwrap()
                .has_previous()
        );
    }
}
