//! The object store, in S3. The bucket keeps every version of an object (object lock).

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::object_store::{ObjectError, ObjectStore};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Long enough to upload a file of fifty megabytes, the size of half a million lines.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// A bucket as an object store; every object is encrypted with the key of the bucket.
#[derive(Clone, Debug)]
pub struct S3ObjectStore {
    client: Client,
    bucket: String,
}

impl S3ObjectStore {
    /// The bucket of this name.
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(UPLOAD_TIMEOUT)
            .build();
        let config = aws_sdk_s3::config::Builder::from(sdk).timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
            bucket: bucket.into(),
        }
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn put(
        &self,
        key: &str,
        file: &Path,
        sha256: &str,
        content_type: &str,
    ) -> Result<(), ObjectError> {
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

    async fn get(&self, key: &str, file: &Path) -> Result<bool, ObjectError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let mut body = match request.send().await {
            Ok(got) => got.body,
            Err(error) if error.as_service_error().is_some_and(is_missing) => return Ok(false),
            Err(error) => return Err(failed("GetObject", error)),
        };
        let mut into = File::create(file).map_err(|error| failed("GetObject", error))?;
        while let Some(chunk) = body.try_next().await.map_err(|e| failed("GetObject", e))? {
            into.write_all(&chunk)
                .map_err(|error| failed("GetObject", error))?;
        }
        Ok(true)
    }

    async fn link(&self, key: &str, lifetime: Duration) -> Result<String, ObjectError> {
        let expiry = PresigningConfig::expires_in(lifetime);
        let expiry = expiry.map_err(|error| failed("GetObject", error))?;
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let presigned = request.presigned(expiry).await;
        let presigned = presigned.map_err(|error| failed("GetObject", error))?;
        Ok(presigned.uri().to_owned())
    }
}

fn is_missing(error: &GetObjectError) -> bool {
    error.is_no_such_key()
}

fn failed(operation: &'static str, error: impl Into<BoxError>) -> ObjectError {
    ObjectError {
        operation,
        source: error.into(),
    }
}
