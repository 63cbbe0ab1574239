//! The signing rule against the published vectors, its refusals, and its properties.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde::Deserialize;
use signing::{
    ClientSecret, GetSigning, KeyUsed, Keyring, LinkRefusal, PaymentLink, ReportLink,
    SignatureHeaders, SignatureRefusal, Signed, Window,
};

#[derive(Deserialize)]
struct Vector {
    name: String,
    timestamp: String,
    client_key: String,
    client_secret: String,
    body: String,
    signature: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

const NOW: i64 = 1_620_621_619_569;

fn keys() -> Keyring {
    Keyring::new("client", ClientSecret::new("current"))
}

fn headers(signed: &Signed) -> SignatureHeaders<'_> {
    SignatureHeaders {
        timestamp: Some(&signed.timestamp),
        client_id: Some(&signed.client_id),
        signature: Some(&signed.signature),
    }
}

fn verify(keys: &Keyring, signed: &Signed, body: &[u8]) -> Result<KeyUsed, SignatureRefusal> {
    keys.verify(&headers(signed), body, NOW, Window::default())
        .map(|verified| verified.key())
}

#[test]
fn every_vector_is_signed_and_verified() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 6);
    for v in vectors {
        let keys = Keyring::new(v.client_key.as_str(), ClientSecret::new(v.client_secret));
        let now = v.timestamp.parse().unwrap();
        let signed = keys.sign(now, v.body.as_bytes());
        assert_eq!(signed.signature, v.signature, "{}", v.name);
        assert_eq!(signed.timestamp, v.timestamp, "{}", v.name);
        assert_eq!(
            verify(&keys, &signed, v.body.as_bytes()),
            Ok(KeyUsed::Current),
            "{}",
            v.name
        );
    }
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    let bytes = |text: &str| ClientSecret::stored(text).map_err(|error| error.bytes);
    assert_eq!(bytes("fifteen bytes!!"), Err(15));
    assert_eq!(
        bytes("   fifteen bytes!!\r\n"),
        Err(15),
        "blanks do not count"
    );
    assert_eq!(bytes(" \n"), Err(0));
    assert!(bytes("sixteen bytes ok").is_ok());
    for v in vectors() {
        assert!(
            bytes(&v.client_secret).is_ok(),
            "{}: a secret of Tiki's",
            v.name
        );
    }
    let error = ClientSecret::stored("hunter2").unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn the_previous_secret_is_accepted_and_reported() {
    let old = keys().sign(NOW, b"body");
    let rotated = Keyring::new("client", ClientSecret::new("next"));
    assert_eq!(
        verify(&rotated, &old, b"body"),
        Err(SignatureRefusal::Mismatch)
    );
    let rotated = rotated.accepting(Some(ClientSecret::new("current")));
    assert_eq!(verify(&rotated, &old, b"body"), Ok(KeyUsed::Previous));
    let new = rotated.sign(NOW, b"body");
    assert_eq!(verify(&rotated, &new, b"body"), Ok(KeyUsed::Current));
}

#[test]
fn the_window_is_closed_at_both_ends() {
    let window = Window::default();
    for (age_ms, accepted) in [
        (0, true),
        (300_000, true),
        (300_001, false),
        (-60_000, true),
        (-60_001, false),
        (-300_000, false),
        (i64::MAX / 2, false),
    ] {
        let signed = keys().sign(NOW.saturating_sub(age_ms).max(0), b"x");
        let result = keys().verify(&headers(&signed), b"x", NOW, window);
        assert_eq!(result.is_ok(), accepted, "{age_ms}");
        if !accepted {
            assert_eq!(result.unwrap_err(), SignatureRefusal::Stale);
        }
    }
}

#[test]
fn a_stale_message_with_a_wrong_signature_is_a_wrong_signature() {
    let mut signed = keys().sign(NOW - 400_000, b"x");
    signed.signature = "0".repeat(64);
    assert_eq!(
        verify(&keys(), &signed, b"x"),
        Err(SignatureRefusal::Mismatch)
    );
}

