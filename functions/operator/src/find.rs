//! Finds payments by what a customer or a counterparty knows of them. No index has these, so the transactions of a day are
//! read one after the other, in steps that fit into a call; and so are those that are not final, which are in no day.

use std::fmt;
use std::str::FromStr;

use api::{ApiError, Inbound, Reply};
use domain::{Day, Timestamp, Transaction, TransactionId};
use futures::{StreamExt, stream};
use json_fields::InvalidField;
use operator_api::transaction::{FoundTransactions, ListedTransaction};
use store::{DueIndex, SHARDS, StoreError, WaitingPlace};

use crate::transactions::{optional_of_query, text_of_query};
use crate::{Operator, answer, list, trail};

/// So many transactions are looked at in one step.
const MAX_SEARCHED: u64 = 2_000;

/// So many transactions are read at the same time.
const READS_AT_ONCE: usize = 32;

/// The most of one shard that can be not final: beyond it the search says so by what it has searched.
const MAX_PENDING_PER_SHARD: u16 = 2_000;

/// What is searched for.
pub(crate) enum Wanted {
    /// The core's reference of a payment.
    Reference(String),
    /// Tiki's code of an order.
    Order(String),
    /// The partner's code of a customer.
    Customer(String),
}

/// Where a search goes on: a shard of the day, and behind which transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    shard: u8,
    behind: Option<(Timestamp, TransactionId)>,
}

/// What the query searches for, if it does. The log says by what, and not for which.
pub(crate) fn wanted(request: &Inbound) -> Result<Option<Wanted>, InvalidField> {
    type Kind = (&'static str, fn(String) -> Wanted);
    let kinds: [Kind; 3] = [
        ("reference", Wanted::Reference),
        ("order", Wanted::Order),
        ("customer", Wanted::Customer),
    ];
    let mut found = None;
    for (name, wanted) in kinds {
        let Some(text) = text_of_query(request, name)? else {
            continue;
        };
        if found.is_some() {
            return Err(InvalidField::field(name, "goes with no other search"));
        }
        if text.is_empty() {
            return Err(InvalidField::field(name, "is empty"));
        }
        trail::asked_with(request, "find", name);
        found = Some(wanted(text.to_owned()));
    }
    Ok(found)
}

/// Makes one step of a search: through what became final on a day, or without a day through what is not final.
pub(crate) async fn find(
    operator: &Operator,
    request: &Inbound,
    wanted: &Wanted,
) -> Result<Reply, ApiError> {
    let day: Option<Day> = optional_of_query(request, "day")?;
    let step = list::after(request)?.unwrap_or(Step {
        shard: 0,
        behind: None,
    });
    let found = match day {
        Some(day) => on_day(operator, (day, step), wanted).await?,
        None => pending(operator, step, wanted).await?,
    };
    Ok(answer::shown(&found))
}

async fn on_day(
    operator: &Operator,
    (day, step): (Day, Step),
    wanted: &Wanted,
) -> Result<FoundTransactions, StoreError> {
    let mut found = FoundTransactions::default();
    let now = operator.clock.now();
    let mut behind = step.behind;
    for shard in step.shard..SHARDS {
        let table = &operator.transactions;
        let mut pages = match behind.take() {
            Some(behind) => table.final_in_shard_after(day, shard, behind),
            None => table.final_in_shard(day, shard),
        };
        while let Some(page) = pages.next().await? {
            let mut last = None;
            for (id, read) in page {
                // One that cannot be read hides no other: an alarm is on for it.
                let Ok(t) = read else { continue };
                found.look_at(&t, wanted, now);
                last = t.final_at().map(|at| (at, id));
            }
            if found.searched >= MAX_SEARCHED && last.is_some() {
                let step = Step {
                    shard,
                    behind: last,
                };
                found.next = Some(step.to_string());
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// A shard a step: payments that wait for the customer are few.
async fn pending(
    operator: &Operator,
    step: Step,
    wanted: &Wanted,
) -> Result<FoundTransactions, StoreError> {
    let mut found = FoundTransactions::default();
    let now = operator.clock.now();
    for shard in step.shard..SHARDS {
        let place = WaitingPlace::Due(DueIndex::Expiry, shard);
        let table = &operator.transactions;
        let entries = table
            .waiting(place, Timestamp::MIN, MAX_PENDING_PER_SHARD)
            .await?;
        let mut loads = stream::iter(entries)
            .map(async |entry| table.load(entry.id).await)
            .buffer_unordered(READS_AT_ONCE);
        while let Some(read) = loads.next().await {
            if let Ok(Some(t)) = read {
                found.look_at(&t, wanted, now);
            }
        }
        let next = shard.saturating_add(1);
        if found.searched >= MAX_SEARCHED && next < SHARDS {
            let step = Step {
                shard: next,
                behind: None,
            };
            found.next = Some(step.to_string());
            return Ok(found);
        }
    }
    Ok(found)
}

impl Wanted {
    fn is(&self, t: &Transaction) -> bool {
        match self {
            Self::Reference(reference) => {
                let taken = t.money_taken().and_then(|p| p.core_reference.as_ref());
                taken.is_some_and(|taken| taken.as_str() == reference)
            }
            Self::Order(code) => t
                .order()
                .order_code
                .as_ref()
                .is_some_and(|c| c.as_str() == code),
            Self::Customer(code) => {
                let customer = t.order().identify_code.as_ref();
                customer.is_some_and(|customer| customer.as_str() == code)
            }
        }
    }

    /// Whether it is about what a payment forgets.
    fn is_personal(&self) -> bool {
        !matches!(self, Self::Reference(_))
    }
}

/// How a search counts, and keeps what it finds.
trait Looking {
    fn look_at(&mut self, t: &Transaction, wanted: &Wanted, now: Timestamp);
}

impl Looking for FoundTransactions {
    fn look_at(&mut self, t: &Transaction, wanted: &Wanted, now: Timestamp) {
        self.searched = self.searched.saturating_add(1);
        if wanted.is_personal() && t.is_forgotten() {
            self.forgotten = self.forgotten.saturating_add(1);
        }
        if wanted.is(t) {
            self.transactions.push(ListedTransaction::of(t, now));
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shard)?;
        match self.behind {
            Some((at, id)) => write!(f, ".{}.{id}", at.unix_ms()),
            None => Ok(()),
        }
    }
}

impl FromStr for Step {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (shard, behind) = match text.split_once('.') {
                None => (text, None),
                Some((shard, behind)) => {
                    let (ms, id) = behind.split_once('.')?;
                    let at = Timestamp::from_unix_ms(ms.parse().ok()?).ok()?;
                    (shard, Some((at, id.parse().ok()?)))
                }
            };
            let shard = shard.parse().ok().filter(|shard| *shard < SHARDS)?;
            Some(Self { shard, behind })
        };
        read().ok_or("must be what the step before has as `next`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_as_it_is_written() {
        let at = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
        for behind in [None, Some((at, TransactionId::from_bytes([7; 16])))] {
            let step = Step { shard: 15, behind };
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        for bad in ["", "16", "x", "1.2", "1.x.y"] {
            assert!(bad.parse::<Step>().is_err(), "{bad}");
        }
    }
}
