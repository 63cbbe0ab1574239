//! Reads the transactions of a day in the order of the day's file, in little memory (protocol §7).

use std::collections::VecDeque;
use std::pin::pin;

use domain::{Day, FinalTransaction, Refund, Timestamp, Transaction, Vnd};
use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream::{self, Stream, TryStreamExt};
use serde::Deserialize;
use serde_dynamo::Item;

use crate::error::StoreError;
use crate::keys::{DayIndex, SHARDS, TRANSACTION_ID};
use crate::transactions::Transactions;

/// The entries of a shard that one request reads: enough for all shards together to keep the connection busy, and
/// few enough to need little memory.
const ENTRIES_PER_PAGE: u16 = 400;

/// The transactions of a page that are loaded at the same time. One after the other, a hundred thousand refunds take
/// longer than a function may run.
const MAX_CONCURRENT_LOADS: usize = 16;

/// All transactions whose status became final on a day, each once, in the order of [`FinalTransaction::place`].
pub struct FinalOnDay {
    transactions: Transactions,
    day: Day,
    shards: Vec<Shard>,
}

/// One shard of a day, of which some entries are read in advance.
struct Shard {
    number: u8,
    /// Entries that were read and not returned yet, the oldest first.
    read: VecDeque<FinalTransaction>,
    next: Next,
}

/// The next page of a shard.
pub(crate) enum Next {
    First,
    After(Item),
    Nothing,
}

/// All refunds whose money went back on a day, shard by shard.
pub struct RefundedOnDay {
    transactions: Transactions,
    day: Day,
    until: Day,
    shard: u8,
}

impl Transactions {
    /// The transactions whose status became final on a day, as far as the index has them. An index lags behind the
    /// table: some minutes after the end of a day it has all of them.
    #[must_use]
    pub fn final_on_day(&self, day: Day) -> FinalOnDay {
        let shards = (0..SHARDS).map(|number| Shard {
            number,
            read: VecDeque::new(),
            next: Next::First,
        });
        FinalOnDay {
            transactions: self.clone(),
            day,
            shards: shards.collect(),
        }
    }

    /// The refunds whose money went back on a day. The index has a transaction under the day of its last refund, so
    /// the following days up to `until` are read too.
    #[must_use]
    pub fn refunded_on_day(&self, day: Day, until: Day) -> RefundedOnDay {
        RefundedOnDay {
            transactions: self.clone(),
            day,
            until,
            shard: 0,
        }
    }
}

impl FinalOnDay {
    /// The next transaction; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<FinalTransaction>, StoreError> {
        if self.shards.iter().any(Shard::is_short) {
            // All shards that need it read at the same time, so that the caller waits once.
            let low = self.shards.iter_mut().filter(|shard| shard.runs_low());
            try_join_all(low.map(|shard| shard.read_on(&self.transactions, self.day))).await?;
        }
        let first = self
            .shards
            .iter_mut()
            .filter(|shard| !shard.read.is_empty());
        let first = first.min_by_key(|shard| shard.read.front().map(FinalTransaction::place));
        Ok(first.and_then(|shard| shard.read.pop_front()))
    }
}

impl Shard {
    /// Whether the next entry of this shard is not known yet. Entries of one millisecond come in no order, so an
    /// entry that is not read yet may belong before those of the last millisecond that was read.
    fn is_short(&self) -> bool {
        if matches!(self.next, Next::Nothing) {
            return false;
        }
        let last = self.read.back().map(|last| last.final_at);
        self.read.front().map(|first| first.final_at) == last
    }

    fn runs_low(&self) -> bool {
        let more = !matches!(self.next, Next::Nothing);
        self.is_short() || (more && self.read.len() <= usize::from(ENTRIES_PER_PAGE / 4))
    }

    async fn read_on(&mut self, transactions: &Transactions, day: Day) -> Result<(), StoreError> {
        while self.is_short() || self.read.len() <= usize::from(ENTRIES_PER_PAGE / 4) {
            let after = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::First => None,
                Next::After(key) => Some(key),
                Next::Nothing => return Ok(()),
            };
            let index = DayIndex::Final;
            let page =
                transactions
                    .table()
                    .on_day(index, day, self.number, after, ENTRIES_PER_PAGE);
            let page = page.await?;
            for entry in page.entries {
                self.read.push_back(final_transaction(entry)?);
            }
            self.read
                .make_contiguous()
                .sort_by_key(FinalTransaction::place);
            self.next = page.next.map_or(Next::Nothing, Next::After);
        }
        Ok(())
    }
}

