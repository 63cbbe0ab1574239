//! The HTTP boundary: an API Gateway event becomes an [`Inbound`], a handler answers it, and whatever went
//! wrong becomes a code, a status and one line in the log (design §3, §6).

use std::collections::HashMap;

use async_trait::async_trait;
use domain::Refusal;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use json_fields::InvalidField;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use signing::{KeyError, SignatureRefusal};
use store::{StoreError, TableError};
use tiki_api::{Code, reply};
use tracing::Instrument;

/// The largest body that is looked at (design §6).
pub const LARGEST_BODY: usize = 64 * 1024;

/// A request, free of Lambda's and API Gateway's ways.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    /// One id for everything that is logged about this request, and its `X-Request-Id`.
    pub request_id: String,
    /// The method.
    pub method: Method,
    /// The route as the template has it: `/pay/{token}/return`.
    pub resource: String,
    /// The path, without a stage.
    pub path: String,
    /// The path as the caller sees it, with the stage if there is one.
    pub full_path: String,
    /// Where the API begins, as the caller reaches it: scheme, host and stage.
    pub base_url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The query, decoded, in no particular order.
    pub query: Vec<(String, String)>,
    /// The path's parameters.
    pub path_parameters: HashMap<String, String>,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer of an API: JSON, with a code that says the status.
    Json {
        /// The code that the body has.
        code: Code,
        /// The body.
        body: Vec<u8>,
    },
    /// Sends the customer elsewhere.
    Redirect {
        /// Where to, byte for byte.
        location: String,
    },
    /// A page for a customer.
    Page {
        /// The status.
        status: StatusCode,
        /// The page, with all that it needs.
        html: String,
    },
}

/// Why a handler does not answer with success.
#[derive(Debug)]
pub enum ApiError {
    /// The body is larger than any message.
    TooLarge,
    /// The signature is missing, wrong or stale.
    Signature(SignatureRefusal),
    /// The message is malformed.
    Invalid(InvalidField),
    /// A business no.
    Refusal(Refusal),
    /// The other side that is needed for an answer did not give one.
    Unavailable(&'static str),
    /// Something broke. Logged once, here at the boundary, and answered generically.
    Internal(anyhow::Error),
}

/// A function behind API Gateway.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Answers a request.
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError>;

    /// The HTTP status of an answer: 200 for a business answer, whatever its code (design §6).
    fn status(&self, code: Code) -> StatusCode {
        match code {
            Code::InvalidRequest => StatusCode::BAD_REQUEST,
            Code::SystemError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::SignatureRefused | Code::Stale => StatusCode::UNAUTHORIZED,
            _ => StatusCode::OK,
        }
    }

    /// The HTTP status of a body that is too large.
    fn status_too_large(&self) -> StatusCode {
        StatusCode::PAYLOAD_TOO_LARGE
    }

    /// The HTTP status when another side that is needed does not answer.
    fn status_unavailable(&self) -> StatusCode {
        StatusCode::BAD_GATEWAY
    }
}

