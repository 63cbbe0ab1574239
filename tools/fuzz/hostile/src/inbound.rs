//! Incoming messages of Tiki and the core: correctly signed, but hostile (protocol §5, §8).

mod holds;

use std::fmt::Debug;

use domain::TransactionId;
use json_fields::InvalidField;
use signing::{SignatureHeaders, Verified, Window};

use self::holds::{CHECK, CREATE, Kind, REFUND, REPORT, WEBVIEW};
use crate::Marks;
use crate::data::Data;
use crate::fixtures::{ID, NOW_MS, tiki_keys};
use crate::json::{CANARY, NAMES, Object, PLAN, changed, variants};
use crate::samples::Sample;

/// Changes the body as the data says, signs it, and reads it as every incoming message.
///
/// An accepted message is within its type's bounds, and has the content that a second reader finds. It is read the same
/// twice, and also with an unknown field. It is refused with a field of another message, without a required field, and
/// with a duplicate name. No body is two messages. A refusal names a field or a position in the JSON, and repeats
/// nothing of the body. A look-up by GET is read like the same look-up by POST.
pub fn inbound(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    let neighbour = data.byte();
    let plan: [u8; PLAN] = data.array();
    let body = changed(data.rest(), plan);
    let id = path_id(&body);

    let marks = signed(&body, |verified| {
        let create = read_as(
            &CREATE,
            neighbour,
            verified,
            tiki_api::request::create,
            holds::create,
        );
        let check = read_as(
            &CHECK,
            neighbour,
            verified,
            tiki_api::request::check,
            holds::check,
        );
        let refund = read_as(
            &REFUND,
            neighbour,
            verified,
            |verified| tiki_api::request::refund(verified).map_err(InvalidField::from),
            holds::refund,
        );
        let webview = read_as(
            &WEBVIEW,
            neighbour,
            verified,
            partner_api::request::webview,
            holds::webview,
        );
        let report = |verified: Verified<'_>| partner_api::request::payment_result(verified, id);
        let report = read_as(&REPORT, neighbour, verified, report, |message, body| {
            holds::report(message, body, id);
        });
        [create, check, refund, webview, report]
    });

    let mut marks: Marks = marks.into_iter().flatten().collect();
    assert!(marks.len() <= 1, "one body is {marks:?}");
    if marks.is_empty() {
        marks.push("refused");
    }
    marks.extend(by_get(&String::from_utf8_lossy(&body)));
    marks
}

/// The transaction in the path of a payment result: sometimes the one in its body.
fn path_id(body: &[u8]) -> TransactionId {
    let named = Object::of(body).and_then(|body| body.text("transaction_id")?.parse().ok());
    let ours = ID.parse().unwrap_or(TransactionId::from_bytes([0; 16]));
    named
        .filter(|_| !body.len().is_multiple_of(8))
        .unwrap_or(ours)
}

/// Reads a body as one type of message, and returns its name if it is accepted.
fn read_as<T: Debug + PartialEq>(
    kind: &Kind,
    neighbour: u8,
    verified: Verified<'_>,
    read: impl Fn(Verified<'_>) -> Result<T, InvalidField>,
    holds: impl Fn(&T, &Object),
) -> Option<&'static str> {
    let found = read(verified);
    assert_eq!(found, read(verified), "read twice");
    match found {
        Err(refused) => {
            says_no_more_than_a_field(&refused);
            None
        }
        Ok(message) => {
            let fields = Object::of(verified.body());
            assert!(fields.is_some(), "a {} that is not an object", kind.name);
            let fields = fields?;
            assert!(
                !fields.has_duplicate_name(),
                "a {} with a duplicate name",
                kind.name
            );
            for field in kind.foreign() {
                assert!(!fields.names(field), "a {} with {field}", kind.name);
            }
            holds(&message, &fields);
            neighbours(kind, neighbour, (&message, &fields), &read);
            Some(kind.name)
        }
    }
}

