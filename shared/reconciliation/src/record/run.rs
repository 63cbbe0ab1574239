//! The runs of reconciliation, and what they share.

use std::fmt;
use std::str::FromStr;

use domain::{Day, Timestamp};

use super::DaySummary;

/// The name of a run, unique among all runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

/// The text is not the name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 letters and digits")]
pub struct BadRunName;

impl FromStr for RunName {
    type Err = BadRunName;

    fn from_str(text: &str) -> Result<Self, BadRunName> {
        let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric());
        if allowed && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadRunName)
        }
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where reconciliation starts: no earlier day is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Began {
    /// The first day that is reconciled.
    pub first_day: Day,
}

/// Where the comparison with the core's statements starts. Of an earlier day the core need not have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparedFrom {
    /// The day on which it was switched on.
    pub first_day: Day,
}

/// How far the days are delivered: this one and every earlier one since the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredUntil {
    /// The last of these days.
    pub day: Day,
}

/// How far the payments are looked up again that we gave back on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The day on which it was decided to give them back.
    pub day: Day,
    /// The day of the look-ups.
    pub on: Day,
    /// So many shards of that day are done.
    pub shards: u8,
}

/// The lease of the run that is active: only one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run that has it.
    pub run: RunName,
    /// When the lease ends. A run that crashed blocks the next one only until then.
    pub until: Timestamp,
}

/// The mail about a day. There is one once it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailed {
    /// The day that the mail is about.
    pub day: Day,
    /// When it was sent.
    pub mailed_at: Timestamp,
}

/// The last report of a day. A report with the same hashes is not written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The day that the report is about.
    pub day: Day,
    /// The SHA-256 of the page, in hex.
    pub html_sha256: String,
    /// The SHA-256 of the table, in hex.
    pub csv_sha256: String,
    /// What the report says in a few numbers; `None` in a record from before there was one.
    pub summary: Option<DaySummary>,
}
