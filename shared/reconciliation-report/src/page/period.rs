//! The HTML page of several days: a month, or holidays that are worked on as one.

use std::io;

use askama::Template;
use domain::Day;
use reconciliation::record::DayMoney;

use super::filters;
use crate::period::{DayOfPeriod, PeriodReport};
use crate::verdict::{self, Urgency, Verdict};

/// Renders the page of several days.
pub fn period_html(report: &PeriodReport) -> io::Result<String> {
    let known = report.known();
    let mut verdicts = verdict::of_period(report);
    for verdict in &mut verdicts {
        // The details are on the days' own pages.
        verdict.anchor = None;
    }
    let page = PeriodPage {
        title: report.title(),
        money: report.money()?,
        open: known
            .iter()
            .fold(0, |sum, day| sum.saturating_add(day.open())),
        differences: known
            .iter()
            .fold(0, |sum, day| sum.saturating_add(day.differences_vnd)),
        rows: report.days.iter().map(|day| row(report, day)).collect(),
        verdicts,
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "period.html")]
struct PeriodPage {
    /// `Tháng 11/2026`, or the first and the last day.
    title: String,
    verdicts: Vec<Verdict>,
    money: DayMoney,
    open: u64,
    differences: u64,
    rows: Vec<Row>,
}

/// One day in the table.
struct Row {
    day: Day,
    /// The day's own page, if it lies beside this one.
    page: Option<String>,
    money: Option<DayMoney>,
    open: Option<u64>,
    verdict: Verdict,
}

fn row(report: &PeriodReport, day: &DayOfPeriod) -> Row {
    let summary = day.summary.as_ref();
    let first = summary.and_then(|summary| verdict::of_day(summary).into_iter().next());
    Row {
        day: day.day,
        page: report
            .pages_beside
            .then(|| PeriodReport::page_name(day.day)),
        money: summary.and_then(|summary| summary.money),
        open: summary.map(reconciliation::record::DaySummary::open),
        verdict: first.unwrap_or_else(|| no_report(report, day)),
    }
}

/// The latest day may not be due yet.
fn no_report(report: &PeriodReport, day: &DayOfPeriod) -> Verdict {
    let is_latest = report.days.last() == Some(day);
    Verdict {
        urgency: if is_latest {
            Urgency::Wait
        } else {
            Urgency::Bad
        },
        anchor: None,
        vi: "Chưa có báo cáo".to_owned(),
        en: "No report yet".to_owned(),
    }
}
