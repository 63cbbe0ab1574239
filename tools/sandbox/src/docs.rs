//! The API documents as a page on which a person tries calls out: `GET /_sandbox/docs`.
//!
//! The viewer is Swagger UI (docs/decisions/0007). Nothing is loaded from elsewhere. The page asks `sign` for the
//! signature of each call and shows every step of it. The secret stays in this process: with `--tiki-url` it may be a
//! real one. And the signature comes from the crate with which the functions verify it.

mod document;

use std::sync::Arc;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use signing::{HeaderNames, Keyring};
use swagger_ui_dist::{ApiDefinition, OpenApiSource};
use tower_service::Service;
use url::Url;

use self::document::{Document, Language};
use crate::caller::Caller;
use crate::clock::Clock;

/// The page loads from its own address only, and stands in no frame.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                   connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the core answers is its own, and may be a page. A browser that opens it runs nothing of it.
const CORE_CSP: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// The API's address has the core under this path, because a page may call its own address only.
const CORE: &str = "/_sandbox/core";

/// The page, and what it needs.
#[derive(Clone)]
pub(crate) struct Docs {
    /// Signs as Tiki.
    tiki: Keyring,
    /// Signs as the partner's app or core, and as the functions towards the core.
    partner: Keyring,
    core_url: Arc<str>,
    http: reqwest::Client,
    clock: Clock,
}

impl Docs {
    /// `tiki` and `partner` are the two sides that call the API.
    pub(crate) fn new(tiki: &Caller, partner: &Caller, core_url: &str) -> Self {
        Self {
            tiki: tiki.keys.clone(),
            partner: partner.keys.clone(),
            core_url: normalized(core_url).into(),
            http: partner.http.clone(),
            clock: partner.clock.clone(),
        }
    }

    pub(crate) fn router(self) -> Router {
        let core = Router::new()
            .route("/_sandbox/core/{*path}", any(at_core))
            .layer(middleware::from_fn(async |request, next| {
                with_headers(CORE_CSP, request, next).await
            }));
        Router::new()
            .route("/_sandbox/docs", get(page))
            .route("/_sandbox/docs/page.js", get(script))
            .route("/_sandbox/docs/page.css", get(style))
            .route("/_sandbox/docs/viewer/{file}", viewer())
            .route("/_sandbox/docs/{file}", get(served_document))
            .route("/_sandbox/docs/sign", post(sign))
            .layer(middleware::from_fn(async |request, next| {
                with_headers(CSP, request, next).await
            }))
            .merge(core)
            .with_state(self)
    }
}

/// A URL as a reader of URLs writes it, without a slash at its end.
fn normalized(url: &str) -> String {
    let read = Url::parse(url).map_or_else(|_| url.to_owned(), String::from);
    read.trim_end_matches('/').to_owned()
}

/// Swagger UI's script and style. Its own page is not served, because the policy refuses the script in it.
fn viewer() -> axum::routing::MethodRouter<Docs> {
    let files = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: "/_sandbox/docs/viewer",
        api_definition: OpenApiSource::Uri("../openapi.yaml"),
        title: None,
    });
    get(async move |request: Request| files.clone().call(request).await)
}

