//! Signed calls to the system under test, and the journal of them that a report shows.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use signing::{HeaderNames, Keyring, Signed};

use crate::clock::CallClock;
use crate::verdict::{Stop, Verdict};

/// No answer is waited for any longer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// No more of an answer is read.
const MAX_READ_BYTES: usize = 1024 * 1024;
/// So much of a body is shown.
const SHOWN_CHARACTERS: usize = 400;

/// An HTTP client that follows no redirect, and uses no proxy of the environment.
pub(crate) fn http() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    Ok(client.build()?)
}

/// The system under test, and every call that was made to it.
pub(crate) struct Peer {
    pub(crate) http: reqwest::Client,
    /// Its address, without a slash at the end.
    pub(crate) base: String,
    pub(crate) names: HeaderNames,
    pub(crate) keys: Keyring,
    pub(crate) journal: Journal,
    pub(crate) clock: CallClock,
}

/// The calls so far, in the order of their ends.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Vec<Call>>);

/// A call, as a report shows it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Method, path, the shortened signature, and the body.
    pub(crate) request: String,
    pub(crate) method: Method,
    /// The path without its query.
    pub(crate) path: String,
    pub(crate) answer: Result<Answer, String>,
    pub(crate) took: Duration,
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body as JSON, or null.
    pub(crate) json: Value,
    pub(crate) bytes: usize,
}

/// The three headers of a signature. A check can change them before they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignatureHeaders {
    pub(crate) timestamp: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) signature: Option<String>,
}

/// A call that is about to be made. It is signed right, unless a check changes that.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// What follows the address: `/refunds/9d2f…?x=1`.
    pub(crate) path: String,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
    signed: Vec<u8>,
    shifted_ms: i64,
    at_ms: Option<i64>,
    client_id: Option<String>,
    keys: Option<Keyring>,
    change: Option<fn(&mut SignatureHeaders)>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        let path = path.into();
        let signed = path.clone().into_bytes();
        Self::new(Method::GET, path, Vec::new()).signing(signed)
    }

    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::post_bytes(path, body.to_string().into_bytes())
    }

    /// Posts exactly these bytes.
    pub(crate) fn post_bytes(path: impl Into<String>, body: Vec<u8>) -> Self {
        let signed = body.clone();
        Self::new(Method::POST, path.into(), body)
            .header("content-type", "application/json")
            .signing(signed)
    }

    fn new(method: Method, path: String, body: Vec<u8>) -> Self {
        Self {
            method,
            path,
            body,
            headers: Vec::new(),
            signed: Vec::new(),
            shifted_ms: 0,
            at_ms: None,
            client_id: None,
            keys: None,
            change: None,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Signs these bytes, whatever is sent.
    pub(crate) fn signing(mut self, signed: impl Into<Vec<u8>>) -> Self {
        self.signed = signed.into();
        self
    }

    /// Signs at a time so far from now.
    pub(crate) fn shifted(mut self, ms: i64) -> Self {
        self.shifted_ms = ms;
        self
    }

    /// Signs at this time, also if another call is signed at it.
    pub(crate) fn at(mut self, ms: i64) -> Self {
        self.at_ms = Some(ms);
        self
    }

    /// Uses another method.
    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sends no header of a signature.
    pub(crate) fn unsigned(self) -> Self {
        self.changed(|headers| {
            headers.timestamp = None;
            headers.client_id = None;
            headers.signature = None;
        })
    }

    /// Signs under another client id.
    pub(crate) fn client_id(mut self, id: &str) -> Self {
        self.client_id = Some(id.to_owned());
        self
    }

    /// Signs with these keys.
    pub(crate) fn with_keys(mut self, keys: Keyring) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Changes the headers of the signature after it was made.
    pub(crate) fn changed(mut self, change: fn(&mut SignatureHeaders)) -> Self {
        self.change = Some(change);
        self
    }

    fn sign(&self, keys: &Keyring, clock: &CallClock) -> SignatureHeaders {
        let keys = self.keys.as_ref().unwrap_or(keys);
        let keys = match &self.client_id {
            Some(id) => keys.under(id.as_str()),
            None => keys.clone(),
        };
        let at_ms = self.at_ms.unwrap_or_else(|| clock.next_ms());
        let Signed {
            timestamp,
            client_id,
            signature,
        } = keys.sign(at_ms + self.shifted_ms, &self.signed);
        let mut headers = SignatureHeaders {
            timestamp: Some(timestamp),
            client_id: Some(client_id),
            signature: Some(signature),
        };
        if let Some(change) = self.change {
            change(&mut headers);
        }
        headers
    }

    /// The call as a report shows it: what is longer than a line is cut.
    fn shown(&self, signature: &SignatureHeaders) -> String {
        let timestamp = signature.timestamp.as_deref().unwrap_or("no timestamp");
        let client_id = signature.client_id.as_deref().unwrap_or("no client id");
        let hex = signature.signature.as_deref().map(short_signature);
        let hex = hex.unwrap_or_else(|| "no signature".to_owned());
        let (method, path) = (&self.method, &self.path);
        let body = cut(&String::from_utf8_lossy(&self.body));
        let signed = format!("[{timestamp}, {client_id}, {hex}]");
        format!("{method} {path} {signed} {body}")
            .trim_end()
            .to_owned()
    }
}

/// A signature with its first digits only: nobody can use what a report shows.
pub(crate) fn short_signature(hex: &str) -> String {
    let start: String = hex.chars().take(8).collect();
    format!("{start}…")
}

/// A text that fits into a report.
pub(crate) fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARACTERS {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN_CHARACTERS).collect();
    format!("{start}… ({} bytes)", text.len())
}

