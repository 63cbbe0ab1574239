//! Loads, creates and changes transactions.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    Change, Clock, Created, DueMarks, ReviewReason, Timestamp, Transaction, TransactionId,
};
use serde_dynamo::Item;

use crate::conditional_write::{Condition, WriteOutcome};
use crate::error::StoreError;
use crate::hourly_count::HourlyCount;
use crate::keys::{DueIndex, NEEDS_REVIEW, OPEN_PROPOSAL, PROPOSED, SHARDS, shard_key};
use crate::table::{IndexQuery, Indexed, Table};
use crate::write_ids::WriteIds;
use crate::{notify, record};

/// The number of attempts at one update: each time that another writer is faster, the decision is made again. With
/// this many writers on one item, each can lose to all the others once and still succeed.
const MAX_UPDATE_ATTEMPTS: u32 = 64;

/// The transactions of one table.
#[derive(Clone)]
pub struct Transactions {
    table: Arc<dyn Table>,
    write_ids: Arc<dyn WriteIds>,
    clock: Arc<dyn Clock>,
}

/// Milliseconds of an hour.
const MS_PER_HOUR: i64 = 3_600_000;

/// The outcome of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The transaction was created.
    New(Transaction),
    /// There is already a transaction with this id.
    Existing(Transaction),
}

/// Where transactions wait for somebody: one partition of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingPlace {
    /// One shard of what is due, by when it is due.
    Due(DueIndex, u8),
    /// What needs review for this reason, by since when.
    Review(ReviewReason),
    /// What is proposed, by until when it can be approved. An outdated one is there, too, until it ends.
    Proposed,
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The transaction as it is stored.
    pub transaction: Transaction,
    /// Whether this update wrote it; if not, the decision was that nothing changes.
    pub written: bool,
}

enum Committed {
    Done(Transaction),
    Conflict(Transaction),
}

impl Transactions {
    /// The transactions of this table.
    #[must_use]
    pub fn new(table: Arc<dyn Table>, write_ids: Arc<dyn WriteIds>, clock: Arc<dyn Clock>) -> Self {
        Self {
            table,
            write_ids,
            clock,
        }
    }

    pub(crate) fn table(&self) -> &dyn Table {
        self.table.as_ref()
    }

    /// Reads a transaction, strongly consistently.
    pub async fn load(&self, id: TransactionId) -> Result<Option<Transaction>, StoreError> {
        let item = self.table.get(id).await?;
        item.map(record::read).transpose()
    }

    /// Creates the transaction unless it exists: one write, and no read before it.
    pub async fn create(&self, created: Created) -> Result<Creation, StoreError> {
        let transaction = created.transaction();
        let write_id = self.write_ids.next();
        let item = record::write(transaction, DueMarks::default(), write_id)?;
        let put = self.table.put(item, Condition::Absent).await?;
        Ok(match put.recognise(write_id) {
            WriteOutcome::Stored => Creation::New(transaction.clone()),
            WriteOutcome::Conflict(found) => Creation::Existing(stored(found, transaction.id())?),
        })
    }

    /// Decides on `found` and writes the change. If another writer has changed the transaction since it was read,
    /// decides again on the newer one, a bounded number of times. `decide` refuses with an error, and returns
    /// `None` if nothing is to be written.
    pub async fn update<E: From<StoreError>>(
        &self,
        found: Transaction,
        mut decide: impl FnMut(&Transaction) -> Result<Option<Change>, E>,
    ) -> Result<Updated, E> {
        let mut transaction = found;
        for attempt in 0..MAX_UPDATE_ATTEMPTS {
            let Some(change) = decide(&transaction)? else {
                return Ok(Updated {
                    transaction,
                    written: false,
                });
            };
            match self.commit(change).await? {
                Committed::Done(transaction) => {
                    return Ok(Updated {
                        transaction,
                        written: true,
                    });
                }
                Committed::Conflict(newer) => transaction = newer,
            }
            self.back_off(attempt).await;
        }
        Err(StoreError::Contended(transaction.id()).into())
    }

    /// [`Transactions::update`] by a decision that never refuses.
    pub async fn apply(
        &self,
        found: Transaction,
        mut decide: impl FnMut(&Transaction) -> Option<Change>,
    ) -> Result<Updated, StoreError> {
        self.update(found, |transaction| Ok(decide(transaction)))
            .await
    }

