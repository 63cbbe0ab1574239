//! A line that is cut, or held, after so many bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line to a port of this machine.
pub struct Cut {
    /// Where to call.
    pub port: u16,
    state: Arc<watch::Sender<State>>,
    gone: Arc<AtomicU64>,
}

/// What becomes of what is sent to the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It goes there.
    Whole,
    /// So many bytes more go there; then the line is cut.
    CutAfter(u64),
    /// So many bytes more go there; then nothing, until the line is mended.
    HoldAfter(u64),
    /// New lines are whole; those that were held still are.
    WholeForNew,
}

impl Cut {
    /// A line that is whole until it is told otherwise.
    pub async fn to(far: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let gone = Arc::new(AtomicU64::new(0));
        let (its_state, its_gone) = (Arc::clone(&state), Arc::clone(&gone));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", far)).await.unwrap();
                let (state, gone) = (Arc::clone(&its_state), Arc::clone(&its_gone));
                tokio::spawn(carry(near, far, state, gone));
            }
        });
        Self { port, state, gone }
    }

    /// Cuts the line after so many bytes more to the far side.
    pub fn after(&self, bytes: u64) {
        self.state.send_replace(State::CutAfter(bytes));
    }

    /// Holds the line after so many bytes more to the far side.
    pub fn hold_after(&self, bytes: u64) {
        self.state.send_replace(State::HoldAfter(bytes));
    }

    /// Whether the line is held now.
    #[must_use]
    pub fn holds(&self) -> bool {
        *self.state.borrow() == State::HoldAfter(0)
    }

    /// Mends it.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }

    /// Lets new conversations through; those that are held still are.
    pub fn mend_for_new(&self) {
        self.state.send_replace(State::WholeForNew);
    }

    /// How many bytes have gone to the far side since the last time.
    #[must_use]
    pub fn take_gone(&self) -> u64 {
        self.gone.swap(0, Ordering::AcqRel)
    }
}

async fn carry(
    near: TcpStream,
    far: TcpStream,
    state: Arc<watch::Sender<State>>,
    gone: Arc<AtomicU64>,
) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut far_read, &mut near_write).await;
    });
    let mut chunk = [0; 256];
    while let Ok(length @ 1..) = near_read.read(&mut chunk).await {
        let bytes = u64::try_from(length).unwrap();
        let mut cut = false;
        state.send_modify(|state| match state {
            State::CutAfter(left) if *left < bytes => cut = true,
            State::CutAfter(left) | State::HoldAfter(left) => *left = left.saturating_sub(bytes),
            State::Whole | State::WholeForNew => {}
        });
        if cut {
            break;
        }
        if *state.borrow() == State::HoldAfter(0) {
            let whole = |state: &State| *state == State::Whole;
            let _ = state.subscribe().wait_for(whole).await;
        }
        if far_write.write_all(&chunk[..length]).await.is_err() {
            break;
        }
        gone.fetch_add(bytes, Ordering::AcqRel);
    }
    // Both ways at once, as when somebody pulls the plug.
    back.abort();
}