impl Peer {
    /// Signs and sends a call. No answer ends the check.
    pub(crate) async fn send(&self, request: Request) -> Verdict<Answer> {
        let call = self.attempt(&request).await;
        call.answer
            .map_err(|error| Stop::failed("an answer within 20 seconds", error))
    }

    pub(crate) async fn get(&self, path: impl Into<String>) -> Verdict<Answer> {
        self.send(Request::get(path)).await
    }

    /// Signs and sends a call, and keeps it in the journal. If a connection breaks before the answer begins, the call is
    /// sent once more, signed anew, as our backend does.
    pub(crate) async fn attempt(&self, request: &Request) -> Call {
        let (call, is_repeated) = self.attempt_once(request).await;
        if !is_repeated {
            return call;
        }
        self.attempt_once(request).await.0
    }

    /// The call, and whether it is to be repeated.
    async fn attempt_once(&self, request: &Request) -> (Call, bool) {
        let signature = request.sign(&self.keys, &self.clock);
        let url = format!("{}{}", self.base, request.path);
        let mut sending = self.http.request(request.method.clone(), url);
        for (name, value) in &request.headers {
            sending = sending.header(*name, value);
        }
        for (name, value) in [
            (self.names.timestamp, &signature.timestamp),
            (self.names.client_id, &signature.client_id),
            (self.names.signature, &signature.signature),
        ] {
            if let Some(value) = value {
                sending = sending.header(name, value);
            }
        }
        let began = Instant::now();
        let answer = read(sending.body(request.body.clone())).await;
        // An error of the request, and not of the body, came before the head of an answer.
        let broke = |error: &reqwest::Error| {
            error.is_request() && !error.is_timeout() && !error.is_connect()
        };
        let is_repeated = answer.as_ref().is_err_and(broke);
        let path = request.path.split('?').next().unwrap_or_default();
        let call = Call {
            request: request.shown(&signature),
            method: request.method.clone(),
            path: path.to_owned(),
            answer: answer.map_err(|error| format!("no answer: {}", causes(&error))),
            took: began.elapsed(),
        };
        self.journal.add(call.clone());
        (call, is_repeated)
    }
}

impl Journal {
    pub(crate) fn add(&self, call: Call) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
    }

    /// The calls from this number on.
    pub(crate) fn since(&self, start: usize) -> Vec<Call> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(start..).unwrap_or_default().to_vec()
    }

    pub(crate) fn len(&self) -> usize {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.len()
    }
}

impl Call {
    /// The call and its answer, as a report shows them.
    pub(crate) fn shown(&self) -> String {
        let answer = match &self.answer {
            Ok(answer) => answer.shown(),
            Err(error) => error.clone(),
        };
        let ms = self.took.as_millis();
        format!("{} → {answer} ({ms} ms)", self.request)
    }
}

impl Answer {
    /// The field `code` of the body.
    pub(crate) fn code(&self) -> Option<i64> {
        self.json["code"].as_i64()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default()
    }

    /// The answer as a report shows it. A page and a list of bookings are not shown: neither is ours to pass on.
    pub(crate) fn shown(&self) -> String {
        let body = if self.json["entries"].is_array() || self.content_type().contains("html") {
            format!("{}, {} bytes", self.content_type(), self.bytes)
        } else {
            cut(&self.text)
        };
        format!("HTTP {} {body}", self.status).trim_end().to_owned()
    }
}

/// Sends a request and reads its whole answer.
pub(crate) async fn read(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_READ_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer {
        json: serde_json::from_slice(&body).unwrap_or_default(),
        bytes: body.len(),
        status,
        headers,
        text,
    })
}

/// An error with its causes, and without the URL, which may have a signature in its query.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "time-out".to_owned()
    } else {
        "the connection failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use signing::ClientSecret;

    use super::*;

    #[tokio::test]
    async fn a_call_whose_connection_broke_is_sent_once_more_and_signed_anew() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"] {
                let (mut connection, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                let length = connection.read(&mut request).unwrap();
                asked.push(String::from_utf8_lossy(&request[..length]).into_owned());
                connection.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        let peer = Peer {
            http: http().unwrap(),
            base,
            names: HeaderNames::PARTNER,
            keys: Keyring::new("core", ClientSecret::new("a secret of the test")),
            journal: Journal::default(),
            clock: CallClock::default(),
        };
        let call = peer.attempt(&Request::get("/refunds/1")).await;
        assert_eq!(call.answer.unwrap().status, 200);
        let asked = server.join().unwrap();
        assert_eq!((asked.len(), peer.journal.len()), (2, 2));
        assert_ne!(asked[0], asked[1]);
    }
}
