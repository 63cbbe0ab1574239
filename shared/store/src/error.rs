//! The errors of the store.

use aws_sdk_dynamodb::error::BoxError;

/// The store could not do what was asked. Nothing was promised to the caller's caller, so the answer to it can
/// be "repeat".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer, or refused the request.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The item is damaged, or a newer version of this software wrote it.
    #[error("the item of transaction {transaction_id} cannot be read: {reason}")]
    Unreadable {
        /// The item's key, as far as it can be read.
        transaction_id: String,
        /// The attribute and the problem; it may quote the value of a damaged attribute.
        reason: String,
    },
    /// The item was read, and does not exist any more.
    #[error("transaction {0} has disappeared from the table")]
    Vanished(domain::TransactionId),
    /// Each of the bounded number of attempts met a change by another writer.
    #[error("transaction {0} is being changed by too many writers at once")]
    Contended(domain::TransactionId),
    /// A reconciliation record cannot be read or written.
    #[error("the reconciliation record {sort} of {partition}: {reason}")]
    Record {
        /// The record's partition key, as far as it can be read.
        partition: String,
        /// The record's sort key, as far as it can be read.
        sort: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A request to DynamoDB failed.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB {operation} failed")]
pub struct TableError {
    /// The operation, in DynamoDB's name for it.
    pub operation: &'static str,
    #[source]
    pub source: BoxError,
}

impl TableError {
    pub(crate) fn new(operation: &'static str, source: impl Into<BoxError>) -> Self {
        Self {
            operation,
            source: source.into(),
        }
    }
}
