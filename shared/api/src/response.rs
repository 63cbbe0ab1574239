//! HTTP responses: JSON, a page for a customer, a redirect.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, Response, StatusCode};

use crate::{Code, refusal};

/// A page of ours brings everything that it needs. A customer's browser must load nothing else, and send nothing
/// to anybody.
const PAGE_CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                        form-action 'none'; frame-ancestors 'none'";

pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response<String> {
    // Text, so that API Gateway does not pass it on in base64. Our JSON is always UTF-8.
    let body = String::from_utf8(body).unwrap_or_default();
    response(status, "application/json; charset=utf-8", body)
}

pub(crate) fn page(status: StatusCode, html: String) -> Response<String> {
    for_browser(response(status, "text/html; charset=utf-8", html))
}

pub(crate) fn redirect(location: &str) -> Response<String> {
    let Ok(location) = HeaderValue::from_str(location) else {
        tracing::error!("the location of a redirect does not fit into a header");
        return json(
            StatusCode::INTERNAL_SERVER_ERROR,
            refusal(Code::SystemError, "system error, safe to repeat"),
        );
    };
    let mut response = for_browser(response(StatusCode::FOUND, "text/plain", String::new()));
    response.headers_mut().insert(LOCATION, location);
    response
}

fn for_browser(mut response: Response<String>) -> Response<String> {
    let headers = response.headers_mut();
    headers.insert(
        "content-security-policy",
        HeaderValue::from_static(PAGE_CSP),
    );
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    );
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}
