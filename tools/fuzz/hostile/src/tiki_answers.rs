//! Tiki's answers with any status and any bytes (protocol §3, §4, §6).

use domain::{
    Decision, DisputeReason, IpnAnswer, IpnRefusal, IpnSubject, LookUpAnswer, NotificationStep,
    Status, Transaction,
};
use tiki_api::answer::{self, WebviewReading};

use crate::Marks;
use crate::data::Data;
use crate::fixtures::{CONFIRM_AFTER, PAID, lease, now};
use crate::json::{Object, PLAN, changed, variants};
use crate::samples::Sample;

/// Reads an answer as one to an IPN, to a look-up, and to a webview request.
///
/// An IPN about a payment is confirmed only by a 2xx with code 0 and one of the transaction's two ids. Money is returned
/// only after a 2xx with code 6, with code 3 for the second time, or with code 0 and a `FAILURE` that names no other
/// transaction. A reversed payment is closed only by a look-up that is clear and does not say `SUCCESS`. The amount is
/// the one in the answer. Every other meaning has its own code, and an answer without a code is unclear. A second reader
/// finds the expected meaning.
pub fn tiki_answers(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    let status = status(&mut data);
    let plan: [u8; PLAN] = data.array();
    let body = changed(data.rest(), plan);
    let said = Said::of(status, &body);
    if let Some(code) = answer::code(&body) {
        assert_eq!(said.code, Some(i128::from(code)), "the code in the log");
    }

    let ipn = answer::ipn(status, &body, &PAID);
    assert_eq!(ipn, answer::ipn(status, &body, &PAID), "read twice");
    ipn_holds(&said, ipn, &PAID);
    steps_hold(ipn);

    let look_up = answer::look_up(status, &body, PAID.tiki_id(), Some(PAID.id()));
    assert_eq!(
        look_up,
        answer::look_up(status, &body, PAID.tiki_id(), Some(PAID.id())),
        "read twice"
    );
    look_up_holds(&said, look_up, &PAID);
    money_holds(&said, look_up, &PAID);

    let webview = answer::webview(status, &body);
    webview_holds(&said, &webview);

    let mut marks = vec![mark_of_ipn(ipn), mark_of_look_up(look_up)];
    if matches!(webview, WebviewReading::Opened(_)) {
        marks.push("webview opened");
    }
    marks
}

/// Any status, the meaningful ones first.
pub(crate) fn status(data: &mut Data<'_>) -> u16 {
    let [high, low] = data.array();
    let known = STATUSES.get(usize::from(high)).copied();
    known.unwrap_or(u16::from_be_bytes([high, low]))
}

pub(crate) const STATUSES: [u16; 20] = [
    200, 201, 299, 300, 199, 204, 400, 401, 403, 404, 402, 410, 429, 500, 503, 0, 100, 302, 304,
    409,
];

/// The content of an answer, by a second reader.
struct Said {
    status: u16,
    code: Option<i128>,
    flat: Option<Object>,
    /// The object `data`, if there is one.
    data: Option<Object>,
}

impl Said {
    fn of(status: u16, body: &[u8]) -> Self {
        let flat = Object::of(body).filter(|flat| !flat.has_duplicate_name());
        let data = flat.as_ref().and_then(|flat| flat.object("data"));
        Self {
            status,
            code: flat.as_ref().and_then(|flat| flat.whole("code")),
            data: data.filter(|data| !data.has_duplicate_name()),
            flat,
        }
    }

    fn is_2xx_with(&self, code: i128) -> bool {
        (200..300).contains(&self.status) && self.code == Some(code)
    }

    /// The object with the fields of a look-up.
    fn place(&self) -> Option<&Object> {
        let flat = self.flat.as_ref()?;
        if flat.has("data") {
            self.data.as_ref()
        } else {
            Some(flat)
        }
    }
}

