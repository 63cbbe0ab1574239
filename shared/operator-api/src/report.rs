//! The report of a day, of a month, or of several days as one.

use reconciliation::record::{DayMoney, DaySummary};
use reconciliation_report::{PeriodReport, verdict};
use serde::{Deserialize, Serialize};

/// The report of a period: `GET /operator/v1/report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportView {
    pub period: String,
    pub days: Vec<DayView>,
    /// All days together.
    pub total: MoneyView,
    /// What there is to say about the whole, the most urgent first.
    pub verdicts: Vec<VerdictView>,
}

/// A day of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayView {
    pub day: String,
    /// `null` before the day's first export.
    pub money: Option<MoneyView>,
    pub delivered: bool,
    pub results: String,
    pub for_review: u64,
    pub open: u64,
    pub differences_vnd: u64,
}

/// Sums of a day or of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyView {
    pub success: u64,
    pub success_vnd: u64,
    pub refunded: u64,
    pub refunded_vnd: u64,
    pub net_vnd: i128,
    pub failure: u64,
}

/// A sentence about a report, in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictView {
    pub urgency: String,
    pub vi: String,
    pub en: String,
}

/// The files of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFile {
    /// The page for a browser.
    Page,
    /// All findings, as CSV.
    Table,
    /// All findings, as XLSX.
    Workbook,
}

impl ReportFile {
    /// All files, with their words on the wire.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Page, "page"),
        (Self::Table, "table"),
        (Self::Workbook, "workbook"),
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Table => "table",
            Self::Workbook => "workbook",
        }
    }
}

impl std::str::FromStr for ReportFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text);
        found
            .map(|(file, _)| *file)
            .ok_or("must be page, table or workbook")
    }
}

/// A file of a report: `GET /operator/v1/report/file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// The content in base64.
    pub content: String,
}

impl ReportView {
    /// The report of a period; of a single day its own sentences.
    pub fn of(report: &PeriodReport) -> std::io::Result<Self> {
        let (period, days) = (report.period, report.known());
        let verdicts = match days.as_slice() {
            [day] if period.single_day().is_some() => verdict::of_day(day),
            _ => verdict::of_period(report),
        };
        Ok(Self {
            period: period.to_string(),
            days: days.iter().map(DayView::from).collect(),
            total: report.money()?.into(),
            verdicts: verdicts
                .into_iter()
                .map(|verdict| VerdictView {
                    urgency: verdict.urgency.as_str().to_owned(),
                    vi: verdict.vi,
                    en: verdict.en,
                })
                .collect(),
        })
    }
}

impl From<&DaySummary> for DayView {
    fn from(day: &DaySummary) -> Self {
        Self {
            day: day.day.to_string(),
            money: day.money.map(MoneyView::from),
            delivered: day.delivered,
            results: day.results.to_string(),
            for_review: day.for_review(),
            open: day.open(),
            differences_vnd: day.differences_vnd,
        }
    }
}

impl From<DayMoney> for MoneyView {
    fn from(money: DayMoney) -> Self {
        Self {
            success: money.success.count,
            success_vnd: money.success.amount_vnd,
            refunded: money.refunded.count,
            refunded_vnd: money.refunded.amount_vnd,
            net_vnd: money.net_vnd(),
            failure: money.failure.count,
        }
    }
}
