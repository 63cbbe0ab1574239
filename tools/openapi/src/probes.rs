//! Bodies at and past the bounds that an API may have, made of a good one: what a document allows, a reader must accept, and
//! the other way round.

use serde_json::Value;

/// Lengths at which our texts end, and one more.
const LENGTHS: [usize; 10] = [1, 64, 65, 128, 129, 255, 256, 257, 1024, 1025];

/// Numbers around the bounds of seconds, phone numbers and money, and what is no number, as JSON.
const OTHERS: [&str; 24] = [
    "null",
    "true",
    "[]",
    "{}",
    "0",
    "-1",
    "1",
    "1.5",
    "100000.0",
    "1e5",
    "299",
    "300",
    "86400",
    "86401",
    "912345678",
    "99999999",
    "9999999999",
    "10000000000",
    "84912345678",
    "84099999999",
    "849999999999",
    "850000000000",
    "9007199254740992",
    "9007199254740993",
];

/// Texts of every kind that our messages have, and their misspellings.
const TEXTS: [&str; 58] = [
    "",
    " ",
    "\t\n",
    "0",
    "-1",
    "1",
    "0100000",
    "100000",
    "100000.0",
    "100000.00",
    "100000.000",
    "100.000",
    "1.5",
    "1e5",
    " 5",
    "299",
    "300",
    "0300",
    "86400",
    "86400.0",
    "86401",
    "0912345678",
    "912345678",
    "+84912345678",
    "84912345678",
    "00912345678",
    "12345",
    "0912 345 678",
    "a b",
    "a/b",
    "A.b_c-9",
    "đ",
    "x\n",
    "x\u{1b}[2J",
    "x\u{7f}",
    "x\u{85}y",
    "\u{202e}x",
    "x\u{2028}y",
    "SUCCESS",
    "FAILURE",
    "PENDING",
    "succeeded",
    "rejected",
    "paid",
    "not_paid",
    "failed",
    "never_seen",
    "not_there",
    "payment",
    "refund",
    "a48f46ff-cd8d-5da2-ba2a-72142ee252d0",
    "A48F46FF-CD8D-5DA2-BA2A-72142EE252D0",
    "a48f46ff",
    "2026-11-27T10:00:00+07:00",
    "2026-11-27T10:00:00Z",
    "2026-11-27T10:00:00",
    "2026-11-27",
    "27/11/2026",
];

/// Values that a field may get: of each type, and at each bound.
fn values() -> Vec<Value> {
    let others = OTHERS
        .iter()
        .filter_map(|json| serde_json::from_str(json).ok());
    let texts = TEXTS.iter().copied().map(Value::from);
    // Two bytes a character: a bound counts characters.
    let long = LENGTHS
        .iter()
        .flat_map(|length| ["a".repeat(*length), "đ".repeat(*length)]);
    others.chain(texts).chain(long.map(Value::from)).collect()
}

/// The good body without one of its fields, and with one field changed to each of many values: one of its own, or one of
/// `names`.
#[must_use]
pub fn variants(good: &Value, names: &[&str]) -> Vec<Value> {
    let Some(fields) = good.as_object() else {
        return Vec::new();
    };
    let mut all = vec![good.clone()];
    for name in fields.keys() {
        let mut without = fields.clone();
        without.remove(name);
        all.push(without.into());
    }
    let values = values();
    let names = fields
        .keys()
        .map(String::as_str)
        .chain(names.iter().copied());
    for name in names {
        for value in &values {
            let mut changed = fields.clone();
            changed.insert(name.to_owned(), value.clone());
            all.push(changed.into());
        }
    }
    all
}
