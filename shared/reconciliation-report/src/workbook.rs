//! The findings of a day as a workbook (XLSX): ids are texts, so that no spreadsheet turns one into a number.

use std::io::{Seek, Write};

use domain::printable;
use reconciliation::period::Period;
use reconciliation::record::Finding;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::row::{self, Cell, HEADER};

/// How wide each column is, in characters.
const WIDTHS: [u16; 23] = [
    11, 38, 38, 24, 60, 60, 14, 16, 24, 16, 14, 16, 22, 22, 8, 40, 34, 8, 20, 60, 14, 20, 40,
];

/// Writes the findings of one day or several, one row each. It keeps one row in memory.
pub struct FindingsWorkbook {
    workbook: Workbook,
    next_row: u32,
    money: Format,
}

impl FindingsWorkbook {
    /// Starts a workbook and writes its headings.
    pub fn new(period: Period) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        // The same findings always give the same bytes: the workbook was made on its last day.
        let made = ExcelDateTime::parse_from_str(&period.last().to_string())?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(period.to_string())?;
        for (column, width) in (0..).zip(WIDTHS) {
            sheet.set_column_width(column, width)?;
        }
        sheet.set_freeze_panes(1, 2)?;
        let bold = Format::new().set_bold();
        for (column, heading) in (0..).zip(HEADER) {
            sheet.write_string_with_format(0, column, heading, &bold)?;
        }
        Ok(Self {
            workbook,
            next_row: 1,
            money: Format::new().set_num_format("#,##0"),
        })
    }

    /// Adds the row of one finding.
    pub fn write(&mut self, finding: &Finding) -> Result<(), XlsxError> {
        let sheet: &mut Worksheet = self.workbook.worksheet_from_index(0)?;
        for (column, cell) in (0..).zip(row::of(finding)) {
            match cell {
                Cell::Empty => continue,
                Cell::Text(text) => sheet.write_string(self.next_row, column, readable(&text))?,
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a workbook has floating numbers alone, and no amount is beyond 2^53"
                )]
                Cell::Number(number) => sheet.write_number_with_format(
                    self.next_row,
                    column,
                    number as f64,
                    &self.money,
                )?,
            };
        }
        self.next_row = self.next_row.saturating_add(1);
        Ok(())
    }

    /// Writes the workbook.
    pub fn finish<W: Write + Seek + Send>(mut self, into: W) -> Result<(), XlsxError> {
        self.workbook.save_to_writer(into)
    }
}

/// A printable text, because a workbook cannot have control characters, and not longer than a cell may be.
fn readable(text: &str) -> String {
    const MAX_CELL_CHARS: usize = 32_000;
    printable(text).chars().take(MAX_CELL_CHARS).collect()
}
