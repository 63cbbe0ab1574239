//! DynamoDB, played: the table of transactions, whose entries and items are made when they are read, and the table of
//! reconciliation, which is kept.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use domain::{Day, Timestamp, TransactionId};
use serde_dynamo::AttributeValue;
use store::{
    Condition, DayIndex, DayPage, HourlyCount, IndexQuery, Indexed, Item, PARTITION, RecordPage,
    RecordTable, SHARDS, SORT, StoredKey, TRANSACTION_ID, Table, TableError, WriteOutcome,
};

use crate::day::{Payment, PlayedDay};
use crate::items::Items;

/// The table of transactions of one day. The payments are spread over the shards by their numbers.
pub(crate) struct PlayedTable {
    day: PlayedDay,
    items: Items,
    numbers: Numbers,
    requests: AtomicU64,
}

impl PlayedTable {
    pub(crate) async fn of(day: PlayedDay, numbers: &Path) -> Self {
        Self {
            day,
            items: Items::of(day).await,
            numbers: Numbers::open(numbers),
            requests: AtomicU64::new(0),
        }
    }

    /// How often it was read.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers of the payments on a page of a shard: at most `limit`, from the `first` entry of the shard on.
    fn page(&self, index: DayIndex, shard: u8, first: u64, limit: u16) -> Vec<u64> {
        let (shards, shard) = (u64::from(SHARDS), u64::from(shard));
        let places = (first..first + u64::from(limit)).map(|place| place * shards + shard);
        match index {
            DayIndex::Final => places.filter(|i| *i < self.day.payments()).collect(),
            DayIndex::Refund => places
                .filter(|i| *i < self.day.refunds())
                .map(Payment::of_refund)
                .collect(),
            DayIndex::Reversal => Vec::new(),
        }
    }
}

#[async_trait]
impl Table for PlayedTable {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        self.count();
        let number = self.numbers.find(self.day, id);
        Ok(number.map(|number| self.items.item(&self.day.payment(number))))
    }

    async fn put(&self, _: Item, _: Condition) -> Result<WriteOutcome, TableError> {
        unreachable!("no payment changes here")
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        unreachable!("no payment changes here")
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        unreachable!("reconciliation does not ask for it")
    }

    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError> {
        self.count();
        // The place of the page is beside its keys, which the store gives back as they are.
        let first = after.map_or(0, |after| number(&after, "place"));
        let numbers = if day == self.day.day {
            self.page(index, shard, first, limit)
        } else {
            Vec::new()
        };
        let next = (numbers.len() == usize::from(limit)).then(|| {
            let place = AttributeValue::N((first + u64::from(limit)).to_string());
            HashMap::from([("place".to_owned(), place)]).into()
        });
        let payments = numbers.into_iter().map(|number| self.day.payment(number));
        let entries = payments.map(|payment| entry(index, day, shard, &payment));
        Ok(DayPage {
            entries: entries.collect(),
            next,
        })
    }
}

/// An entry of an index, with what the index projects.
fn entry(index: DayIndex, day: Day, shard: u8, payment: &Payment) -> Item {
    let text = AttributeValue::S;
    let time = |at: Timestamp| AttributeValue::N(at.unix_ms().to_string());
    let keys = index.index();
    let at = match index {
        DayIndex::Final => payment.final_at,
        DayIndex::Refund | DayIndex::Reversal => payment.refunded_at(),
    };
    let mut attributes = vec![
        (TRANSACTION_ID, text(payment.id.to_string())),
        (keys.partition_key, text(format!("{day}#{shard:02}"))),
        (keys.sort_key, time(at)),
    ];
    for name in keys.projection.attributes() {
        let value = match *name {
            "tiki_transaction_id" => text(payment.tiki_id.to_string()),
            "amount_vnd" => AttributeValue::N(payment.amount_vnd.to_string()),
            "status" => text(payment.status().to_owned()),
            "created_at" => time(payment.created_at()),
            other => unreachable!("the index has {other}, and it is not played"),
        };
        attributes.push((name, value));
    }
    let named = attributes.into_iter();
    let named = named.map(|(name, value)| (name.to_owned(), value));
    named.collect::<HashMap<_, _>>().into()
}

/// The number of a payment by its id: a hash table in a file, since in memory it would be measured with the function.
struct Numbers(File);

/// A slot has the number of a payment and one more, or zero; in so many bytes.
const SLOT_BYTES: usize = 4;
/// One read covers so many slots.
const SLOTS_PER_READ: usize = 16;

