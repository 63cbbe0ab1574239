//! The core's answers, read by the core client (docs/core.md).

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use core_api::{Core, CoreClient, FoundRefund};
use domain::testing::AssumeCommitted;
use domain::{
    BankingMethod, CoreReference, PaymentAnswer, Refund, RefundAnswer, RefundCommand, Reservation,
    Transaction, Vnd,
};
use futures::executor::block_on;
use signed_http::{Answer, Method, Outgoing, SignedClient, Transport, TransportError};
use signing::{GetSigning, HeaderNames, SignatureHeaders, Window};

use crate::Marks;
use crate::data::Data;
use crate::fixtures::{CoreKeys, FixedClock, ID, NOW_MS, PAID, core_keys, now};
use crate::json::{Object, PLAN, acts, changed, variants};
use crate::samples::Sample;
use crate::tiki_answers::{STATUSES, status};

const BASE: &str = "http://core.example/api";

/// Answers each of the three calls with the same status and bytes, or not at all.
///
/// A refund is succeeded, rejected or pending only by a 200 that names this refund and its amount, and has the
/// contract's status. Only a 404 that names it and says `never_seen` means that the core has never seen it. The same
/// holds for a payment, and its amount is the one in the answer.
/// Everything else, and no answer, is unknown. Each call is signed and sent once, and once more only after a 401 or 403.
/// A posting has the refund's id as its key.
pub fn core_answers(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    let silent = data.byte() == 1;
    let status = status(&mut data);
    let plan: [u8; PLAN] = data.array();
    let answer = Answer {
        status,
        body: changed(data.rest(), plan),
    };
    let core = Arc::new(PlayedCore {
        answer: (!silent).then(|| answer.clone()),
        asked: AtomicU32::new(0),
    });
    let said = Said::of(core.answer.as_ref());
    let Some(client) = core_client(&core) else {
        return Vec::new();
    };
    let (transaction, refund) = (&REFUNDING.0, &REFUNDING.1);

    let posted = block_on(client.refund(transaction, refund, core_api::CORE_TIMEOUT_IN_WORKER));
    core.was_asked_once();
    assert_eq!(posted, said.of_refund(refund));

    let found = block_on(client.find_refund(refund));
    core.was_asked_once();
    let expected = if said.never_saw("refund_id", &refund.id.to_string()) {
        FoundRefund::NeverSeen
    } else {
        FoundRefund::Known(said.of_refund(refund))
    };
    assert_eq!(found, expected);

    let payment = block_on(client.payment(transaction.id()));
    core.was_asked_once();
    payment_holds(&said, &payment);

    let found = match found {
        FoundRefund::Known(RefundAnswer::Succeeded) => "refund succeeded",
        FoundRefund::Known(RefundAnswer::Rejected { .. }) => "refund rejected",
        FoundRefund::Known(RefundAnswer::Pending) => "refund pending",
        FoundRefund::Known(RefundAnswer::Unknown) => "refund unknown",
        FoundRefund::NeverSeen => "refund never seen",
    };
    let payment = match payment {
        PaymentAnswer::Paid { .. } => "payment paid",
        PaymentAnswer::Failed { .. } => "payment failed",
        PaymentAnswer::NotPaid => "payment not paid",
        PaymentAnswer::Pending => "payment pending",
        PaymentAnswer::Unreadable => "payment unreadable",
        PaymentAnswer::Unknown => "payment unknown",
    };
    vec![found, payment]
}

/// The content of an answer, by a second reader.
struct Said {
    status: Option<u16>,
    fields: Option<Object>,
}

impl Said {
    fn of(answer: Option<&Answer>) -> Self {
        let fields = answer
            .filter(|answer| matches!(answer.status, 200 | 404))
            .and_then(|answer| Object::of(&answer.body))
            .filter(|fields| !fields.has_duplicate_name());
        Self {
            status: answer.map(|answer| answer.status),
            fields,
        }
    }

    /// The status in an answer about `id`.
    fn word(&self, field: &str, id: &str) -> Option<String> {
        self.word_under(200, field, id)
    }

    fn never_saw(&self, field: &str, id: &str) -> bool {
        self.word_under(404, field, id).as_deref() == Some("never_seen")
    }

    fn word_under(&self, status: u16, field: &str, id: &str) -> Option<String> {
        if self.status != Some(status) {
            return None;
        }
        let fields = self.fields.as_ref()?;
        let named = fields.text(field)?;
        named
            .eq_ignore_ascii_case(id)
            .then(|| fields.text("status"))?
    }

    fn of_refund(&self, refund: &Refund) -> RefundAnswer {
        let amount = self
            .fields
            .as_ref()
            .and_then(|fields| fields.whole("amount"));
        if amount != Some(i128::from(refund.amount.get())) {
            return RefundAnswer::Unknown;
        }
        match self.word("refund_id", &refund.id.to_string()).as_deref() {
            Some("succeeded") => RefundAnswer::Succeeded,
            Some("rejected") => RefundAnswer::Rejected {
                reason: self.reason(),
            },
            Some("pending") => RefundAnswer::Pending,
            _ => RefundAnswer::Unknown,
        }
    }

