//! The reports of reconciliation, for the people who work on it: the page of a day ([`page_html`]) or of several
//! ([`period_html`]), and a table for a spreadsheet ([`FindingsTable`], [`FindingsWorkbook`]), Vietnamese first, English
//! beside it. All follow from the records of [`reconciliation::record`] alone, so the same records always give the same
//! bytes. The crate is pure: it writes bytes, and `reports` reads the records and keeps the files.
//!
//! Each module uses only modules below it:
//!
//! | module | contents |
//! |---|---|
//! | `page` | the HTML pages, from the templates in `templates/` |
//! | `table` | the table as CSV |
//! | `workbook` | the table as XLSX |
//! | `row` | a finding as a row of the table |
//! | [`verdict`] | whether a day, or several, are in order |
//! | [`mail`] | the mail about a day |
//! | `letter` | what to ask Tiki and the core's operators, ready to send |
//! | `commands` | the `tikivip` commands that the report proposes for a finding |
//! | `phrases` | what each kind, reason and answer of Tiki means, in both languages |
//! | `day`, `period` | the data of one day, and of several |
//! | `text` | how numbers, times and texts from outside are printed |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod commands;
mod day;
mod letter;
pub mod mail;
mod page;
mod period;
mod phrases;
mod row;
mod table;
mod text;
pub mod verdict;
mod workbook;

pub use self::day::{DayReport, Expected, MAX_FINDINGS_ON_PAGE};
pub use self::page::{page_html, period_html};
pub use self::period::{DayOfPeriod, PeriodReport};
pub use self::table::FindingsTable;
pub use self::workbook::FindingsWorkbook;
