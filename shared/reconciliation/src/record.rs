//! The records of files and findings. Their keys are the store's.

mod as_text;
mod finding;
mod subject;

use domain::{Status, Vnd};
use serde::{Deserialize, Serialize};

use crate::file::Totals;

pub use self::finding::{Claim, Closed, Finding, Step};
pub use self::subject::Subject;

/// A file of a day, sent or to be sent. The record is stored before the file is sent, so that after a crash the
/// next run knows what the last one was doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The day, as `2026-11-22`.
    pub day: String,
    /// The counter in the file name.
    pub counter: u32,
    /// The file name.
    pub name: String,
    /// The number of lines, the header included.
    pub lines: u64,
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// The sums of its rows.
    pub totals: Totals,
    /// The run that planned it.
    pub run: String,
    /// When it was planned, Unix milliseconds.
    pub planned_at: i64,
    /// When its copy was stored in the bucket, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<i64>,
    /// When Tiki certainly had it under its name, Unix milliseconds. Without a file drop: when Tiki could fetch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<i64>,
}

/// The last export of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The day, as `2026-11-22`.
    pub day: String,
    /// The sums of all its files.
    pub totals: Totals,
    /// The counters of the files that together contain the day.
    pub counters: Vec<u32>,
    /// When, Unix milliseconds.
    pub exported_at: i64,
    /// The run that did it.
    pub run: String,
}

/// A result file of Tiki, as it is now. Other bytes under its name replace it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The day that it is about.
    pub day: String,
    /// The file name.
    pub name: String,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// The size in bytes.
    pub bytes: u64,
    /// When it was last changed on the server, Unix seconds, if the server says so. A file with the same name,
    /// size and time is not read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<u32>,
    /// How often it was begun to be read, because its bytes changed, or a person asked for it.
    #[serde(default)]
    pub reading: u64,
    /// When it was first read, Unix milliseconds.
    pub received_at: i64,
    /// The number of lines that are processed, the header included.
    pub lines: u64,
    /// The number of lines on which both sides agree, and our record too.
    pub matched: u64,
    /// The number of lines that are findings.
    pub findings: u64,
    /// The number of lines that cannot be read.
    pub unreadable: u64,
    /// When all lines were processed, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<i64>,
}

/// The values of one side, as far as it gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// The status, as that side writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The amount in VND.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_vnd: Option<u64>,
}

/// A file of Tiki whose name says neither partner nor day. It is a finding once, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrecognised {
    /// The file name, as the finding has it.
    pub name: String,
    /// The day under which the finding is.
    pub day: String,
}

/// Where reconciliation starts: no earlier day is exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// The first day that is reconciled.
    pub first_day: String,
}

/// The lease of the run that is active: only one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub run: String,
    /// When the lease ends, Unix milliseconds. A run that crashed blocks the next one only until then.
    pub until: i64,
}

/// The last report of a day. A report with the same hashes is not written again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    pub day: String,
    /// The SHA-256 of the page, in hex.
    pub html_sha256: String,
    /// The SHA-256 of the table, in hex.
    pub csv_sha256: String,
}

/// Our values of a transaction.
#[must_use]
pub fn ours(status: Status, amount: Vnd) -> Values {
    Values {
        status: Some(status.as_str().to_owned()),
        amount_vnd: Some(amount.get()),
    }
}
