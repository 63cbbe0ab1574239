//! The last calls, and those to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use super::call::Call;
use super::signature::KnownKeys;
use crate::clock::Clock;
use crate::journal::Journal;

/// Calls that are kept to be shown. All are in the journal.
const MAX_KEPT: usize = 300;
/// Calls that a slow reader may be behind. It then misses some.
const MAX_BEHIND: usize = 256;

/// The last calls, and those to come. A clone has the same ones.
#[derive(Clone)]
pub(crate) struct Calls {
    kept: Arc<Mutex<Kept>>,
    live: broadcast::Sender<Arc<Call>>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    calls: VecDeque<Arc<Call>>,
}

impl Calls {
    /// Sees each call of this journal from now on.
    pub(crate) fn of(journal: &Journal, keys: KnownKeys, clock: Clock) -> Self {
        let calls = Self {
            kept: Arc::default(),
            live: broadcast::Sender::new(MAX_BEHIND),
        };
        let began = move |took: Duration| {
            clock
                .now_ms()
                .saturating_sub(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
        };
        let (of_exchanges, of_steps) = (calls.clone(), calls.clone());
        let step_began = began.clone();
        journal.watch(move |exchange| {
            of_exchanges.add(Call::of_exchange(
                exchange,
                &keys.now(),
                began(exchange.took),
            ));
        });
        journal
            .watch_steps(move |entry| of_steps.add(Call::of_step(entry, step_began(entry.took))));
        calls
    }

    /// The newest calls, the newest first.
    pub(crate) fn newest(&self) -> Vec<Arc<Call>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.calls.iter().rev().cloned().collect()
    }

    /// The calls from now on.
    pub(crate) fn live(&self) -> broadcast::Receiver<Arc<Call>> {
        self.live.subscribe()
    }

    fn add(&self, mut call: Call) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        call.number = kept.last;
        let call = Arc::new(call);
        if kept.calls.len() >= MAX_KEPT {
            kept.calls.pop_front();
        }
        kept.calls.push_back(Arc::clone(&call));
        // Nobody may be looking. Within the lock, so that the order is the same everywhere.
        let _ = self.live.send(call);
    }
}
