//! The data of one day, and its counts.

use std::collections::BTreeMap;

use domain::Day;
use reconciliation::classify::Kind;
use reconciliation::plan::export;
use reconciliation::record::{Exported, Finding, Received, Sent, StatementRead};

/// The page shows at most this many findings; the table has all of them.
pub const MAX_FINDINGS_ON_PAGE: usize = 2_000;

/// Everything that the page of one day shows.
#[derive(Clone, Debug)]
pub struct DayReport {
    /// The day in Vietnam.
    pub day: Day,
    /// The day's totals; `None` before its first export.
    pub exported: Option<Exported>,
    /// The files for Tiki, in the order of their counters.
    pub sent: Vec<Sent>,
    /// Tiki's result files.
    pub received: Vec<Received>,
    /// The core's statement, if it was compared.
    pub statement: Option<StatementRead>,
    /// The number of findings of each kind, without those that a person closed.
    pub kinds: BTreeMap<Kind, u64>,
    /// The number of findings that a person closed.
    pub closed: u64,
    /// At most [`MAX_FINDINGS_ON_PAGE`] findings, the most urgent first.
    pub findings: Vec<Finding>,
}

impl DayReport {
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    /// The number of findings that are neither matched nor closed.
    pub(crate) fn open(&self) -> u64 {
        let open = Kind::ALL
            .iter()
            .copied()
            .filter(|kind| *kind != Kind::Matched);
        open.fold(0, |sum, kind| sum.saturating_add(self.count(kind)))
    }

    /// The number of all findings, also of those that the page does not show.
    pub(crate) fn all(&self) -> u64 {
        let matched = self.count(Kind::Matched);
        self.open()
            .saturating_add(matched)
            .saturating_add(self.closed)
    }

    /// Whether Tiki has each file that is part of the day's last export.
    pub(crate) fn is_delivered(&self) -> bool {
        export::is_delivered(self.exported.as_ref(), &self.sent)
    }

    /// Whether a file is part of the day's last export. A file of an earlier export, before the day's data
    /// changed, is not. Before the first export every file counts as current.
    pub(crate) fn is_current(&self, sent: &Sent) -> bool {
        let exported = self.exported.as_ref();
        exported.is_none_or(|exported| exported.counters.contains(&sent.counter))
    }
}
