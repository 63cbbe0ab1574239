//! Tokens of payment links: made up, and real tokens that were changed.

use signing::{ClientSecret, Keyring, LinkRefusal, PaymentLink, ReportLink};

use crate::Marks;
use crate::data::Data;
use crate::samples::Sample;

const CURRENT: &str = "the key of payment links";
const PREVIOUS: &str = "the key before the last rotation";
const UNKNOWN: &str = "an unknown key";

/// The characters of tokens, and some that no token has.
const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. %";

/// Verifies a text, or makes a token and changes it.
///
/// Only our tokens are accepted, with the content for which they were made. A token with a changed character or from
/// another key is invalid, and never expired. An old token of ours is expired.
pub fn token(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    match data.byte() {
        0 => real(data),
        1 => made_up(data),
        _ => changed(data),
    }
}

fn made_up(mut data: Data<'_>) -> Marks {
    let now_ms = i64::from_be_bytes(data.array());
    let text = String::from_utf8_lossy(data.rest());
    let at = |now_ms| PaymentLink::verify(&keys(CURRENT), &text, now_ms);
    let found = at(now_ms);
    let report = ReportLink::verify(&keys(CURRENT), &text, now_ms);
    assert_eq!(report, Err(LinkRefusal::Invalid), "nobody has made one");
    if found != Err(LinkRefusal::Invalid) {
        // Our token, which was valid once.
        let tokens = at(i64::MIN).map(|link| [CURRENT, PREVIOUS].map(|key| link.token(&keys(key))));
        let ours = tokens.is_ok_and(|tokens| tokens.iter().any(|token| *token == text));
        assert!(ours, "{found:?}, though not a token of ours");
    }
    vec![match found {
        Ok(_) => "made up and accepted",
        Err(LinkRefusal::Expired) => "made up and expired",
        Err(LinkRefusal::Invalid) => "made up and invalid",
    }]
}

fn real(mut data: Data<'_>) -> Marks {
    let key = data.pick(CURRENT, &[PREVIOUS, UNKNOWN]);
    let (link, now_ms) = made(&mut data);
    let text = link.token(&keys(key));
    assert_eq!(
        text,
        link.token(&keys(key)),
        "a link always has the same token"
    );
    assert!(
        text.len() == 54 && text.bytes().all(in_a_url),
        "the token needs escaping: {text}"
    );

    let expired = i128::from(now_ms) > i128::from(link.expires_at_ms);
    let (expected, mark) = match (key, expired) {
        (UNKNOWN, _) => (Err(LinkRefusal::Invalid), "an unknown key is invalid"),
        (_, true) => (Err(LinkRefusal::Expired), "an old token is expired"),
        (PREVIOUS, false) => (Ok(link), "a token with the previous key is accepted"),
        (_, false) => (Ok(link), "one is taken"),
    };
    assert_eq!(PaymentLink::verify(&keys(CURRENT), &text, now_ms), expected);
    assert_eq!(
        ReportLink::verify(&keys(CURRENT), &text, now_ms),
        Err(LinkRefusal::Invalid),
        "a payment link opens no report"
    );
    vec![mark]
}

fn changed(mut data: Data<'_>) -> Marks {
    let (link, now_ms) = made(&mut data);
    let token = link.token(&keys(CURRENT));
    let mut text = token.clone().into_bytes();
    let at = data.below(text.len());
    let character = data.pick(b'A', CHARACTERS);
    match data.below(5) {
        0 => text.splice(at..=at, [character]).for_each(drop),
        1 => text.insert(at, character),
        2 => text.truncate(at),
        3 => drop(text.remove(at)),
        _ => text.push(character),
    }
    let text = String::from_utf8_lossy(&text);
    let found = PaymentLink::verify(&keys(CURRENT), &text, now_ms);
    if text == token {
        return vec!["changed to itself"];
    }
    assert_eq!(found, Err(LinkRefusal::Invalid), "{text} was {token}");
    vec!["a changed token is invalid"]
}

/// A link to any transaction, and a time near its expiry or any other time.
fn made(data: &mut Data<'_>) -> (PaymentLink, i64) {
    let near = data.byte();
    let now_ms = i64::from_be_bytes(data.array());
    let expires_at_ms = match near {
        0 => u64::from_be_bytes(data.array()),
        near => u64::try_from(now_ms)
            .unwrap_or(0)
            .saturating_add(u64::from(near))
            .saturating_sub(128),
    };
    let link = PaymentLink {
        transaction_id: data.array(),
        expires_at_ms,
    };
    (link, now_ms)
}

fn in_a_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn keys(current: &str) -> Keyring {
    let previous = Some(ClientSecret::new(PREVIOUS));
    Keyring::new("links", ClientSecret::new(current)).accepting(previous)
}

/// The tokens in the samples' paths, and inputs for the other two cases.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let tokens = samples
        .iter()
        .filter_map(|sample| sample.event.path.as_ref()?.get("token"))
        .map(|token| [&[1][..], &[0; 8], token.as_bytes()].concat());
    let ours = made(&mut Data::new(&[])).0.token(&keys(CURRENT));
    let ours = [0, 1].map(|now| [&[1, 0, 0, 0, 0, 0, 0, 0, now][..], ours.as_bytes()].concat());
    let others = (0..3).flat_map(|key| [0, 128, 1].map(|near| vec![0, key, near]));
    tokens
        .chain(ours)
        .chain(others)
        .chain((0..5).map(|way| [&[2][..], &[0; 33], &[7, 20, way]].concat()))
        .collect()
}
