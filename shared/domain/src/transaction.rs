//! The transaction: its data, what follows from it, and changes to it.

mod balance;
mod change;
mod check;
mod content;
mod create;
mod data;
mod due;
mod final_transaction;
mod order_at_tiki;
mod personal;

pub(crate) use self::change::Edit;
pub use self::change::{Change, DueMarks};
pub use self::content::{BadContentHash, ContentHash};
pub use self::create::{AmountLimits, Created};
pub use self::data::{Kept, Order, Snapshot, Transaction};
pub use self::final_transaction::FinalTransaction;
pub use self::order_at_tiki::{OrderAtTiki, order_at_tiki};
