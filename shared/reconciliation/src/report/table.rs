//! The table of findings, for a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use domain::Timestamp;

use super::words;
use crate::record::Finding;

const HEADLINE: [&str; 19] = [
    "Ngày / Day",
    "Mã Tiki / Tiki's id",
    "Mã đối tác / Our id",
    "Tình trạng / Stands",
    "Nội dung / Because",
    "Đề xuất / Proposal",
    "Trạng thái bên ta / Our status",
    "Số tiền bên ta / Our amount",
    "Tra cứu Tiki / Tiki, asked",
    "Số tiền tra cứu / Tiki's amount",
    "Trạng thái trong tệp / Status in the file",
    "Số tiền trong tệp / Amount in the file",
    "Mã kết quả / Code",
    "Lý do / Reason",
    "Tệp / File",
    "Dòng / Line",
    "Lịch sử / History",
    "Người đóng / Closed by",
    "Lý do đóng / Because",
];

/// Writes a day's findings, one at a time: UTF-8 with the mark by which spreadsheets know it, RFC 4180.
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
        let (because, proposal) = words::ground(finding.ground);
        let kind = words::kind(finding.kind);
        let closed = finding.closed.as_ref();
        let stands = closed.map_or(kind, |_| words::CLOSED);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let amount = |vnd: Option<u64>| vnd.map(|vnd| vnd.to_string()).unwrap_or_default();
        let record = [
            finding.day.clone(),
            safe(&finding.id),
            safe(&text(&finding.transaction_id)),
            format!("{} / {}", stands.vi, stands.en),
            because.vi.to_owned(),
            proposal.vi.to_owned(),
            safe(&text(&finding.ours.status)),
            amount(finding.ours.amount_vnd),
            safe(&finding.tiki),
            amount(finding.tiki_amount_vnd),
            safe(&text(&finding.in_file.status)),
            amount(finding.in_file.amount_vnd),
            safe(&finding.code),
            safe(&finding.reason),
            safe(&finding.file),
            finding.line.to_string(),
            safe(&history(finding)),
            safe(&closed.map(|closed| closed.by.clone()).unwrap_or_default()),
            safe(
                &closed
                    .map(|closed| closed.reason.clone())
                    .unwrap_or_default(),
            ),
        ];
        Ok(self.0.write_record(record)?)
    }

    /// Writes what is left.
    pub fn finish(self) -> io::Result<W> {
        let finished = self.0.into_inner();
        finished.map_err(|error| io::Error::other(error.to_string()))
    }
}

fn history(finding: &Finding) -> String {
    let steps = finding.history.iter().map(|step| {
        let at = Timestamp::from_unix_ms(step.at).map(Timestamp::on_vietnams_clock);
        let kind = words::kind(step.kind).vi;
        let (because, _) = words::ground(step.ground);
        format!("{} {kind}: {}", at.unwrap_or_default(), because.vi)
    });
    steps.collect::<Vec<_>>().join(" | ")
}

/// A text that no spreadsheet runs as a formula: one that begins as a formula does gets an apostrophe before
/// it, which the spreadsheet takes for "this is a text".
pub(super) fn safe(text: &str) -> String {
    let begins = text
        .trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '\'');
    let formula = begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let hidden = text.starts_with(['\t', '\r', '\n']);
    if formula || hidden {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_begins_as_a_formula_is_a_text() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\"=1", "'=1", "＝1", "\u{a0}=1",
        ] {
            assert_eq!(safe(formula), format!("'{formula}"), "{formula:?}");
        }
        for text in ["", "SUCCESS", "1-2", "T-1", "lệch = số tiền", "00"] {
            assert_eq!(safe(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_cell_begins_as_a_formula(text in ".*") {
            let safe = safe(&text);
            prop_assert!(!safe.trim_start().starts_with(['=', '+', '-', '@']), "{}", safe);
            prop_assert!(safe == text || safe == format!("'{text}"), "nothing else is changed");
        }
    }
}
