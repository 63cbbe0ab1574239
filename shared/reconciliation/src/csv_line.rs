//! A line split into its fields, strictly: a line whose quotes do not fit is not guessed at.

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
