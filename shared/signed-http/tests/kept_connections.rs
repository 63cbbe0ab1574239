//! Kept connections that die, over real TCP (docs/decisions/0017).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use domain::{Clock, Timestamp};
use signed_http::{Answer, CallError, HttpTransport, SignedClient, TransportError};
use signing::{ClientSecret, GetSigning, HeaderNames, KeyError, KeyProvider, Keyring};
use socket2::{SockFilter, SockRef};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does next with one of its connections.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Reads a request and answers it.
    Answer,
    /// Reads a request.
    Read,
    /// Reads a request, and writes these bytes.
    Say(&'static str),
    Wait(Duration),
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
    /// Is gone: nothing more is received, and nothing is acknowledged.
    Vanish,
}

use Step::{Answer as Answers, Close, Read, Reset, Say, Vanish, Wait};

/// A server on a free port. The first connection takes the first script, and so on; after its script, a connection
/// stays open and says nothing.
struct Server {
    base: String,
    /// The requests that were read: the number of the connection, and the request.
    requests: Arc<Mutex<Vec<(usize, String)>>>,
    connections: Arc<AtomicU64>,
}

impl Server {
    async fn start(scripts: &[&[Step]]) -> Self {
        let mut scripts: VecDeque<_> = scripts.iter().map(|script| script.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::AcqRel);
                let script = scripts.pop_front().unwrap_or_default();
                tokio::spawn(play(stream, number, script, requests.clone()));
            }
        });
        server
    }

    /// The numbers of the connections on which requests were read.
    fn read_on(&self) -> Vec<usize> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(number, _)| *number).collect()
    }

    fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }
}

async fn play(
    mut stream: TcpStream,
    number: usize,
    script: Vec<Step>,
    requests: Arc<Mutex<Vec<(usize, String)>>>,
) {
    for step in script {
        if let Answers | Read | Say(_) = step {
            let request = read_request(&mut stream).await;
            requests.lock().unwrap().push((number, request));
        }
        match step {
            Answers => {
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Read => {}
            Say(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Wait(time) => SystemTimeClock::default().sleep(time).await,
            Close => return,
            Reset => {
                let socket = SockRef::from(&stream);
                return socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            Vanish => {
                // A filter that accepts no byte of any packet: BPF's RET 0.
                let drop_all = [SockFilter::new(0x06, 0, 0, 0)];
                SockRef::from(&stream).attach_filter(&drop_all).unwrap();
            }
        }
    }
    std::future::pending::<()>().await;
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ");
            let length = length.map_or("0", |(_, rest)| rest.lines().next().unwrap());
            if body.len() == length.parse::<usize>().unwrap() {
                return text;
            }
        }
        let mut chunk = [0; 1024];
        let length = stream.read(&mut chunk).await.unwrap();
        assert!(length > 0, "the request broke off: {text}");
        bytes.extend_from_slice(&chunk[..length]);
    }
}

/// The machine's clock, and a time that it has jumped ahead.
#[derive(Default)]
struct SystemTimeClock {
    ahead_ms: AtomicU64,
}

#[async_trait]
impl Clock for SystemTimeClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::Acquire));
        Timestamp::MIN.after(since + ahead)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Keys(Keyring);

#[async_trait]
impl KeyProvider for Keys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        Ok(self.0.clone())
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        Ok(self.0.clone())
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

struct Caller {
    client: SignedClient,
    clock: Arc<SystemTimeClock>,
}

impl Caller {
    fn of(server: &Server) -> Self {
        let clock = Arc::new(SystemTimeClock::default());
        let client = SignedClient {
            base: server.base.parse().unwrap(),
            headers: HeaderNames::PARTNER,
            get_signing: GetSigning::RelativePath,
            keys: Arc::new(Keys(Keyring::new("client", ClientSecret::new("secret")))),
            clock: clock.clone(),
            transport: Arc::new(HttpTransport::new(clock.clone()).unwrap()),
        };
        Self { client, clock }
    }