fn ipn_holds(said: &Said, answer: IpnAnswer, ours: &Transaction) {
    match answer {
        IpnAnswer::Accepted => {
            assert!(said.is_2xx_with(0), "accepted without code 0");
            let echoed = said
                .data
                .as_ref()
                .and_then(|data| data.text("transaction_id"));
            assert!(
                echoed.is_some_and(|id| names(&id, ours)),
                "accepted an answer about another transaction"
            );
        }
        IpnAnswer::AcceptedUnnamed => {
            assert!(said.is_2xx_with(0), "accepted without code 0");
            let echoed = said
                .data
                .as_ref()
                .and_then(|data| data.text("transaction_id"));
            assert!(
                !echoed.is_some_and(|id| names(&id, ours)),
                "an answer about this transaction was not recognised"
            );
        }
        IpnAnswer::Refused(refusal) => {
            let code = match refusal {
                IpnRefusal::InvalidRequest => 1,
                IpnRefusal::NotFound => 3,
                IpnRefusal::NotOfThisPartner => 4,
                IpnRefusal::InvalidAmount => 5,
                IpnRefusal::Cancelled => 6,
            };
            assert!(said.is_2xx_with(code), "{refusal:?}");
        }
        IpnAnswer::SystemError => assert!(said.is_2xx_with(2)),
        IpnAnswer::Unauthorized => assert!(matches!(said.status, 401 | 403)),
        IpnAnswer::Unclear => {}
    }
}

/// Whether a text is one of the transaction's two ids: ours in any case of letters, Tiki's as it is.
fn names(id: &str, transaction: &Transaction) -> bool {
    id.to_ascii_lowercase() == transaction.id().to_string() || id == transaction.tiki_id().as_str()
}

/// What follows at once from an answer to an IPN: only an answer that names the transaction confirms a payment, and
/// nothing but a look-up closes a reversed one.
fn steps_hold(answer: IpnAnswer) {
    let step = |subject| domain::after_notification(lease(subject, None), answer);
    let confirm = NotificationStep::Decide(Decision::Confirm);
    let paid = step(IpnSubject::Paid);
    assert_eq!(paid == confirm, answer == IpnAnswer::Accepted, "{answer:?}");
    let failed = step(IpnSubject::Failed);
    let code_0 = matches!(answer, IpnAnswer::Accepted | IpnAnswer::AcceptedUnnamed);
    assert_eq!(failed == confirm, code_0, "{answer:?}");
    let reversed = step(IpnSubject::Reversed);
    let is_final = code_0 || matches!(answer, IpnAnswer::Refused(_));
    assert_eq!(reversed == NotificationStep::LookUp, is_final, "{answer:?}");
    for step in [paid, failed, reversed] {
        let moves_money = matches!(step, NotificationStep::Decide(Decision::Reverse(_)));
        assert!(
            !moves_money,
            "an answer to an IPN returns money: {answer:?}"
        );
    }
}

fn look_up_holds(said: &Said, answer: LookUpAnswer, ours: &Transaction) {
    if !matches!(answer, LookUpAnswer::Unclear | LookUpAnswer::Unauthorized) {
        for place in said.flat.iter().chain(&said.data) {
            let tikis = |named: &str| named == ours.tiki_id().as_str();
            speaks_of(place, "tiki_transaction_id", tikis);
            let id = ours.id().to_string();
            let partners = |named: &str| named.eq_ignore_ascii_case(&id);
            speaks_of(place, "partner_transaction_id", partners);
        }
    }
    match answer {
        LookUpAnswer::Found(status, amount) => {
            assert!(said.is_2xx_with(0), "found without code 0");
            let place = said.place();
            assert!(place.is_some(), "found nowhere");
            let Some(place) = place else { return };
            assert_eq!(place.text("status").as_deref(), Some(status.as_str()));
            match amount {
                Some(amount) => {
                    assert!((1..=1 << 53).contains(&amount.get()));
                    assert_eq!(place.whole("amount"), Some(i128::from(amount.get())));
                }
                None => assert!(status != Status::Success || !place.has("amount")),
            }
        }
        LookUpAnswer::InvalidRequest => assert!(said.is_2xx_with(1)),
        LookUpAnswer::SystemError => assert!(said.is_2xx_with(2)),
        LookUpAnswer::NotFound => assert!(said.is_2xx_with(3)),
        LookUpAnswer::NotOfThisPartner => assert!(said.is_2xx_with(4)),
        LookUpAnswer::Cancelled => assert!(said.is_2xx_with(6)),
        LookUpAnswer::Unauthorized => assert!(matches!(said.status, 401 | 403)),
        LookUpAnswer::Unclear => {}
    }
}

