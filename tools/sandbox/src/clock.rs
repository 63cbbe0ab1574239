//! The time of the sandbox: that of this machine, and so much more as somebody moved it forward.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::extract::{Request, State};
use axum::http::header::DATE;
use axum::middleware::Next;
use axum::response::Response;
use domain::Timestamp;

/// The time of one sandbox. Its clones are the same clock. A clock of its own (`default`) is never ahead.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
    /// The file in which the functions read how far it is ahead (tools/clock).
    file: Option<Arc<File>>,
}

impl Clock {
    /// The clock of this file, as far ahead as the file says. A new file says that it is not.
    pub(crate) fn open(file: &Path) -> anyhow::Result<Self> {
        let name = || file.display().to_string();
        let mut own = OpenOptions::new();
        own.read(true).write(true).create(true).truncate(false);
        let file = own.open(file).with_context(name)?;
        let mut ahead = [0; 8];
        let has_one = file.metadata().with_context(name)?.len() == 8;
        if has_one {
            file.read_exact_at(&mut ahead, 0).with_context(name)?;
        }
        Ok(Self {
            ahead_ms: Arc::new(AtomicI64::new(i64::from_le_bytes(ahead).max(0))),
            file: Some(Arc::new(file)),
        })
    }

    /// The time in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        machines_now_ms().saturating_add(self.ahead_ms())
    }

    /// How far it is ahead of this machine.
    #[must_use]
    pub fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms().unsigned_abs())
    }

    pub(crate) fn ahead_ms(&self) -> i64 {
        self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Moves it so that it is at least at this time, and never back.
    pub(crate) fn reach(&self, at_ms: i64) -> std::io::Result<()> {
        self.be_ahead(at_ms.saturating_sub(machines_now_ms()))
    }

    /// Moves it so that it is at least so far ahead.
    pub(crate) fn be_ahead(&self, ahead_ms: i64) -> std::io::Result<()> {
        if ahead_ms <= self.ahead_ms() {
            return Ok(());
        }
        if let Some(file) = &self.file {
            // In place: running functions have the file open.
            file.write_all_at(&ahead_ms.to_le_bytes(), 0)?;
        }
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        Ok(())
    }
}

/// The time of this machine, in Unix milliseconds, for what comes from outside and is not moved.
pub(crate) fn machines_now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::MIN.after(since.unwrap_or_default()).unix_ms()
}

/// Adds the time to each answer, as a server does, unless the answer has one.
pub(crate) async fn add_date(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if !response.headers().contains_key(DATE) {
        dated(&mut response, clock.now_ms());
    }
    response
}

/// Gives an answer this time.
pub(crate) fn dated(response: &mut Response, now_ms: i64) {
    let now = UNIX_EPOCH + Duration::from_millis(now_ms.unsigned_abs());
    if let Ok(date) = httpdate::fmt_http_date(now).parse() {
        response.headers_mut().insert(DATE, date);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    #[test]
    fn a_clock_goes_forward_and_a_restart_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let clock = Clock::open(&file).unwrap();
        assert_eq!(clock.ahead(), Duration::ZERO);
        clock.reach(machines_now_ms() + 2 * HOUR_MS).unwrap();
        let ahead = clock.ahead();
        assert!(ahead.abs_diff(Duration::from_hours(2)) < Duration::from_secs(10));
        clock.reach(machines_now_ms() + HOUR_MS).unwrap();
        assert_eq!(clock.ahead(), ahead, "never back");
        assert_eq!(Clock::open(&file).unwrap().ahead(), ahead);
        let written = std::fs::read(&file).unwrap();
        let ahead_ms = i64::try_from(ahead.as_millis()).unwrap();
        assert_eq!(written, ahead_ms.to_le_bytes(), "as tools/clock reads it");
    }

    #[test]
    fn clones_are_one_clock_and_another_is_none_of_it() {
        let (clock, other) = (Clock::default(), Clock::default());
        let clone = clock.clone();
        clock.reach(machines_now_ms() + HOUR_MS).unwrap();
        assert!(clone.now_ms() > machines_now_ms() + HOUR_MS / 2);
        assert!(other.now_ms() < machines_now_ms() + HOUR_MS / 2);
    }
}
