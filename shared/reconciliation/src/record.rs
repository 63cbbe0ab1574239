//! What is kept of files and findings. Each record has its key in the table: a subject, and an entry of it.

mod finding;

use domain::{Day, Status, Vnd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::file::Totals;

pub use self::finding::{CLOSED, Closed, Finding, Step, tiki_id};

/// Something that is kept.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// What its entries begin with, so that all of a subject can be listed.
    const PREFIX: &'static str;

    /// Its subject: mostly a day.
    fn subject(&self) -> String;

    /// Its entry: what is unique within the subject.
    fn entry(&self) -> String;

    /// Where it stands in the index `open`, if it does: under a word, and since when, Unix milliseconds.
    fn open(&self) -> Option<(&'static str, i64)> {
        None
    }
}

/// The subject of a day's records.
#[must_use]
pub fn of_day(day: Day) -> String {
    format!("day#{day}")
}

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
    /// When its copy was in the archive, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<i64>,
    /// When it was at Tiki under its name, for certain; Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<i64>,
}

impl Record for Sent {
    const PREFIX: &'static str = "sent#";

    fn subject(&self) -> String {
        format!("day#{}", self.day)
    }

    fn entry(&self) -> String {
        format!("sent#{:06}", self.counter)
    }
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

impl Record for Exported {
    const PREFIX: &'static str = "exported";

    fn subject(&self) -> String {
        format!("day#{}", self.day)
    }

    fn entry(&self) -> String {
        "exported".to_owned()
    }
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

impl Record for Received {
    const PREFIX: &'static str = "received#";

    fn subject(&self) -> String {
        format!("day#{}", self.day)
    }

    fn entry(&self) -> String {
        format!("received#{}#{}", self.name, self.sha256)
    }
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

impl Record for Began {
    const PREFIX: &'static str = "began";

    fn subject(&self) -> String {
        "runs".to_owned()
    }

    fn entry(&self) -> String {
        "began".to_owned()
    }
}

/// Who is at it: one run at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The run.
    pub run: String,
    /// Until when, Unix milliseconds; a run that died holds nobody up for longer.
    pub until: i64,
}

impl Record for Lease {
    const PREFIX: &'static str = "lease";

    fn subject(&self) -> String {
        "runs".to_owned()
    }

    fn entry(&self) -> String {
        "lease".to_owned()
    }
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

impl Record for Reported {
    const PREFIX: &'static str = "reported";

    fn subject(&self) -> String {
        format!("day#{}", self.day)
    }

    fn entry(&self) -> String {
        "reported".to_owned()
    }
}

/// Our side's values of a transaction.
#[must_use]
pub fn ours(status: Status, amount: Vnd) -> Values {
    Values {
        status: Some(status.as_str().to_owned()),
        amount_vnd: Some(amount.get()),
    }
}