/// Checks messages that differ from an accepted one in one field.
fn neighbours<T: Debug + PartialEq>(
    kind: &Kind,
    neighbour: u8,
    (message, fields): (&T, &Object),
    read: impl Fn(Verified<'_>) -> Result<T, InvalidField>,
) {
    let refused = |body: &[u8], field: &str| match signed(body, &read) {
        Ok(message) => assert_eq!(None, Some(message), "accepted although {field} is wrong"),
        Err(refused) => {
            says_no_more_than_a_field(&refused);
            let text = refused.to_string();
            assert!(text.starts_with(field), "{text} instead of {field}");
        }
    };
    let one_of = |names: Vec<&'static str>| {
        let index = usize::from(neighbour / 3).checked_rem(names.len());
        index.and_then(|index| names.get(index).copied())
    };
    match neighbour % 3 {
        0 => {
            if let Some(field) = one_of(kind.foreign().collect()) {
                refused(&fields.with(field, "null"), field);
            }
        }
        1 => {
            if let Some(field) = one_of(kind.required.to_vec()) {
                refused(&fields.without(field), field);
            }
            if let Some(field) = kind.required.first() {
                refused(&fields.with(field, "null"), "the body");
            }
        }
        _ => {
            let with_more = fields.with("a_field_of_the_next_version", r#"{"x":[1]}"#);
            if !fields.names("a_field_of_the_next_version") {
                assert_eq!(
                    signed(&with_more, &read).as_ref(),
                    Ok(message),
                    "one field more"
                );
            }
        }
    }
}

/// Reads a signed body, as its receiver does.
fn signed<T>(body: &[u8], read: impl FnOnce(Verified<'_>) -> T) -> T {
    let keys = tiki_keys();
    let signed = keys.sign(NOW_MS, body);
    let headers = SignatureHeaders {
        timestamp: Some(&signed.timestamp),
        client_id: Some(&signed.client_id),
        signature: Some(&signed.signature),
    };
    match keys.verify(&headers, body, NOW_MS, Window::default()) {
        Ok(verified) => read(verified),
        Err(no) => unreachable!("our own signature was refused: {no}"),
    }
}

fn says_no_more_than_a_field(refused: &InvalidField) {
    let text = refused.to_string();
    let named = NAMES.iter().filter(|name| !name.is_empty());
    let mut begins = named.map(|name| format!("{name} "));
    assert!(
        text.starts_with("the body is not a JSON object: ")
            || begins.any(|name| text.starts_with(&name)),
        "names no field: {text}"
    );
    assert!(text.len() <= 120, "{} bytes: {text}", text.len());
    assert!(!text.contains(CANARY), "repeats the body: {text}");
}

/// Reads the same bytes as the query of a GET.
fn by_get(text: &str) -> Option<&'static str> {
    if !text.contains('=') {
        return None;
    }
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let mut query: Vec<(&str, &str)> = pairs.collect();
    query.sort_unstable();
    query.dedup_by_key(|(name, _)| *name);

    let json: serde_json::Map<String, serde_json::Value> = query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let json = serde_json::to_vec(&json).unwrap_or_default();
    let by_post = signed(&json, tiki_api::request::check);
    let by_get = signed(text.as_bytes(), |verified| {
        tiki_api::request::check_query(verified, query.iter().copied())
    });
    assert_eq!(by_get, by_post, "by GET and by POST");
    match by_get {
        Ok(_) => Some("check by GET"),
        Err(refused) => {
            says_no_more_than_a_field(&refused);
            None
        }
    }
}

/// Every body and query of the samples; each type of message with all its fields, and with each field at its limits;
/// and outgoing messages.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let seed = |neighbour: u8, text: &[u8]| [&[neighbour][..], &[0; PLAN], text].concat();
    let bodies = samples.iter().filter_map(|s| s.event.body.clone());
    let queries = samples.iter().filter_map(|s| s.event.query_text());
    let others = OTHERS.iter().map(|text| (*text).to_owned());
    let texts = bodies.chain(queries).chain(others);
    let variants = FULL.iter().flat_map(|text| variants(text));
    let full = |text| (0..=3 * holds::MOST_FIELDS).map(move |neighbour| seed(neighbour, text));
    texts
        .map(|text| seed(0, text.as_bytes()))
        .chain(variants.map(|text| seed(1, &text)))
        .chain(FULL.iter().flat_map(|text| full(text.as_bytes())))
        .collect()
}

