//! The keys of the reconciliation records. Each is built here, and nowhere else.

use std::marker::PhantomData;

use domain::{Day, Timestamp};
use reconciliation::classify::Kind;
use reconciliation::record::{
    Began, ComparedFrom, DeliveredUntil, Exported, Finding, Forgetting, Lease, Mailed, Received,
    Reported, Sent, StatementRead, Subject, Unrecognised, Watched,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{
    BeganRow, ComparedFromRow, DeliveredUntilRow, ExportedRow, FindingRow, ForgettingRow, LeaseRow,
    MailedRow, ReceivedRow, ReportedRow, SentRow, StatementReadRow, UnrecognisedRow, WatchedRow,
};
use super::table::StoredKey;

/// The status of a finding that a person has closed and that no report shows as closed yet.
pub const CLOSED: &str = "closed";

/// The partition of the records that all runs share.
pub const RUNS: &str = "runs";

/// The key of a record of this type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<R> {
    stored: StoredKey,
    record: PhantomData<fn() -> R>,
}

/// A type that is stored in the table of reconciliation.
pub trait Record: Clone + Send + Sync {
    /// The record as it is stored.
    type Row: Serialize + DeserializeOwned + From<Self> + Into<Self>;

    /// The start of the sort key of each record of this type, so that all of a partition can be listed.
    const PREFIX: &'static str;

    /// The key, which is unique in the table.
    fn key(&self) -> Key<Self>;

    /// The keys in the index `by_status`, for a record that is in it: a status, and a time.
    fn status(&self) -> Option<(&'static str, Timestamp)> {
        None
    }
}

impl<R: Record> Key<R> {
    fn of_day(day: Day, rest: &str) -> Self {
        Self::new(day_partition(day), rest)
    }

    fn of_runs(rest: &str) -> Self {
        Self::new(RUNS.to_owned(), rest)
    }

    fn new(partition: String, rest: &str) -> Self {
        Self::of_stored(StoredKey {
            partition,
            sort: format!("{}{rest}", R::PREFIX),
        })
    }
}

impl<R> Key<R> {
    /// A key from the index of the table.
    pub(super) fn of_stored(stored: StoredKey) -> Self {
        Self {
            stored,
            record: PhantomData,
        }
    }

    /// Whether the record is of this day.
    #[must_use]
    pub fn is_of(&self, day: Day) -> bool {
        self.stored.partition == day_partition(day)
    }

    /// The key as it is stored.
    #[must_use]
    pub fn stored(&self) -> &StoredKey {
        &self.stored
    }
}

impl Key<Sent> {
    /// The file of a day with this counter.
    #[must_use]
    pub fn sent(day: Day, counter: u32) -> Self {
        Self::of_day(day, &format!("{counter:06}"))
    }
}

impl Key<Exported> {
    /// The last export of a day.
    #[must_use]
    pub fn exported(day: Day) -> Self {
        Self::of_day(day, "")
    }
}

impl Key<Received> {
    /// A result file of Tiki about a day.
    #[must_use]
    pub fn received(day: Day, name: &str) -> Self {
        Self::of_day(day, name)
    }
}

impl Key<StatementRead> {
    /// The core's statement of a day.
    #[must_use]
    pub fn statement(day: Day) -> Self {
        Self::of_day(day, "")
    }
}

impl Key<Finding> {
    /// A finding of a day, by what it is about.
    #[must_use]
    pub fn finding(day: Day, subject: &Subject) -> Self {
        Self::finding_id(day, &subject.to_string())
    }

    /// A finding of a day, by its id.
    #[must_use]
    pub fn finding_id(day: Day, id: &str) -> Self {
        Self::of_day(day, id)
    }
}

impl Key<Reported> {
    /// The last report of a day.
    #[must_use]
    pub fn reported(day: Day) -> Self {
        Self::of_day(day, "")
    }
}

impl Key<Mailed> {
    /// The mail about a day.
    #[must_use]
    pub fn mailed(day: Day) -> Self {
        Self::of_day(day, "")
    }
}

impl Key<Unrecognised> {
    /// A file of Tiki whose name says nothing.
    #[must_use]
    pub fn unrecognised(name: &str) -> Self {
        Self::of_runs(name)
    }
}

impl Key<Began> {
    /// Where reconciliation starts.
    #[must_use]
    pub fn began() -> Self {
        Self::of_runs("")
    }
}