/// A field that names a transaction names ours, if it exists.
fn speaks_of(place: &Object, field: &str, ours: impl Fn(&str) -> bool) {
    let named = place.text(field).unwrap_or_default();
    assert!(named.is_empty() || ours(&named), "{named}");
    assert!(!place.has(field) || place.text(field).is_some(), "{field}");
}

/// Checks the decision after a look-up of a paid transaction, the first one and a second one.
fn money_holds(said: &Said, answer: LookUpAnswer, ours: &Transaction) {
    let long_after = now().after(CONFIRM_AFTER);
    let first = lease(IpnSubject::Paid, None);
    let early = lease(IpnSubject::Paid, Some(now()));
    for (lease, at, second) in [
        (first, long_after, false),
        (early, now(), false),
        (early, long_after, true),
    ] {
        let decision = domain::after_look_up(ours.order().amount, answer, lease, at);
        decision_holds(said, decision, ours, second);
    }
    closing_holds(said, answer);
}

fn decision_holds(said: &Said, decision: Decision, ours: &Transaction, second: bool) {
    let amount = ours.order().amount;
    let field = |name| said.place().and_then(|place| place.text(name));
    match decision {
        Decision::Reverse(reason) => assert!(
            (said.is_2xx_with(3) && second)
                || said.is_2xx_with(6)
                || (said.is_2xx_with(0) && field("status").as_deref() == Some("FAILURE")),
            "money is returned: {reason:?}"
        ),
        Decision::LookAgain => assert!(said.is_2xx_with(3) && !second, "looks again"),
        Decision::Confirm => {
            assert!(said.is_2xx_with(0));
            assert_eq!(field("status").as_deref(), Some("SUCCESS"));
            let at_tiki = said.place().and_then(|place| place.whole("amount"));
            assert_eq!(at_tiki, Some(i128::from(amount.get())));
        }
        Decision::Abandon
        | Decision::Retry
        | Decision::RetryUnauthorized
        | Decision::Dispute(_) => {}
    }
}

/// Checks what the look-up after the notification of a reversal means.
fn closing_holds(said: &Said, answer: LookUpAnswer) {
    let status = said.place().and_then(|place| place.text("status"));
    let found = |word| said.is_2xx_with(0) && status.as_deref() == Some(word);
    match domain::after_reversal_look_up(answer) {
        Decision::Dispute(reason) => {
            assert_eq!(reason, DisputeReason::KnownAsPaid);
            assert!(found("SUCCESS"), "a dispute that Tiki did not name");
        }
        Decision::Confirm => assert!(
            found("FAILURE")
                || found("PENDING")
                || [1, 3, 4, 6].into_iter().any(|code| said.is_2xx_with(code)),
            "a reversed payment was closed: {answer:?}"
        ),
        Decision::Retry | Decision::RetryUnauthorized => {}
        other @ (Decision::Abandon | Decision::LookAgain | Decision::Reverse(_)) => {
            unreachable!("of a reversed payment: {other:?}")
        }
    }
}

fn webview_holds(said: &Said, reading: &WebviewReading) {
    match reading {
        WebviewReading::Opened(webview) => {
            assert!(said.is_2xx_with(0), "opened without code 0");
            let data = |name| said.data.as_ref().and_then(|data| data.text(name));
            assert!(!webview.url_open.is_empty() && !webview.url_checkout_result.is_empty());
            assert_eq!(data("url_open").as_ref(), Some(&webview.url_open));
            assert_eq!(
                data("url_checkout_result").as_ref(),
                Some(&webview.url_checkout_result)
            );
            let request_id = webview.request_id.as_str();
            assert_eq!(data("request_id").as_deref(), Some(request_id));
            assert!((1..=128).contains(&request_id.chars().count()));
        }
        WebviewReading::InvalidRequest => assert!(said.is_2xx_with(1)),
        WebviewReading::Unclear => {}
    }
}

