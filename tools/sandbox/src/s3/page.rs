//! Pages for people: the list of objects, and each object in a browser.

use std::time::{SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use domain::Timestamp;
use url::Url;

use super::objects::Listed;
use super::{Refusal, S3, whole};

#[derive(Template)]
#[template(path = "files.html")]
struct FilesPage {
    files: Vec<FileRow>,
}

struct FileRow {
    /// Where a browser finds it.
    path: String,
    key: String,
    bucket: String,
    size: u64,
    modified: String,
}

impl From<Listed> for FileRow {
    fn from(object: Listed) -> Self {
        Self {
            path: address(&object.bucket, &object.key),
            key: object.key,
            bucket: object.bucket,
            size: object.size,
            modified: clock(object.modified),
        }
    }
}

pub(super) async fn list(State(s3): State<S3>) -> Result<Response, Refusal> {
    let listed = s3.objects.list(s3.buckets.iter())?;
    let files = listed.into_iter().map(FileRow::from).collect();
    let html = FilesPage { files }
        .render()
        .map_err(std::io::Error::other)?;
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    let csp = "default-src 'none'; style-src 'unsafe-inline'";
    headers.insert("content-security-policy", HeaderValue::from_static(csp));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The path of an object's page.
fn address(bucket: &str, key: &str) -> String {
    let Ok(mut url) = Url::parse("http://sandbox/_sandbox/files") else {
        return String::new();
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(bucket).extend(key.split('/'));
    }
    url.path().to_owned()
}

fn clock(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::MIN.after(since).on_vietnams_clock()
}

pub(super) async fn show(
    State(s3): State<S3>,
    Path((bucket, key)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let found = s3.found(&bucket, &key).await?;
    let content_type = found.about.content_type.clone();
    // A browser downloads CSV instead of showing it.
    let shown = if content_type.starts_with("text/csv") {
        "text/plain; charset=utf-8"
    } else {
        &content_type
    };
    let mut response = whole(found, shown);
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    Ok(response)
}
