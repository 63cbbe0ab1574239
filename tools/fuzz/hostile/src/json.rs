//! A second JSON reader: changes a message as the data says, and finds its content without production's reader.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::data::Data;

/// A value in a wrong place, which no error message may repeat.
pub(crate) const CANARY: &str = "canary-7f3a";

/// The names of all fields in messages with Tiki and the core, and some unknown ones.
pub(crate) const NAMES: &[&str] = &[
    "tiki_transaction_id",
    "transaction_amount",
    "transaction_id",
    "request_id",
    "identify_code",
    "order_code",
    "description",
    "expires_in",
    "reason",
    "request_amount",
    "reference_transaction_id",
    "status",
    "partner_banking_method",
    "identify_phone",
    "identify_fullname",
    "partner_transaction_id",
    "amount",
    "code",
    "message",
    "data",
    "url_open",
    "url_checkout_result",
    "refund_id",
    "paid_at",
    "rail_reference",
    "new_field",
    "Status",
    "",
];

/// Values of every type, at the limits and beyond them.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1",
    "0.5",
    "1e5",
    "100000.00",
    "299",
    "300",
    "300.5",
    "300.0",
    "86400",
    "86401",
    "9007199254740992",
    "9007199254740993",
    "1e999999999999",
    "100000",
    r#""100000""#,
    r#""+5""#,
    r#""100.000""#,
    r#""1.000.000""#,
    r#""100000.00""#,
    r#""1e5""#,
    r#""0.5""#,
    r#""0""#,
    r#""""#,
    r#"" ""#,
    r#""SUCCESS""#,
    r#""FAILURE""#,
    r#""PENDING""#,
    r#""succeeded""#,
    r#""rejected""#,
    r#""pending""#,
    r#""paid""#,
    r#""failed""#,
    r#""not_paid""#,
    r#""fec637ab-9f3b-5066-bc02-a539f47b5582""#,
    r#""never_seen""#,
    r#""e90c9d32-8e35-5cc9-ac59-b64be1bbab26""#,
    r#""E90C9D328E355CC9AC59B64BE1BBAB26""#,
    r#""221115TIKIVIP-235784371-1668488254""#,
    r#""0912345678""#,
    "912345678",
    "912345678.5",
    r#""2026-11-23T10:00:00+07:00""#,
    r#""2026-11-23T10:00:00+0700""#,
    r#""2026-11-23T10:00:00""#,
    r#""1969-12-31T23:59:59Z""#,
    r#""\ud83d\ude00""#,
    r#""\ud800""#,
    r#""canary-7f3a""#,
    r#""canary-7f3a !""#,
    r#"["canary-7f3a"]"#,
    r#"{"canary-7f3a":"canary-7f3a"}"#,
    "canary-7f3a",
    "{}",
    "[]",
    r#"{"transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582"}"#,
];

/// The fields of a JSON object in their order, including duplicates. Each value is its JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Reads an object.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The JSON text of a field that occurs once and is not null.
    fn raw(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(other, _)| other == name);
        let (_, raw) = named.next()?;
        (named.next().is_none() && raw.get() != "null").then(|| raw.get())
    }

    /// Whether the field says something: it is neither null nor a text of blanks.
    pub(crate) fn has(&self, name: &str) -> bool {
        let blank =
            |raw| serde_json::from_str(raw).is_ok_and(|text: String| text.trim().is_empty());
        self.raw(name).is_some_and(|raw| !blank(raw))
    }

    /// Whether the field exists, even with null.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    pub(crate) fn has_duplicate_name(&self) -> bool {
        self.0.iter().enumerate().any(|(i, (name, _))| {
            self.0
                .iter()
                .skip(i.saturating_add(1))
                .any(|(n, _)| n == name)
        })
    }

    /// A text that is more than blanks.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.raw(name)?).ok()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// The same for people: what would act on a terminal or turn the text around it is a blank.
    pub(crate) fn text_for_people(&self, name: &str) -> Option<String> {
        let blank = |c: char| if acts(c) { ' ' } else { c };
        Some(self.text(name)?.chars().map(blank).collect())
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.raw(name)?.as_bytes())
    }

    /// A whole number, written as one, or as a string of digits with at most `.0` or `.00`.
    pub(crate) fn whole(&self, name: &str) -> Option<i128> {
        match self.text(name) {
            Some(text) if text.contains(['e', 'E']) => None,
            Some(text) => match text.find('.') {
                Some(point) if !matches!(text.get(point..), Some(".0" | ".00")) => None,
                _ => whole(&text),
            },
            None => whole(self.raw(name)?),
        }
    }

    /// The object without a field.
    pub(crate) fn without(&self, name: &str) -> Vec<u8> {
        let others = self.0.iter().filter(|(other, _)| other != name);
        text(others.map(|(name, raw)| (name.as_str(), raw.get())))
    }

    /// The object with one more field at its end.
    pub(crate) fn with(&self, name: &str, value: &str) -> Vec<u8> {
        let fields = self.0.iter().map(|(name, raw)| (name.as_str(), raw.get()));
        text(fields.chain([(name, value)]))
    }
}

