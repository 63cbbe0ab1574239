//! Messages whose signature a person asks about, and what may have been signed of them.

use operator_api::variants;
use serde_json::Value;
use signing::{GetSigning, PayloadCandidate, SignatureHeaders};

use crate::Marks;
use crate::data::Data;
use crate::fixtures::{NOW_MS, tiki_keys};
use crate::samples::Sample;

/// Reads the bytes as a body, or as path and query of a GET.
pub(super) fn read(mut data: Data<'_>) -> Marks {
    let (get, chosen) = (data.byte(), data.byte());
    if get == 0 {
        let body = data.rest();
        let candidates = variants::of_body(body);
        assert_eq!(candidates.first(), Some(&(None, body.to_vec())));
        each_is_found(chosen, &candidates);
        return vec![of_json(body, &candidates)];
    }
    let configured = data.pick(GetSigning::RelativePath, &GetSigning::ALL);
    let base = data.text();
    let relative = String::from_utf8_lossy(data.rest());
    let candidates = variants::of_get(configured, &base, &relative);
    let first = configured.message(&base, &relative).into_bytes();
    assert_eq!(candidates.first(), Some(&(None, first)));
    for signing in GetSigning::ALL {
        let text = signing.message(&base, &relative).into_bytes();
        assert!(candidates.iter().any(|(_, found)| *found == text));
    }
    each_is_found(chosen, &candidates);
    vec!["variants of a GET"]
}

/// Only the first text has no name. One of them is signed, and found by its name, or by that of the same text.
fn each_is_found(chosen: u8, candidates: &[PayloadCandidate]) {
    let index = usize::from(chosen).checked_rem(candidates.len());
    let Some((name, text)) = index.and_then(|index| candidates.get(index)) else {
        return;
    };
    let keys = tiki_keys();
    let signed = keys.sign(NOW_MS, text);
    let headers = SignatureHeaders {
        timestamp: Some(&signed.timestamp),
        client_id: Some(&signed.client_id),
        signature: Some(&signed.signature),
    };
    let found = keys.explain(&headers, candidates, &[]);
    let same = |found: &Option<String>| candidates.iter().any(|(n, t)| n == found && t == text);
    assert!(
        found
            .iter()
            .any(|found| found.secret.is_none() && found.rule.is_none() && same(&found.text)),
        "signed with {name:?}, and not found"
    );
}

/// What is only written in another way has the same content.
fn of_json(body: &[u8], candidates: &[PayloadCandidate]) -> &'static str {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return "variants of what is not JSON";
    };
    let same = [
        "compact",
        "spaces after",
        "a space after",
        "non-ASCII escaped",
        "indented",
    ];
    for (name, text) in candidates {
        let way = name
            .as_deref()
            .and_then(|name| name.strip_prefix("a re-serialised body: "));
        let keeps = |way: &str| same.iter().any(|same| way.starts_with(same));
        if way.is_some_and(keeps) {
            assert_eq!(
                serde_json::from_slice::<Value>(text).ok().as_ref(),
                Some(&json),
                "{way:?}"
            );
        }
        assert!(
            text.len() <= 64 + 200 * body.len(),
            "{way:?}: {} bytes",
            text.len()
        );
    }
    "variants of JSON"
}

/// A number was written again with another last digit.
const LONG_NUMBER: &[u8] = include_bytes!("../../regressions/operator-a-long-number");

/// A sample's body, and its query as a GET; each with another text signed.
pub(super) fn seeds(sample: &Sample) -> Vec<Vec<u8>> {
    let body = sample.event.body.as_deref();
    let body = body.unwrap_or(r#"{"b": "đ\u0111 \/ /", "a": [1, {}]}"#);
    let body = |chosen: u8| [&[2, 0, chosen], body.as_bytes()].concat();
    let query = sample.event.query_text().unwrap_or_default();
    let get = |chosen: u8| {
        [
            &[2, 1, chosen, chosen, 2],
            b"/x/pay?".as_slice(),
            query.as_bytes(),
        ]
        .concat()
    };
    let bodies = (0..25).step_by(6).map(body);
    let regressions = [LONG_NUMBER.to_vec()];
    bodies.chain([0, 3].map(get)).chain(regressions).collect()
}
