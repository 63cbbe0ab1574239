//! API Gateway: a REST API with proxy integration, as the template declares it.

mod event;
mod iam;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use self::event::Event;
use self::iam::Refusal;
use crate::clock::{Clock, machines_now_ms};
use crate::core::Core;
use crate::journal::{Callee, Exchange, Journal, texts};
use crate::lambda::{Function, InvokeError};
use crate::principals::Principal;
use crate::template::{Plan, Route};

/// API Gateway's limit for a body, in bytes.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// API Gateway's limit for the request line and all headers together, in bytes.
const MAX_HEAD_BYTES: usize = 10_240;

pub(crate) struct Gateway {
    pub(crate) plan: Plan,
    pub(crate) functions: BTreeMap<String, Arc<Function>>,
    pub(crate) journal: Journal,
    /// The played core.
    pub(crate) core: Option<Core>,
    /// Notified after each call, because the stream may have new records.
    pub(crate) written: Arc<Notify>,
    /// The token bucket of each route, in the plan's order.
    pub(crate) throttles: Vec<Throttle>,
    /// The time that the functions see in an event.
    pub(crate) clock: Clock,
    /// Host and port of the API.
    pub(crate) host: String,
}

impl Gateway {
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(serve).with_state(Arc::new(self))
    }

    /// The answer to a body that is too large or incomplete.
    fn bad_body(&self, error: &axum::Error, asked: &HeaderMap) -> Response<Bytes> {
        let mut causes = std::iter::successors(error.source(), |&error| error.source());
        if causes.any(<dyn Error>::is::<http_body_util::LengthLimitError>) {
            let kinds = ["REQUEST_TOO_LARGE", "DEFAULT_4XX"];
            self.own_answer(&kinds, StatusCode::PAYLOAD_TOO_LARGE, asked)
        } else {
            self.own_answer(&["DEFAULT_4XX"], StatusCode::BAD_REQUEST, asked)
        }
    }

    /// The answer to a call that the IAM authorisation refuses.
    fn unauthorized(&self, refusal: Refusal, asked: &HeaderMap) -> Response<Bytes> {
        let (kind, error) = refusal.answer();
        let mut response = self.own_answer(&[kind, "DEFAULT_4XX"], StatusCode::FORBIDDEN, asked);
        let error = HeaderValue::from_static(error);
        response.headers_mut().insert("x-amzn-errortype", error);
        response
    }

    /// One of API Gateway's own error answers, with the template's text: the page if the request asks for HTML first,
    /// as browsers do, and JSON if not.
    fn own_answer(
        &self,
        kinds: &[&str],
        default: StatusCode,
        asked: &HeaderMap,
    ) -> Response<Bytes> {
        let own = &self.plan.gateway_responses;
        let kind = kinds.iter().find(|kind| own.contains_key(**kind));
        let (status, json) = kind
            .and_then(|kind| own.get(*kind))
            .cloned()
            .unwrap_or_default();
        let page = kind.and_then(|kind| self.plan.gateway_pages.get(*kind));
        let (content_type, body) = match page.filter(|_| asks_for_html(asked)) {
            Some(page) => ("text/html", page.clone()),
            None => ("application/json", json),
        };
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status.unwrap_or(default);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert("x-request-id", id);
        }
        response
    }
}

fn asks_for_html(asked: &HeaderMap) -> bool {
    let accept = asked.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim() == "text/html")
}

fn head_size(parts: &Parts) -> usize {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    parts.uri.to_string().len() + headers.sum::<usize>()
}

/// A token bucket, like API Gateway's throttling.
pub(crate) struct Throttle {
    rate: f64,
    burst: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl Throttle {
    pub(crate) fn new(rate: f64, burst: f64) -> Self {
        Self {
            rate,
            burst,
            bucket: Mutex::new((burst, Instant::now())),
        }
    }

    fn admit(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, then) = *bucket;
        let left = (left + then.elapsed().as_secs_f64() * self.rate).min(self.burst);
        let admitted = left >= 1.0;
        *bucket = (if admitted { left - 1.0 } else { left }, Instant::now());
        admitted
    }
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let asked = request.headers().clone();
    // In its own task, so that a caller that disconnects does not stop the function.
    let work = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { answer(&gateway, request).await }
    });
    let broken = || gateway.own_answer(&["DEFAULT_5XX"], StatusCode::BAD_GATEWAY, &asked);
    work.await.unwrap_or_else(|_| broken()).map(Body::from)
}

async fn answer(gateway: &Gateway, request: Request) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    if head_size(&parts) > MAX_HEAD_BYTES {
        let kinds = ["DEFAULT_4XX"];
        return gateway.own_answer(&kinds, StatusCode::BAD_REQUEST, &parts.headers);
    }
    let path = parts.uri.path().to_owned();
    let found = find(&gateway.plan.routes, parts.method.as_str(), &path);
    let Some((index, route, parameters)) = found else {
        let kinds = ["MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX"];
        return gateway.own_answer(&kinds, StatusCode::FORBIDDEN, &parts.headers);
    };
    if !gateway.throttles.get(index).is_none_or(Throttle::admit) {
        let kinds = ["THROTTLED", "DEFAULT_4XX"];
        return gateway.own_answer(&kinds, StatusCode::TOO_MANY_REQUESTS, &parts.headers);
    }
    let body = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(error) => return gateway.bad_body(&error, &parts.headers),
    };
    let principal = if route.is_iam {
        // People sign by the time of their own machine, which nobody moves.
        match iam::authorize(&gateway.plan, &parts, &body, machines_now_ms()) {
            Ok(principal) => Some(principal),
            Err(refusal) => return gateway.unauthorized(refusal, &parts.headers),
        }
    } else {
        None
    };
    let paid = parameters.get("transaction_id").cloned();
    let event = Event {
        gateway,
        route,
        parameters,
        principal,
        path: &path,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    let response = invoke(&event).await;
    if let (Some(core), Some(id)) = (&gateway.core, paid)
        && route.function == "payment-result"
    {
        core.book_accepted(&id, &body, response.body());
    }
    gateway.journal.saw(|| Exchange {
        to: Callee::Api,
        method: route.method.clone(),
        path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: texts(&parts.headers),
        body,
        status: response.status().as_u16(),
        answer_headers: texts(response.headers()),
        answer: response.body().clone(),
    });
    response
}