fn mark_of_ipn(answer: IpnAnswer) -> &'static str {
    match answer {
        IpnAnswer::Accepted => "ipn accepted",
        IpnAnswer::AcceptedUnnamed => "ipn accepted, unnamed",
        IpnAnswer::Refused(_) => "ipn refused",
        IpnAnswer::SystemError => "ipn system error",
        IpnAnswer::Unauthorized => "ipn unauthorized",
        IpnAnswer::Unclear => "ipn unclear",
    }
}

fn mark_of_look_up(answer: LookUpAnswer) -> &'static str {
    match answer {
        LookUpAnswer::Found(Status::Success, Some(_)) => "found paid",
        LookUpAnswer::Found(Status::Success, None) => "found paid, no amount",
        LookUpAnswer::Found(Status::Failure, _) => "found failed",
        LookUpAnswer::Found(Status::Pending, _) => "found pending",
        LookUpAnswer::NotFound => "not found",
        LookUpAnswer::Cancelled => "cancelled",
        LookUpAnswer::InvalidRequest
        | LookUpAnswer::SystemError
        | LookUpAnswer::NotOfThisPartner => "look-up refused",
        LookUpAnswer::Unauthorized => "look-up unauthorized",
        LookUpAnswer::Unclear => "look-up unclear",
    }
}

