//! Writes the day's report for people, a page, a table and a workbook, to the object store beside the files, and the
//! page of its month.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use domain::Day;
use reconciliation::hash::HashingWriter;
use reconciliation::period::Period;
use reconciliation::place::ObjectKey;
use reconciliation::record::{Finding, Reported};
use reconciliation_report::period_html;
use reports::{ReportFiles, Sides};
use store::{CLOSED, Key, Versioned, Written};

use crate::{MAX_DUE_DAYS, Reconcile, Run};

/// The closings that one run shows in reports.
const MAX_CLOSINGS: u16 = 200;

impl Reconcile {
    /// Writes the report of each day on which something has changed, and then those that may be owed. What cannot be
    /// written is owed to the next run.
    pub(crate) async fn publish(&self, run: &mut Run) {
        let owed = self.owed_days(run).await;
        let closings = self.closings(run).await;
        let changed = std::mem::take(&mut run.changed_days);
        let mut written = BTreeSet::new();
        for day in changed.iter().chain(owed.difference(&changed)).copied() {
            if !changed.contains(&day) && !run.has_time(self.clock.now()) {
                run.owes_reports = true;
                break;
            }
            let published = self.publish_day(run, day).await;
            match published {
                Ok(()) => drop(written.insert(day)),
                Err(error) => {
                    run.owes_reports = true;
                    let error = Err(error.context(day.to_string()));
                    run.note("a report could not be written", error);
                }
            }
        }
        for closing in closings {
            if closing.record.closed.is_some() && written.contains(&closing.record.day) {
                let reported = Finding {
                    reported: true,
                    ..closing.record
                };
                let put = self.records.put(reported, Some(closing.version)).await;
                let put = put.map(drop).map_err(anyhow::Error::from);
                run.note("a closed finding could not be marked as reported", put);
            }
        }
    }

    /// The days of which a run before may owe a report: it died, or failed to write one, and what it had changed was in
    /// its memory alone.
    async fn owed_days(&self, run: &mut Run) -> BTreeSet<Day> {
        if !std::mem::take(&mut run.owes_reports) {
            return BTreeSet::new();
        }
        let first = match self.first_day().await {
            Ok(first) => first,
            Err(error) => {
                run.owes_reports = true;
                run.note("owed reports could not be found", Err(error));
                return BTreeSet::new();
            }
        };
        let yesterday = self.clock.now().vietnamese_day().previous();
        let back = std::iter::successors(Some(yesterday), |day| Some(day.previous()));
        back.take(MAX_DUE_DAYS)
            .filter(|day| *day >= first)
            .collect()
    }

    /// The findings that were closed and that no report shows as closed yet. Their days have changed.
    async fn closings(&self, run: &mut Run) -> Vec<Versioned<Finding>> {
        let closed = self.records.with_status(CLOSED, MAX_CLOSINGS).await;
        let keys = closed.unwrap_or_else(|error| {
            run.note("closed findings could not be listed", Err(error.into()));
            Vec::new()
        });
        let mut closings = Vec::new();
        for key in keys {
            match self.records.get::<Finding>(&key).await {
                Ok(finding) => closings.extend(finding),
                Err(error) => run.note("a closed finding could not be read", Err(error.into())),
            }
        }
        run.changed_days
            .extend(closings.iter().map(|closing| closing.record.day));
        closings
    }

    /// Writes the report of a day, and with it that of its month. Until all is written, the record has no hashes, so that
    /// a run that comes so far and no further is repeated.
    async fn publish_day(&self, run: &mut Run, day: Day) -> anyhow::Result<()> {
        let folder = run.folder.path().to_owned();
        let files = ReportFiles::of(&folder);
        let report = reports::write_day(&self.records, day, self.sides(), &folder).await?;
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
        let begun = Reported {
            html_sha256: String::new(),
            csv_sha256: String::new(),
            ..reported.clone()
        };
        let (Written::Stored(begun) | Written::Conflict(begun)) =
            self.records.put(begun, version).await?;
        let month = folder.join("month.html");
        std::fs::write(&month, self.month(&reported).await?)?;
        for (key, file, hash) in [
            (ObjectKey::Page(day), &files.page, &reported.html_sha256),
            (ObjectKey::Table(day), &files.table, &reported.csv_sha256),
            (
                ObjectKey::Workbook(day),
                &files.workbook,
                &sha256(&files.workbook)?,
            ),
            (ObjectKey::Month(day), &month, &sha256(&month)?),
        ] {
            self.objects
                .put(&key.to_string(), file, hash, key.content_type())
                .await?;
        }
        self.records.put(reported, Some(begun.version)).await?;
        run.outcome.reported.push(day.to_string());
        Ok(())
    }

    /// Who else keeps books of our days.
    fn sides(&self) -> Sides {
        Sides {
            results: self.file_drop.is_some(),
            statements: self.core_books.is_some(),
        }
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
