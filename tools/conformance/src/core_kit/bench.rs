//! The payments that the checks use, and how they are paid.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use signing::Keyring;
use url::Url;
use uuid::Uuid;

use super::CoreKit;
use super::partner_api::{Fault, Received};
use crate::browser::{self, HtmlForm, Page};
use crate::call::{Answer, Request};
use crate::clock::{self, now_ms};
use crate::verdict::{Stop, Verdict, ensure};

/// So long a customer may pay, in milliseconds.
const EXPIRES_AFTER_MS: i64 = 15 * 60 * 1000;
/// A refund that is `pending` is asked about so often.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// A refund that is answered with 503 is posted again so often: a core may not wait for the lock of a payment.
const MOST_REPEATS: usize = 4;

/// A payment as this backend knows it.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) tiki_id: String,
    pub(super) amount: u64,
    pub(super) created_at_ms: i64,
    pub(super) expires_at_ms: i64,
    pub(super) return_url: String,
}

/// A payment on whose screen a customer has decided.
pub(super) struct Paid {
    pub(super) payment: Payment,
    /// The result that the kit accepted.
    pub(super) result: Received,
    /// Nothing if a person paid.
    pub(super) submitted: Option<Submitted>,
}

/// A form that was submitted.
pub(super) struct Submitted {
    pub(super) page: Page,
    pub(super) form: HtmlForm,
    pub(super) answer: Answer,
    /// A result of the payment was accepted before the customer's browser had this answer.
    pub(super) after_result: bool,
}

/// A refund, as it is posted.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) body: Value,
}

impl Refund {
    pub(super) fn path(&self) -> String {
        format!("/refunds/{}", self.id)
    }

    /// The call that posts it.
    pub(super) fn call(&self) -> Request {
        Request::post("/refunds", &self.body).header("idempotency-key", &*self.id)
    }

    /// The same id with another value of a field.
    pub(super) fn with(&self, field: &str, value: impl Into<Value>) -> Self {
        let mut other = self.clone();
        other.body[field] = value.into();
        other
    }
}

/// The refunds of the run about which the core has said a final word: the first post of each, and that word.
#[derive(Default)]
pub(super) struct FinalRefunds(Mutex<Vec<(Refund, String)>>);

impl FinalRefunds {
    pub(super) fn all(&self) -> Vec<(Refund, String)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn add(&self, refund: &Refund, answer: &Answer) {
        let status = answer.json["status"].as_str().unwrap_or_default();
        if answer.status != 200 || !matches!(status, "succeeded" | "rejected") {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().all(|(other, _)| other.id != refund.id) {
            known.push((refund.clone(), status.to_owned()));
        }
    }
}

impl Payment {
    /// A new refund of it.
    pub(super) fn refund(&self, amount: u64, refunded_so_far: u64) -> Refund {
        let id = Uuid::new_v4().to_string();
        let body = json!({
            "refund_id": id,
            "transaction_id": self.id,
            "tiki_transaction_id": self.tiki_id,
            "amount": amount,
            "refunded_so_far": refunded_so_far,
            "reason": "Khách hủy đơn “thử nghiệm”",
        });
        Refund { id, body }
    }

    pub(super) fn path(&self) -> String {
        format!("/payments/{}", self.id)
    }

    /// The parameters of the payment screen that are signed.
    pub(super) fn parameters(&self) -> [(&'static str, String); 4] {
        [
            ("transaction_id", self.id.clone()),
            ("amount", self.amount.to_string()),
            ("expires_at", self.expires_at_ms.to_string()),
            ("return_url", self.return_url.clone()),
        ]
    }
}

impl CoreKit {
    /// A new payment, which the kit's API knows.
    pub(super) fn order(&self) -> Payment {
        self.order_answered(&[])
    }

    /// The same; the API answers its first results with these faults.
    pub(super) fn order_answered(&self, faults: &[Fault]) -> Payment {
        let payment = self.new_payment();
        self.api.add(&payment, faults);
        payment
    }

