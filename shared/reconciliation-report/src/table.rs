//! The table of findings, for a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use domain::{LookUpAnswer, Vnd};
use reconciliation::record::{Claim, Closed, Finding};

use crate::commands::commands_for;
use crate::phrases::{CLOSED, Phrase, explain, kind_label, look_up_label};
use crate::text::{date, vietnam_time};

const HEADER: [&str; 21] = [
    "Ngày / Day",
    "Mã Tiki / Tiki's id",
    "Mã của chúng ta / Our id",
    "Tình trạng / State",
    "Nội dung / Finding",
    "Đề xuất / Proposal",
    "Trạng thái của chúng ta / Our status",
    "Số tiền của chúng ta / Our amount",
    "Tiki trả lời / Look-up at Tiki",
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
    "Lý do đóng / Reason for closing",
];

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
        let closed = finding.closed.as_ref();
        let state = closed.map_or(kind_label(finding.kind), |_| CLOSED);
        let meaning = explain(finding.mismatch).meaning.vi;
        let optional = |text: Option<&str>| safe(text.unwrap_or_default());
        let amount = |vnd: Option<Vnd>| vnd.map(|vnd| vnd.get().to_string()).unwrap_or_default();
        let of_closing = |field: fn(&Closed) -> &str| optional(closed.map(field));
        let ours = finding.ours;
        let amount_at_tiki = match finding.tiki {
            Some(LookUpAnswer::Found(_, amount)) => amount,
            _ => None,
        };
        let (file, claim) = finding.last_word().unzip();
        let of_claim = |field: fn(&Claim) -> &str| optional(claim.map(field));
        let record = [
            date(finding.day),
            safe(&finding.subject.to_string()),
            finding
                .transaction_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            both(state),
            meaning.to_owned(),
            safe(&proposal(finding)),
            optional(ours.map(|ours| ours.status.as_str())),
            amount(ours.and_then(|ours| ours.amount)),
            finding
                .tiki
                .map(|answer| both(look_up_label(answer)))
                .unwrap_or_default(),
            amount(amount_at_tiki),
            optional(claim.and_then(|claim| claim.values.status.as_deref())),
            amount(claim.and_then(|claim| claim.values.amount)),
            of_claim(|claim| &claim.code),
            of_claim(|claim| &claim.reason),
            optional(file),
            claim
                .map(|claim| claim.line.to_string())
                .unwrap_or_default(),
            vietnam_time(finding.found_at),
            safe(&history(finding)),
            of_closing(|closed| closed.by.name()),
            closed
                .map(|closed| vietnam_time(closed.at))
                .unwrap_or_default(),
            of_closing(|closed| closed.by.reason()),
        ];
        Ok(self.0.write_record(record)?)
    }

    /// Writes what is still buffered.
    pub fn finish(self) -> io::Result<W> {
        let finished = self.0.into_inner();
        finished.map_err(|error| io::Error::other(error.to_string()))
    }
}

fn both(Phrase { vi, en }: Phrase) -> String {
    format!("{vi} / {en}")
}

/// What to do, and the commands for it; empty if a person closed the finding.
fn proposal(finding: &Finding) -> String {
    if finding.closed.is_some() {
        return String::new();
    }
    let proposal = explain(finding.mismatch).proposal.vi.to_owned();
    let commands = commands_for(finding);
    if commands.is_empty() {
        proposal
    } else {
        format!("{proposal} | {}", commands.join(" | "))
    }
}

fn history(finding: &Finding) -> String {
    let steps = finding.history.iter().map(|step| {
        let (kind, meaning) = (kind_label(step.kind), explain(step.mismatch).meaning);
        format!("{} {}: {}", vietnam_time(step.at), kind.vi, meaning.vi)
    });
    steps.collect::<Vec<_>>().join(" | ")
}

/// A text that no spreadsheet runs as a formula. One that starts like a formula gets an apostrophe before it,
/// which a spreadsheet reads as "this is text". The same after each semicolon: a spreadsheet with that
/// separator starts a cell there, quoted or not. Line ends become spaces.
fn safe(text: &str) -> String {
    let cells = text.split(';').map(|cell| {
        let apostrophe = if is_formula(cell) { "'" } else { "" };
        format!("{apostrophe}{cell}")
    });
    let text = cells.collect::<Vec<_>>().join(";");
    text.replace(char::is_control, " ")
}

/// Whether a spreadsheet may read a cell as a formula. It decides by the first character that it does not skip.
fn is_formula(cell: &str) -> bool {
    let skipped = |c: char| {
        let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
        c.is_whitespace() || c.is_control() || invisible || "\"'".contains(c)
    };
    let start = cell.trim_start_matches(skipped);
    start.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || cell.starts_with(['\t', '\r', '\n'])
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
        fn no_cell_starts_like_a_formula(text in "[=+@＝＋－＠\\-;\"' \t\r\n\u{a0}\u{feff}a1]{0,12}|.*") {
            let safe = safe(&text);
            prop_assert!(!safe.contains(char::is_control));
            for (cell, before) in safe.split(';').zip(text.split(';')) {
                let kept = cell.strip_prefix('\'').filter(|_| is_formula(before)).unwrap_or(cell);
                prop_assert_eq!(kept, before.replace(char::is_control, " "), "nothing else changes");
                let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                prop_assert!(!bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{}", safe);
            }
        }
    }
}