    async fn post_within(&self, timeout: Duration) -> Result<Answer, TransportError> {
        let body = br#"{"refund_id":"r"}"#.to_vec();
        let header = ("Idempotency-Key", "r".to_owned());
        let answer = self
            .client
            .post("/refunds", body, Some(header), timeout, |_| true);
        without_keys(answer.await)
    }

    async fn post(&self) -> Result<Answer, TransportError> {
        self.post_within(TIMEOUT).await
    }

    async fn get(&self) -> Result<Answer, TransportError> {
        let answer = self.client.get("/refunds/r", TIMEOUT, |_| true);
        without_keys(answer.await)
    }

    /// Waits until the client's machine has received what the server did to the connection.
    async fn pause(&self) {
        self.clock.sleep(Duration::from_millis(100)).await;
    }
}

fn without_keys(answer: Result<Answer, CallError>) -> Result<Answer, TransportError> {
    answer.map_err(|error| match error {
        CallError::Transport(error) => error,
        CallError::Keys(error) => panic!("{error}"),
    })
}

fn answered(answer: &Result<Answer, TransportError>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.status == 200)
}

#[tokio::test]
async fn a_connection_is_kept_between_calls() {
    let server = Server::start(&[&[Answers, Answers, Answers]]).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    assert!(answered(&caller.get().await));
    assert!(answered(&caller.post().await));
    assert_eq!((server.read_on(), server.connections()), (vec![0, 0, 0], 1));
}

#[tokio::test]
async fn a_kept_connection_that_ended_meanwhile_costs_no_answer() {
    for scripts in [
        &[&[Answers, Reset][..], &[Answers]][..],
        &[&[Answers, Close], &[Answers]],
    ] {
        // With and without time to see the end before the request is written.
        for paused in [true, false] {
            let server = Server::start(scripts).await;
            let caller = Caller::of(&server);
            assert!(answered(&caller.post().await));
            if paused {
                caller.pause().await;
            }
            let second = caller.post().await;
            assert!(answered(&second), "{scripts:?}, {paused}: {second:?}");
            assert_eq!(server.read_on(), [0, 1], "{scripts:?}, {paused}");
        }
    }
}

#[tokio::test]
async fn a_request_that_died_with_a_kept_connection_is_sent_once_more_on_a_new_one() {
    for scripts in [
        &[&[Answers, Read, Reset][..], &[Answers]][..],
        &[&[Answers, Read, Close], &[Answers]],
    ] {
        let server = Server::start(scripts).await;
        let caller = Caller::of(&server);
        assert!(answered(&caller.get().await));
        let second = caller.post().await;
        assert!(answered(&second), "{scripts:?}: {second:?}");
        assert_eq!(server.read_on(), [0, 0, 1], "{scripts:?}");
        let requests = server.requests.lock().unwrap();
        let what = |(_, request): &(usize, String)| {
            let lines = request.lines().map(str::to_owned);
            let unsigned = lines.filter(|line| {
                !line.starts_with("x-partner-timestamp") && !line.starts_with("x-partner-signature")
            });
            unsigned.collect::<Vec<_>>()
        };
        assert_eq!(what(&requests[1]), what(&requests[2]));
        assert!(requests[2].1.contains("idempotency-key: r"));
    }
}

