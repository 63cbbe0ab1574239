//! API Gateway: a REST API with proxy integration, as the template declares it.

mod event;
mod iam;
mod own_answers;
mod throttle;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::Notify;

use self::event::Event;
pub(crate) use self::throttle::Throttle;
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
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(serve).with_state(self)
    }

    /// What `operator` answers a person to a GET of this path, or why it does not. It is for the sandbox's own pages, and so
    /// neither authorised nor in the journal.
    pub(crate) async fn as_person(
        &self,
        principal: Principal,
        path: &str,
    ) -> anyhow::Result<Value> {
        let (_, route, parameters) =
            find(&self.plan.routes, "GET", path).context("no such route")?;
        let event = Event {
            gateway: self,
            route,
            parameters,
            principal: Some(principal),
            path,
            query: "",
            headers: &HeaderMap::new(),
            body: &Bytes::new(),
        };
        let function = self.functions.get(&route.function).context("no function")?;
        let event = Bytes::from(event.json().to_string());
        let answer = function.invoke(event).await;
        let answer = answer.map_err(|error| anyhow!("{} {error}", function.name()))?;
        let (response, _) = response(&answer).context("no answer that API Gateway can read")?;
        Ok(serde_json::from_slice(response.body())?)
    }
}

fn head_size(parts: &Parts) -> usize {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    parts.uri.to_string().len() + headers.sum::<usize>()
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
    let began = gateway.journal.now();
    let (parts, body) = request.into_parts();
    let body = if head_size(&parts) > MAX_HEAD_BYTES {
        let kinds = ["DEFAULT_4XX"];
        Err(gateway.own_answer(&kinds, StatusCode::BAD_REQUEST, &parts.headers))
    } else {
        to_bytes(body, MAX_BODY_BYTES)
            .await
            .map_err(|error| gateway.bad_body(&error, &parts.headers))
    };
    let path = parts.uri.path();
    let mut from = caller(None, path);
    let (to, response) = match body.as_ref() {
        Ok(body) => match gateway.admitted(&parts, body) {
            Ok(admitted) => {
                from = caller(admitted.principal, path);
                (
                    Callee::Api,
                    gateway.of_function(&parts, body, admitted).await,
                )
            }
            Err(refused) => (Callee::Gateway, *refused),
        },
        Err(refused) => (Callee::Gateway, refused.clone()),
    };
    gateway.journal.saw(|| Exchange {
        began,
        took: gateway.journal.now().saturating_sub(began),
        from,
        to,
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: texts(&parts.headers),
        body: body.unwrap_or_default(),
        status: response.status().as_u16(),
        answer_headers: texts(response.headers()),
        answer: response.body().clone(),
    });
    response
}

/// A call that a function answers.
struct Admitted<'g> {
    route: &'g Route,
    /// The parameters in the path.
    parameters: BTreeMap<String, String>,
    principal: Option<Principal>,
}

impl Gateway {
    /// The function's route of a call, or API Gateway's own refusal.
    fn admitted(&self, parts: &Parts, body: &Bytes) -> Result<Admitted<'_>, Box<Response<Bytes>>> {
        let found = find(&self.plan.routes, parts.method.as_str(), parts.uri.path());
        let Some((index, route, parameters)) = found else {
            let kinds = ["MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX"];
            let refused = self.own_answer(&kinds, StatusCode::FORBIDDEN, &parts.headers);
            return Err(Box::new(refused));
        };
        if !self.throttles.get(index).is_none_or(Throttle::admit) {
            let kinds = ["THROTTLED", "DEFAULT_4XX"];
            let refused = self.own_answer(&kinds, StatusCode::TOO_MANY_REQUESTS, &parts.headers);
            return Err(Box::new(refused));
        }
        let principal = if route.is_iam {
            // People sign by the time of their own machine, which nobody moves.
            let known = iam::authorize(&self.plan, parts, body, machines_now_ms());
            Some(known.map_err(|refusal| Box::new(self.unauthorized(refusal, &parts.headers)))?)
        } else {
            None
        };
        Ok(Admitted {
            route,
            parameters,
            principal,
        })
    }

    async fn of_function(
        &self,
        parts: &Parts,
        body: &Bytes,
        admitted: Admitted<'_>,
    ) -> Response<Bytes> {
        let paid = admitted.parameters.get("transaction_id").cloned();
        let route = admitted.route;
        let event = Event {
            gateway: self,
            route,
            parameters: admitted.parameters,
            principal: admitted.principal,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
        };
        let response = invoke(&event).await;
        if let (Some(core), Some(id)) = (&self.core, paid)
            && route.function == "payment-result"
        {
            core.book_accepted(&id, body, response.body());
        }
        response
    }
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
