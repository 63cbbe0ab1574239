//! Bodies at and past the bounds that an API may have, made of a good one: what a document allows, a reader must accept, and
//! the other way round.

use serde_json::{Value, json};

/// Lengths at which our texts end, and one more.
const LENGTHS: [usize; 10] = [1, 64, 65, 128, 129, 255, 256, 257, 1024, 1025];

/// Values that a field may get: of each type, and at each bound.
fn values() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(0),
        json!(-1),
        json!(1),
        json!(1.5),
        json!(100_000.0),
        json!(1e5),
        json!(299),
        json!(300),
        json!(86_400),
        json!(86_401),
        json!(912_345_678),
        json!(99_999_999),
        json!(9_999_999_999_u64),
        json!(10_000_000_000_u64),
        json!(84_912_345_678_u64),
        json!(84_099_999_999_u64),
        json!(849_999_999_999_u64),
        json!(850_000_000_000_u64),
        json!(1_u64 << 53),
        json!((1_u64 << 53) + 1),
    ];
    let texts = [
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
    values.extend(texts.map(Value::from));
    for length in LENGTHS {
        values.push("a".repeat(length).into());
        // Two bytes a character: a bound counts characters.
        values.push("đ".repeat(length).into());
    }
    values
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
