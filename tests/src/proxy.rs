//! A line to DynamoDB that counts what passes, and can break after the far side has done its work.

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
use tempfile::TempDir;

/// A DynamoDB behind a line of ours.
pub struct Proxy {
    /// Where to call it.
    pub url: String,
    line: Line,
    _dynamodb: EmbeddedDynamoDb,
    _folder: TempDir,
}

#[derive(Clone)]
struct Line {
    far: String,
    http: reqwest::Client,
    counts: Arc<Mutex<HashMap<String, usize>>>,
    breaks: Arc<Mutex<HashSet<String>>>,
    fails: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts both.
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let dynamodb = EmbeddedDynamoDb::start(&folder.path().join("dynamodb.sqlite")).unwrap();
        let line = Line {
            far: dynamodb.url().to_owned(),
            http: sandbox::http().unwrap(),
            counts: Arc::default(),
            breaks: Arc::default(),
            fails: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(line.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            line,
            _dynamodb: dynamodb,
            _folder: folder,
        }
    }

    /// The next call of this operation is carried out, and its answer is lost.
    pub fn lose_next(&self, operation: &str) {
        self.line
            .breaks
            .lock()
            .unwrap()
            .insert(operation.to_owned());
    }

    /// From now on every call of the functions fails, or none does.
    pub fn fail(&self, fails: bool) {
        self.line.fails.store(fails, Ordering::Release);
    }

    /// Whether a call whose answer was to be lost has been made.
    #[must_use]
    pub fn lost(&self, operation: &str) -> bool {
        !self.line.breaks.lock().unwrap().contains(operation)
    }

    /// Calls of these operations since the last time.
    #[must_use]
    pub fn take_counts(&self) -> HashMap<String, usize> {
        std::mem::take(&mut self.line.counts.lock().unwrap())
    }
}

async fn pass(State(line): State<Line>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let operation = target
        .unwrap_or_default()
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    *line
        .counts
        .lock()
        .unwrap()
        .entry(operation.clone())
        .or_default() += 1;

    if line.fails.load(Ordering::Acquire) {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let mut request = line.http.post(&line.far).body(body);
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
    if line.breaks.lock().unwrap().remove(&operation) {
        let breaks =
            stream::once(async { Err::<Bytes, _>(std::io::Error::other("the line broke")) });
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
