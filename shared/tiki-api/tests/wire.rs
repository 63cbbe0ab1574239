//! The meaning of each of Tiki's answers, and what no message may do.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test may panic, and its tables are long"
)]

use std::time::Duration;

use api::Code;
use domain::testing::{AssumeCommitted, plain_payment};
use domain::{IpnAnswer, IpnRefusal, LookUpAnswer, Status, Timestamp, Transaction, Vnd};
use proptest::prelude::*;
use signing::{ClientSecret, Keyring, SignatureHeaders, Window};
use tiki_api::answer::{self, WebviewReading};
use tiki_api::request;

fn transaction() -> Transaction {
    let id = "T-1".parse().unwrap();
    let amount = Vnd::new(100_000).unwrap();
    let created = plain_payment(&id, amount, Duration::ZERO, Timestamp::MIN);
    created.unwrap().assume_committed()
}

#[test]
fn every_answer_to_an_ipn_has_its_meaning() {
    let t = transaction();
    let ours = t.id().to_string();
    let accepted =
        format!(r#"{{"code":0,"message":"success","data":{{"transaction_id":"{ours}"}}}}"#);
    let by_tikis_id = format!(
        r#"{{"code":0,"data":{{"transaction_id":"{}"}}}}"#,
        t.tiki_id()
    );
    let rows = [
        (200, accepted.as_str(), IpnAnswer::Accepted),
        (201, &accepted, IpnAnswer::Accepted),
        (
            200,
            &accepted
                .to_uppercase()
                .replace("CODE", "code")
                .replace("DATA", "data")
                .replace("TRANSACTION_ID", "transaction_id"),
            IpnAnswer::Accepted,
        ),
        (500, &accepted, IpnAnswer::Unclear),
        (401, &accepted, IpnAnswer::Unauthorized),
        (403, "", IpnAnswer::Unauthorized),
        // In Tiki's samples a placeholder stands for it: either id of this transaction confirms.
        (200, &by_tikis_id, IpnAnswer::Accepted),
        (200, r#"{"code":0}"#, IpnAnswer::AcceptedUnnamed),
        (
            200,
            r#"{"code":0,"data":{"transaction_id":"other"}}"#,
            IpnAnswer::AcceptedUnnamed,
        ),
        (200, r#"{"code":0,"data":null}"#, IpnAnswer::AcceptedUnnamed),
        (
            200,
            r#"{"code":1}"#,
            IpnAnswer::Refused(IpnRefusal::InvalidRequest),
        ),
        (
            200,
            r#"{"code":"1"}"#,
            IpnAnswer::Refused(IpnRefusal::InvalidRequest),
        ),
        (200, r#"{"code":2}"#, IpnAnswer::SystemError),
        (
            200,
            r#"{"code":3}"#,
            IpnAnswer::Refused(IpnRefusal::NotFound),
        ),
        (
            200,
            r#"{"code":4}"#,
            IpnAnswer::Refused(IpnRefusal::NotOfThisPartner),
        ),
        (
            200,
            r#"{"code":5}"#,
            IpnAnswer::Refused(IpnRefusal::InvalidAmount),
        ),
        (
            200,
            r#"{"code":6}"#,
            IpnAnswer::Refused(IpnRefusal::Cancelled),
        ),
        (200, r#"{"code":7}"#, IpnAnswer::Unclear),
        (200, r#"{"code":-1}"#, IpnAnswer::Unclear),
        (200, r#"{"code":3.5}"#, IpnAnswer::Unclear),
        (200, r#"{"code":3,"code":0}"#, IpnAnswer::Unclear),
        (200, "", IpnAnswer::Unclear),
        (204, "", IpnAnswer::Unclear),
        (404, r#"{"code":3}"#, IpnAnswer::Unclear),
    ];
    for (status, body, meaning) in rows {
        assert_eq!(
            answer::ipn(status, body.as_bytes(), &t),
            meaning,
            "{status} {body}"
        );
    }
}

#[test]
fn every_answer_to_a_look_up_has_its_meaning() {
    let t = transaction();
    let hundred = Vnd::new(100_000).ok();
    let rows = [
        (
            200,
            r#"{"code":0,"status":"SUCCESS","amount":100000}"#,
            LookUpAnswer::Found(Status::Success, hundred),
        ),
        (
            200,
            r#"{"code":0,"data":{"status":"SUCCESS","amount":100000.0}}"#,
            LookUpAnswer::Found(Status::Success, hundred),
        ),
        (
            200,
            r#"{"code":0,"tiki_transaction_id":"T-1","status":"PENDING","amount":"100000"}"#,
            LookUpAnswer::Found(Status::Pending, hundred),
        ),
        (
            200,
            r#"{"code":0,"status":"FAILURE"}"#,
            LookUpAnswer::Found(Status::Failure, None),
        ),
        (
            200,
            r#"{"code":0,"status":"FAILURE","amount":0}"#,
            LookUpAnswer::Found(Status::Failure, None),
        ),
        (
            200,
            r#"{"code":0,"status":"SUCCESS","amount":0}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"status":"SUCCESS","amount":"x"}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"status":"SUCCESS"}"#,
            LookUpAnswer::Found(Status::Success, None),
        ),
        (
            200,
            r#"{"code":0,"status":"success","amount":100000}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"tiki_transaction_id":"T-2","status":"FAILURE"}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"partner_transaction_id":"x","status":"FAILURE"}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"tiki_transaction_id":"t-1","status":"FAILURE"}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"tiki_transaction_id":"T-2","data":{"status":"FAILURE"}}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"data":{"tiki_transaction_id":"T-2","status":"FAILURE"}}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":0,"tiki_transaction_id":7,"status":"FAILURE"}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":3,"tiki_transaction_id":"T-2"}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":6,"data":{"partner_transaction_id":"x"}}"#,
            LookUpAnswer::Unclear,
        ),
        (
            200,
            r#"{"code":3,"tiki_transaction_id":"T-1"}"#,
            LookUpAnswer::NotFound,
        ),
        (
            200,
            r#"{"code":3,"tiki_transaction_id":"","data":[]}"#,
            LookUpAnswer::NotFound,
        ),
        (
            200,
            r#"{"code":0,"data":7,"status":"FAILURE"}"#,
            LookUpAnswer::Unclear,
        ),
        (200, r#"{"code":1}"#, LookUpAnswer::InvalidRequest),
        (200, r#"{"code":2}"#, LookUpAnswer::SystemError),
        (200, r#"{"code":3}"#, LookUpAnswer::NotFound),
        (200, r#"{"code":4}"#, LookUpAnswer::NotOfThisPartner),
        (200, r#"{"code":5}"#, LookUpAnswer::Unclear),
        (200, r#"{"code":6}"#, LookUpAnswer::Cancelled),
        (200, "<html>", LookUpAnswer::Unclear),
        (404, r#"{"code":3}"#, LookUpAnswer::Unclear),
        (500, r#"{"code":3}"#, LookUpAnswer::Unclear),
        (401, "", LookUpAnswer::Unauthorized),
    ];
    for (status, body, meaning) in rows {
        assert_eq!(
            answer::look_up(status, body.as_bytes(), t.tiki_id(), Some(t.id())),
            meaning,
            "{status} {body}"
        );
    }
}

#[test]
fn a_webview_is_opened_only_with_both_urls() {
    let body = |open: &str, result: &str| {
        let data =
            format!(r#""url_open":"{open}","url_checkout_result":"{result}","request_id":"W""#);
        format!(r#"{{"code":0,"data":{{{data}}}}}"#)
    };
    let opened = |open, result| {
        let reading = answer::webview(200, body(open, result).as_bytes());
        matches!(reading, WebviewReading::Opened(_))
    };
    assert!(opened("https://tiki.vn/apps", "https://tiki.vn//apps"));
    assert!(!opened("", "https://tiki.vn//apps"));
    assert!(!opened("https://tiki.vn/apps", ""));
}

#[test]
fn the_codes_have_their_numbers() {
    let codes = [
        Code::Success,
        Code::InvalidRequest,
        Code::SystemError,
        Code::NotFound,
        Code::NotOfThisPartner,
        Code::InvalidAmount,
        Code::Failed,
        Code::Expired,
        Code::IdReused,
        Code::NotRefundable,
        Code::ExceedsRemaining,
        Code::RequestIdReused,
        Code::InProgress,
        Code::SignatureRefused,
        Code::Stale,
    ];
    let numbers: Vec<u8> = codes.into_iter().map(Code::number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 97, 98]);
}

proptest! {
    #[test]
    fn no_random_answer_panics_or_moves_money(
        status in any::<u16>(),
        body in prop::collection::vec(any::<u8>(), 0..200),
        json in r#"[{}\[\]",:a-z_0-9.eE+\\ -]{0,80}"#,
    ) {
        let t = transaction();
        for body in [&body[..], json.as_bytes()] {
            prop_assert_ne!(answer::ipn(status, body, &t), IpnAnswer::Accepted);
            let _ = answer::look_up(status, body, t.tiki_id(), Some(t.id()));
            prop_assert!(!matches!(answer::webview(status, body), WebviewReading::Opened(_)));
        }
    }

    #[test]
    fn no_request_panics(
        body in prop::collection::vec(any::<u8>(), 0..200),
        json in r#"\{("(tiki_transaction_id|transaction_amount|transaction_id|reason|request_id|expires_in|identify_phone)":("[a-z0-9.-]{0,9}"|[0-9.eE+-]{1,9}|null|\{\}|\[\]),?){0,5}\}"#,
    ) {
        let keys = Keyring::new("client", ClientSecret::new("secret"));
        for body in [&body[..], json.as_bytes()] {
            let signed = keys.sign(0, body);
            let headers = SignatureHeaders {
                timestamp: Some(&signed.timestamp),
                client_id: Some(&signed.client_id),
                signature: Some(&signed.signature),
            };
            let verified = keys.verify(&headers, body, 0, Window::default()).unwrap();
            let _ = request::create(verified);
            let _ = request::check(verified);
            let _ = request::refund(verified);
        }
    }
}
