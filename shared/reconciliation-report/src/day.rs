//! The data of one day, and its counts.

use std::collections::BTreeMap;

use domain::Day;
use reconciliation::classify::Kind;
use reconciliation::plan::export;
use reconciliation::record::{
    DayMoney, DaySummary, Exported, Finding, Received, Results, Sent, StatementRead,
};

use crate::letter::difference;

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
    /// How much the sides are apart in all open findings, in VND.
    pub differences_vnd: u64,
    /// At most [`MAX_FINDINGS_ON_PAGE`] findings, the most urgent first.
    pub findings: Vec<Finding>,
}

impl DayReport {
    /// A report of these files, to which the findings are added. The statement counts once it is compared.
    #[must_use]
    pub fn new(
        day: Day,
        exported: Option<Exported>,
        sent: Vec<Sent>,
        received: Vec<Received>,
        statement: Option<StatementRead>,
    ) -> Self {
        Self {
            day,
            exported,
            sent,
            received,
            statement: statement.filter(|statement| statement.done_at.is_some()),
            kinds: BTreeMap::new(),
            closed: 0,
            differences_vnd: 0,
            findings: Vec::new(),
        }
    }

    /// Counts these findings, and keeps those that the page shows.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            let count = match finding.closed {
                Some(_) => &mut self.closed,
                None => self.kinds.entry(finding.kind).or_default(),
            };
            *count = count.saturating_add(1);
            if finding.is_open() {
                let apart = difference(&finding);
                self.differences_vnd = self.differences_vnd.saturating_add(apart);
            }
            self.findings.push(finding);
        }
        self.findings.sort_by_key(rank);
        self.findings.truncate(MAX_FINDINGS_ON_PAGE);
    }

    /// Whether there is no record of the day at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let files = self.sent.len().saturating_add(self.received.len());
        self.exported.is_none() && files == 0 && self.all() == 0
    }

    /// The day in a few numbers.
    #[must_use]
    pub fn summary(&self) -> DaySummary {
        let needs_review = self.count(Kind::NeedsReview);
        let orders_without_money = self.count(Kind::OrderWithoutMoney);
        let for_review = needs_review.saturating_add(orders_without_money);
        DaySummary {
            day: self.day,
            money: self.exported.as_ref().map(|exported| DayMoney {
                success: exported.totals.success,
                failure: exported.totals.failure,
                refunded: exported.refunded,
            }),
            delivered: self.is_delivered(),
            results: if self.received.is_empty() {
                Results::None
            } else if self.received.iter().any(|file| file.done_at.is_none()) {
                Results::BeingRead
            } else {
                Results::Read
            },
            orders_without_money,
            needs_review,
            automatic: self.open().saturating_sub(for_review),
            differences_vnd: self.differences_vnd,
        }
    }

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

/// The order of findings on the page: those first that most need a person.
fn rank(finding: &Finding) -> (bool, Kind, String) {
    (
        !finding.is_open(),
        finding.kind,
        finding.subject.to_string(),
    )
}
