//! The auditor's checks of what people see on the dashboard.

use std::collections::BTreeMap;

use domain::{ReviewReason, Transaction};

use super::{Audit, Invariant as I};
use crate::gauges::Gauge;
use crate::world::{MINUTE, World};

/// So long an index may be behind, and a measurement may take in a function that is frozen.
const SEEN_WITHIN: i64 = 10 * MINUTE;
/// So many of one reason are counted, and no more.
const MAX_COUNTED_PER_REASON: i64 = 100;

impl Audit {
    /// Remembers since when a payment is in review.
    pub(super) fn reviewed(&mut self, payment: usize, after: &Transaction, now: i64) {
        match after.needs_review() {
            None => drop(self.in_review.remove(&payment)),
            Some((reason, _)) => {
                let known = self.in_review.entry(payment).or_insert((reason, now));
                if known.0 != reason {
                    *known = (reason, now);
                }
            }
        }
    }
}

impl World {
    /// A function has measured something.
    pub(crate) fn audit_gauge(&mut self, gauge: &Gauge) {
        if gauge.metric != "ReviewQueue" {
            return;
        }
        let long_ago = self.now() - SEEN_WITHIN;
        let mut waiting: BTreeMap<&str, i64> = BTreeMap::new();
        let old = self.audit.in_review.values();
        for (reason, _) in old.filter(|(_, since)| *since < long_ago) {
            *waiting.entry(ReviewReason::as_str(*reason)).or_default() += 1;
        }
        let least: i64 = waiting
            .values()
            .map(|count| MAX_COUNTED_PER_REASON.min(*count))
            .sum();
        let measured = gauge.value;
        let payment = self.audit.in_review.keys().next().copied();
        self.audit.must(
            measured >= least,
            I::ReviewIsShown,
            payment.unwrap_or_default(),
            || format!("the gauge shows {measured}, and {least} wait for a person"),
        );
        let row = if least > 0 {
            "something waits"
        } else {
            "nothing waits"
        };
        self.coverage.count("gauge", "review queue", row);
    }
}
