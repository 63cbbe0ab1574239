//! Tiki's answer, line by line. Its format is agreed between the two companies, so it is a setting (protocol §7
//! gives none).

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::str::FromStr;

use csv::{ByteRecord, ReaderBuilder};
use domain::{TikiTransactionId, Vnd};
use serde::Deserialize;

use crate::record::Values;

/// The longest line that is read; of a longer one the rest is passed over.
pub const LONGEST_LINE: usize = 16 * 1024;

/// How much of a text of Tiki's is kept.
const KEPT: usize = 255;

/// What a line says, as a word that both sides agreed on; customary in Vietnam are 00 to 03.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The sides agree.
    Match,
    /// Only the partner has the transaction.
    OnlyPartner,
    /// Only Tiki has it.
    OnlyTiki,
    /// The values differ.
    Differs,
}

/// How a result file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFormat {
    separator: u8,
    columns: BTreeMap<Column, String>,
    codes: BTreeMap<String, Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Column {
    TikiTransactionId,
    TransactionId,
    TransactionAmount,
    Status,
    CreatedAt,
    UpdatedAt,
    Result,
    Reason,
}

impl Column {
    const ALL: [(Self, &'static str); 8] = [
        (Self::TikiTransactionId, "tiki_transaction_id"),
        (Self::TransactionId, "transaction_id"),
        (Self::TransactionAmount, "transaction_amount"),
        (Self::Status, "status"),
        (Self::CreatedAt, "created_at"),
        (Self::UpdatedAt, "updated_at"),
        (Self::Result, "result"),
        (Self::Reason, "reason"),
    ];

    /// Without these a line says nothing.
    const NEEDED: [Self; 2] = [Self::TikiTransactionId, Self::Result];
}

/// Not a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be JSON as {{\"separator\":\",\",\"columns\":{{…}},\"codes\":{{\"00\":\"match\",…}}}}: {0}"
)]
pub struct BadFormat(String);

impl Default for ResultFormat {
    fn default() -> Self {
        let columns = Column::ALL.map(|(column, name)| (column, name.to_owned()));
        let codes = [
            ("00", Verdict::Match),
            ("01", Verdict::OnlyPartner),
            ("02", Verdict::OnlyTiki),
            ("03", Verdict::Differs),
        ];
        Self {
            separator: b',',
            columns: columns.into(),
            codes: codes
                .map(|(code, verdict)| (code.to_owned(), verdict))
                .into(),
        }
    }
}

impl FromStr for ResultFormat {
    type Err = BadFormat;

    /// What is left out stays as it is by default.
    fn from_str(json: &str) -> Result<Self, BadFormat> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Settings {
            separator: Option<char>,
            #[serde(default)]
            columns: BTreeMap<Column, String>,
            codes: Option<BTreeMap<String, Verdict>>,
        }
        let settings: Settings =
            serde_json::from_str(json).map_err(|error| BadFormat(error.to_string()))?;
        let mut format = Self::default();
        if let Some(separator) = settings.separator {
            let byte = u8::try_from(separator).ok();
            let fits =
                |b: &u8| b.is_ascii() && !b.is_ascii_alphanumeric() && !b"\"\r\n".contains(b);
            let byte = byte.filter(fits);
            format.separator = byte.ok_or_else(|| BadFormat("the separator is none".to_owned()))?;
        }
        format.columns.extend(settings.columns);
        let mut names: Vec<String> = format.columns.values().map(|name| folded(name)).collect();
        names.sort();
        names.dedup();
        if names.len() != format.columns.len() || names.iter().any(String::is_empty) {
            return Err(BadFormat(
                "two columns of one name, or one of none".to_owned(),
            ));
        }
        if let Some(codes) = settings.codes {
            if codes.is_empty() {
                return Err(BadFormat("there are no codes".to_owned()));
            }
            format.codes = codes;
        }
        Ok(format)
    }
}

/// A line that says something of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// Tiki's id.
    pub tiki_id: TikiTransactionId,
    /// What the line says.
    pub verdict: Verdict,
    /// The code by which it says so.
    pub code: String,
    /// The values that it gives.
    pub values: Values,
    /// Tiki's reason.
    pub reason: String,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its number in the file, from 1.
    pub line: u64,
    /// The column, if it is one that is wrong.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: String,
}

/// Reads a result file, a line at a time: one that cannot be read does not keep the next from being read. A
/// line ends where it ends, also within quotes.
pub struct Lines<R> {
    input: R,
    format: ResultFormat,
    header: Option<BTreeMap<Column, usize>>,
    line: u64,
    over: bool,
}

/// Something that stands on a line of a result file.
pub type Read = Result<ResultLine, Unreadable>;

impl<R: BufRead> Lines<R> {
    /// The lines of a file.
    pub fn new(input: R, format: ResultFormat) -> Self {
        Self {
            input,
            format,
            header: None,
            line: 0,
            over: false,
        }
    }

