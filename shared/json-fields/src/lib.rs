//! Reads JSON messages field by field, and names the field in every refusal. `tiki-api`, `partner-api` and `core-api`
//! read their messages with it, and `lambda` its secrets. Of our crates it must depend only on `domain`.
//!
//! A derived reader reports "invalid type at line 1 column 52". The engineer who sent the message needs
//! "`transaction_amount` must be a number". Numbers are read from their text, so no amount passes through a float
//! (protocol §8).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use domain::{BadAmount, Timestamp, Vnd};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Why a message is refused. The texts name fields, and contain no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// The body is not a JSON object, or has a name twice.
    #[error("the body is not a JSON object: {0}")]
    NotAnObject(String),
    /// A field is malformed, missing, or belongs to another message.
    #[error("{field} {problem}")]
    Field {
        /// The name of the field in the message.
        field: String,
        /// What is wrong with the field.
        problem: String,
    },
    /// A number is not an accepted amount.
    #[error("{field} {problem}")]
    Amount {
        /// The name of the field in the message.
        field: &'static str,
        /// What is wrong with the field.
        problem: BadAmount,
    },
}

impl InvalidField {
    /// A problem with a field.
    #[must_use]
    pub fn field(field: &str, problem: impl fmt::Display) -> Self {
        Self::Field {
            field: field.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// The fields of a JSON object, not read yet.
#[derive(Debug, Default)]
pub struct Fields(BTreeMap<String, Box<RawValue>>);

impl Fields {
    /// Reads the object. A name that comes twice is refused: two readers could see two different messages.
    pub fn read(body: &[u8]) -> Result<Self, InvalidField> {
        serde_json::from_slice(body).map_err(|error| {
            // The text of serde_json's error can quote the body. Its position cannot.
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Eof => "it ends early",
                serde_json::error::Category::Data => "it has another shape, or a name twice",
                _ => "syntax error",
            };
            InvalidField::NotAnObject(format!("{what} at line {line} column {column}"))
        })
    }

    /// Makes fields from the texts of a query. A name that comes twice is refused, as in a body.
    pub fn of_texts<'t>(
        texts: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, InvalidField> {
        let mut fields = BTreeMap::new();
        for (name, text) in texts {
            let Ok(raw) = serde_json::value::to_raw_value(text) else {
                continue;
            };
            // The name is from outside, and may be any text: it is not quoted.
            if fields.insert(name.to_owned(), raw).is_some() {
                return Err(InvalidField::field("the query", "has a name twice"));
            }
        }
        Ok(Self(fields))
    }

    /// Refuses a message that has a field of another message. The signature covers neither method nor path, so a body
    /// that was captured at one endpoint must not be accepted at another (protocol §2). Fields of no message are
    /// ignored, since the counterparty may add some.
    pub fn reject_foreign_fields(
        &self,
        foreign: &[&str],
        own: &[&str],
    ) -> Result<(), InvalidField> {
        let stray =
            |name: &&String| foreign.contains(&name.as_str()) && !own.contains(&name.as_str());
        match self.0.keys().find(stray) {
            Some(name) => Err(InvalidField::field(name, "does not belong to this message")),
            None => Ok(()),
        }
    }

    /// The names of all fields of the message.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A required text, parsed as its type.
    pub fn text<T>(&self, name: &'static str) -> Result<T, InvalidField>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        required(name, self.optional_text(name)?)
    }

    /// A text that may be missing or null, parsed as its type. A text without a character but blanks is as absent
    /// (protocol §8): a counterparty that has nothing to say may send `""`.
    pub fn optional_text<T>(&self, name: &'static str) -> Result<Option<T>, InvalidField>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let Some(text) = self.string(name)? else {
            return Ok(None);
        };
        let parsed = text.parse();
        parsed
            .map(Some)
            .map_err(|error| InvalidField::field(name, error))
    }

    /// A string that is more than blanks.
    fn string(&self, name: &str) -> Result<Option<String>, InvalidField> {
        let Some(raw) = self.get(name) else {
            return Ok(None);
        };
        let text: String =
            serde_json::from_str(raw).map_err(|_| InvalidField::field(name, "must be a string"))?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// An explanation in the counterparty's words, which may be missing or null. It is cut to the length that we
    /// keep: no result may be refused because its explanation is long.
    pub fn optional_reason<T>(
        &self,
        name: &'static str,
        truncated: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, InvalidField> {
        Ok(self.string(name)?.as_deref().and_then(truncated))
    }

    /// A required amount: a whole number of VND, or a string of digits with at most `.0` or `.00` (protocol §8).
    pub fn amount(&self, name: &'static str) -> Result<Vnd, InvalidField> {
        required(name, self.optional_amount(name)?)
    }

    /// An amount that may be missing or null.
    pub fn optional_amount(&self, name: &'static str) -> Result<Option<Vnd>, InvalidField> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        let read = match &number {
            Number::Json(number) => Vnd::from_json_number(number),
            Number::Text(text) => text.parse(),
        };
        read.map(Some).map_err(|problem| match problem {
            BadAmount::NotANumber => InvalidField::field(name, problem),
            _ => InvalidField::Amount {
                field: name,
                problem,
            },
        })
    }

    /// A whole number that may be missing or null.
    pub fn optional_integer(&self, name: &'static str) -> Result<Option<i64>, InvalidField> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        let read = match &number {
            Number::Json(number) => domain::integer_from_json_number(number),
            Number::Text(text) => {
                let (whole, zeros) = text.split_once('.').unwrap_or((text, "0"));
                whole.parse().ok().filter(|_| matches!(zeros, "0" | "00"))
            }
        };
        read.map(Some)
            .ok_or_else(|| InvalidField::field(name, "must be a whole number"))
    }

    /// A time that may be missing or null, in one of the forms of [`Timestamp::parse_from_core`].
    pub fn optional_time(&self, name: &'static str) -> Result<Option<Timestamp>, InvalidField> {
        self.string(name)?
            .map(|text| Timestamp::parse_from_core(&text))
            .transpose()
            .map_err(|problem| InvalidField::field(name, problem))
    }

    /// A nested object that may be missing or null.
    pub fn optional_object(&self, name: &'static str) -> Result<Option<Self>, InvalidField> {
        let Some(raw) = self.get(name) else {
            return Ok(None);
        };
        let fields = serde_json::from_str(raw);
        fields
            .map(Some)
            .map_err(|_| InvalidField::field(name, "must be an object"))
    }

    /// A number, which may be written as a string.
    fn number(&self, name: &'static str) -> Result<Option<Number>, InvalidField> {
        let Some(raw) = self.get(name) else {
            return Ok(None);
        };
        match raw.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Ok(Some(Number::Json(raw.to_owned()))),
            Some(b'"') => Ok(self.string(name)?.map(Number::Text)),
            _ => Err(InvalidField::field(name, "must be a number")),
        }
    }

