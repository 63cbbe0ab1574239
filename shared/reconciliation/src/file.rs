//! The file of a day: its name, its lines, its parts (protocol §7).

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use csv::{Terminator, Writer, WriterBuilder};
use domain::{
    Day, FinalStatus, FinalTransaction, RefundId, RequestId, Timestamp, Vnd, is_unprintable,
};
use serde::{Deserialize, Serialize};

use crate::hash::{Hashed, HashingWriter};

/// A file has at most this many lines, the header included (protocol §7).
pub const MAX_FILE_LINES: u64 = 500_000;

const COLUMNS: [&str; 6] = [
    "tiki_transaction_id",
    "transaction_id",
    "transaction_amount",
    "status",
    "created_at",
    "updated_at",
];

/// Only in files with refund rows.
const REFUND_COLUMNS: [&str; 4] = ["type", "request_id", "refund_id", "refund_amount"];

/// The partner's name in file names. Tiki chooses it, and it may have `-`, `_` and `.` (protocol §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerName(String);

/// The text is not a valid partner name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 32 letters, digits, -, _ and ., the first and the last a letter or a digit")]
pub struct BadPartnerName;

impl FromStr for PartnerName {
    type Err = BadPartnerName;

    fn from_str(text: &str) -> Result<Self, BadPartnerName> {
        let alphanumeric = |b: &u8| b.is_ascii_alphanumeric();
        let allowed = text
            .bytes()
            .all(|b| alphanumeric(&b) || b"-_.".contains(&b));
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let ends = ends.iter().all(|end| end.is_some_and(alphanumeric));
        if allowed && ends && text.len() <= 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadPartnerName)
        }
    }
}

impl fmt::Display for PartnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a day's file: `tikivip_vnptmoney_20230414_1`.
#[must_use]
pub fn name(partner: &PartnerName, day: Day, counter: u32) -> String {
    format!("tikivip_{partner}_{}_{counter}", day.digits())
}

/// The day in the name of our file or of Tiki's answer to it, whatever follows the counter; `None` if the file
/// is not this partner's.
#[must_use]
pub fn day_in(name: &str, partner: &PartnerName) -> Option<Day> {
    let rest = name.strip_prefix("tikivip_")?.strip_prefix(&partner.0)?;
    let (digits, rest) = rest.strip_prefix('_')?.split_at_checked(8)?;
    let counter = rest.strip_prefix('_')?;
    counter.chars().next().filter(char::is_ascii_digit)?;
    // The name becomes part of paths and keys.
    if counter.contains(|c: char| is_unprintable(c) || "/\\".contains(c)) {
        return None;
    }
    Day::from_digits(digits).ok()
}

/// A line of the file.
#[derive(Clone, Copy, Debug)]
pub enum Row<'r> {
    /// A payment, made or not.
    Payment(&'r FinalTransaction),
    /// Money of this payment that went back.
    Refund(&'r FinalTransaction, &'r Refunded),
}

/// A refund or reversal that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refunded {
    /// Tiki's idempotency key; `None` if Tiki did not request it.
    pub request_id: Option<RequestId>,
    pub refund_id: RefundId,
    /// The amount that went back.
    pub amount: Vnd,
    /// When the core returned the money.
    pub back_at: Timestamp,
}

/// A number of rows and their total amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The number of rows.
    pub count: u64,
    /// The total amount in VND.
    pub amount_vnd: u64,
}

/// The sums of a file or a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Payments with status SUCCESS.
    pub success: Sum,
    /// Payments with status FAILURE.
    pub failure: Sum,
    /// Money that went back; zero in files without refund rows.
    pub refunds: Sum,
}

impl Sum {
    /// Adds so many rows of this amount in all; a sum that is too large is an error, and adds nothing.
    pub fn add(&mut self, count: u64, amount_vnd: u64) -> io::Result<()> {
        let sums = (
            self.count.checked_add(count),
            self.amount_vnd.checked_add(amount_vnd),
        );
        match sums {
            (Some(count), Some(amount_vnd)) => {
                *self = Self { count, amount_vnd };
                Ok(())
            }
            _ => Err(io::Error::other("a sum is too large")),
        }
    }
}

impl Totals {
    /// Adds the totals of another part.
    pub fn add(&mut self, other: &Self) -> io::Result<()> {
        for (sum, other) in [
            (&mut self.success, other.success),
            (&mut self.failure, other.failure),
            (&mut self.refunds, other.refunds),
        ] {
            sum.add(other.count, other.amount_vnd)?;
        }
        Ok(())
    }

