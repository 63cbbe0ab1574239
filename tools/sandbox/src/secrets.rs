//! Secrets Manager, as far as the functions and an operator with the AWS command line need it: read a value by
//! version stage, and put a new value, which makes the current value the previous one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

/// The secrets by ARN.
#[derive(Clone, Debug, Default)]
pub struct SecretsManager(Arc<Mutex<HashMap<String, Versions>>>);

#[derive(Clone, Debug)]
struct Versions {
    current: Version,
    previous: Option<Version>,
}

#[derive(Clone, Debug)]
struct Version {
    value: String,
    created_at: SystemTime,
}

impl SecretsManager {
    /// Makes `secret` the current value. The current value becomes the previous one.
    pub fn put(&self, arn: &str, secret: &str) {
        self.put_value(arn, json!({ "secret": secret }).to_string());
    }

    /// The current secret, and the one before it.
    pub(crate) fn current(&self, arn: &str) -> Option<String> {
        self.lock()
            .get(arn)
            .and_then(|versions| versions.current.secret())
    }

    pub(crate) fn previous(&self, arn: &str) -> Option<String> {
        let secrets = self.lock();
        secrets.get(arn)?.previous.as_ref()?.secret()
    }

    /// Deletes the previous value, which ends a rotation.
    pub fn forget_previous(&self, arn: &str) {
        if let Some(versions) = self.lock().get_mut(arn) {
            versions.previous = None;
        }
    }

    /// Lets time pass for a secret: its versions were made so much earlier.
    pub fn age(&self, arn: &str, by: Duration) {
        if let Some(versions) = self.lock().get_mut(arn) {
            let previous = versions.previous.iter_mut();
            for version in previous.chain([&mut versions.current]) {
                version.created_at -= by;
            }
        }
    }

    fn put_value(&self, arn: &str, value: String) {
        let mut secrets = self.lock();
        let previous = secrets.get(arn).map(|versions| versions.current.clone());
        let current = Version {
            value,
            created_at: SystemTime::now(),
        };
        secrets.insert(arn.to_owned(), Versions { current, previous });
    }

    /// The API of AWS.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/", post(call))
            .with_state(self.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Versions>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a secret by its ARN or by the name at the end of it.
    fn arn(&self, id: &str) -> Option<String> {
        let secrets = self.lock();
        let named = |arn: &&String| *arn == id || arn.rsplit(':').next() == Some(id);
        secrets.keys().find(named).cloned()
    }
}

impl Version {
    fn secret(&self) -> Option<String> {
        let value: Value = serde_json::from_str(&self.value).ok()?;
        value["secret"].as_str().map(str::to_owned)
    }
}

async fn call(State(secrets): State<SecretsManager>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(arn) = request["SecretId"].as_str().and_then(|id| secrets.arn(id)) else {
        return error("ResourceNotFoundException", "the secret does not exist");
    };
    match target {
        Some("secretsmanager.GetSecretValue") => get(&secrets, &arn, &request),
        Some("secretsmanager.PutSecretValue") => {
            let value = request["SecretString"].as_str().unwrap_or_default();
            secrets.put_value(&arn, value.to_owned());
            Json(json!({ "ARN": arn, "VersionStages": ["AWSCURRENT"] })).into_response()
        }
        _ => error(
            "InvalidRequestException",
            "the sandbox supports only GetSecretValue and PutSecretValue",
        ),
    }
}

fn get(secrets: &SecretsManager, arn: &str, request: &Value) -> Response {
    let stage = request["VersionStage"].as_str().unwrap_or("AWSCURRENT");
    let versions = secrets.lock().get(arn).cloned();
    let version = versions.and_then(|versions| match stage {
        "AWSCURRENT" => Some(versions.current),
        "AWSPREVIOUS" => versions.previous,
        _ => None,
    });
    match version {
        Some(version) => Json(json!({
            "ARN": arn,
            "CreatedDate": epoch_seconds(version.created_at),
            "Name": arn.rsplit(':').next(),
            "SecretString": version.value,
            "VersionId": Uuid::new_v4().to_string(),
            "VersionStages": [stage],
        }))
        .into_response(),
        None => error("ResourceNotFoundException", "the version does not exist"),
    }
}

/// A time as AWS's JSON services write it: seconds since 1970 with a fraction.
fn epoch_seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

fn error(kind: &str, message: &str) -> Response {
    let body = json!({ "__type": kind, "message": message });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
