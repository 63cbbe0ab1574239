//! Tiki's result file, line by line. Protocol §7 gives no format: the two companies agree on one, so it is a
//! setting.
//!
//! No reader trusts a line's shape: a line with another number of fields than the header, or with quotes that do not
//! fit, is unreadable, whatever stands in it.

mod format;
mod header;

use std::io::{self, BufRead};
use std::str::FromStr;

use domain::{RefundId, RequestId, TikiTransactionId, Vnd, printable};

use self::format::{Column, normalised};
use self::header::{Columns, First};
use crate::csv_line::{self, CsvLines};
use crate::record::Values;

pub use self::format::{BadFormat, ResultFormat, Verdict};
pub use crate::csv_line::MAX_LINE_BYTES;

/// A text of Tiki is cut after this many characters.
const MAX_TEXT_CHARS: usize = 255;

/// A line about a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// The number of the line in the file, from 1.
    pub line: u64,
    /// Tiki's id of the transaction.
    pub tiki_id: TikiTransactionId,
    /// Our id of the transaction, as Tiki has it; `None` if the line has none.
    pub transaction_id: Option<String>,
    /// Whether the file has a column for our id, and this line has none in it.
    pub lacks_transaction_id: bool,
    /// When it was created and became final, in Tiki's form.
    pub times: [Option<String>; 2],
    /// The refund that the line is about; `None` if it is about the payment.
    pub refund: Option<RefundLine>,
    /// What Tiki says with its code; `None` if the line has no code, so that only its values say something.
    pub verdict: Option<Verdict>,
    /// The result code as the file has it.
    pub code: String,
    /// The values of the transaction in the line.
    pub values: Values,
    /// Tiki's reason, as text.
    pub reason: String,
}

/// A refund in a line, by its ids as far as the line has them; it has at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundLine {
    /// Tiki's idempotency key.
    pub request_id: Option<RequestId>,
    /// The id by which the core knows it.
    pub refund_id: Option<RefundId>,
    /// The amount that went back.
    pub amount: Option<Vnd>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The number of the line in the file, from 1.
    pub line: u64,
    /// The column, if one column has the problem.
    pub column: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl Unreadable {
    /// A problem of a whole file.
    #[must_use]
    pub fn whole(problem: impl Into<String>) -> Self {
        Self {
            line: 0,
            column: None,
            problem: problem.into(),
        }
    }

    /// The column, if one has the problem, and the problem.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.column {
            Some(column) => format!("{column} {}", self.problem),
            None => self.problem.clone(),
        }
    }
}

/// Reads a result file line by line. After a line that cannot be read, the next one is read.
pub struct Lines<R> {
    input: CsvLines<R>,
    format: ResultFormat,
    columns: Option<Columns>,
    finished: bool,
}

/// A line of a result file, if it can be read.
pub type Read = Result<ResultLine, Unreadable>;

/// The number of a line in its file, from 1.
#[must_use]
pub fn number(read: &Read) -> u64 {
    match read {
        Ok(line) => line.line,
        Err(unreadable) => unreadable.line,
    }
}

impl<R: BufRead> Lines<R> {
    /// Starts to read a file.
    pub fn new(input: R, format: ResultFormat) -> Self {
        Self {
            input: CsvLines::new(input),
            format,
            columns: None,
            finished: false,
        }
    }

