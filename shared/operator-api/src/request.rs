//! The bodies of the calls that act, or that ask about a signature. `tikivip` writes them and the function reads them;
//! who acts is not in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Day, OperatorReason, Resolution, SeenReview, Timestamp, Verdict};
use json_fields::{Fields, InvalidField};
use serde::Serialize;

use crate::signature::Counterparty;

/// The largest message whose signature is verified, in bytes: in base64 it must fit into a body.
pub const MAX_MESSAGE_BYTES: usize = 40 * 1024;

/// No id of a finding is longer, in bytes (a name of a file has 200 characters at most, a refund of a statement 128). It
/// is a part of a key, which has 1,024 bytes at most.
const MAX_FINDING_ID_BYTES: usize = 900;

/// The body of `…/resend` and `…/forget`.
#[derive(Clone, Debug, Serialize)]
pub struct ReasonBody<'t> {
    pub reason: &'t str,
}

/// The body of `…/resolve`.
#[derive(Clone, Debug, Serialize)]
pub struct ResolveBody<'t> {
    pub verdict: &'static str,
    /// With `returned`: what was given back, in VND.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// The review that the person has seen, and decides on.
    pub review: &'t str,
    pub reason: &'t str,
}

/// The body of `…/approve` and `…/decline`.
#[derive(Clone, Debug, Serialize)]
pub struct ProposalBody<'t> {
    /// The number of the proposal within its transaction.
    pub proposal: u32,
    pub reason: &'t str,
}

/// The body of `/operator/v1/findings/close`.
#[derive(Clone, Debug, Serialize)]
pub struct CloseFindingBody<'t> {
    pub day: String,
    pub id: &'t str,
    /// When the state began that the person has seen, by RFC 3339.
    pub since: &'t str,
    pub reason: &'t str,
}

/// The body of `/operator/v1/signatures/sign` and `…/verify`: exactly one of `body`, `get` and `event`, of which an event
/// is only verified.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignatureBody<'t> {
    /// Whose headers and secret; an event says it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<Counterparty>,
    /// The exact body, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Path and query of a GET after the base URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<&'t str>,
    /// An event of API Gateway, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<&'t str>,
}

impl SignatureBody<'_> {
    /// A body of a message, as this request carries it.
    #[must_use]
    pub fn encoded(body: &[u8]) -> String {
        STANDARD.encode(body)
    }
}

/// What a person wants to have resolved, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveRequest {
    pub resolution: Resolution,
    pub review: SeenReview,
    pub reason: OperatorReason,
}

/// A decision on a proposal, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalRequest {
    pub proposal: u32,
    pub reason: OperatorReason,
}

/// A finding to close, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFindingRequest {
    pub day: Day,
    pub id: String,
    pub since: Timestamp,
    pub reason: OperatorReason,
}

/// A signed text of a message, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedText {
    Body(Vec<u8>),
    /// Path and query of a GET after the base URL.
    Get(String),
}

/// A message with or without its signature, as it was read.
#[derive(Clone, Debug)]
pub enum SignatureRequest {
    Message {
        with: Counterparty,
        text: SignedText,
        timestamp: Option<String>,
        client_id: Option<String>,
        signature: Option<String>,
    },
    /// An event of API Gateway: its headers say who signed it.
    Event(Vec<u8>),
}

/// Reads why a person acts.
pub fn reason(body: &[u8]) -> Result<OperatorReason, InvalidField> {
    reason_of(&Fields::read(body)?)
}

/// A reason says something: the `…` of a printed command, pasted as it is, is none.
fn reason_of(fields: &Fields) -> Result<OperatorReason, InvalidField> {
    let reason: OperatorReason = fields.text("reason")?;
    if reason.as_str().chars().any(char::is_alphanumeric) {
        Ok(reason)
    } else {
        let problem = "must say why: a ticket, or a word";
        Err(InvalidField::field("reason", problem))
    }
}

