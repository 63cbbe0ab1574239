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
}

impl FaultyConnection {
    /// Forwards to a port of this machine. The connection is intact at first.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State::Intact));
        let bytes_sent = Arc::new(AtomicU64::new(0));
        let (its_state, its_bytes) = (Arc::clone(&state), Arc::clone(&bytes_sent));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let (state, bytes_sent) = (Arc::clone(&its_state), Arc::clone(&its_bytes));
                tokio::spawn(forward(near, far, state, bytes_sent));
            }
        });
        Self {
            port,
            state,
            bytes_sent,
        }
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
            State::Intact | State::IntactForNew => {}
        });
        if breaks {
            break;
        }
        if *state.borrow() == State::HoldAfter(0) {
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
