//! What `/operator/v1` reads: bodies, words of queries, messages whose signature is verified, and the names of callers.

mod messages;
mod principals;

use domain::{OperatorReason, Resolution, Timestamp, Verdict};
use json_fields::InvalidField;
use operator_api::request::{
    self, CloseFindingBody, ProposalBody, ReasonBody, ResolveBody, ResolveRequest, SignatureBody,
    SignatureRequest, SignedText,
};
use operator_api::signature::Counterparty;
use operator_api::transaction::ListedState;
use reconciliation::period::Period;
use serde::Serialize;

use crate::Marks;
use crate::data::Data;
use crate::json::{CANARY, Object, PLAN, changed, variants};
use crate::samples::Sample;

/// Every field of these bodies.
const FIELDS: [&str; 13] = [
    "reason",
    "verdict",
    "amount",
    "since",
    "review",
    "proposal",
    "day",
    "id",
    "event",
    "body",
    "get",
    "with",
    "timestamp",
];

/// Reads the bytes as one of the things that come to the function `operator`.
///
/// A body that is accepted has what a second reader finds in it, and is written and read back unchanged; a refusal names a
/// field and repeats nothing. A word of a query leads back to itself. Of a message whose signature is verified, every text
/// that may have been signed is found again when it was signed, and a body that was only written in another way has the same
/// content. A caller whose name is read has a printable name that leads back to the same caller.
pub fn operator(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    match data.below(4) {
        0 => {
            let plan: [u8; PLAN] = data.array();
            bodies(&changed(data.rest(), plan))
        }
        1 => principals::read(data),
        2 => messages::read(data),
        _ => word(&String::from_utf8_lossy(data.rest())),
    }
}

/// Reads a body as each of the requests.
fn bodies(body: &[u8]) -> Marks {
    let read = [
        accepted(body, request::reason, reason),
        accepted(body, request::resolve, resolve),
        accepted(body, request::proposal, |asked, body| {
            assert_eq!(body.whole("proposal"), Some(asked.proposal.into()));
            reason(&asked.reason, body);
            written(&ProposalBody {
                proposal: asked.proposal,
                reason: asked.reason.as_str(),
            })
            .map_or("", |bytes| {
                assert_eq!(request::proposal(&bytes).as_ref(), Ok(asked));
                "a decision on a proposal"
            })
        }),
        accepted(body, request::close_finding, |asked, body| {
            assert_eq!(body.text("day"), Some(asked.day.to_string()));
            assert_eq!(body.text("id").as_ref(), Some(&asked.id));
            let since = body.text("since");
            let since = since.and_then(|text| Timestamp::parse_rfc3339(&text).ok());
            assert_eq!(since, Some(asked.since));
            reason(&asked.reason, body);
            let again = written(&CloseFindingBody {
                day: asked.day.to_string(),
                id: &asked.id,
                since: &body.text("since").unwrap_or_default(),
                reason: asked.reason.as_str(),
            });
            let again = again.map(|bytes| request::close_finding(&bytes));
            assert_eq!(again.as_ref(), Some(&Ok(asked.clone())));
            "a finding to close"
        }),
        accepted(body, request::signature, signature),
    ];
    let mut marks: Marks = read.into_iter().flatten().collect();
    if marks.is_empty() {
        marks.push("a refused body");
    }
    marks
}

/// Reads a body as one request. Gives the mark of what was accepted.
fn accepted<T>(
    body: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, InvalidField>,
    holds: impl FnOnce(&T, &Object) -> &'static str,
) -> Option<&'static str> {
    match read(body) {
        Err(refused) => {
            says_no_more_than_a_field(&refused);
            None
        }
        Ok(message) => {
            let fields = Object::of(body);
            assert!(fields.is_some(), "accepted, and not an object");
            let fields = fields?;
            assert!(!fields.has_duplicate_name(), "a name is there twice");
            Some(holds(&message, &fields))
        }
    }
}

fn says_no_more_than_a_field(refused: &InvalidField) {
    let text = refused.to_string();
    let others = ["client_id", "signature"];
    let mut named = FIELDS.iter().chain(&others);
    assert!(
        text.starts_with("the body is not a JSON object: ")
            || named.any(|name| text.starts_with(&format!("{name} "))),
        "names no field: {text}"
    );
    assert!(text.len() <= 160, "{} bytes: {text}", text.len());
    assert!(!text.contains(CANARY), "repeats the body: {text}");
}

fn written(body: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(body).ok()
}

fn reason(reason: &OperatorReason, body: &Object) -> &'static str {
    let text = reason.as_str();
    assert_eq!(body.text_for_people("reason").as_deref(), Some(text));
    assert!((1..=255).contains(&text.chars().count()) && text.len() <= 510);
    let again = written(&ReasonBody { reason: text }).map(|bytes| request::reason(&bytes));
    // A text that only became blank is printable, and empty for the second reading.
    let is_blank = text.trim().is_empty();
    assert!(is_blank || again.is_some_and(|again| again.as_ref() == Ok(reason)));
    "a reason"
}