/// Each type of message with all fields.
const FULL: &[&str] = &[
    r#"{"tiki_transaction_id":"T-1","transaction_amount":"100000.00","request_id":"W-1","identify_code":"K","order_code":"1","description":"","expires_in":300}"#,
    r#"{"tiki_transaction_id":"T-1","transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582"}"#,
    r#"{"tiki_transaction_id":"T-1","transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582","transaction_amount":5,"request_amount":"5.0","request_id":"R","reason":"canary-7f3a"}"#,
    r#"{"identify_code":"KH-0001","identify_phone":912345678,"identify_fullname":"An"}"#,
    r#"{"status":"SUCCESS","amount":100000,"paid_at":"2026-11-23T10:00:00Z","partner_banking_method":"CARD","rail_reference":"FT1","transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582"}"#,
    r#"{"status":"FAILURE","reason":"canary-7f3a","transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582"}"#,
];

/// Other spellings; and an IPN, a refund at the core and an answer, which are only sent, with the same secrets.
const OTHERS: &[&str] = &[
    r#"{"tiki_transaction_id":"T-1","transaction_amount":100000.0,"expires_in":86400,"description":"canary-7f3a"}"#,
    r#"{"tiki_transaction_id":"T-1","transaction_id":"no-id-of-ours"}"#,
    r#"{"transaction_id":"E90C9D328E355CC9AC59B64BE1BBAB26"}"#,
    r#"{"identify_code":"KH-0001","identify_phone":"+84912345678"}"#,
    r#"{"reference_transaction_id":"T-1","transaction_amount":100000,"transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582","status":"SUCCESS"}"#,
    r#"{"refund_id":"9d2f8378-8d6c-5b98-8c46-c1852c4d18ed","transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582","tiki_transaction_id":"T-1","amount":1,"reason":"x"}"#,
    r#"{"code":0,"message":"","data":{"transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582"}}"#,
    "tiki_transaction_id=T-1&transaction_id=fec637ab-9f3b-5066-bc02-a539f47b5582",
    "tiki_transaction_id=T-1&status=SUCCESS",
    "transaction_id=canary-7f3a&tiki_transaction_id=canary-7f3a !",
];

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    const BODY: &str = r#"{"tiki_transaction_id":"T-1","transaction_amount":5,"order_code":"1"}"#;

    #[test]
    fn a_message_that_differs_from_its_body_is_detected() {
        let message = signed(BODY.as_bytes(), tiki_api::request::create).unwrap();
        let is_detected = |body: &str| {
            let fields = Object::of(body.as_bytes()).unwrap();
            catch_unwind(|| holds::create(&message, &fields)).is_err()
        };
        assert!(!is_detected(BODY));
        for (one, other) in [
            ("T-1", "T-2"),
            ("5", "5.5"),
            ("5", "\"6\""),
            ("order_code", "request_id"),
            ("}", r#","expires_in":901}"#),
        ] {
            assert!(is_detected(&BODY.replace(one, other)), "{other}");
        }
    }

    #[test]
    fn a_reader_that_accepts_or_quotes_too_much_is_detected() {
        let everything = |_: Verified<'_>| Ok::<_, InvalidField>(());
        let is_detected = |body: &str| {
            let holds = |(): &(), _: &Object| {};
            let meet = |verified: Verified<'_>| read_as(&CREATE, 1, verified, everything, holds);
            catch_unwind(|| signed(body.as_bytes(), meet)).is_err()
        };
        assert!(is_detected("no object"));
        assert!(is_detected(r#"{"a":1,"a":1}"#), "a duplicate name");
        assert!(is_detected(r#"{"status":1}"#), "a field of another message");
        assert!(is_detected(BODY), "one field less");

        let says = |text: &str| {
            let refused = InvalidField::field("amount", text);
            catch_unwind(|| says_no_more_than_a_field(&refused)).is_ok()
        };
        assert!(says("must be a number"));
        assert!(!says(CANARY));
        assert!(!says(&"x".repeat(200)));
        let unknown = InvalidField::field("unheard_of", "is wrong");
        assert!(catch_unwind(|| says_no_more_than_a_field(&unknown)).is_err());
    }
}
