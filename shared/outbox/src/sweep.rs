//! The sweep: everything that is due, the oldest first, all shards at the same time.

use std::collections::HashSet;
use std::time::Duration;

use domain::{Timestamp, TransactionId};
use futures::future::join_all;
use futures::{StreamExt, stream};
use store::{DueIndex, SHARDS, StoreError};

use crate::{Outbox, Worker};

/// How many keys are read from one shard at a time.
const KEYS_PER_PAGE: u16 = 50;
/// How many transactions of one shard are processed at the same time.
const MAX_CONCURRENT_TRANSACTIONS_PER_SHARD: usize = 4;

/// The result of the sweep of one shard.
struct Swept {
    /// How many transactions were processed.
    processed: usize,
    /// How late the oldest of them was.
    lateness: Duration,
}

impl<W: Worker> Outbox<W> {
    /// Goes through each shard once, as far as the time allows. What is left comes first at the next sweep.
    pub(crate) async fn sweep(&self, deadline: Timestamp) -> Result<(), StoreError> {
        let indexes = self.worker.indexes().iter();
        let sweeps = indexes.map(|index| self.sweep_index(*index, deadline));
        // A sweep that fails stops no other: work that is cut off would be done again.
        join_all(sweeps).await.into_iter().collect()
    }

    async fn sweep_index(&self, index: DueIndex, deadline: Timestamp) -> Result<(), StoreError> {
        let shards = stream::iter(0..SHARDS).map(|shard| self.sweep_shard(index, shard, deadline));
        // A shard that cannot be read stops no other.
        let results: Vec<_> = shards.buffer_unordered(SHARDS.into()).collect().await;
        let latest = results.iter().flatten().map(|swept| swept.lateness).max();
        let queue = match index {
            DueIndex::Ipn => "ipn",
            DueIndex::Refund => "refund",
            DueIndex::Expiry => "expiry",
        };
        if let Some(lateness) = latest {
            metrics::OBLIGATION_LATENESS.record_duration(&[queue], lateness);
        }
        let processed: usize = results.iter().flatten().map(|swept| swept.processed).sum();
        if processed > 0 {
            tracing::info!(queue, obligations = processed, "swept");
        }
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    async fn sweep_shard(
        &self,
        index: DueIndex,
        shard: u8,
        deadline: Timestamp,
    ) -> Result<Swept, StoreError> {
        let until = self.clock.now();
        let mut seen = HashSet::new();
        let mut lateness = Duration::ZERO;
        loop {
            // What was processed is no longer due, and what could not be processed comes again. So the
            // next page has room for all that was seen and for something new. If it has nothing new, there is none.
            let limit = KEYS_PER_PAGE.saturating_add(u16::try_from(seen.len()).unwrap_or(u16::MAX));
            let due = self.transactions.due(index, shard, until, limit).await?;
            if let Some(oldest) = due.first() {
                lateness = lateness.max(until.since(oldest.at));
            }
            let new = due.into_iter().map(|entry| entry.id);
            let new: Vec<TransactionId> = new.filter(|id| seen.insert(*id)).collect();
            if new.is_empty() {
                let processed = seen.len();
                return Ok(Swept {
                    processed,
                    lateness,
                });
            }
            let work = new.into_iter().map(|id| self.process_by_id(id, deadline));
            let done: Vec<bool> = stream::iter(work)
                .buffer_unordered(MAX_CONCURRENT_TRANSACTIONS_PER_SHARD)
                .collect()
                .await;
            if done.contains(&false) {
                let processed = seen.len();
                return Ok(Swept {
                    processed,
                    lateness,
                });
            }
        }
    }

    /// `false` if too little time is left to start with it.
    async fn process_by_id(&self, id: TransactionId, deadline: Timestamp) -> bool {
        if deadline.since(self.clock.now()) < self.worker.max_processing_time() {
            return false;
        }
        match self.transactions.load(id).await {
            // An error is logged where it happens, and stops no other transaction.
            Ok(Some(found)) => drop(self.process(found).await),
            // The index still holds an item that was deleted.
            Ok(None) => {}
            Err(error) => tracing::info_span!("obligation", transaction_id = %id)
                .in_scope(|| crate::record_unread(error)),
        }
        true
    }
}
