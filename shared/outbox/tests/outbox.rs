//! A sweep over a table of keys, with a counterparty that needs ten seconds for each answer and a clock that runs
//! twenty-five times as fast: what comes first, what waits for how long, and when it ends. And a batch of the stream:
//! what of it is processed, and what comes again.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and its clock is the real one, but faster"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use async_trait::async_trait;
use domain::testing::plain_payment;
use domain::{Clock, Day, Timestamp, Transaction, TransactionId, Vnd};
use outbox::{Outbox, Worker};
use serde_json::json;
use store::{
    Condition, Creation, DayIndex, DayPage, DueIndex, HourlyCount, IndexQuery, Indexed, Item,
    RandomWriteIds, SHARDS, Table, TableError, Transactions, WriteOutcome,
};

const FASTER: u32 = 25;
const EACH: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(120);

struct Fast(Instant);

#[async_trait]
impl Clock for Fast {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
        start.after(self.0.elapsed() * FASTER)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / FASTER).await;
    }
}

/// Items by id, and in which index each is due.
#[derive(Default)]
struct Memory {
    items: Mutex<HashMap<TransactionId, Item>>,
    due: Mutex<HashMap<TransactionId, DueIndex>>,
    /// Of these the table gives no answer.
    silent: Mutex<Vec<TransactionId>>,
}

#[async_trait]
impl Table for Memory {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        if self.silent.lock().unwrap().contains(&id) {
            return Err(TableError {
                operation: "GetItem",
                source: "no answer".into(),
            });
        }
        Ok(self.items.lock().unwrap().get(&id).cloned())
    }

    async fn put(&self, item: Item, _: Condition) -> Result<WriteOutcome, TableError> {
        let id = store::read(item.clone()).unwrap().id();
        self.items.lock().unwrap().insert(id, item);
        Ok(WriteOutcome::Stored)
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        unreachable!("nothing is counted here")
    }

    async fn oldest(&self, query: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        let due = self.due.lock().unwrap();
        let of = due.iter().filter(|(id, of)| {
            of.index() == query.index && format!("{:02}", id.shard(SHARDS)) == query.partition
        });
        let entries = of.map(|(id, _)| Indexed {
            id: *id,
            at: query.until,
            final_at: None,
        });
        Ok(entries.take(query.limit.into()).collect())
    }

    async fn on_day(
        &self,
        _: DayIndex,
        _: Day,
        _: u8,
        _: Option<Item>,
        _: u16,
    ) -> Result<DayPage, TableError> {
        Ok(DayPage::default())
    }
}

/// What was begun, by the second since the sweep began.
#[derive(Default)]
struct Seen {
    begun: Vec<(DueIndex, TransactionId, u64)>,
    measured: Vec<u64>,
}

struct Slow {
    table: Arc<Memory>,
    clock: Arc<Fast>,
    seen: Arc<Mutex<Seen>>,
}

#[async_trait]
impl Worker for Slow {
    fn indexes(&self) -> &'static [DueIndex] {
        &[DueIndex::Refund, DueIndex::Expiry]
    }

    fn max_processing_time(&self) -> Duration {
        LONGEST
    }

    async fn measure(&self) {
        let at = self.clock.0.elapsed() * FASTER;
        self.seen.lock().unwrap().measured.push(at.as_secs());
        // It must not hold up the sweep, whatever it waits for.
        self.clock.sleep(TIMEOUT * 10).await;
    }

    async fn process(&self, found: Transaction) -> anyhow::Result<()> {
        let at = (self.clock.0.elapsed() * FASTER).as_secs();
        let index = self.table.due.lock().unwrap().get(&found.id()).copied();
        let index = index.context("it is not due")?;
        self.seen
            .lock()
            .unwrap()
            .begun
            .push((index, found.id(), at));
        self.clock.sleep(EACH).await;
        // There was no answer: it stays due, but not now.
        self.table.due.lock().unwrap().remove(&found.id());
        Ok(())
    }
}

/// A table, and an outbox over it.
fn outbox() -> (Arc<Memory>, Outbox<Slow>) {
    let clock = Arc::new(Fast(Instant::now()));
    let table = Arc::new(Memory::default());
    let below: Arc<dyn Table> = Arc::<Memory>::clone(&table);
    let time: Arc<dyn Clock> = Arc::<Fast>::clone(&clock);
    let outbox = Outbox {
        transactions: Transactions::new(below, Arc::new(RandomWriteIds), Arc::clone(&time)),
        worker: Slow {
            table: Arc::clone(&table),
            clock,
            seen: Arc::default(),
        },
        clock: time,
    };
    (table, outbox)
}

