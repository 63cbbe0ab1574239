//! For tests and the simulation, which have no store (feature `testing`).

use crate::transaction::{Change, Created, Transaction};

/// What is decided is taken as written.
pub trait AssumeCommitted {
    /// The transaction as it is once the store has written it.
    #[must_use]
    fn assume_committed(self) -> Transaction;
}

impl AssumeCommitted for Change {
    fn assume_committed(self) -> Transaction {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test says that the change is written"
        )]
        self.into_transaction()
    }
}

impl AssumeCommitted for Created {
    fn assume_committed(self) -> Transaction {
        self.transaction().clone()
    }
}
