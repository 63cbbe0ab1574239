//! `tikivip sign` and `tikivip verify`: messages by protocol §2.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use operator_api::request::{MAX_MESSAGE_BYTES, SignatureBody};
use operator_api::signature::{Explanation, SignatureVerdict, SignedMessage};

use crate::cli::{Form, Headers, Message};
use crate::client::Client;
use crate::output::{self, Outcome};

/// Has the function sign a message with the current secret at the current time.
pub(super) async fn sign(
    client: &Client,
    form: Form,
    message: &Message,
) -> anyhow::Result<Outcome> {
    let signed: SignedMessage = client.post("signatures/sign", &asked(message)?).await?;
    output::print(form, &signed, |signed| {
        let lines = signed.headers.iter();
        let lines: Vec<_> = lines.map(|(n, value)| format!("{n}: {value}")).collect();
        lines.join("\n")
    });
    Ok(Outcome::Done)
}

/// Has the function verify a signature. With `explain` the mistake is named.
pub(super) async fn verify(
    client: &Client,
    form: Form,
    message: &Message,
    headers: &Headers,
    explain: bool,
) -> anyhow::Result<Outcome> {
    let body = match &headers.event {
        Some(file) => SignatureBody {
            event: Some(SignatureBody::encoded(&read(file)?)),
            ..SignatureBody::default()
        },
        None => SignatureBody {
            timestamp: headers.timestamp.as_deref(),
            client_id: headers.client_id.as_deref(),
            signature: headers.signature.as_deref(),
            ..asked(message)?
        },
    };
    let verdict: SignatureVerdict = client.post("signatures/verify", &body).await?;
    output::print(form, &verdict, |verdict| table(verdict, explain));
    Ok(if verdict.accepted {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// The message as the function takes it.
fn asked(message: &Message) -> anyhow::Result<SignatureBody<'_>> {
    let (body, get) = match (&message.body, &message.get) {
        (Some(file), None) => (Some(SignatureBody::encoded(&read(file)?)), None),
        (None, Some(path)) => (None, Some(path.as_str())),
        (None, None) => bail!("pass --body FILE or --get PATH"),
        (Some(_), Some(_)) => bail!("pass either --body or --get, not both"),
    };
    Ok(SignatureBody {
        with: Some(message.counterparty.on_the_wire()),
        body,
        get,
        ..SignatureBody::default()
    })
}

fn table(verdict: &SignatureVerdict, explain: bool) -> String {
    let age = verdict.age_ms.map(|age_ms| age_ms / 1000);
    let age = age.map_or_else(String::new, |age| {
        format!("\n  the timestamp is {age} s old")
    });
    let summary = format!("  {}{age}", verdict.text);
    if explain {
        format!("{summary}\n\n{}", explained(&verdict.explanation))
    } else {
        summary
    }
}

fn explained(explained: &Explanation) -> String {
    let causes = if explained.causes.is_empty() {
        "  ✔ the signature is right".to_owned()
    } else {
        let causes = explained.causes.iter();
        let causes: Vec<_> = causes.map(|cause| format!("  ✘ {cause}")).collect();
        causes.join("\n")
    };
    format!(
        "  Signed text: timestamp . client id . body\n\n{}\n\n  In base64url without \
         padding\n  {}\n\n  Expected  {}…\n  Received  {}\n\n{causes}",
        hex_dump(
            &URL_SAFE_NO_PAD
                .decode(&explained.encoded)
                .unwrap_or_default()
        )
        .join("\n"),
        explained.encoded,
        explained.expected_begins,
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

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        bytes
    } else {
        std::fs::read(file).with_context(|| file.display().to_string())?
    };
    if bytes.len() > MAX_MESSAGE_BYTES {
        bail!(
            "{} is larger than {MAX_MESSAGE_BYTES} bytes",
            file.display()
        );
    }
    Ok(bytes)
}
