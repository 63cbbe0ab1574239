//! The state of the system in DynamoDB: transactions, webview sessions and reconciliation records. The functions
//! and the operator's command use it, and nothing else in the repository calls DynamoDB for them. It depends on the
//! pure crates `domain` and `reconciliation`, whose types it maps to items, and `signing`, which hashes. It must not depend on Lambda, on HTTP,
//! or on Tiki's and the core's messages.
//!
//! ```text
//! handler ── Transaction, Change ──► Transactions ──────────┐
//! handler ── Sent, Finding, … ─────► ReconciliationRecords ─┴─► conditional write ──► DynamoDB
//! ```
//!
//! Every change is one conditional write (`conditional_write`): a write whose answer was lost is recognised by its
//! write id. [`Transactions`] maps items and decides again when another writer was faster. [`Table`] is the seam
//! below it: keys, items and conditions, and no knowledge of payments.
//!
//! The modules depend on one another in one direction, from the top of this list to the bottom:
//!
//! | module | what it is for |
//! |---|---|
//! | `personal` | keyed hashes of personal data, and their end |
//! | `daily` | the transactions of a day, in order |
//! | `transactions` | load, create, change |
//! | `records` | the reconciliation records |
//! | `sessions` | the webview sessions |
//! | `notify` | metrics of a stored change |
//! | `record` | a transaction as an item |
//! | `dynamo` | the table of transactions, through the AWS SDK |
//! | `table` | the seam to that table |
//! | `hourly_count` | how often something has happened in this hour |
//! | `conditional_write` | the one conditional write |
//! | `keys` | the keys of tables and indexes |
//! | `write_ids`, `error` | |

mod conditional_write;
mod daily;
mod dynamo;
mod error;
mod hourly_count;
mod keys;
mod notify;
mod personal;
mod record;
mod records;
mod sessions;
mod table;
mod transactions;
mod write_ids;

pub use conditional_write::{Condition, WriteOutcome};
pub use daily::{FinalOnDay, RefundedOnDay};
pub use dynamo::{DynamoTable, REQUEST_TIMEOUT, connect};
pub use error::{StoreError, TableError};
pub use hourly_count::HourlyCount;
pub use keys::{
    BY_CUSTOMER, BY_STATUS, DayIndex, DueIndex, Index, NEEDS_REVIEW, PARTITION, PROPOSED,
    Projection, SHARDS, SORT, TRANSACTION_ID,
};
pub use personal::{FinalInShard, ForgetError, content_hashes};
pub use record::{SCHEMA, read};
pub use records::{
    CLOSED, DynamoRecords, Key, Pages, RUNS, ReconciliationRecords, Record, RecordPage,
    RecordTable, StoredKey, Versioned, Written, day_partition,
};
pub use serde_dynamo::Item;
pub use sessions::{
    Arrival, CustomerHash, DynamoSessions, SessionStore, WebviewCall, WebviewCalls, WebviewReply,
    WebviewSession,
};
pub use table::{DayPage, IndexQuery, Indexed, Table};
pub use transactions::{Creation, Transactions, Updated, WaitingPlace};
pub use write_ids::{RandomWriteIds, WriteIds};
