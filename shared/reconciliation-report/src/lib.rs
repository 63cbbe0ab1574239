//! The report of one day of reconciliation, for the people who work on it: a page ([`page_html`]), and a table for a
//! spreadsheet ([`FindingsTable`], [`FindingsWorkbook`]), Vietnamese first, English beside it. Both follow from the records
//! of [`reconciliation::record`] alone, so the same records always give the same bytes. The crate is pure: it
//! writes bytes, and the function `reconcile` stores it beside the day's files.
//!
//! Each module uses only modules below it:
//!
//! | module | contents |
//! |---|---|
//! | `page` | the HTML page, from the templates in `templates/` |
//! | `table` | the table as CSV |
//! | `workbook` | the table as XLSX |
//! | `row` | a finding as a row of the table |
//! | `letter` | what to ask Tiki and the core's operators, ready to send |
//! | `commands` | the `tikivip` commands that the report proposes for a finding |
//! | `phrases` | what each kind, reason and answer of Tiki means, in both languages |
//! | `day` | the data of one day, and its counts |
//! | `text` | how numbers, times and texts from outside are printed |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod commands;
mod day;
mod letter;
mod page;
mod phrases;
mod row;
mod table;
mod text;
mod workbook;

pub use self::day::{DayReport, MAX_FINDINGS_ON_PAGE};
pub use self::page::page_html;
pub use self::table::FindingsTable;
pub use self::workbook::FindingsWorkbook;
