//! The table of reconciliation: conditional writes, consistent reads, an index that lags, and the same faults as the
//! table of transactions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use store::{
    BY_STATUS, Condition, Item, PARTITION, RecordPage, RecordTable, SORT, StoredKey, TableError,
    WriteOutcome,
};

use crate::audit::{Heard, payment_of_finding};
use crate::choices::Lane;
use crate::fault::Fault;
use crate::table::{ATTEMPT_TIMEOUT_MS, MAX_ATTEMPTS, SimTable, failed, number, text};
use crate::world::{MINUTE, SECOND, Waiting, World, answered};

/// The records, and their index by status.
#[derive(Default)]
pub(crate) struct Records {
    rows: BTreeMap<StoredKey, Item>,
    /// The status and the time that the index shows of each item.
    shown: BTreeMap<StoredKey, (String, i64)>,
}

#[async_trait]
impl RecordTable for SimTable {
    async fn get(&self, key: &StoredKey) -> Result<Option<Item>, TableError> {
        let key = key.clone();
        self.read("get record", move |records| records.rows.get(&key).cloned())
            .await
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let key = key_of(&item);
            let payment = payment_of_finding(&key);
            let looked = world.looked.get(&self.who);
            let heard = looked.zip(payment).and_then(|(looked, of)| looked.get(&of));
            let write = Write {
                heard: heard.copied(),
                key,
                item,
                condition,
            };
            world.ask(self.who, Lane::WORLD, "put record", |world, waiting| {
                put(world, waiting, write, 1);
            })
        };
        answered(receiver).await
    }

    async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<RecordPage, TableError> {
        let (partition, prefix) = (partition.to_owned(), prefix.to_owned());
        self.read("list records", move |records| {
            let wanted = records.of(&partition, &prefix);
            let wanted = wanted
                .skip_while(|(key, _)| after.as_ref().is_some_and(|after| key.sort <= *after));
            let page: Vec<_> = wanted.take(limit.into()).collect();
            let last = page.last().filter(|_| page.len() == usize::from(limit));
            RecordPage {
                next: last.map(|(key, _)| key.sort.clone()),
                items: page.iter().map(|(_, item)| (*item).clone()).collect(),
            }
        })
        .await
    }

    async fn with_status(&self, status: &str, limit: u16) -> Result<Vec<StoredKey>, TableError> {
        let status = status.to_owned();
        self.read("list records", move |records| {
            let mut with = records.with_status(&status);
            with.sort_by_key(|(since, _)| *since);
            let first = with.into_iter().take(limit.into());
            first.map(|(_, key)| key.clone()).collect()
        })
        .await
    }

    async fn count_with_status(&self, status: &str) -> Result<i64, TableError> {
        let status = status.to_owned();
        self.read("list records", move |records| {
            i64::try_from(records.with_status(&status).len()).unwrap_or(i64::MAX)
        })
        .await
    }
}

impl SimTable {
    async fn read<T: Send + 'static>(
        &self,
        point: &'static str,
        read: impl FnOnce(&Records) -> T + Send + 'static,
    ) -> Result<T, TableError> {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, point, |world, waiting| {
                let fails = world.inject(Lane::WORLD, Fault::ReadFails);
                world.after(5, move |world| {
                    let answer = if fails {
                        Err(failed("Query"))
                    } else {
                        Ok(read(&world.records))
                    };
                    waiting.answer(world, answer);
                });
            })
        };
        answered(receiver).await
    }
}

impl Records {
    fn with_status(&self, status: &str) -> Vec<(i64, &StoredKey)> {
        let shown = self.shown.iter();
        let with = shown.filter(|(_, (shown, _))| shown == status);
        with.map(|(key, (_, since))| (*since, key)).collect()
    }

    /// The stored records whose keys begin so.
    pub(crate) fn of<'r>(
        &'r self,
        partition: &'r str,
        prefix: &'r str,
    ) -> impl Iterator<Item = (&'r StoredKey, &'r Item)> {
        let first = StoredKey {
            partition: partition.to_owned(),
            sort: prefix.to_owned(),
        };
        let rows = self.rows.range(first..);
        rows.take_while(move |(key, _)| key.partition == partition && key.sort.starts_with(prefix))
    }
}

#[derive(Clone)]
struct Write {
    key: StoredKey,
    item: Item,
    condition: Condition,
    /// What the writer had heard from Tiki.
    heard: Option<Heard>,
}

type PutAnswer = Result<WriteOutcome, TableError>;

fn put(world: &mut World, waiting: Waiting<PutAnswer>, write: Write, tried: u32) {
    let lane = Lane::WORLD;
    if world.inject(lane, Fault::WriteLost) || world.inject(lane, Fault::Throttled) {
        return again(world, waiting, write, tried);
    }
    if world.inject(lane, Fault::WriteLate) {
        let delay = world.choices.span(lane, ATTEMPT_TIMEOUT_MS, 3 * MINUTE);
        let delayed = write.clone();
        world.after(delay, move |world| drop(world.write_record(&delayed)));
        return again(world, waiting, write, tried);
    }
    let lost = world.inject(lane, Fault::WriteAnswerLost);
    world.after(5, move |world| {
        let put = world.write_record(&write);
        if lost {
            return again(world, waiting, write, tried);
        }
        world.after(5, move |world| waiting.answer(world, Ok(put)));
    });
}

fn again(world: &mut World, waiting: Waiting<PutAnswer>, write: Write, tried: u32) {
    world.after(ATTEMPT_TIMEOUT_MS, move |world| {
        if tried >= MAX_ATTEMPTS {
            waiting.answer(world, Err(failed("PutItem")));
        } else if !waiting.gone() {
            put(world, waiting, write, tried + 1);
        }
    });
}

impl World {
    fn write_record(&mut self, write: &Write) -> WriteOutcome {
        let Write {
            key,
            item,
            condition,
            heard,
        } = write.clone();
        let found = self.records.rows.get(&key);
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::VersionIs(wanted) => {
                let version = found.and_then(|found| number(found, "version"));
                version.and_then(|version| u64::try_from(version).ok()) == Some(wanted)
            }
        };
        if !holds {
            return WriteOutcome::Conflict(found.cloned());
        }
        let status = text(&item, BY_STATUS.partition_key);
        let entry = status.zip(number(&item, BY_STATUS.sort_key));
        let lag = if self.inject(Lane::WORLD, Fault::IndexLags) {
            self.choices.span(Lane::WORLD, SECOND, 3 * MINUTE)
        } else {
            20
        };
        let shown = key.clone();
        self.after(lag, move |world| {
            match entry {
                Some(entry) => world.records.shown.insert(shown, entry),
                None => world.records.shown.remove(&shown),
            };
        });
        self.audit_record(&key, &item, heard);
        self.records.rows.insert(key, item);
        WriteOutcome::Stored
    }
}

fn key_of(item: &Item) -> StoredKey {
    let part = |name: &str| text(item, name).expect("an item has its key");
    StoredKey {
        partition: part(PARTITION),
        sort: part(SORT),
    }
}
