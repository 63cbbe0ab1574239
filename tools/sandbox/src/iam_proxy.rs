//! The proxy in front of the AWS services. It checks each call against the caller's IAM role, and measures usage.
//!
//! Each function and each person has credentials of their own, so the proxy knows who calls. It allows only what the
//! caller's role allows in the template. So a missing permission fails here, and not first in production.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::grants::Grant;
use crate::principals::Principal;
use crate::template::Plan;
use crate::{faults, own_pages, s3};

/// In bytes; no call to a JSON service is larger.
const LARGEST_CALL: usize = 8 * 1024 * 1024;

/// A call that a function or a person made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsCall {
    /// The function's binary, or the person's name.
    pub function: String,
    /// The permission that it used, as its role writes it: a resource may end in `*`.
    pub grant: Grant,
}

/// What a caller used of a permission.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Number of calls.
    pub calls: u64,
    /// DynamoDB's capacity units, indexes included.
    pub units: f64,
}

/// Who has an access key.
struct Caller {
    name: String,
    grants: Vec<Grant>,
}

#[derive(Clone)]
pub(crate) struct IamProxy {
    /// By their access keys.
    callers: Arc<BTreeMap<String, Caller>>,
    usage: Arc<Mutex<BTreeMap<AwsCall, Usage>>>,
    dynamodb: String,
    http: reqwest::Client,
}

impl IamProxy {
    pub(crate) fn new(plan: &Plan, dynamodb: &str, http: reqwest::Client) -> Self {
        let functions = plan.functions.iter().map(|(name, function)| {
            let (name, grants) = (name.clone(), function.grants.clone());
            (name.clone(), Caller { name, grants })
        });
        let people = Principal::ALL.iter().map(|principal| {
            let (name, grants) = (principal.name.to_owned(), principal.grants(plan));
            (principal.access_key.to_owned(), Caller { name, grants })
        });
        Self {
            callers: Arc::new(functions.chain(people).collect()),
            usage: Arc::default(),
            dynamodb: dynamodb.to_owned(),
            http,
        }
    }

    pub(crate) fn usage(&self) -> BTreeMap<AwsCall, Usage> {
        self.lock().clone()
    }

    /// DynamoDB behind this proxy.
    pub(crate) fn dynamodb(&self) -> Router {
        let router = Router::new().fallback(forward).with_state(self.clone());
        router.layer(middleware::from_fn(own_pages::no_browser))
    }

    /// A JSON service behind this proxy.
    pub(crate) fn guard_service(&self, service: Router) -> Router {
        service
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .layer(middleware::from_fn(own_pages::no_browser))
    }

    /// S3 behind this proxy. Only the head of a request is read, because an object may be large.
    pub(crate) fn guard_objects(&self, objects: Router) -> Router {
        objects.route_layer(middleware::from_fn_with_state(self.clone(), guard_object))
    }

    /// Checks a call. `None` if the caller has no role: it is the sandbox or a person.
    fn authorize(
        &self,
        access_key: Option<&str>,
        needed: Option<Grant>,
    ) -> Result<Option<AwsCall>, String> {
        let access_key = access_key.unwrap_or_default();
        let Some(Caller { name, grants }) = self.callers.get(access_key) else {
            return Ok(None);
        };
        let needed = needed.ok_or("the sandbox does not know this call")?;
        let Some(used) = grants.iter().find(|grant| grant.allows(&needed)) else {
            let Grant { action, resource } = needed;
            return Err(format!(
                "{name} is not authorized to perform {action} on {resource}"
            ));
        };
        Ok(Some(AwsCall {
            function: name.clone(),
            grant: used.clone(),
        }))
    }

    /// Checks and counts a call of another service.
    pub(crate) fn check(&self, headers: &HeaderMap, needed: Grant) -> Result<(), String> {
        if let Some(call) = self.authorize(access_key(headers), Some(needed))? {
            self.record(call, 0.0);
        }
        Ok(())
    }

