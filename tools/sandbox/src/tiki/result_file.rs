//! Tiki's result file (protocol §7): as a partner would like it, or with one of the faults that a partner must expect.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use csv::{Terminator, Writer, WriterBuilder};
use serde::{Deserialize, Serialize};

use super::reconciliation::Answer;

/// The call of a result file among the faults.
pub(super) const CALL: &str = "result_file";

const COLUMNS: [&str; 6] = [
    "tiki_transaction_id",
    "transaction_id",
    "transaction_amount",
    "status",
    "created_at",
    "updated_at",
];
/// Only in the answer to a file that has them, too.
const REFUND_COLUMNS: [&str; 4] = ["type", "request_id", "refund_id", "refund_amount"];
/// What Tiki adds, unless it is to add nothing.
const VERDICT_COLUMNS: [&str; 2] = ["result", "reason"];

/// The place behind an amount.
const AFTER_AMOUNT: usize = 3;

/// The files that stand beside a result file: how their names end, and what is in them.
const SIDE_FILES: [(&str, &str); 2] = [
    (".md5", "d41d8cd98f00b204e9800998ecf8427e"),
    (".filepart", "261123TIKIVIP-"),
];

/// What is wrong with a result file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileFault {
    /// Every second line, from the first on, has a decimal comma in its amount, and so one field too many.
    TornLines,
    /// The lines have no result codes and no reasons.
    WithoutCodes,
    /// There is no header line.
    WithoutHeader,
    /// There are no codes, no reasons and no header line: only lines in the partner's own columns.
    WithoutCodesAndHeader,
    /// Tiki's refunds differ: in turn one has another amount, and one is not there. One more is only at Tiki.
    RefundRowsDiffer,
    /// At first only the first half of its bytes is there.
    HalfWritten {
        /// The time after which the rest follows, in milliseconds.
        ms: u64,
    },
    /// Beside it stand its checksum and a part of an upload.
    SideFiles,
    /// The file has no bytes.
    NoBytes,
}

impl FileFault {
    fn has_header(self) -> bool {
        !matches!(self, Self::WithoutHeader | Self::WithoutCodesAndHeader)
    }

    fn has_codes(self) -> bool {
        !matches!(self, Self::WithoutCodes | Self::WithoutCodesAndHeader)
    }
}

/// A result file that is being written.
pub(super) struct ResultFile<W: Write> {
    csv: Writer<W>,
    has_refunds: bool,
    has_codes: bool,
    is_torn: bool,
    lines: u64,
}

impl<W: Write> ResultFile<W> {
    /// Begins the file with its header line.
    pub(super) fn begin(
        output: W,
        has_refunds: bool,
        fault: Option<FileFault>,
    ) -> csv::Result<Self> {
        let mut file = Self {
            csv: WriterBuilder::new()
                .terminator(Terminator::Any(b'\n'))
                .flexible(true)
                .from_writer(output),
            has_refunds,
            has_codes: fault.is_none_or(FileFault::has_codes),
            is_torn: fault == Some(FileFault::TornLines),
            lines: 0,
        };
        if fault.is_none_or(FileFault::has_header) {
            let header = file.row(COLUMNS, REFUND_COLUMNS, VERDICT_COLUMNS);
            file.csv.write_record(header)?;
        }
        Ok(file)
    }

    pub(super) fn write(&mut self, answer: &Answer) -> csv::Result<()> {
        let line = &answer.line;
        let own = [
            &line.tiki_transaction_id,
            &line.transaction_id,
            &line.transaction_amount,
            &line.status,
            &line.created_at,
            &line.updated_at,
        ];
        let refund = [
            &line.r#type,
            &line.request_id,
            &line.refund_id,
            &line.refund_amount,
        ];
        let mut row = self.row(
            own.map(String::as_str),
            refund.map(String::as_str),
            [answer.code, &answer.reason],
        );
        if self.is_torn && self.lines.is_multiple_of(2) {
            row.insert(AFTER_AMOUNT, "00");
        }
        self.csv.write_record(row)?;
        self.lines += 1;
        Ok(())
    }

    /// Ends the file. The answer is how many lines it has, without the header line.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.csv.flush()?;
        Ok(self.lines)
    }

    /// The fields that this file has.
    fn row<'f>(
        &self,
        own: [&'f str; 6],
        refund: [&'f str; 4],
        verdict: [&'f str; 2],
    ) -> Vec<&'f str> {
        let mut row = own.to_vec();
        if self.has_refunds {
            row.extend(refund);
        }
        if self.has_codes {
            row.extend(verdict);
        }
        row
    }
}

/// Gives a written file its name. A rename is atomic, so without a fault a reader never finds half a file.
pub(super) fn publish(fresh: &Path, named: &Path, fault: Option<FileFault>) -> io::Result<()> {
    match fault {
        Some(FileFault::HalfWritten { ms }) => {
            return publish_in_halves(fresh, named, Duration::from_millis(ms));
        }
        Some(FileFault::SideFiles) => {
            for (ending, content) in SIDE_FILES {
                let mut beside = named.as_os_str().to_owned();
                beside.push(ending);
                fs::write(beside, content)?;
            }
        }
        Some(FileFault::NoBytes) => fs::write(fresh, "")?,
        Some(
            FileFault::TornLines
            | FileFault::WithoutCodes
            | FileFault::WithoutHeader
            | FileFault::WithoutCodesAndHeader
            | FileFault::RefundRowsDiffer,
        )
        | None => {}
    }
    fs::rename(fresh, named)
}

fn publish_in_halves(fresh: &Path, named: &Path, wait: Duration) -> io::Result<()> {
    let mut first = fs::read(fresh)?;
    let rest = first.split_off(first.len() / 2);
    fs::write(fresh, first)?;
    fs::rename(fresh, named)?;
    let mut file = OpenOptions::new().append(true).open(named)?;
    thread::spawn(move || {
        thread::sleep(wait);
        // Where this fails, nobody reads the file any more.
        let _ = file.write_all(&rest);
    });
    Ok(())
}
