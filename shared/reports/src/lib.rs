//! Reads the records of days, and writes their reports into a folder: a page for a browser, a table and a workbook for a
//! spreadsheet. `reconcile` publishes what is in the folder; `tikivip report` leaves it to a person. What the reports
//! say is in `reconciliation-report`, which is pure.
//!
//! | module | what it does |
//! |---|---|
//! | `gather` | reads the records of a day, and streams its findings into the tables |
//! | `tables` | the table and the workbook of a folder |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod gather;
mod tables;

use std::path::{Path, PathBuf};

use domain::Day;
use reconciliation::period::Period;
use reconciliation::record::{DaySummary, Reported};
use reconciliation_report::{DayOfPeriod, DayReport, PeriodReport, page_html, period_html};
use store::{Key, ReconciliationRecords};

use self::tables::Tables;

/// The files of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFiles {
    /// The page for a browser.
    pub page: PathBuf,
    /// All findings, as CSV.
    pub table: PathBuf,
    /// All findings, as XLSX.
    pub workbook: PathBuf,
}

impl ReportFiles {
    /// The files of the report in this folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self {
            page: folder.join("report.html"),
            table: folder.join("report.csv"),
            workbook: folder.join("report.xlsx"),
        }
    }
}

/// Who else keeps books of our days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Whether Tiki answers our files with result files: it does if it has a file server.
    pub results: bool,
    /// Whether the core has statements.
    pub statements: bool,
}

/// Writes the report of a day into a folder. Its findings pass through memory page by page.
pub async fn write_day(
    records: &ReconciliationRecords,
    day: Day,
    sides: Sides,
    folder: &Path,
) -> anyhow::Result<DayReport> {
    let files = ReportFiles::of(folder);
    let mut tables = Tables::create(&files, day.into())?;
    let report = gather::day(records, day, sides, &mut tables).await?;
    tables.finish()?;
    std::fs::write(&files.page, page_html(&report)?)?;
    Ok(report)
}

/// Writes the report of several days as one: their page, a table and a workbook with the findings of all of them, and
/// beside it the page of each day. Days that are not over before `today` are no part of it.
pub async fn write_period(
    records: &ReconciliationRecords,
    (period, today): (Period, Day),
    sides: Sides,
    folder: &Path,
) -> anyhow::Result<PeriodReport> {
    let files = ReportFiles::of(folder);
    let mut tables = Tables::create(&files, period)?;
    let (first, mut days) = (first_day(records).await?, Vec::new());
    for day in period.days().take_while(|day| *day < today) {
        let report = gather::day(records, day, sides, &mut tables).await?;
        if report.is_empty() && is_before(day, first) {
            continue;
        }
        let page = folder.join(PeriodReport::page_name(day));
        std::fs::write(page, page_html(&report)?)?;
        let summary = Some(report.summary());
        days.push(DayOfPeriod { day, summary });
    }
    tables.finish()?;
    let report = PeriodReport {
        period,
        days,
        pages_beside: true,
    };
    std::fs::write(&files.page, period_html(&report)?)?;
    Ok(report)
}

/// The report of several days from what was last published of each: few reads, however many findings there are.
/// `fresh` is a day that is about to be published, and is taken as it is given.
pub async fn published_period(
    records: &ReconciliationRecords,
    period: Period,
    today: Day,
    fresh: Option<&DaySummary>,
) -> anyhow::Result<PeriodReport> {
    let (first, mut days) = (first_day(records).await?, Vec::new());
    for day in period.days().take_while(|day| *day < today) {
        let summary = match fresh.filter(|fresh| fresh.day == day) {
            Some(fresh) => Some(fresh.clone()),
            None => summary(records, day).await?,
        };
        if summary.is_some() || !is_before(day, first) {
            days.push(DayOfPeriod { day, summary });
        }
    }
    Ok(PeriodReport {
        period,
        days,
        pages_beside: false,
    })
}

/// What was last published of a day.
async fn summary(records: &ReconciliationRecords, day: Day) -> anyhow::Result<Option<DaySummary>> {
    let reported = records.get::<Reported>(&Key::reported(day)).await?;
    Ok(reported.and_then(|known| known.record.summary))
}

/// The first day of which this stack knows by itself; none before its first run. Of an earlier day it knows only what
/// a person had it export.
async fn first_day(records: &ReconciliationRecords) -> anyhow::Result<Option<Day>> {
    let began = records.get(&Key::began()).await?;
    Ok(began.map(|began| began.record.first_day))
}

fn is_before(day: Day, first: Option<Day>) -> bool {
    first.is_none_or(|first| day < first)
}
