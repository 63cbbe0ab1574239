//! Tiki's answers with any status and any bytes (protocol §3, §4, §6).

use domain::{Decision, IpnAnswer, IpnRefusal, LookUpAnswer, Status, Transaction};
use tiki_api::answer::{self, WebviewReading};

use crate::Marks;
use crate::data::Data;
use crate::fixtures::PAID;
use crate::json::{Object, PLAN, changed, variants};
use crate::samples::Sample;

/// Reads an answer as one to an IPN, to a look-up, and to a webview request.
///
/// An IPN is confirmed only by a 2xx with code 0 and our transaction id. Money is returned only after a 2xx with code 3
/// or 6, or with code 0 and a `FAILURE` that names no other transaction. The amount is the one in the answer. Every
/// other meaning has its own code, and an answer without a code is unclear. A second reader finds the expected meaning.
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
            let echoed = echoed.map(|id| id.to_ascii_lowercase());
            assert_eq!(
                echoed,
                Some(ours.id().to_string()),
                "accepted an answer about another transaction"
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

/// Checks the decision after a look-up of a paid transaction.
fn money_holds(said: &Said, answer: LookUpAnswer, ours: &Transaction) {
    let amount = ours.order().amount;
    let field = |name| said.place().and_then(|place| place.text(name));
    match domain::after_look_up(amount, answer) {
        Decision::Reverse(reason) => assert!(
            said.is_2xx_with(3)
                || said.is_2xx_with(6)
                || (said.is_2xx_with(0) && field("status").as_deref() == Some("FAILURE")),
            "money is returned: {reason:?}"
        ),
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
    r#"{"code":0,"data":{"tiki_transaction_id":"221115TIKIVIP-235784371-1668488254","partner_transaction_id":"fec637ab-9f3b-5066-bc02-a539f47b5582","status":"SUCCESS","amount":100000}}"#,
    r#"{"code":0,"data":{"tiki_transaction_id":"221115TIKIVIP-235784371-1668488254","partner_transaction_id":"","status":"FAILURE","amount":"1e5"}}"#,
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
    }
}