    /// The number of lines read so far, the header included.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.input.line
    }

    /// Whether the file could be understood so far: its first line gave the columns.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        self.columns.is_some()
    }

    /// The next line that is not empty, and no trailer. If the first one gives no columns, that problem is the only
    /// result; and so it is if there is no first one.
    pub fn read(&mut self) -> io::Result<Option<Read>> {
        while !self.finished {
            let Some(line) = self.input.next()? else {
                break;
            };
            if line.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            let line = line.map_err(|problem| self.unreadable(None, problem));
            let fields = line.and_then(|line| self.split(&line));
            if self.columns.is_some() {
                if fields.as_ref().is_ok_and(|fields| self.is_trailer(fields)) {
                    continue;
                }
                return Ok(Some(fields.and_then(|fields| self.parse(&fields))));
            }
            match fields.and_then(|fields| self.first(&fields)) {
                Ok(None) => {}
                Ok(Some(read)) => return Ok(Some(read)),
                Err(problem) => {
                    self.finished = true;
                    return Ok(Some(Err(problem)));
                }
            }
        }
        let is_empty = self.columns.is_none() && !self.finished;
        self.finished = true;
        // Also a file of no bytes has its problem in line 1.
        self.input.line = self.input.line.max(1);
        Ok(is_empty.then(|| Err(self.unreadable(None, "the file has no line"))))
    }

    /// Takes the columns from the first line. It is the first result if the file has no header line.
    fn first(&mut self, fields: &[Vec<u8>]) -> Result<Option<Read>, Unreadable> {
        let texts: Vec<String> = fields.iter().map(|field| lossy(field)).collect();
        let first = Columns::of(&texts, &self.format);
        match first.map_err(|(column, problem)| self.unreadable(column.as_deref(), problem))? {
            First::Header(columns) => {
                self.columns = Some(columns);
                Ok(None)
            }
            First::Line(columns) => {
                self.columns = Some(columns);
                Ok(Some(self.parse(fields)))
            }
        }
    }

    fn split(&self, line: &[u8]) -> Result<Vec<Vec<u8>>, Unreadable> {
        let fields = csv_line::split(line, self.format.separator);
        fields.map_err(|problem| self.unreadable(None, problem))
    }

    /// Whether the first field is a trailer's word, alone or before more words. An id of a transaction never is one.
    fn is_trailer(&self, fields: &[Vec<u8>]) -> bool {
        let first = fields.first().map(|field| normalised(&lossy(field)));
        let in_id = |c: char| c.is_alphanumeric() || "._-".contains(c);
        let is_it = |trailer: &String| {
            let rest = first
                .as_ref()
                .and_then(|first| first.strip_prefix(trailer.as_str()));
            rest.is_some_and(|rest| !rest.starts_with(in_id))
        };
        self.format.trailers.iter().any(is_it)
    }

    fn parse(&self, fields: &[Vec<u8>]) -> Read {
        let agreed = self.columns.as_ref().map_or(0, |columns| columns.fields);
        if fields.len() != agreed {
            let problem = format!("has {} fields and not {agreed}", fields.len());
            return Err(self.unreadable(None, problem));
        }
        let unnamed = self.columns.as_ref().map_or(&[][..], Columns::unnamed);
        let filled = |place: &usize| {
            fields
                .get(*place)
                .is_some_and(|f| !lossy(f).trim().is_empty())
        };
        if unnamed.iter().any(filled) {
            return Err(self.unreadable(None, "has a value under no heading"));
        }
        let text = |column| self.text(fields, column);
        let Some(tiki_id) = self.parsed(fields, Column::TikiTransactionId)? else {
            return Err(self.invalid(Column::TikiTransactionId, &"is empty"));
        };
        let amount: Option<Vnd> = self.parsed(fields, Column::TransactionAmount)?;
        let (code, verdict) = self.verdict(text(Column::Result)?)?;
        let cut_text = |column| Ok(text(column)?.as_deref().map(cut));
        Ok(ResultLine {
            line: self.input.line,
            tiki_id,
            lacks_transaction_id: self.has(Column::TransactionId)
                && text(Column::TransactionId)?.is_none(),
            transaction_id: cut_text(Column::TransactionId)?,
            times: [cut_text(Column::CreatedAt)?, cut_text(Column::UpdatedAt)?],
            refund: self.refund(fields)?,
            verdict,
            code,
            values: Values {
                status: cut_text(Column::Status)?,
                amount,
            },
            reason: cut_text(Column::Reason)?.unwrap_or_default(),
        })
    }

    /// What the line says with its code. A line without one is unreadable where codes are agreed: in a file with a
    /// column for them, each line has one.
    fn verdict(&self, code: Option<String>) -> Result<(String, Option<Verdict>), Unreadable> {
        match code {
            None if self.has(Column::Result) => Err(self.invalid(Column::Result, &"is empty")),
            None => Ok((String::new(), self.format.unmarked())),
            Some(code) => match self.format.codes.get(&code).copied() {
                Some(verdict) => Ok((code, Some(verdict))),
                None => Err(self.invalid(Column::Result, &"is not an agreed code")),
            },
        }
    }

    /// The refund of the line, if it is about one.
    fn refund(&self, fields: &[Vec<u8>]) -> Result<Option<RefundLine>, Unreadable> {
        let kind = self.text(fields, Column::Type)?;
        let refund = RefundLine {
            request_id: self.parsed(fields, Column::RequestId)?,
            refund_id: self.parsed(fields, Column::RefundId)?,
            amount: self.parsed(fields, Column::RefundAmount)?,
        };
        let named = refund.request_id.is_some() || refund.refund_id.is_some();
        match kind.as_deref().map(normalised).as_deref() {
            Some("refund") if !named => Err(self.invalid(Column::RefundId, &"is empty")),
            Some("refund") => Ok(Some(refund)),
            // The kind of the line is what decides whose money it is: no guess.
            Some("payment") | None if named || refund.amount.is_some() => {
                Err(self.invalid(Column::Type, &"is not REFUND, and the line has a refund"))
            }
            Some("payment") | None => Ok(None),
            Some(_) => Err(self.invalid(Column::Type, &"is neither PAYMENT nor REFUND")),
        }
    }

    fn parsed<T: FromStr>(
        &self,
        fields: &[Vec<u8>],
        column: Column,
    ) -> Result<Option<T>, Unreadable>
    where
        T::Err: std::fmt::Display,
    {
        let parsed = self.text(fields, column)?.map(|text| text.parse());
        parsed
            .transpose()
            .map_err(|error| self.invalid(column, &error))
    }

    fn has(&self, column: Column) -> bool {
        let columns = self.columns.as_ref();
        columns.is_some_and(|columns| columns.place(column).is_some())
    }

    /// The text of a column; `None` if it is empty, or the file does not have the column.
    fn text(&self, fields: &[Vec<u8>], column: Column) -> Result<Option<String>, Unreadable> {
        let place = self
            .columns
            .as_ref()
            .and_then(|columns| columns.place(column));
        let Some(bytes) = place.and_then(|place| fields.get(place)) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(bytes).map_err(|_| self.invalid(column, &"is not UTF-8"))?;
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn invalid(&self, column: Column, problem: &dyn std::fmt::Display) -> Unreadable {
        self.unreadable(Some(self.format.heading(column)), problem.to_string())
    }

    fn unreadable(&self, column: Option<&str>, problem: impl Into<String>) -> Unreadable {
        Unreadable {
            line: self.input.line,
            column: column.map(str::to_owned),
            problem: problem.into(),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A text of Tiki, printable and cut after [`MAX_TEXT_CHARS`].
fn cut(text: &str) -> String {
    let text = printable(text);
    text.trim().chars().take(MAX_TEXT_CHARS).collect()
}
