//! Secrets, and where they come from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

/// A shared secret. Its `Debug` shows nothing, so that no log can.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Arc<str>);

impl ClientSecret {
    /// The secret as a text. Its bytes are the key of the HMAC.
    #[must_use]
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
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
}

impl Keyring {
    /// A keyring with a current secret only.
    #[must_use]
    pub fn new(client_id: impl Into<Arc<str>>, current: ClientSecret) -> Self {
        Self {
            client_id: client_id.into(),
            current,
            previous: None,
        }
    }

    /// The same keyring, which also accepts the previous secret.
    #[must_use]
    pub fn accepting(mut self, previous: Option<ClientSecret>) -> Self {
        self.previous = previous;
        self
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
