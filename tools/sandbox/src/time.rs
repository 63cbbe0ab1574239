//! Moves the time of the whole sandbox forward, and fires the schedules with times of the day.
//!
//! The functions, the played Tiki and the played core have the sandbox's clock, and the schedules fire by it. What people
//! and programs outside have does not move: AWS's signature of an operator is checked by this machine's time. Neither does
//! the embedded DynamoDB: it would delete what has expired by the machine's time, and the sandbox never has it do so.

mod route;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use domain::Timestamp;
use futures::future::join_all;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};

use crate::clock::Clock;
use crate::schedule::{Schedule, Timetable};

/// How far one call moves the time. Each hour of it has its runs and sweeps, which take a second on a busy machine.
const FURTHEST: Duration = Duration::from_hours(60 * 24);
const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
/// The time may have come sooner than was computed: the clock was moved, or this machine slept.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The sandbox's time: what it is, and how it is moved.
#[derive(Clone)]
pub struct Time(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) schedules: Vec<Schedule>,
    /// Notified when the stream may have new records.
    pub(crate) written: Arc<Notify>,
    /// Why the time cannot be moved.
    pub(crate) stands: Option<Refused>,
    /// Whether the schedules fire when their time comes by itself.
    pub(crate) fires_by_itself: bool,
    /// Until when the schedules have fired, in Unix milliseconds. Whoever fires one holds it.
    pub(crate) fired_until: Mutex<i64>,
}

/// A run of a function by a schedule with times of the day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fired {
    /// When, on Vietnam's clock.
    pub at: String,
    pub function: String,
    /// What the function was given.
    pub input: Value,
    /// What it answered, or a text that says why it failed.
    pub outcome: Value,
}

/// Why the time was not moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Others play Tiki or the core: the options by which they do.
    OthersPlay(Vec<&'static str>),
    /// The functions cannot be given another time here.
    NotHere,
    TooFar,
    /// The functions' file cannot be written.
    Broken(String),
}

impl Refused {
    #[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
    fn broken(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::OthersPlay(_) => StatusCode::CONFLICT,
            Self::NotHere => StatusCode::NOT_IMPLEMENTED,
            Self::TooFar => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OthersPlay(options) => {
                let options = options.join(" and ");
                write!(
                    f,
                    "the time cannot be moved with {options}: the other side's clock would stay, and each side would refuse the other's signatures"
                )
            }
            Self::NotHere => f.write_str(
                "the time can be moved on Linux only: elsewhere the functions cannot be given another time",
            ),
            Self::TooFar => {
                let days = FURTHEST.as_secs() / SECONDS_PER_DAY;
                write!(
                    f,
                    "one call moves the time by at most {days} days; move it in several steps"
                )
            }
            Self::Broken(why) => write!(f, "the clock's file cannot be written: {why}"),
        }
    }
}

impl Time {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The clock that is moved.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// Moves the time forward, from firing to firing: at each the clock stands at its time, all sweeps run, then the
    /// schedule's function does, and everything is waited for. At last the target time is reached, and all sweeps run once
    /// more. Whoever moves it at the same time waits.
    pub async fn forward(&self, by: Duration) -> anyhow::Result<Vec<Fired>> {
        Ok(self.moved(by).await?)
    }

    async fn moved(&self, by: Duration) -> Result<Vec<Fired>, Refused> {
        if let Some(refused) = &self.0.stands {
            return Err(refused.clone());
        }
        if by > FURTHEST {
            return Err(Refused::TooFar);
        }
        let by_ms = i64::try_from(by.as_millis()).map_err(|_| Refused::TooFar)?;
        let mut fired_until = self.0.fired_until.lock().await;
        let clock = &self.0.clock;
        let (now, ahead) = (clock.now_ms(), clock.ahead_ms().saturating_add(by_ms));
        let until = now.saturating_add(by_ms);
        if !self.0.fires_by_itself {
            // What came by itself until now was to fire nothing.
            *fired_until = now;
        }
        let mut fired = Vec::new();
        for (at, schedule) in self.firings(*fired_until, until) {
            clock.reach(at).map_err(Refused::broken)?;
            self.sweep().await;
            fired.push(fire(schedule, at).await);
            *fired_until = at;
        }
        clock.be_ahead(ahead).map_err(Refused::broken)?;
        self.sweep().await;
        *fired_until = until;
        Ok(fired)
    }

    /// The firings after the first time until the second one, in the order of time.
    fn firings(&self, after: i64, until: i64) -> Vec<(i64, &Schedule)> {
        let schedules = self.0.schedules.iter();
        let firings = schedules.filter_map(|schedule| match &schedule.plan.timetable {
            Timetable::Cron(cron) => Some(cron.between(after, until).map(move |at| (at, schedule))),
            Timetable::Sweeps => None,
        });
        let mut firings: Vec<_> = firings.flatten().collect();
        firings.sort_by_key(|(at, _)| *at);
        firings
    }

    /// The schedules that sweep.
    pub(crate) fn sweeps(&self) -> impl Iterator<Item = Schedule> {
        let schedules = self.0.schedules.iter();
        schedules
            .filter(|schedule| schedule.plan.is_often())
            .cloned()
    }

    /// Runs each sweep once, and waits for all.
    async fn sweep(&self) {
        // What failed is in the journal.
        join_all(self.sweeps().map(async |sweep| sweep.fire().await)).await;
        self.0.written.notify_waiters();
    }

    /// Fires the schedules when their time comes by itself, if they are to. Runs until it is aborted.
    pub(crate) async fn fire_by_itself(self) {
        if !self.0.fires_by_itself {
            return;
        }
        loop {
            let mut fired_until = self.0.fired_until.lock().await;
            let now = self.0.clock.now_ms();
            let due = self.firings(*fired_until, now);
            for (place, (at, schedule)) in due.iter().enumerate() {
                // If this machine slept, the last firing of a schedule stands for those that it missed.
                let mut later = due.iter().skip(place + 1);
                if !later.any(|(_, other)| std::ptr::eq(*other, *schedule)) {
                    fire(schedule, *at).await;
                    self.0.written.notify_waiters();
                }
            }
            *fired_until = now;
            drop(fired_until);
            let crons = self
                .0
                .schedules
                .iter()
                .filter_map(|s| match &s.plan.timetable {
                    Timetable::Cron(cron) => cron.next(now),
                    Timetable::Sweeps => None,
                });
            let next = crons.min().unwrap_or(i64::MAX);
            let left = next.saturating_sub(self.0.clock.now_ms());
            let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
            tokio::time::sleep(left.min(LOOK_AGAIN)).await;
        }
    }
}

async fn fire(schedule: &Schedule, at: i64) -> Fired {
    let outcome = match schedule.fire().await {
        Ok(answer) => serde_json::from_slice(&answer).unwrap_or_default(),
        Err(why) => Value::String(why),
    };
    Fired {
        at: on_vietnams_clock(at),
        function: schedule.function.name().to_owned(),
        input: schedule.plan.input.clone(),
        outcome,
    }
}

/// `1d 2h 30m`.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / SECONDS_PER_DAY, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

fn on_vietnams_clock(at: i64) -> String {
    let at = Timestamp::from_unix_ms(at);
    at.map(Timestamp::to_rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_words() {
        for (seconds, expected) in [
            (0, "0s"),
            (7_200, "2h"),
            (86_400, "1d"),
            (40 * 86_400 + 90 * 60 + 5, "40d 1h 30m 5s"),
        ] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }
}
