//! The end of personal data: what a create call said of a customer goes, and a keyed hash of it stays.

use std::collections::HashMap;

use domain::{
    ContentHash, Day, OperatorWord, Order, StillNeeded, Timestamp, Transaction, TransactionId,
};
use futures::{StreamExt, stream};
use serde_dynamo::AttributeValue;
use signing::{Hashed, KeyedHash, Keyring};

use crate::daily::{Next, key};
use crate::error::StoreError;
use crate::keys::{DayIndex, TRANSACTION_ID, day_shard, shard_key};
use crate::transactions::{Transactions, Updated};

/// The entries of the index that one request reads. Their transactions are in memory together.
const ENTRIES_PER_PAGE: u16 = 200;

/// The transactions of a page that are loaded at the same time.
const MAX_CONCURRENT_LOADS: usize = 16;

/// Why the personal data of a transaction are not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// Somebody still needs them.
    #[error("its personal data are still needed: {0}")]
    StillNeeded(#[from] StillNeeded),
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The hashes of the personal content of a create call for the transaction with this id: by each link secret that is
/// accepted, the current one first.
#[must_use]
pub fn content_hashes(keys: &Keyring, id: TransactionId, order: &Order) -> Vec<ContentHash> {
    let content = order.personal_content(id);
    let hashes = keys.keyed_hashes(Hashed::CreateContent, &content);
    hashes.into_iter().map(content_hash).collect()
}

fn content_hash(KeyedHash { key_id, hash }: KeyedHash) -> ContentHash {
    ContentHash::new(key_id, hash)
}

impl Transactions {
    /// Forgets the personal content of a transaction's create call, in one conditional write, if nobody needs it any more
    /// ([`Transaction::forget_personal`]). `keys` are those that sign payment links. `word` is that of the person who asks
    /// for it. Nothing is written if there is nothing to forget, so it can be repeated.
    pub async fn forget_personal(
        &self,
        found: Transaction,
        keys: &Keyring,
        word: Option<&OperatorWord>,
        now: Timestamp,
    ) -> Result<Updated, ForgetError> {
        self.update(found, |t| {
            let content = t.order().personal_content(t.id());
            let hash = keys.keyed_hash(Hashed::CreateContent, &content);
            Ok(t.forget_personal(&content_hash(hash), word, now)?)
        })
        .await
    }

    /// The transactions of one shard whose status became final on a day, page by page.
    #[must_use]
    pub fn final_in_shard(&self, day: Day, shard: u8) -> FinalInShard {
        FinalInShard {
            transactions: self.clone(),
            day,
            shard,
            next: Next::First,
        }
    }

    /// The same from behind a transaction on, by when its status became final: for a reader that was interrupted.
    #[must_use]
    pub fn final_in_shard_after(
        &self,
        day: Day,
        shard: u8,
        (final_at, id): (Timestamp, TransactionId),
    ) -> FinalInShard {
        let index = DayIndex::Final.index();
        let text = AttributeValue::S;
        let key = [
            (TRANSACTION_ID, text(id.to_string())),
            (index.partition_key, text(day_shard(day, &shard_key(shard)))),
            (
                index.sort_key,
                AttributeValue::N(final_at.unix_ms().to_string()),
            ),
        ];
        let key = key.map(|(name, value)| (name.to_owned(), value));
        FinalInShard {
            next: Next::After(HashMap::from(key).into()),
            ..self.final_in_shard(day, shard)
        }
    }
}

/// The transactions of one shard of a day, page by page.
pub struct FinalInShard {
    transactions: Transactions,
    day: Day,
    shard: u8,
    next: Next,
}

impl FinalInShard {
    /// The next page; `None` after the last. One that cannot be loaded is an error in its place, and hides no other.
    pub async fn next(
        &mut self,
    ) -> Result<Option<Vec<(TransactionId, Result<Transaction, StoreError>)>>, StoreError> {
        let after = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::First => None,
            Next::After(key) => Some(key),
            Next::Nothing => return Ok(None),
        };
        let page = self
            .transactions
            .table()
            .on_day(
                DayIndex::Final,
                self.day,
                self.shard,
                after,
                ENTRIES_PER_PAGE,
            )
            .await?;
        self.next = page.next.map_or(Next::Nothing, Next::After);
        let ids = page.entries.iter().map(key);
        let ids: Vec<TransactionId> = ids.collect::<Result<_, _>>()?;
        let transactions = &self.transactions;
        let loads = ids.into_iter().map(async |id| {
            let loaded = transactions.load(id).await;
            (
                id,
                loaded.and_then(|found| found.ok_or(StoreError::Vanished(id))),
            )
        });
        Ok(Some(
            stream::iter(loads)
                .buffered(MAX_CONCURRENT_LOADS)
                .collect()
                .await,
        ))
    }
}
