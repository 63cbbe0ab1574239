//! HTTP over connections that are kept for a few seconds (docs/decisions/0017).

use std::cell::Cell;
use std::error::Error;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::{Clock, Timestamp};
use reqwest::{Client, RequestBuilder, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::transport::{Answer, Connection, Method, Outgoing, Transport, TransportError};

/// How long an idle connection is kept: long enough for the calls of one sweep, and shorter than common servers keep
/// their end (the shortest: 5 s).
pub const IDLE_LIMIT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// If the other machine acknowledges nothing for so long, the connection is dead. A slow server is no such case: its
/// machine acknowledges at once.
const DEAD_AFTER: Duration = Duration::from_secs(2);
/// A clock that was set moves less; a frozen function misses more.
const CLOCKS_APART: Duration = Duration::from_secs(1);
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// HTTP, with TLS if the URL is an https one. It follows no redirect: a signed message goes only to the configured
/// host.
pub struct HttpTransport {
    clock: Arc<dyn Clock>,
    keeping: Mutex<Keeping>,
    /// For [`Connection::New`]: it keeps nothing. Few processes ever need it.
    new_only: OnceLock<Client>,
}

/// A client with its kept connections, and when it was made, by both clocks.
struct Keeping {
    client: Client,
    made_at: Timestamp,
    made: Instant,
}

impl Keeping {
    fn begin(now: Timestamp) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: client(usize::MAX)?,
            made_at: now,
            made: monotonic_now(),
        })
    }

    /// Whether the two clocks moved differently since. The client ages its connections by the monotonic clock. Where
    /// that clock stands still while a function is frozen, a connection looks younger than it is.
    fn clocks_are_apart(&self, now: Timestamp) -> bool {
        let wall = i128::from(now.unix_ms()) - i128::from(self.made_at.unix_ms());
        let monotonic = i128::try_from(self.made.elapsed().as_millis()).unwrap_or(i128::MAX);
        wall.abs_diff(monotonic) > CLOCKS_APART.as_millis()
    }
}

impl HttpTransport {
    /// A transport, made once in INIT.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            keeping: Mutex::new(Keeping::begin(clock.now())?),
            new_only: OnceLock::new(),
            clock,
        })
    }

    fn client(&self, connection: Connection) -> Result<Client, reqwest::Error> {
        match connection {
            Connection::Any => self.keeping(),
            Connection::New => self.new_only(),
        }
    }

    fn keeping(&self) -> Result<Client, reqwest::Error> {
        let mut keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if keeping.clocks_are_apart(now) {
            *keeping = Keeping::begin(now)?;
        }
        Ok(keeping.client.clone())
    }

    fn new_only(&self) -> Result<Client, reqwest::Error> {
        if let Some(client) = self.new_only.get() {
            return Ok(client.clone());
        }
        let client = client(0)?;
        Ok(self.new_only.get_or_init(|| client).clone())
    }

    async fn exchange(&self, outgoing: Outgoing) -> Result<Answer, TransportError> {
        let client = self.client(outgoing.connection);
        let client = client.map_err(|error| TransportError::NotConnected(error.into()))?;
        let sending = async {
            let sent = request(&client, outgoing).send().await;
            (sent, OPENED.with(Cell::get))
        };
        let (sent, opened) = OPENED.scope(Cell::new(false), sending).await;
        let response = sent.map_err(|error| {
            if !opened && died_unanswered(&error) {
                TransportError::KeptConnectionDied(error.without_url().into())
            } else {
                transport_error(error)
            }
        })?;
        read(response).await
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, outgoing: Outgoing, timeout: Duration) -> Result<Answer, TransportError> {
        let exchange = tokio::time::timeout(timeout, self.exchange(outgoing));
        exchange.await.unwrap_or(Err(TransportError::TimedOut))
    }
}

/// A client that keeps at most so many idle connections.
fn client(kept: usize) -> Result<Client, reqwest::Error> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(DEAD_AFTER)
        .pool_idle_timeout(IDLE_LIMIT)
        .pool_max_idle_per_host(kept)
        .connector_layer(NoteOpened)
        .user_agent(concat!("tikivip-partner/", env!("CARGO_PKG_VERSION")))
        .build()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the client ages its connections by this clock, and domain::Clock has the other"
)]
fn monotonic_now() -> Instant {
    Instant::now()
}

fn request(client: &Client, outgoing: Outgoing) -> RequestBuilder {
    let request = match outgoing.method {
        Method::Get => client.get(outgoing.url),
        Method::Post => client
            .post(outgoing.url)
            .header("Content-Type", "application/json")
            .body(outgoing.body),
    };
    outgoing
        .headers
        .into_iter()
        .fold(request, |request, (name, value)| {
            request.header(name, value)
        })
}

async fn read(mut response: Response) -> Result<Answer, TransportError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport_error)? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            return Err(TransportError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

/// Whether the connection ended without an answer. Bytes that are no HTTP are an answer too. An answer whose head
/// breaks off looks like none; the calls are safe to repeat in both cases.
fn died_unanswered(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let mut of_connection = causes.filter_map(|error| error.downcast_ref::<hyper::Error>());
    error.is_request() && of_connection.next().is_some_and(|error| !error.is_parse())
}

/// The error without its URL, whose query must not reach a log.
fn transport_error(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_connect() {
        TransportError::NotConnected(error.into())
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else {
        TransportError::BrokenOff(error.into())
    }
}

tokio::task_local! {
    /// Whether the request of this task has begun to open a connection. If it then gets a kept one after all, that
    /// one was in use a moment ago, and counts as new.
    static OPENED: Cell<bool>;
}

/// Notes in [`OPENED`] that a connection is opened; reqwest does not say which one a request took.
#[derive(Clone)]
struct NoteOpened;

impl<S> Layer<S> for NoteOpened {
    type Service = NotingOpened<S>;

    fn layer(&self, connector: S) -> NotingOpened<S> {
        NotingOpened(connector)
    }
}

#[derive(Clone)]
struct NotingOpened<S>(S);

impl<S: Service<R>, R> Service<R> for NotingOpened<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> S::Future {
        let _ = OPENED.try_with(|opened| opened.set(true));
        self.0.call(to)
    }
}
