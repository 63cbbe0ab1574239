//! The report of a day, for people: a page and a table, in the archive next to the files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use domain::Day;
use ledger::Entry;
use reconciliation::record::{CLOSED, Finding, Received, Record, Reported, Sent, of_day};
use reconciliation::report::{DayReport, FindingsTable, MOST_SHOWN};

use crate::import::sha256;
use crate::{Reconcile, Run};

/// How many findings are read at a time.
const FINDINGS_PER_PAGE: u16 = 200;

impl Reconcile {
    /// Writes the report of each day that needs a new one.
    pub(crate) async fn publish(&self, run: &mut Run) -> anyhow::Result<()> {
        let closed = self.ledger.open(CLOSED, FINDINGS_PER_PAGE).await?;
        let mut closings = Vec::new();
        for (subject, entry) in closed {
            if let Some(finding) = self.ledger.get::<Finding>(&subject, &entry).await? {
                run.touched.insert(finding.record.day.parse()?);
                closings.push(finding);
            }
        }
        for day in std::mem::take(&mut run.touched) {
            self.publish_day(run, day)
                .await
                .with_context(|| format!("{day}"))?;
        }
        for closing in closings.into_iter().filter(|c| c.record.closed.is_some()) {
            let reported = Finding {
                reported: true,
                ..closing.record
            };
            self.ledger.put(reported, Some(closing.version)).await?;
        }
        Ok(())
    }

    async fn publish_day(&self, run: &mut Run, day: Day) -> anyhow::Result<()> {
        let html = run.folder.path().join("report.html");
        let csv = run.folder.path().join("report.csv");
        let report = self.report(day, &csv).await?;
        std::fs::write(&html, report.html())?;
        let reported = Reported {
            day: day.to_string(),
            html_sha256: sha256(&html)?,
            csv_sha256: sha256(&csv)?,
        };
        let known = self
            .ledger
            .get::<Reported>(&of_day(day), &reported.entry())
            .await?;
        let (version, before) = known
            .map(|Entry { record, version }| (version, record))
            .unzip();
        if before.as_ref() == Some(&reported) {
            return Ok(());
        }
        let put = async |name, file: &Path, hash: &str, kind| {
            let key = format!("{day}/{name}");
            self.archive.put(&key, file, hash, kind).await
        };
        let kind = "text/html; charset=utf-8";
        put("report.html", &html, &reported.html_sha256, kind).await?;
        let kind = "text/csv; charset=utf-8";
        put("report.csv", &csv, &reported.csv_sha256, kind).await?;
        self.ledger.put(reported, version).await?;
        run.outcome.reported.push(day.to_string());
        Ok(())
    }

    /// The report of a day. Every finding goes into the table; the page shows those that need review most.
    async fn report(&self, day: Day, table: &Path) -> anyhow::Result<DayReport> {
        let subject = of_day(day);
        let records = |entries: Vec<Entry<Sent>>| entries.into_iter().map(|e| e.record).collect();
        let received = self.ledger.list::<Received>(&subject).await?;
        let mut report = DayReport {
            day,
            exported: self.exported(day).await?.map(|entry| entry.record),
            sent: records(self.ledger.list::<Sent>(&subject).await?),
            received: received.into_iter().map(|entry| entry.record).collect(),
            kinds: BTreeMap::new(),
            closed: 0,
            findings: Vec::new(),
        };
        let mut table = FindingsTable::new(BufWriter::new(File::create(table)?))?;
        let mut after = None;
        loop {
            let (page, next) = self
                .ledger
                .page::<Finding>(&subject, after, FINDINGS_PER_PAGE)
                .await?;
            for Entry { record, .. } in page {
                table.write(&record)?;
                let count = match record.closed {
                    Some(_) => &mut report.closed,
                    None => report.kinds.entry(record.kind).or_default(),
                };
                *count = count.saturating_add(1);
                report.findings.push(record);
            }
            // Those that need review most; within a kind, in the order of their ids.
            report.findings.sort_by(|a, b| rank(a).cmp(&rank(b)));
            report.findings.truncate(MOST_SHOWN);
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        table.finish()?;
        Ok(report)
    }
}

fn rank(finding: &Finding) -> (bool, reconciliation::classify::Kind, &str) {
    (!finding.is_open(), finding.kind, &finding.id)
}
