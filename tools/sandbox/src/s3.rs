//! S3, as far as the functions use it: put a whole object, get it by its key or by a presigned link. Each object is
//! a file; its bucket and all parts of its key but the last are folders.

mod access;
mod objects;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use self::objects::{About, Objects};
use crate::clock::Clock;
use crate::template::Plan;

pub(crate) use self::access::{denied, link_signer, moment};

/// The largest object, in bytes. S3 itself takes 5 GB in one request.
const MAX_OBJECT_BYTES: u64 = 200 * 1024 * 1024;

/// How much of a refused body is read, in bytes.
const MAX_DISCARDED_BYTES: usize = 1024 * 1024;

/// Headers that ask for more than a whole object. The sandbox answers them with 501.
const UNSUPPORTED_HEADERS: [&str; 4] = [
    "x-amz-copy-source",
    "x-amz-trailer",
    "if-match",
    "if-none-match",
];

#[derive(Clone)]
pub(crate) struct S3 {
    objects: Objects,
    buckets: Arc<BTreeSet<String>>,
    /// The time by which a presigned link expires.
    clock: Clock,
}

/// An error answer of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn unsupported(what: &str) -> Self {
        let message = format!("the sandbox does not support {what}");
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "InternalError", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (code, message) = (self.code, escaped(&self.message));
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        (
            self.status,
            [(header::CONTENT_TYPE, "application/xml")],
            xml,
        )
            .into_response()
    }
}

impl S3 {
    /// S3 with the template's buckets; its objects are in this folder.
    pub(crate) fn open(folder: PathBuf, plan: &Plan, clock: Clock) -> std::io::Result<Self> {
        Ok(Self {
            objects: Objects::open(folder)?,
            buckets: Arc::new(plan.buckets.keys().cloned().collect()),
            clock,
        })
    }

    /// The API of AWS.
    pub(crate) fn objects(&self) -> Router {
        let unsupported = async || Refusal::unsupported("this operation");
        Router::new()
            .route(
                "/{bucket}/{*key}",
                // It also answers HEAD.
                get(fetch).put(put).fallback(unsupported),
            )
            .fallback(unsupported)
            .with_state(self.clone())
    }

    /// Pages for people, who have no signature.
    pub(crate) fn pages(&self) -> Router {
        Router::new()
            .route("/_sandbox/files", get(page::list))
            .route("/_sandbox/files/{bucket}/{*key}", get(page::show))
            .with_state(self.clone())
    }

    fn place(&self, bucket: &str, key: &str) -> Result<objects::Place, Refusal> {
        if !self.buckets.contains(bucket) {
            let message = "The specified bucket does not exist";
            return Err(Refusal::new(StatusCode::NOT_FOUND, "NoSuchBucket", message));
        }
        self.objects.place(bucket, key).ok_or_else(|| {
            let message = "the sandbox does not support such a key";
            Refusal::new(StatusCode::BAD_REQUEST, "InvalidURI", message)
        })
    }

    async fn found(&self, bucket: &str, key: &str) -> Result<objects::Found, Refusal> {
        let found = self.place(bucket, key)?.find().await?;
        found.ok_or_else(|| {
            let message = "The specified key does not exist.";
            Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", message)
        })
    }
}

/// Text inside an XML element.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses subresources and conditions: the sandbox would ignore them silently.
fn require_supported(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if let Some(name) = UNSUPPORTED_HEADERS
        .iter()
        .find(|name| headers.contains_key(**name))
    {
        return Err(Refusal::unsupported(name));
    }
    let chunked =
        header(headers, "content-encoding").is_some_and(|coding| coding.contains("aws-chunked"));
    let streamed =
        header(headers, "x-amz-content-sha256").is_some_and(|sha256| sha256.starts_with("STREAM"));
    if chunked || streamed {
        return Err(Refusal::unsupported("aws-chunked bodies"));
    }
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let known = |name: &str| name == "x-id" || name.to_ascii_lowercase().starts_with("x-amz-");
    match query.into_iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => Err(Refusal::unsupported(&format!("?{name}"))),
        None => Ok(()),
    }
}

