//! `tikivip sign` and `tikivip verify`: signs and verifies messages by protocol §2.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use api::Inbound;
use lambda::config::{FormerClientIds, get_signing, signature_window, tiki_api};
use serde::Serialize;
use serde_json::Value;
use signing::{
    GetSigning, HeaderNames, KeyUsed, Keyring, PayloadCandidate, SignatureHeaders, SignatureMatch,
    SignatureRefusal,
};

use super::variants;
use crate::cli::{Counterparty, Form, Headers, Message};
use crate::context::CommandContext;
use crate::output::{self, Outcome};

#[derive(Serialize)]
struct SignedMessage {
    headers: Vec<(String, String)>,
}

/// Signs a message with the current secret at the current time.
pub(super) async fn sign(
    context: &CommandContext,
    form: Form,
    message: &Message,
) -> anyhow::Result<Outcome> {
    let keys = context.keys(message.counterparty).await?;
    let candidates = candidates(context, message)?;
    let (_, text) = candidates.first().context("nothing to sign")?;
    let signed = keys.sign(context.clock().now().unix_ms(), text);
    let names = names(message.counterparty);
    let headers = vec![
        (names.timestamp.to_owned(), signed.timestamp),
        (names.client_id.to_owned(), signed.client_id),
        (names.signature.to_owned(), signed.signature),
    ];
    output::print(form, &SignedMessage { headers }, |signed| {
        let lines = signed.headers.iter();
        let lines: Vec<_> = lines.map(|(n, value)| format!("{n}: {value}")).collect();
        lines.join("\n")
    });
    Ok(Outcome::Done)
}

/// The result of a verification.
#[derive(Serialize)]
struct Verdict {
    accepted: bool,
    text: String,
    /// The timestamp's age in milliseconds.
    age_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

#[derive(Serialize)]
struct Explanation {
    payload: String,
    payload_bytes: Vec<String>,
    encoded: String,
    expected_signature: String,
    received_signature: String,
    causes: Vec<String>,
}

/// The client id of a message of Tiki, if it is a former one that the functions still accept.
fn former_client_id<'r>(
    context: &CommandContext,
    received: &'r Received,
) -> anyhow::Result<Option<&'r str>> {
    let former = match received.counterparty {
        Counterparty::Tiki => context.aws().env.load(FormerClientIds::tiki)?,
        Counterparty::Core => FormerClientIds::default(),
    };
    let sent = received.client_id.as_deref();
    Ok(sent.filter(|sent| former.0.iter().any(|id| id.as_str() == *sent)))
}

