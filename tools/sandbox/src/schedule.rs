//! EventBridge Scheduler: invokes each worker at an interval, and again if an invocation failed.

mod timetable;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

pub(crate) use self::timetable::Timetable;
use crate::journal::Journal;
use crate::lambda::Function;
use crate::template::SchedulePlan;

/// Concurrent sweeps of one schedule. On AWS, too, a sweep can start before the last one has ended.
const MAX_CONCURRENT_SWEEPS: usize = 2;
/// The wait before a failed invocation is repeated.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// A schedule, and the function that it invokes.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) plan: SchedulePlan,
    pub(crate) function: Arc<Function>,
    pub(crate) journal: Journal,
}

impl Schedule {
    /// Sweeps at this interval until it is aborted.
    pub(crate) async fn sweep(self, every: Duration, ended: Arc<AtomicUsize>) {
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let slots = Arc::new(Semaphore::new(MAX_CONCURRENT_SWEEPS));
        loop {
            ticks.tick().await;
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                continue;
            };
            let (schedule, ended) = (self.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                let _ = schedule.fire().await;
                ended.fetch_add(1, Ordering::Relaxed);
                drop(slot);
            });
        }
    }

    /// Invokes the function until it succeeds, as often as the plan says. The error is the last one.
    pub(crate) async fn fire(&self) -> Result<Bytes, String> {
        let is_sweep = self.plan.is_often();
        let what = if is_sweep { "sweep" } else { "run" };
        let mut repeated = 0;
        loop {
            let open = self.journal.step("schedule", self.function.name(), what);
            let input = Bytes::from(self.plan.input.to_string());
            match self.function.invoke(input).await {
                Ok(answer) => {
                    // A sweep appears in the journal only if it failed.
                    if !is_sweep {
                        open.done("done".to_owned());
                    }
                    return Ok(answer);
                }
                Err(error) if repeated >= self.plan.retries => {
                    open.done(error.to_string());
                    return Err(error.to_string());
                }
                Err(error) => open.done(format!("{error}; will be repeated")),
            }
            repeated += 1;
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
}
