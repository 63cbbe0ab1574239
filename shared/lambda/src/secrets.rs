//! Secrets: cached, both versions, with a forced reload, and an end of the previous one (protocol §2, rotation).
//!
//! [`SecretKeys`] is the cache. It reads from a [`SecretSource`]: in AWS that is [`SecretsManager`].
//!
//! What is read here is overwritten in memory when it is not used any more. That is not so of the buffers of the AWS SDK
//! and of TLS, which had the answer before, nor of a copy that the JSON reader makes of a text with escapes, such as the
//! line breaks of an SFTP key (docs/decisions/0013).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{BoxError, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::{Clock, Timestamp};
use serde::Deserialize;
use signing::{ClientSecret, KeyError, KeyProvider, Keyring};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

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

/// How far ahead of our clock a version may have been made. Clocks differ by seconds; what is more is a mistake.
const CLOCK_TOLERANCE: Duration = Duration::from_hours(1);

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
    /// This version; `None` if the secret has no such version.
    async fn version(&self, stage: Stage) -> Result<Option<Version>, BoxError>;
}

/// What is kept of a version of a secret.
pub struct Version {
    pub text: Zeroizing<String>,
    /// When it was made; `None` if the source does not say so.
    pub created_at: Option<Timestamp>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// One secret, cached as a keyring. Its value is JSON: `{"secret": "…"}`.
pub struct SecretKeys {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    secret_id: String,
    client_id: Arc<str>,
    previous_for: Duration,
    cached: Mutex<Option<Cached>>,
}

#[derive(Clone)]
struct Cached {
    keys: Rotated,
    asked_at: Timestamp,
    /// When the source was last asked because a signature did not match.
    forced_at: Option<Timestamp>,
}

impl SecretKeys {
    /// The secret of this name or ARN, with the client id that goes with it. The previous version is accepted
    /// `previous_for` after it was replaced, and no longer. Nothing is read yet.
    #[must_use]
    pub fn new(
        source: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        secret_id: &str,
        client_id: &str,
        previous_for: Duration,
    ) -> Self {
        Self {
            source,
            clock,
            secret_id: secret_id.to_owned(),
            client_id: client_id.into(),
            previous_for,
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
                return Ok(known.keys.at(now));
            }
        }
        let keys = match (self.read(now).await, cached.take()) {
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
        let valid = keys.at(now);
        *cached = Some(Cached {
            keys,
            asked_at: now,
            forced_at: if forced { Some(now) } else { forced_at },
        });
        Ok(valid)
    }

    async fn read(&self, now: Timestamp) -> Result<Rotated, KeyError> {
        let (current, previous) =
            tokio::join!(self.version(Stage::Current), self.version(Stage::Previous));
        let (current, made_at) =
            current?.ok_or_else(|| self.error("it has no AWSCURRENT version"))?;
        // A previous secret that cannot be read must not make the current one unusable.
        let previous = previous.unwrap_or_else(|error| {
            tracing::warn!(
                error = signed_http::error_chain(&error),
                "no previous secret"
            );
            None
        });
        let keys = Keyring::new(Arc::clone(&self.client_id), current);
        let Some((previous, previous_made_at)) = previous else {
            return Ok(Rotated {
                keys,
                previous_ends_at: now,
            });
        };
        let Some(replaced_at) = replaced_at(made_at, previous_made_at, now) else {
            tracing::warn!(
                secret_id = self.secret_id,
                "the previous secret is not accepted: it is not known when it was replaced"
            );
            return Ok(Rotated {
                keys,
                previous_ends_at: now,
            });
        };
        Ok(Rotated {
            keys: keys
                .accepting(Some(previous))
                .replaced_at(replaced_at.unix_ms()),
            previous_ends_at: replaced_at.after(self.previous_for),
        })
    }

    /// A version, and when it was made.
    async fn version(
        &self,
        stage: Stage,
    ) -> Result<Option<(ClientSecret, Option<Timestamp>)>, KeyError> {
        let version = secret(self.source.as_ref(), stage).await;
        let Some(version) = version.map_err(|error| self.error(error))? else {
            return Ok(None);
        };
        let secret = ClientSecret::stored(&version.text).map_err(|error| self.error(error))?;
        Ok(Some((secret, version.created_at)))
    }

