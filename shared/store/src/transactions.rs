//! The transactions: loaded, created, changed.

use std::sync::Arc;
use std::time::Duration;

use domain::{Alarm, Change, Clock, Created, DueMarks, Timestamp, Transaction, TransactionId};
use uuid::Uuid;

use crate::record::{self, StoredTransaction};
use crate::table::{Condition, DueIndex, Indexed, Put, Table};
use crate::{Item, StoreError, notify};

/// How often a decision is made anew because others were faster, before the caller is told to repeat. With
/// as many writers at one item, each loses to all the others once and still gets its turn.
const ROUNDS: u32 = 64;

/// Where write ids come from. Each write has its own, so a write that committed though its answer was lost
/// is recognised in the item that a failed condition hands back (design §5).
pub trait WriteIds: Send + Sync {
    /// A new id, never given before.
    fn next(&self) -> Uuid;
}

/// Random write ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomWriteIds;

impl WriteIds for RandomWriteIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where randomness comes in"
    )]
    fn next(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// The transactions of one table.
#[derive(Clone)]
pub struct Transactions {
    table: Arc<dyn Table>,
    write_ids: Arc<dyn WriteIds>,
    clock: Arc<dyn Clock>,
}

/// What came of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is new.
    New(Transaction),
    /// There was one under this id already.
    Existing(Transaction),
}

/// What came of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The transaction as it is stored.
    pub transaction: Transaction,
    /// Whether this update wrote it; otherwise nothing was to be done.
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

    /// The transaction of this id, as of now.
    pub async fn load(&self, id: TransactionId) -> Result<Option<Transaction>, StoreError> {
        let item = self.table.get(id).await?;
        item.map(record::read).transpose()
    }

    /// Creates the transaction unless there is one: one write, and no read before it.
    pub async fn create(&self, created: Created) -> Result<Creation, StoreError> {
        let transaction = created.transaction();
        let write_id = self.write_ids.next();
        let item = record::write(transaction, DueMarks::default(), write_id)?;
        Ok(match self.table.put(item, Condition::Absent).await? {
            Put::Stored => Creation::New(transaction.clone()),
            Put::Refused(found) => {
                let found = stored(found, transaction.id())?;
                if found.write_id == write_id.to_string() {
                    Creation::New(found.transaction)
                } else {
                    Creation::Existing(found.transaction)
                }
            }
        })
    }

    /// Decides on `found` and writes the change; if somebody else has changed the transaction meanwhile,
    /// decides again on what is there now, a bounded number of times. `decide` says no with an error, and
    /// that nothing is to be written with `None`.
    pub async fn update<E: From<StoreError>>(
        &self,
        found: Transaction,
        mut decide: impl FnMut(&Transaction) -> Result<Option<Change>, E>,
    ) -> Result<Updated, E> {
        let mut transaction = found;
        for round in 0..ROUNDS {
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
            self.back_off(round).await;
        }
        Err(StoreError::Contended(transaction.id()).into())
    }

    /// [`Transactions::update`] by a decision that says no to nobody.
    pub async fn apply(
        &self,
        found: Transaction,
        mut decide: impl FnMut(&Transaction) -> Option<Change>,
    ) -> Result<Updated, StoreError> {
        self.update(found, |transaction| Ok(decide(transaction)))
            .await
    }

    /// At most `limit` transactions of one shard of an index that are due, the oldest first.
    pub async fn due(
        &self,
        index: DueIndex,
        shard: u8,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<Indexed>, StoreError> {
        Ok(self.table.due(index, shard, until, limit).await?)
    }

    /// At most `limit` transactions that need a person for this reason, the oldest first.
    pub async fn needs_review(&self, alarm: Alarm, limit: u16) -> Result<Vec<Indexed>, StoreError> {
        Ok(self.table.needs_review(alarm, limit).await?)
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let write_id = self.write_ids.next();
        let id = change.transaction().id();
        let item = record::write(change.transaction(), change.due_marks(), write_id)?;
        let condition = Condition::VersionIs(change.expected_version());
        let put = self.table.put(item, condition).await;
        if let Put::Refused(found) = put.inspect_err(|_| notify::alarmed(&change))? {
            let found = stored(found, id)?;
            // Unless it is our own write, whose answer was lost: the SDK tried again and met it.
            if found.write_id != write_id.to_string() {
                return Ok(Committed::Conflict(found.transaction));
            }
        }
        notify::happened(&change);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the commit, and the change is written"
        )]
        Ok(Committed::Done(change.into_transaction()))
    }

    /// Lets the others go first for a while that grows with the crowd, at random.
    async fn back_off(&self, round: u32) {
        let longest_ms = 1_u64 << round.clamp(2, 6);
        let random = self.write_ids.next().as_u64_pair().1;
        let ms = random.checked_rem(longest_ms).unwrap_or(0);
        self.clock.sleep(Duration::from_millis(ms)).await;
    }
}

fn stored(item: Option<Item>, id: TransactionId) -> Result<StoredTransaction, StoreError> {
    record::read_stored(item.ok_or(StoreError::Vanished(id))?)
}