async fn fetch(
    State(s3): State<S3>,
    Path((bucket, key)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    access::check(&headers, &uri, s3.clock.now_ms())?;
    // A GET may ignore its conditions: the caller then receives an object that it has already.
    require_supported(&HeaderMap::new(), &uri)?;
    let found = s3.found(&bucket, &key).await?;
    let content_type = found.about.content_type.clone();
    Ok(whole(found, &content_type))
}

/// Answers with a whole object.
fn whole(found: objects::Found, content_type: &str) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let fallback = HeaderValue::from_static("application/octet-stream");
    let content_type = HeaderValue::from_str(content_type).unwrap_or(fallback);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(found.size));
    if let Ok(etag) = HeaderValue::from_str(&found.about.etag) {
        headers.insert(header::ETAG, etag);
    }
    let modified = httpdate::fmt_http_date(found.modified);
    if let Ok(modified) = HeaderValue::from_str(&modified) {
        headers.insert(header::LAST_MODIFIED, modified);
    }
    *response.body_mut() = Body::from_stream(found.chunks());
    response
}

async fn put(
    State(s3): State<S3>,
    Path((bucket, key)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let accepted = access::check(&parts.headers, &parts.uri, s3.clock.now_ms())
        .and_then(|()| require_supported(&parts.headers, &parts.uri));
    if let Err(refusal) = accepted {
        discard(body).await;
        return Err(refusal);
    }
    let place = s3.place(&bucket, &key)?;
    let fresh = s3.objects.fresh()?;
    let sha256 = receive(body, fresh.as_file().try_clone()?).await?;
    check_sha256(&parts.headers, &sha256)?;
    let about = About {
        content_type: header(&parts.headers, "content-type")
            .unwrap_or("application/octet-stream")
            .to_owned(),
        // Only promises to differ for other bytes. S3's own is not an MD5 either when it encrypts with a KMS key.
        etag: format!("\"{}\"", hex::encode(sha256.get(..16).unwrap_or_default())),
    };
    place.keep(fresh, &about)?;
    let mut response = [(header::ETAG, about.etag)].into_response();
    if let Some(checksum) = parts.headers.get("x-amz-checksum-sha256") {
        let headers = response.headers_mut();
        headers.insert("x-amz-checksum-sha256", checksum.clone());
    }
    Ok(response)
}

/// Reads the body of a refused request. A client that is still sending it would see a broken connection instead of the
/// answer.
async fn discard(body: Body) {
    let mut left = MAX_DISCARDED_BYTES;
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await
        && let Some(rest) = left.checked_sub(chunk.len())
    {
        left = rest;
    }
}

/// Writes a body to a file as it arrives, and returns its SHA-256.
async fn receive(body: Body, file: std::fs::File) -> Result<Vec<u8>, Refusal> {
    let mut file = tokio::fs::File::from_std(file);
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let broken = |_| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "IncompleteBody",
                "the connection broke",
            )
        };
        let chunk = chunk.map_err(broken)?;
        size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if size > MAX_OBJECT_BYTES {
            let message = format!("the sandbox keeps objects of up to {MAX_OBJECT_BYTES} bytes");
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "EntityTooLarge",
                message,
            ));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    Ok(hash.finalize().to_vec())
}

/// Compares the body with the checksums that the caller sent, if it sent any.
fn check_sha256(headers: &HeaderMap, sha256: &[u8]) -> Result<(), Refusal> {
    let bad = |code, message: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, code, message));
    let sent = header(headers, "x-amz-checksum-sha256");
    if sent.is_some_and(|sent| sent != STANDARD.encode(sha256)) {
        return bad("BadDigest", "the SHA-256 does not match the received body");
    }
    let signed = header(headers, "x-amz-content-sha256").filter(|sent| *sent != "UNSIGNED-PAYLOAD");
    if signed.is_some_and(|sent| sent != hex::encode(sha256)) {
        let message = "the signed SHA-256 does not match the received body";
        return bad("XAmzContentSHA256Mismatch", message);
    }
    Ok(())
}
