//! Secrets, and where they come from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

/// The fewest bytes of a secret. A shorter one is a placeholder, or can be guessed (docs/decisions/0013).
pub const MIN_SECRET_BYTES: usize = 16;

/// A shared secret. Its `Debug` shows nothing, so that no log can. Its memory is overwritten when the last clone is
/// dropped, so that no dump of the process has a secret that was replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Arc<Zeroizing<String>>);

impl ClientSecret {
    /// The secret as a text. Its bytes are the key of the HMAC. A `String` is taken as it is, and not copied.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(secret.into())))
    }

    /// A secret as a person has stored it. Whoever pastes it easily adds a blank or a newline, which is no part of it.
    pub fn stored(text: &str) -> Result<Self, TooShort> {
        let secret = text.trim();
        match secret.len() {
            MIN_SECRET_BYTES.. => Ok(Self::new(secret)),
            bytes => Err(TooShort { bytes }),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A secret that nobody may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has {bytes} bytes, and a secret has at least {MIN_SECRET_BYTES}: store the real one")]
pub struct TooShort {
    /// How many it has, without blanks at its ends.
    pub bytes: usize,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(redacted)")
    }
}

/// The client id that we share with one counterparty, and the secrets that are valid now.
///
/// Signing uses the current secret. Verification also accepts the previous one, so that a rotation refuses no call
/// in flight (protocol §2, rotation).
#[derive(Clone, Debug)]
pub struct Keyring {
    pub(crate) client_id: Arc<str>,
    pub(crate) current: ClientSecret,
    pub(crate) previous: Option<ClientSecret>,
    replaced_at_ms: Option<i64>,
}

impl Keyring {
    /// A keyring with a current secret only.
    #[must_use]
    pub fn new(client_id: impl Into<Arc<str>>, current: ClientSecret) -> Self {
        Self {
            client_id: client_id.into(),
            current,
            previous: None,
            replaced_at_ms: None,
        }
    }

    /// The same keyring, which also accepts the previous secret.
    #[must_use]
    pub fn accepting(mut self, previous: Option<ClientSecret>) -> Self {
        self.previous = previous;
        self
    }

    /// The same keyring, which knows when the current secret replaced the previous one, in Unix milliseconds.
    #[must_use]
    pub fn replaced_at(mut self, unix_ms: i64) -> Self {
        self.replaced_at_ms = Some(unix_ms);
        self
    }

    /// When the current secret replaced the previous one, in Unix milliseconds, if that is known.
    #[must_use]
    pub fn replaced_at_ms(&self) -> Option<i64> {
        self.replaced_at_ms
    }

    /// Whether a previous secret is also accepted.
    #[must_use]
    pub fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    /// A keyring that signs with the previous secret, if there is one: to find out who still accepts it.
    #[must_use]
    pub fn with_previous_as_current(&self) -> Option<Self> {
        let current = self.previous.clone()?;
        Some(Self {
            client_id: Arc::clone(&self.client_id),
            current,
            previous: None,
            replaced_at_ms: None,
        })
    }

    /// The same secrets under another client id: to verify a sender that still uses a former one.
    #[must_use]
    pub fn under(&self, client_id: impl Into<Arc<str>>) -> Self {
        Self {
            client_id: client_id.into(),
            ..self.clone()
        }
    }

    /// The client id that goes into the headers.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// The source of the keys for one counterparty. It is asked for every message, so an implementation caches.
#[async_trait]
pub trait KeyProvider: Send + Sync {
    /// The keys as last known.
    async fn keys(&self) -> Result<Keyring, KeyError>;

    /// The keys, read again from their source: after a refused signature, which a rotation may explain. An
    /// implementation limits how often it really reads, since anybody can send a bad signature.
    async fn reload(&self) -> Result<Keyring, KeyError>;
}

/// The keys could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read secret {secret_id}")]
pub struct KeyError {
    /// The name or ARN of the secret, never its value.
    pub secret_id: String,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
