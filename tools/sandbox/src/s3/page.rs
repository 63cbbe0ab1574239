//! The objects for people: a list, and each as a browser shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use domain::Timestamp;
use url::Url;

use super::objects::Listed;
use super::{Refusal, S3, whole};

pub(super) async fn list(State(s3): State<S3>) -> Result<Response, Refusal> {
    let listed = s3.objects.list(s3.buckets.iter())?;
    let rows: String = listed.iter().map(row).collect();
    let rows = if rows.is_empty() {
        include_str!("../pages/no-files.html").to_owned()
    } else {
        rows
    };
    let html = include_str!("../pages/files.html").replace("{rows}", &rows);
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    let csp = "default-src 'none'; style-src 'unsafe-inline'";
    headers.insert("content-security-policy", HeaderValue::from_static(csp));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn row(object: &Listed) -> String {
    let Listed { bucket, key, .. } = object;
    format!(
        "<tr><td><a href=\"{}\">{}</a><small>{}</small></td><td>{}</td><td>{}</td></tr>\n",
        escaped(&address(bucket, key)),
        escaped(key),
        escaped(bucket),
        object.size,
        clock(object.modified),
    )
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
    // A browser saves a table instead of showing it.
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

pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