#[test]
fn each_missing_or_malformed_header_is_named() {
    use SignatureRefusal::{Malformed, Missing, UnknownClient};
    let good = keys().sign(NOW, b"x");
    let cases: Vec<(&str, Option<String>, SignatureRefusal)> = vec![
        ("timestamp", None, Missing("timestamp")),
        ("timestamp", Some(String::new()), Malformed("timestamp")),
        ("timestamp", Some("soon".into()), Malformed("timestamp")),
        ("timestamp", Some("-1".into()), Malformed("timestamp")),
        ("timestamp", Some(format!("+{NOW}")), Malformed("timestamp")),
        (
            "timestamp",
            Some(format!("{NOW}.0")),
            Malformed("timestamp"),
        ),
        ("timestamp", Some("9".repeat(40)), Malformed("timestamp")),
        ("client id", None, Missing("client id")),
        ("client id", Some("other".into()), UnknownClient),
        ("signature", None, Missing("signature")),
        ("signature", Some(String::new()), Malformed("signature")),
        ("signature", Some("g".repeat(64)), Malformed("signature")),
        ("signature", Some("a".repeat(63)), Malformed("signature")),
        ("signature", Some("a".repeat(66)), Malformed("signature")),
    ];
    for (name, value, expected) in cases {
        let mut headers = headers(&good);
        match name {
            "timestamp" => headers.timestamp = value.as_deref(),
            "client id" => headers.client_id = value.as_deref(),
            _ => headers.signature = value.as_deref(),
        }
        let refusal = keys()
            .verify(&headers, b"x", NOW, Window::default())
            .unwrap_err();
        assert_eq!(refusal, expected, "{name} {value:?}");
    }
}

#[test]
fn a_leading_zero_is_another_message() {
    let mut signed = keys().sign(NOW, b"x");
    signed.timestamp = format!("0{}", signed.timestamp);
    assert_eq!(
        verify(&keys(), &signed, b"x"),
        Err(SignatureRefusal::Mismatch)
    );
}

#[test]
fn one_of_several_candidates_is_enough_and_is_returned() {
    let signed = keys().sign(NOW, b"/b?x=1");
    let candidates: [&[u8]; 3] = [b"/a/b?x=1", b"/b?x=1", b""];
    let verified = keys()
        .verify_any(&headers(&signed), candidates, NOW, Window::default())
        .unwrap();
    assert_eq!(verified.body(), b"/b?x=1");
}

#[test]
fn a_get_is_signed_by_the_setting() {
    let signed = |setting: &str| {
        setting
            .parse::<GetSigning>()
            .unwrap()
            .message("/miniapp/tikivip", "/transaction?tiki_transaction_id=1")
    };
    assert_eq!(
        signed("relative_path"),
        "/transaction?tiki_transaction_id=1"
    );
    assert_eq!(
        signed("full_path"),
        "/miniapp/tikivip/transaction?tiki_transaction_id=1"
    );
    assert_eq!(signed("empty_body"), "");
    assert_eq!(signed("empty_object"), "{}");
    assert!("path".parse::<GetSigning>().is_err());
}

#[test]
fn no_debug_output_shows_a_secret() {
    let keys = keys().accepting(Some(ClientSecret::new("previous")));
    let text = format!("{keys:?}");
    assert!(
        !text.contains("current\"") && !text.contains("previous\""),
        "{text}"
    );
    assert!(text.contains("redacted"));
}

fn link() -> PaymentLink {
    PaymentLink {
        transaction_id: *b"0123456789abcdef",
        expires_at_ms: 2_000_000_000_000,
    }
}

#[test]
fn a_link_is_read_back_until_it_expires() {
    let token = link().token(&keys());
    assert_eq!(token.len(), 54);
    assert_eq!(PaymentLink::verify(&keys(), &token, NOW), Ok(link()));
    assert_eq!(
        PaymentLink::verify(&keys(), &token, 2_000_000_000_000),
        Ok(link())
    );
    assert_eq!(
        PaymentLink::verify(&keys(), &token, 2_000_000_000_001),
        Err(LinkRefusal::Expired)
    );
}

