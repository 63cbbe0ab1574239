//! Signature headers and a body: made up, or signed and then changed (protocol §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use signing::{
    ClientSecret, KeyUsed, Keyring, SignatureHeaders, SignatureRefusal, Verified, Window,
};

use crate::Marks;
use crate::data::Data;
use crate::fixtures::{
    CORE_CLIENT, CORE_SECRET, NOW_MS, PREVIOUS_SECRET, TIKI_CLIENT, TIKI_SECRET, core_keys,
    tiki_keys,
};
use crate::samples::Sample;

/// A signed call and its time of arrival.
#[derive(Clone)]
struct Call {
    timestamp: Option<String>,
    client_id: Option<String>,
    signature: Option<String>,
    body: Vec<u8>,
    now_ms: i64,
    window: Window,
}

/// The counterparty whose keys verify the call.
struct Counterparty {
    client: &'static str,
    secret: &'static str,
    keys: Keyring,
}

/// Verifies made-up headers and a body, or signs the body and changes a part chosen by the data.
///
/// A call is accepted only if one of the two secrets signed it within the window. This module computes the signature
/// independently. A correctly signed call outside the window is stale, and no other call is. Any change of body,
/// timestamp, client id or signature is refused. An unknown secret is refused.
pub fn headers(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    let (way, core) = (data.byte(), data.byte() == 1);
    let ours = if core {
        Counterparty {
            client: CORE_CLIENT,
            secret: CORE_SECRET,
            keys: core_keys(),
        }
    } else {
        Counterparty {
            client: TIKI_CLIENT,
            secret: TIKI_SECRET,
            keys: tiki_keys(),
        }
    };
    if way == 1 {
        made_up(&ours, data)
    } else {
        signed(&ours, data)
    }
}

fn made_up(ours: &Counterparty, mut data: Data<'_>) -> Marks {
    let missing = data.byte();
    let mut header = |bit: u8| {
        let text = data.text();
        (missing & bit == 0).then_some(text)
    };
    let call = Call {
        timestamp: header(1),
        client_id: header(2),
        signature: header(4),
        now_ms: NOW_MS.saturating_add(skew(&mut data)),
        window: window(&mut data),
        body: data.rest().to_vec(),
    };
    match verdict(ours, &call) {
        Ok(_) => vec!["made up and accepted"],
        Err(_) => vec!["made up and refused"],
    }
}

fn signed(ours: &Counterparty, mut data: Data<'_>) -> Marks {
    let secret = data.pick(ours.secret, &[PREVIOUS_SECRET, "an unknown secret"]);
    let client = data.pick(
        ours.client,
        &[TIKI_CLIENT, CORE_CLIENT, "another client", ""],
    );
    let theirs = Keyring::new(client, ClientSecret::new(secret));
    let skew = skew(&mut data);
    let window = window(&mut data);
    let plan = data.array();
    let body = data.rest();

    let signed = theirs.sign(NOW_MS.saturating_add(skew), body);
    let before = Call {
        timestamp: Some(signed.timestamp),
        client_id: Some(signed.client_id),
        signature: Some(signed.signature),
        body: body.to_vec(),
        now_ms: NOW_MS,
        window,
    };
    let mut call = before.clone();
    change(&mut call, plan);
    // A hexadecimal digit can be upper or lower case.
    let upper = |call: &Call| call.signature.as_ref().map(|s| s.to_ascii_uppercase());
    let same = call.timestamp == before.timestamp
        && call.client_id == before.client_id
        && upper(&call) == upper(&before)
        && call.body == before.body;

    let found = verdict(ours, &call);
    if secret != ours.secret && secret != PREVIOUS_SECRET {
        assert!(found.is_err_and(|no| no != SignatureRefusal::Stale));
        vec!["an unknown secret is refused"]
    } else if same && client != ours.client {
        assert_eq!(found, Err(SignatureRefusal::UnknownClient));
        vec!["another client id is refused"]
    } else if !same {
        assert!(found.is_err_and(|no| no != SignatureRefusal::Stale));
        vec!["a changed call is refused"]
    } else if !(-window.max_age_ms..=window.max_ahead_ms).contains(&skew) {
        assert_eq!(found, Err(SignatureRefusal::Stale));
        vec!["an unchanged call is stale"]
    } else if secret == PREVIOUS_SECRET {
        assert_eq!(found, Ok(KeyUsed::Previous));
        vec!["a call with the previous secret is accepted"]
    } else {
        assert_eq!(found, Ok(KeyUsed::Current));
        vec!["an unchanged call is accepted"]
    }
}