/// The value of a number's text if it is whole, found by moving the decimal point.
fn whole(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (text, 0_i64),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (true, mantissa),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{after}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i64::try_from(before.len()).ok()?.saturating_add(exponent);
    let point = usize::try_from(point.max(0)).ok()?;
    let significant = digits.trim_end_matches('0');
    if significant.len() > point {
        return None;
    }
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = point.checked_sub(digits.trim_end_matches('0').len())?;
    let scale = 10_i128.checked_pow(u32::try_from(zeros).ok()?)?;
    let size = significant.parse::<i128>().ok()?.checked_mul(scale)?;
    Some(if negative {
        size.saturating_neg()
    } else {
        size
    })
}

/// Variants of a message: one field removed, duplicated, changed or added.
pub(crate) fn variants(message: &str) -> Vec<Vec<u8>> {
    let Some(object) = Object::of(message.as_bytes()) else {
        return Vec::new();
    };
    // The lengths of ids, labels and reasons, and one more, in letters of one byte and of two bytes.
    let lengths = [64, 65, 128, 129, 255, 256].into_iter();
    let texts = lengths.flat_map(|length| ["a", "đ"].map(|a| format!(r#""{}""#, a.repeat(length))));
    let values: Vec<String> = VALUES
        .iter()
        .map(|value| (*value).into())
        .chain(texts)
        .collect();
    let one_field = object.0.iter().flat_map(|(name, _)| {
        let without = object.without(name);
        let rest = Object::of(&without);
        let other = |value: &String| Some(rest.as_ref()?.with(name, value));
        let mut variants: Vec<_> = values.iter().filter_map(other).collect();
        variants.extend([object.with(name, "null"), without]);
        variants
    });
    let one_more = NAMES.iter().map(|name| object.with(name, "null"));
    one_field.chain(one_more).collect()
}

/// The number of bytes in a plan for [`changed`]. It is fixed, so that the message begins at a fixed position.
pub(crate) const PLAN: usize = 13;

/// Changes at most three fields of a JSON object or of an object in it: removes, duplicates, renames, changes or adds a
/// field. Other values stay the same.
pub(crate) fn changed(body: &[u8], plan: [u8; PLAN]) -> Vec<u8> {
    let mut data = Data::new(&plan);
    let Some(Object(fields)) = Object::of(body) else {
        return body.to_vec();
    };
    let times = data.below(4);
    if times == 0 {
        return body.to_vec();
    }
    let mut fields: Vec<(String, String)> = fields
        .into_iter()
        .map(|(name, raw)| (name, raw.get().to_owned()))
        .collect();
    for _ in 0..times {
        change(&mut fields, &mut data);
    }
    text(
        fields
            .iter()
            .map(|(name, raw)| (name.as_str(), raw.as_str())),
    )
}

fn change(fields: &mut Vec<(String, String)>, data: &mut Data<'_>) {
    let kind = data.below(7);
    let at = data.below(fields.len());
    let name = data.pick("status", NAMES);
    let value = data.pick("null", VALUES);
    let new = (name.to_owned(), value.to_owned());
    match (kind, fields.get_mut(at)) {
        (0, Some(_)) => drop(fields.remove(at)),
        (1, Some((name, _))) => {
            let twice = (name.clone(), value.to_owned());
            fields.push(twice);
        }
        (2, Some((_, old))) => value.clone_into(old),
        (3, Some((old, _))) => name.clone_into(old),
        (4, Some((_, old))) => *old = swapped(old),
        // An object in the object.
        (5, Some((_, inner))) => {
            if let Some(object) = Object::of(inner.as_bytes()) {
                let changed = object.with(name, value);
                *inner = String::from_utf8_lossy(&changed).into_owned();
            }
        }
        (_, _) => fields.push(new),
    }
}

/// Swaps upper and lower case.
fn swapped(text: &str) -> String {
    let swap = |c: char| match c {
        c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
        c => c.to_ascii_lowercase(),
    };
    // An escape in the other case is not valid.
    if text.contains('\\') || !text.starts_with('"') {
        return text.to_owned();
    }
    text.chars().map(swap).collect()
}

fn text<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> Vec<u8> {
    let name = |name| serde_json::to_string(name).unwrap_or_default();
    let fields: Vec<_> = fields
        .map(|(field, raw)| format!("{}:{raw}", name(field)))
        .collect();
    format!("{{{}}}", fields.join(",")).into_bytes()
}

/// Control characters, Unicode's line ends, and its marks for the direction of text.
pub(crate) fn acts(c: char) -> bool {
    matches!(
        u32::from(c),
        0..=0x1f | 0x7f..=0x9f | 0x61c | 0x200e | 0x200f | 0x2028..=0x202e | 0x2066..=0x2069
    )
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_found_wherever_its_point_is() {
        for (text, number) in [
            ("100000", Some(100_000)),
            ("100000.000", Some(100_000)),
            ("0.1e6", Some(100_000)),
            ("1000000e-1", Some(100_000)),
            ("1E+5", Some(100_000)),
            ("-1", Some(-1)),
            ("+0", Some(0)),
            ("0e-99", Some(0)),
            ("0.00e1", Some(0)),
            ("100000.00000000001", None),
            ("0.5", None),
            ("1e-1", None),
            ("1e99999999999999999999", None),
            ("1e999", None),
            ("", None),
            ("x", None),
            ("0x10", None),
        ] {
            assert_eq!(whole(text), number, "{text}");
        }
    }

    #[test]
    fn only_a_plan_of_zeros_changes_nothing() {
        let body = br#"{"status":"paid","data":{"amount":1}}"#;
        assert_eq!(changed(body, [0; PLAN]), body);
        let plan = |kind, at, name, value| {
            let mut plan = [0; PLAN];
            for (to, from) in plan.iter_mut().zip([1, kind, at, name, value]) {
                *to = from;
            }
            String::from_utf8(changed(body, plan)).unwrap()
        };
        assert_eq!(plan(0, 0, 0, 0), r#"{"data":{"amount":1}}"#);
        assert_eq!(
            plan(1, 0, 0, 2),
            r#"{"status":"paid","data":{"amount":1},"status":true}"#
        );
        assert_eq!(plan(2, 0, 0, 1), r#"{"status":null,"data":{"amount":1}}"#);
        assert_eq!(
            plan(3, 0, 1, 0),
            r#"{"tiki_transaction_id":"paid","data":{"amount":1}}"#
        );
        assert_eq!(plan(4, 0, 0, 0), r#"{"status":"PAID","data":{"amount":1}}"#);
        assert_eq!(
            plan(5, 1, 0, 0),
            r#"{"status":"paid","data":{"amount":1,"status":null}}"#
        );
        assert_eq!(
            plan(6, 0, 1, 1),
            r#"{"status":"paid","data":{"amount":1},"tiki_transaction_id":null}"#
        );
        assert_eq!(changed(b"no object", [1; PLAN]), b"no object");
    }
}
