//! The report as a page that needs nothing else, in Vietnamese with the English beside it.

use anyhow::Context;
use askama::Template;

use super::{Outcome, Report};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    report: &'r Report,
    /// What was tested, in Vietnamese and English.
    subject: (&'static str, &'static str),
    passed: usize,
    failed: usize,
    skipped: usize,
}

pub(super) fn page(report: &Report) -> anyhow::Result<String> {
    let (passed, failed, skipped) = report.counts();
    let subject = match report.kit {
        "test-core" => ("Kiểm tra hệ thống lõi", "Test of the core"),
        _ => ("Kiểm tra phía đối tác", "Test of the partner's side"),
    };
    let page = Page {
        report,
        subject,
        passed,
        failed,
        skipped,
    };
    page.render().context("render the report")
}
