//! DynamoDB as the functions see it: conditional writes, consistent reads, indexes that lag, and a client that
//! retries. A write can commit without an answer, or long after its time-out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{Day, Transaction, TransactionId};
use serde_dynamo::AttributeValue;
use store::{
    Condition, DayIndex, DayPage, HourlyCount, IndexQuery, Indexed, Item, NEEDS_REVIEW, Table,
    TableError, WriteOutcome,
};

use crate::brake;
use crate::choices::Lane;
use crate::fault::Fault;
use crate::indexes::{Indexes, Query, key_of};
use crate::queries;
use crate::world::{MINUTE, SECOND, Waiting, World, answered};

/// The transactions table and its indexes.
#[derive(Default)]
pub(crate) struct Rows {
    rows: HashMap<TransactionId, Row>,
    pub(crate) indexes: Indexes,
}

/// An item and its transaction.
pub(crate) struct Row {
    item: Arc<Item>,
    transaction: Arc<Transaction>,
}

/// Attempts of the SDK for one call.
pub(crate) const MAX_ATTEMPTS: u32 = 4;
/// The time limits of one attempt and of all attempts, as in the functions' settings, in milliseconds.
pub(crate) const ATTEMPT_TIMEOUT_MS: i64 = 2 * SECOND;
const ALL_ATTEMPTS_TIMEOUT_MS: i64 = 7 * SECOND;
/// So long ipn-sender waits until a reversal is counted. Its own time-out is on no clock of ours, so the table keeps it.
const COUNTED_WITHIN_MS: i64 = 3 * SECOND;

/// One function's view of the table.
pub(crate) struct SimTable {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) who: usize,
}

#[async_trait]
impl Table for SimTable {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let lane = world.lane_of(id);
            world.ask(self.who, lane, "get", |world, waiting| {
                get(world, waiting, id, 1);
            })
        };
        answered(receiver).await
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let id = key_of(&item);
            let lane = world.lane_of(id);
            let mut item = item;
            world.as_its_version_writes(self.who, &mut item);
            let write = Write {
                id,
                by: world.writer(self.who, id),
                item: Arc::new(item),
                condition,
                until: world.now() + ALL_ATTEMPTS_TIMEOUT_MS,
            };
            world.ask(self.who, lane, "put", |world, waiting| {
                put(world, waiting, write, 1);
            })
        };
        answered(receiver).await
    }

    async fn count_in_hour(
        &self,
        counted: HourlyCount,
        hour: i64,
        limit: u32,
    ) -> Result<bool, TableError> {
        match counted {
            HourlyCount::Reversals => {}
            HourlyCount::Resends => unreachable!("the simulated persons act without a function"),
        }
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let until = world.now() + COUNTED_WITHIN_MS;
            world.ask(self.who, Lane::WORLD, "count reversal", |world, waiting| {
                brake::count(world, waiting, (hour, limit), until, 1);
            })
        };
        answered(receiver).await
    }

    async fn oldest(&self, asked: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        let point = if asked.index == NEEDS_REVIEW {
            "needs_review"
        } else {
            "due"
        };
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let query = Query {
                keys: asked.index,
                partition: asked.partition,
                between: Some((asked.from.unix_ms(), asked.until.unix_ms())),
                after: None,
            };
            world.ask(self.who, Lane::WORLD, point, |world, waiting| {
                queries::oldest(world, waiting, query, asked.limit);
            })
        };
        answered(receiver).await
    }

    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let query = Query {
                keys: index.index(),
                partition: queries::day_shard(day, shard),
                between: None,
                after,
            };
            world.ask(self.who, Lane::WORLD, "read day", |world, waiting| {
                queries::on_day(world, waiting, query, limit);
            })
        };
        answered(receiver).await
    }
}

#[derive(Clone)]
struct Write {
    id: TransactionId,
    by: Writer,
    item: Arc<Item>,
    condition: Condition,
    until: i64,
}

/// Who writes, and on what word: a write may commit when the same instance has long begun something else.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) who: usize,
    /// The numbers of the answers of Tiki that it had taken when it wrote.
    pub(crate) taken: Vec<u64>,
}

type GetAnswer = Result<Option<Item>, TableError>;
type PutAnswer = Result<WriteOutcome, TableError>;

fn get(world: &mut World, waiting: Waiting<GetAnswer>, id: TransactionId, tried: u32) {
    let lane = waiting.lane;
    let fails = world.inject(lane, Fault::ReadFails);
    if fails && tried < MAX_ATTEMPTS - 1 {
        return world.after(ATTEMPT_TIMEOUT_MS, move |world| {
            if !waiting.gone() {
                get(world, waiting, id, tried + 1);
            }
        });
    }
    world.after(5, move |world| {
        let found = world.rows.rows.get(&id);
        world
            .fleet
            .saw(waiting.who, found.map(|row| &*row.transaction));
        if let Some(payment) = world.by_id.get(&id) {
            let now = world.now();
            world.audit.sees(*payment, waiting.who, now);
        }
        let item = found.map(|row| Item::clone(&row.item));
        let answer = if fails {
            Err(failed("GetItem"))
        } else {
            Ok(item)
        };
        waiting.answer(world, answer);
    });
}

