//! Files about a day: the core's statement as CSV (docs/core.md), and Tiki's result files (protocol §7).

use std::str::FromStr;

use domain::TransactionId;
use reconciliation::result::{Lines, ResultFormat};
use reconciliation::statement::entry::{CsvEntries, EntryKind};

use crate::Marks;
use crate::data::Data;
use crate::samples::Sample;

/// Reads a file of either kind.
///
/// Each line is one result at most. What is accepted is what a second reader finds in the same line, in the columns of
/// the first one. What is not accepted names its line.
pub fn day_files(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    match data.below(2) {
        0 => statement(data.rest()),
        _ => results(data.rest()),
    }
}

fn statement(file: &[u8]) -> Marks {
    let mut entries = CsvEntries::new(file);
    let (mut marks, mut last) = (Vec::new(), 0);
    while let Some(read) = entries.read().unwrap_or(None) {
        let entry = match read {
            Ok(entry) => entry,
            Err(problem) => {
                assert!(problem.line <= entries.line(), "{problem:?}");
                marks.push(if entries.has_columns() {
                    "an entry is unreadable"
                } else {
                    "a statement without columns is unreadable"
                });
                continue;
            }
        };
        assert!(entries.line() > last, "a line is two entries");
        last = entries.line();
        let columns = fields(first_line(file));
        let found = fields(line(file, last));
        assert_eq!(found.len(), columns.len(), "{entry:?}");
        let cell = |name: &str| {
            let place = columns
                .iter()
                .position(|column| column.trim().eq_ignore_ascii_case(name));
            let place = place.and_then(|place| found.get(place));
            place.map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let kind = match entry.kind {
            EntryKind::Payment => "payment",
            EntryKind::Refund => "refund",
        };
        assert_eq!(cell("type"), kind);
        assert_eq!(whole(&cell("amount")), Some(entry.amount.get()));
        let transaction = TransactionId::from_str(&cell("transaction_id"));
        assert_eq!(transaction, Ok(entry.transaction_id));
        assert!(!entry.id.chars().any(char::is_control), "{entry:?}");
        marks.push("an entry is read");
    }
    marks
}

fn results(file: &[u8]) -> Marks {
    let mut lines = Lines::new(file, ResultFormat::default());
    let (mut marks, mut last) = (Vec::new(), 0);
    while let Some(read) = lines.read().unwrap_or(None) {
        match read {
            Ok(read) => {
                assert!(read.line > last, "a line is read twice");
                last = read.line;
                let found: Vec<String> = fields(line(file, read.line));
                let has = |text: &str| found.iter().any(|field| field.trim() == text);
                assert!(has(read.tiki_id.as_str()), "{read:?} of {found:?}");
                if let Some(amount) = read.values.amount {
                    let mut amounts = found.iter().filter_map(|field| whole(field.trim()));
                    assert!(amounts.any(|found| found == amount.get()), "{found:?}");
                }
                marks.push(match read.verdict {
                    Some(_) => "a line with a code is read",
                    None => "a line without a code is read",
                });
            }
            Err(problem) => {
                assert!(problem.line <= lines.line(), "{problem:?}");
                marks.push(if lines.has_columns() {
                    "a line is unreadable"
                } else {
                    "a file without columns is unreadable"
                });
            }
        }
    }
    marks
}

/// A line of a file, from 1, without its end.
fn line(file: &[u8], number: u64) -> &[u8] {
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut line = file
        .split(|byte| *byte == b'\n')
        .nth(index)
        .unwrap_or_default();
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// The first line that is not empty, without a byte order mark.
fn first_line(file: &[u8]) -> &[u8] {
    let lines = 1..=file.split(|byte| *byte == b'\n').count();
    let bare = lines.map(|number| {
        let line = line(file, u64::try_from(number).unwrap_or(u64::MAX));
        let mark = "\u{feff}".as_bytes();
        line.strip_prefix(mark)
            .filter(|_| number == 1)
            .unwrap_or(line)
    });
    bare.into_iter()
        .find(|line| !line.is_empty())
        .unwrap_or_default()
}

/// The fields of a line, by a reader that is not ours.
fn fields(line: &[u8]) -> Vec<String> {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(line)
        .into_byte_records()
        .next();
    let record = reader.and_then(Result::ok).unwrap_or_default();
    let fields = record.iter().map(String::from_utf8_lossy);
    fields.map(std::borrow::Cow::into_owned).collect()
}

/// A whole number of VND: digits, with at most `.0` or `.00` after them.
fn whole(text: &str) -> Option<u64> {
    let digits = text.strip_suffix(".00").or_else(|| text.strip_suffix(".0"));
    let digits = digits.unwrap_or(text);
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| only_digits)
}

/// One file of each kind, with what makes lines differ.
pub(crate) fn seeds(_: &[Sample]) -> Vec<Vec<u8>> {
    let id = "9e87ce51-4647-5d79-9155-19ee50d4d84e";
    let statement = format!(
        "\u{feff}type,id,transaction_id,amount,at,rail_reference\r\n\
         payment,C1,{id},100000,2026-11-22T10:00:00+07:00,FT1\r\n\
         refund,\"R,1\",{id},40000.00,2026-11-22T11:00:00+07:00,\r\n\
         refund,R2,{id},40.000,2026-11-22T11:00:00+07:00,\r\n"
    );
    let with_codes = "tiki_transaction_id,transaction_id,transaction_amount,result\n\
                      T-1,9e87ce51-4647-5d79-9155-19ee50d4d84e,100000,00\n\
                      T-2,,100000,00,03\n\
                      T-3,,\"99000\",03\n";
    let without = "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at\n\
                   T-1,9e87ce51-4647-5d79-9155-19ee50d4d84e,100000,SUCCESS,2026-11-22 10:00:00,2026-11-22 10:01:00\n";
    let files = [
        (0, statement.as_str()),
        (0, "type;id\n"),
        (1, with_codes),
        (1, without),
        (1, "nothing\n"),
    ];
    let files = files.map(|(kind, file)| [&[kind][..], file.as_bytes()].concat());
    files.into()
}
