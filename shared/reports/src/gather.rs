//! Reads the records of a day.

use domain::Day;
use reconciliation::record::{Finding, Received, Sent};
use reconciliation_report::DayReport;
use store::{Key, ReconciliationRecords, Versioned, day_partition};

use crate::tables::Tables;

/// The report of a day. The tables get all its findings; the report itself keeps those that most need a person.
pub(crate) async fn day(
    records: &ReconciliationRecords,
    day: Day,
    tables: &mut Tables,
) -> anyhow::Result<DayReport> {
    let partition = day_partition(day);
    let mut report = DayReport::new(
        day,
        record(records.get(&Key::exported(day)).await?),
        all(records.list::<Sent>(&partition).await?),
        all(records.list::<Received>(&partition).await?),
        record(records.get(&Key::statement(day)).await?),
    );
    let mut pages = records.pages::<Finding>(partition);
    while let Some(page) = pages.next().await? {
        let findings = all(page);
        for finding in &findings {
            tables.write(finding)?;
        }
        report.add(findings);
    }
    Ok(report)
}

fn record<R>(known: Option<Versioned<R>>) -> Option<R> {
    known.map(|known| known.record)
}

fn all<R>(known: Vec<Versioned<R>>) -> Vec<R> {
    known.into_iter().map(|known| known.record).collect()
}
