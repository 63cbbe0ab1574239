//! A CSV, strictly: line by line, and a line split into its fields. A line whose quotes do not fit is not guessed at.

use std::io::{self, BufRead};

/// A line may have at most this many bytes. The rest of a longer line is skipped.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// Reads lines. A line feed always ends the line, also inside quotes.
pub(crate) struct CsvLines<R> {
    input: R,
    /// The number of lines read so far.
    pub(crate) line: u64,
}

impl<R: BufRead> CsvLines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, line: 0 }
    }

    /// The next line without its line end, and the first one without a byte order mark. What is too long is read to its
    /// end: its rest is no line.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
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
        if !complete {
            let problem = format!("is longer than {MAX_LINE_BYTES} bytes");
            return Ok(Some(Err(problem)));
        }
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        if self.line == 1 && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(..3);
        }
        Ok(Some(Ok(line)))
    }
}

/// Why a line has no fields.
pub(crate) type Problem = &'static str;

/// Where in a line the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Bare,
    Quoted,
    /// After a quote inside a quoted field: it ends the field, or stands for a quote.
    QuoteInQuoted,
}

/// The fields of a line without its line end, as RFC 4180 has them. Blanks around a field are cut by the caller.
pub(crate) fn split(line: &[u8], separator: u8) -> Result<Vec<Vec<u8>>, Problem> {
    let (mut fields, mut field, mut at) = (Vec::new(), Vec::new(), At::FieldStart);
    for &byte in line {
        // A file with such line ends would be one long header, and look like a file without lines.
        if byte == b'\r' {
            return Err("has a carriage return inside the line");
        }
        at = match (at, byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) | (At::QuoteInQuoted, b'"') => {
                field.push(byte);
                At::Quoted
            }
            (_, byte) if byte == separator => {
                fields.push(std::mem::take(&mut field));
                At::FieldStart
            }
            (At::FieldStart, b'"') => At::Quoted,
            (At::Bare, b'"') => return Err("has a quote inside a field"),
            (At::QuoteInQuoted, _) => return Err("has text after a closing quote"),
            (At::FieldStart | At::Bare, _) => {
                field.push(byte);
                At::Bare
            }
        };
    }
    if at == At::Quoted {
        return Err("has a quote that is not closed");
    }
    fields.push(field);
    Ok(fields)
}