async fn with_headers(csp: &'static str, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, csp),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn script() -> impl IntoResponse {
    let script = include_str!("../assets/docs.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], script)
}

async fn style() -> impl IntoResponse {
    let style = include_str!("../assets/docs.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], style)
}

/// What the reader chose at the top of the page.
#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    document: Document,
    #[serde(default, rename = "lang")]
    language: Language,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Page {
    vietnamese: bool,
    /// The word for the language in the address.
    lang: &'static str,
    document: &'static str,
    core: bool,
    core_path: &'static str,
}

async fn page(Query(choice): Query<Choice>) -> Response {
    let page = Page {
        vietnamese: choice.language == Language::Vietnamese,
        lang: choice.language.as_str(),
        document: choice.document.as_str(),
        core: choice.document == Document::Core,
        core_path: CORE,
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
struct DocumentQuery {
    lang: Option<Language>,
}

/// A document: the file as it is, or, with `?lang=`, in one language and with this sandbox as its server.
async fn served_document(Path(file): Path<String>, Query(query): Query<DocumentQuery>) -> Response {
    let Some(document) = Document::of_file(&file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let served = document.read().and_then(|yaml| match query.lang {
        None => Ok(([(CONTENT_TYPE, "application/yaml")], yaml).into_response()),
        Some(language) => {
            let json = document::for_viewer(&yaml, language, document)?;
            Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
        }
    });
    served.unwrap_or_else(|error| {
        let problem = format!("docs/{file}: {error:#}\n");
        (StatusCode::INTERNAL_SERVER_ERROR, problem).into_response()
    })
}

/// Whose credentials sign.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Signer {
    Tiki,
    Partner,
}

#[derive(Deserialize)]
struct SignQuery {
    #[serde(rename = "as")]
    signer: Signer,
}

/// Signs the exact bytes that came, and answers with each step.
async fn sign(
    State(docs): State<Docs>,
    Query(query): Query<SignQuery>,
    message: Bytes,
) -> Response {
    let (keys, names) = match query.signer {
        Signer::Tiki => (&docs.tiki, HeaderNames::TIKI),
        Signer::Partner => (&docs.partner, HeaderNames::PARTNER),
    };
    let timestamp = docs.clock.now_ms().to_string();
    let steps = keys.steps(&timestamp, &message);
    Json(json!({
        "payload": String::from_utf8_lossy(&steps.payload),
        "encoded": steps.encoded,
        "headers": {
            names.timestamp: timestamp,
            names.client_id: keys.client_id(),
            names.signature: steps.signature,
        },
    }))
    .into_response()
}

/// Passes a call on to the core, with the headers that docs/openapi-core.yaml knows.
async fn at_core(
    State(docs): State<Docs>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(url) = docs.at_core(&uri) else {
        let problem = "The path must be one of the core, without . and .. and without / that is written as %2F.\n";
        return (StatusCode::BAD_REQUEST, problem).into_response();
    };
    match passed_on(&docs.http, method, url, &headers, body).await {
        Ok(response) => response,
        Err(error) => {
            let problem = format!("the core does not answer: {error:#}\n");
            (StatusCode::BAD_GATEWAY, problem).into_response()
        }
    }
}

impl Docs {
    /// Where the core has what is asked for. Nothing, if a reader of URLs would lead the call elsewhere, as by `..`.
    fn at_core(&self, uri: &axum::http::Uri) -> Option<Url> {
        let path = uri.path().strip_prefix(CORE)?;
        // A proxy before the core may read them as what they stand for.
        let lower = path.to_ascii_lowercase();
        if ["%2e", "%2f", "%5c"]
            .iter()
            .any(|hidden| lower.contains(hidden))
        {
            return None;
        }
        let text = format!("{}{path}", self.core_url);
        let mut url = Url::parse(&text).ok().filter(|url| url.as_str() == text)?;
        url.set_query(uri.query());
        Some(url)
    }
}

async fn passed_on(
    http: &reqwest::Client,
    method: Method,
    url: Url,
    headers: &HeaderMap,
    body: Bytes,
) -> anyhow::Result<Response> {
    let request = http
        .request(method, url)
        .timeout(std::time::Duration::from_secs(30))
        .body(body);
    let known = headers.iter().filter(|(name, _)| {
        ["content-type", "idempotency-key"].contains(&name.as_str())
            || name.as_str().starts_with("x-partner-")
    });
    let request = known.fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    let answer = request.send().await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(CONTENT_TYPE) {
        response = response.header(CONTENT_TYPE, kind);
    }
    Ok(response.body(Body::from(answer.bytes().await?))?)
}
