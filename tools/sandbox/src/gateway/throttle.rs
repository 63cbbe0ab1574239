//! The limits of calls a second.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket, like API Gateway's throttling.
pub(crate) struct Throttle {
    rate: f64,
    burst: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl Throttle {
    pub(crate) fn new(rate: f64, burst: f64) -> Self {
        Self {
            rate,
            burst,
            bucket: Mutex::new((burst, Instant::now())),
        }
    }

    pub(super) fn admit(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, then) = *bucket;
        let left = (left + then.elapsed().as_secs_f64() * self.rate).min(self.burst);
        let admitted = left >= 1.0;
        *bucket = (if admitted { left - 1.0 } else { left }, Instant::now());
        admitted
    }
}
