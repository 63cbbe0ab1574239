//! One run at a time. The lock only saves work: two runs at the same time would do everything twice, and conditional
//! writes and exclusive file names refuse the second.

use domain::Timestamp;
use ledger::{Entry, Written};
use reconciliation::record::{Lease, Record};

use crate::Reconcile;

/// The state of the lock.
pub(crate) enum RunLock {
    /// This run holds it until it releases it.
    Held(Entry<Lease>),
    /// Another run holds it: the one of this name.
    HeldByAnother(String),
}

impl Reconcile {
    /// Acquires the lock, unless another run holds it.
    pub(crate) async fn acquire(&self, run: &str, until: Timestamp) -> anyhow::Result<RunLock> {
        let mine = Lease {
            run: run.to_owned(),
            until: until.unix_ms(),
        };
        let found = self
            .ledger
            .get::<Lease>(&mine.subject(), &mine.entry())
            .await?;
        let now = self.clock.now().unix_ms();
        if let Some(theirs) = found.as_ref().filter(|found| found.record.until > now) {
            return Ok(RunLock::HeldByAnother(theirs.record.run.clone()));
        }
        let before = found.map(|found| found.version);
        match self.ledger.put(mine, before).await? {
            Written::Stored(mine) => Ok(RunLock::Held(mine)),
            Written::Refused(theirs) => Ok(RunLock::HeldByAnother(theirs.record.run)),
        }
    }

    /// Releases the lock. If that fails, it ends at the deadline of the run.
    pub(crate) async fn release(&self, lock: Entry<Lease>) {
        let over = Lease {
            until: 0,
            ..lock.record
        };
        if let Err(error) = self.ledger.put(over, Some(lock.version)).await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(
                error,
                "the lock could not be released; it ends at the deadline of the run"
            );
        }
    }
}
