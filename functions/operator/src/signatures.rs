//! Verifies a signature as the functions do and names the mistake; signs a message, for the sandbox or by break-glass.
//!
//! Whoever may verify must not get a signature by it, of a message of whatever age: a link to the payment screen is signed
//! by the same rule, and the core takes one that is a day old. So only the beginning of the right one is shown.

use api::{ApiError, Inbound, Reply};
use json_fields::InvalidField;
use operator_api::request::{self, SignatureRequest, SignedText};
use operator_api::signature::{Counterparty, Explanation, SignatureVerdict, SignedMessage};
use operator_api::variants;
use serde_json::Value;
use sha2::{Digest, Sha256};
use signing::{
    GetSigning, HeaderNames, KeyUsed, Keyring, PayloadCandidate, SignatureHeaders, SignatureMatch,
    SignatureRefusal,
};

use crate::caller::Caller;
use crate::counterparties::header_names;
use crate::{Operator, answer, trail};

/// So many of the 64 hex digits of the right signature are shown: enough to compare, and no help to whoever guesses.
const SHOWN_DIGITS: usize = 8;

/// Signs a message with the current secret at the current time. It is counted, and an alarm follows: with it a person can be
/// Tiki or the core.
pub(crate) async fn sign(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    let SignatureRequest::Message { with, text, .. } = request::signature(&request.body)? else {
        return Err(InvalidField::field("event", "is not signed, only verified").into());
    };
    let keys = operator.keys(with).accepted.keys().await?;
    let text = match text {
        SignedText::Body(body) => body,
        SignedText::Get(relative) => {
            let message = operator.get_signing(with);
            message
                .message(operator.base_path(with), &relative)
                .into_bytes()
        }
    };
    let signed = keys.sign(operator.clock.now().unix_ms(), &text);
    metrics::SIGNED_BY_HAND.count(&[]);
    // The same figure that `sha256sum` has of the file: it says later what it was, and nothing of what is in it.
    let sha256 = hex::encode(Sha256::digest(&text));
    let what = (sha256.as_str(), signed.timestamp.as_str());
    trail::signed(caller.name(), request, &format!("{with:?}"), what);
    let names = header_names(with);
    Ok(answer::shown(&SignedMessage {
        headers: vec![
            (names.timestamp.to_owned(), signed.timestamp),
            (names.client_id.to_owned(), signed.client_id),
            (names.signature.to_owned(), signed.signature),
        ],
    }))
}

/// Verifies a signature as the functions do, and names the mistake.
pub(crate) async fn verify(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let received = Received::read(operator, &request.body)?;
    let window = operator.core.window;
    let keys = operator
        .keys(received.counterparty)
        .accepted
        .reload()
        .await?;
    let former = operator.former_client_id(&received);
    let keys = former.map_or(keys.clone(), |former| keys.under(former));
    let now_ms = operator.clock.now().unix_ms();
    // The candidates that the functions try: the query of a GET can have any order.
    let tried = received
        .candidates
        .iter()
        .filter(|(name, _)| name.is_none());
    let tried = tried.map(|(_, text)| text.as_slice());
    let result = keys.verify_any(&received.headers(), tried, now_ms, window);
    let sent_ms = received
        .timestamp
        .as_deref()
        .and_then(|t| t.parse::<i64>().ok());
    let age_ms = sent_ms.map(|sent_ms| now_ms.saturating_sub(sent_ms));
    let refusal = result.as_ref().err().copied();
    let explanation = explanation(operator, &keys, &received, (refusal, age_ms)).await?;
    Ok(answer::shown(&SignatureVerdict {
        accepted: result.is_ok(),
        text: match &result {
            Ok(verified) if verified.key() == KeyUsed::Previous => {
                "accepted, signed with the previous secret".to_owned()
            }
            Ok(_) if former.is_some() => "accepted, signed under a former client id".to_owned(),
            Ok(_) => "accepted".to_owned(),
            Err(refusal) => format!("refused: {refusal}"),
        },
        age_ms,
        explanation,
    }))
}

impl Operator {
    fn get_signing(&self, with: Counterparty) -> GetSigning {
        match with {
            Counterparty::Tiki => self.tiki.get_signing,
            Counterparty::Core => GetSigning::RelativePath,
        }
    }

    fn base_path(&self, with: Counterparty) -> &str {
        match with {
            Counterparty::Tiki => self.tiki.base.path(),
            Counterparty::Core => self.core.base.path(),
        }
    }

    /// The client id of a message of Tiki, if it is a former one that the functions still accept.
    fn former_client_id<'r>(&self, received: &'r Received) -> Option<&'r str> {
        let sent = received.client_id.as_deref()?;
        let is_tikis = received.counterparty == Counterparty::Tiki;
        let mut former = self.tiki.former.iter();
        (is_tikis && former.any(|id| id.as_str() == sent)).then_some(sent)
    }
}

/// A received message with its headers.
struct Received {
    counterparty: Counterparty,
    timestamp: Option<String>,
    client_id: Option<String>,
    signature: Option<String>,
    candidates: Vec<PayloadCandidate>,
}

impl Received {
    fn read(operator: &Operator, body: &[u8]) -> Result<Self, InvalidField> {
        Ok(match request::signature(body)? {
            SignatureRequest::Event(event) => Self::from_event(&event)?,
            SignatureRequest::Message {
                with,
                text,
                timestamp,
                client_id,
                signature,
            } => Self {
                counterparty: with,
                timestamp,
                client_id,
                signature,
                candidates: match text {
                    SignedText::Body(body) => variants::of_body(&body),
                    SignedText::Get(relative) => variants::of_get(
                        operator.get_signing(with),
                        operator.base_path(with),
                        &relative,
                    ),
                },
            },
        })
    }

