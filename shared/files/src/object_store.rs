//! The seam to the object store. Simulations put another one below it.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

/// A request to the object store failed.
#[derive(Debug, thiserror::Error)]
#[error("the object store: {operation} failed")]
pub struct ObjectError {
    /// The operation, in the store's name for it.
    pub operation: &'static str,
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// A store of whole objects. It keeps every version of an object, so writing a key again loses nothing.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Uploads a file. Bytes with another SHA-256 than this one, in hex, are refused.
    async fn put(
        &self,
        key: &str,
        file: &Path,
        sha256: &str,
        content_type: &str,
    ) -> Result<(), ObjectError>;

    /// Downloads an object into a file; `false` if it does not exist.
    async fn get(&self, key: &str, file: &Path) -> Result<bool, ObjectError>;

    /// A link to an object. Whoever has the link can read the object for `lifetime`.
    async fn link(&self, key: &str, lifetime: Duration) -> Result<String, ObjectError>;
}
