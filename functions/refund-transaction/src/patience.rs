//! How long this process waits for the core: long, because a time-out makes Tiki ask again; but short for a while after
//! the core has just not answered, because each request that waits takes a place of the function's concurrency.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use core_api::{CORE_TIMEOUT_IN_REQUEST, CORE_TIMEOUT_WHILE_FAILING};
use domain::Timestamp;

/// How long the core counts as failing after it did not answer in time.
const FAILING_FOR: Duration = Duration::from_mins(1);

/// What this process remembers of the core. Each process learns it by itself, from one long wait.
#[derive(Debug, Default)]
pub struct Patience {
    failed_at: Mutex<Option<Timestamp>>,
}

impl Patience {
    /// How long to wait for the core now.
    pub(crate) fn now(&self, now: Timestamp) -> Duration {
        let failed_at = *self.lock();
        // A failure in the future was noted by a clock that has been corrected since.
        let failing = failed_at.is_some_and(|at| at <= now && now.since(at) < FAILING_FOR);
        if failing {
            CORE_TIMEOUT_WHILE_FAILING
        } else {
            CORE_TIMEOUT_IN_REQUEST
        }
    }

    /// Notes how the core has answered after a wait: clearly or not.
    ///
    /// Only a long wait without an answer begins the time in which the core is failing. A short one does not prolong
    /// it: otherwise a core that always needs some seconds would be failing for ever. An unclear answer that came at
    /// once takes nobody's place.
    pub(crate) fn note(&self, clear: bool, waited: Duration, now: Timestamp) {
        if clear {
            *self.lock() = None;
        } else if waited > CORE_TIMEOUT_WHILE_FAILING && self.now(now) == CORE_TIMEOUT_IN_REQUEST {
            *self.lock() = Some(now);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = CORE_TIMEOUT_IN_REQUEST;
    const SHORT: Duration = CORE_TIMEOUT_WHILE_FAILING;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + s * 1000).unwrap()
    }

    #[test]
    fn the_wait_is_short_only_after_the_core_has_just_failed() {
        let patience = Patience::default();
        // (second, what it waits then, how long the core took, whether its answer was clear)
        for (second, waits, took, clear) in [
            (0, LONG, Duration::from_secs(1), true),
            // An unclear answer at once.
            (10, LONG, Duration::from_secs(1), false),
            (20, LONG, LONG, false),
            (21, SHORT, SHORT, false),
            (70, SHORT, SHORT, false),
            // A minute after the long wait, whatever the short ones were.
            (80, LONG, LONG, false),
            (139, SHORT, Duration::from_secs(2), true),
            // It has answered.
            (140, LONG, LONG, false),
            (141, SHORT, SHORT, false),
            // A clock that was ahead has been corrected.
            (100, LONG, Duration::from_secs(1), true),
        ] {
            assert_eq!(patience.now(at(second)), waits, "at {second} s");
            patience.note(clear, took, at(second));
        }
    }
}
