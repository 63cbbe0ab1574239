//! The schedule: each worker is called every so often, and again if a call failed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::journal::Journal;
use crate::lambda::Function;
use crate::template::SchedulePlan;

/// Sweeps of one function that may go on at once: the next fires though the last is not done, as on AWS.
const AT_ONCE: usize = 2;
/// How long to wait before a call that failed is made again.
const AGAIN: Duration = Duration::from_millis(200);

/// Fires until it is aborted.
pub(crate) async fn run(
    plan: SchedulePlan,
    function: Arc<Function>,
    every: Duration,
    journal: Journal,
) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        ticks.tick().await;
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (plan, function, journal) = (plan.clone(), Arc::clone(&function), journal.clone());
        tokio::spawn(async move {
            call(&plan, &function, &journal).await;
            drop(place);
        });
    }
}

async fn call(plan: &SchedulePlan, function: &Function, journal: &Journal) {
    for _ in 0..=plan.retries {
        let open = journal.open("schedule", function.name(), "sweep");
        match function.invoke(Bytes::from(plan.input.to_string())).await {
            // A sweep that found nothing is nothing to tell.
            Ok(_) => return,
            Err(error) => open.done(format!("{error}; to be called again")),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
