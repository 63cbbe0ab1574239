//! A client that signs its calls: Tiki's backend, the core, the app's backend, or a test in their place.

use anyhow::Context;
use serde_json::Value;
use signing::{GetSigning, HeaderNames, Keyring};

use crate::clock::Clock;

/// Calls one API, and signs as one side.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The API's base URL.
    pub base: String,
    /// The names of the signature's headers.
    pub headers: HeaderNames,
    /// The keys that sign.
    pub keys: Keyring,
    /// Which parts of a GET are signed.
    pub get_signing: GetSigning,
    /// The HTTP client.
    pub http: reqwest::Client,
    /// The time of its signatures.
    pub clock: Clock,
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// The answer's headers.
    pub headers: axum::http::HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON, or null.
    pub json: Value,
}

impl Response {
    /// The field `code` of the body.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.json["code"].as_i64()
    }

    /// Reads a whole response.
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
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response> {
        self.post_bytes(path, body.to_string().into_bytes()).await
    }

    /// Posts exactly these bytes.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Response> {
        let headers = self.sign(self.clock.now_ms(), &body);
        let request = self.http.post(self.url(path)).body(body);
        let request = headers
            .into_iter()
            .fold(request, |r, (name, value)| r.header(name, value));
        Response::read(request.send().await?).await
    }

    /// Gets a path with its query.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response> {
        let signed = self.get_signing.message("", path);
        let headers = self.sign(self.clock.now_ms(), signed.as_bytes());
        let request = self.http.get(self.url(path));
        let request = headers
            .into_iter()
            .fold(request, |r, (name, value)| r.header(name, value));
        Response::read(request.send().await?).await
    }

    /// The three signature headers for a body at this time.
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

/// An HTTP client that follows no redirects.
pub fn http() -> anyhow::Result<reqwest::Client> {
    // Without the proxy that the environment may name.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    client.build().context("cannot create an HTTP client")
}