impl RefundedOnDay {
    /// The refunds of the next shard, each with its payment, in order; `None` after the last. All refunds of a shard are
    /// in memory, but only as much of their transactions as a line needs.
    pub async fn next(&mut self) -> Result<Option<Vec<(FinalTransaction, Refund)>>, StoreError> {
        if self.shard >= SHARDS {
            return Ok(None);
        }
        let mut refunds = Vec::new();
        let mut day = self.day;
        while day <= self.until {
            self.of_index_day(day, &mut refunds).await?;
            if day.next() == day {
                break;
            }
            day = day.next();
        }
        refunds.sort_by_key(|(payment, refund)| (refund.back_at(), payment.id, refund.id));
        self.shard = self.shard.saturating_add(1);
        Ok(Some(refunds))
    }

    async fn of_index_day(
        &self,
        day: Day,
        refunds: &mut Vec<(FinalTransaction, Refund)>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let index = DayIndex::Refund;
            let table = self.transactions.table();
            let page = table
                .on_day(index, day, self.shard, after, ENTRIES_PER_PAGE)
                .await?;
            let mut loaded = pin!(self.transactions.load_all(page.entries));
            while let Some(transaction) = loaded.try_next().await? {
                let on_the_day = |refund: &&Refund| {
                    refund.back_at().map(Timestamp::vietnamese_day) == Some(self.day)
                };
                for refund in transaction.refunds().iter().filter(on_the_day) {
                    refunds.push((refunded(&transaction)?, refund.clone()));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// The payment of a refund.
fn refunded(transaction: &Transaction) -> Result<FinalTransaction, StoreError> {
    FinalTransaction::of(transaction).ok_or_else(|| StoreError::Unreadable {
        transaction_id: transaction.id().to_string(),
        reason: "it has a refund, and its payment is not final".to_owned(),
    })
}

impl Transactions {
    /// The payments of one shard whose money we decided on this day to give back, unasked. One that cannot be loaded is
    /// an error in its place, and hides no other.
    pub async fn given_back_on_day(
        &self,
        day: Day,
        shard: u8,
    ) -> Result<Vec<Result<Transaction, StoreError>>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .table()
                .on_day(DayIndex::Reversal, day, shard, after, ENTRIES_PER_PAGE)
                .await?;
            let loaded: Vec<_> = self.load_all(page.entries).collect().await;
            found.extend(loaded);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Loads the transactions of a page of an index, in its order. One that is gone is left out.
    fn load_all(&self, entries: Vec<Item>) -> impl Stream<Item = Result<Transaction, StoreError>> {
        let loads = entries
            .into_iter()
            .map(async |entry| self.load(key(&entry)?).await);
        stream::iter(loads)
            .buffered(MAX_CONCURRENT_LOADS)
            .try_filter_map(async |found| Ok(found))
    }
}

/// An entry of the index `by_day`.
#[derive(Deserialize)]
struct Entry {
    transaction_id: String,
    tiki_transaction_id: String,
    amount_vnd: u64,
    status: String,
    created_at: i64,
    final_at: i64,
}

fn final_transaction(entry: Item) -> Result<FinalTransaction, StoreError> {
    let read = |entry: Item| -> Result<FinalTransaction, String> {
        let entry: Entry = serde_dynamo::from_item(entry).map_err(|error| error.to_string())?;
        let wrong = |what: &str| format!("{what} is not valid");
        Ok(FinalTransaction {
            id: entry
                .transaction_id
                .parse()
                .map_err(|_| wrong("transaction_id"))?,
            tiki_id: entry
                .tiki_transaction_id
                .parse()
                .map_err(|_| wrong("tiki_transaction_id"))?,
            amount: Vnd::new(entry.amount_vnd).map_err(|_| wrong("amount_vnd"))?,
            status: entry.status.parse().map_err(|_| wrong("status"))?,
            created_at: Timestamp::from_unix_ms(entry.created_at)
                .map_err(|_| wrong("created_at"))?,
            final_at: Timestamp::from_unix_ms(entry.final_at).map_err(|_| wrong("final_at"))?,
        })
    };
    let transaction_id = named(&entry);
    read(entry).map_err(|reason| StoreError::Unreadable {
        transaction_id,
        reason,
    })
}

pub(crate) fn key(entry: &Item) -> Result<domain::TransactionId, StoreError> {
    let id = named(entry);
    id.parse().map_err(|_| StoreError::Unreadable {
        transaction_id: id,
        reason: "the id of an entry of an index is not valid".to_owned(),
    })
}

fn named(entry: &Item) -> String {
    match entry.get(TRANSACTION_ID) {
        Some(serde_dynamo::AttributeValue::S(id)) => id.chars().take(64).collect(),
        _ => "?".to_owned(),
    }
}
