//! Writes the day's report for people, a page, a table and a workbook, to the object store beside the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use anyhow::Context;
use domain::Day;
use reconciliation::classify::Kind;
use reconciliation::hash::HashingWriter;
use reconciliation::place::ObjectKey;
use reconciliation::record::{Finding, Received, Reported, Sent};
use reconciliation_report::{
    DayReport, FindingsTable, FindingsWorkbook, MAX_FINDINGS_ON_PAGE, page_html,
};
use store::{CLOSED, Key, Versioned, day_partition};

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

    async fn publish_day(&self, run: &mut Run, day: Day) -> anyhow::Result<()> {
        let html = run.folder.path().join("report.html");
        let csv = run.folder.path().join("report.csv");
        let xlsx = run.folder.path().join("report.xlsx");
        let report = self.report(day, &csv, &xlsx).await?;
        std::fs::write(&html, page_html(&report)?)?;
        let reported = Reported {
            day,
            html_sha256: sha256(&html)?,
            csv_sha256: sha256(&csv)?,
        };
        let known = self.records.get(&Key::reported(day)).await?;
        let (version, before) = known
            .map(|Versioned { record, version }| (version, record))
            .unzip();
        if before.as_ref() == Some(&reported) {
            return Ok(());
        }
        for (key, file, hash) in [
            (ObjectKey::Page(day), &html, &reported.html_sha256),
            (ObjectKey::Table(day), &csv, &reported.csv_sha256),
            (ObjectKey::Workbook(day), &xlsx, &sha256(&xlsx)?),
        ] {
            self.objects
                .put(&key.to_string(), file, hash, key.content_type())
                .await?;
        }
        self.records.put(reported, version).await?;
        run.outcome.reported.push(day.to_string());
        Ok(())
    }

    /// The report of a day. The table and the workbook have all findings; the page has those that most need a person.
    async fn report(&self, day: Day, table: &Path, workbook: &Path) -> anyhow::Result<DayReport> {
        let partition = day_partition(day);
        let records =
            |entries: Vec<Versioned<Sent>>| entries.into_iter().map(|e| e.record).collect();
        let received = self.records.list::<Received>(&partition).await?;
        let mut report = DayReport {
            day,
            exported: self.exported(day).await?.map(|known| known.record),
            sent: records(self.records.list::<Sent>(&partition).await?),
            statement: self
                .records
                .get(&Key::statement(day))
                .await?
                .map(|known| known.record)
                .filter(|statement| statement.done_at.is_some()),
            received: received.into_iter().map(|known| known.record).collect(),
            kinds: BTreeMap::new(),
            closed: 0,
            findings: Vec::new(),
        };
        let mut table = FindingsTable::new(BufWriter::new(File::create(table)?))?;
        let mut rows = FindingsWorkbook::new(day)?;
        let mut pages = self.findings_of(day);
        while let Some(page) = pages.next().await? {
            for finding in page {
                table.write(&finding)?;
                rows.write(&finding)?;
                let count = match finding.closed {
                    Some(_) => &mut report.closed,
                    None => report.kinds.entry(finding.kind).or_default(),
                };
                *count = count.saturating_add(1);
                report.findings.push(finding);
            }
            report.findings.sort_by_key(rank);
            report.findings.truncate(MAX_FINDINGS_ON_PAGE);
        }
        table.finish()?;
        rows.finish(BufWriter::new(File::create(workbook)?))?;
        Ok(report)
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

/// The SHA-256 of a file, in hex.
fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = HashingWriter::new(io::sink());
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finish()?.sha256)
}