    /// A long reason is cut, and an unreadable one is ignored. It changes no result.
    fn reason<T: FromStr>(&self) -> Option<T> {
        let text = self.fields.as_ref()?.text("reason")?;
        text.chars().take(255).collect::<String>().parse().ok()
    }
}

fn payment_holds(said: &Said, payment: &PaymentAnswer) {
    let word = said.word("transaction_id", ID);
    let word = word.as_deref();
    match payment {
        PaymentAnswer::Paid { amount, details } => {
            assert_eq!(word, Some("paid"));
            let fields = said.fields.as_ref();
            assert!((1..=1 << 53).contains(&amount.get()));
            let given = fields.and_then(|fields| fields.whole("amount"));
            assert_eq!(given, Some(i128::from(amount.get())));
            let method = details.banking_method.as_ref().map(BankingMethod::as_str);
            let reference = details.core_reference.as_ref().map(CoreReference::as_str);
            for (text, name, most) in [
                (method, "partner_banking_method", 64),
                (reference, "rail_reference", 128),
            ] {
                let given = fields.and_then(|fields| fields.text(name));
                let fits = |text: &String| {
                    (1..=most).contains(&text.chars().count()) && !text.contains(acts)
                };
                assert_eq!(text, given.filter(fits).as_deref(), "{name}");
            }
        }
        PaymentAnswer::Failed { reason } => {
            assert_eq!(word, Some("failed"));
            assert_eq!(*reason, said.reason());
        }
        PaymentAnswer::NotPaid => {
            assert!(said.never_saw("transaction_id", ID) || word == Some("not_paid"));
        }
        PaymentAnswer::Pending => assert_eq!(word, Some("pending")),
        PaymentAnswer::Unreadable => {
            assert!(
                matches!(said.status, Some(200 | 404)),
                "unreadable, and an error"
            );
            let clear = is_clear(word) || said.never_saw("transaction_id", ID);
            assert!(!clear, "a clear answer was ignored");
        }
        PaymentAnswer::Unknown => assert!(
            !said.never_saw("transaction_id", ID) && !is_clear(word),
            "a clear answer was ignored"
        ),
    }
}

/// Whether the core's word about a payment needs nothing more to be believed.
fn is_clear(word: Option<&str>) -> bool {
    matches!(word, Some("failed" | "not_paid" | "pending"))
}

/// A core that always gives the same answer, and checks each call.
struct PlayedCore {
    answer: Option<Answer>,
    asked: AtomicU32,
}

impl PlayedCore {
    /// Checks that there was one call, or two if the signature was refused.
    fn was_asked_once(&self) {
        let refused = self
            .answer
            .as_ref()
            .is_some_and(|answer| matches!(answer.status, 401 | 403));
        let asked = self.asked.swap(0, Ordering::Relaxed);
        assert_eq!(asked, if refused { 2 } else { 1 });
    }
}

#[async_trait]
impl Transport for PlayedCore {
    async fn send(&self, request: Outgoing, _: Duration) -> Result<Answer, TransportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let header = |name: &str| {
            let mut named = request.headers.iter().filter(|(other, _)| *other == name);
            named.next().map(|(_, value)| value.as_str())
        };
        let relative = request.url.strip_prefix(BASE).unwrap_or_default();
        let signed = match request.method {
            Method::Get => relative.as_bytes(),
            Method::Post => request.body.as_slice(),
        };
        let headers = SignatureHeaders {
            timestamp: header(HeaderNames::PARTNER.timestamp),
            client_id: header(HeaderNames::PARTNER.client_id),
            signature: header(HeaderNames::PARTNER.signature),
        };
        let verified = core_keys().verify(&headers, signed, NOW_MS, Window::default());
        assert!(verified.is_ok(), "the core would refuse {relative}");

        let refund_id = REFUNDING.1.id.to_string();
        match request.method {
            Method::Get => assert!(
                relative == format!("/refunds/{refund_id}")
                    || relative == format!("/payments/{ID}")
            ),
            Method::Post => {
                assert_eq!(relative, "/refunds");
                assert_eq!(header("Idempotency-Key"), Some(refund_id.as_str()));
                let body = Object::of(&request.body);
                let id = body.and_then(|body| body.text("refund_id"));
                assert_eq!(id, Some(refund_id));
            }
        }
        self.answer.clone().ok_or(TransportError::TimedOut)
    }
}

fn core_client(core: &Arc<PlayedCore>) -> Option<CoreClient> {
    let client = SignedClient {
        base: BASE.parse().ok()?,
        headers: HeaderNames::PARTNER,
        get_signing: GetSigning::RelativePath,
        keys: Arc::new(CoreKeys),
        clock: Arc::new(FixedClock),
        transport: Arc::clone(core) as Arc<dyn Transport>,
    };
    Some(CoreClient::new(client, core_api::CORE_TIMEOUT_IN_WORKER))
}

