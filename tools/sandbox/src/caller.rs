//! A signed caller: Tiki's backend, the core, the app's backend, or a test in their place.

use anyhow::Context;
use domain::Timestamp;
use serde_json::Value;
use signing::{GetSigning, HeaderNames, Keyring};

/// Calls one API, signed as one side.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where the API begins.
    pub base: String,
    /// How the signature's headers are called.
    pub headers: HeaderNames,
    /// The keys to sign with.
    pub keys: Keyring,
    /// What is signed of a GET.
    pub get_signing: GetSigning,
    /// What carries the calls.
    pub http: reqwest::Client,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: axum::http::HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON, or null.
    pub json: Value,
}

impl Response {
    /// The envelope's code.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.json["code"].as_i64()
    }

    /// Reads a response to its end.
    pub async fn read(response: reqwest::Response) -> anyhow::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        Ok(Self {
            json: serde_json::from_str(&text).unwrap_or_default(),
            status,
            headers,
            text,
        })
    }
}

impl Caller {
    /// Posts a message.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response> {
        self.post_bytes(path, body.to_string().into_bytes()).await
    }

    /// Posts exactly these bytes.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Response> {
        let headers = self.sign(now_ms(), &body);
        let request = self.http.post(self.url(path)).body(body);
        let request = headers
            .into_iter()
            .fold(request, |r, (name, value)| r.header(name, value));
        Response::read(request.send().await?).await
    }

    /// Gets a path with its query.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response> {
        let signed = self.get_signing.message("", path);
        let headers = self.sign(now_ms(), signed.as_bytes());
        let request = self.http.get(self.url(path));
        let request = headers
            .into_iter()
            .fold(request, |r, (name, value)| r.header(name, value));
        Response::read(request.send().await?).await
    }

    /// The three headers for a body, signed as of a moment.
    #[must_use]
    pub fn sign(&self, now_ms: i64, body: &[u8]) -> [(&'static str, String); 3] {
        let signed = self.keys.sign(now_ms, body);
        [
            (self.headers.timestamp, signed.timestamp),
            (self.headers.client_id, signed.client_id),
            (self.headers.signature, signed.signature),
        ]
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.trim_end_matches('/'))
    }
}

/// An HTTP client as a backend has it: it follows no redirect.
pub fn http() -> anyhow::Result<reqwest::Client> {
    // On this machine, whatever proxy its environment names.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    client.build().context("no HTTP client")
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::MIN.after(since.unwrap_or_default()).unix_ms()
}
