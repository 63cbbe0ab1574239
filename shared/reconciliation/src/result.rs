//! Tiki's result file, line by line. Protocol §7 gives no format: the two companies agree on one, so it is a
//! setting.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::str::FromStr;

use csv::{ByteRecord, ReaderBuilder};
use domain::{TikiTransactionId, Vnd};
use serde::Deserialize;
use strum::{IntoStaticStr, VariantArray};

use crate::record::Values;

/// A line may have at most this many bytes. The rest of a longer line is skipped.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// A text of Tiki is cut after this many characters.
const MAX_TEXT_CHARS: usize = 255;

/// What a line says. Both companies agree on the codes; usual in Vietnam are 00 to 03.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both sides agree.
    Match,
    /// Only the partner has the transaction.
    OnlyPartner,
    /// Only Tiki has it.
    OnlyTiki,
    /// The values differ.
    Differs,
}

/// The format of a result file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFormat {
    separator: u8,
    columns: BTreeMap<Column, String>,
    codes: BTreeMap<String, Verdict>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// A line says nothing without these.
    const REQUIRED: [Self; 2] = [Self::TikiTransactionId, Self::Result];
}

/// The setting is not a valid format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be JSON as {{\"separator\":\",\",\"columns\":{{…}},\"codes\":{{\"00\":\"match\",…}}}}: {0}"
)]
pub struct BadFormat(String);

impl Default for ResultFormat {
    fn default() -> Self {
        let name = |&column: &Column| (column, <&str>::from(column).to_owned());
        let columns = Column::VARIANTS.iter().map(name);
        let codes = [
            ("00", Verdict::Match),
            ("01", Verdict::OnlyPartner),
            ("02", Verdict::OnlyTiki),
            ("03", Verdict::Differs),
        ];
        Self {
            separator: b',',
            columns: columns.collect(),
            codes: codes
                .map(|(code, verdict)| (code.to_owned(), verdict))
                .into(),
        }
    }
}

impl FromStr for ResultFormat {
    type Err = BadFormat;

