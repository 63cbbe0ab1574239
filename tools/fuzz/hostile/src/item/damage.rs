//! Damages an item: attributes are removed, changed in type, taken from another state, or made up.

use std::collections::HashMap;

use serde_dynamo::AttributeValue;
use store::Item;

use super::states::REAL;
use crate::data::Data;

type Attributes = HashMap<String, AttributeValue>;

/// Levels of maps and lists in a made-up value. A stored item has three.
const MAX_DEPTH: u8 = 4;
/// The largest number of changes to one item.
const MAX_CHANGES: usize = 8;

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "99",
    "40000",
    "60000",
    "100000",
    "100001",
    "100000.5",
    "1e5",
    "9007199254740992",
    "9007199254740993",
    "4294967295",
    "4294967296",
    "253402275599000",
    "253402275599001",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
    "",
];

const WORDS: &[&str] = &[
    "",
    "reserved",
    "unknown",
    "succeeded",
    "rejected",
    "tiki",
    "reversal",
    "late_payment",
    "declined",
    "expired",
    "not_due",
    "queued",
    "retrying",
    "confirmed",
    "abandoned",
    "reversing",
    "disputed",
    "exhausted",
    "not_found_at_tiki",
    "failed_at_tiki",
    "known_as_paid",
    "too_many_reversals",
    "undecided",
    "paid_amount_differs",
    "second_debit",
    "failed_after_paid",
    "contradicted",
    "look_again",
    "amount_differs",
    "reversal_rejected",
    "R-1",
    "R-2",
    "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed",
    "fec637ab-9f3b-5066-bc02-a539f47b5582",
    "221115TIKIVIP-235784371-1668488254",
    "5a9db0c5-0000-4000-8000-7469746b6976",
];

const NAMES: &[&str] = &[
    "transaction_id",
    "schema",
    "version",
    "write_id",
    "tiki_transaction_id",
    "amount_vnd",
    "expires_in_s",
    "description",
    "expiry_check",
    "payment",
    "failure",
    "late_payment",
    "reversal",
    "not_found_at",
    "raised",
    "since",
    "trail",
    "refunds",
    "refund_id",
    "request_id",
    "origin",
    "reason",
    "ipn",
    "state",
    "due",
    "due_at",
    "attempts",
    "attempt",
    "failures",
    "at",
    "reason",
    "outcome_at",
    "refunded_vnd",
    "remaining_vnd",
    "recorded_at",
    "paid_at",
    "cause",
    "unheard_of",
];

/// An item in a real state, with changes while there is data.
pub(super) fn damaged(data: &mut Data<'_>) -> Item {
    let mut attributes: Attributes = one_real(data).into();
    for _ in 0..MAX_CHANGES {
        if data.is_empty() {
            break;
        }
        change(&mut attributes, data);
    }
    attributes.into()
}

/// A made-up item.
pub(super) fn arbitrary(data: &mut Data<'_>) -> Item {
    let length = data.below(24);
    map(length, MAX_DEPTH, data).into()
}

fn one_real(data: &mut Data<'_>) -> Item {
    REAL.get(data.below(REAL.len()))
        .cloned()
        .unwrap_or_default()
}

fn change(attributes: &mut Attributes, data: &mut Data<'_>) {
    let mut names: Vec<String> = attributes.keys().cloned().collect();
    names.sort();
    let at = data.below(names.len());
    let name = names.get(at).cloned().unwrap_or_default();
    match data.below(8) {
        0 => drop(attributes.remove(&name)),
        1 => {
            let new = data.pick("schema", NAMES).to_owned();
            attributes.insert(new, value(MAX_DEPTH, data));
        }
        // An attribute of another state.
        2 => {
            let name = names.get(data.below(names.len())).cloned().unwrap_or(name);
            match one_real(data).get(&name).cloned() {
                Some(other) => drop(attributes.insert(name, other)),
                None => drop(attributes.remove(&name)),
            }
        }
        // An attribute that this state does not have.
        3 => {
            let other: Attributes = one_real(data).into();
            let missing = other
                .into_iter()
                .filter(|(n, _)| !attributes.contains_key(n));
            let mut missing: Vec<_> = missing.collect();
            missing.sort_by(|(one, _), (other, _)| one.cmp(other));
            attributes.extend(missing.into_iter().nth(data.below(4)));
        }
        _ => {
            if let Some(inner) = attributes.get_mut(&name) {
                change_value(inner, data);
            }
        }
    }
}

fn change_value(old: &mut AttributeValue, data: &mut Data<'_>) {
    match (data.below(8), &mut *old) {
        (0, _) => *old = value(MAX_DEPTH, data),
        (_, AttributeValue::M(inner)) => change(inner, data),
        (1, AttributeValue::L(list)) => {
            let again = list.get(data.below(list.len())).cloned();
            list.extend(again);
        }
        (2, AttributeValue::L(list)) => drop(list.pop()),
        (3, AttributeValue::L(list)) => list.push(value(MAX_DEPTH, data)),
        (_, AttributeValue::L(list)) => {
            let at = data.below(list.len());
            if let Some(one) = list.get_mut(at) {
                change_value(one, data);
            }
        }
        // The same value with another type.
        (1, AttributeValue::N(text)) => *old = AttributeValue::S(text.clone()),
        (1, AttributeValue::S(text)) => *old = AttributeValue::N(text.clone()),
        (_, AttributeValue::N(text)) => data.pick("0", NUMBERS).clone_into(text),
        (_, AttributeValue::S(text)) => data.pick("", WORDS).clone_into(text),
        (_, other) => *other = AttributeValue::Null(true),
    }
}

fn value(depth: u8, data: &mut Data<'_>) -> AttributeValue {
    let deeper = depth.checked_sub(1);
    match (data.below(12), deeper) {
        (0, _) => AttributeValue::N(data.pick("0", NUMBERS).to_owned()),
        (1, _) => AttributeValue::S(data.pick("", WORDS).to_owned()),
        (2, _) => AttributeValue::Null(true),
        (3, _) => AttributeValue::Bool(data.byte() == 0),
        (4, _) => AttributeValue::B(data.array::<4>().to_vec()),
        (5, _) => AttributeValue::Ss(vec![data.text()]),
        (6, _) => AttributeValue::Ns(vec![data.text()]),
        (7, _) => AttributeValue::Bs(vec![Vec::new()]),
        (8, _) => AttributeValue::N(data.text()),
        (9, Some(depth)) => {
            let length = data.below(4);
            AttributeValue::L((0..length).map(|_| value(depth, data)).collect())
        }
        (10, Some(depth)) => {
            let length = data.below(8);
            AttributeValue::M(map(length, depth, data))
        }
        (_, _) => AttributeValue::S(data.text()),
    }
}

fn map(length: usize, depth: u8, data: &mut Data<'_>) -> Attributes {
    let name = |data: &mut Data<'_>| data.pick("schema", NAMES).to_owned();
    (0..length)
        .map(|_| (name(data), value(depth, data)))
        .collect()
}
