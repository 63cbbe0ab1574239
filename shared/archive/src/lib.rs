//! Copies in S3: what was sent, what came back, and what was found. The bucket keeps every version (object
//! lock), so writing a key again loses nothing.

use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bucket.
#[derive(Clone, Debug)]
pub struct Archive {
    client: Client,
    bucket: String,
}

/// S3 did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("S3 {operation} failed")]
pub struct ArchiveError {
    /// The operation.
    pub operation: &'static str,
    /// Why.
    #[source]
    pub source: BoxError,
}

impl Archive {
    /// The bucket of this name.
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            // For a file of some fifty megabytes.
            .operation_attempt_timeout(Duration::from_secs(120))
            .build();
        let config = aws_sdk_s3::config::Builder::from(sdk).timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
            bucket: bucket.into(),
        }
    }

    /// Puts a file under a key. Its SHA-256, in hex, is S3's to check.
    pub async fn put(
        &self,
        key: &str,
        file: &Path,
        sha256: &str,
        content_type: &str,
    ) -> Result<(), ArchiveError> {
        let body = ByteStream::from_path(file).await;
        let body = body.map_err(|error| failed("PutObject", error))?;
        let hash = hex::decode(sha256).map_err(|error| failed("PutObject", error))?;
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .checksum_sha256(STANDARD.encode(hash))
            .body(body)
            .send()
            .await
            .map_err(|error| failed("PutObject", error))?;
        Ok(())
    }

    /// A link by which whoever has it can read the object for so long.
    pub async fn link(&self, key: &str, lives: Duration) -> Result<String, ArchiveError> {
        let lives = PresigningConfig::expires_in(lives);
        let lives = lives.map_err(|error| failed("GetObject", error))?;
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let presigned = request.presigned(lives).await;
        let presigned = presigned.map_err(|error| failed("GetObject", error))?;
        Ok(presigned.uri().to_owned())
    }
}

fn failed(operation: &'static str, error: impl Into<BoxError>) -> ArchiveError {
    ArchiveError {
        operation,
        source: error.into(),
    }
}
