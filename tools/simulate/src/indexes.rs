//! The indexes of the table. An index can show an old state, and entries with the same time have no fixed order.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use domain::{Day, Timestamp, TransactionId};
use serde_dynamo::AttributeValue;
use store::{DayIndex, DayPage, DueIndex, Indexed, Item, SHARDS};

use crate::table::{number, text};

/// All sparse indexes except the review queue.
pub(crate) struct Indexes {
    due: [Index; 3],
    days: [Index; 2],
}

/// The attributes in `by_day`, as in the template.
const BY_DAY: &[&str] = &[
    "transaction_id",
    "day_shard",
    "final_at",
    "tiki_transaction_id",
    "amount_vnd",
    "status",
    "created_at",
    "updated_at",
];
/// The attributes in `by_refund_day`: only keys.
const BY_REFUND_DAY: &[&str] = &["transaction_id", "refund_day_shard", "refund_at"];

/// One sparse index, by partition and time.
struct Index {
    partition: &'static str,
    at: &'static str,
    /// The attributes that it returns. For a due index they are all in the place.
    has: &'static [&'static str],
    shown: BTreeMap<Place, Item>,
    of: HashMap<TransactionId, (u64, Option<Place>)>,
}

/// An entry's place: partition, time, a number without meaning that depends on the id, and the id.
type Place = (String, i64, u64, TransactionId);

/// An entry.
pub(crate) type Entry = Option<(Place, Item)>;

/// A query of an index by day.
pub(crate) struct OnDay {
    pub(crate) index: DayIndex,
    pub(crate) day: Day,
    pub(crate) shard: u8,
    pub(crate) after: Option<Item>,
}

/// The indexes of the workers.
const DUE: [DueIndex; 3] = [DueIndex::Ipn, DueIndex::Refund, DueIndex::Expiry];
/// The two indexes of the reconciliation.
const DAYS: [(DayIndex, &[&str]); 2] =
    [(DayIndex::Final, BY_DAY), (DayIndex::Refund, BY_REFUND_DAY)];

impl Default for Indexes {
    fn default() -> Self {
        Self {
            due: DUE.map(|index| Index::new(index.shard_attribute(), index.due_attribute(), &[])),
            days: DAYS
                .map(|(index, has)| Index::new(index.shard_attribute(), index.at_attribute(), has)),
        }
    }
}

impl Indexes {
    /// The entries of an item in all indexes.
    pub(crate) fn entries(&self, id: TransactionId, item: &Item) -> [Entry; 5] {
        let [ipn, refund, expiry] = self.due.each_ref().map(|index| index.entry(id, item));
        let [by_day, by_refund_day] = self.days.each_ref().map(|index| index.entry(id, item));
        [ipn, refund, expiry, by_day, by_refund_day]
    }

    /// Shows a version of an item, unless a newer version is shown already.
    pub(crate) fn show(&mut self, id: TransactionId, version: u64, entries: [Entry; 5]) {
        for (index, entry) in self.due.iter_mut().chain(&mut self.days).zip(entries) {
            index.show(id, version, entry);
        }
    }

    /// The first due time in these indexes.
    pub(crate) fn first_due(&self, indexes: &[DueIndex]) -> Option<i64> {
        let shown = indexes
            .iter()
            .flat_map(|index| self.due[*index as usize].shown.keys());
        shown.map(|(_, due_at, _, _)| *due_at).min()
    }

    pub(crate) fn due(
        &self,
        index: DueIndex,
        shard: u8,
        until: Timestamp,
        limit: u16,
    ) -> Vec<Indexed> {
        assert!(shard < SHARDS, "the shard does not exist");
        let partition = format!("{shard:02}");
        let shown = self.due[index as usize].of_partition(&partition, None);
        shown
            .take_while(|((_, due_at, _, _), _)| *due_at <= until.unix_ms())
            .take(limit.into())
            .map(|((_, due_at, _, id), _)| indexed(*id, *due_at))
            .collect()
    }

    /// A page of at most `limit` entries. As in DynamoDB, a full page has a position for the next page, also if nothing
    /// follows.
    pub(crate) fn on_day(&self, query: &OnDay, limit: usize) -> DayPage {
        assert!(query.shard < SHARDS, "the shard does not exist");
        let index = &self.days[query.index as usize];
        let partition = format!("{}#{:02}", query.day, query.shard);
        let after = query.after.as_ref();
        let after = after.map(|key| {
            index
                .place(key_of(key), key)
                .expect("a position that this index returned")
        });
        let page: Vec<_> = index.of_partition(&partition, after).take(limit).collect();
        let last = page.last().filter(|_| page.len() == limit);
        DayPage {
            next: last
                .map(|(_, item)| projected(item, &["transaction_id", index.partition, index.at])),
            entries: page.into_iter().map(|(_, item)| item.clone()).collect(),
        }
    }
}

impl Index {
    fn new(partition: &'static str, at: &'static str, has: &'static [&'static str]) -> Self {
        Self {
            partition,
            at,
            has,
            shown: BTreeMap::new(),
            of: HashMap::new(),
        }
    }

    fn place(&self, id: TransactionId, item: &Item) -> Option<Place> {
        let partition = text(item, self.partition)?;
        Some((partition, number(item, self.at)?, meaningless(id), id))
    }

    fn entry(&self, id: TransactionId, item: &Item) -> Entry {
        Some((self.place(id, item)?, projected(item, self.has)))
    }

    fn show(&mut self, id: TransactionId, version: u64, entry: Entry) {
        let (shown_version, shown) = self.of.entry(id).or_default();
        if version <= *shown_version {
            return;
        }
        if let Some(place) = shown.take() {
            self.shown.remove(&place);
        }
        *shown_version = version;
        if let Some((place, item)) = entry {
            *shown = Some(place.clone());
            self.shown.insert(place, item);
        }
    }

    fn of_partition(
        &self,
        partition: &str,
        after: Option<Place>,
    ) -> impl Iterator<Item = (&Place, &Item)> {
        let none = TransactionId::from_bytes([0; 16]);
        let from = match after {
            Some(place) => Bound::Excluded(place),
            None => Bound::Included((partition.to_owned(), i64::MIN, 0, none)),
        };
        let shown = self.shown.range((from, Bound::Unbounded));
        shown.take_while(move |((of, _, _, _), _)| of == partition)
    }
}

/// A number that depends on the id and gives no useful order.
fn meaningless(id: TransactionId) -> u64 {
    let mix = |n: u64, byte: u8| (n ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    id.to_bytes().into_iter().fold(0, mix)
}

pub(crate) fn indexed(id: TransactionId, at: i64) -> Indexed {
    let at = Timestamp::from_unix_ms(at).unwrap();
    Indexed { id, at }
}

/// The key of an item.
pub(crate) fn key_of(item: &Item) -> TransactionId {
    let id = text(item, "transaction_id").expect("an item has its key");
    id.parse().expect("a key is an id")
}

fn projected(item: &Item, has: &[&str]) -> Item {
    let mut attributes: HashMap<String, AttributeValue> = HashMap::new();
    for name in has {
        if let Some(value) = item.get(*name) {
            attributes.insert((*name).to_owned(), value.clone());
        }
    }
    attributes.into()
}