    /// A field that is missing keeps its default.
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
            format.separator = byte.ok_or_else(|| {
                BadFormat("the separator is not a single ASCII punctuation character".to_owned())
            })?;
        }
        format.columns.extend(settings.columns);
        let mut names: Vec<String> = format
            .columns
            .values()
            .map(|name| normalised(name))
            .collect();
        names.sort();
        names.dedup();
        if names.len() != format.columns.len() || names.iter().any(String::is_empty) {
            return Err(BadFormat(
                "two columns have the same name, or a name is empty".to_owned(),
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

/// A line about a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// The number of the line in the file, from 1.
    pub line: u64,
    /// Tiki's id of the transaction.
    pub tiki_id: TikiTransactionId,
    /// What the line says.
    pub verdict: Verdict,
    /// The result code as the file has it.
    pub code: String,
    /// The values of the transaction in the line.
    pub values: Values,
    /// Tiki's reason, as text.
    pub reason: String,
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

/// Reads a result file line by line. After a line that cannot be read, the next one is read. A line feed always
/// ends the line, also inside quotes.
pub struct Lines<R> {
    input: R,
    format: ResultFormat,
    header: Option<BTreeMap<Column, usize>>,
    line: u64,
    finished: bool,
}

/// A line of a result file, if it can be read.
pub type Read = Result<ResultLine, Unreadable>;

impl<R: BufRead> Lines<R> {
    /// Starts to read a file.
    pub fn new(input: R, format: ResultFormat) -> Self {
        Self {
            input,
            format,
            header: None,
            line: 0,
            finished: false,
        }
    }

    /// The number of lines read so far, the header included.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next line that is not empty. If the header cannot be read, that problem is the only result.
    pub fn read(&mut self) -> io::Result<Option<Read>> {
        while !self.finished {
            let Some((bytes, complete)) = self.next_line()? else {
                break;
            };
            if bytes.is_empty() {
                continue;
            }
            let record = if complete {
                self.split(&bytes)
            } else {
                Err(self.unreadable(None, format!("is longer than {MAX_LINE_BYTES} bytes")))
            };
            if self.header.is_some() {
                return Ok(Some(record.and_then(|record| self.parse(&record))));
            }
            match record.and_then(|record| self.header_of(&record)) {
                Ok(header) => self.header = Some(header),
                Err(problem) => {
                    self.finished = true;
                    return Ok(Some(Err(problem)));
                }
            }
        }
        Ok(None)
    }

    /// The next line without its line end, and whether it is complete.
    fn next_line(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let (mut line, mut complete, mut any) = (Vec::new(), true, false);
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
            let room = MAX_LINE_BYTES.saturating_sub(line.len());
            complete = complete && piece.len() <= room;
            line.extend(piece.iter().take(room));
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
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        if self.line == 1 && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(..3);
        }
        Ok(Some((line, complete)))
    }

    fn split(&self, line: &[u8]) -> Result<ByteRecord, Unreadable> {
        let mut reader = ReaderBuilder::new()
            .delimiter(self.format.separator)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(line.len().saturating_add(1))
            .from_reader(line);
        // A file with such line ends would be one long header, and look like a file without lines.
        if line.contains(&b'\r') {
            return Err(self.unreadable(None, "has a carriage return inside the line"));
        }
        let closed = line.iter().fold(true, |closed, b| closed != (*b == b'"'));
        if !closed {
            return Err(self.unreadable(None, "has a quote that is not closed"));
        }
        let mut record = ByteRecord::new();
        match reader.read_byte_record(&mut record) {
            Ok(true) => Ok(record),
            Ok(false) | Err(_) => Err(self.unreadable(None, "is not a line of a table")),
        }
    }

    fn header_of(&self, record: &ByteRecord) -> Result<BTreeMap<Column, usize>, Unreadable> {
        let names: Vec<String> = record.iter().map(|name| normalised(&lossy(name))).collect();
        let mut header = BTreeMap::new();
        for (column, name) in &self.format.columns {
            let wanted = normalised(name);
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, name)| **name == wanted);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => {
                    header.insert(*column, place);
                }
                (Some(_), Some(_)) => {
                    return Err(self.unreadable(Some(name), "is in the header twice"));
                }
                (None, _) if Column::REQUIRED.contains(column) => {
                    return Err(self.unreadable(Some(name), "is not in the header"));
                }
                (None, _) => {}
            }
        }
        Ok(header)
    }

    fn parse(&self, record: &ByteRecord) -> Read {
        let text = |column| self.text(record, column);
        let tiki_id = text(Column::TikiTransactionId)?.unwrap_or_default();
        let tiki_id = tiki_id
            .parse()
            .map_err(|error| self.invalid(Column::TikiTransactionId, &error))?;
        let code = text(Column::Result)?.unwrap_or_default();
        let verdict = self.format.codes.get(&code).copied();
        let verdict =
            verdict.ok_or_else(|| self.invalid(Column::Result, &"is not an agreed code"))?;
        let amount = text(Column::TransactionAmount)?.filter(|text| !text.is_empty());
        let amount = amount.map(|text| text.parse::<Vnd>()).transpose();
        let amount = amount.map_err(|error| self.invalid(Column::TransactionAmount, &error))?;
        let status = text(Column::Status)?.filter(|text| !text.is_empty());
        Ok(ResultLine {
            line: self.line,
            tiki_id,
            verdict,
            code,
            values: Values {
                status: status.as_deref().map(cut),
                amount_vnd: amount.map(Vnd::get),
            },
            reason: text(Column::Reason)?
                .as_deref()
                .map(cut)
                .unwrap_or_default(),
        })
    }

    /// The text of a column; `None` if the file does not have the column.
    fn text(&self, record: &ByteRecord, column: Column) -> Result<Option<String>, Unreadable> {
        let place = self.header.as_ref().and_then(|header| header.get(&column));
        let Some(place) = place else {
            return Ok(None);
        };
        let bytes = record
            .get(*place)
            .ok_or_else(|| self.invalid(column, &"is missing"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.invalid(column, &"is not UTF-8"))?;
        Ok(Some(text.trim().to_owned()))
    }

    fn invalid(&self, column: Column, problem: &dyn std::fmt::Display) -> Unreadable {
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

fn normalised(name: &str) -> String {
    name.trim().to_lowercase()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A text of Tiki without control characters, cut after [`MAX_TEXT_CHARS`].
fn cut(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT_CHARS)
        .collect()
}