    /// The raw text of a field that is present and not null.
    fn get(&self, name: &str) -> Option<&str> {
        let raw = self.0.get(name)?.get();
        (raw != "null").then_some(raw)
    }
}

/// A number as it is written. A point in a text may be one that groups thousands.
enum Number {
    Json(String),
    Text(String),
}

fn required<T>(name: &'static str, value: Option<T>) -> Result<T, InvalidField> {
    value.ok_or_else(|| InvalidField::field(name, "is required"))
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name twice"));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem<T: fmt::Debug>(result: Result<T, InvalidField>) -> String {
        result.unwrap_err().to_string()
    }

    fn fields(json: &str) -> Fields {
        Fields::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_no_object_is_refused_without_a_quotation() {
        for json in [
            "",
            "{",
            "[]",
            "null",
            "7",
            "\"x\"",
            "{\"a\":1}x",
            "{a:1}",
            "{'a':1}",
            "\u{feff}{}",
            "{\"a\":01}",
        ] {
            let problem = problem(Fields::read(json.as_bytes()));
            assert!(
                problem.starts_with("the body is not a JSON object: "),
                "{json}: {problem}"
            );
        }
        assert!(Fields::read(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
        assert!(problem(Fields::read(br#"{"a":1,"a":2}"#)).contains("a name twice"));
        // The same name, spelt differently.
        assert!(Fields::read(br#"{"a":1,"\u0061":2}"#).is_err());
    }

    #[test]
    fn a_query_has_each_name_once() {
        let query = [("a", "1"), ("b", "1")];
        let fields = Fields::of_texts(query).unwrap();
        assert_eq!(fields.text::<String>("b"), Ok("1".to_owned()));
        let twice = Fields::of_texts([("a", "1"), ("b", "2"), ("a", "1")]);
        assert_eq!(problem(twice), "the query has a name twice");
    }

    #[test]
    fn each_refusal_names_the_field() {
        let f = fields(r#"{"n":1,"t":"x","b":true,"o":{},"z":null,"half":0.5,"neg":-1,"s":"12"}"#);
        assert_eq!(problem(f.text::<String>("missing")), "missing is required");
        assert_eq!(problem(f.text::<String>("z")), "z is required");
        assert_eq!(problem(f.text::<String>("n")), "n must be a string");
        assert_eq!(problem(f.amount("t")), "t must be a number");
        assert_eq!(problem(f.amount("b")), "b must be a number");
        assert_eq!(problem(f.amount("o")), "o must be a number");
        assert_eq!(
            problem(f.amount("half")),
            "half must be a whole number of VND"
        );
        assert_eq!(problem(f.amount("neg")), "neg must be more than zero");
        assert_eq!(
            problem(f.optional_integer("half")),
            "half must be a whole number"
        );
        assert_eq!(problem(f.optional_object("n")), "n must be an object");
        assert_eq!(f.amount("s").map(Vnd::get), Ok(12));
        assert_eq!(f.optional_integer("neg"), Ok(Some(-1)));
        assert_eq!(f.optional_amount("z"), Ok(None));
        assert!(f.optional_time("t").is_err());
    }

    #[test]
    fn money_as_a_text_has_no_point_but_before_zeros() {
        for (json, read) in [
            ("100000", Ok(100_000)),
            ("100000.0", Ok(100_000)),
            ("100.000", Ok(100)),
            ("1e5", Ok(100_000)),
            (r#""100000""#, Ok(100_000)),
            (r#""100000.00""#, Ok(100_000)),
            (
                r#""100.000""#,
                Err(
                    "a as a text must be digits, with at most .0 or .00 after them: a point never groups thousands",
                ),
            ),
            (
                r#""1.000.000""#,
                Err(
                    "a as a text must be digits, with at most .0 or .00 after them: a point never groups thousands",
                ),
            ),
            (r#""100,000""#, Err("a must be a number")),
            (r#""1e5""#, Err("a must be a number")),
            (r#"" 100000""#, Err("a must be a number")),
            (r#""100000.5""#, Err("a must be a whole number of VND")),
            (r#""""#, Err("a is required")),
            (r#"" \n""#, Err("a is required")),
        ] {
            let found = fields(&format!(r#"{{"a":{json}}}"#)).amount("a");
            let found = found.map(Vnd::get).map_err(|problem| problem.to_string());
            assert_eq!(found, read.map_err(str::to_owned), "{json}");
        }
        let seconds = |json: &str| fields(&format!(r#"{{"a":{json}}}"#)).optional_integer("a");
        for same in ["900.000", "9e2", "9.00E+2", "90000e-2"] {
            assert_eq!(seconds(same), Ok(Some(900)), "{same}");
        }
        assert_eq!(seconds("-9e2"), Ok(Some(-900)));
        assert_eq!(seconds("-9223372036854775808"), Ok(Some(i64::MIN)));
        for refused in ["9e-1", "900.5", "1e400", "9223372036854775808", r#""9e2""#] {
            assert!(seconds(refused).is_err(), "{refused}");
        }
        assert_eq!(seconds(r#""900.00""#), Ok(Some(900)));
        assert!(seconds(r#""900.000""#).is_err());
        assert_eq!(seconds(r#""""#), Ok(None));
    }

    #[test]
    fn an_empty_text_is_as_absent() {
        for text in [r#""""#, r#""  ""#, r#""\t\r\n""#, r#""\u00a0""#, "null"] {
            let f = fields(&format!(r#"{{"a":{text}}}"#));
            assert_eq!(f.optional_text::<String>("a"), Ok(None), "{text}");
            assert_eq!(f.optional_amount("a"), Ok(None), "{text}");
            assert_eq!(f.optional_integer("a"), Ok(None), "{text}");
            assert_eq!(f.optional_time("a"), Ok(None), "{text}");
            let reason =
                f.optional_reason::<domain::FailureReason>("a", domain::FailureReason::truncated);
            assert_eq!(reason, Ok(None), "{text}");
            assert_eq!(problem(f.text::<String>("a")), "a is required", "{text}");
            assert_eq!(problem(f.amount("a")), "a is required", "{text}");
        }
        let kept = fields(r#"{"a":" x "}"#).optional_text::<String>("a");
        assert_eq!(kept, Ok(Some(" x ".to_owned())), "a text keeps its blanks");
    }

    #[test]
    fn a_foreign_field_is_refused_and_an_unknown_one_ignored() {
        let f = fields(r#"{"mine":1,"new":2}"#);
        assert_eq!(
            f.reject_foreign_fields(&["mine", "yours"], &["mine"]),
            Ok(())
        );
        let f = fields(r#"{"mine":1,"yours":null}"#);
        assert_eq!(
            problem(f.reject_foreign_fields(&["mine", "yours"], &["mine"])),
            "yours does not belong to this message"
        );
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), json in "[{}\\[\\]\",:a0-9.eE+\\\\ u-]{0,60}") {
            for body in [&body[..], json.as_bytes()] {
                if let Ok(fields) = Fields::read(body) {
                    let _ = fields.amount("a");
                    let _ = fields.text::<String>("a");
                    let _ = fields.optional_integer("a");
                    let _ = fields.optional_object("a");
                }
            }
        }
    }
}
