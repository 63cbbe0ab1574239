//! `tikivip report`: the report of a day, of a month, or of several days as one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Vnd;
use operator_api::report::{DayView, FileView, MoneyView, ReportFile, ReportView};
use reconciliation::period::Period;
use reconciliation_report::PeriodReport;
use reports::ReportFiles;
use serde::Serialize;

use crate::cli::{Form, ReportTarget};
use crate::client::Client;
use crate::output::{self, Outcome};

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    report: ReportView,
    /// The page, if a person wants the files.
    page: Option<PathBuf>,
}

/// Shows the report of a period, and writes its files if a person wants them.
pub(super) async fn report(
    client: &Client,
    form: Form,
    period: Period,
    target: &ReportTarget,
) -> anyhow::Result<Outcome> {
    let text = period.to_string();
    let report: ReportView = client.get("report", &[("period", &text)]).await?;
    let page = match folder(target)? {
        Some(folder) => {
            write(client, (&report, period), &folder).await?;
            Some(ReportFiles::of(&folder).page)
        }
        None => None,
    };
    let shown = Shown { report, page };
    output::print(form, &shown, table);
    if let Some(page) = shown.page.filter(|_| target.open) {
        open::that_detached(&page)
            .with_context(|| format!("no browser could be started for {}", page.display()))?;
    }
    Ok(Outcome::Done)
}

/// Where the files go: into a person's folder, or one that stays for the browser. `None` if nobody wants any.
fn folder(target: &ReportTarget) -> anyhow::Result<Option<PathBuf>> {
    Ok(match &target.out {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("--out {}", folder.display()))?;
            Some(folder.clone())
        }
        None if target.open => Some(tempfile::tempdir()?.keep()),
        None => None,
    })
}

/// Writes the files. Beside the page of several days is the page of each of them.
async fn write(
    client: &Client,
    (report, period): (&ReportView, Period),
    folder: &Path,
) -> anyhow::Result<()> {
    let files = ReportFiles::of(folder);
    let whole = [
        (ReportFile::Page, files.page),
        (ReportFile::Table, files.table),
        (ReportFile::Workbook, files.workbook),
    ];
    for (file, path) in whole {
        fetch(client, &period.to_string(), file, &path).await?;
    }
    if period.single_day().is_some() {
        return Ok(());
    }
    for day in &report.days {
        let path = folder.join(PeriodReport::page_name(day.day.parse()?));
        fetch(client, &day.day, ReportFile::Page, &path).await?;
    }
    Ok(())
}

async fn fetch(client: &Client, period: &str, file: ReportFile, path: &Path) -> anyhow::Result<()> {
    let query = [("period", period), ("file", file.as_str())];
    let file: FileView = client.get("report/file", &query).await?;
    let content = STANDARD.decode(file.content)?;
    std::fs::write(path, content).with_context(|| path.display().to_string())
}

fn table(shown: &Shown) -> String {
    let verdicts = shown.report.verdicts.iter();
    let verdicts: Vec<String> = verdicts
        .map(|verdict| format!("  {}", verdict.en))
        .collect();
    let mut rows: Vec<[String; 6]> = shown.report.days.iter().map(row).collect();
    if shown.report.days.len() > 1 {
        let open = shown
            .report
            .days
            .iter()
            .fold(0, |sum: u64, day| sum.saturating_add(day.open));
        rows.push(cells(
            "Total",
            Some(&shown.report.total),
            open,
            String::new(),
        ));
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

fn row(day: &DayView) -> [String; 6] {
    let delivered = if day.delivered { "yes" } else { "no" };
    cells(&day.day, day.money.as_ref(), day.open, delivered.to_owned())
}

fn cells(day: &str, money: Option<&MoneyView>, open: u64, delivered: String) -> [String; 6] {
    let amount = |of: fn(&MoneyView) -> i128| money.map_or_else(|| "—".to_owned(), |m| vnd(of(m)));
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