/// The answers of the protocol with each status and with each field at its limits; every code; and the samples'
/// bodies, which are not answers.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let seed = |status: u8, text: &[u8]| [&[status, 0][..], &[0; PLAN], text].concat();
    let bodies = samples.iter().filter_map(|s| s.event.body.as_deref());
    let under_each = ANSWERS.iter().flat_map(|text| {
        let statuses = 0..u8::try_from(STATUSES.len()).unwrap_or(u8::MAX);
        statuses.map(move |status| seed(status, text.as_bytes()))
    });
    let variants = ANSWERS.iter().flat_map(|text| variants(text));
    let codes = (-1..100).map(|code| format!(r#"{{"code":{code},"message":"","data":null}}"#));
    under_each
        .chain(variants.map(|text| seed(0, &text)))
        .chain(codes.map(|text| seed(0, text.as_bytes())))
        .chain(bodies.map(|body| seed(0, body.as_bytes())))
        .collect()
}

const ANSWERS: &[&str] = &[
    r#"{"code":0,"message":"OK","data":{"transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582"}}"#,
    r#"{"code":"0.0","data":{"transaction_id":"E90C9D32-8E35-5CC9-AC59-B64BE1BBAB26"}}"#,
    r#"{"code":0,"data":{"transaction_id":"221115TIKIVIP-235784371-1668488254"}}"#,
    r#"{"code":0,"data":{"transaction_id":"221115tikivip-235784371-1668488254"}}"#,
    r#"{"code":0,"message":"OK"}"#,
    r#"{"code":0,"data":{"tiki_transaction_id":"221115TIKIVIP-235784371-1668488254","partner_transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582","status":"SUCCESS","amount":100000}}"#,
    r#"{"code":0,"data":{"tiki_transaction_id":"221115TIKIVIP-235784371-1668488254","partner_transaction_id":"","status":"FAILURE","amount":"100000.0"}}"#,
    r#"{"code":0,"tiki_transaction_id":"221115TIKIVIP-235784371-1668488254","status":"PENDING"}"#,
    r#"{"code":0,"tiki_transaction_id":"","partner_transaction_id":"","status":"SUCCESS","amount":100000}"#,
    r#"{"code":0,"status":"FAILURE","amount":0}"#,
    r#"{"code":0,"data":{"url_open":"https://beta.tala.xyz/vip?x=1","url_checkout_result":"https://beta.tala.xyz/vip/result","request_id":"W-1"}}"#,
];

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    const FOUND: LookUpAnswer = LookUpAnswer::Found(Status::Failure, None);

    fn is_detected(status: u16, body: &str, answer: LookUpAnswer) -> bool {
        catch_unwind(|| {
            let said = Said::of(status, body.as_bytes());
            look_up_holds(&said, answer, &PAID);
            money_holds(&said, answer, &PAID);
        })
        .is_err()
    }

    #[test]
    fn a_meaning_that_tiki_did_not_send_is_detected() {
        let failure = r#"{"code":0,"status":"FAILURE"}"#;
        assert!(!is_detected(200, failure, FOUND));
        for (status, body) in [
            (500, failure),
            (200, r#"{"code":3,"status":"FAILURE"}"#),
            (200, r#"{"code":0,"status":"SUCCESS"}"#),
            (200, r#"{"code":0,"status":"FAILURE","data":{}}"#),
            (200, r#"{"code":0,"code":0,"status":"FAILURE"}"#),
            (
                200,
                r#"{"code":0,"status":"FAILURE","tiki_transaction_id":"T-1"}"#,
            ),
            (200, "FAILURE"),
        ] {
            assert!(is_detected(status, body, FOUND), "{status} {body}");
        }
        assert!(!is_detected(200, r#"{"code":3}"#, LookUpAnswer::NotFound));
        assert!(is_detected(404, r#"{"code":3}"#, LookUpAnswer::NotFound));
        assert!(is_detected(200, r#"{"code":6}"#, LookUpAnswer::NotFound));
        let paid = LookUpAnswer::Found(Status::Success, Some(PAID.order().amount));
        let body = |amount| format!(r#"{{"code":0,"status":"SUCCESS","amount":{amount}}}"#);
        assert!(!is_detected(200, &body("100000.0"), paid));
        assert!(is_detected(200, &body("100000.5"), paid));
    }

    #[test]
    fn a_confirmation_of_another_transaction_is_detected() {
        let is_detected = |status, body: &str| {
            let said = Said::of(status, body.as_bytes());
            catch_unwind(|| ipn_holds(&said, IpnAnswer::Accepted, &PAID)).is_err()
        };
        let ours = format!(
            r#"{{"code":0,"data":{{"transaction_id":"{}"}}}}"#,
            PAID.id()
        );
        assert!(!is_detected(200, &ours));
        assert!(is_detected(302, &ours));
        assert!(is_detected(
            200,
            &ours.replace(
                &PAID.id().to_string(),
                "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed"
            )
        ));
        assert!(is_detected(200, &ours.replace(":0", ":1")));
        assert!(is_detected(200, r#"{"code":0}"#));
        let tikis = ours.replace(&PAID.id().to_string(), PAID.tiki_id().as_str());
        assert!(!is_detected(200, &tikis));
        assert!(is_detected(200, &tikis.replace("TIKI", "tiki")));
    }

    #[test]
    fn a_confirmation_that_is_not_recognised_is_detected() {
        let is_detected = |status, id: &str| {
            let body = format!(r#"{{"code":0,"data":{{"transaction_id":"{id}"}}}}"#);
            let said = Said::of(status, body.as_bytes());
            catch_unwind(|| ipn_holds(&said, IpnAnswer::AcceptedUnnamed, &PAID)).is_err()
        };
        assert!(!is_detected(200, "another"));
        assert!(is_detected(500, "another"));
        assert!(is_detected(200, &PAID.id().to_string()));
        assert!(is_detected(200, PAID.tiki_id().as_str()));
    }

    #[test]
    fn a_closed_reversal_that_tiki_believes_is_detected() {
        let is_detected = |body: &str, answer| {
            let said = Said::of(200, body.as_bytes());
            catch_unwind(|| closing_holds(&said, answer)).is_err()
        };
        let success = LookUpAnswer::Found(Status::Success, None);
        assert!(!is_detected(r#"{"code":0,"status":"SUCCESS"}"#, success));
        assert!(is_detected(r#"{"code":0,"status":"SUCCESS"}"#, FOUND));
        assert!(is_detected(r#"{"code":0,"status":"FAILURE"}"#, success));
        assert!(is_detected(r#"{"code":2}"#, LookUpAnswer::NotFound));
    }
}
