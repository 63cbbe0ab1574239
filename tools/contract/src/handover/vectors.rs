//! The signature, step by step.

use std::fmt::Write as _;

use serde::Deserialize;
use signing::{ClientSecret, Keyring, SigningSteps};

use super::tables::table;
use super::{Environment, HandoverError};
use crate::Lang;

const FILE: &str = "shared/signing/tests/vectors.json";

/// A message with its signature, as the tests of the signature have it.
#[derive(Debug, Deserialize)]
struct Vector {
    name: String,
    timestamp: String,
    client_key: String,
    client_secret: String,
    body: String,
    signature: String,
}

impl Vector {
    fn steps(&self, body: &str) -> SigningSteps {
        let secret = ClientSecret::new(self.client_secret.as_str());
        Keyring::new(self.client_key.as_str(), secret).steps(&self.timestamp, body.as_bytes())
    }
}

fn read() -> Result<Vec<Vector>, HandoverError> {
    let json = include_str!("../../../../shared/signing/tests/vectors.json");
    serde_json::from_str(json).map_err(|error| wrong(error.to_string()))
}

fn wrong(problem: String) -> HandoverError {
    HandoverError::Data {
        file: FILE,
        problem,
    }
}

/// Each vector with its steps.
pub(super) fn vectors(lang: Lang) -> Result<String, HandoverError> {
    let mut out = String::new();
    for (number, vector) in (1..).zip(read()?) {
        let steps = vector.steps(&vector.body);
        if steps.signature != vector.signature {
            return Err(wrong(format!("{}: another signature", vector.name)));
        }
        let title = title(lang, &vector.name)?;
        let payload = String::from_utf8_lossy(&steps.payload);
        let lines = [
            ("timestamp", vector.timestamp.as_str()),
            ("client_id", &vector.client_key),
            ("secret", &vector.client_secret),
            ("body", &vector.body),
            ("payload", &payload),
            ("encoded", &steps.encoded),
            ("signature", &steps.signature),
        ];
        let _ = write!(out, "**{number}. {title}**\n\n```text\n");
        for (name, value) in lines {
            let _ = writeln!(out, "{}", format!("{name:<10} {value}").trim_end());
        }
        out.push_str("```\n\n");
    }
    Ok(out)
}

/// The vectors have English names.
fn title(lang: Lang, name: &str) -> Result<&str, HandoverError> {
    let vi = match name {
        "published by Tiki: POST" => "Tiki công bố: POST",
        "published by Tiki: GET, Tini App rule" => "Tiki công bố: GET theo quy tắc của Tini App",
        "derived: IPN" => "Tính thêm: thông báo kết quả (IPN)",
        "derived: refund with raw UTF-8" => "Tính thêm: yêu cầu hoàn tiền, tiếng Việt dạng UTF-8",
        "derived: look-up by GET" => "Tính thêm: tra cứu giao dịch bằng GET",
        "derived: empty body" => "Tính thêm: nội dung rỗng",
        _ => return Err(wrong(format!("{name}: has no Vietnamese title"))),
    };
    Ok(lang.of(vi, name))
}

/// What the signature of a GET to us may cover, with the keys of the first vector.
pub(super) fn get_payloads(
    lang: Lang,
    environments: &[Environment],
) -> Result<String, HandoverError> {
    let vectors = read()?;
    let vector = vectors
        .first()
        .ok_or_else(|| wrong("is empty".to_owned()))?;
    let query = "tiki_transaction_id=221115TIKIVIP-235784371-1668488254";
    let whole = format!("/tikivip/v1/transactions?{query}");
    let mut texts = vec![format!("/transactions?{query}"), whole.clone()];
    let stacks = environments.iter().filter_map(|e| e.stack.as_ref());
    for stack in stacks {
        let with_stage = format!("{}{whole}", path_of(&stack.api_url));
        if !texts.contains(&with_stage) {
            texts.push(with_stage);
        }
    }
    let rows = texts.into_iter().map(|text| {
        let signature = vector.steps(&text).signature;
        [format!("`{text}`"), format!("`{signature}`")]
    });
    let heading = lang.of(
        ["Chuỗi được ký (thay cho body)", "Chữ ký"],
        ["What is signed in place of the body", "Signature"],
    );
    Ok(table(heading, rows))
}

/// The path of a base URL: `/live`, or nothing.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = rest.find('/').unwrap_or(rest.len());
    rest.get(start..).unwrap_or_default()
}
