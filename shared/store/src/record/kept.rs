//! What a newer version has written into an item and this one does not know: it is written back as it was.
//!
//! An item is read, and what this version would write for it is compared with what was there. The difference is
//! what it does not know. So no list of known names is kept by hand, but for what is derived.

use std::collections::BTreeMap;

use domain::Kept;
use serde::{Deserialize, Serialize};
use serde_dynamo::{AttributeValue, Item};

/// Attributes that are never kept: the id of the write, and what each version derives anew from the others. A key of
/// an index that does not follow from the item would be found there for ever.
pub(super) const DERIVED: [&str; 16] = [
    "write_id",
    "status",
    "ipn_shard",
    "ipn_due_at",
    "refund_shard",
    "refund_due_at",
    "expiry_shard",
    "expiry_due_at",
    "day_shard",
    "final_at",
    "refund_day_shard",
    "refund_at",
    "needs_review",
    "needs_review_since",
    "ipn_due_mark",
    "refund_due_mark",
];

/// The schema is that of the version that wrote the item last and knew more.
const SCHEMA: &str = "schema";

/// The name by which an entry of the audit trail is marked that this version cannot read.
pub(super) const UNKNOWN_ENTRY: &str = "unknown";

#[derive(Serialize, Deserialize)]
enum Part {
    /// An attribute, as it was.
    Whole(AttributeValue),
    /// What is unknown within a map.
    Map(BTreeMap<String, Part>),
    /// What is unknown within the elements of a list. The lists of an item only grow.
    List(BTreeMap<usize, Part>),
}

/// What is in `found` and not in `ours`, which is what this version makes of it.
pub(super) fn unknown(found: &Item, ours: &Item) -> Result<Kept, String> {
    let mut parts = BTreeMap::new();
    for (name, value) in found.iter() {
        if DERIVED.contains(&name.as_str()) {
            continue;
        }
        let part = match ours.get(name) {
            None => Some(Part::Whole(value.clone())),
            Some(ours) if name == SCHEMA && ours != value => Some(Part::Whole(value.clone())),
            Some(ours) => difference(value, ours),
        };
        parts.extend(part.map(|part| (name.clone(), part)));
    }
    if parts.is_empty() {
        return Ok(Kept::default());
    }
    // Through a value: its maps are sorted, so the same item gives the same text.
    let value = serde_json::to_value(Part::Map(parts)).map_err(|e| e.to_string())?;
    Ok(Kept::new(value.to_string()))
}

/// Puts what is kept into an item that is to be written.
pub(super) fn put_back(kept: &Kept, item: &mut Item) -> Result<(), String> {
    if kept.as_str().is_empty() {
        return Ok(());
    }
    let part: Part = serde_json::from_str(kept.as_str()).map_err(|e| e.to_string())?;
    if let Part::Map(parts) = part {
        for (name, part) in parts {
            match part {
                Part::Whole(value) if name == SCHEMA => {
                    item.insert(name, value);
                }
                // What this version writes itself is not replaced by what was there before.
                Part::Whole(value) => {
                    item.entry(name).or_insert(value);
                }
                part => {
                    if let Some(value) = item.get_mut(&name) {
                        merge(part, value);
                    }
                }
            }
        }
    }
    Ok(())
}

fn difference(found: &AttributeValue, ours: &AttributeValue) -> Option<Part> {
    if let AttributeValue::M(ours) = ours
        && ours.get("what") == Some(&AttributeValue::S(UNKNOWN_ENTRY.to_owned()))
    {
        return Some(Part::Whole(found.clone()));
    }
    match (found, ours) {
        (AttributeValue::M(found_map), AttributeValue::M(ours)) => {
            let mut parts = BTreeMap::new();
            for (name, value) in found_map {
                let part = match ours.get(name) {
                    None => Some(Part::Whole(value.clone())),
                    Some(ours) => difference(value, ours),
                };
                parts.extend(part.map(|part| (name.clone(), part)));
            }
            (!parts.is_empty()).then_some(Part::Map(parts))
        }
        (AttributeValue::L(found), AttributeValue::L(ours)) => {
            let pairs = found.iter().zip(ours).enumerate();
            let parts =
                pairs.filter_map(|(at, (found, ours))| Some((at, difference(found, ours)?)));
            let parts: BTreeMap<_, _> = parts.collect();
            (!parts.is_empty()).then_some(Part::List(parts))
        }
        _ => None,
    }
}

fn merge(part: Part, value: &mut AttributeValue) {
    match (part, value) {
        (Part::Whole(whole), value) => *value = whole,
        (Part::Map(parts), AttributeValue::M(map)) => {
            for (name, part) in parts {
                match part {
                    Part::Whole(whole) => {
                        map.entry(name).or_insert(whole);
                    }
                    part => {
                        if let Some(value) = map.get_mut(&name) {
                            merge(part, value);
                        }
                    }
                }
            }
        }
        (Part::List(parts), AttributeValue::L(list)) => {
            for (at, part) in parts {
                if let Some(value) = list.get_mut(at) {
                    merge(part, value);
                }
            }
        }
        // The attribute has another form now: this version has changed it, and knows what it means.
        (Part::Map(_) | Part::List(_), _) => {}
    }
}