/// Reads a decision on what is in the review queue.
pub fn resolve(body: &[u8]) -> Result<ResolveRequest, InvalidField> {
    let fields = Fields::read(body)?;
    let word: String = fields.text("verdict")?;
    let unknown = |_| InvalidField::field("verdict", "is none that `tikivip show` lists");
    let verdict: Verdict = word.replace('-', "_").parse().map_err(unknown)?;
    let amount = fields.optional_amount("amount")?;
    let resolution = match (verdict, amount) {
        (Verdict::Returned, Some(amount)) => Resolution::Returned { amount },
        (Verdict::Returned, None) => {
            return Err(InvalidField::field(
                "amount",
                "is required with returned: what was given back, in VND",
            ));
        }
        (_, Some(_)) => return Err(InvalidField::field("amount", "goes only with returned")),
        (Verdict::Confirmed, None) => Resolution::Confirmed,
        (Verdict::Reverse, None) => Resolution::Reverse,
        (Verdict::Handled, None) => Resolution::Handled,
        (Verdict::NotPaid, None) => Resolution::NotPaid,
    };
    Ok(ResolveRequest {
        resolution,
        review: fields.text("review")?,
        reason: reason_of(&fields)?,
    })
}

/// Reads a decision on a proposal.
pub fn proposal(body: &[u8]) -> Result<ProposalRequest, InvalidField> {
    let fields = Fields::read(body)?;
    let number = fields.optional_integer("proposal")?;
    let number = number.and_then(|number| u32::try_from(number).ok());
    Ok(ProposalRequest {
        proposal: number
            .ok_or_else(|| InvalidField::field("proposal", "must be the number of a proposal"))?,
        reason: reason_of(&fields)?,
    })
}

/// Reads which finding is to be closed.
pub fn close_finding(body: &[u8]) -> Result<CloseFindingRequest, InvalidField> {
    let fields = Fields::read(body)?;
    let id: String = fields.text("id")?;
    if id.len() > MAX_FINDING_ID_BYTES {
        let problem = "is longer than any id of a finding";
        return Err(InvalidField::field("id", problem));
    }
    let since: String = fields.text("since")?;
    let since = Timestamp::parse_rfc3339(&since);
    Ok(CloseFindingRequest {
        day: fields.text("day")?,
        id,
        since: since.map_err(|problem| InvalidField::field("since", problem))?,
        reason: reason_of(&fields)?,
    })
}

/// Reads a message to sign or to verify.
pub fn signature(body: &[u8]) -> Result<SignatureRequest, InvalidField> {
    let fields = Fields::read(body)?;
    if let Some(event) = decoded(&fields, "event")? {
        return Ok(SignatureRequest::Event(event));
    }
    let text = match (decoded(&fields, "body")?, fields.optional_text("get")?) {
        (Some(body), None) => SignedText::Body(body),
        (None, Some(get)) => SignedText::Get(get),
        // A body of no bytes is one, too.
        (None, None) if fields.names().any(|name| name == "body") => SignedText::Body(Vec::new()),
        _ => {
            return Err(InvalidField::field(
                "body",
                "or get is required, and not both",
            ));
        }
    };
    Ok(SignatureRequest::Message {
        with: match fields.text::<String>("with")?.as_str() {
            "tiki" => Counterparty::Tiki,
            "core" => Counterparty::Core,
            _ => return Err(InvalidField::field("with", "must be tiki or core")),
        },
        text,
        timestamp: fields.optional_text("timestamp")?,
        client_id: fields.optional_text("client_id")?,
        signature: fields.optional_text("signature")?,
    })
}

