//! The table of findings, for a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use domain::printable;
use reconciliation::record::Finding;

use crate::row::{self, Cell, HEADER};

/// Writes the findings of a day, one line each, as RFC 4180 has it: UTF-8 with a byte order mark, by which
/// spreadsheets recognise the encoding.
pub struct FindingsTable<W: Write>(Writer<W>);

impl<W: Write> FindingsTable<W> {
    /// Starts a table and writes its header.
    pub fn new(mut into: W) -> io::Result<Self> {
        into.write_all("\u{feff}".as_bytes())?;
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::Any(b'\n'))
            .from_writer(into);
        writer.write_record(HEADER)?;
        Ok(Self(writer))
    }

    /// Adds the line of one finding.
    pub fn write(&mut self, finding: &Finding) -> io::Result<()> {
        let cells = row::of(finding).map(|cell| match cell {
            Cell::Text(text) => safe(&text),
            Cell::Number(number) => number.to_string(),
            Cell::Empty => String::new(),
        });
        Ok(self.0.write_record(cells)?)
    }

    /// Writes what is still buffered.
    pub fn finish(self) -> io::Result<W> {
        let finished = self.0.into_inner();
        finished.map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A text that no spreadsheet runs as a formula. One that starts like a formula gets an apostrophe before it,
/// which a spreadsheet reads as "this is text". The same after each semicolon: a spreadsheet with that
/// separator starts a cell there, quoted or not. What is not printable becomes a blank first.
fn safe(text: &str) -> String {
    let text = printable(text);
    let cells = text.split(';').map(|cell| {
        let apostrophe = if is_formula(cell) { "'" } else { "" };
        format!("{apostrophe}{cell}")
    });
    cells.collect::<Vec<_>>().join(";")
}

/// Whether a spreadsheet may read a cell as a formula. It decides by the first character that it does not skip.
fn is_formula(cell: &str) -> bool {
    let skipped = |c: char| {
        let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
        c.is_whitespace() || invisible || "\"'".contains(c)
    };
    let start = cell.trim_start_matches(skipped);
    start.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_formula_becomes_text() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            " =1",
            "\"=1",
            "'=1",
            "\" ' =1",
            "＝1",
            "＋1",
            "－1",
            "＠1",
            "\u{a0}=1",
            "\u{200b}=1",
            "\u{feff}@1",
            "=",
            "--help",
        ] {
            assert_eq!(safe(formula), format!("'{formula}"), "{formula:?}");
        }
        for (text, expected) in [
            ("\t=1", "' =1"),
            ("\r1", " 1"),
            ("\n1", " 1"),
            ("\u{202a}=1", "' =1"),
            ("\u{85}\u{2028}@1", "'  @1"),
            ("a;=1+1", "a;'=1+1"),
            ("a; \"@1;b", "a;' \"@1;b"),
            ("two\r\nlines", "two  lines"),
        ] {
            assert_eq!(safe(text), expected, "{text:?}");
        }
        for text in [
            "",
            "SUCCESS",
            "1-2",
            "T-1",
            "lệch = số tiền",
            "00",
            "a;b; c",
            "\u{200b}1",
        ] {
            assert_eq!(safe(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_cell_starts_like_a_formula(text in "[=+@＝＋－＠\\-;\"' \t\r\n\u{a0}\u{feff}a1]{0,12}|.*") {
            let safe = safe(&text);
            prop_assert!(!safe.contains(domain::is_unprintable));
            for (cell, before) in safe.split(';').zip(printable(&text).split(';')) {
                let kept = cell.strip_prefix('\'').filter(|_| is_formula(before)).unwrap_or(cell);
                prop_assert_eq!(kept, before, "nothing else changes");
                let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                prop_assert!(!bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{}", safe);
            }
        }
    }
}
