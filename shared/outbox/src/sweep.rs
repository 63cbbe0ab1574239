//! The sweep of a group of shards: everything that is due, the oldest first, all shards at the same time.

use std::collections::HashSet;
use std::time::Duration;

use domain::{Timestamp, TransactionId};
use futures::channel::oneshot;
use futures::future::{join_all, select};
use futures::{StreamExt, stream};
use store::{DueIndex, SHARDS, StoreError};

use crate::group::Group;
use crate::{Outbox, Worker};

/// How many keys are read from one shard at a time.
const KEYS_PER_PAGE: u16 = 50;
/// How many transactions of one shard are processed at the same time.
const MAX_CONCURRENT_TRANSACTIONS_PER_SHARD: usize = 8;

/// The time that is left when the last transaction is done: to return the result before Lambda ends the invocation.
pub const TIME_TO_RETURN: Duration = Duration::from_secs(2);

/// An index waits for the one before it for this part of the time in which a sweep starts work: two thirds. So what
/// is urgent comes first, and the rest still gets a third of each sweep if the urgent never ends.
const WAITS_FOR: (u32, u32) = (2, 3);

impl<W: Worker> Outbox<W> {
    /// Goes through each shard once, as far as the time allows. What is left comes first at the next sweep.
    pub(crate) async fn sweep(&self, group: Group, deadline: Timestamp) -> Result<(), StoreError> {
        let longest_wait = longest_wait(self.time_to_start(deadline));
        let mut done_before: Option<oneshot::Receiver<()>> = None;
        let mut sweeps = Vec::new();
        for index in self.worker.indexes() {
            let (done, is_done) = oneshot::channel();
            let before = done_before.replace(is_done);
            sweeps.push(async move {
                if let Some(before) = before {
                    select(before, self.clock.sleep(longest_wait)).await;
                }
                let swept = self.sweep_index(*index, group, deadline).await;
                // Nobody listens after the last index.
                let _ = done.send(());
                swept
            });
        }
        // A sweep that fails stops no other: work that is cut off would be done again.
        join_all(sweeps).await.into_iter().collect()
    }

    async fn sweep_index(
        &self,
        index: DueIndex,
        group: Group,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let shards = stream::iter(group.shards());
        let shards = shards.map(|shard| self.sweep_shard(index, shard, deadline));
        // A shard that cannot be read stops no other.
        let results: Vec<_> = shards.buffer_unordered(SHARDS.into()).collect().await;
        let processed: usize = results.iter().flatten().sum();
        if processed > 0 {
            let queue = queue(index);
            tracing::info!(queue, obligations = processed, "swept");
        }
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    /// Returns how many transactions of the shard were due.
    async fn sweep_shard(
        &self,
        index: DueIndex,
        shard: u8,
        deadline: Timestamp,
    ) -> Result<usize, StoreError> {
        let until = self.clock.now();
        let mut seen = HashSet::new();
        // A read takes time too: after the last transaction there may be none left.
        while !self.time_to_start(deadline).is_zero() {
            // What was processed is no longer due, and what could not be processed comes again. So the
            // next page has room for all that was seen and for something new. If it has nothing new, there is none.
            let limit = KEYS_PER_PAGE.saturating_add(u16::try_from(seen.len()).unwrap_or(u16::MAX));
            let due = self.transactions.due(index, shard, until, limit).await?;
            let new = due.into_iter().map(|entry| entry.id);
            let new: Vec<TransactionId> = new.filter(|id| seen.insert(*id)).collect();
            if new.is_empty() {
                break;
            }
            let work = new.into_iter().map(|id| self.process_by_id(id, deadline));
            let work = stream::iter(work);
            let work = work.buffer_unordered(MAX_CONCURRENT_TRANSACTIONS_PER_SHARD);
            work.collect::<()>().await;
        }
        Ok(seen.len())
    }

    /// Does nothing if too little time is left to start with it.
    async fn process_by_id(&self, id: TransactionId, deadline: Timestamp) {
        if self.time_to_start(deadline).is_zero() {
            return;
        }
        match self.transactions.load(id).await {
            // An error is logged where it happens, and stops no other transaction.
            Ok(Some(found)) => drop(self.process(found).await),
            // The index still holds an item that was deleted.
            Ok(None) => {}
            Err(error) => tracing::info_span!("obligation", transaction_id = %id)
                .in_scope(|| crate::record_unread(error)),
        }
    }

    /// How long transactions may still be started: each must end before the deadline, with its last write.
    fn time_to_start(&self, deadline: Timestamp) -> Duration {
        let left = deadline.since(self.clock.now());
        left.saturating_sub(self.worker.max_processing_time())
            .saturating_sub(TIME_TO_RETURN)
    }
}

/// How long an index waits at most for the one before it.
fn longest_wait(time_to_start: Duration) -> Duration {
    let (part, of) = WAITS_FOR;
    let share = time_to_start.checked_div(of).unwrap_or_default();
    share.saturating_mul(part)
}

/// The name of an index in metrics and logs.
pub(crate) fn queue(index: DueIndex) -> &'static str {
    match index {
        DueIndex::Ipn => "ipn",
        DueIndex::Refund => "refund",
        DueIndex::Expiry => "expiry",
    }
}
