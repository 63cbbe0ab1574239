//! The table and the workbook of a report, which grow finding by finding.

use std::fs::File;
use std::io::BufWriter;

use reconciliation::period::Period;
use reconciliation::record::Finding;
use reconciliation_report::{FindingsTable, FindingsWorkbook};

use crate::ReportFiles;

pub(crate) struct Tables {
    table: FindingsTable<BufWriter<File>>,
    workbook: FindingsWorkbook,
    into: BufWriter<File>,
}

impl Tables {
    pub(crate) fn create(files: &ReportFiles, period: Period) -> anyhow::Result<Self> {
        Ok(Self {
            table: FindingsTable::new(BufWriter::new(File::create(&files.table)?))?,
            workbook: FindingsWorkbook::new(period)?,
            into: BufWriter::new(File::create(&files.workbook)?),
        })
    }

    pub(crate) fn write(&mut self, finding: &Finding) -> anyhow::Result<()> {
        self.table.write(finding)?;
        Ok(self.workbook.write(finding)?)
    }

    pub(crate) fn finish(self) -> anyhow::Result<()> {
        self.table.finish()?;
        Ok(self.workbook.finish(self.into)?)
    }
}
