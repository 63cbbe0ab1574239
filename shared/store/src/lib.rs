//! Transactions in DynamoDB: one item each, one conditional write a change (design §5).
//!
//! ```text
//! handler ── Transaction, Change ──► Transactions ── Item, Condition ──► Table ──► DynamoDB
//! ```
//!
//! [`Transactions`] maps items, stamps writes, recognises its own, and decides again when somebody else was
//! faster. [`Table`] is the seam below it: a key, an item, a condition, and nothing that knows of payments.

mod daily;
mod dynamo;
mod error;
mod notify;
mod record;
mod sessions;
mod table;
mod transactions;

pub use daily::{FinalOnDay, RefundedOnDay};
pub use dynamo::{DynamoTable, connect};
pub use error::StoreError;
pub use record::{SCHEMA, read};
pub use serde_dynamo::Item;
pub use sessions::{DynamoSessions, SessionStore, WebviewSession};
pub use table::{Condition, DayIndex, DayPage, DueIndex, Indexed, Put, SHARDS, Table, TableError};
pub use transactions::{Creation, RandomWriteIds, Transactions, Updated, WriteIds};
