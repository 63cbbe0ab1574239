//! The end of personal data: which day is swept next, and what is tried again. A day's payments are forgotten once they
//! are old enough and the day is reconciled; what is still open then is not lost.

use std::time::Duration;

use domain::{Day, Timestamp, TransactionId};

use crate::record::{DaySummary, Forgetting, Results, Statement};

/// The payments that are kept to be tried again. Each run tries them all, and they are in one record.
pub const MAX_LEFT_PAYMENTS: usize = 300;

/// Whether all payments of a day have been final for so long.
#[must_use]
pub fn is_old_enough(day: Day, kept_for: Duration, now: Timestamp) -> bool {
    now >= day.end_exclusive().after(kept_for)
}

/// Whether a day is reconciled, by its last report: Tiki has its files, has answered with all results if it sends any, the
/// core's statement is compared if there is one, and no difference is open. A day on which nothing was paid has nothing to reconcile.
#[must_use]
pub fn is_reconciled(summary: &DaySummary) -> bool {
    let Some(money) = summary.money else {
        return false;
    };
    let answered = match summary.results {
        Results::Read | Results::NotAsked => true,
        Results::None | Results::Partly | Results::BeingRead => false,
    };
    let is_empty = money.success.count == 0 && money.failure.count == 0;
    let compared = summary.statement != Statement::Missing;
    summary.delivered && summary.open() == 0 && compared && (answered || is_empty)
}

impl Forgetting {
    /// Nothing is forgotten yet: it starts with the first day that is reconciled.
    #[must_use]
    pub fn from(first: Day) -> Self {
        Self {
            next: first,
            day: None,
            shards: 0,
            days: Vec::new(),
            payments: Vec::new(),
        }
    }

    /// The day whose turn it is, if it is old enough: the caller sweeps it, or puts it off.
    pub fn turn_to_next(&mut self, kept_for: Duration, now: Timestamp) -> Option<Day> {
        let day = self.next;
        if !is_old_enough(day, kept_for, now) || day.next() == day {
            return None;
        }
        self.next = day.next();
        Some(day)
    }

    /// Puts a day off until it is reconciled.
    pub fn put_off(&mut self, day: Day) {
        if !self.days.contains(&day) {
            self.days.push(day);
        }
    }

    /// The days to try again, those first that were put off first: one that leaves too much each time comes after all
    /// others. They are tried also while there is no room for what they may leave: what can go of them goes.
    #[must_use]
    pub fn to_try_again(&self) -> Vec<Day> {
        self.days.clone()
    }

    /// For how long the data of some day have been kept beyond their time.
    #[must_use]
    pub fn lateness(&self, kept_for: Duration, now: Timestamp) -> Duration {
        let waiting = self.days.iter().chain(&self.day);
        let oldest = waiting.chain([&self.next]).min();
        oldest.map_or(Duration::ZERO, |day| {
            now.since(day.end_exclusive().after(kept_for))
        })
    }

    /// Starts the sweep of a day.
    pub fn sweep(&mut self, day: Day) {
        self.days.retain(|other| *other != day);
        self.day = Some(day);
        self.shards = 0;
    }

    /// Of a day that is swept, one payment is still needed. If there is no room for it, the whole day is tried again.
    pub fn leave(&mut self, day: Day, payment: TransactionId) {
        if self.payments.contains(&payment) {
            return;
        }
        if self.payments.len() < MAX_LEFT_PAYMENTS {
            self.payments.push(payment);
        } else {
            self.put_off(day);
        }
    }

    /// One more shard of the day is swept, of so many.
    pub fn shard_is_done(&mut self, shards: u8) {
        self.shards = self.shards.saturating_add(1);
        if self.shards >= shards {
            self.day = None;
            self.shards = 0;
        }
    }
}