impl Key<ComparedFrom> {
    /// Where the comparison with the core's statements starts.
    #[must_use]
    pub fn compared_from() -> Self {
        Self::of_runs("")
    }
}

impl Key<DeliveredUntil> {
    /// How far the days are delivered.
    #[must_use]
    pub fn delivered_until() -> Self {
        Self::of_runs("")
    }
}

impl Key<Watched> {
    /// How far the payments are looked up again that we gave back on this day.
    #[must_use]
    pub fn watched(day: Day) -> Self {
        Self::of_day(day, "")
    }
}

impl Key<Forgetting> {
    /// How far the personal data of old payments are forgotten.
    #[must_use]
    pub fn forgetting() -> Self {
        Self::of_runs("")
    }
}

impl Key<Lease> {
    /// The lease of the active run.
    #[must_use]
    pub fn lease() -> Self {
        Self::of_runs("")
    }
}

/// The partition of a day's records.
#[must_use]
pub fn day_partition(day: Day) -> String {
    format!("day#{day}")
}

impl Record for Sent {
    type Row = SentRow;
    const PREFIX: &'static str = "sent#";

    fn key(&self) -> Key<Self> {
        Key::sent(self.day, self.counter)
    }
}

impl Record for Exported {
    type Row = ExportedRow;
    const PREFIX: &'static str = "exported";

    fn key(&self) -> Key<Self> {
        Key::exported(self.day)
    }
}

impl Record for Received {
    type Row = ReceivedRow;
    const PREFIX: &'static str = "received#";

    fn key(&self) -> Key<Self> {
        Key::received(self.day, &self.name)
    }
}

impl Record for StatementRead {
    type Row = StatementReadRow;
    const PREFIX: &'static str = "statement";

    fn key(&self) -> Key<Self> {
        Key::statement(self.day)
    }
}

impl Record for Finding {
    type Row = FindingRow;
    const PREFIX: &'static str = "finding#";

    fn key(&self) -> Key<Self> {
        Key::finding(self.day, &self.subject)
    }

    /// An open finding by its kind, since it was last checked. A closed one is in the index until the day's report
    /// shows it as closed.
    fn status(&self) -> Option<(&'static str, Timestamp)> {
        match (&self.closed, self.kind) {
            (Some(closed), _) if !self.reported => Some((CLOSED, closed.at)),
            (Some(_), _) | (None, Kind::Matched) => None,
            (None, kind) => Some((kind.as_str(), self.looked_at)),
        }
    }
}

impl Record for Reported {
    type Row = ReportedRow;
    const PREFIX: &'static str = "reported";

    fn key(&self) -> Key<Self> {
        Key::reported(self.day)
    }
}

impl Record for Mailed {
    type Row = MailedRow;
    const PREFIX: &'static str = "mailed";

    fn key(&self) -> Key<Self> {
        Key::mailed(self.day)
    }
}

impl Record for Unrecognised {
    type Row = UnrecognisedRow;
    const PREFIX: &'static str = "unrecognised#";

    fn key(&self) -> Key<Self> {
        Key::unrecognised(&self.name)
    }
}

impl Record for Began {
    type Row = BeganRow;
    const PREFIX: &'static str = "began";

    fn key(&self) -> Key<Self> {
        Key::began()
    }
}

impl Record for ComparedFrom {
    type Row = ComparedFromRow;
    const PREFIX: &'static str = "compared_from";

    fn key(&self) -> Key<Self> {
        Key::compared_from()
    }
}

impl Record for DeliveredUntil {
    type Row = DeliveredUntilRow;
    const PREFIX: &'static str = "delivered_until";

    fn key(&self) -> Key<Self> {
        Key::delivered_until()
    }
}

impl Record for Watched {
    type Row = WatchedRow;
    const PREFIX: &'static str = "watched";

    fn key(&self) -> Key<Self> {
        Key::watched(self.day)
    }
}

impl Record for Forgetting {
    type Row = ForgettingRow;
    const PREFIX: &'static str = "forgetting";

    fn key(&self) -> Key<Self> {
        Key::forgetting()
    }
}

impl Record for Lease {
    type Row = LeaseRow;
    const PREFIX: &'static str = "lease";

    fn key(&self) -> Key<Self> {
        Key::lease()
    }
}
