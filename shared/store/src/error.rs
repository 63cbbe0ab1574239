//! What can go wrong with the store.

use crate::table::TableError;

/// The store could not do it. Nothing was promised to anybody, so the caller may say "repeat".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer, or not as asked.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The item cannot be understood: damaged, or written by a version of this software that is newer.
    #[error("the item of transaction {transaction_id} cannot be read: {reason}")]
    Unreadable {
        /// The item's key, if it has one.
        transaction_id: String,
        /// What is wrong; it names attributes; of a damaged one it may quote the value.
        reason: String,
    },
    /// The item was there and is there no more.
    #[error("transaction {0} has vanished")]
    Vanished(domain::TransactionId),
    /// Others changed the transaction each time that we were about to.
    #[error("transaction {0} is being changed by too many at once")]
    Contended(domain::TransactionId),
}
