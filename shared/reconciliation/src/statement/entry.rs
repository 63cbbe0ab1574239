//! An entry of a statement, and a statement as CSV.

use std::io::{self, BufRead};

use domain::{Day, Timestamp, TransactionId, Vnd, printable};

use super::NEAR_MIDNIGHT;
use crate::csv_line::{self, CsvLines};
use crate::result::Unreadable;

/// An id or a reference is cut after this many characters.
const MAX_TEXT_CHARS: usize = 128;

/// The columns of a statement as CSV. A header line says their order.
const COLUMNS: [&str; 6] = [
    "type",
    "id",
    "transaction_id",
    "amount",
    "at",
    "rail_reference",
];

/// Whether money came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// The core took it from the customer.
    Payment,
    /// The core gave it back.
    Refund,
}

/// An entry: money that the core took or gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether money came or went.
    pub kind: EntryKind,
    /// The core's id of a payment; our id of a refund.
    pub id: String,
    /// Our id of the transaction.
    pub transaction_id: TransactionId,
    /// How much it was.
    pub amount: Vnd,
    /// When the core booked it.
    pub at: Timestamp,
    /// The core's reference.
    pub reference: Option<String>,
}

impl Entry {
    /// Whether it was booked on this day, in anybody's clock.
    #[must_use]
    pub fn is_of(&self, day: Day) -> bool {
        let from = day.start();
        from <= self.at.after(NEAR_MIDNIGHT) && self.at < day.end_exclusive().after(NEAR_MIDNIGHT)
    }
}

/// The texts of an entry, as a statement has them.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawEntry<'t> {
    pub kind: &'t str,
    pub id: &'t str,
    pub transaction_id: &'t str,
    pub amount: &'t str,
    pub at: &'t str,
    pub reference: &'t str,
}

impl RawEntry<'_> {
    /// Reads an entry. The error names the field.
    pub fn read(&self) -> Result<Entry, (&'static str, String)> {
        let kind = match self.kind.trim() {
            "payment" => EntryKind::Payment,
            "refund" => EntryKind::Refund,
            _ => return Err(("type", "is neither payment nor refund".to_owned())),
        };
        let id = self.id.trim();
        if id.is_empty() {
            return Err(("id", "is empty".to_owned()));
        }
        let transaction_id = self.transaction_id.trim().parse();
        let transaction_id =
            transaction_id.map_err(|_| ("transaction_id", "is not an id of ours".to_owned()))?;
        let amount: Result<Vnd, _> = self.amount.trim().parse();
        let amount = amount.map_err(|error| ("amount", error.to_string()))?;
        let at = Timestamp::parse_from_core(self.at.trim());
        let at = at.map_err(|error| ("at", error.to_string()))?;
        let reference = self.reference.trim();
        Ok(Entry {
            kind,
            id: cut(id),
            transaction_id,
            amount,
            at,
            reference: (!reference.is_empty()).then(|| cut(reference)),
        })
    }
}

fn cut(text: &str) -> String {
    let text = printable(text);
    text.trim().chars().take(MAX_TEXT_CHARS).collect()
}

/// Reads a statement as CSV, entry by entry. After an entry that cannot be read, the next one is read.
pub struct CsvEntries<R> {
    input: CsvLines<R>,
    /// The place of each column of [`COLUMNS`].
    places: Option<[usize; 6]>,
    fields: usize,
    finished: bool,
}

impl<R: BufRead> CsvEntries<R> {
    /// Starts to read a statement.
    pub fn new(input: R) -> Self {
        Self {
            input: CsvLines::new(input),
            places: None,
            fields: 0,
            finished: false,
        }
    }

    /// The next entry. If the first line gives no columns, that problem is the only result.
    pub fn read(&mut self) -> io::Result<Option<Result<Entry, Unreadable>>> {
        while !self.finished {
            let Some(line) = self.input.next()? else {
                break;
            };
            if line.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            let line = line.map_err(|problem| self.unreadable(None, problem));
            let Some(places) = self.places else {
                match line.and_then(|line| self.header(&line)) {
                    Ok(()) => continue,
                    Err(problem) => {
                        self.finished = true;
                        return Ok(Some(Err(problem)));
                    }
                }
            };
            return Ok(Some(line.and_then(|line| self.entry(&line, places))));
        }
        let is_empty = self.places.is_none() && !self.finished;
        self.finished = true;
        Ok(is_empty.then(|| Err(Unreadable::whole("the statement has no header line"))))
    }

    /// The number of lines read so far, the header included.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.input.line
    }

    /// Whether the statement could be understood so far: its first line gave the columns.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        self.places.is_some()
    }

    fn header(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let names = self.split(bytes)?;
        self.fields = names.len();
        let place = |column: &str| {
            let mut names = names.iter().map(|name| name.trim());
            names.position(|name| name.eq_ignore_ascii_case(column))
        };
        let mut places = [0; 6];
        for (column, at) in COLUMNS.iter().zip(&mut places) {
            *at = place(column).ok_or_else(|| Unreadable {
                line: self.input.line,
                column: Some((*column).to_owned()),
                problem: "is missing in the header line".to_owned(),
            })?;
        }
        self.places = Some(places);
        Ok(())
    }

    fn entry(&self, bytes: &[u8], places: [usize; 6]) -> Result<Entry, Unreadable> {
        let fields = self.split(bytes)?;
        if fields.len() != self.fields {
            let problem = format!("has {} fields and not {}", fields.len(), self.fields);
            return Err(self.unreadable(None, problem));
        }
        let text = |place: usize| fields.get(place).map(String::as_str).unwrap_or_default();
        let [kind, id, transaction_id, amount, at, reference] = places.map(text);
        let raw = RawEntry {
            kind,
            id,
            transaction_id,
            amount,
            at,
            reference,
        };
        raw.read()
            .map_err(|(field, problem)| self.unreadable(Some(field), problem))
    }

    fn split(&self, bytes: &[u8]) -> Result<Vec<String>, Unreadable> {
        let fields = csv_line::split(bytes, b',');
        let fields = fields.map_err(|problem| self.unreadable(None, problem.to_owned()))?;
        let texts = fields.into_iter().map(String::from_utf8);
        let texts: Result<Vec<String>, _> = texts.collect();
        texts.map_err(|_| self.unreadable(None, "is not UTF-8".to_owned()))
    }

    fn unreadable(&self, column: Option<&str>, problem: String) -> Unreadable {
        Unreadable {
            line: self.input.line,
            column: column.map(str::to_owned),
            problem,
        }
    }
}