    fn add_row(&mut self, row: Row<'_>) -> io::Result<()> {
        match row {
            Row::Refund(_, refunded) => self.refunds.add(1, refunded.amount.get()),
            Row::Payment(transaction) => match transaction.status {
                FinalStatus::Success => self.success.add(1, transaction.amount.get()),
                FinalStatus::Failure => self.failure.add(1, transaction.amount.get()),
            },
        }
    }
}

/// A part of the day that is written: one file for Tiki.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The number of lines, the header included.
    pub lines: u64,
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// The sums of its rows.
    pub totals: Totals,
}

/// Writes the lines of a day, in as many parts as necessary. It holds one line in memory.
pub struct Parts<W: Write, F> {
    refund_rows: bool,
    most_lines: u64,
    open: F,
    current: Option<(Writer<HashingWriter<W>>, Part)>,
    done: Vec<Part>,
}

impl<W: Write, F: FnMut(usize) -> io::Result<W>> Parts<W, F> {
    /// Calls `open` for each part when it is needed; parts are numbered from 0.
    pub fn new(refund_rows: bool, open: F) -> Self {
        Self {
            refund_rows,
            most_lines: MAX_FILE_LINES,
            open,
            current: None,
            done: Vec::new(),
        }
    }

    /// Makes smaller parts, for tests. The minimum is two lines: a header alone would never end.
    #[must_use]
    pub fn of_at_most(mut self, lines: u64) -> Self {
        self.most_lines = lines.max(2);
        self
    }

    /// Writes a line. A row that must not be in the file is refused before any byte of it is written.
    pub fn write(&mut self, row: Row<'_>) -> io::Result<()> {
        if matches!(row, Row::Refund(..)) && !self.refund_rows {
            // Without its own columns it would look like a second payment.
            return Err(io::Error::other(
                "a refund row in a file without refund rows",
            ));
        }
        let full = |(_, part): &(_, Part)| part.lines >= self.most_lines;
        if self.current.as_ref().is_some_and(full) {
            self.close()?;
        }
        let (transaction, refunded) = match row {
            Row::Payment(transaction) => (transaction, None),
            Row::Refund(transaction, refunded) => (transaction, Some(refunded)),
        };
        let (writer, part) = self.part()?;
        part.totals.add_row(row)?;
        let record = [
            transaction.tiki_id.to_string(),
            transaction.id.to_string(),
            transaction.amount.get().to_string(),
            transaction.status.as_str().to_owned(),
            transaction.created_at.on_vietnams_clock(),
            transaction.final_at.on_vietnams_clock(),
        ];
        for field in &record {
            writer.write_field(field)?;
        }
        part.lines = part.lines.saturating_add(1);
        if self.refund_rows {
            self.write_refund(refunded)?;
        }
        self.end_line()
    }

    /// Closes the last part. A day without rows is one part with only the header.
    pub fn finish(mut self) -> io::Result<Vec<Part>> {
        self.part()?;
        self.close()?;
        Ok(self.done)
    }

    fn write_refund(&mut self, refunded: Option<&Refunded>) -> io::Result<()> {
        let (writer, _) = self.part()?;
        let record = match refunded {
            None => [
                "PAYMENT".to_owned(),
                String::new(),
                String::new(),
                String::new(),
            ],
            Some(refunded) => [
                "REFUND".to_owned(),
                refunded
                    .request_id
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                refunded.refund_id.to_string(),
                refunded.amount.get().to_string(),
            ],
        };
        for field in &record {
            writer.write_field(field)?;
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        let (writer, _) = self.part()?;
        Ok(writer.write_record(None::<&[u8]>)?)
    }

    fn part(&mut self) -> io::Result<&mut (Writer<HashingWriter<W>>, Part)> {
        if self.current.is_none() {
            let inner = HashingWriter::new((self.open)(self.done.len())?);
            let mut writer = WriterBuilder::new()
                .terminator(Terminator::Any(b'\n'))
                .from_writer(inner);
            for column in COLUMNS {
                writer.write_field(column)?;
            }
            let more = REFUND_COLUMNS.iter().filter(|_| self.refund_rows);
            for column in more {
                writer.write_field(column)?;
            }
            writer.write_record(None::<&[u8]>)?;
            let part = Part {
                lines: 1,
                bytes: 0,
                sha256: String::new(),
                totals: Totals::default(),
            };
            self.current = Some((writer, part));
        }
        let missing = || io::Error::other("no part is open");
        self.current.as_mut().ok_or_else(missing)
    }

    fn close(&mut self) -> io::Result<()> {
        let Some((writer, mut part)) = self.current.take() else {
            return Ok(());
        };
        let written = writer
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        Hashed {
            bytes: part.bytes,
            sha256: part.sha256,
        } = written.finish()?;
        self.done.push(part);
        Ok(())
    }
}
