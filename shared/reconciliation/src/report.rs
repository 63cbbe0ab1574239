//! The page and the table that a person reads.
//!
//! Both follow from the records alone, so the same records always give the same bytes.

mod page;
mod steps;
mod table;
mod text;
mod words;

use std::collections::BTreeMap;

use domain::Day;

use crate::classify::Kind;
use crate::record::{Exported, Finding, Received, Sent};

pub use self::table::FindingsTable;

/// The most findings that a page shows; the table has all.
pub const MOST_SHOWN: usize = 2_000;

/// What is known of a day.
#[derive(Clone, Debug)]
pub struct DayReport {
    /// The day.
    pub day: Day,
    /// Its sums, if it was exported.
    pub exported: Option<Exported>,
    /// Its files.
    pub sent: Vec<Sent>,
    /// Tiki's result files.
    pub received: Vec<Received>,
    /// How many findings stand how, but for those that a person has closed.
    pub kinds: BTreeMap<Kind, u64>,
    /// How many a person has closed.
    pub closed: u64,
    /// At most [`MOST_SHOWN`] findings, those first that need somebody most.
    pub findings: Vec<Finding>,
}

impl DayReport {
    /// The page: one file with all that it needs, Vietnamese first.
    #[must_use]
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// How many findings stand so.
    fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    /// How many findings are not settled, and not closed.
    fn open(&self) -> u64 {
        let open = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Matched);
        open.fold(0, |sum, kind| sum.saturating_add(self.count(kind)))
    }

    /// How many findings there are.
    fn all(&self) -> u64 {
        let settled = self.count(Kind::Matched);
        self.open()
            .saturating_add(settled)
            .saturating_add(self.closed)
    }

    /// Whether each of the files that together are the day is delivered.
    fn is_delivered(&self) -> bool {
        let delivered = |counter: &u32| {
            let mut of_counter = self.sent.iter().filter(|sent| sent.counter == *counter);
            of_counter.any(|sent| sent.delivered_at.is_some())
        };
        let exported = self.exported.as_ref();
        exported.is_some_and(|exported| exported.counters.iter().all(delivered))
    }

    /// Whether a file is one of those that together are the day: one that was exported before its data changed
    /// is not. Before the first export nobody can say.
    fn is_current(&self, sent: &Sent) -> bool {
        let exported = self.exported.as_ref();
        exported.is_none_or(|exported| exported.counters.contains(&sent.counter))
    }
}