    /// A new payment of this amount, which the kit's API knows.
    pub(super) fn order_of(&self, amount: u64) -> Payment {
        let payment = Payment {
            amount,
            ..self.new_payment()
        };
        self.api.add(&payment, &[]);
        payment
    }

    /// A new payment, which the kit's API does not know yet.
    pub(super) fn new_payment(&self) -> Payment {
        let id = Uuid::new_v4().to_string();
        let number = Uuid::new_v4().as_u128() % 1_000_000_000;
        let now = now_ms();
        Payment {
            tiki_id: format!("261123TIKIVIP-{number}-{}", now / 1000),
            amount: self.options.amount,
            created_at_ms: now,
            expires_at_ms: now + EXPIRES_AFTER_MS,
            return_url: format!("{}/pay/{id}/return", self.host.url),
            id,
        }
    }

    /// The signed link to the payment screen: over path and query up to, and without, `&client_id=`.
    pub(super) fn link(&self, payment: &Payment) -> Url {
        self.link_at(payment, now_ms())
    }

    /// The same, signed at another time.
    pub(super) fn link_at(&self, payment: &Payment, signed_at_ms: i64) -> Url {
        self.link_by(&self.keys, payment, signed_at_ms)
    }

    /// The same, signed with these keys.
    pub(super) fn link_by(&self, keys: &Keyring, payment: &Payment, signed_at_ms: i64) -> Url {
        let mut url = self.screen_url.clone();
        url.query_pairs_mut().extend_pairs(payment.parameters());
        let query = url.query().unwrap_or_default();
        let signed = format!("{}?{query}", url.path());
        let signed = keys.sign(signed_at_ms, signed.as_bytes());
        url.query_pairs_mut()
            .append_pair("client_id", &signed.client_id)
            .append_pair("timestamp", &signed.timestamp)
            .append_pair("signature", &signed.signature);
        url
    }

    /// Opens the payment screen of a link.
    pub(super) async fn open(&self, link: &Url) -> Verdict<Page> {
        browser::open(&self.core.http, link.as_str()).await
    }

    /// Lets the customer decide: `pay` or `cancel`.
    pub(super) async fn decide(&self, payment: Payment, button: &str) -> Verdict<Paid> {
        let limit = self.options.limits.result;
        self.decide_within(payment, button, limit).await
    }

    /// The same; so long the kit waits for a result that it accepts.
    pub(super) async fn decide_within(
        &self,
        payment: Payment,
        button: &str,
        limit: Duration,
    ) -> Verdict<Paid> {
        let link = self.link(&payment);
        let mut submitted = None;
        let limit = if self.options.by_hand {
            let what = if button == "pay" {
                "Open this link and pay"
            } else {
                "Open this link and cancel the payment"
            };
            let _ = self.says.send(format!("{what}:\n{link}"));
            self.options.limits.person
        } else {
            let page = self.open(&link).await?;
            let form = page.form()?;
            let answer = page.submit(&self.core.http, &form, button).await?;
            let after_result = self.api.has_accepted(&payment.id);
            submitted = Some(Submitted {
                page,
                form,
                answer,
                after_result,
            });
            limit
        };
        match self.api.accepted(&payment.id, limit).await {
            Some(result) => Ok(Paid {
                payment,
                result,
                submitted,
            }),
            None => Err(self.no_result(&payment, limit.as_secs())),
        }
    }

    fn no_result(&self, payment: &Payment, seconds: u64) -> Stop {
        let api = &self.host.url;
        let expected = format!(
            "a payment result at {api}/partner/v1/payments/{}/result within {seconds} seconds",
            payment.id
        );
        let results = self.api.results(&payment.id);
        let strays = self.api.strays();
        let refused = results
            .last()
            .and_then(|last| last.signature.as_ref().err());
        let found = match (refused, strays.last()) {
            (Some(problem), _) => format!("a result that is refused: {problem}"),
            (None, _) if !results.is_empty() => {
                let answered = results.iter().map(|result| result.answered.to_string());
                let answered = answered.collect::<Vec<_>>().join(", ");
                format!("results that the kit answered badly ({answered}), and no further one")
            }
            (None, Some(stray)) => format!("no result, but this call: {stray}"),
            (None, None) => "no result. Is the core's setting for our API this address?".to_owned(),
        };
        Stop::failed(expected, found)
    }