/// Verifies a signature as the functions do. With `explain` it names the mistake.
pub(super) async fn verify(
    context: &CommandContext,
    form: Form,
    message: &Message,
    headers: &Headers,
    explain: bool,
) -> anyhow::Result<Outcome> {
    let received = Received::read(context, message, headers)?;
    let window = context.aws().env.load(signature_window)?;
    let keys = context.keys(received.counterparty).await?;
    let former = former_client_id(context, &received)?;
    let keys = former.map_or(keys.clone(), |former| keys.under(former));
    let now_ms = context.clock().now().unix_ms();
    let (_, text) = received.candidates.first().context("nothing to verify")?;
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
    let verdict = Verdict {
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
        explanation: if explain {
            let refusal = result.as_ref().err().copied();
            Some(explanation(context, &keys, &received, text, refusal, age_ms).await?)
        } else {
            None
        },
    };
    output::print(form, &verdict, table);
    Ok(if verdict.accepted {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
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
    fn read(
        context: &CommandContext,
        message: &Message,
        headers: &Headers,
    ) -> anyhow::Result<Self> {
        match &headers.event {
            Some(file) => Self::from_event(file),
            None => Ok(Self {
                counterparty: message.counterparty,
                timestamp: headers.timestamp.clone(),
                client_id: headers.client_id.clone(),
                signature: headers.signature.clone(),
                candidates: candidates(context, message)?,
            }),
        }
    }

    /// Reads an event of API Gateway. Its headers show the counterparty.
    fn from_event(file: &Path) -> anyhow::Result<Self> {
        let event: Value = serde_json::from_slice(&read(file)?).context("the event is not JSON")?;
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
        let names = names(counterparty);
        let candidates = if event["httpMethod"] == "GET" {
            get_event_candidates(counterparty, &event)
        } else if event["isBase64Encoded"] == true {
            bail!("the event has a body in base64; pass the body itself with --body");
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
    context: &CommandContext,
    keys: &Keyring,
    received: &Received,
    text: &[u8],
    refusal: Option<SignatureRefusal>,
    age_ms: Option<i64>,
) -> anyhow::Result<Explanation> {
    let (other, name) = match received.counterparty {
        Counterparty::Tiki => (Counterparty::Core, "the core"),
        Counterparty::Core => (Counterparty::Tiki, "Tiki"),
    };
    // The other counterparty's secret is tried only if it can be read.
    let other = context.keys_for_diagnosis(other).await.ok();
    let others: Vec<(&str, &Keyring)> = other.iter().map(|keys| (name, keys)).collect();
    let known = context.keys_for_diagnosis(received.counterparty).await?;
    let found = known.explain(&received.headers(), &received.candidates, &others);
    let steps = keys.steps(received.timestamp.as_deref().unwrap_or_default(), text);
    Ok(Explanation {
        payload: String::from_utf8_lossy(&steps.payload).into_owned(),
        payload_bytes: hex_dump(&steps.payload),
        encoded: steps.encoded,
        expected_signature: steps.signature,
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

fn table(verdict: &Verdict) -> String {
    let age = verdict.age_ms.map(|age_ms| age_ms / 1000);
    let age = age.map_or_else(String::new, |age| {
        format!("\n  the timestamp is {age} s old")
    });
    let summary = format!("  {}{age}", verdict.text);
    let Some(explained) = &verdict.explanation else {
        return summary;
    };
    let causes = if explained.causes.is_empty() {
        "  ✔ the signature is right".to_owned()
    } else {
        let causes = explained.causes.iter();
        let causes: Vec<_> = causes.map(|cause| format!("  ✘ {cause}")).collect();
        causes.join("\n")
    };
    format!(
        "{summary}\n\n  Signed text: timestamp . client id . body\n\n{}\n\n  In base64url without \
         padding\n  {}\n\n  Expected signature  {}\n  Received            {}\n\n{causes}",
        explained.payload_bytes.join("\n"),
        explained.encoded,
        explained.expected_signature,
        explained.received_signature
    )
}

/// Bytes as a hex dump.
fn hex_dump(bytes: &[u8]) -> Vec<String> {
    let line = |(number, chunk): (usize, &[u8])| {
        let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| match byte {
            0x20..=0x7e => char::from(*byte),
            _ => '·',
        };
        let text: String = chunk.iter().map(shown).collect();
        format!("  {:06x}  {:<47}  {text}", number * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

/// The candidates for the signed text of a message. We sign the first one.
fn candidates(
    context: &CommandContext,
    message: &Message,
) -> anyhow::Result<Vec<PayloadCandidate>> {
    match (&message.body, &message.get) {
        (Some(file), None) => Ok(variants::of_body(&read(file)?)),
        (None, Some(path)) => payload_candidates(context, path),
        (None, None) => bail!("pass --body FILE or --get PATH"),
        (Some(_), Some(_)) => bail!("pass either --body or --get, not both"),
    }
}

/// The candidates for a GET to Tiki.
fn payload_candidates(
    context: &CommandContext,
    relative: &str,
) -> anyhow::Result<Vec<PayloadCandidate>> {
    let (configured, api) = context.aws().env.load(|env| {
        let (signing, api) = (get_signing(env), tiki_api(env));
        Ok((signing?, api?))
    })?;
    Ok(variants::of_get(configured, api.path(), relative))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| file.display().to_string())
}

fn names(counterparty: Counterparty) -> HeaderNames {
    match counterparty {
        Counterparty::Tiki => HeaderNames::TIKI,
        Counterparty::Core => HeaderNames::PARTNER,
    }
}
