//! A TCP connection that breaks or stops after a number of bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a port of this machine.
pub struct FaultyConnection {
    /// The port that accepts connections.
    pub port: u16,
    server: Arc<watch::Sender<Option<u16>>>,
    accepted: Arc<AtomicU64>,
    state: Arc<watch::Sender<State>>,
    bytes_sent: Arc<AtomicU64>,
}

/// What happens to bytes on their way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All bytes pass.
    Intact,
    /// So many more bytes pass; then the connection breaks.
    BreakAfter(u64),
    /// So many more bytes pass; then none, until the connection is restored.
    HoldAfter(u64),
    /// New connections are intact; held ones stay held.
    IntactForNew,
    /// The connections before this one break with the next bytes, which are lost; new ones are intact.
    BreakBefore(u64),
    /// No byte passes on the connections before this one; new ones are intact.
    HoldBefore(u64),
}

impl FaultyConnection {
    /// Forwards to a port of this machine. The connection is intact at first.
    pub async fn to(server: u16) -> Self {
        let connection = Self::to_later().await;
        connection.forward_to(server);
        connection
    }

    /// Accepts connections, which wait for [`Self::forward_to`].
    pub async fn to_later() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connection = Self {
            port: listener.local_addr().unwrap().port(),
            server: Arc::new(watch::Sender::new(None)),
            accepted: Arc::default(),
            state: Arc::new(watch::Sender::new(State::Intact)),
            bytes_sent: Arc::default(),
        };
        let (server, accepted) = (connection.server.subscribe(), connection.accepted.clone());
        let (state, bytes_sent) = (connection.state.clone(), connection.bytes_sent.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = accepted.fetch_add(1, Ordering::AcqRel);
                let (mut server, state) = (server.clone(), state.clone());
                let bytes_sent = bytes_sent.clone();
                tokio::spawn(async move {
                    // The other end is gone when the test has ended.
                    let Ok(server) = server.wait_for(Option::is_some).await.map(|port| *port)
                    else {
                        return;
                    };
                    let far = TcpStream::connect(("127.0.0.1", server.unwrap())).await;
                    forward(near, far.unwrap(), number, state, bytes_sent).await;
                });
            }
        });
        connection
    }

    /// Says which port of this machine the connections go to.
    pub fn forward_to(&self, server: u16) {
        self.server.send_replace(Some(server));
    }

    /// The number of connections so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }

    /// Breaks the connections that there are, each with its next bytes to the server, which are lost. New ones are
    /// intact.
    pub fn break_kept(&self) {
        self.state.send_replace(State::BreakBefore(self.accepted()));
    }

    /// Holds the connections that there are. New ones are intact.
    pub fn hold_kept(&self) {
        self.state.send_replace(State::HoldBefore(self.accepted()));
    }

    /// Breaks the connection after so many more bytes to the server.
    pub fn break_after(&self, bytes: u64) {
        self.state.send_replace(State::BreakAfter(bytes));
    }

    /// Holds the connection after so many more bytes to the server.
    pub fn hold_after(&self, bytes: u64) {
        self.state.send_replace(State::HoldAfter(bytes));
    }

    /// Whether the connection is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        *self.state.borrow() == State::HoldAfter(0)
    }

    /// Restores the connection.
    pub fn restore(&self) {
        self.state.send_replace(State::Intact);
    }

    /// Restores only new connections. A held connection stays held.
    pub fn restore_for_new(&self) {
        self.state.send_replace(State::IntactForNew);
    }

    /// The number of bytes sent to the server since the last call.
    #[must_use]
    pub fn take_bytes_sent(&self) -> u64 {
        self.bytes_sent.swap(0, Ordering::AcqRel)
    }
}

async fn forward(
    near: TcpStream,
    far: TcpStream,
    number: u64,
    state: Arc<watch::Sender<State>>,
    bytes_sent: Arc<AtomicU64>,
) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut far_read, &mut near_write).await;
    });
    let mut chunk = [0; 256];
    while let Ok(length @ 1..) = near_read.read(&mut chunk).await {
        let bytes = u64::try_from(length).unwrap();
        let mut breaks = false;
        state.send_modify(|state| match state {
            State::BreakAfter(left) if *left < bytes => breaks = true,
            State::BreakAfter(left) | State::HoldAfter(left) => *left = left.saturating_sub(bytes),
            State::BreakBefore(first) => breaks = number < *first,
            State::Intact | State::IntactForNew | State::HoldBefore(_) => {}
        });
        if breaks {
            break;
        }
        let held = match *state.borrow() {
            State::HoldAfter(left) => left == 0,
            State::HoldBefore(first) => number < first,
            _ => false,
        };
        if held {
            let intact = |state: &State| *state == State::Intact;
            let _ = state.subscribe().wait_for(intact).await;
        }
        if far_write.write_all(&chunk[..length]).await.is_err() {
            break;
        }
        bytes_sent.fetch_add(bytes, Ordering::AcqRel);
    }
    // Both directions at once, as when a cable is unplugged.
    back.abort();
}