/// Changes one part of a call, or none.
fn change(call: &mut Call, [kind, at, to]: [u8; 3]) {
    let at = usize::from(at);
    let header = |header: &mut Option<String>| {
        let mut bytes = header.take().unwrap_or_default().into_bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        *header = Some(String::from_utf8_lossy(&bytes).into_owned());
    };
    match kind {
        1 => {
            if let Some(byte) = call.body.get_mut(at) {
                *byte = to;
            }
        }
        2 => call.body.insert(at.min(call.body.len()), to),
        3 => drop(call.body.pop()),
        4 => header(&mut call.timestamp),
        5 => header(&mut call.client_id),
        6 => header(&mut call.signature),
        7 => {
            let headers = [
                &mut call.timestamp,
                &mut call.client_id,
                &mut call.signature,
            ];
            if let Some(missing) = headers.into_iter().nth(at) {
                *missing = None;
            }
        }
        // The same number, written differently.
        8 => call.timestamp = call.timestamp.take().map(|text| format!("0{text}")),
        // Moves the dot between client id and body.
        9 => call.client_id = call.client_id.take().map(|text| text + "."),
        10 => call.signature = call.signature.take().map(|text| text.to_uppercase()),
        _ => {}
    }
}

/// The secret that signed this call, and the signature.
fn expected(call: &Call) -> Option<(KeyUsed, String)> {
    let (timestamp, client) = (call.timestamp.as_deref()?, call.client_id.as_deref()?);
    let current = match client {
        TIKI_CLIENT => TIKI_SECRET,
        CORE_CLIENT => CORE_SECRET,
        _ => return None,
    };
    let given = call.signature.as_deref()?;
    [
        (KeyUsed::Current, current),
        (KeyUsed::Previous, PREVIOUS_SECRET),
    ]
    .into_iter()
    .map(|(key, secret)| (key, signature(secret, timestamp, client, &call.body)))
    .find(|(_, signature)| signature.eq_ignore_ascii_case(given))
}

/// A second implementation of protocol §2.
fn signature(secret: &str, timestamp: &str, client: &str, body: &[u8]) -> String {
    let payload = [timestamp.as_bytes(), b".", client.as_bytes(), b".", body].concat();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| mac.chain_update(URL_SAFE_NO_PAD.encode(payload)));
    mac.map(|mac| hex::encode(mac.finalize().into_bytes()))
        .unwrap_or_default()
}

/// Production's result for a call, compared with the expected one.
fn verdict(ours: &Counterparty, call: &Call) -> Result<KeyUsed, SignatureRefusal> {
    let headers = SignatureHeaders {
        timestamp: call.timestamp.as_deref(),
        client_id: call.client_id.as_deref(),
        signature: call.signature.as_deref(),
    };
    let (body, now_ms, window) = (call.body.as_slice(), call.now_ms, call.window);
    let found = ours.keys.verify(&headers, body, now_ms, window);
    let among = [b"another reading".as_slice(), body];
    let among = ours.keys.verify_any(&headers, among, now_ms, window);
    let key = |verified: &Verified<'_>| {
        assert_eq!(
            verified.body(),
            body,
            "the body differs from the signed bytes"
        );
        verified.key()
    };
    assert_eq!(
        found.as_ref().map(key),
        among.as_ref().map(key),
        "a reading among others"
    );

    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sent_ms = headers.timestamp.filter(digits);
    let sent_ms = sent_ms.and_then(|text| text.parse::<i64>().ok());
    let signer = expected(call)
        .filter(|_| headers.client_id == Some(ours.client))
        .map(|(key, _)| key);
    let fresh = |sent_ms| {
        let age = i128::from(now_ms) - i128::from(sent_ms);
        (-i128::from(window.max_ahead_ms)..=i128::from(window.max_age_ms)).contains(&age)
    };
    let found = found.map(|verified| verified.key());
    match (signer, sent_ms) {
        (Some(key), Some(sent_ms)) if fresh(sent_ms) => assert_eq!(found, Ok(key)),
        (Some(_), Some(_)) => assert_eq!(found, Err(SignatureRefusal::Stale)),
        _ => assert!(found.is_err_and(|no| no != SignatureRefusal::Stale)),
    }
    found
}

