//! EventBridge Scheduler: invokes each worker at an interval, and again if an invocation failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::journal::Journal;
use crate::lambda::Function;
use crate::template::SchedulePlan;

/// Concurrent sweeps of one schedule. On AWS, too, a sweep can start before the last one has ended.
const MAX_CONCURRENT_SWEEPS: usize = 2;
/// The wait before a failed invocation is repeated.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Runs until it is aborted.
pub(crate) async fn run(
    plan: SchedulePlan,
    function: Arc<Function>,
    every: Duration,
    journal: Journal,
    ended: Arc<AtomicUsize>,
) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let slots = Arc::new(Semaphore::new(MAX_CONCURRENT_SWEEPS));
    loop {
        ticks.tick().await;
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            continue;
        };
        let (plan, function, journal) = (plan.clone(), Arc::clone(&function), journal.clone());
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            call(&plan, &function, &journal).await;
            ended.fetch_add(1, Ordering::Relaxed);
            drop(slot);
        });
    }
}

async fn call(plan: &SchedulePlan, function: &Function, journal: &Journal) {
    for _ in 0..=plan.retries {
        let open = journal.open("schedule", function.name(), "sweep");
        match function.invoke(Bytes::from(plan.input.to_string())).await {
            // A sweep appears in the journal only if it failed.
            Ok(_) => return,
            Err(error) => open.done(format!("{error}; will be repeated")),
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}
