//! The keys of the reconciliation records.

use domain::Day;
use reconciliation::classify::Kind;
use reconciliation::record::{
    Began, Exported, Finding, Lease, Received, Reported, Sent, Unrecognised,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The status of a finding that a person has closed and that no report shows as closed yet.
pub const CLOSED: &str = "closed";

/// The partition of the records that all runs share.
pub const RUNS: &str = "runs";

/// A type that is stored in the table of reconciliation.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The start of the sort key of each record of this type, so that all of a partition can be listed.
    const PREFIX: &'static str;

    /// The partition key: mostly a day.
    fn partition(&self) -> String;

    /// The sort key, which is unique within the partition.
    fn sort(&self) -> String;

    /// The keys in the index `by_status`, for a record that is in it: a status, and a time in Unix milliseconds.
    fn status(&self) -> Option<(&'static str, i64)> {
        None
    }
}

/// The partition of a day's records.
#[must_use]
pub fn day_partition(day: Day) -> String {
    of_day(&day.to_string())
}

fn of_day(day: &str) -> String {
    format!("day#{day}")
}

impl Record for Sent {
    const PREFIX: &'static str = "sent#";

    fn partition(&self) -> String {
        of_day(&self.day)
    }

    fn sort(&self) -> String {
        format!("{}{:06}", Self::PREFIX, self.counter)
    }
}

impl Record for Exported {
    const PREFIX: &'static str = "exported";

    fn partition(&self) -> String {
        of_day(&self.day)
    }

    fn sort(&self) -> String {
        Self::PREFIX.to_owned()
    }
}

impl Record for Received {
    const PREFIX: &'static str = "received#";

    fn partition(&self) -> String {
        of_day(&self.day)
    }

    fn sort(&self) -> String {
        format!("{}{}", Self::PREFIX, self.name)
    }
}

impl Record for Finding {
    const PREFIX: &'static str = "finding#";

    fn partition(&self) -> String {
        of_day(&self.day)
    }

    fn sort(&self) -> String {
        format!("{}{}", Self::PREFIX, self.subject)
    }

    /// An open finding by its kind, since it was last checked. A closed one is in the index until the day's report
    /// shows it as closed.
    fn status(&self) -> Option<(&'static str, i64)> {
        match (&self.closed, self.kind) {
            (Some(closed), _) if !self.reported => Some((CLOSED, closed.at)),
            (Some(_), _) | (None, Kind::Matched) => None,
            (None, kind) => Some((kind.as_str(), self.looked_at)),
        }
    }
}

impl Record for Reported {
    const PREFIX: &'static str = "reported";

    fn partition(&self) -> String {
        of_day(&self.day)
    }

    fn sort(&self) -> String {
        Self::PREFIX.to_owned()
    }
}

impl Record for Unrecognised {
    const PREFIX: &'static str = "unrecognised#";

    fn partition(&self) -> String {
        RUNS.to_owned()
    }

    fn sort(&self) -> String {
        format!("{}{}", Self::PREFIX, self.name)
    }
}

impl Record for Began {
    const PREFIX: &'static str = "began";

    fn partition(&self) -> String {
        RUNS.to_owned()
    }

    fn sort(&self) -> String {
        Self::PREFIX.to_owned()
    }
}

impl Record for Lease {
    const PREFIX: &'static str = "lease";

    fn partition(&self) -> String {
        RUNS.to_owned()
    }

    fn sort(&self) -> String {
        Self::PREFIX.to_owned()
    }
}
