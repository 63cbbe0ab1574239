//! A file in Tiki's folder: what to do with it when it is listed, and when it was fetched.

use domain::{Day, Timestamp, escaped};

use crate::file::{PartnerName, day_in};
use crate::hash::Hashed;
use crate::record::Received;
use crate::result::ResultFormat;

/// The longest file name in a finding, in characters.
const MAX_NAME_CHARS: usize = 200;

/// A file in Tiki's folder, as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The file name.
    pub name: String,
    /// The size in bytes, if the server says so.
    pub bytes: Option<u64>,
    /// When it was last changed, Unix seconds, if the server says so.
    pub modified: Option<u32>,
}

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A half-written file, a check sum, a mark: it is left alone.
    SideFile,
    /// Results of this day.
    Results(Day),
    /// Neither: a finding once, under this name.
    Unrecognised(String),
}

/// How a file was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// All of it.
    Whole(Hashed),
    /// It is not there any more.
    Gone,
    /// The server does not let us read it, or it is too large to be an answer to our files: the problem.
    Refused(String),
}

/// What to do with a file of results after it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is gone, or nothing has changed.
    Nothing,
    /// It changed while it was fetched: the next run reads it.
    Later,
    /// It has the bytes that were read before, and a new time, by which the next run knows it: record that.
    Recognise(Received),
    /// The reading that an earlier run began goes on.
    GoOn,
    /// Keep a copy, record this, and read it from its first line.
    Begin(Received),
    /// Report this problem of the whole file, and record this: it is not fetched again until it changes.
    Refuse(Received, String),
}

/// One reading of a file, from its first line to its last, over as many runs as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading<'f> {
    /// The day that the file is about.
    pub day: Day,
    /// The file name.
    pub file: &'f str,
    /// [`Received::reading`]
    pub number: u64,
}

impl Received {
    /// The reading that is recorded.
    #[must_use]
    pub fn this_reading(&self) -> Reading<'_> {
        Reading {
            day: self.day,
            file: &self.name,
            number: self.reading,
        }
    }
}

impl Name {
    /// Reads a file name.
    #[must_use]
    pub fn of(name: &str, partner: &PartnerName, format: &ResultFormat) -> Self {
        if format.is_side_file(name) {
            return Self::SideFile;
        }
        if let Some(day) = day_in(name, partner) {
            return Self::Results(day);
        }
        // Whoever can write on the server chooses the name, and people read it in a terminal.
        let name = escaped(name).replace('/', "_");
        Self::Unrecognised(name.chars().take(MAX_NAME_CHARS).collect())
    }
}

/// Whether a file of results was read, by its name, its size and its time. Without a time only its bytes can tell. One
/// that could not be opened was not: the server may let us read it later.
#[must_use]
pub fn is_read(known: Option<&Received>, listed: &Listed) -> bool {
    known.is_some_and(|known| {
        let same_size = listed.bytes.is_none_or(|bytes| bytes == known.bytes);
        let same_time = listed.modified.is_some() && known.modified == listed.modified;
        same_size && same_time && known.done_at.is_some() && known.sha256.is_some()
    })
}

/// What to do with a file of results that was fetched. `again`: a person has asked to read it, whatever was read.
#[must_use]
pub fn after_fetch(
    known: Option<&Received>,
    (day, listed): (Day, &Listed),
    fetched: Fetched,
    again: bool,
    now: Timestamp,
) -> Next {
    let new = |content: Option<Hashed>| {
        let (bytes, sha256) = match content {
            Some(Hashed { bytes, sha256 }) => (bytes, Some(sha256)),
            None => (listed.bytes.unwrap_or_default(), None),
        };
        let earlier = known.map_or(0, |known| known.reading);
        Received {
            day,
            name: listed.name.clone(),
            sha256,
            bytes,
            modified: listed.modified,
            reading: earlier.saturating_add(1),
            received_at: now,
            lines: 0,
            matched: 0,
            findings: 0,
            unreadable: 0,
            done_at: None,
        }
    };
    match fetched {
        Fetched::Gone => Next::Nothing,
        Fetched::Refused(problem) => {
            let refused_before =
                known.is_some_and(|k| k.sha256.is_none() && k.modified == listed.modified);
            if refused_before && !again {
                return Next::Nothing;
            }
            let refused = Received {
                done_at: Some(now),
                ..new(None)
            };
            Next::Refuse(refused, problem)
        }
        Fetched::Whole(content) => {
            if listed.bytes.is_some_and(|bytes| bytes != content.bytes) {
                return Next::Later;
            }
            let same = |known: &&Received| known.sha256.as_ref() == Some(&content.sha256);
            match known.filter(same) {
                Some(same) if !again && same.done_at.is_some() => Next::Recognise(Received {
                    modified: listed.modified,
                    ..same.clone()
                }),
                Some(_) if !again => Next::GoOn,
                _ => Next::Begin(new(Some(content))),
            }
        }
    }
}