    fn record(&self, call: AwsCall, units: f64) {
        let mut all = self.lock();
        let usage = all.entry(call).or_default();
        usage.calls += 1;
        usage.units += units;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AwsCall, Usage>> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The access key that signed a call.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get("authorization")?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split('/').next()
}

/// The permission that a call of a JSON service needs.
fn needed(headers: &HeaderMap, body: &Value) -> Option<Grant> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    Grant::for_json_call(target, body)
}

fn denied(message: &str) -> Response {
    refused("AccessDeniedException", message)
}

fn refused(kind: &str, message: &str) -> Response {
    let body = json!({ "__type": kind, "message": message });
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

async fn guard(State(proxy): State<IamProxy>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_CALL).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if access_key(&parts.headers).is_none() {
        return refused(
            "MissingAuthenticationTokenException",
            "the call is not signed",
        );
    }
    let json = serde_json::from_slice(&body).unwrap_or_default();
    match proxy.authorize(access_key(&parts.headers), needed(&parts.headers, &json)) {
        Err(message) => return denied(&message),
        Ok(Some(call)) => proxy.record(call, 0.0),
        Ok(None) => {}
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

async fn guard_object(
    State(proxy): State<IamProxy>,
    Path((bucket, key)): Path<(String, String)>,
    request: Request,
    next: Next,
) -> Response {
    let signer = s3::link_signer(request.uri().query().unwrap_or_default());
    let caller = access_key(request.headers()).or(signer.as_deref());
    let needed = Grant::for_object(request.method().as_str(), &bucket, &key);
    match proxy.authorize(caller, needed) {
        Err(message) => return s3::denied(message).into_response(),
        Ok(Some(call)) => proxy.record(call, 0.0),
        Ok(None) => {}
    }
    next.run(request).await
}

/// Forwards a call to DynamoDB, and records the capacity that it used.
async fn forward(State(proxy): State<IamProxy>, headers: HeaderMap, body: Bytes) -> Response {
    let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let call = match proxy.authorize(access_key(&headers), needed(&headers, &json)) {
        Err(message) => return denied(&message),
        Ok(call) => call,
    };
    if let Some(object) = json.as_object_mut() {
        object.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
    }
    let mut request = proxy.http.post(&proxy.dynamodb).body(json.to_string());
    for name in [
        "x-amz-target",
        "content-type",
        "authorization",
        "x-amz-date",
    ] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = async {
        let answer = request.send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.bytes().await?))
    };
    // DynamoDB's connection broke, so the caller's connection breaks too.
    let Ok((status, bytes)) = answer.await else {
        return faults::broken();
    };
    if let Some(call) = call {
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let units = answer["ConsumedCapacity"]["CapacityUnits"].as_f64();
        proxy.record(call, units.unwrap_or_default());
    }
    let content_type = [("content-type", "application/x-amz-json-1.0")];
    (status, content_type, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_may_do_what_the_policies_of_the_role_allow() {
        let yaml = r#"
Resources:
  ReadPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: [{ Effect: Allow, Action: logs:FilterLogEvents, Resource: "log" }] }
  ActPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: [{ Effect: Allow, Action: sqs:PurgeQueue, Resource: "q" }] }
"#;
        let plan = Plan::read(yaml, &BTreeMap::new()).unwrap();
        let proxy = IamProxy::new(&plan, "http://127.0.0.1:9", crate::http().unwrap());
        let grant = |action: &str, resource: &str| Grant {
            action: action.to_owned(),
            resource: resource.to_owned(),
        };
        let ask = |key, grant| {
            let allowed = proxy.authorize(Some(key), Some(grant));
            allowed.map(|call| call.map(|call| call.function))
        };
        let (read, purge) = (
            grant("logs:FilterLogEvents", "log"),
            grant("sqs:PurgeQueue", "q"),
        );
        let name = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(ask("KEYOFLAN", read.clone()), name("lan"));
        assert_eq!(ask("KEYOFLAN", purge.clone()), name("lan"));
        assert_eq!(ask("KEYOFHOA", read.clone()), name("hoa"));
        assert_eq!(
            ask("KEYOFHOA", purge),
            Err("hoa is not authorized to perform sqs:PurgeQueue on q".to_owned())
        );
        // It is the sandbox or a test.
        assert_eq!(ask("sandbox", read), Ok(None));
    }
}
