//! Runs many seeds in several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{History, Source, Total, run};

/// Runs `count` seeds from `first` on in so many threads, each with so many steps. After each seed `goes_on` gets the
/// number of seeds that started before it, and whether it failed. It returns whether to continue.
pub fn many(
    first: u64,
    count: u64,
    steps: u64,
    jobs: usize,
    goes_on: impl Fn(u64, bool) -> bool + Sync,
) -> Total {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Total::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                let mut mine = Total::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let seed = first.wrapping_add(number);
                    let outcome = run(Source::Seed(seed), steps, History::default());
                    let failed = outcome.violation.is_some();
                    mine.add(seed, outcome);
                    if !goes_on(number, failed) {
                        next.store(count, Ordering::Relaxed);
                    }
                }
                if let Ok(mut total) = total.lock() {
                    total.merge(mine);
                }
            });
        }
    });
    let mut total = total.into_inner().unwrap_or_default();
    total.failed.sort_by_key(|(seed, _)| *seed);
    total
}
