//! The files of a day: ours for Tiki, and Tiki's results.

use domain::{Day, Timestamp};
use strum::{Display, EnumString, VariantArray};

use super::RunName;
use crate::file::{Part, Sum, Totals};

/// A file of a day, sent or to be sent. The record is stored before the file is sent, so that after a crash the
/// next run knows what the last one was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The day whose data it has.
    pub day: Day,
    /// The counter in the file name.
    pub counter: u32,
    /// The file name.
    pub name: String,
    /// Its lines, bytes, hash and sums.
    pub content: Part,
    /// The run that planned it.
    pub run: RunName,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When its copy was stored in the bucket.
    pub archived_at: Option<Timestamp>,
    /// When Tiki certainly had it under its name. Without a file drop: when Tiki could fetch it.
    pub delivered_at: Option<Timestamp>,
    /// What the server did not let us verify at the delivery.
    pub doubts: Vec<Doubt>,
}

/// What could not be verified when a file was delivered. It stopped nothing, and the day's report says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Doubt {
    /// Whether temporary files of crashed runs are still in the folder.
    LeftOvers,
    /// Whether a file of this name was there before.
    NameTaken,
    /// Whether all bytes have arrived.
    Size,
    /// Whether the file that was there before has our bytes.
    Content,
    /// Whether the bytes are on the server's disk.
    Sync,
    /// The server takes files when they are closed: it was written under its name at once, and nothing of it can be
    /// seen any more.
    TakenAtClose,
    /// The server refuses names that begin with a dot, so the temporary name could be seen.
    VisibleName,
}

impl Doubt {
    /// All doubts, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;
}

/// The last export of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The day whose data it has.
    pub day: Day,
    /// The sums of all its files.
    pub totals: Totals,
    /// What Tiki had refunded on the day, in files with refund rows and without.
    pub refunded: Sum,
    /// The counters of the files that together contain the day.
    pub counters: Vec<u32>,
    /// When it was recorded.
    pub exported_at: Timestamp,
    /// The run that did it.
    pub run: RunName,
}

/// A result file of Tiki, as it is now. Other bytes under its name replace it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The day that it is about.
    pub day: Day,
    /// The file name.
    pub name: String,
    /// The SHA-256 of its bytes, in hex; `None` if it could not be read at all.
    pub sha256: Option<String>,
    /// The size in bytes.
    pub bytes: u64,
    /// When it was last changed on the server, Unix seconds, if the server says so. A file with the same name,
    /// size and time is not read again.
    pub modified: Option<u32>,
    /// How often it was begun to be read, because its bytes changed, or a person asked for it.
    pub reading: u64,
    /// When this reading began.
    pub received_at: Timestamp,
    /// The number of lines that are processed, the header included.
    pub lines: u64,
    /// The number of lines on which both sides agree, and our record too.
    pub matched: u64,
    /// The number of lines that are findings.
    pub findings: u64,
    /// The number of lines that cannot be read.
    pub unreadable: u64,
    /// When all lines were processed.
    pub done_at: Option<Timestamp>,
}

/// The core's statement of a day, as it was last read. The record is stored before anything that was read is, so that
/// each attempt has a number of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRead {
    /// The day that it is about.
    pub day: Day,
    /// How often it was begun to be read: until it was compared, and when a person asked for it again.
    pub reading: u64,
    /// What the core took.
    pub payments: Sum,
    /// What it gave back.
    pub refunds: Sum,
    /// The number of entries that cannot be read.
    pub unreadable: u64,
    /// The number of payments and refunds on which it differs from our records.
    pub findings: u64,
    /// When all of it was compared; `None` if the last attempt has not come so far.
    pub done_at: Option<Timestamp>,
}

/// A file of Tiki whose name says neither partner nor day. It is a finding once, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecognised {
    /// The file name, as the finding has it.
    pub name: String,
    /// The day under which the finding is.
    pub day: Day,
}
