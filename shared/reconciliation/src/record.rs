//! The records of files and findings. Their keys are the store's.

mod finding;

use domain::{Status, Vnd};
use serde::{Deserialize, Serialize};

use crate::file::Totals;

pub use self::finding::{Closed, Finding, Step, tiki_id};

/// A part of a day's data, as it was or is to be sent. It is written before anything is sent, so that a run
/// which follows one that died knows what the other was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The day, as `2026-11-22`.
    pub day: String,
    /// The counter in its name.
    pub counter: u32,
    /// Its name.
    pub name: String,
    /// Its lines, the header included.
    pub lines: u64,
    /// In bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its sums.
    pub totals: Totals,
    /// The run that planned it.
    pub run: String,
    /// When it was planned, Unix milliseconds.
    pub planned_at: i64,
    /// When its copy was stored in the bucket, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<i64>,
    /// When it was at Tiki under its name, for certain; Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<i64>,
}

/// A day as it was last exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The day, as `2026-11-22`.
    pub day: String,
    /// Its sums.
    pub totals: Totals,
    /// The counters of the files that together are the day.
    pub counters: Vec<u32>,
    /// When, Unix milliseconds.
    pub exported_at: i64,
    /// The run that did it.
    pub run: String,
}

/// A result file of Tiki's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The day that it is about.
    pub day: String,
    /// Its name.
    pub name: String,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// In bytes.
    pub bytes: u64,
    /// When it was last written on the server, Unix seconds, if the server says: a file of the same name, size
    /// and time is not read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<u32>,
    /// When it was first read, Unix milliseconds.
    pub received_at: i64,
    /// How many of its lines are accounted for, the header included.
    pub lines: u64,
    /// Lines by which the sides agree, by our own record too.
    pub matched: u64,
    /// Lines that are findings.
    pub findings: u64,
    /// Lines that cannot be read.
    pub unreadable: u64,
    /// When each line was accounted for, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<i64>,
}

/// One side's values, as far as it gave any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Its amount in VND.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_vnd: Option<u64>,
}

/// What runs share: the days that are to be delivered begin with the first run's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// The first day that is reconciled.
    pub first_day: String,
}

/// Who is at it: one run at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The run.
    pub run: String,
    /// Until when, Unix milliseconds; a run that died holds nobody up for longer.
    pub until: i64,
}

/// A day's report, as it was last written: the same is not written again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// The day.
    pub day: String,
    /// The SHA-256 of the page, in hex.
    pub html_sha256: String,
    /// The SHA-256 of the table, in hex.
    pub csv_sha256: String,
}

/// Our side's values of a transaction.
#[must_use]
pub fn ours(status: Status, amount: Vnd) -> Values {
    Values {
        status: Some(status.as_str().to_owned()),
        amount_vnd: Some(amount.get()),
    }
}