fn report_link() -> ReportLink {
    ReportLink {
        report: *b"p20261122",
        expires_at_ms: 2_000_000_000_000,
    }
}

#[test]
fn a_link_to_a_report_is_no_payment_link() {
    let token = report_link().token(&keys());
    assert_eq!(token.len(), 44);
    assert_eq!(ReportLink::verify(&keys(), &token, NOW), Ok(report_link()));
    assert_eq!(
        ReportLink::verify(&keys(), &token, 2_000_000_000_001),
        Err(LinkRefusal::Expired)
    );
    let invalid = Err(LinkRefusal::Invalid);
    assert_eq!(PaymentLink::verify(&keys(), &token, NOW), invalid);
    let payment = link().token(&keys());
    let invalid = Err(LinkRefusal::Invalid);
    assert_eq!(ReportLink::verify(&keys(), &payment, NOW), invalid);
    // The MAC of the one, over bytes of the right number, is not that of the other.
    let same_length = &payment[..44];
    assert_eq!(ReportLink::verify(&keys(), same_length, NOW), invalid);
}

#[test]
fn a_link_survives_a_rotation_of_its_key() {
    let token = link().token(&keys());
    let next = Keyring::new("client", ClientSecret::new("next"));
    assert_eq!(
        PaymentLink::verify(&next, &token, NOW),
        Err(LinkRefusal::Invalid)
    );
    let next = next.accepting(Some(ClientSecret::new("current")));
    assert_eq!(PaymentLink::verify(&next, &token, NOW), Ok(link()));
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(
        body in prop::collection::vec(any::<u8>(), 0..300),
        other in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let signed = keys().sign(NOW, &body);
        prop_assert_eq!(verify(&keys(), &signed, &body), Ok(KeyUsed::Current));
        if other != body {
            prop_assert_eq!(verify(&keys(), &signed, &other), Err(SignatureRefusal::Mismatch));
        }
    }

    #[test]
    fn no_headers_and_no_body_panic(
        timestamp in prop::option::of(any::<String>()),
        client_id in prop::option::of(any::<String>()),
        signature in prop::option::of(any::<String>()),
        body in prop::collection::vec(any::<u8>(), 0..300),
        now in any::<i64>(),
    ) {
        let headers = SignatureHeaders {
            timestamp: timestamp.as_deref(),
            client_id: client_id.as_deref(),
            signature: signature.as_deref(),
        };
        prop_assert!(keys().verify(&headers, &body, now, Window::default()).is_err());
    }

    #[test]
    fn nearly_right_headers_do_not_panic_and_do_not_pass(
        timestamp in "[0-9]{1,25}",
        signature in "[0-9a-fA-F]{64}",
        now in any::<i64>(),
    ) {
        let headers = SignatureHeaders {
            timestamp: Some(&timestamp),
            client_id: Some("client"),
            signature: Some(&signature),
        };
        prop_assert!(keys().verify(&headers, b"", now, Window::default()).is_err());
    }

    #[test]
    fn no_token_panics_and_no_changed_token_passes(
        garbage in any::<String>(),
        position in 0usize..54,
        replacement in "[A-Za-z0-9_-]",
        now in any::<i64>(),
    ) {
        prop_assert!(PaymentLink::verify(&keys(), &garbage, now).is_err());
        prop_assert!(ReportLink::verify(&keys(), &garbage, now).is_err());
        let changed = |token: &str, position: usize| {
            let mut changed = token.to_owned();
            changed.replace_range(position..=position, &replacement);
            (changed != token).then_some(changed)
        };
        if let Some(changed) = changed(&link().token(&keys()), position) {
            prop_assert_eq!(PaymentLink::verify(&keys(), &changed, NOW), Err(LinkRefusal::Invalid));
        }
        if let Some(changed) = changed(&report_link().token(&keys()), position.min(43)) {
            prop_assert_eq!(ReportLink::verify(&keys(), &changed, NOW), Err(LinkRefusal::Invalid));
        }
    }
}