    /// How many lines were read, the header included.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next line that is not empty, or the header's problem, after which there is nothing more to read.
    pub fn read(&mut self) -> io::Result<Option<Read>> {
        while !self.over {
            let Some((bytes, whole)) = self.next_line()? else {
                break;
            };
            if bytes.is_empty() {
                continue;
            }
            let record = if whole {
                self.split(&bytes)
            } else {
                Err(self.unreadable(None, format!("is longer than {LONGEST_LINE} bytes")))
            };
            if self.header.is_some() {
                return Ok(Some(record.and_then(|record| self.understand(&record))));
            }
            match record.and_then(|record| self.header_of(&record)) {
                Ok(header) => self.header = Some(header),
                Err(problem) => {
                    self.over = true;
                    return Ok(Some(Err(problem)));
                }
            }
        }
        Ok(None)
    }

    /// The next line without its end, and whether all of it was kept.
    fn next_line(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let (mut kept, mut whole, mut any) = (Vec::new(), true, false);
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|b| *b == b'\n');
            let piece = buffer
                .get(..end.unwrap_or(buffer.len()))
                .unwrap_or_default();
            let room = LONGEST_LINE.saturating_sub(kept.len());
            whole = whole && piece.len() <= room;
            kept.extend(piece.iter().take(room));
            let used = end.map_or(buffer.len(), |end| end.saturating_add(1));
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        while kept.last() == Some(&b'\r') {
            kept.pop();
        }
        if self.line == 1 && kept.starts_with("\u{feff}".as_bytes()) {
            kept.drain(..3);
        }
        Ok(Some((kept, whole)))
    }

    fn split(&self, line: &[u8]) -> Result<ByteRecord, Unreadable> {
        let mut reader = ReaderBuilder::new()
            .delimiter(self.format.separator)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(line.len().saturating_add(1))
            .from_reader(line);
        // A file whose lines all end so is one long header, and would pass for a file without lines.
        if line.contains(&b'\r') {
            return Err(self.unreadable(None, "has a carriage return that ends no line"));
        }
        let closed = line.iter().fold(true, |closed, b| closed != (*b == b'"'));
        if !closed {
            return Err(self.unreadable(None, "has a quote that is not closed"));
        }
        let mut record = ByteRecord::new();
        match reader.read_byte_record(&mut record) {
            Ok(true) => Ok(record),
            Ok(false) | Err(_) => Err(self.unreadable(None, "is no line of a table")),
        }
    }

    fn header_of(&self, record: &ByteRecord) -> Result<BTreeMap<Column, usize>, Unreadable> {
        let names: Vec<String> = record.iter().map(|name| folded(&lossy(name))).collect();
        let mut header = BTreeMap::new();
        for (column, name) in &self.format.columns {
            let wanted = folded(name);
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, name)| **name == wanted);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => {
                    header.insert(*column, place);
                }
                (Some(_), Some(_)) => {
                    return Err(self.unreadable(Some(name), "stands twice in the header"));
                }
                (None, _) if Column::NEEDED.contains(column) => {
                    return Err(self.unreadable(Some(name), "is missing in the header"));
                }
                (None, _) => {}
            }
        }
        Ok(header)
    }

    fn understand(&self, record: &ByteRecord) -> Read {
        let text = |column| self.text(record, column);
        let tiki_id = text(Column::TikiTransactionId)?.unwrap_or_default();
        let tiki_id = tiki_id
            .parse()
            .map_err(|error| self.wrong(Column::TikiTransactionId, &error))?;
        let code = text(Column::Result)?.unwrap_or_default();
        let verdict = self.format.codes.get(&code).copied();
        let verdict =
            verdict.ok_or_else(|| self.wrong(Column::Result, &"is no code that was agreed"))?;
        let amount = text(Column::TransactionAmount)?.filter(|text| !text.is_empty());
        let amount = amount.map(|text| text.parse::<Vnd>()).transpose();
        let amount = amount.map_err(|error| self.wrong(Column::TransactionAmount, &error))?;
        let status = text(Column::Status)?.filter(|text| !text.is_empty());
        Ok(ResultLine {
            line: self.line,
            tiki_id,
            verdict,
            code,
            values: Values {
                status: status.as_deref().map(kept),
                amount_vnd: amount.map(Vnd::get),
            },
            reason: text(Column::Reason)?
                .as_deref()
                .map(kept)
                .unwrap_or_default(),
        })
    }

    /// The text of a column; `None` if the file has no such column.
    fn text(&self, record: &ByteRecord, column: Column) -> Result<Option<String>, Unreadable> {
        let place = self.header.as_ref().and_then(|header| header.get(&column));
        let Some(place) = place else {
            return Ok(None);
        };
        let bytes = record
            .get(*place)
            .ok_or_else(|| self.wrong(column, &"is missing"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.wrong(column, &"is no UTF-8"))?;
        Ok(Some(text.trim().to_owned()))
    }

    fn wrong(&self, column: Column, problem: &dyn std::fmt::Display) -> Unreadable {
        let name = self.format.columns.get(&column).map(String::as_str);
        self.unreadable(name, problem.to_string())
    }

    fn unreadable(&self, column: Option<&str>, problem: impl Into<String>) -> Unreadable {
        Unreadable {
            line: self.line,
            column: column.map(str::to_owned),
            problem: problem.into(),
        }
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// As much of a text of Tiki's as is kept.
fn kept(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(KEPT)
        .collect()
}