    /// Whether one more payment may be reversed in this hour. It is counted before it is reversed, so a crash in
    /// between leaves one fewer.
    pub async fn may_reverse(&self, max_per_hour: u32) -> Result<bool, StoreError> {
        self.count(HourlyCount::Reversals, self.clock.now(), max_per_hour)
            .await
    }

    /// Counts one notification that a person sends again, if fewer than `limit` are counted in this hour. Returns whether
    /// it was counted.
    pub async fn count_resend(&self, now: Timestamp, limit: u32) -> Result<bool, StoreError> {
        self.count(HourlyCount::Resends, now, limit).await
    }

    async fn count(
        &self,
        counted: HourlyCount,
        now: Timestamp,
        limit: u32,
    ) -> Result<bool, StoreError> {
        let hour = now.unix_ms().div_euclid(MS_PER_HOUR);
        Ok(self.table.count_in_hour(counted, hour, limit).await?)
    }

    /// At most `limit` transactions of one shard of an index that are due at `until`, the oldest first.
    pub async fn due(
        &self,
        index: DueIndex,
        shard: u8,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<Indexed>, StoreError> {
        let query = IndexQuery {
            index: index.index(),
            partition: shard_key(shard),
            from: Timestamp::MIN,
            until,
            limit,
        };
        Ok(self.table.oldest(query).await?)
    }

    /// [`Transactions::due`] of each shard of an index: a question for each, to be asked side by side.
    pub fn due_by_shard(
        &self,
        index: DueIndex,
        until: Timestamp,
        limit: u16,
    ) -> impl Iterator<Item = impl Future<Output = Result<Vec<Indexed>, StoreError>>> {
        (0..SHARDS).map(move |shard| self.due(index, shard, until, limit))
    }

    /// At most `limit` transactions that need review for this reason, the oldest first.
    pub async fn needs_review(
        &self,
        reason: ReviewReason,
        limit: u16,
    ) -> Result<Vec<Indexed>, StoreError> {
        let query = IndexQuery {
            index: NEEDS_REVIEW,
            partition: reason.as_str().to_owned(),
            from: Timestamp::MIN,
            until: Timestamp::MAX,
            limit,
        };
        Ok(self.table.oldest(query).await?)
    }

    /// At most `limit` transactions that wait in this place, at `from` or later, the oldest first.
    pub async fn waiting(
        &self,
        place: WaitingPlace,
        from: Timestamp,
        limit: u16,
    ) -> Result<Vec<Indexed>, StoreError> {
        let (index, partition) = match place {
            WaitingPlace::Due(index, shard) => (index.index(), shard_key(shard)),
            WaitingPlace::Review(reason) => (NEEDS_REVIEW, reason.as_str().to_owned()),
            WaitingPlace::Proposed => (PROPOSED, OPEN_PROPOSAL.to_owned()),
        };
        let query = IndexQuery {
            index,
            partition,
            from,
            until: Timestamp::MAX,
            limit,
        };
        Ok(self.table.oldest(query).await?)
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let write_id = self.write_ids.next();
        let id = change.transaction().id();
        let item = record::write(change.transaction(), change.due_marks(), write_id)?;
        let condition = Condition::VersionIs(change.expected_version());
        let put = self.table.put(item, condition).await;
        let put = put.inspect_err(|_| notify::alarmed(&change))?;
        if let WriteOutcome::Conflict(found) = put.recognise(write_id) {
            return Ok(Committed::Conflict(stored(found, id)?));
        }
        notify::happened(&change);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the commit, and the change is written"
        )]
        Ok(Committed::Done(change.into_transaction()))
    }

    /// Waits for a random time before the next attempt. Its upper limit grows with the number of attempts.
    async fn back_off(&self, attempt: u32) {
        let longest_ms = 1_u64 << attempt.clamp(2, 6);
        let random = self.write_ids.next().as_u64_pair().1;
        let ms = random.checked_rem(longest_ms).unwrap_or(0);
        self.clock.sleep(Duration::from_millis(ms)).await;
    }
}

fn stored(item: Option<Item>, id: TransactionId) -> Result<Transaction, StoreError> {
    record::read(item.ok_or(StoreError::Vanished(id))?)
}