    fn error(&self, source: impl Into<BoxError>) -> KeyError {
        KeyError {
            secret_id: self.secret_id.clone(),
            source: source.into(),
        }
    }
}

/// Both versions of a secret, and the end of the previous one. Also a source that is down for days prolongs nothing.
#[derive(Clone)]
struct Rotated {
    keys: Keyring,
    previous_ends_at: Timestamp,
}

impl Rotated {
    /// The secrets that are valid now.
    fn at(&self, now: Timestamp) -> Keyring {
        let keys = self.keys.clone();
        if now < self.previous_ends_at {
            keys
        } else {
            keys.accepting(None)
        }
    }
}

/// When the current version replaced the previous one.
///
/// That is when the newer one of both was made. Mostly it is the current one; after a mistake a person may have made an
/// older version current again, and then the previous one is the newer. `None` if one of the dates is missing, or lies
/// ahead: then nobody knows for how long the previous one has been used, and it is not accepted.
fn replaced_at(
    current: Option<Timestamp>,
    previous: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let at = current?.max(previous?);
    (at <= now.after(CLOCK_TOLERANCE)).then_some(at)
}

/// A version whose text is the one in the JSON that is stored, `{"secret": "…"}`; `None` if there is no such version.
pub async fn secret(source: &dyn SecretSource, stage: Stage) -> Result<Option<Version>, BoxError> {
    let Some(version) = source.version(stage).await? else {
        return Ok(None);
    };
    // A struct is also read from an array, which is not what we say.
    let is_object = version.text.trim_start().starts_with('{');
    let text = match serde_json::from_str::<Stored<'_>>(&version.text) {
        Ok(stored) if is_object && !stored.secret.trim().is_empty() => stored.secret.into_owned(),
        _ => return Err(r#"its value is not {"secret":"…"}"#.into()),
    };
    Ok(Some(Version {
        text: Zeroizing::new(text),
        ..version
    }))
}

/// The JSON of a version. It borrows, because a parsed copy would stay in memory.
#[derive(Deserialize)]
struct Stored<'j> {
    #[serde(borrow)]
    secret: Cow<'j, str>,
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
    async fn version(&self, stage: Stage) -> Result<Option<Version>, BoxError> {
        let request = self.client.get_secret_value();
        let request = request
            .secret_id(&self.secret_id)
            .version_stage(stage.label());
        match request.send().await {
            // A binary secret has no text, and is refused later as an empty one.
            Ok(value) => Ok(Some(Version {
                text: Zeroizing::new(value.secret_string.unwrap_or_default()),
                created_at: value.created_date.and_then(|at| {
                    let ms = at.to_millis().ok()?;
                    Timestamp::from_unix_ms(ms).ok()
                }),
            })),
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
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
    use tokio::sync::Barrier;

    /// Answers only when both versions are asked for at the same time.
    struct Both {
        together: Barrier,
        current: String,
        previous: Option<String>,
        created_at: Timestamp,
    }

    #[async_trait]
    impl SecretSource for Both {
        async fn version(&self, stage: Stage) -> Result<Option<Version>, BoxError> {
            self.together.wait().await;
            let text = match stage {
                Stage::Current => Some(self.current.clone()),
                Stage::Previous => self.previous.clone(),
            };
            Ok(text.map(|text| Version {
                text: text.into(),
                created_at: Some(self.created_at),
            }))
        }
    }

    async fn keys(current: &str, previous: Option<&str>) -> Result<Keyring, String> {
        let json = |secret: &str| serde_json::json!({ "secret": secret }).to_string();
        let source = Both {
            together: Barrier::new(2),
            current: json(current),
            previous: previous.map(json),
            created_at: SystemClock.now(),
        };
        let keys = SecretKeys::new(
            Arc::new(source),
            Arc::new(SystemClock),
            "the-arn",
            "client",
            Duration::from_hours(14 * 24),
        );
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

    /// A source with this text.
    struct Holds(&'static str);

    #[async_trait]
    impl SecretSource for Holds {
        async fn version(&self, _: Stage) -> Result<Option<Version>, BoxError> {
            Ok(Some(Version {
                text: self.0.to_owned().into(),
                created_at: None,
            }))
        }
    }

    #[tokio::test]
    async fn a_stored_secret_is_an_object_with_one_text() {
        let read = async |json| secret(&Holds(json), Stage::Current).await;
        for (json, text) in [
            (r#"{"secret":"sixteen bytes ok"}"#, "sixteen bytes ok"),
            (r#" { "made": 1, "secret": "a\nb" } "#, "a\nb"),
        ] {
            assert_eq!(*read(json).await.unwrap().unwrap().text, text);
        }
        for json in [
            "",
            "null",
            "sixteen bytes ok",
            r#""sixteen bytes ok""#,
            r#"["sixteen bytes ok"]"#,
            r#"{"secret":["sixteen bytes ok"]}"#,
            r#"{"secret":null}"#,
            r#"{"secret":" "}"#,
            r#"{"Secret":"sixteen bytes ok"}"#,
            r#"{"secret":"sixteen bytes ok","secret":"another one, longer"}"#,
            r#"{"secret":"sixteen bytes ok"} {}"#,
        ] {
            let error = read(json).await.unwrap_err().to_string();
            assert!(error.starts_with("its value is not"), "{json}: {error}");
        }
    }

    const DAY: Duration = Duration::from_hours(24);

    /// A clock that stands where it is put.
    struct Stands(AtomicI64);

    #[async_trait]
    impl Clock for Stands {
        fn now(&self) -> Timestamp {
            at(self.0.load(Ordering::Relaxed))
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn at(unix_ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms).unwrap()
    }

    /// A secret whose versions were made at these times, and which cannot be read after the first time.
    struct Dated {
        current: Option<Timestamp>,
        previous: Option<Timestamp>,
        reads: AtomicUsize,
        readable: usize,
    }

    #[async_trait]
    impl SecretSource for Dated {
        async fn version(&self, stage: Stage) -> Result<Option<Version>, BoxError> {
            if self.reads.fetch_add(1, Ordering::Relaxed) >= self.readable {
                return Err("Secrets Manager is down".into());
            }
            let (secret, created_at) = match stage {
                Stage::Current => ("the current secret", self.current),
                Stage::Previous => ("the previous secret", self.previous),
            };
            Ok(Some(Version {
                text: format!(r#"{{"secret":"{secret}"}}"#).into(),
                created_at,
            }))
        }
    }

    /// A moment at which the secret is asked for, long after 1970.
    const NOW: i64 = 1_795_366_800_000;

    fn dated(
        current: Option<Timestamp>,
        previous: Option<Timestamp>,
        readable: usize,
    ) -> (SecretKeys, Arc<Stands>) {
        let source = Dated {
            current,
            previous,
            reads: AtomicUsize::new(0),
            readable,
        };
        let clock = Arc::new(Stands(AtomicI64::new(NOW)));
        let its_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let keys = SecretKeys::new(Arc::new(source), its_clock, "the-arn", "client", DAY * 14);
        (keys, clock)
    }

    fn before(by: Duration) -> Option<Timestamp> {
        Timestamp::from_unix_ms(NOW - i64::try_from(by.as_millis()).unwrap()).ok()
    }

    #[tokio::test]
    async fn a_previous_secret_ends_some_days_after_it_was_replaced() {
        let second = Duration::from_secs(1);
        let almost_14_days = (DAY * 14).saturating_sub(second);
        let ahead = |by: Duration| Some(at(NOW).after(by));
        for (name, current, previous, is_accepted) in [
            ("just replaced", before(second), before(DAY * 900), true),
            (
                "in its last second",
                before(almost_14_days),
                before(DAY * 900),
                true,
            ),
            ("ended", before(DAY * 14), before(DAY * 900), false),
            // The labels were moved back: the newer secret was current for two days, and then a mistake.
            ("put back", before(DAY * 900), before(DAY * 2), true),
            (
                "put back long ago",
                before(DAY * 900),
                before(DAY * 15),
                false,
            ),
            (
                "replaced by a fast clock",
                ahead(DAY / 48),
                before(DAY * 900),
                true,
            ),
            ("replaced tomorrow", ahead(DAY), before(DAY * 900), false),
            ("older than tomorrow", before(second), ahead(DAY), false),
            ("no date", None, before(second), false),
            ("no date of the previous", before(second), None, false),
        ] {
            let (keys, _) = dated(current, previous, usize::MAX);
            for keys in [keys.keys().await.unwrap(), keys.reload().await.unwrap()] {
                assert_eq!(keys.has_previous(), is_accepted, "{name}");
            }
        }
    }

    /// An outage of Secrets Manager keeps the keys that are known in use, and the previous one ends all the same.
    #[tokio::test]
    async fn a_source_that_is_down_prolongs_no_previous_secret() {
        for forced in [false, true] {
            let (keys, clock) = dated(before(DAY * 13), before(DAY * 900), 2);
            assert!(keys.keys().await.unwrap().has_previous());
            for (days, is_accepted) in [(0, true), (1, false), (2, false)] {
                let later = at(NOW).after(DAY * days);
                clock.0.store(later.unix_ms(), Ordering::Relaxed);
                let keys = if forced {
                    keys.reload().await
                } else {
                    keys.keys().await
                };
                assert_eq!(keys.unwrap().has_previous(), is_accepted, "{days}");
            }
        }
    }

    /// The cache is fresh for five minutes, and asks nobody when the end comes.
    #[tokio::test]
    async fn a_previous_secret_ends_also_in_the_cache() {
        let (keys, clock) = dated(
            before((DAY * 14).saturating_sub(Duration::from_mins(1))),
            before(DAY * 900),
            usize::MAX,
        );
        assert!(keys.keys().await.unwrap().has_previous());
        clock.0.store(NOW + 60_000, Ordering::Relaxed);
        assert!(!keys.keys().await.unwrap().has_previous());
    }

    #[tokio::test]
    async fn the_keys_know_when_a_secret_was_replaced() {
        let (keys, _) = dated(before(DAY * 3), before(DAY * 900), usize::MAX);
        let replaced = before(DAY * 3).map(Timestamp::unix_ms);
        assert_eq!(keys.keys().await.unwrap().replaced_at_ms(), replaced);
    }
}
