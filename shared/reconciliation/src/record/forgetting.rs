//! How far the personal data of old payments are forgotten.

use domain::{Day, TransactionId};

/// How far the personal data of old payments are forgotten. A run goes on where the one before it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgetting {
    /// The first day that was not taken up yet.
    pub next: Day,
    /// The day that is being swept; `None` between two days.
    pub day: Option<Day>,
    /// So many shards of that day are done.
    pub shards: u8,
    /// Days that were not reconciled when it was their turn, and those of which more was left than can be kept: they are
    /// tried again.
    pub days: Vec<Day>,
    /// Payments of which something was open when it was their turn: they are tried again.
    pub payments: Vec<TransactionId>,
}
