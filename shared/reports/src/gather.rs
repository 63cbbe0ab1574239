//! Reads the records of a day.

use domain::Day;
use reconciliation::record::{ComparedFrom, Finding, Received, Sent};
use reconciliation_report::{DayReport, Expected};
use store::{Key, ReconciliationRecords, Versioned, day_partition};

use crate::Sides;
use crate::tables::Tables;

/// The report of a day. The tables get all its findings; the report itself keeps those that most need a person.
pub(crate) async fn day(
    records: &ReconciliationRecords,
    day: Day,
    sides: Sides,
    tables: &mut Tables,
) -> anyhow::Result<DayReport> {
    let partition = day_partition(day);
    let compared_from = record(records.get(&Key::compared_from()).await?);
    let has_statement = compared_from.is_some_and(|from: ComparedFrom| day >= from.first_day);
    let expected = Expected {
        results: sides.results,
        statement: sides.statements && has_statement,
    };
    let mut report = DayReport::new(
        day,
        record(records.get(&Key::exported(day)).await?),
        all(records.list::<Sent>(&partition).await?),
        all(records.list::<Received>(&partition).await?),
        record(records.get(&Key::statement(day)).await?),
        expected,
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