/// The transaction with a reserved refund.
#[expect(
    clippy::expect_used,
    reason = "constants; a wrong one fails in the first run"
)]
static REFUNDING: LazyLock<(Transaction, Refund)> = LazyLock::new(|| {
    let command = RefundCommand {
        request_id: "R-1".parse().expect("a request id"),
        amount: Vnd::new(40_000).expect("an amount"),
        reason: "Khách hủy một phần đơn".parse().expect("a reason"),
    };
    let reservation = PAID.reserve_refund(&command, now()).ok();
    let (id, change) = match reservation {
        Some(Reservation::Reserve(id, change)) => Some((id, change)),
        _ => None,
    }
    .expect("a new refund");
    let transaction = change.assume_committed();
    let refund = transaction.refund_by_id(id).cloned();
    (transaction, refund.expect("the refund"))
});

/// The contract's answers with each status and with each field at its limits; and the samples' bodies, which are not
/// answers.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let seed =
        |silent: u8, status: u8, text: &[u8]| [&[silent, status, 0][..], &[0; PLAN], text].concat();
    let refund_id = REFUNDING.1.id.to_string();
    let answers = ANSWERS.map(|text| text.replace("REFUND", &refund_id).replace("PAYMENT", ID));
    let under_each = answers.iter().flat_map(|text| {
        let statuses = 0..u8::try_from(STATUSES.len()).unwrap_or(u8::MAX);
        statuses.map(move |status| seed(0, status, text.as_bytes()))
    });
    let bodies = samples.iter().filter_map(|s| s.event.body.as_deref());
    let variants = answers.iter().flat_map(|text| variants(text));
    under_each
        .chain(variants.map(|text| seed(0, 0, &text)))
        .chain(bodies.map(|body| seed(0, 0, body.as_bytes())))
        .chain([seed(1, 0, b"")])
        .collect()
}

const ANSWERS: [&str; 11] = [
    r#"{"refund_id":"REFUND","amount":40000,"status":"succeeded"}"#,
    r#"{"refund_id":"REFUND","amount":"40000.00","status":"pending"}"#,
    r#"{"refund_id":"REFUND","amount":40000,"status":"rejected","reason":"no such account"}"#,
    r#"{"refund_id":"REFUND","amount":1,"status":"succeeded"}"#,
    r#"{"refund_id":"REFUND","status":"never_seen"}"#,
    r#"{"transaction_id":"PAYMENT","status":"never_seen"}"#,
    r#"{"transaction_id":"PAYMENT","status":"paid","amount":100000,"paid_at":"2026-11-23T10:00:00+07:00","partner_banking_method":"ACCOUNT","rail_reference":"FT0001"}"#,
    r#"{"transaction_id":"PAYMENT","status":"paid","amount":"100000","paid_at":7,"partner_banking_method":"","rail_reference":null}"#,
    r#"{"transaction_id":"PAYMENT","status":"failed","reason":"not enough money"}"#,
    r#"{"transaction_id":"PAYMENT","status":"not_paid"}"#,
    r#"{"transaction_id":"PAYMENT","status":"pending"}"#,
];

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_meaning_that_the_core_did_not_send_is_detected() {
        let is_detected = |status, body: &str, payment: &PaymentAnswer| {
            let body = body.replace("PAYMENT", ID).into_bytes();
            let said = Said::of(Some(&Answer { status, body }));
            catch_unwind(|| payment_holds(&said, payment)).is_err()
        };
        let not_paid = r#"{"transaction_id":"PAYMENT","status":"not_paid"}"#;
        assert!(!is_detected(200, not_paid, &PaymentAnswer::NotPaid));
        assert!(is_detected(200, not_paid, &PaymentAnswer::Unknown));
        assert!(is_detected(201, not_paid, &PaymentAnswer::NotPaid));
        assert!(!is_detected(404, not_paid, &PaymentAnswer::Unknown));
        assert!(is_detected(404, not_paid, &PaymentAnswer::NotPaid));
        let never = r#"{"transaction_id":"PAYMENT","status":"never_seen"}"#;
        assert!(!is_detected(404, never, &PaymentAnswer::NotPaid));
        assert!(is_detected(404, never, &PaymentAnswer::Unknown));
        assert!(is_detected(200, never, &PaymentAnswer::NotPaid));
        let another = not_paid.replace("PAYMENT", "another");
        assert!(is_detected(200, &another, &PaymentAnswer::NotPaid));
        assert!(!is_detected(200, &another, &PaymentAnswer::Unknown));

        let paid =
            |amount| format!(r#"{{"transaction_id":"PAYMENT","status":"paid","amount":{amount}}}"#);
        let says = PaymentAnswer::Paid {
            amount: PAID.order().amount,
            details: domain::PaidDetails::default(),
        };
        assert!(!is_detected(200, &paid("100000"), &says));
        assert!(is_detected(200, &paid("100001"), &says));
        assert!(is_detected(200, &paid("100000.5"), &says));
    }
}