    /// Reads an event of API Gateway. Its headers show the counterparty.
    fn from_event(event: &[u8]) -> Result<Self, InvalidField> {
        let event: Value = serde_json::from_slice(event)
            .map_err(|_| InvalidField::field("event", "is not JSON"))?;
        let header = |name: &str| {
            let headers = event["headers"].as_object()?;
            let found = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found
                .and_then(|(_, value)| value.as_str())
                .map(str::to_owned)
        };
        let partner = header(HeaderNames::PARTNER.signature).is_some();
        let counterparty = if partner {
            Counterparty::Core
        } else {
            Counterparty::Tiki
        };
        let names = header_names(counterparty);
        let candidates = if event["httpMethod"] == "GET" {
            get_event_candidates(counterparty, &event)
        } else if event["isBase64Encoded"] == true {
            return Err(InvalidField::field(
                "event",
                "has a body in base64; pass the body itself",
            ));
        } else {
            let body = event["body"].as_str().unwrap_or_default();
            variants::of_body(body.as_bytes())
        };
        Ok(Self {
            counterparty,
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
            candidates,
        })
    }

    fn headers(&self) -> SignatureHeaders<'_> {
        SignatureHeaders {
            timestamp: self.timestamp.as_deref(),
            client_id: self.client_id.as_deref(),
            signature: self.signature.as_deref(),
        }
    }
}

/// The candidates that the functions try for a received GET, and then other known variants.
fn get_event_candidates(counterparty: Counterparty, event: &Value) -> Vec<PayloadCandidate> {
    const BASE: &str = "/tikivip/v1";
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let query = event["queryStringParameters"].as_object();
    let query = query.into_iter().flatten();
    let inbound = Inbound {
        path: text(&event["path"]),
        full_path: text(&event["requestContext"]["path"]),
        query: query
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        ..Inbound::default()
    };
    let base = match counterparty {
        Counterparty::Tiki => Some(BASE),
        Counterparty::Core => None,
    };
    let tried = api::payload_candidates(&inbound, base);
    let relative = tried.first().cloned().unwrap_or_default();
    let mut candidates: Vec<PayloadCandidate> =
        tried.into_iter().map(|t| (None, t.into_bytes())).collect();
    candidates.extend(variants::of_get(GetSigning::RelativePath, BASE, &relative).split_off(1));
    candidates
}

async fn explanation(
    operator: &Operator,
    keys: &Keyring,
    received: &Received,
    (refusal, age_ms): (Option<SignatureRefusal>, Option<i64>),
) -> Result<Explanation, ApiError> {
    let (other, name) = match received.counterparty {
        Counterparty::Tiki => (Counterparty::Core, "the core"),
        Counterparty::Core => (Counterparty::Tiki, "Tiki"),
    };
    // The other counterparty's secret is tried only if it can be read.
    let other = operator.keys(other).for_diagnosis.keys().await.ok();
    let others: Vec<(&str, &Keyring)> = other.iter().map(|keys| (name, keys)).collect();
    let known = operator.keys(received.counterparty).for_diagnosis.reload();
    let found = known
        .await?
        .explain(&received.headers(), &received.candidates, &others);
    let text = received.candidates.first();
    let text = text.map_or(&[][..], |(_, text)| text.as_slice());
    let steps = keys.steps(received.timestamp.as_deref().unwrap_or_default(), text);
    Ok(Explanation {
        payload: String::from_utf8_lossy(&steps.payload).into_owned(),
        encoded: steps.encoded,
        expected_begins: steps.signature.chars().take(SHOWN_DIGITS).collect(),
        received_signature: received.signature.clone().unwrap_or_default(),
        causes: causes(keys, received, refusal, &found, age_ms),
    })
}

/// The mistakes that were found; empty for a valid signature.
fn causes(
    keys: &Keyring,
    received: &Received,
    refusal: Option<SignatureRefusal>,
    found: &[SignatureMatch],
    age_ms: Option<i64>,
) -> Vec<String> {
    let mut causes = Vec::new();
    if received
        .client_id
        .as_deref()
        .is_some_and(|id| id != keys.client_id())
    {
        causes.push(format!(
            "the client id differs from ours, which is {}",
            keys.client_id()
        ));
    }
    if refusal == Some(SignatureRefusal::Stale) {
        let seconds = age_ms.unwrap_or_default() / 1000;
        causes.push(match seconds {
            0.. => format!(
                "the timestamp is {seconds} s old: the message is old, or the sender's clock is behind"
            ),
            _ => format!("the timestamp is {} s ahead: a clock is wrong", -seconds),
        });
    }
    match found.first() {
        None if received.signature.is_some() => causes.push(
            "no known mistake gives this signature: probably another secret, or a changed body"
                .to_owned(),
        ),
        None => {}
        Some(best) => {
            let deviation = [&best.secret, &best.text].into_iter().flatten().cloned();
            let rule = best.rule.map(str::to_owned);
            let deviations: Vec<String> = deviation.chain(rule).collect();
            if !deviations.is_empty() {
                causes.push(format!("it was signed with {}", deviations.join("; ")));
            }
        }
    }
    causes
}
