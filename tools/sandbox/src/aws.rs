//! The door to AWS: who calls, whether its role allows it, and what it uses.
//!
//! Each function calls with credentials of its own, so the door knows it, and lets through what the role that
//! the template gives it allows and nothing else: a permission that is missing shows here and not first in
//! production.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::template::Plan;
use crate::{faults, s3};

/// Whose credentials the operator's command has.
pub(crate) const OPERATOR: &str = "operator";

/// More than any call has.
const LARGEST_CALL: usize = 8 * 1024 * 1024;

/// What a role allows: an action on a resource, both as the template has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `dynamodb:GetItem`.
    pub action: String,
    /// The ARN; it may end in `*`.
    pub resource: String,
}

impl Grant {
    /// Whether it covers what is asked.
    pub(crate) fn allows(&self, asked: &Self) -> bool {
        let fits = match self.resource.strip_suffix('*') {
            Some(prefix) => asked.resource.starts_with(prefix),
            None => self.resource == asked.resource,
        };
        self.action == asked.action && fits
    }
}

/// A call that a function made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsCall {
    /// The function's binary.
    pub function: String,
    /// What of its role it used: a resource that the role gives by its beginning stands here so, too.
    pub grant: Grant,
}

/// How often something was called, and what it used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// How often.
    pub calls: u64,
    /// DynamoDB's capacity units, indexes included.
    pub units: f64,
}

/// The door.
#[derive(Clone)]
pub(crate) struct IamProxy {
    grants: Arc<BTreeMap<String, Vec<Grant>>>,
    seen: Arc<Mutex<BTreeMap<AwsCall, Usage>>>,
    dynamodb: String,
    http: reqwest::Client,
}

impl IamProxy {
    pub(crate) fn new(plan: &Plan, dynamodb: &str, http: reqwest::Client) -> Self {
        let grants = plan.functions.iter();
        let grants = grants.map(|(name, function)| (name.clone(), function.grants.clone()));
        let operator = (OPERATOR.to_owned(), plan.operator_grants.clone());
        Self {
            grants: Arc::new(grants.chain([operator]).collect()),
            seen: Arc::default(),
            dynamodb: dynamodb.to_owned(),
            http,
        }
    }

    /// What the functions have called.
    pub(crate) fn seen(&self) -> BTreeMap<AwsCall, Usage> {
        self.lock().clone()
    }

    /// DynamoDB behind the door.
    pub(crate) fn dynamodb(&self) -> Router {
        Router::new().fallback(pass_on).with_state(self.clone())
    }

    /// Another service behind the door.
    pub(crate) fn before(&self, service: Router) -> Router {
        service.layer(middleware::from_fn_with_state(self.clone(), guard))
    }

    /// S3 behind the door: it looks at the head of a request alone, since what is put there may be large.
    pub(crate) fn before_objects(&self, objects: Router) -> Router {
        objects.route_layer(middleware::from_fn_with_state(self.clone(), guard_object))
    }

    /// The call that a function makes; `None` if it is no function that calls, but the sandbox or a person.
    fn admit(&self, caller: Option<&str>, asked: Option<Grant>) -> Result<Option<AwsCall>, String> {
        let caller = caller.unwrap_or_default();
        let Some(grants) = self.grants.get(caller) else {
            return Ok(None);
        };
        let asked = asked.ok_or("a call that the door does not know")?;
        let Some(used) = grants.iter().find(|grant| grant.allows(&asked)) else {
            let Grant { action, resource } = asked;
            return Err(format!(
                "{caller} is not authorized to perform {action} on {resource}"
            ));
        };
        Ok(Some(AwsCall {
            function: caller.to_owned(),
            grant: used.clone(),
        }))
    }

    fn note(&self, call: AwsCall, units: f64) {
        let mut seen = self.lock();
        let usage = seen.entry(call).or_default();
        usage.calls += 1;
        usage.units += units;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AwsCall, Usage>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose credentials signed a call.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get("authorization")?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split('/').next()
}

/// What is asked, in IAM's words.
fn asked(headers: &HeaderMap, body: &Value) -> Option<Grant> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    let (service, operation) = target.split_once('.')?;
    let text = |name: &str| body[name].as_str();
    let (service, resource) = if service.starts_with("DynamoDB_") {
        let table = format!("arn:aws:sandbox:{}:Arn", text("TableName")?);
        let resource = match text("IndexName") {
            Some(index) => format!("{table}/index/{index}"),
            None => table,
        };
        ("dynamodb", resource)
    } else {
        (service, text("SecretId")?.to_owned())
    };
    Some(Grant {
        action: format!("{service}:{operation}"),
        resource,
    })
}

fn denied(message: &str) -> Response {
    let body = json!({ "__type": "AccessDeniedException", "message": message });
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

async fn guard(State(door): State<IamProxy>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_CALL).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let json = serde_json::from_slice(&body).unwrap_or_default();
    match door.admit(access_key(&parts.headers), asked(&parts.headers, &json)) {
        Err(message) => return denied(&message),
        Ok(Some(call)) => door.note(call, 0.0),
        Ok(None) => {}
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

async fn guard_object(
    State(door): State<IamProxy>,
    Path((bucket, key)): Path<(String, String)>,
    request: Request,
    next: Next,
) -> Response {
    let linked = s3::linked_by(request.uri().query().unwrap_or_default());
    let caller = access_key(request.headers()).or(linked.as_deref());
    let asked = s3::asked(request.method().as_str(), &bucket, &key);
    match door.admit(caller, asked) {
        Err(message) => return s3::denied(message).into_response(),
        Ok(Some(call)) => door.note(call, 0.0),
        Ok(None) => {}
    }
    next.run(request).await
}

/// Carries a call to DynamoDB and its answer back, and asks what it used on the way.
async fn pass_on(State(door): State<IamProxy>, headers: HeaderMap, body: Bytes) -> Response {
    let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let call = match door.admit(access_key(&headers), asked(&headers, &json)) {
        Err(message) => return denied(&message),
        Ok(call) => call,
    };
    if let Some(object) = json.as_object_mut() {
        object.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
    }
    let mut request = door.http.post(&door.dynamodb).body(json.to_string());
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
    // A line that breaks behind the door breaks before it.
    let Ok((status, bytes)) = answer.await else {
        return faults::broken();
    };
    if let Some(call) = call {
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let units = said["ConsumedCapacity"]["CapacityUnits"].as_f64();
        door.note(call, units.unwrap_or_default());
    }
    let content_type = [("content-type", "application/x-amz-json-1.0")];
    (status, content_type, bytes).into_response()
}
