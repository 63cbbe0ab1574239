//! S3, as far as files are put there whole and fetched by their key or by a presigned link. Objects are kept as
//! files: the bucket is a folder, and so is each part of a key but the last.

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
use crate::template::Plan;

pub(crate) use self::access::{asked, denied, linked_by};

/// The largest object; the service itself takes 5 GB at once.
const LARGEST: u64 = 200 * 1024 * 1024;

/// What a request may be about besides an object as a whole, and what is not played: answered 501.
const NOT_PLAYED: [&str; 4] = [
    "x-amz-copy-source",
    "x-amz-trailer",
    "if-match",
    "if-none-match",
];

/// The service.
#[derive(Clone)]
pub(crate) struct S3 {
    objects: Objects,
    buckets: Arc<BTreeSet<String>>,
}

/// A no, in the service's words.
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

    fn not_played(what: &str) -> Self {
        let message = format!("the sandbox does not play {what}");
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
        let (code, message) = (self.code, page::escaped(&self.message));
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
    /// The service with the template's buckets, in this folder.
    pub(crate) fn open(folder: PathBuf, plan: &Plan) -> std::io::Result<Self> {
        Ok(Self {
            objects: Objects::open(folder)?,
            buckets: Arc::new(plan.buckets.keys().cloned().collect()),
        })
    }

    /// The API of AWS, as far as it goes.
    pub(crate) fn objects(&self) -> Router {
        let not_played = async || Refusal::not_played("this operation");
        Router::new()
            .route(
                "/{bucket}/{*key}",
                // It answers HEAD as well.
                get(fetch).put(put).fallback(not_played),
            )
            .fallback(not_played)
            .with_state(self.clone())
    }

    /// The objects for people, who have no signature.
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
            let message = "the sandbox keeps no object under such a key";
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

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Only an object as a whole is played: what a subresource or a condition asks for would silently not happen.
fn is_played(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if let Some(name) = NOT_PLAYED.iter().find(|name| headers.contains_key(**name)) {
        return Err(Refusal::not_played(name));
    }
    let chunked =
        header(headers, "content-encoding").is_some_and(|coding| coding.contains("aws-chunked"));
    let streamed =
        header(headers, "x-amz-content-sha256").is_some_and(|sha256| sha256.starts_with("STREAM"));
    if chunked || streamed {
        return Err(Refusal::not_played("aws-chunked bodies"));
    }
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let known = |name: &str| name == "x-id" || name.to_ascii_lowercase().starts_with("x-amz-");
    match query.into_iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => Err(Refusal::not_played(&format!("?{name}"))),
        None => Ok(()),
    }
}

async fn fetch(
    State(s3): State<S3>,
    Path((bucket, key)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    access::check(&headers, &uri)?;
    // A condition of a GET may be left unheeded: whoever asks then has what it has already.
    is_played(&HeaderMap::new(), &uri)?;
    let found = s3.found(&bucket, &key).await?;
    let content_type = found.about.content_type.clone();
    Ok(whole(found, &content_type))
}

/// An object from its beginning to its end.
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
    access::check(&parts.headers, &parts.uri)?;
    is_played(&parts.headers, &parts.uri)?;
    let place = s3.place(&bucket, &key)?;
    let fresh = s3.objects.fresh()?;
    let sha256 = receive(body, fresh.as_file().try_clone()?).await?;
    is_right(&parts.headers, &sha256)?;
    let about = About {
        content_type: header(&parts.headers, "content-type")
            .unwrap_or("application/octet-stream")
            .to_owned(),
        // No promise but that other bytes have another one; the service's own is no MD5 either under a KMS key.
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

/// Writes a body down as it comes, and says its SHA-256.
async fn receive(body: Body, file: std::fs::File) -> Result<Vec<u8>, Refusal> {
    let mut file = tokio::fs::File::from_std(file);
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let cut = |_| Refusal::new(StatusCode::BAD_REQUEST, "IncompleteBody", "the line broke");
        let chunk = chunk.map_err(cut)?;
        size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if size > LARGEST {
            let message = format!("the sandbox keeps objects of up to {LARGEST} bytes");
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

/// What the caller says of its bytes, if it says anything.
fn is_right(headers: &HeaderMap, sha256: &[u8]) -> Result<(), Refusal> {
    let bad = |code, message: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, code, message));
    let said = header(headers, "x-amz-checksum-sha256");
    if said.is_some_and(|said| said != STANDARD.encode(sha256)) {
        return bad("BadDigest", "the SHA-256 is not that of what was received");
    }
    let signed = header(headers, "x-amz-content-sha256").filter(|said| *said != "UNSIGNED-PAYLOAD");
    if signed.is_some_and(|said| said != hex::encode(sha256)) {
        let message = "the signed SHA-256 is not that of what was received";
        return bad("XAmzContentSHA256Mismatch", message);
    }
    Ok(())
}
