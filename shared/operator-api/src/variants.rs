//! Variants of a body that a proxy may have rewritten, and of the signed text of a GET.

use std::fmt::Write;

use serde_json::Value;
use signing::{GetSigning, PayloadCandidate};

/// The received body, and what it may have been before a proxy rewrote it.
#[must_use]
pub fn of_body(body: &[u8]) -> Vec<PayloadCandidate> {
    let mut candidates: Vec<PayloadCandidate> = vec![(None, body.to_vec())];
    let mut add = |name: &str, bytes: Vec<u8>| candidates.push((Some(name.to_owned()), bytes));
    add("an empty body", Vec::new());
    add("{} instead of the body", b"{}".to_vec());
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        add("the body without its byte order mark", rest.to_vec());
    }
    add(
        "the body without white space at its ends",
        body.trim_ascii().to_vec(),
    );
    add(
        "the body with a line break at its end",
        [body, b"\n"].concat(),
    );
    let Ok(text) = std::str::from_utf8(body) else {
        return candidates;
    };
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return candidates;
    };
    let compact = spaced(text, "", "");
    let mut add = |name: &str, text: String| {
        candidates.push((
            Some(format!("a re-serialised body: {name}")),
            text.into_bytes(),
        ));
    };
    for (order, text) in [("", compact.clone()), (", keys sorted", sorted(&json))] {
        add(&format!("compact{order}"), text.clone());
        add(
            &format!("spaces after : and ,{order}"),
            spaced(&text, ", ", ": "),
        );
        add(&format!("a space after :{order}"), spaced(&text, ",", ": "));
        add(&format!("non-ASCII escaped{order}"), escaped(&text));
        add(
            &format!("spaces after : and ,{order}, non-ASCII escaped"),
            escaped(&spaced(&text, ", ", ": ")),
        );
        add(&format!("slashes escaped{order}"), text.replace('/', "\\/"));
        add(
            &format!("slashes unescaped{order}"),
            text.replace("\\/", "/"),
        );
        add(&format!("non-ASCII unescaped{order}"), unescaped(&text));
    }
    if let Ok(pretty) = serde_json::to_string_pretty(&json) {
        add("indented, keys sorted", pretty);
    }
    candidates
}

/// The four candidates of a GET (protocol §2), the configured one first, and other known variants.
#[must_use]
pub fn of_get(configured: GetSigning, base_path: &str, relative: &str) -> Vec<PayloadCandidate> {
    let text = |signing: GetSigning| signing.message(base_path, relative).into_bytes();
    let mut candidates: Vec<PayloadCandidate> = vec![(None, text(configured))];
    for signing in GetSigning::ALL {
        if signing != configured {
            let name = format!("TIKI_GET_SIGNING={}", signing.as_str());
            candidates.push((Some(name), text(signing)));
        }
    }
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    let sorted = format!("{path}?{}", pairs.join("&"));
    candidates.push((Some("only the path".to_owned()), path.as_bytes().to_vec()));
    candidates.push((Some("only the query".to_owned()), query.as_bytes().to_vec()));
    candidates.push((Some("the query sorted".to_owned()), sorted.into_bytes()));
    candidates
}

/// Replaces the white space between JSON tokens, and nothing else.
fn spaced(json: &str, comma: &str, colon: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut within, mut escape) = (false, false);
    for c in json.chars() {
        if within {
            out.push(c);
            within = escape || c != '"';
            escape = !escape && c == '\\';
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            ',' => out.push_str(if comma.is_empty() { "," } else { comma }),
            ':' => out.push_str(if colon.is_empty() { ":" } else { colon }),
            _ => {
                within = c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// Compact JSON with sorted keys.
fn sorted(json: &Value) -> String {
    match json {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), sorted(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(sorted).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}

/// Escapes every non-ASCII character as `\uXXXX`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// Replaces every `\uXXXX` with its character. Other text stays.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut units = Vec::new();
    let mut rest = text;
    loop {
        let unit = rest
            .strip_prefix("\\u")
            .and_then(|digits| u16::from_str_radix(digits.get(..4)?, 16).ok());
        if let Some(unit) = unit {
            units.push(unit);
            rest = rest.get(6..).unwrap_or_default();
            continue;
        }
        out.push_str(&String::from_utf16_lossy(&units));
        units.clear();
        let Some(c) = rest.chars().next() else {
            return out;
        };
        out.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"b":"Hủy đơn \"1\" / 2, a: b","a":[1,{"d":2,"c":3}]}"#;

    fn finds(received: &str) -> bool {
        of_body(received.as_bytes())
            .iter()
            .any(|(_, bytes)| bytes == SENT.as_bytes())
    }

    #[test]
    fn a_body_that_a_proxy_rewrote_is_found() {
        let json: Value = serde_json::from_str(SENT).unwrap();
        assert!(finds(SENT));
        assert!(finds(&spaced(SENT, ", ", ": ")));
        assert!(finds(&format!("\u{feff}{SENT}")));
        assert!(finds(&format!("{SENT}\r\n")));
        assert!(finds(&escaped(SENT)));
        assert!(finds(&SENT.replace('/', "\\/")));
        // A lost key order cannot be restored, but the sender may have sorted the keys.
        let sorted = sorted(&json);
        let found = of_body(SENT.as_bytes());
        assert!(found.iter().any(|(_, bytes)| bytes == sorted.as_bytes()));
        assert_ne!(sorted, SENT);
    }

    #[test]
    fn white_space_within_strings_stays() {
        let json = r#"{ "a b" : "c\" , d" , "e" : [ 1 , 2 ] }"#;
        assert_eq!(spaced(json, "", ""), r#"{"a b":"c\" , d","e":[1,2]}"#);
        assert_eq!(
            spaced(json, ", ", ": "),
            r#"{"a b": "c\" , d", "e": [1, 2]}"#
        );
    }

    #[test]
    fn escaping_can_be_reversed() {
        for text in ["đơn 😀", "a", "", "\\u12"] {
            assert_eq!(unescaped(&escaped(text)), text);
        }
        assert_eq!(escaped("đ"), "\\u0111");
    }

    #[test]
    fn every_way_of_signing_a_get_is_tried() {
        let candidates = of_get(GetSigning::RelativePath, "/miniapp", "/transaction?b=1&a=2");
        let texts: Vec<&[u8]> = candidates.iter().map(|(_, text)| text.as_slice()).collect();
        for text in [
            "/transaction?b=1&a=2",
            "/miniapp/transaction?b=1&a=2",
            "",
            "{}",
            "/transaction?a=2&b=1",
        ] {
            assert!(texts.contains(&text.as_bytes()), "{text}");
        }
    }
}