/// Sweeps a table with so many transactions in each index. Returns what was seen, and after how many seconds it ended.
async fn swept(refunds: usize, expiries: usize, group: (u8, u8)) -> (Seen, u64) {
    let (table, mut outbox) = outbox();
    let lanes = [(DueIndex::Refund, refunds), (DueIndex::Expiry, expiries)];
    for (index, count) in lanes {
        for n in 0..count {
            let id = created(&outbox.transactions, &format!("{index:?}-{n}")).await;
            table.due.lock().unwrap().insert(id, index);
        }
    }
    // The time begins when the table is filled.
    let clock = Arc::new(Fast(Instant::now()));
    outbox.worker.clock = Arc::clone(&clock);
    outbox.clock = Arc::<Fast>::clone(&clock);
    let (number, of) = group;
    let event = format!(r#"{{"action":"sweep","group":{number},"of":{of}}}"#);
    let deadline = clock.now().after(TIMEOUT);
    let event = event.parse().unwrap();
    outbox.handle(event, deadline).await.unwrap();
    let ended = (clock.0.elapsed() * FASTER).as_secs();
    let seen = std::mem::take(&mut *outbox.worker.seen.lock().unwrap());
    (seen, ended)
}

async fn created(transactions: &Transactions, name: &str) -> TransactionId {
    let now = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let id = name.parse().unwrap();
    let amount = Vnd::new(100_000).unwrap();
    let created = plain_payment(&id, amount, Duration::ZERO, now).unwrap();
    match transactions.create(created).await.unwrap() {
        Creation::New(made) | Creation::Existing(made) => made.id(),
    }
}

fn begun(seen: &Seen, index: DueIndex) -> Vec<u64> {
    let of = seen.begun.iter().filter(|(of, _, _)| *of == index);
    of.map(|(_, _, at)| *at).collect()
}

#[tokio::test]
async fn a_counterparty_that_hangs_is_asked_for_refunds_first() {
    // More of each than a sweep can ask.
    let (seen, ended) = swept(3_000, 3_000, (0, 1)).await;
    let (refunds, expiries) = (
        begun(&seen, DueIndex::Refund),
        begun(&seen, DueIndex::Expiry),
    );
    // 98 s are left to start something; two thirds of them are 65 s.
    let first = *expiries.iter().min().unwrap();
    assert!((60..=80).contains(&first), "the first expiry at {first} s");
    assert!(refunds.len() > expiries.len(), "{}", expiries.len());
    let last = refunds.iter().max().unwrap();
    assert!(
        *last > first,
        "refunds go on beside it, the last at {last} s"
    );
    // The last ones end in time, and were measured though the work took all of it.
    assert!((95..=119).contains(&ended), "ended after {ended} s");
    assert!(seen.measured.len() == 1 && seen.measured[0] <= 10);
}

#[tokio::test]
async fn expiry_questions_follow_when_no_refund_is_due() {
    let (seen, ended) = swept(4, 40, (0, 1)).await;
    let refunds = begun(&seen, DueIndex::Refund);
    let expiries = begun(&seen, DueIndex::Expiry);
    assert_eq!((refunds.len(), expiries.len()), (4, 40));
    let first = *expiries.iter().min().unwrap();
    assert!((10..=40).contains(&first), "the first expiry at {first} s");
    assert!(ended <= 100, "ended after {ended} s");
}

#[tokio::test]
async fn a_sweep_processes_its_own_shards_alone() {
    for number in [0, 3] {
        let (seen, _) = swept(30, 30, (number, 4)).await;
        assert!(!seen.begun.is_empty());
        let own = |id: &TransactionId| id.shard(SHARDS) % 4 == number;
        assert!(seen.begun.iter().all(|(_, id, _)| own(id)));
        // One group measures, about all shards.
        assert_eq!(seen.measured.len(), usize::from(number == 0));
    }
}

#[tokio::test]
async fn each_transaction_of_a_batch_is_processed_once() {
    let (table, outbox) = outbox();
    let often = created(&outbox.transactions, "often").await;
    let once = created(&outbox.transactions, "once").await;
    let fails = created(&outbox.transactions, "fails").await;
    let damaged = created(&outbox.transactions, "damaged").await;
    let silent = created(&outbox.transactions, "silent").await;
    let gone = created(&outbox.transactions, "gone").await;
    {
        let mut items = table.items.lock().unwrap();
        items.insert(damaged, Item::default());
        items.remove(&gone);
        table.silent.lock().unwrap().push(silent);
    }
    for id in [often, once] {
        table.due.lock().unwrap().insert(id, DueIndex::Refund);
    }
    let record = |number: usize, id: &TransactionId| {
        let keys = json!({ "transaction_id": { "S": id.to_string() } });
        json!({ "dynamodb": { "SequenceNumber": number.to_string(), "Keys": keys, "NewImage": {} } })
    };
    let order = [
        &often, &fails, &once, &often, &fails, &often, &damaged, &silent, &gone,
    ];
    let mut records: Vec<_> = order.iter().zip(0..).map(|(id, n)| record(n, id)).collect();
    let deleted = json!({ "transaction_id": { "S": once.to_string() } });
    records.push(json!({ "dynamodb": { "SequenceNumber": "deleted", "Keys": deleted } }));

    let deadline = outbox.clock.now().after(TIMEOUT);
    let event = json!({ "Records": records });
    let response = outbox.handle(event, deadline).await.unwrap();
    let failed = response.batch_item_failures.into_iter();
    let mut failed: Vec<_> = failed.map(|failure| failure.item_identifier).collect();
    failed.sort_unstable();
    // The newest record of what failed, and what the table did not give. A damaged item would stay so.
    assert_eq!(failed, ["4", "7"].map(|number| Some(number.to_owned())));
    let seen = std::mem::take(&mut *outbox.worker.seen.lock().unwrap());
    let mut ids: Vec<_> = seen.begun.iter().map(|(_, id, _)| *id).collect();
    ids.sort_unstable();
    let mut expected = [often, once];
    expected.sort_unstable();
    assert_eq!(ids, expected);
}
