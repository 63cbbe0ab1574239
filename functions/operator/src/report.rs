//! The report of a day, of a month, or of several days as one. It is made from the records as they are now, and nothing
//! is published.

use std::path::Path;

use api::{ApiError, Inbound, Reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_fields::InvalidField;
use operator_api::report::{FileView, ReportFile, ReportView};
use reconciliation::period::Period;
use reconciliation_report::{DayOfPeriod, PeriodReport};
use reports::ReportFiles;

use crate::transactions::optional_of_query;
use crate::{Operator, answer};

/// The largest file that an answer can have: Lambda allows 6 MB, and base64 makes it a third longer.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Shows the report of a period.
pub(crate) async fn show(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    match written(operator, request, folder.path()).await? {
        Written::Report(report) => {
            let view = ReportView::of(&report).map_err(anyhow::Error::from)?;
            Ok(answer::shown(&view))
        }
        Written::Nothing(why) => Ok(why),
    }
}

/// Gives one file of the report.
pub(crate) async fn file(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let wanted = optional_of_query::<ReportFile>(request, "file")?
        .ok_or_else(|| InvalidField::field("file", "is required"))?;
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    if let Written::Nothing(why) = written(operator, request, folder.path()).await? {
        return Ok(why);
    }
    let files = ReportFiles::of(folder.path());
    let file = match wanted {
        ReportFile::Page => files.page,
        ReportFile::Table => files.table,
        ReportFile::Workbook => files.workbook,
    };
    let content = std::fs::read(file).map_err(anyhow::Error::from)?;
    if content.len() > MAX_FILE_BYTES {
        return Ok(answer::against_the_rules(
            "the file is larger than 4 MiB: take a shorter period, or the published files in the bucket",
        ));
    }
    let content = STANDARD.encode(content);
    Ok(answer::shown(&FileView { content }))
}

enum Written {
    Report(PeriodReport),
    /// Why there is no report.
    Nothing(Reply),
}

/// Writes the files of the period into a folder. A single day is a period of one.
async fn written(
    operator: &Operator,
    request: &Inbound,
    folder: &Path,
) -> Result<Written, ApiError> {
    let period = optional_of_query::<Period>(request, "period")?
        .ok_or_else(|| InvalidField::field("period", "is required"))?;
    let today = operator.clock.now().vietnamese_day();
    if period.first() >= today {
        let from = period.first().next();
        let why = format!("{period} is not over in Vietnam: it can be reported from {from} on");
        return Ok(Written::Nothing(answer::against_the_rules(&why)));
    }
    let (records, sides) = (&operator.records, operator.sides);
    let report = match period.single_day() {
        None => reports::write_period(records, (period, today), sides, folder).await?,
        Some(day) => {
            let report = reports::write_day(records, day, sides, folder).await?;
            let summary = (!report.is_empty()).then(|| report.summary());
            PeriodReport {
                period,
                days: vec![DayOfPeriod { day, summary }],
                pages_beside: false,
            }
        }
    };
    if report.known().is_empty() {
        let why = format!("nothing is recorded of {period}");
        return Ok(Written::Nothing(answer::nothing(&why)));
    }
    Ok(Written::Report(report))
}