#[tokio::test]
async fn other_kept_connections_may_be_dead_too() {
    let server = Server::start(&[
        &[Answers, Wait(Duration::from_millis(50)), Read, Reset],
        &[Answers, Wait(Duration::from_millis(50)), Read, Reset],
        &[Answers],
    ])
    .await;
    let caller = Caller::of(&server);
    let (one, other) = tokio::join!(caller.post(), caller.post());
    assert!(answered(&one) && answered(&other));
    assert_eq!(server.connections(), 2);
    let third = caller.post().await;
    assert!(answered(&third), "{third:?}");
    assert_eq!(*server.read_on().last().unwrap(), 2);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_asked_for_again() {
    for scripts in [
        &[
            &[
                Answers,
                Say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
                Close,
            ][..],
            &[Answers],
        ][..],
        &[
            &[
                Answers,
                Say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
                Reset,
            ],
            &[Answers],
        ],
        &[
            &[Answers, Say("this is no HTTP\r\n\r\n"), Close],
            &[Answers],
        ],
    ] {
        let server = Server::start(scripts).await;
        let caller = Caller::of(&server);
        assert!(answered(&caller.post().await));
        let second = caller.post().await;
        let broke_off = matches!(second, Err(TransportError::BrokenOff(_)));
        assert!(broke_off, "{scripts:?}: {second:?}");
        assert_eq!(server.read_on(), [0, 0], "{scripts:?}");
        assert_eq!(server.connections(), 1, "{scripts:?}");
    }
}

#[tokio::test]
async fn what_fails_on_a_new_connection_is_not_sent_again() {
    for scripts in [
        &[&[Read, Close][..], &[Answers]][..],
        &[&[Read, Reset], &[Answers]],
    ] {
        let server = Server::start(scripts).await;
        let first = Caller::of(&server).post().await;
        let broke_off = matches!(first, Err(TransportError::BrokenOff(_)));
        assert!(broke_off, "{scripts:?}: {first:?}");
        assert_eq!((server.read_on(), server.connections()), (vec![0], 1));
    }
}

#[tokio::test]
async fn a_request_is_sent_twice_at_most() {
    let server = Server::start(&[&[Answers, Read, Close], &[Read, Close], &[Answers]]).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    let second = caller.post().await;
    let broke_off = matches!(second, Err(TransportError::BrokenOff(_)));
    assert!(broke_off, "{second:?}");
    assert_eq!((server.read_on(), server.connections()), (vec![0, 0, 1], 2));
}

#[tokio::test]
async fn a_slow_server_is_asked_once() {
    // Longer than a connection without acknowledgements lives.
    let server = Server::start(&[&[Answers, Read, Wait(Duration::from_secs(60))]]).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    let second = caller.post_within(Duration::from_secs(3)).await;
    assert!(
        matches!(second, Err(TransportError::TimedOut)),
        "{second:?}"
    );
    assert_eq!((server.read_on(), server.connections()), (vec![0, 0], 1));
}

#[tokio::test]
async fn both_attempts_share_the_time_of_one_call() {
    let scripts: &[&[Step]] = &[
        &[Answers, Read, Wait(Duration::from_millis(600)), Close],
        &[Read],
    ];
    let server = Server::start(scripts).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    let began = now();
    let second = caller.post_within(Duration::from_secs(1)).await;
    assert!(
        matches!(second, Err(TransportError::TimedOut)),
        "{second:?}"
    );
    let took = began.elapsed();
    assert!(
        (900..1500).contains(&took.as_millis()),
        "{took:?} for both attempts"
    );
    assert_eq!(server.read_on(), [0, 0, 1]);
}

#[tokio::test]
async fn a_server_that_vanished_costs_two_seconds() {
    let server = Server::start(&[&[Answers, Vanish], &[Answers]]).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    let began = now();
    let second = caller.post().await;
    let took = began.elapsed();
    assert!(answered(&second), "{took:?}: {second:?}");
    assert!((1500..3500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(server.read_on(), [0, 1]);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_long_is_not_used() {
    let server = Server::start(&[&[Answers, Vanish], &[Answers]]).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    caller.clock.sleep(Duration::from_millis(4_200)).await;
    let began = now();
    assert!(answered(&caller.post().await));
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(server.read_on(), [0, 1]);
}

#[tokio::test]
async fn a_connection_from_before_a_freeze_is_not_used() {
    // The monotonic clock stands still while the function is frozen, and the wall clock does not.
    let server = Server::start(&[&[Answers, Vanish], &[Answers, Answers]]).await;
    let caller = Caller::of(&server);
    assert!(answered(&caller.post().await));
    caller.clock.ahead_ms.store(60_000, Ordering::Release);
    let began = now();
    assert!(answered(&caller.post().await));
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(answered(&caller.post().await));
    assert_eq!(server.read_on(), [0, 1, 1]);
}

#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn now() -> Instant {
    Instant::now()
}
