//! The transactions of a day, in order and in little memory (protocol §7).

use std::collections::VecDeque;

use domain::{Day, FinalStatus, FinalTransaction, Refund, Timestamp, Transaction, Vnd};
use futures::future::try_join_all;
use serde::Deserialize;

use crate::table::DayIndex;
use crate::{Item, SHARDS, StoreError, Transactions};

/// How many entries of a shard are read at a time: enough that all shards together keep the line busy, and
/// few enough that they need little memory.
const PAGE: u16 = 400;

/// What became final on a day: all of it, each once, by [`FinalTransaction::place`].
pub struct FinalOnDay {
    transactions: Transactions,
    day: Day,
    shards: Vec<Shard>,
}

/// One shard of a day, read ahead.
struct Shard {
    number: u8,
    /// What was read and not given yet; the oldest first.
    read: VecDeque<FinalTransaction>,
    next: Next,
}

enum Next {
    Begin,
    After(Item),
    Nothing,
}

/// Money that went back on a day, shard by shard.
pub struct RefundedOnDay {
    transactions: Transactions,
    day: Day,
    until: Day,
    shard: u8,
}

impl Transactions {
    /// What became final on a day, as far as the index knows. An index lags a little behind: of a day that is
    /// over for some minutes it knows everything.
    #[must_use]
    pub fn final_on_day(&self, day: Day) -> FinalOnDay {
        let shards = (0..SHARDS).map(|number| Shard {
            number,
            read: VecDeque::new(),
            next: Next::Begin,
        });
        FinalOnDay {
            transactions: self.clone(),
            day,
            shards: shards.collect(),
        }
    }

    /// Money that went back on a day. A transaction stands under the day of its last refund, so those of the
    /// following days, until `until`, are looked through too.
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
    /// The next one.
    pub async fn next(&mut self) -> Result<Option<FinalTransaction>, StoreError> {
        if self.shards.iter().any(Shard::is_short) {
            // All that run low together, so that the line is used and waited for once.
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
    /// Whether it is not known what comes next of it: entries of one moment come in no order, so those of the
    /// last moment that was read may follow others that are not read yet.
    fn is_short(&self) -> bool {
        if matches!(self.next, Next::Nothing) {
            return false;
        }
        let last = self.read.back().map(|last| last.final_at);
        self.read.front().map(|first| first.final_at) == last
    }

    fn runs_low(&self) -> bool {
        let more = !matches!(self.next, Next::Nothing);
        self.is_short() || (more && self.read.len() <= usize::from(PAGE / 4))
    }

    async fn read_on(&mut self, transactions: &Transactions, day: Day) -> Result<(), StoreError> {
        while self.is_short() || self.read.len() <= usize::from(PAGE / 4) {
            let after = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Begin => None,
                Next::After(key) => Some(key),
                Next::Nothing => return Ok(()),
            };
            let index = DayIndex::Final;
            let page = transactions
                .table()
                .on_day(index, day, self.number, after, PAGE);
            let page = page.await?;
            for entry in page.entries {
                self.read.push_back(settled(entry)?);
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
    /// What went back of the next shard, in order; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<(Transaction, Refund)>>, StoreError> {
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
        refunds.sort_by_key(|(t, refund)| (refund.back_at(), t.id(), refund.id));
        self.shard = self.shard.saturating_add(1);
        Ok(Some(refunds))
    }

    async fn of_index_day(
        &self,
        day: Day,
        refunds: &mut Vec<(Transaction, Refund)>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let index = DayIndex::Refund;
            let table = self.transactions.table();
            let page = table.on_day(index, day, self.shard, after, PAGE).await?;
            for entry in page.entries {
                let id = key(&entry)?;
                let Some(transaction) = self.transactions.load(id).await? else {
                    continue;
                };
                let on_the_day = |refund: &&Refund| {
                    refund.back_at().map(Timestamp::vietnamese_day) == Some(self.day)
                };
                for refund in transaction.refunds().iter().filter(on_the_day) {
                    refunds.push((transaction.clone(), refund.clone()));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// What the index `by_day` has of a transaction.
#[derive(Deserialize)]
struct Entry {
    transaction_id: String,
    tiki_transaction_id: String,
    amount_vnd: u64,
    status: String,
    created_at: i64,
    final_at: i64,
}

fn settled(entry: Item) -> Result<FinalTransaction, StoreError> {
    let read = |entry: Item| -> Result<FinalTransaction, String> {
        let entry: Entry = serde_dynamo::from_item(entry).map_err(|error| error.to_string())?;
        let wrong = |what: &str| format!("{what} is none");
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
            status: match entry.status.as_str() {
                "SUCCESS" => FinalStatus::Success,
                "FAILURE" => FinalStatus::Failure,
                _ => return Err(wrong("status")),
            },
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

fn key(entry: &Item) -> Result<domain::TransactionId, StoreError> {
    let id = named(entry);
    id.parse().map_err(|_| StoreError::Unreadable {
        transaction_id: id,
        reason: "an entry of an index without an id".to_owned(),
    })
}

fn named(entry: &Item) -> String {
    match entry.get("transaction_id") {
        Some(serde_dynamo::AttributeValue::S(id)) => id.chars().take(64).collect(),
        _ => "?".to_owned(),
    }
}