/// The protocol's window, or another.
fn window(data: &mut Data<'_>) -> Window {
    let [age, ahead] = data.array();
    match age {
        0 => Window::default(),
        age => Window {
            max_age_ms: i64::from(age),
            max_ahead_ms: i64::from(ahead),
        },
    }
}

/// The difference of two clocks in milliseconds: the ends of the protocol's window, or any value.
fn skew(data: &mut Data<'_>) -> i64 {
    match data.below(10) {
        0 => 0,
        1 => -300_000,
        2 => -300_001,
        3 => 60_000,
        4 => 60_001,
        5 => -i64::from(data.byte()),
        6 => i64::from(data.byte()),
        7 => i64::from(i32::from_be_bytes(data.array())),
        8 => -NOW_MS,
        _ => i64::MAX,
    }
}

/// The samples' headers and bodies, and their bodies signed and changed in each way.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let made_up = samples.iter().filter_map(|sample| {
        let (core, headers) = sample.event.signature()?;
        let query = sample.event.query_text();
        let query = query.map(|query| format!("/transactions?{query}"));
        let body = sample.event.body.clone().or(query)?;
        let mut seed = vec![1, core.into(), 0];
        for header in headers {
            seed.push(u8::try_from(header.len()).ok()?);
            seed.extend(header.as_bytes());
        }
        seed.extend([0, 0, 0]);
        seed.extend(body.as_bytes());
        Some(seed)
    });
    let bodies = samples.iter().filter_map(|s| s.event.body.as_deref());
    let signed = bodies.enumerate().flat_map(|(i, body)| {
        let core = u8::from(i % 2 == 1);
        (0..11).map(move |kind| {
            let secret = kind % 3;
            let client = if kind == 9 { 3 } else { 0 };
            let start = [0, core, secret, client, kind % 5, 0, 0, kind, 9, b'7'];
            [&start[..], body.as_bytes()].concat()
        })
    });
    made_up.chain(signed).collect()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_verifier_with_other_keys_is_detected() {
        let with = |secret: &str| {
            let other = Keyring::new(TIKI_CLIENT, ClientSecret::new(secret));
            let signed = other.sign(NOW_MS, b"body");
            let call = Call {
                timestamp: Some(signed.timestamp),
                client_id: Some(signed.client_id),
                signature: Some(signed.signature),
                body: b"body".to_vec(),
                now_ms: NOW_MS,
                window: Window::default(),
            };
            (other, call)
        };
        let is_detected = |keys: Keyring, call: &Call| {
            let ours = Counterparty {
                client: TIKI_CLIENT,
                secret: TIKI_SECRET,
                keys,
            };
            catch_unwind(|| verdict(&ours, call)).is_err()
        };
        let (ours, genuine) = with(TIKI_SECRET);
        let (strangers, made_up) = with("an unknown secret");
        assert!(!is_detected(ours.clone(), &genuine));
        assert!(!is_detected(ours, &made_up));
        assert!(
            is_detected(strangers.clone(), &genuine),
            "it refuses a valid call"
        );
        assert!(
            is_detected(strangers, &made_up),
            "it accepts an unknown secret"
        );
    }
}
