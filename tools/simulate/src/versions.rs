//! Two versions at once: some instances run a newer version, which writes into an item what ours does not know. When
//! faults end it is taken back, and ours must still have it all.

use std::collections::{BTreeSet, HashMap};

use serde_dynamo::AttributeValue;
use store::{Item, SCHEMA};

use crate::fault::Fault;
use crate::indexes::key_of;
use crate::world::World;

/// The newer version's attributes and its event. No version of ours has them.
const NOTE: &str = "newer_note";
const CHANNEL: &str = "newer_channel";
const EVENT: &str = "newer_event";

/// An item has no more of the newer version's events than this.
const MAX_EVENTS: usize = 3;

impl World {
    /// What an instance writes. The newer version adds what only it knows: to the item, its refunds and its trail. What
    /// it has added before it still knows.
    pub(crate) fn as_its_version_writes(&mut self, who: usize, item: &mut Item) {
        if !self.fleet.is_newer(who) {
            return;
        }
        self.faults.note(Fault::NewerVersion);
        let stored = self.rows.item(key_of(item)).cloned().unwrap_or_default();
        let (serial, now) = (self.unique(), self.now());
        let mark = AttributeValue::S(serial.to_string());
        let schema = AttributeValue::N((SCHEMA + 1).to_string());
        item.insert("schema".to_owned(), schema);
        let note = stored.get(NOTE).unwrap_or(&mark).clone();
        item.entry(NOTE.to_owned()).or_insert(note);
        if let Some(AttributeValue::L(refunds)) = item.get_mut("refunds") {
            let mut known = marks(&stored, "refunds", CHANNEL);
            for refund in refunds {
                let channel = known.next().flatten().unwrap_or(&mark).clone();
                if let AttributeValue::M(refund) = refund {
                    refund.entry(CHANNEL.to_owned()).or_insert(channel);
                }
            }
        }
        let events = events_of(&stored);
        let Some(AttributeValue::L(trail)) = item.get_mut("trail") else {
            return;
        };
        for (place, event) in &events {
            if trail.get(*place) != Some(event) {
                trail.insert((*place).min(trail.len()), event.clone());
            }
        }
        if events.len() < MAX_EVENTS {
            trail.push(AttributeValue::M(HashMap::from([
                ("what".to_owned(), AttributeValue::S(EVENT.to_owned())),
                ("at".to_owned(), AttributeValue::N(now.to_string())),
                (NOTE.to_owned(), mark),
            ])));
        }
    }
}

/// The newer version's events in an item, each with its place in the trail.
fn events_of(item: &Item) -> Vec<(usize, AttributeValue)> {
    let Some(AttributeValue::L(trail)) = item.get("trail") else {
        return Vec::new();
    };
    let is_event = |entry: &AttributeValue| match entry {
        AttributeValue::M(map) => map.get("what") == Some(&AttributeValue::S(EVENT.to_owned())),
        _ => false,
    };
    let events = trail
        .iter()
        .enumerate()
        .filter(|(_, entry)| is_event(entry));
    events
        .map(|(place, entry)| (place, entry.clone()))
        .collect()
}

/// All that the newer version has written into an item, each with its place.
pub(crate) fn newer_parts(item: &Item) -> BTreeSet<String> {
    let note = item.get(NOTE).map(|mark| format!("{mark:?}"));
    let mut parts: BTreeSet<_> = note.into_iter().collect();
    for (list, name) in [("refunds", CHANNEL), ("trail", NOTE)] {
        for (place, mark) in marks(item, list, name).enumerate() {
            parts.extend(mark.map(|mark| format!("{list} {place} {mark:?}")));
        }
    }
    parts
}

/// This attribute of each map in a list of an item.
fn marks<'i>(
    item: &'i Item,
    list: &str,
    name: &'i str,
) -> impl Iterator<Item = Option<&'i AttributeValue>> {
    let list = match item.get(list) {
        Some(AttributeValue::L(list)) => list.as_slice(),
        _ => &[],
    };
    list.iter().map(move |value| match value {
        AttributeValue::M(map) => map.get(name),
        _ => None,
    })
}