fn put(world: &mut World, waiting: Waiting<PutAnswer>, write: Write, tried: u32) {
    let lane = waiting.lane;
    if world.inject(lane, Fault::Throttled) {
        world.log(lane, "DynamoDB", || "throttles a write".to_owned());
        return again(world, waiting, write, tried, 50);
    }
    let before = world.rows.rows.get(&write.id).map(|row| &*row.item);
    if let Some(index) = world.refusing_index(before, &write.item) {
        world.log(lane, "DynamoDB", || format!("throttles a write: {index}"));
        world.coverage.count("throttled index", "a write", index);
        return again(world, waiting, write, tried, 50);
    }
    if world.inject(lane, Fault::WriteLost) {
        world.log(lane, "DynamoDB", || "a write is lost".to_owned());
        return again(world, waiting, write, tried, ATTEMPT_TIMEOUT_MS);
    }
    if world.inject(lane, Fault::WriteLate) {
        let delay = world.choices.span(lane, ATTEMPT_TIMEOUT_MS, 3 * MINUTE);
        world.log(lane, "DynamoDB", || {
            format!("a write is delayed by {delay} ms")
        });
        let delayed = write.clone();
        world.after(delay, move |world| drop(world.write(&delayed)));
        return again(world, waiting, write, tried, ATTEMPT_TIMEOUT_MS);
    }
    let lost = world.inject(lane, Fault::WriteAnswerLost);
    world.after(5, move |world| {
        let put = world.write(&write);
        if lost {
            world.log(lane, "DynamoDB", || "the answer is lost".to_owned());
            return again(world, waiting, write, tried, ATTEMPT_TIMEOUT_MS);
        }
        // On a conflict the function sees the newer transaction.
        if matches!(put, WriteOutcome::Conflict(_)) {
            let found = world.rows.rows.get(&write.id);
            world
                .fleet
                .saw(waiting.who, found.map(|row| &*row.transaction));
        }
        world.after(5, move |world| waiting.answer(world, Ok(put)));
    });
}

/// The SDK retries while attempts and time are left and the function runs.
fn again(world: &mut World, waiting: Waiting<PutAnswer>, write: Write, tried: u32, ms: i64) {
    let ms = ms.min(write.until - world.now());
    world.after(ms, move |world| {
        if tried >= MAX_ATTEMPTS || world.now() >= write.until {
            waiting.answer(world, Err(failed("PutItem")));
        } else if !waiting.gone() {
            put(world, waiting, write, tried + 1);
        }
    });
}

impl World {
    /// The lane of the payment whose transaction this is.
    pub(crate) fn lane_of(&self, id: TransactionId) -> Lane {
        self.by_id.get(&id).map_or(Lane::WORLD, |k| Lane::of(*k))
    }

    fn writer(&self, who: usize, id: TransactionId) -> Writer {
        let payment = self.by_id.get(&id).map(|payment| &self.payments[*payment]);
        let taken = payment.map_or_else(Vec::new, |payment| payment.log.taken_by(who));
        Writer { who, taken }
    }

    /// Commits a write if its condition holds.
    fn write(&mut self, write: &Write) -> WriteOutcome {
        let (id, condition) = (write.id, write.condition);
        let item = Arc::clone(&write.item);
        let found = self.rows.rows.get(&id);
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::VersionIs(version) => {
                found.is_some_and(|row| row.transaction.version() == version)
            }
        };
        if !holds {
            return WriteOutcome::Conflict(found.map(|row| Item::clone(&row.item)));
        }
        let before = found.map(|row| Arc::clone(&row.transaction));
        let before = before.as_deref();
        let read = store::read(Item::clone(&item)).map_err(|error| error.to_string());
        self.audit_write(&write.by, id, before, &item, read.as_ref());
        let Ok(transaction) = read else {
            // The auditor has recorded a violation, and the run ends.
            return WriteOutcome::Stored;
        };
        self.reconciliation_may_look(before, &transaction);
        self.persons_may_look(id, before, &transaction);
        self.show(&item, id, transaction.version());
        self.streams_take(id, &item);
        let transaction = Arc::new(transaction);
        self.rows.rows.insert(id, Row { item, transaction });
        WriteOutcome::Stored
    }

    /// Shows a write in the indexes, after their lag: of all of them, or of one that is slower than the others.
    fn show(&mut self, item: &Item, id: TransactionId, version: u64) {
        const USUAL: i64 = 20;
        let lane = self.lane_of(id);
        let entries = self.rows.indexes.entries(id, item);
        let (lag, slow) = if self.inject(lane, Fault::IndexLags) {
            let lag = self.choices.span(lane, SECOND, 3 * MINUTE);
            (lag, self.choices.index(lane, entries.len() + 1))
        } else {
            (USUAL, 0)
        };
        for (index, entry) in entries.into_iter().enumerate() {
            let is_slow = slow == 0 || slow == index + 1;
            self.after(if is_slow { lag } else { USUAL }, move |world| {
                world.rows.indexes.show(index, id, version, entry);
                world.plan_sweeps();
            });
        }
    }
}

impl Rows {
    /// The stored transaction with this id.
    pub(crate) fn find(&self, id: TransactionId) -> Option<&Transaction> {
        self.rows.get(&id).map(|row| &*row.transaction)
    }

    /// The item as it is stored.
    pub(crate) fn item(&self, id: TransactionId) -> Option<&Item> {
        self.rows.get(&id).map(|row| row.item.as_ref())
    }
}

pub(crate) fn text(item: &Item, name: &str) -> Option<String> {
    match item.get(name)? {
        AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    }
}

pub(crate) fn number(item: &Item, name: &str) -> Option<i64> {
    match item.get(name)? {
        AttributeValue::N(number) => number.parse().ok(),
        _ => None,
    }
}

pub(crate) fn failed(operation: &'static str) -> TableError {
    TableError {
        operation,
        source: "simulated".into(),
    }
}
