//! `tikivip report`: the report of a day, of a month, or of several days as one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::{Day, Vnd};
use lambda::config::StatementSetting;
use reconciliation::period::Period;
use reconciliation::record::{DayMoney, DaySummary};
use reconciliation_report::verdict;
use reconciliation_report::{DayOfPeriod, PeriodReport};
use reports::{ReportFiles, Sides};
use serde::Serialize;
use store::ReconciliationRecords;

use crate::cli::{Form, ReportTarget};
use crate::context::CommandContext;
use crate::output::{self, Outcome};

#[derive(Serialize)]
struct Shown {
    period: String,
    days: Vec<ShownDay>,
    /// All days together.
    total: ShownMoney,
    /// What there is to say about the whole, the most urgent first.
    verdicts: Vec<ShownVerdict>,
    /// The page, if a person wants the files.
    page: Option<PathBuf>,
}

#[derive(Serialize)]
struct ShownDay {
    day: String,
    /// `null` before the day's first export.
    money: Option<ShownMoney>,
    delivered: bool,
    results: String,
    for_review: u64,
    open: u64,
    differences_vnd: u64,
}

#[derive(Serialize)]
struct ShownMoney {
    success: u64,
    success_vnd: u64,
    refunded: u64,
    refunded_vnd: u64,
    net_vnd: i128,
    failure: u64,
}

#[derive(Serialize)]
struct ShownVerdict {
    urgency: &'static str,
    vi: String,
    en: String,
}

/// Shows the report of a period, and writes its files if a person wants them.
pub(super) async fn report(
    context: &CommandContext,
    form: Form,
    period: Period,
    target: &ReportTarget,
) -> anyhow::Result<Outcome> {
    let records = context.records()?;
    let today = context.clock().now().vietnamese_day();
    if period.first() >= today {
        let from = period.first().next();
        let why = format!("{period} is not over in Vietnam: it can be reported from {from} on");
        return Err(Outcome::Refused(why).into());
    }
    let folder = Folder::of(target)?;
    let sides = sides(context)?;
    let report = write(&records, (period, today), sides, folder.path()).await?;
    if report.known().is_empty() {
        return Err(Outcome::Empty(format!("nothing is recorded of {period}")).into());
    }
    let page = folder
        .is_kept()
        .then(|| ReportFiles::of(folder.path()).page);
    let shown = shown(&report, page.clone())?;
    output::print(form, &shown, table);
    if let Some(page) = page.filter(|_| target.open) {
        open::that_detached(&page)
            .with_context(|| format!("no browser could be started for {}", page.display()))?;
    }
    Ok(Outcome::Done)
}

/// Who else keeps books of our days, by the settings of the stack.
fn sides(context: &CommandContext) -> anyhow::Result<Sides> {
    let sides = context.aws().env.load(|env| {
        let file_server = env.optional::<String>("SFTP_HOST");
        let statement = StatementSetting::read(env);
        Ok(Sides {
            results: file_server?.is_some(),
            statements: statement? != StatementSetting::Off,
        })
    });
    Ok(sides?)
}

/// Writes the files. A single day is a period of one.
async fn write(
    records: &ReconciliationRecords,
    (period, today): (Period, Day),
    sides: Sides,
    folder: &Path,
) -> anyhow::Result<PeriodReport> {
    let Some(day) = period.single_day() else {
        return reports::write_period(records, (period, today), sides, folder).await;
    };
    let report = reports::write_day(records, day, sides, folder).await?;
    let summary = (!report.is_empty()).then(|| report.summary());
    Ok(PeriodReport {
        period,
        days: vec![DayOfPeriod { day, summary }],
        pages_beside: false,
    })
}

/// Where the files go: into a person's folder, one that stays for the browser, or one that is removed.
enum Folder {
    Kept(PathBuf),
    Removed(tempfile::TempDir),
}

impl Folder {
    fn of(target: &ReportTarget) -> anyhow::Result<Self> {
        Ok(match &target.out {
            Some(folder) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("--out {}", folder.display()))?;
                Self::Kept(folder.clone())
            }
            None if target.open => Self::Kept(tempfile::tempdir()?.keep()),
            None => Self::Removed(tempfile::tempdir()?),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Removed(folder) => folder.path(),
        }
    }

    fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

fn shown(report: &PeriodReport, page: Option<PathBuf>) -> anyhow::Result<Shown> {
    let (period, days) = (report.period, report.known());
    let verdicts = match days.as_slice() {
        [day] if period.single_day().is_some() => verdict::of_day(day),
        _ => verdict::of_period(report),
    };
    Ok(Shown {
        period: period.to_string(),
        days: days.iter().map(ShownDay::from).collect(),
        total: report.money()?.into(),
        verdicts: verdicts
            .into_iter()
            .map(|verdict| ShownVerdict {
                urgency: verdict.urgency.as_str(),
                vi: verdict.vi,
                en: verdict.en,
            })
            .collect(),
        page,
    })
}

impl From<&DaySummary> for ShownDay {
    fn from(day: &DaySummary) -> Self {
        Self {
            day: day.day.to_string(),
            money: day.money.map(ShownMoney::from),
            delivered: day.delivered,
            results: day.results.to_string(),
            for_review: day.for_review(),
            open: day.open(),
            differences_vnd: day.differences_vnd,
        }
    }
}

impl From<DayMoney> for ShownMoney {
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

fn table(shown: &Shown) -> String {
    let verdicts = shown.verdicts.iter();
    let verdicts: Vec<String> = verdicts
        .map(|verdict| format!("  {}", verdict.en))
        .collect();
    let mut rows: Vec<[String; 6]> = shown.days.iter().map(row).collect();
    if shown.days.len() > 1 {
        let open = shown
            .days
            .iter()
            .fold(0, |sum: u64, day| sum.saturating_add(day.open));
        rows.push(cells("Total", Some(&shown.total), open, String::new()));
    }
    let heading = [
        "Day",
        "SUCCESS",
        "Refunded",
        "Due to Tiki",
        "Open",
        "Delivered",
    ];
    let page = shown.page.as_ref();
    let page = page.map(|page| format!("\n\n  {}", page.display()));
    format!(
        "  {}\n\n{}{}",
        verdicts.join("\n").trim_start(),
        output::table(heading, rows),
        page.unwrap_or_default()
    )
}

fn row(day: &ShownDay) -> [String; 6] {
    let delivered = if day.delivered { "yes" } else { "no" };
    cells(&day.day, day.money.as_ref(), day.open, delivered.to_owned())
}

fn cells(day: &str, money: Option<&ShownMoney>, open: u64, delivered: String) -> [String; 6] {
    let amount = |of: fn(&ShownMoney) -> i128| money.map_or_else(|| "—".to_owned(), |m| vnd(of(m)));
    [
        day.to_owned(),
        amount(|money| money.success_vnd.into()),
        amount(|money| money.refunded_vnd.into()),
        amount(|money| money.net_vnd),
        open.to_string(),
        delivered,
    ]
}

/// An amount, which may be below zero or larger than any one payment.
fn vnd(amount: i128) -> String {
    let sign = if amount < 0 { "−" } else { "" };
    let size = u64::try_from(amount.unsigned_abs()).ok();
    match size.and_then(|size| Vnd::new(size).ok()) {
        Some(size) => format!("{sign}{}", size.grouped()),
        None => format!("{amount} ₫"),
    }
}
