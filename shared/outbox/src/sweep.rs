//! The sweep: everything that is due, the oldest first, all shards at once.

use std::collections::HashSet;

use domain::{Timestamp, TransactionId};
use futures::{StreamExt, stream};
use store::{SHARDS, StoreError};

use crate::{Outbox, Worker};

/// Keys read from one shard at a time.
const PAGE: u16 = 50;
/// Transactions of one shard that are worked on at once.
const AT_ONCE_IN_SHARD: usize = 4;

impl<W: Worker> Outbox<W> {
    /// Goes through each shard once, as far as the time allows. What is left is due at the next sweep, and
    /// then comes first.
    pub(crate) async fn sweep(&self, deadline: Timestamp) -> Result<(), StoreError> {
        let shards = stream::iter(0..SHARDS).map(|shard| self.sweep_shard(shard, deadline));
        // All are let finish, also beside one that cannot be read: work that is cut off is done again.
        let results: Vec<_> = shards.buffer_unordered(SHARDS.into()).collect().await;
        let met: usize = results.iter().flatten().sum();
        if met > 0 {
            tracing::info!(obligations = met, "swept");
        }
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    async fn sweep_shard(&self, shard: u8, deadline: Timestamp) -> Result<usize, StoreError> {
        let until = self.clock.now();
        let mut seen = HashSet::new();
        loop {
            // A page longer than what was seen holds something new, or there is nothing new: what was met is
            // no longer due, and what could not be met comes again.
            let limit = PAGE.saturating_add(u16::try_from(seen.len()).unwrap_or(u16::MAX));
            let due = self
                .transactions
                .due(self.worker.index(), shard, until, limit)
                .await?;
            let new = due.into_iter().map(|entry| entry.id);
            let new: Vec<TransactionId> = new.filter(|id| seen.insert(*id)).collect();
            if new.is_empty() {
                return Ok(seen.len());
            }
            let work = new.into_iter().map(|id| self.meet_by_id(id, deadline));
            let done: Vec<bool> = stream::iter(work)
                .buffer_unordered(AT_ONCE_IN_SHARD)
                .collect()
                .await;
            if done.contains(&false) {
                return Ok(seen.len());
            }
        }
    }

    /// `false` if there is no time left to begin with it.
    async fn meet_by_id(&self, id: TransactionId, deadline: Timestamp) -> bool {
        if deadline.since(self.clock.now()) < self.worker.longest() {
            return false;
        }
        match self.transactions.load(id).await {
            // What breaks is logged where it breaks; the others are not made to wait for it.
            Ok(Some(found)) => drop(self.meet(found).await),
            // The index lags behind a deletion.
            Ok(None) => {}
            Err(error) => tracing::info_span!("obligation", transaction_id = %id)
                .in_scope(|| crate::not_read(error)),
        }
        true
    }
}
