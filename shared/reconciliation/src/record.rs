//! What is kept of files and findings. Each record has its key in the table: a subject, and an entry of it.

use domain::{Day, Status, TikiTransactionId, Vnd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::file::Totals;
use crate::judge::{Ground, Kind};

/// How many steps of a finding are kept: the first ones, and the last.
const MOST_STEPS: usize = 40;

/// The word in the index `open` of findings that a person has closed and no report says so yet.
pub const CLOSED: &str = "closed";

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

/// A line of a result file by which the sides do not agree, or that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The day.
    pub day: String,
    /// Tiki's id of the transaction; of a line that cannot be read, the file's name and the line's number.
    pub id: String,
    /// Our id of the transaction, if it can be one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The file that it was last in.
    pub file: String,
    /// The line's number in it, from 1.
    pub line: u64,
    /// Tiki's result code, as the file has it.
    pub code: String,
    /// Tiki's reason, or what is wrong with the line: the column and the problem.
    pub reason: String,
    /// What the file says.
    pub in_file: Values,
    /// What we have.
    pub ours: Values,
    /// What the look-up at Tiki said, in a word.
    pub tiki: String,
    /// Tiki's amount by the look-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiki_amount_vnd: Option<u64>,
    /// How it stands.
    pub kind: Kind,
    /// Why.
    pub ground: Ground,
    /// When it was found, Unix milliseconds.
    pub found_at: i64,
    /// When it was last looked at, Unix milliseconds.
    pub looked_at: i64,
    /// How it came to stand so, oldest first.
    pub history: Vec<Step>,
    /// Who closed it, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Whether the day's report has a person's word.
    #[serde(default)]
    pub reported: bool,
}

/// A step in a finding's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, Unix milliseconds.
    pub at: i64,
    /// How it stood from then on.
    pub kind: Kind,
    /// Why.
    pub ground: Ground,
    /// What we had.
    pub ours: Values,
    /// What Tiki said.
    pub tiki: String,
    /// Tiki's amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiki_amount_vnd: Option<u64>,
}

impl Step {
    /// Whether it stands as it did. One unclear answer of Tiki's is as good as another: what a person has closed
    /// does not come up again for that, and how long Tiki has been unclear is counted from the first.
    fn is_as(&self, other: &Self) -> bool {
        let unclear = self.ground == Ground::NoClearAnswer;
        let said_the_same =
            (&self.tiki, self.tiki_amount_vnd) == (&other.tiki, other.tiki_amount_vnd);
        (self.kind, self.ground, &self.ours) == (other.kind, other.ground, &other.ours)
            && (unclear || said_the_same)
    }
}

/// A person's last word on a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When, Unix milliseconds.
    pub at: i64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Record for Finding {
    const PREFIX: &'static str = "finding#";

    fn subject(&self) -> String {
        format!("day#{}", self.day)
    }

    fn entry(&self) -> String {
        format!("finding#{}", self.id)
    }

    /// Those first that were not looked at for longest. One that a person has closed stands there until the
    /// day's report says so.
    fn open(&self) -> Option<(&'static str, i64)> {
        match (&self.closed, self.kind) {
            (Some(closed), _) if !self.reported => Some((CLOSED, closed.at)),
            (Some(_), _) | (None, Kind::Settled) => None,
            (None, kind) => Some((kind.as_str(), self.looked_at)),
        }
    }
}

impl Finding {
    /// A finding that nobody has looked at yet.
    #[must_use]
    pub fn new(day: Day, id: String, file: &str, line: u64, found_at: i64) -> Self {
        Self {
            day: day.to_string(),
            id,
            transaction_id: None,
            file: file.to_owned(),
            line,
            code: String::new(),
            reason: String::new(),
            in_file: Values::default(),
            ours: Values::default(),
            tiki: String::new(),
            tiki_amount_vnd: None,
            kind: Kind::Undecided,
            ground: Ground::NoClearAnswer,
            found_at,
            looked_at: found_at,
            history: Vec::new(),
            closed: None,
            reported: false,
        }
    }

    /// Whether somebody or something still has to do with it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none() && self.kind != Kind::Settled
    }

    /// Whether it is about a transaction, and not a line that cannot be read.
    #[must_use]
    pub fn is_about_a_transaction(&self) -> bool {
        self.ground != Ground::UnreadableLine
    }

    /// Takes a look at it: how it stands is noted if that is new, which is then said. What a person has closed
    /// comes up again only if it stands otherwise than when it was closed.
    pub fn look(&mut self, at: i64, kind: Kind, ground: Ground) -> bool {
        self.looked_at = at;
        let step = Step {
            at,
            kind,
            ground,
            ours: self.ours.clone(),
            tiki: self.tiki.clone(),
            tiki_amount_vnd: self.tiki_amount_vnd,
        };
        if self.history.last().is_some_and(|last| last.is_as(&step)) {
            return false;
        }
        if self.history.len() >= MOST_STEPS {
            self.history.remove(MOST_STEPS.div_euclid(2));
        }
        self.history.push(step);
        (self.kind, self.ground) = (kind, ground);
        (self.closed, self.reported) = (None, false);
        true
    }
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

/// The id of the transaction that a finding is about, if it is about one and its id is one of Tiki's.
#[must_use]
pub fn tiki_id(finding: &Finding) -> Option<TikiTransactionId> {
    let id = &finding.id;
    finding.is_about_a_transaction().then(|| id.parse().ok())?
}
