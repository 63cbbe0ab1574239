//! The table of findings, for a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use reconciliation::record::{Closed, Finding};

use crate::commands;
use crate::text::clock;
use crate::words::{self, Words};

const HEADLINE: [&str; 21] = [
    "Ngày / Day",
    "Mã Tiki / Tiki's id",
    "Mã của chúng ta / Our id",
    "Tình trạng / Stands",
    "Nội dung / Because",
    "Đề xuất / Proposal",
    "Trạng thái của chúng ta / Our status",
    "Số tiền của chúng ta / Our amount",
    "Tiki trả lời / Tiki, asked",
    "Số tiền Tiki trả lời / Tiki's amount",
    "Trạng thái trong tệp / Status in the file",
    "Số tiền trong tệp / Amount in the file",
    "Mã kết quả / Code",
    "Lý do / Reason",
    "Tệp / File",
    "Dòng / Line",
    "Phát hiện lúc / Found at",
    "Lịch sử / History",
    "Người đóng / Closed by",
    "Đóng lúc / Closed at",
    "Lý do đóng / Closed because",
];

/// Writes a day's findings, one at a time and each on a line: UTF-8 with the mark by which spreadsheets know
/// it, RFC 4180.
pub struct FindingsTable<W: Write>(Writer<W>);

impl<W: Write> FindingsTable<W> {
    /// A table with its headline.
    pub fn new(mut into: W) -> io::Result<Self> {
        into.write_all("\u{feff}".as_bytes())?;
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::Any(b'\n'))
            .from_writer(into);
        writer.write_record(HEADLINE)?;
        Ok(Self(writer))
    }

    /// Writes a finding.
    pub fn write(&mut self, finding: &Finding) -> io::Result<()> {
        let closed = finding.closed.as_ref();
        let stands = closed.map_or(words::kind(finding.kind), |_| words::CLOSED);
        let because = words::ground(finding.ground).because.vi;
        let optional = |text: Option<&str>| safe(text.unwrap_or_default());
        let amount = |vnd: Option<u64>| vnd.map(|vnd| vnd.to_string()).unwrap_or_default();
        let by_closing = |of: fn(&Closed) -> &str| optional(closed.map(of));
        let (ours, in_file) = (&finding.ours, &finding.in_file);
        let record = [
            finding.day.clone(),
            safe(&finding.id),
            optional(finding.transaction_id.as_deref()),
            both(stands),
            because.to_owned(),
            safe(&proposal(finding)),
            optional(ours.status.as_deref()),
            amount(ours.amount_vnd),
            words::asked(&finding.tiki).map_or_else(|| safe(&finding.tiki), both),
            amount(finding.tiki_amount_vnd),
            optional(in_file.status.as_deref()),
            amount(in_file.amount_vnd),
            safe(&finding.code),
            safe(&finding.reason),
            safe(&finding.file),
            finding.line.to_string(),
            clock(finding.found_at),
            safe(&history(finding)),
            by_closing(|closed| &closed.by),
            closed.map(|closed| clock(closed.at)).unwrap_or_default(),
            by_closing(|closed| &closed.reason),
        ];
        Ok(self.0.write_record(record)?)
    }

    /// Writes what is left.
    pub fn finish(self) -> io::Result<W> {
        let finished = self.0.into_inner();
        finished.map_err(|error| io::Error::other(error.to_string()))
    }
}

fn both(Words { vi, en }: Words) -> String {
    format!("{vi} / {en}")
}

/// What is to be done, and by what commands; nothing, if a person has closed it.
fn proposal(finding: &Finding) -> String {
    if finding.closed.is_some() {
        return String::new();
    }
    let proposal = words::ground(finding.ground).proposal.vi.to_owned();
    let commands = commands::of(finding);
    if commands.is_empty() {
        proposal
    } else {
        format!("{proposal} | {}", commands.join(" | "))
    }
}

fn history(finding: &Finding) -> String {
    let steps = finding.history.iter().map(|step| {
        let (kind, because) = (words::kind(step.kind), words::ground(step.ground).because);
        format!("{} {}: {}", clock(step.at), kind.vi, because.vi)
    });
    steps.collect::<Vec<_>>().join(" | ")
}

/// A text that no spreadsheet runs as a formula: one that begins as a formula does gets an apostrophe before
/// it, which the spreadsheet takes for "this is a text". The same after each semicolon, where a spreadsheet
/// that is set to this separator begins a cell, quoted or not. Ends of lines become blanks.
fn safe(text: &str) -> String {
    let cells = text.split(';').map(|cell| {
        let apostrophe = if runs(cell) { "'" } else { "" };
        format!("{apostrophe}{cell}")
    });
    let text = cells.collect::<Vec<_>>().join(";");
    text.replace(char::is_control, " ")
}

/// Whether a spreadsheet may take a cell for a formula: by its first character that it does not pass over.
fn runs(cell: &str) -> bool {
    let passed_over = |c: char| {
        let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
        c.is_whitespace() || c.is_control() || invisible || "\"'".contains(c)
    };
    let begins = cell.trim_start_matches(passed_over);
    begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || cell.starts_with(['\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_begins_as_a_formula_is_a_text() {
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
            ("\r1", "' 1"),
            ("\n1", "' 1"),
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
        fn no_cell_begins_as_a_formula(text in "[=+@＝＋－＠\\-;\"' \t\r\n\u{a0}\u{feff}a1]{0,12}|.*") {
            let safe = safe(&text);
            prop_assert!(!safe.contains(char::is_control));
            for (cell, before) in safe.split(';').zip(text.split(';')) {
                let kept = cell.strip_prefix('\'').filter(|_| runs(before)).unwrap_or(cell);
                prop_assert_eq!(kept, before.replace(char::is_control, " "), "nothing else is changed");
                let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                prop_assert!(!bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{}", safe);
            }
        }
    }
}
