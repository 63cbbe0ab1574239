//! A proxy in front of DynamoDB. It counts calls, and can lose the answer of a call that took effect.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures::stream;
use sandbox::EmbeddedDynamoDb;
use serde_json::Value;
use tempfile::TempDir;

/// A DynamoDB behind a proxy.
pub struct DynamoDbProxy {
    /// The proxy's URL.
    pub url: String,
    state: Shared,
    _dynamodb: EmbeddedDynamoDb,
    _folder: TempDir,
}

#[derive(Clone)]
struct Shared {
    dynamodb: String,
    http: reqwest::Client,
    counts: Arc<Mutex<HashMap<String, usize>>>,
    /// What the writes have cost since the last time, in write units, indexes included.
    write_units: Arc<Mutex<f64>>,
    breaks: Arc<Mutex<HashSet<String>>>,
    fails: Arc<AtomicBool>,
}

impl DynamoDbProxy {
    /// Starts DynamoDB and the proxy.
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let dynamodb = EmbeddedDynamoDb::start(&folder.path().join("dynamodb.sqlite")).unwrap();
        let state = Shared {
            dynamodb: dynamodb.url().to_owned(),
            http: sandbox::http().unwrap(),
            counts: Arc::default(),
            write_units: Arc::default(),
            breaks: Arc::default(),
            fails: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            state,
            _dynamodb: dynamodb,
            _folder: folder,
        }
    }

    /// Loses the answer to the next call of this operation. The call takes effect.
    pub fn lose_next(&self, operation: &str) {
        self.state
            .breaks
            .lock()
            .unwrap()
            .insert(operation.to_owned());
    }

    /// Makes every call fail, or none.
    pub fn fail(&self, fails: bool) {
        self.state.fails.store(fails, Ordering::Release);
    }

    /// Whether the answer that [`Self::lose_next`] asked for has been lost.
    #[must_use]
    pub fn lost(&self, operation: &str) -> bool {
        !self.state.breaks.lock().unwrap().contains(operation)
    }

    /// The number of calls by operation, since the last time.
    #[must_use]
    pub fn take_counts(&self) -> HashMap<String, usize> {
        std::mem::take(&mut self.state.counts.lock().unwrap())
    }

    /// What the writes have cost since the last time, in write units, indexes included.
    #[must_use]
    pub fn take_write_units(&self) -> f64 {
        std::mem::take(&mut self.state.write_units.lock().unwrap())
    }
}

fn is_write(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem")
}

/// Asks for the capacity that a write consumes.
fn with_capacity(operation: &str, body: Bytes) -> Bytes {
    if !is_write(operation) {
        return body;
    }
    let mut request: Value = serde_json::from_slice(&body).unwrap();
    request["ReturnConsumedCapacity"] = Value::from("TOTAL");
    request.to_string().into()
}

async fn forward(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let operation = target
        .unwrap_or_default()
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    *state
        .counts
        .lock()
        .unwrap()
        .entry(operation.clone())
        .or_default() += 1;

    if state.fails.load(Ordering::Acquire) {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let mut request = state
        .http
        .post(&state.dynamodb)
        .body(with_capacity(&operation, body));
    for (name, value) in &headers {
        if name != "host" && name != "content-length" {
            request = request.header(name, value);
        }
    }
    let Ok(answer) = request.send().await else {
        return status(StatusCode::BAD_GATEWAY);
    };
    let mut response = status(answer.status());
    for (name, value) in answer.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    let body = answer.bytes().await.unwrap();
    if let Ok(answer) = serde_json::from_slice::<Value>(&body)
        && is_write(&operation)
    {
        let units = answer["ConsumedCapacity"]["CapacityUnits"].as_f64();
        *state.write_units.lock().unwrap() += units.unwrap_or(0.0);
    }
    if state.breaks.lock().unwrap().remove(&operation) {
        let breaks =
            stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection broke")) });
        *response.body_mut() = Body::from_stream(breaks);
    } else {
        *response.body_mut() = Body::from(body);
    }
    response
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