/// Writes the file for a day.
pub(crate) fn write_numbers(day: PlayedDay, path: &Path) {
    let slots = usize::try_from(day.payments() * 2).unwrap();
    let slots = slots.next_power_of_two().max(SLOTS_PER_READ);
    let mut table = vec![0_u32; slots];
    for payment in day.all() {
        let mut slot = slot_of(payment.id, slots);
        while table[slot] != 0 {
            slot = (slot + 1) % slots;
        }
        table[slot] = u32::try_from(payment.number + 1).unwrap();
    }
    // A read at the end goes on at the beginning.
    table.extend_from_within(..SLOTS_PER_READ);
    let bytes: Vec<u8> = table.into_iter().flat_map(u32::to_le_bytes).collect();
    File::create(path).unwrap().write_all(&bytes).unwrap();
}

fn slot_of(id: TransactionId, slots: usize) -> usize {
    let bytes = id.to_bytes();
    let hash = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    usize::try_from(hash).unwrap() % slots
}

impl Numbers {
    fn open(path: &Path) -> Self {
        Self(File::open(path).unwrap())
    }

    fn find(&self, day: PlayedDay, id: TransactionId) -> Option<u64> {
        let bytes = usize::try_from(self.0.metadata().unwrap().len()).unwrap();
        let slots = bytes / SLOT_BYTES - SLOTS_PER_READ;
        let mut slot = slot_of(id, slots);
        loop {
            let mut read = [0; SLOTS_PER_READ * SLOT_BYTES];
            let at = u64::try_from(slot * SLOT_BYTES).unwrap();
            self.0.read_exact_at(&mut read, at).unwrap();
            for known in read.chunks_exact(SLOT_BYTES) {
                let known = u32::from_le_bytes(known.try_into().unwrap());
                let number = u64::from(known).checked_sub(1)?;
                if day.payment(number).id == id {
                    return Some(number);
                }
            }
            slot = (slot + SLOTS_PER_READ) % slots;
        }
    }
}

/// A table that keeps what was written last.
#[derive(Default)]
pub(crate) struct WriteTable(Mutex<Option<Item>>);

impl WriteTable {
    pub(crate) fn written(&self) -> Item {
        self.0.lock().unwrap().clone().unwrap()
    }
}

#[async_trait]
impl Table for WriteTable {
    async fn get(&self, _: TransactionId) -> Result<Option<Item>, TableError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn put(&self, item: Item, _: Condition) -> Result<WriteOutcome, TableError> {
        *self.0.lock().unwrap() = Some(item);
        Ok(WriteOutcome::Stored)
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        unreachable!("nothing is counted here")
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        unreachable!("nothing is due here")
    }

    async fn on_day(
        &self,
        _: DayIndex,
        _: Day,
        _: u8,
        _: Option<Item>,
        _: u16,
    ) -> Result<DayPage, TableError> {
        unreachable!("it has no index")
    }
}

/// The table of reconciliation. It has a record for each file and finding, and so it is small.
#[derive(Default)]
pub(crate) struct PlayedRecords(Mutex<BTreeMap<StoredKey, Item>>);

#[async_trait]
impl RecordTable for PlayedRecords {
    async fn get(&self, key: &StoredKey) -> Result<Option<Item>, TableError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let key = StoredKey {
            partition: text(&item, PARTITION),
            sort: text(&item, SORT),
        };
        let mut records = self.0.lock().unwrap();
        let found = records.get(&key);
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::VersionIs(version) => {
                found.is_some_and(|found| number(found, "version") == version)
            }
        };
        if !holds {
            return Ok(WriteOutcome::Conflict(found.cloned()));
        }
        records.insert(key, item);
        Ok(WriteOutcome::Stored)
    }

    async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<RecordPage, TableError> {
        let records = self.0.lock().unwrap();
        let of_page = records.iter().filter(|(key, _)| {
            key.partition == partition
                && key.sort.starts_with(prefix)
                && after.as_ref().is_none_or(|after| key.sort > *after)
        });
        let page: Vec<_> = of_page.take(limit.into()).collect();
        let full = page.len() == usize::from(limit);
        Ok(RecordPage {
            next: page
                .last()
                .filter(|_| full)
                .map(|(key, _)| key.sort.clone()),
            items: page.into_iter().map(|(_, item)| item.clone()).collect(),
        })
    }

    async fn with_status(&self, _: &str, _: u16) -> Result<Vec<StoredKey>, TableError> {
        Ok(Vec::new())
    }

    async fn count_with_status(&self, _: &str) -> Result<i64, TableError> {
        unreachable!("only scheduled runs measure")
    }
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        other => unreachable!("{name} is {other:?}"),
    }
}

fn number(item: &Item, name: &str) -> u64 {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().unwrap(),
        other => unreachable!("{name} is {other:?}"),
    }
}