/// Has a function answer.
async fn invoke(event: &Event<'_>) -> Response<Bytes> {
    let Event {
        gateway,
        route,
        headers,
        ..
    } = event;
    let what = format!("{} {}", route.method, route.path);
    let from = caller(event.principal, event.path);
    let open = gateway.journal.open(from, &route.function, what);
    let event = Bytes::from(event.json().to_string());
    let result = match gateway.functions.get(&route.function) {
        Some(function) => match function.invoke_now(event).await {
            Err(InvokeError::Throttled) => {
                open.done("429, the function is throttled".to_owned());
                let kinds = ["INTEGRATION_FAILURE", "DEFAULT_5XX"];
                return gateway.own_answer(&kinds, StatusCode::GATEWAY_TIMEOUT, headers);
            }
            result => result.map_err(|error| error.to_string()),
        },
        None => Err("does not exist".to_owned()),
    };
    gateway.written.notify_waiters();
    match result.and_then(|answer| {
        response(&answer).ok_or("answered something that API Gateway cannot read".to_owned())
    }) {
        Ok((response, outcome)) => {
            open.done(outcome);
            response
        }
        Err(error) => {
            open.done(format!("502, the function {error}"));
            gateway.own_answer(&["DEFAULT_5XX"], StatusCode::BAD_GATEWAY, headers)
        }
    }
}

fn caller(principal: Option<Principal>, path: &str) -> &'static str {
    if let Some(principal) = principal {
        return principal.name;
    }
    match path.split('/').nth(1) {
        Some("tikivip") => "Tiki",
        Some("partner") if path.ends_with("/webview") => "app",
        Some("partner") => "core",
        _ => "customer",
    }
}

/// The route of a request, and the parameters in its path.
fn find<'p>(
    routes: &'p [Route],
    method: &str,
    path: &str,
) -> Option<(usize, &'p Route, BTreeMap<String, String>)> {
    routes
        .iter()
        .enumerate()
        .filter(|(_, route)| route.method == method)
        .find_map(|(index, route)| {
            let (wanted, found): (Vec<_>, Vec<_>) =
                (route.path.split('/').collect(), path.split('/').collect());
            let mut parameters = BTreeMap::new();
            let fits = wanted.len() == found.len()
                && wanted.iter().zip(found).all(|(wanted, found)| {
                    let name = wanted
                        .strip_prefix('{')
                        .and_then(|name| name.strip_suffix('}'));
                    match name {
                        Some(name) => {
                            parameters.insert(name.to_owned(), decoded(found));
                            !found.is_empty()
                        }
                        None => *wanted == found,
                    }
                });
            fits.then_some((index, route, parameters))
        })
}

fn decoded(text: &str) -> String {
    // Decodes the text as a query value, but keeps a plus sign.
    let pair = format!("={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A function's answer as an HTTP response, and its outcome for the journal.
fn response(answer: &[u8]) -> Option<(Response<Bytes>, String)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let status = StatusCode::from_u16(status).ok()?;
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == json!(true) {
        STANDARD.decode(body).ok()?
    } else {
        body.as_bytes().to_vec()
    };
    let outcome = outcome(status, &answer, &body);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let single = answer["headers"].as_object().into_iter().flatten();
    let single = single.map(|(name, value)| (name, vec![value]));
    let multi = answer["multiValueHeaders"]
        .as_object()
        .into_iter()
        .flatten();
    let multi =
        multi.map(|(name, values)| (name, values.as_array().into_iter().flatten().collect()));
    let all: BTreeMap<&String, Vec<&Value>> = single.chain(multi).collect();
    for (name, values) in all {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for value in values {
            let value = HeaderValue::from_str(value.as_str()?).ok()?;
            response.headers_mut().append(name.clone(), value);
        }
    }
    Some((response, outcome))
}

fn outcome(status: StatusCode, answer: &Value, body: &[u8]) -> String {
    let header = |name: &str| {
        let single = answer["headers"][name].as_str();
        single.or_else(|| answer["multiValueHeaders"][name][0].as_str())
    };
    if let Some(location) = header("location") {
        // Without the query, which may hold a customer's data.
        let url = location.split('?').next().unwrap_or_default();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        return format!("{} to /{path}", status.as_u16());
    }
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    match json["code"].as_u64() {
        Some(0) => format!("{}, code 0", status.as_u16()),
        Some(code) => {
            let message = json["message"].as_str().unwrap_or_default();
            format!("{}, code {code}: {message}", status.as_u16())
        }
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests;
