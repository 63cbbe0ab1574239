//! The data of one day, and its counts.

use std::collections::BTreeMap;

use domain::Day;
use reconciliation::classify::Kind;
use reconciliation::plan::export;
use reconciliation::record::{
    DayMoney, DaySummary, Exported, Finding, Received, Results, Sent, Statement, StatementRead,
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
    /// Who else should say something about the day.
    pub expected: Expected,
    /// The number of findings of each kind, without those that a person closed.
    pub kinds: BTreeMap<Kind, u64>,
    /// The number of findings that a person closed.
    pub closed: u64,
    /// How much the sides are apart in all open findings, in VND.
    pub differences_vnd: u64,
    /// At most [`MAX_FINDINGS_ON_PAGE`] findings, the most urgent first.
    pub findings: Vec<Finding>,
}

/// Who else should say something about a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whether Tiki answers our files with result files.
    pub results: bool,
    /// Whether the core has a statement of the day.
    pub statement: bool,
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
        expected: Expected,
    ) -> Self {
        Self {
            day,
            exported,
            sent,
            received,
            statement: statement.filter(|statement| statement.done_at.is_some()),
            expected,
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
            results: self.results(),
            statement: match (&self.statement, self.expected.statement) {
                (Some(_), _) => Statement::Compared,
                (None, true) => Statement::Missing,
                (None, false) => Statement::NotAsked,
            },
            orders_without_money,
            needs_review,
            automatic: self.open().saturating_sub(for_review),
            differences_vnd: self.differences_vnd,
        }
    }

    fn results(&self) -> Results {
        let is_read = |file: &Received| file.done_at.is_some() && file.sha256.is_some();
        if self.received.is_empty() {
            return if self.expected.results {
                Results::None
            } else {
                Results::NotAsked
            };
        }
        if !self.received.iter().all(is_read) {
            return Results::BeingRead;
        }
        // Where Tiki names its results after our files, each that it has needs one.
        let answers = |sent: &Sent| self.received.iter().any(|file| is_about(file, sent));
        let has = |sent: &&Sent| self.is_current(sent) && sent.delivered_at.is_some();
        let at_tiki = self.sent.iter().filter(has);
        let (all, answered) = at_tiki.fold((0_u64, 0_u64), |(all, answered), sent| {
            let more = u64::from(answers(sent));
            (all.saturating_add(1), answered.saturating_add(more))
        });
        if answered > 0 && answered < all {
            Results::Partly
        } else {
            Results::Read
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

/// Whether a result file has the name of one of our files, perhaps with more behind it.
fn is_about(file: &Received, sent: &Sent) -> bool {
    let rest = file.name.strip_prefix(&sent.name);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The order of findings on the page: those first that most need a person.
fn rank(finding: &Finding) -> (bool, Kind, String) {
    (
        !finding.is_open(),
        finding.kind,
        finding.subject.to_string(),
    )
}