fn decoded(fields: &Fields, name: &'static str) -> Result<Option<Vec<u8>>, InvalidField> {
    let text: Option<String> = fields.optional_text(name)?;
    text.map(|text| STANDARD.decode(text))
        .transpose()
        .map_err(|_| InvalidField::field(name, "must be base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(body: &impl Serialize) -> Vec<u8> {
        serde_json::to_vec(body).unwrap()
    }

    #[test]
    fn what_the_command_writes_the_function_reads() {
        let reason = "Tiki, ticket 4711";
        let read: OperatorReason = super::reason(&bytes(&ReasonBody { reason })).unwrap();
        assert_eq!(read.as_str(), reason);
        let body = ProposalBody {
            proposal: 3,
            reason,
        };
        assert_eq!(proposal(&bytes(&body)).unwrap().proposal, 3);
        let body = CloseFindingBody {
            day: "2026-11-22".to_owned(),
            id: "T-1",
            since: "2026-11-23T07:00:12+07:00",
            reason,
        };
        let read = close_finding(&bytes(&body)).unwrap();
        assert_eq!(
            (read.day.to_string().as_str(), read.id.as_str()),
            ("2026-11-22", "T-1")
        );
        assert_eq!(read.since.to_rfc3339(), body.since);
        let unknown = CloseFindingBody {
            since: "yesterday",
            ..body.clone()
        };
        let refused = close_finding(&bytes(&unknown)).unwrap_err().to_string();
        assert!(refused.starts_with("since"), "{refused}");
        let long = "x".repeat(MAX_FINDING_ID_BYTES + 1);
        let too_long = CloseFindingBody {
            id: &long,
            ..body.clone()
        };
        let refused = close_finding(&bytes(&too_long)).unwrap_err().to_string();
        assert!(refused.starts_with("id"), "{refused}");
        let longest = CloseFindingBody {
            id: &long[1..],
            ..body
        };
        assert!(close_finding(&bytes(&longest)).is_ok());
    }

    #[test]
    fn every_verdict_is_read_as_it_is_written() {
        for verdict in Verdict::ALL {
            let amount = (*verdict == Verdict::Returned).then_some(90_000);
            for word in [
                verdict.as_str().to_owned(),
                verdict.as_str().replace('_', "-"),
            ] {
                let body = serde_json::json!({
                    "verdict": word, "amount": amount, "review": "second-debit:2", "reason": "x",
                });
                let read = resolve(&bytes(&body)).unwrap();
                assert_eq!(read.resolution.verdict(), *verdict);
                assert_eq!(read.review.to_string(), "second_debit:2");
            }
        }
        for (body, field) in [
            (r#"{"verdict":"returned","reason":"x"}"#, "amount"),
            (r#"{"verdict":"reverse","amount":1,"reason":"x"}"#, "amount"),
            (r#"{"verdict":"paid","reason":"x"}"#, "verdict"),
            (r#"{"verdict":"reverse","reason":"x"}"#, "review"),
            (
                r#"{"verdict":"reverse","review":"paid","reason":"x"}"#,
                "review",
            ),
            (r#"{"verdict":"reverse","review":"undecided"}"#, "reason"),
            (
                r#"{"verdict":"reverse","review":"undecided","reason":""}"#,
                "reason",
            ),
        ] {
            let refused = resolve(body.as_bytes()).unwrap_err().to_string();
            assert!(refused.starts_with(field), "{body}: {refused}");
        }
    }

    #[test]
    fn a_message_is_a_body_or_a_get() {
        let body = SignatureBody {
            with: Some(Counterparty::Tiki),
            body: Some(SignatureBody::encoded(b"")),
            ..SignatureBody::default()
        };
        let SignatureRequest::Message { with, text, .. } = signature(&bytes(&body)).unwrap() else {
            panic!("an event");
        };
        assert_eq!(
            (with, text),
            (Counterparty::Tiki, SignedText::Body(Vec::new()))
        );
        let event = SignatureBody {
            event: Some(SignatureBody::encoded(b"{}")),
            ..SignatureBody::default()
        };
        let read = signature(&bytes(&event)).unwrap();
        assert!(matches!(read, SignatureRequest::Event(event) if event == b"{}"));
        for (body, field) in [
            (r#"{"with":"tiki"}"#, "body"),
            (r#"{"with":"tiki","body":"e30=","get":"/x"}"#, "body"),
            (r#"{"with":"bank","get":"/x"}"#, "with"),
            (r#"{"get":"/x"}"#, "with"),
            (r#"{"with":"tiki","body":"{}"}"#, "body"),
        ] {
            let refused = signature(body.as_bytes()).unwrap_err().to_string();
            assert!(refused.starts_with(field), "{body}: {refused}");
        }
    }
}