    /// The first payment: its first result was answered with an error.
    pub(super) async fn first(&self) -> Verdict<&Paid> {
        let pay = async || {
            let fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
            self.decide(self.order_answered(&[fault]), "pay").await
        };
        let paid = self.first.get_or_init(pay).await;
        paid.as_ref().map_err(Clone::clone)
    }

    /// The payment that the customer cancelled.
    pub(super) async fn cancelled(&self) -> Verdict<&Paid> {
        let cancel = async || self.decide(self.order(), "cancel").await;
        let cancelled = self.cancelled.get_or_init(cancel).await;
        cancelled.as_ref().map_err(Clone::clone)
    }

    /// The payment whose screen was opened only.
    pub(super) async fn unpaid(&self) -> Verdict<&Payment> {
        let open = async || {
            let payment = self.order();
            if !self.options.by_hand {
                self.open(&self.link(&payment)).await?;
            }
            Ok(payment)
        };
        let unpaid = self.unpaid.get_or_init(open).await;
        unpaid.as_ref().map_err(Clone::clone)
    }

    /// A payment that is paid, for a check that is about something else.
    pub(super) async fn paid(&self) -> Verdict<Payment> {
        // One that cannot be made is one finding, and not twenty.
        self.first().await.map_err(no_payment)?;
        let paid = self.decide(self.order(), "pay").await;
        Ok(paid.map_err(no_payment)?.payment)
    }

    /// Posts a refund.
    pub(super) async fn refund(&self, refund: &Refund) -> Verdict<Answer> {
        let answer = self.core.send(refund.call()).await?;
        self.refunds.add(refund, &answer);
        Ok(answer)
    }

    /// Posts a refund, and waits until the answer is final. After 503 the kit asks by the id, and posts it again some
    /// times if it was never seen, as our worker does.
    pub(super) async fn refund_to_its_end(&self, refund: &Refund) -> Verdict<Answer> {
        let mut answer = self.refund(refund).await?;
        for _ in 0..MOST_REPEATS {
            if answer.status != 503 {
                break;
            }
            clock::wait(ASK_EVERY).await;
            answer = self.core.get(refund.path()).await?;
            if answer.json["status"] == "never_seen" {
                answer = self.refund(refund).await?;
            }
        }
        self.when_final(refund, answer).await
    }

    /// The answer about a refund when it is final. While it is `pending` the kit asks by its id, as our worker does.
    pub(super) async fn when_final(&self, refund: &Refund, answer: Answer) -> Verdict<Answer> {
        let began = Instant::now();
        let limit = self.options.limits.refund;
        let mut answer = answer;
        while answer.status == 200 && answer.json["status"] == "pending" {
            let expected = format!("a final answer within {} seconds", limit.as_secs());
            ensure(began.elapsed() < limit, expected, || answer.shown())?;
            clock::wait(ASK_EVERY).await;
            answer = self.core.get(refund.path()).await?;
        }
        self.refunds.add(refund, &answer);
        Ok(answer)
    }

    /// Posts a refund that must go back, at once or later.
    pub(super) async fn refunded(&self, refund: &Refund) -> Verdict {
        let answer = self.refund_to_its_end(refund).await?;
        succeeded(&answer, refund)
    }
}

/// A check that needs a payment is skipped without one: the checks of the screen say why there is none.
pub(super) fn no_payment(stop: Stop) -> Stop {
    match stop {
        Stop::Failed { expected, found } => Stop::skipped(format!(
            "no payment could be made: expected {expected}, found {found}"
        )),
        Stop::Skipped(why) => Stop::Skipped(why),
    }
}

/// The answer says that the money is back, and names the refund.
pub(super) fn succeeded(answer: &Answer, refund: &Refund) -> Verdict {
    let status = json!({
        "refund_id": refund.id,
        "amount": refund.body["amount"],
        "status": "succeeded",
    });
    crate::verdict::says(answer, 200, &status)
}
