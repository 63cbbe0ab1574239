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

/// One sparse index, by partition and time.
struct Index {
    keys: store::Index,
    /// The attributes that an entry has; in a due index, those beside its place.
    attributes: Vec<&'static str>,
    shown: BTreeMap<Place, Item>,
    of: HashMap<TransactionId, (u64, Option<Place>)>,
}

/// An entry's place: partition, time, a number without meaning that depends on the id, and the id.
type Place = (String, i64, u64, TransactionId);

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
/// The two indexes of reconciliation.
const DAYS: [DayIndex; 2] = [DayIndex::Final, DayIndex::Refund];

impl Default for Indexes {
    fn default() -> Self {
        Self {
            due: DUE.map(|index| {
                let keys = index.index();
                Index::new(keys, keys.projection.attributes().to_vec())
            }),
            days: DAYS.map(|index| {
                let keys = index.index();
                let included = keys.projection.attributes();
                Index::new(keys, [&key_attributes(keys), included].concat())
            }),
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
            .map(|((_, due_at, _, id), item)| Indexed {
                final_at: number(item, "final_at").and_then(|at| Timestamp::from_unix_ms(at).ok()),
                ..indexed(*id, *due_at)
            })
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
            next: last.map(|(_, item)| projected(item, &key_attributes(index.keys))),
            entries: page.into_iter().map(|(_, item)| item.clone()).collect(),
        }
    }
}

impl Index {
    fn new(keys: store::Index, attributes: Vec<&'static str>) -> Self {
        Self {
            keys,
            attributes,
            shown: BTreeMap::new(),
            of: HashMap::new(),
        }
    }

    fn place(&self, id: TransactionId, item: &Item) -> Option<Place> {
        let partition = text(item, self.keys.partition_key)?;
        let at = number(item, self.keys.sort_key)?;
        Some((partition, at, meaningless(id), id))
    }

    fn entry(&self, id: TransactionId, item: &Item) -> Entry {
        Some((self.place(id, item)?, projected(item, &self.attributes)))
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
    Indexed {
        id,
        at,
        final_at: None,
    }
}

/// The key of an item.
pub(crate) fn key_of(item: &Item) -> TransactionId {
    let id = text(item, "transaction_id").expect("an item has its key");
    id.parse().expect("a key is an id")
}

/// The keys of the index and of the table.
fn key_attributes(keys: store::Index) -> [&'static str; 3] {
    [store::TRANSACTION_ID, keys.partition_key, keys.sort_key]
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
