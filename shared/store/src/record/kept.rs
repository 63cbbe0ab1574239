//! What a newer version has written into an item and this one does not know: it is written back as it was.
//!
//! An item is read, and what this version would write for it is compared with what was there. The difference is
//! what it does not know. Two lists of names are kept by hand: what is derived, and what belongs to some states only.

use std::collections::{BTreeMap, HashMap};

use domain::Kept;
use serde::{Deserialize, Serialize};
use serde_dynamo::{AttributeValue, Item};

use super::proposal::PROPOSAL;

/// Attributes that are never kept: the id of the write, and what each version derives anew from the others. A key of
/// an index that does not follow from the item would be found there for ever.
pub(super) const DERIVED: [&str; 20] = [
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
    "reversal_day_shard",
    "reversed_at",
    "needs_review",
    "needs_review_since",
    "proposed",
    "proposal_expires_at",
    "ipn_due_mark",
    "refund_due_mark",
];

/// Names that this version has in some states of a payment, a notification, a refund or an entry, and leaves out in
/// others. Where one does not belong it is damage: kept, it would mean something again in the next state.
const OF_A_STATE: [&str; 22] = [
    "expiry_check",
    "payment",
    "reversal",
    "failure",
    "late_payment",
    "refunds",
    "raised",
    "not_found_at",
    "at",
    "due_at",
    "attempt",
    "failures",
    "reason",
    "due",
    "outcome_at",
    "rejected_because",
    "refunded_vnd",
    "remaining_vnd",
    "last_at",
    "times",
    "known",
    "known_vnd",
];

/// The schema is that of the version that wrote the item last and knew more.
const SCHEMA: &str = "schema";

/// The name by which an entry of the audit trail is marked that this version cannot read.
pub(super) const UNKNOWN_ENTRY: &str = "unknown";

type Attributes = HashMap<String, AttributeValue>;

/// What is unknown in a map, by name.
type Parts = BTreeMap<String, Part>;

#[derive(Serialize, Deserialize)]
enum Part {
    /// An attribute, as it was.
    Whole(AttributeValue),
    /// What is unknown within a map.
    Map(Parts),
    /// What is unknown within the elements of a list. The lists of an item only grow.
    List(BTreeMap<usize, Part>),
}

/// What is in `found` and not in `ours`, which is what this version makes of it.
pub(super) fn unknown(found: &Item, ours: &Item) -> Result<Kept, String> {
    let mut parts = difference_of_maps(found, ours);
    // Reviews are taken out of their list, so no place in it is kept. A proposal is replaced by the next one: what is
    // unknown within it must not become part of another one.
    parts.retain(|name, part| match (name.as_str(), part) {
        ("raised", _) | (PROPOSAL, Part::Map(_)) => false,
        (name, _) => !DERIVED.contains(&name),
    });
    if let Some(schema) = found
        .get(SCHEMA)
        .filter(|found| ours.get(SCHEMA) != Some(found))
    {
        parts.insert(SCHEMA.to_owned(), Part::Whole(schema.clone()));
    }
    if parts.is_empty() {
        return Ok(Kept::default());
    }
    // Through a value: its maps are sorted, so the same item gives the same text.
    let value = serde_json::to_value(parts).map_err(|e| e.to_string())?;
    Ok(Kept::new(value.to_string()))
}

/// Puts what is kept into an item that is to be written.
pub(super) fn put_back(kept: &Kept, item: &mut Item) -> Result<(), String> {
    if kept.as_str().is_empty() {
        return Ok(());
    }
    let mut parts: Parts = serde_json::from_str(kept.as_str()).map_err(|e| e.to_string())?;
    if let Some(Part::Whole(schema)) = parts.remove(SCHEMA) {
        item.insert(SCHEMA.to_owned(), schema);
    }
    merge_maps(parts, item);
    Ok(())
}

fn difference(found: &AttributeValue, ours: &AttributeValue) -> Option<Part> {
    if let AttributeValue::M(ours) = ours
        && ours.get("what") == Some(&AttributeValue::S(UNKNOWN_ENTRY.to_owned()))
    {
        return Some(Part::Whole(found.clone()));
    }
    match (found, ours) {
        (AttributeValue::M(found), AttributeValue::M(ours)) => {
            let parts = difference_of_maps(found, ours);
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

fn difference_of_maps(found: &Attributes, ours: &Attributes) -> Parts {
    let parts = found.iter().filter_map(|(name, value)| {
        let part = match ours.get(name) {
            None if OF_A_STATE.contains(&name.as_str()) => None,
            None => Some(Part::Whole(value.clone())),
            Some(ours) => difference(value, ours),
        };
        Some((name.clone(), part?))
    });
    parts.collect()
}

fn merge(part: Part, value: &mut AttributeValue) {
    match (part, value) {
        (Part::Whole(whole), value) => *value = whole,
        (Part::Map(parts), AttributeValue::M(map)) => merge_maps(parts, map),
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

fn merge_maps(parts: Parts, map: &mut Attributes) {
    for (name, part) in parts {
        match part {
            // What this version writes itself is not replaced by what was there before.
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
