//! Variants of a body that a proxy may have rewritten, and of the signed text of a GET.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use serde_json::value::RawValue;
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
    if serde_json::from_str::<Value>(text).is_err() {
        return candidates;
    }
    let compact = spaced(text, "", "");
    let mut add = |name: &str, text: String| {
        candidates.push((
            Some(format!("a re-serialised body: {name}")),
            text.into_bytes(),
        ));
    };
    let Some(sorted) = sorted(text) else {
        return candidates;
    };
    for (order, text) in [("", compact), (", keys sorted", sorted.clone())] {
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
    add("indented, keys sorted", indented(&sorted));
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

/// Compact JSON with sorted keys. A number stays as it is written, whatever its precision.
fn sorted(json: &str) -> Option<String> {
    let json = json.trim_ascii();
    if json.starts_with('{') {
        let entries: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
        let entries = entries.into_iter().map(|(key, value)| {
            let value = sorted(value.get())?;
            Some(format!("{}:{value}", Value::from(key)))
        });
        Some(format!(
            "{{{}}}",
            entries.collect::<Option<Vec<_>>>()?.join(",")
        ))
    } else if json.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        let items = items.into_iter().map(|item| sorted(item.get()));
        Some(format!(
            "[{}]",
            items.collect::<Option<Vec<_>>>()?.join(",")
        ))
    } else if json.starts_with('"') {
        Some(serde_json::from_str::<Value>(json).ok()?.to_string())
    } else {
        Some(json.to_owned())
    }
}

/// Compact JSON with a line for each entry, and two spaces for each level.
fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len());
    let (mut within, mut escape, mut level) = (false, false, 0_usize);
    let mut chars = compact.chars().peekable();
    while let Some(c) = chars.next() {
        let empty = matches!((c, chars.peek()), ('{', Some('}')) | ('[', Some(']')));
        let break_line = |out: &mut String, level: usize| {
            out.push('\n');
            out.push_str(&"  ".repeat(level));
        };
        match c {
            _ if within => {
                out.push(c);
                within = escape || c != '"';
                escape = !escape && c == '\\';
            }
            '{' | '[' if empty => {
                out.push(c);
                out.extend(chars.next());
            }
            '{' | '[' => {
                level += 1;
                out.push(c);
                break_line(&mut out, level);
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                break_line(&mut out, level);
                out.push(c);
            }
            ',' => {
                out.push(c);
                break_line(&mut out, level);
            }
            ':' => out.push_str(": "),
            _ => {
                within = c == '"';
                out.push(c);
            }
        }
    }
    out
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
        let sorted = sorted(SENT).unwrap();
        assert_eq!(sorted, json.to_string());
        let found = of_body(SENT.as_bytes());
        assert!(found.iter().any(|(_, bytes)| bytes == sorted.as_bytes()));
        assert_ne!(sorted, SENT);
    }

    #[test]
    fn a_number_stays_as_it_was_written() {
        for number in [
            "21119111111111111111111111122",
            "0.1000",
            "1E+2",
            "-0",
            "18446744073709551616",
        ] {
            let body = format!(r#"{{"b": [{number}], "a": {number}}}"#);
            let found = of_body(body.as_bytes());
            let rewritten = |name: &str| name.starts_with("a re-serialised body");
            for (_, text) in found
                .iter()
                .filter(|(n, _)| n.as_deref().is_some_and(rewritten))
            {
                let text = str::from_utf8(text).unwrap();
                assert_eq!(text.matches(number).count(), 2, "{text}");
            }
            let sorted = format!(r#"{{"a":{number},"b":[{number}]}}"#);
            assert!(found.iter().any(|(_, text)| text == sorted.as_bytes()));
        }
    }

    #[test]
    fn what_is_indented_is_so_as_serde_json_does_it() {
        for json in [
            r#"{"a":[1,{"b":[],"c":{}}],"d":"x, y: {z} \" [","e":[[2]],"f":null}"#,
            "[]",
            "{}",
            "7",
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            assert_eq!(indented(&sorted(json).unwrap()), pretty);
        }
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
