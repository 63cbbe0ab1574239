//! The indexes of the table, with the keys and the projections of the template. An index can show an old state, and
//! entries with the same sort key have no fixed order.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use domain::TransactionId;
use serde_dynamo::AttributeValue;
use store::Item;

use crate::table::{number, text};
use crate::template::{Schema, TEMPLATE, Type};

/// All indexes of the template, in its order.
pub(crate) struct Indexes(Vec<Index>);

struct Index {
    schema: &'static Schema,
    /// The entries by partition. No partition is empty.
    shown: BTreeMap<String, BTreeMap<Place, Item>>,
    of: HashMap<TransactionId, (u64, Option<(String, Place)>)>,
}

/// An entry's place in its partition: the sort key, a number without meaning that depends on the id, and the id.
pub(crate) type Place = (Sort, u64, TransactionId);

/// The value of a sort key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Number(i64),
    Text(String),
}

/// The entry of an item in an index: its partition, its place there, and its projected attributes.
pub(crate) type Entry = Option<(String, Place, Item)>;

/// A query: the keys that it names, and what it asks for.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) keys: store::Index,
    pub(crate) partition: String,
    /// The first and the last sort key that it asks for, if it has a condition on it.
    pub(crate) between: Option<(i64, i64)>,
    pub(crate) after: Option<Item>,
}

/// A page of an index.
pub(crate) struct Page {
    pub(crate) entries: Vec<Item>,
    /// The keys of the last entry, if more may follow.
    pub(crate) next: Option<Item>,
}

impl Default for Indexes {
    fn default() -> Self {
        let schemas = TEMPLATE.indexes.iter();
        Self(schemas.map(Index::new).collect())
    }
}

impl Indexes {
    /// The entries of an item in all indexes.
    pub(crate) fn entries(&self, id: TransactionId, item: &Item) -> Vec<Entry> {
        self.0.iter().map(|index| index.entry(id, item)).collect()
    }

    /// Shows a version of an item in one index, unless a newer version is shown already.
    pub(crate) fn show(&mut self, index: usize, id: TransactionId, version: u64, entry: Entry) {
        self.0[index].show(id, version, entry);
    }

    /// Where an item with these attributes belongs in the index of this name; `None` if it is not in it.
    pub(crate) fn belongs(&self, name: &str, item: &Item) -> Option<Sort> {
        let index = self.named(name)?;
        text(item, &index.schema.partition_key)?;
        index.sort(item)
    }

    /// Whether the index of this name shows this transaction.
    pub(crate) fn shows(&self, name: &str, id: TransactionId) -> bool {
        let shown = self.named(name).and_then(|index| index.of.get(&id));
        shown.is_some_and(|(_, place)| place.is_some())
    }

    /// The first sort key in the index of this name.
    pub(crate) fn first(&self, name: &str) -> Option<i64> {
        let partitions = self.named(name)?.shown.values();
        let firsts = partitions.filter_map(|of| of.keys().next());
        let firsts = firsts.filter_map(|(sort, _, _)| match sort {
            Sort::Number(at) => Some(*at),
            Sort::Text(_) => None,
        });
        firsts.min()
    }

    /// A page of at most `limit` entries. As in DynamoDB, a full page has a position for the next page, also if nothing
    /// follows. The error says what in the query does not fit the template.
    pub(crate) fn query(&self, query: &Query, limit: usize) -> Result<Page, String> {
        let name = query.keys.name;
        let index = self.named(name);
        let index = index.ok_or_else(|| format!("the table has no index {name}"))?;
        let schema = index.schema;
        let fits = schema.partition_key == query.keys.partition_key
            && (query.between.is_none()
                || (schema.sort_key == query.keys.sort_key && schema.sort_type == Type::Number));
        if !fits {
            return Err(format!(
                "{:?} is asked, and the table has {schema:?}",
                query.keys
            ));
        }
        let after = match &query.after {
            None => None,
            Some(key) => {
                let place = index.place(key_of(key), key);
                Some(place.ok_or_else(|| format!("{key:?} is no position in {name}"))?)
            }
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let shown = index.shown.get(&query.partition).into_iter();
        let shown = shown.flat_map(|of| of.range((from.clone(), Bound::Unbounded)));
        let within = |(sort, _, _): &Place| match (query.between, sort) {
            (Some((from, until)), Sort::Number(at)) => (from..=until).contains(at),
            _ => true,
        };
        let shown = shown.filter(|(place, _)| within(place));
        let entries: Vec<Item> = shown.take(limit).map(|(_, item)| item.clone()).collect();
        let last = entries.last().filter(|_| entries.len() == limit);
        let keys = ["transaction_id", &schema.partition_key, &schema.sort_key];
        Ok(Page {
            next: last.map(|item| projected(item, keys.into_iter())),
            entries,
        })
    }

    fn named(&self, name: &str) -> Option<&Index> {
        self.0.iter().find(|index| index.schema.name == name)
    }
}

impl Index {
    fn new(schema: &'static Schema) -> Self {
        Self {
            schema,
            shown: BTreeMap::new(),
            of: HashMap::new(),
        }
    }

    fn sort(&self, item: &Item) -> Option<Sort> {
        let key = &self.schema.sort_key;
        match self.schema.sort_type {
            Type::Number => number(item, key).map(Sort::Number),
            Type::Text => text(item, key).map(Sort::Text),
        }
    }

    fn place(&self, id: TransactionId, item: &Item) -> Option<Place> {
        Some((self.sort(item)?, meaningless(id), id))
    }

    fn entry(&self, id: TransactionId, item: &Item) -> Entry {
        let partition = text(item, &self.schema.partition_key)?;
        let place = self.place(id, item)?;
        let has = match &self.schema.attributes {
            None => item.clone(),
            Some(attributes) => projected(item, attributes.iter().map(String::as_str)),
        };
        Some((partition, place, has))
    }

    fn show(&mut self, id: TransactionId, version: u64, entry: Entry) {
        let (shown_version, shown) = self.of.entry(id).or_default();
        if version <= *shown_version {
            return;
        }
        if let Some((partition, place)) = shown.take()
            && let Some(of) = self.shown.get_mut(&partition)
        {
            of.remove(&place);
            if of.is_empty() {
                self.shown.remove(&partition);
            }
        }
        *shown_version = version;
        if let Some((partition, place, item)) = entry {
            *shown = Some((partition.clone(), place.clone()));
            self.shown.entry(partition).or_default().insert(place, item);
        }
    }
}

/// A number that depends on the id and gives no useful order.
fn meaningless(id: TransactionId) -> u64 {
    let mix = |n: u64, byte: u8| (n ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    id.to_bytes().into_iter().fold(0, mix)
}

/// The key of an item.
pub(crate) fn key_of(item: &Item) -> TransactionId {
    let id = text(item, store::TRANSACTION_ID).expect("an item has its key");
    id.parse().expect("a key is an id")
}

fn projected<'a>(item: &Item, has: impl Iterator<Item = &'a str>) -> Item {
    let mut attributes: HashMap<String, AttributeValue> = HashMap::new();
    for name in has {
        if let Some(value) = item.get(name) {
            attributes.insert(name.to_owned(), value.clone());
        }
    }
    attributes.into()
}
