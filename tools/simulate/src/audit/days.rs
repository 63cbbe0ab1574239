//! The auditor's checks of each day's export.

use std::collections::BTreeSet;

use domain::{Day, FinalTransaction, Transaction};

use super::Invariant as I;
use crate::choices::Lane;
use crate::world::{DAY, MIDNIGHT, MINUTE, SECOND, World};

/// How far an index may be behind (`table`).
const INDEX_LAG: i64 = 3 * MINUTE + SECOND;

impl World {
    /// A payment has become final. Its day must not have been exported yet.
    pub(super) fn audit_became_final(&mut self, payment: usize, after: &Transaction) {
        let Some(at) = after.final_at() else {
            return;
        };
        let now = self.now();
        let record = self.audit.record(payment);
        record.final_at = Some(now);
        let reference = after
            .money_taken()
            .and_then(|paid| paid.core_reference.as_ref());
        record.reference_at_decision = reference.is_some();
        let at = at.unix_ms();
        let read = self.audit.days.keys().any(|day| number(*day) == of(at));
        self.audit.must(!read, I::ExportedOnce, payment, || {
            format!("it became final at {at}, and its day was exported before it was written")
        });
        let into_the_day = (at - MIDNIGHT).rem_euclid(DAY);
        let when = match into_the_day {
            0..MINUTE => "in a day's first minute",
            _ if into_the_day >= DAY - MINUTE => "in a day's last minute",
            _ => "in between",
        };
        self.coverage.count("reconciliation", "final", when);
    }

    /// A day was exported completely, from `began` on.
    pub(crate) fn audit_read(&mut self, day: Day, began: i64, entries: &[FinalTransaction]) {
        self.log(Lane::WORLD, "reconcile", || {
            format!("exports {day}: {} payments", entries.len())
        });
        let mut read = BTreeSet::new();
        let mut before = None;
        for entry in entries {
            let payment = self.by_id.get(&entry.id).copied().unwrap_or_default();
            let stored = self.rows.find(entry.id).and_then(FinalTransaction::of);
            let place = Some(entry.place());
            let days = self.audit.days.iter();
            let other = days.filter(|(other, of)| **other != day && of.contains(&payment));
            let other = other.map(|(other, _)| *other).next();
            let audit = &mut self.audit;
            let as_stored = stored.as_ref().map(|stored| FinalTransaction {
                status: entry.status,
                ..stored.clone()
            });
            let reversed_at = audit.reversed_since(payment);
            // The index may show the payment as it was some minutes ago.
            let fresh = reversed_at.is_some_and(|at| at >= began - INDEX_LAG);
            let same_status = stored.as_ref().map(|stored| stored.status) == Some(entry.status);
            audit.must(
                as_stored.as_ref() == Some(entry) && (same_status || fresh),
                if reversed_at.is_some() {
                    I::ReversedIsFailure
                } else {
                    I::ExportedOnce
                },
                payment,
                || format!("{day} has {entry:?}, and stored is {stored:?}"),
            );
            let is_its_day = of(entry.final_at.unix_ms()) == number(day);
            audit.must(is_its_day, I::ExportedOnce, payment, || {
                format!("{day} has {entry:?}")
            });
            audit.must(other.is_none(), I::ExportedOnce, payment, || {
                format!("{day} has it, and {other:?} has it too")
            });
            audit.must(before < place, I::ExportedOnce, payment, || {
                format!("{day} has {place:?} after {before:?}")
            });
            before = place;
            read.insert(payment);
        }
        self.audit_nothing_is_missing(day, &read);
        let again = self.audit.days.insert(day, read).is_some();
        let column = match (again, entries.is_empty()) {
            (true, _) => "again",
            (false, true) => "without payments",
            (false, false) => "with payments",
        };
        self.coverage.count("reconciliation", "a day", column);
    }

    /// A day could not be exported. Without faults it can always be.
    pub(crate) fn audit_unread(&mut self, day: Day, last: bool) {
        self.audit.must(!last, I::ExportedOnce, 0, || {
            format!("{day} cannot be exported, though nothing fails")
        });
    }

    /// All stored payments of the day must be in the export, because every write has ended before the export cutoff.
    fn audit_nothing_is_missing(&mut self, day: Day, read: &BTreeSet<usize>) {
        for (payment, simulated) in self.payments.iter().enumerate() {
            let final_at = self
                .rows
                .find(simulated.id)
                .and_then(domain::Transaction::final_at);
            let its_day = final_at.is_some_and(|at| of(at.unix_ms()) == number(day));
            let missing = its_day && !read.contains(&payment);
            self.audit.must(!missing, I::ExportedOnce, payment, || {
                format!("it became final at {final_at:?}, and {day} was exported without it")
            });
        }
    }

    /// At the end each final payment is in the data of one day.
    pub(super) fn audit_exports(&mut self, payment: usize, t: &Transaction) {
        let days = self.audit.days.iter();
        let days = days.filter(|(_, of)| of.contains(&payment));
        let days: Vec<_> = days.map(|(day, _)| *day).collect();
        let once = days.len() == usize::from(t.final_at().is_some());
        self.audit.must(once, I::ExportedOnce, payment, || {
            format!("final at {:?}, and in the data of {days:?}", t.final_at())
        });
    }
}

/// The number of a time's day, without our calendar code.
fn of(at: i64) -> i64 {
    (at - MIDNIGHT).div_euclid(DAY)
}

/// The same number for a day of our calendar.
fn number(day: Day) -> i64 {
    of(day.start().unix_ms())
}