pub(crate) async fn respond(handler: &dyn Handler, request: Request) -> Response<Body> {
    let request = Inbound::from(request);
    let span = tracing::info_span!(
        "request",
        request_id = %request.request_id,
        transaction_id = tracing::field::Empty,
    );
    let mut response = answer(handler, &request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&request.request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Notes which transaction the request is about, on every line that is logged of it from here on.
pub fn record_transaction_in_span(transaction_id: domain::TransactionId) {
    tracing::Span::current().record("transaction_id", tracing::field::display(transaction_id));
}

/// Has the handler answer, and puts its answer or its no into a response: the whole of the boundary but for
/// Lambda's own events, so that a simulation can stand in for Lambda here.
pub async fn answer(handler: &dyn Handler, request: &Inbound) -> Response<Body> {
    let result = if request.body.len() > LARGEST_BODY {
        Err(ApiError::TooLarge)
    } else {
        handler.handle(request).await
    };
    let (response, code) = match result {
        Ok(Reply::Json { code, body }) => (json(handler.status(code), body), Some(code)),
        Ok(Reply::Redirect { location }) => (redirect(&location), None),
        Ok(Reply::Page { status, html }) => (page(status, html), None),
        Err(no) => {
            let (code, status, message) = no.answer(handler);
            (json(status, reply::refusal(code, &message)), Some(code))
        }
    };
    if let Some(refused) = code.filter(|code| *code != Code::Success) {
        metrics::REFUSALS.count(&[&refused.number().to_string()]);
    }
    let http_status = response.status().as_u16();
    tracing::info!(http_status, code = code.map(Code::number), "answered");
    response
}

impl ApiError {
    /// The code, the status and the message of a no. A failure is logged here, once, with all its causes.
    fn answer(&self, handler: &dyn Handler) -> (Code, StatusCode, String) {
        let (code, message) = match self {
            Self::TooLarge => {
                let message = format!("the body is larger than {LARGEST_BODY} bytes");
                return (Code::InvalidRequest, handler.status_too_large(), message);
            }
            Self::Unavailable(who) => {
                let message = format!("{who} does not answer, repeat later");
                return (Code::SystemError, handler.status_unavailable(), message);
            }
            Self::Signature(SignatureRefusal::Stale) => {
                (Code::Stale, SignatureRefusal::Stale.to_string())
            }
            Self::Signature(refusal) => (Code::SignatureRefused, refusal.to_string()),
            Self::Invalid(invalid) => (Code::from(invalid), invalid.to_string()),
            Self::Refusal(refusal) => (Code::from(refusal), refusal.to_string()),
            Self::Internal(error) => {
                metrics::FAILURES.count(&[]);
                tracing::error!(error = format!("{error:#}"), "failed");
                (Code::SystemError, "system error, safe to repeat".to_owned())
            }
        };
        (code, handler.status(code), message)
    }
}

impl Inbound {
    /// A header, if it is text. Of one that was sent twice API Gateway hands on the last.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the path.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> &str {
        self.path_parameters.get(name).map_or("", String::as_str)
    }
}

impl From<Request> for Inbound {
    fn from(request: Request) -> Self {
        let query = request.query_string_parameters();
        let query = query
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parameters = request.path_parameters();
        let parameters = parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut inbound = Self {
            request_id: request.lambda_context().request_id,
            method: request.method().clone(),
            path: request.raw_http_path().to_owned(),
            query: query.collect(),
            path_parameters: parameters.collect(),
            ..Self::default()
        };
        inbound.full_path.clone_from(&inbound.path);
        if let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() {
            let stage = context.stage.as_deref().unwrap_or_default();
            let domain = context.domain_name.as_deref().unwrap_or_default();
            inbound.base_url = format!("https://{domain}/{stage}");
            inbound.resource = context.resource_path.clone().unwrap_or_default();
            if let Some(full_path) = &context.path {
                inbound.full_path.clone_from(full_path);
            }
            if let Some(request_id) = &context.request_id {
                inbound.request_id.clone_from(request_id);
            }
        }
        let (parts, body) = request.into_parts();
        inbound.headers = parts.headers;
        inbound.body = match body {
            Body::Text(text) => text.into_bytes(),
            Body::Binary(bytes) => bytes,
            _ => Vec::new(),
        };
        inbound
    }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    // Text, so that API Gateway does not hand it on in base64; our JSON is always UTF-8.
    let body = String::from_utf8(body).unwrap_or_default();
    response(status, "application/json; charset=utf-8", body)
}

/// All that a page of ours needs is within it; a customer's browser is to load nothing else and tell nobody.
const PAGE_CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                        form-action 'none'; frame-ancestors 'none'";

fn page(status: StatusCode, html: String) -> Response<Body> {
    guarded(response(status, "text/html; charset=utf-8", html))
}

fn redirect(location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(location) else {
        tracing::error!("a redirect that no header can carry");
        return json(
            StatusCode::INTERNAL_SERVER_ERROR,
            reply::refusal(Code::SystemError, "system error, safe to repeat"),
        );
    };
    let mut response = guarded(response(StatusCode::FOUND, "text/plain", String::new()));
    response.headers_mut().insert(LOCATION, location);
    response
}

fn guarded(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(
        "content-security-policy",
        HeaderValue::from_static(PAGE_CSP),
    );
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

impl From<SignatureRefusal> for ApiError {
    fn from(refusal: SignatureRefusal) -> Self {
        Self::Signature(refusal)
    }
}

impl From<InvalidField> for ApiError {
    fn from(invalid: InvalidField) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
