//! The reconciliation records as they are stored. What is read back is checked again: each id, text, time and amount
//! must be one.

mod finding;
mod forms;

use domain::{Day, Timestamp, TransactionId};
use reconciliation::file::{Part, Sum, Totals};
use reconciliation::record::{
    Began, ComparedFrom, DayMoney, DaySummary, DeliveredUntil, Doubt, Exported, Forgetting, Lease,
    Mailed, Received, Reported, Results, RunName, Sent, Statement, StatementRead, Unrecognised,
    Watched,
};
use serde::{Deserialize, Serialize};

pub(super) use self::finding::FindingRow;
use self::forms::{maybe_text, maybe_unix_ms, text, texts, unix_ms};

/// A row with the fields of its record, each in its stored form.
macro_rules! row {
    ($row:ident of $record:ident { $($(#[$form:meta])* $field:ident: $type:ty,)+ }) => {
        #[derive(Serialize, Deserialize)]
        pub struct $row {
            $($(#[$form])* $field: $type,)+
        }

        impl From<$record> for $row {
            fn from($record { $($field),+ }: $record) -> Self {
                Self { $($field),+ }
            }
        }

        impl From<$row> for $record {
            fn from($row { $($field),+ }: $row) -> Self {
                Self { $($field),+ }
            }
        }
    };
}
use row;

row!(SentRow of Sent {
    #[serde(with = "text")]
    day: Day,
    counter: u32,
    name: String,
    #[serde(flatten, with = "PartRow")]
    content: Part,
    #[serde(with = "text")]
    run: RunName,
    #[serde(with = "unix_ms")]
    planned_at: Timestamp,
    #[serde(default, with = "maybe_unix_ms", skip_serializing_if = "Option::is_none")]
    archived_at: Option<Timestamp>,
    #[serde(default, with = "maybe_unix_ms", skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Timestamp>,
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Doubt>,
});

#[derive(Serialize, Deserialize)]
#[serde(remote = "Part")]
struct PartRow {
    lines: u64,
    bytes: u64,
    sha256: String,
    totals: Totals,
}

row!(ExportedRow of Exported {
    #[serde(with = "text")]
    day: Day,
    totals: Totals,
    #[serde(default)]
    refunded: Sum,
    counters: Vec<u32>,
    #[serde(with = "unix_ms")]
    exported_at: Timestamp,
    #[serde(with = "text")]
    run: RunName,
});

row!(ReceivedRow of Received {
    #[serde(with = "text")]
    day: Day,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<u32>,
    reading: u64,
    #[serde(with = "unix_ms")]
    received_at: Timestamp,
    lines: u64,
    matched: u64,
    findings: u64,
    unreadable: u64,
    #[serde(default, with = "maybe_unix_ms", skip_serializing_if = "Option::is_none")]
    done_at: Option<Timestamp>,
});

row!(StatementReadRow of StatementRead {
    #[serde(with = "text")]
    day: Day,
    reading: u64,
    payments: Sum,
    refunds: Sum,
    unreadable: u64,
    findings: u64,
    #[serde(default, with = "maybe_unix_ms", skip_serializing_if = "Option::is_none")]
    done_at: Option<Timestamp>,
});

row!(UnrecognisedRow of Unrecognised {
    name: String,
    #[serde(with = "text")]
    day: Day,
});

row!(BeganRow of Began {
    #[serde(with = "text")]
    first_day: Day,
});

row!(ComparedFromRow of ComparedFrom {
    #[serde(with = "text")]
    first_day: Day,
});

row!(DeliveredUntilRow of DeliveredUntil {
    #[serde(with = "text")]
    day: Day,
});

row!(WatchedRow of Watched {
    #[serde(with = "text")]
    day: Day,
    #[serde(with = "text")]
    on: Day,
    shards: u8,
});

row!(ForgettingRow of Forgetting {
    #[serde(with = "text")]
    next: Day,
    #[serde(default, with = "maybe_text", skip_serializing_if = "Option::is_none")]
    day: Option<Day>,
    shards: u8,
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    days: Vec<Day>,
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    payments: Vec<TransactionId>,
});

row!(LeaseRow of Lease {
    #[serde(with = "text")]
    run: RunName,
    #[serde(with = "unix_ms")]
    until: Timestamp,
});

row!(MailedRow of Mailed {
    #[serde(with = "text")]
    day: Day,
    #[serde(with = "unix_ms")]
    mailed_at: Timestamp,
});

/// The last report of a day in its stored form.
#[derive(Serialize, Deserialize)]
pub struct ReportedRow {
    #[serde(with = "text")]
    day: Day,
    html_sha256: String,
    csv_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<DaySummaryRow>,
}

row!(DaySummaryRow of DaySummary {
    #[serde(with = "text")]
    day: Day,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    money: Option<DayMoney>,
    delivered: bool,
    #[serde(with = "text")]
    results: Results,
    #[serde(with = "text")]
    statement: Statement,
    orders_without_money: u64,
    needs_review: u64,
    automatic: u64,
    differences_vnd: u64,
});

impl From<Reported> for ReportedRow {
    fn from(reported: Reported) -> Self {
        Self {
            day: reported.day,
            html_sha256: reported.html_sha256,
            csv_sha256: reported.csv_sha256,
            summary: reported.summary.map(DaySummaryRow::from),
        }
    }
}

impl From<ReportedRow> for Reported {
    fn from(row: ReportedRow) -> Self {
        Self {
            day: row.day,
            html_sha256: row.html_sha256,
            csv_sha256: row.csv_sha256,
            summary: row.summary.map(DaySummary::from),
        }
    }
}