fn resolve(asked: &ResolveRequest, body: &Object) -> &'static str {
    let ResolveRequest {
        resolution,
        review,
        reason: why,
    } = asked;
    let resolution = *resolution;
    let named = body.text("review").map(|name| name.replace('-', "_"));
    let (named_as, times) = (review.reason.as_str(), review.contradictions);
    let named = named
        .as_deref()
        .map(|name| name.split_once(':').unwrap_or((name, "0")));
    let named = named.map(|(name, count)| (name, count.trim_start_matches('+').parse()));
    assert_eq!(named, Some((named_as, Ok(times))));
    let verdict = resolution.verdict();
    let word = body.text("verdict").map(|word| word.replace('-', "_"));
    assert_eq!(word.as_deref(), Some(verdict.as_str()));
    let amount = match resolution {
        Resolution::Returned { amount } => Some(amount.get()),
        _ => None,
    };
    assert_eq!(body.whole("amount"), amount.map(i128::from));
    assert_eq!(amount.is_some(), verdict == Verdict::Returned);
    reason(why, body);
    let again = written(&ResolveBody {
        verdict: verdict.as_str(),
        amount,
        review: &review.to_string(),
        reason: why.as_str(),
    });
    let again = again.and_then(|bytes| request::resolve(&bytes).ok());
    assert!(again.is_some_and(|again| (again.resolution, again.review) == (resolution, *review)));
    "a verdict"
}

/// A message with its signature, or an event: exactly one of three.
fn signature(asked: &SignatureRequest, body: &Object) -> &'static str {
    let (again, mark) = match asked {
        SignatureRequest::Event(event) => {
            let event = Some(SignatureBody::encoded(event));
            assert_eq!(body.text("event"), event);
            let again = SignatureBody {
                event,
                ..SignatureBody::default()
            };
            (written(&again), "an event whose signature is asked about")
        }
        SignatureRequest::Message {
            with,
            text,
            timestamp,
            client_id,
            signature,
        } => {
            let word = match with {
                Counterparty::Tiki => "tiki",
                Counterparty::Core => "core",
            };
            assert_eq!(body.text("with").as_deref(), Some(word));
            let (encoded, get) = match text {
                SignedText::Body(bytes) => (Some(SignatureBody::encoded(bytes)), None),
                SignedText::Get(get) => (None, Some(get.as_str())),
            };
            assert_eq!(body.text("get").as_deref(), get);
            assert_eq!(
                body.text("body").unwrap_or_default(),
                encoded.as_deref().unwrap_or_default()
            );
            let again = SignatureBody {
                with: Some(*with),
                body: encoded,
                get,
                timestamp: timestamp.as_deref(),
                client_id: client_id.as_deref(),
                signature: signature.as_deref(),
                ..SignatureBody::default()
            };
            (written(&again), "a message whose signature is asked about")
        }
    };
    let again = again.and_then(|bytes| request::signature(&bytes).ok());
    assert_eq!(format!("{again:?}"), format!("Some({asked:?})"));
    mark
}

/// Reads a word of a query: a state of a list, or a period.
fn word(text: &str) -> Marks {
    let mut marks = Marks::new();
    if let Ok(state) = text.parse::<ListedState>() {
        assert!(ListedState::ALL.contains(&(state, text)), "{state:?}");
        marks.push("a state of a list");
    }
    match text.parse::<Period>() {
        Ok(period) => {
            assert!(period.first() <= period.last(), "{text}");
            assert_eq!(period.to_string().parse(), Ok(period), "{text}");
            marks.push("a period");
        }
        Err(refused) => assert!(!refused.to_string().contains(CANARY)),
    }
    if marks.is_empty() {
        marks.push("no word of a query");
    }
    marks
}

/// Each request with all fields, and at its limits; messages; words; and names of callers.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let body = |text: &[u8]| [&[0][..], &[0; PLAN], text].concat();
    let full = FULL.iter().map(|text| body(text.as_bytes()));
    let changed = FULL.iter().flat_map(|text| variants(text));
    let messages = samples.iter().flat_map(messages::seeds);
    let words = ListedState::ALL.iter().map(|(_, word)| *word);
    let words = words.chain([
        "2026-11-22",
        "2026-11",
        "2026-11-20..2026-11-22",
        "2026-11-22..2026-11-20",
        CANARY,
    ]);
    full.chain(changed.map(|text| body(&text)))
        .chain(messages)
        .chain(words.map(|word| [&[3], word.as_bytes()].concat()))
        .chain(principals::seeds())
        .collect()
}

const FULL: &[&str] = &[
    r#"{"reason":"Tiki, ticket 4711"}"#,
    r#"{"verdict":"returned","amount":90000,"review":"undecided","reason":"canary-7f3a"}"#,
    r#"{"verdict":"not-paid","review":"second-debit:2","reason":"x"}"#,
    r#"{"proposal":3,"reason":"x"}"#,
    r#"{"day":"2026-11-22","id":"core:T-1/R1","since":"2026-11-23T07:00:12+07:00","reason":"x"}"#,
    r#"{"with":"tiki","body":"e30=","timestamp":"1795000000000","client_id":"c","signature":"00"}"#,
    r#"{"with":"core","get":"/payments/1?a=b","signature":"00"}"#,
    r#"{"with":"core","body":""}"#,
    r#"{"event":"e30="}"#,
];

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_request_that_differs_from_its_body_is_detected() {
        let is_detected = |body: &str| {
            let asked = request::resolve(FULL[1].as_bytes()).unwrap();
            let fields = Object::of(body.as_bytes()).unwrap();
            catch_unwind(|| resolve(&asked, &fields)).is_err()
        };
        assert!(!is_detected(FULL[1]));
        for (one, other) in [
            ("returned", "reverse"),
            ("90000", "90001"),
            ("undecided", "second_debit"),
            ("canary", "x"),
        ] {
            assert!(is_detected(&FULL[1].replace(one, other)), "{other}");
        }
    }

    #[test]
    fn a_refusal_that_quotes_is_detected() {
        let says = |field: &str, text: &str| {
            let refused = InvalidField::field(field, text);
            catch_unwind(|| says_no_more_than_a_field(&refused)).is_ok()
        };
        assert!(says("verdict", "is none that `tikivip show` lists"));
        assert!(!says("verdict", CANARY));
        assert!(!says("unheard_of", "is wrong"));
    }
}
