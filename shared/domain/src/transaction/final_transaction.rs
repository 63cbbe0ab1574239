//! What both sides compare of a transaction (protocol §7).

use super::data::Transaction;
use crate::ids::{TikiTransactionId, TransactionId};
use crate::money::Vnd;
use crate::status::FinalStatus;
use crate::time::Timestamp;

/// A transaction whose status is final, as reconciliation has it. Only a reversal changes the status once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalTransaction {
    pub id: TransactionId,
    pub tiki_id: TikiTransactionId,
    /// What was to be paid.
    pub amount: Vnd,
    /// `SUCCESS` if it was paid and is not reversed.
    pub status: FinalStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status became final: its day, and `updated_at` in the file.
    pub final_at: Timestamp,
}

impl FinalTransaction {
    /// What reconciliation has of a transaction; `None` while its status is not final.
    #[must_use]
    pub fn of(transaction: &Transaction) -> Option<Self> {
        Some(Self {
            id: transaction.id(),
            tiki_id: transaction.tiki_id().clone(),
            amount: transaction.order().amount,
            status: transaction.final_status()?,
            created_at: transaction.created_at(),
            final_at: transaction.final_at()?,
        })
    }

    /// The order of the file: the same data always gives the same bytes.
    #[must_use]
    pub fn place(&self) -> (Timestamp, TransactionId) {
        (self.final_at, self.id)
    }
}
