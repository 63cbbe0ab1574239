//! The run lock: one run of reconciliation at a time. It saves work, and no guarantee depends on it: two runs at
//! once would write records in versions that the other has changed, and rename files to names that the other has
//! used, and both are refused.

use domain::Timestamp;
use reconciliation::record::{Lease, RunName};
use store::{Key, Versioned, Written};

use crate::Reconcile;

/// The outcome of [`Reconcile::acquire`].
pub(crate) enum RunLock {
    /// This run has the lock, until it is released or expires.
    Acquired {
        lock: Versioned<Lease>,
        /// Whether the run before did not release it: it may have died before it wrote the reports that it owed.
        left_behind: bool,
    },
    /// Another run, with this name, has the lock.
    HeldByAnotherRun(RunName),
}

impl Reconcile {
    /// Acquires the run lock, which expires at `until`, unless another run has it.
    pub(crate) async fn acquire(&self, run: &RunName, until: Timestamp) -> anyhow::Result<RunLock> {
        let ours = Lease {
            run: run.clone(),
            until,
        };
        let found = self.records.get(&Key::lease()).await?;
        let now = self.clock.now();
        if let Some(held) = found
            .as_ref()
            .filter(|found: &&Versioned<Lease>| found.record.until > now)
        {
            return Ok(RunLock::HeldByAnotherRun(held.record.run.clone()));
        }
        let left_behind = found
            .as_ref()
            .is_some_and(|found| found.record.until != Timestamp::MIN);
        let before = found.map(|found| found.version);
        match self.records.put(ours, before).await? {
            Written::Stored(lock) => Ok(RunLock::Acquired { lock, left_behind }),
            Written::Conflict(theirs) => Ok(RunLock::HeldByAnotherRun(theirs.record.run)),
        }
    }

    /// Releases the run lock. If that fails, the lock expires at the run's deadline. A run that still owes reports leaves
    /// it behind, as one that died: the next run writes them.
    pub(crate) async fn release(&self, lock: Versioned<Lease>, owes_reports: bool) {
        let until = if owes_reports {
            self.clock.now()
        } else {
            Timestamp::MIN
        };
        let released = Lease {
            until,
            ..lock.record
        };
        if let Err(error) = self.records.put(released, Some(lock.version)).await {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(
                error,
                "the run lock could not be released: it expires at the run's deadline"
            );
        }
    }
}
