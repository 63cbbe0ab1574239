//! Writes the day's report for people, a page, a table and a workbook, to the object store beside the files, and the
//! page of its month.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context;
use domain::Day;
use reconciliation::hash::HashingWriter;
use reconciliation::period::Period;
use reconciliation::place::ObjectKey;
use reconciliation::record::{Finding, Reported};
use reconciliation_report::period_html;
use reports::ReportFiles;
use store::{CLOSED, Key, Versioned};

use crate::{Reconcile, Run};

/// The closings that one run shows in reports.
const MAX_CLOSINGS: u16 = 200;

impl Reconcile {
    /// Writes the report of each day on which something has changed.
    pub(crate) async fn publish(&self, run: &mut Run) -> anyhow::Result<()> {
        let closed = self.records.with_status(CLOSED, MAX_CLOSINGS);
        let mut closings = Vec::new();
        for key in closed.await? {
            let finding: Option<Versioned<Finding>> = self.records.get(&key).await?;
            run.changed_days
                .extend(finding.iter().map(|f| f.record.day));
            closings.extend(finding);
        }
        if run.owes_all_reports {
            run.changed_days.extend(self.due_days().await?);
        }
        let mut failed = BTreeSet::new();
        for day in std::mem::take(&mut run.changed_days) {
            let published = self.publish_day(run, day).await;
            if published.is_err() {
                failed.insert(day);
            }
            let published = published.with_context(|| format!("{day}"));
            run.note("a report could not be written", published);
        }
        closings.retain(|closing| !failed.contains(&closing.record.day));
        for closing in closings.into_iter().filter(|c| c.record.closed.is_some()) {
            let reported = Finding {
                reported: true,
                ..closing.record
            };
            self.records.put(reported, Some(closing.version)).await?;
        }
        Ok(())
    }

    /// Writes the report of a day, and before it that of its month, so that a run that dies in between is repeated.
    async fn publish_day(&self, run: &mut Run, day: Day) -> anyhow::Result<()> {
        let folder = run.folder.path().to_owned();
        let files = ReportFiles::of(&folder);
        let report = reports::write_day(&self.records, day, &folder).await?;
        let reported = Reported {
            day,
            html_sha256: sha256(&files.page)?,
            csv_sha256: sha256(&files.table)?,
            summary: Some(report.summary()),
        };
        let known = self.records.get(&Key::reported(day)).await?;
        let (version, before) = known
            .map(|Versioned { record, version }| (version, record))
            .unzip();
        if before.as_ref() == Some(&reported) {
            return Ok(());
        }
        let month = folder.join("month.html");
        std::fs::write(&month, self.month(&reported).await?)?;
        for (key, file) in [
            (ObjectKey::Page(day), &files.page),
            (ObjectKey::Table(day), &files.table),
            (ObjectKey::Workbook(day), &files.workbook),
            (ObjectKey::Month(day), &month),
        ] {
            self.objects
                .put(&key.to_string(), file, &sha256(file)?, key.content_type())
                .await?;
        }
        self.records.put(reported, version).await?;
        run.outcome.reported.push(day.to_string());
        Ok(())
    }

    /// The page of the month in which this report is the newest.
    async fn month(&self, newest: &Reported) -> anyhow::Result<String> {
        let (month, today) = (
            Period::month_of(newest.day),
            self.clock.now().vietnamese_day(),
        );
        let fresh = newest.summary.as_ref();
        let report = reports::published_period(&self.records, month, today, fresh).await?;
        Ok(period_html(&report)?)
    }
}

/// The SHA-256 of a file, in hex.
fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = HashingWriter::new(io::sink());
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finish()?.sha256)
}
