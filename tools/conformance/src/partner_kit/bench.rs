//! Tiki's backend and its customer: what the cases use.

use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PartnerKit, Pay};
use crate::browser;
use crate::call::{Answer, Request};
use crate::cases::TestCase;
use crate::clock;
use crate::clock::now_ms;
use crate::verdict::{Stop, Verdict, ensure};

/// The `order_code` of the payment that nobody pays.
const EXPIRES: &str = "TC-75";

/// A payment that the partner's side has created.
#[derive(Clone, Debug)]
pub(super) struct Created {
    /// The body with which it was created.
    pub(super) body: Value,
    pub(super) answer: Answer,
    pub(super) tiki_id: String,
    pub(super) id: String,
    pub(super) payment_url: String,
}

/// A new id of Tiki.
pub(super) fn new_id() -> String {
    let number = Uuid::new_v4().as_u128() % 1_000_000_000;
    format!("261123TIKIVIP-{number}-{}", now_ms() / 1000)
}

/// The answer has the status and the code of the case.
pub(super) fn expect(case: &TestCase, answer: &Answer) -> Verdict {
    let code = case.expect_code.map(i64::from);
    let right = answer.status == case.expect_http && (code.is_none() || answer.code() == code);
    let code = code.map_or(String::new(), |code| format!(" with code {code}"));
    ensure(right, format!("HTTP {}{code}", case.expect_http), || {
        answer.shown()
    })?;
    let message = answer.json["message"].as_str().unwrap_or_default();
    ensure(
        case.expect_code.is_none() || !message.is_empty(),
        "a message beside the code",
        || answer.shown(),
    )
}

/// The message of a refusal names the field.
pub(super) fn names(answer: &Answer, field: &str) -> Verdict {
    let message = answer.json["message"].as_str().unwrap_or_default();
    let expected = format!("a message that names {field}");
    ensure(message.contains(field), expected, || answer.shown())
}

impl PartnerKit {
    /// The body of a create call for a new order.
    pub(super) fn new_order(&self, fails_first: bool) -> Value {
        let id = new_id();
        self.tiki.add_order(&id, self.options.amount, fails_first);
        json!({ "tiki_transaction_id": id, "transaction_amount": self.options.amount })
    }

    /// Sends a create call with one thing changed.
    pub(super) fn create<'k>(
        &'k self,
        case: &'static TestCase,
        change: fn(&mut Value),
    ) -> BoxFuture<'k, Verdict> {
        self.create_naming(case, "", change)
    }

    /// The same, and the refusal names a field.
    pub(super) fn create_naming<'k>(
        &'k self,
        case: &'static TestCase,
        field: &'static str,
        change: fn(&mut Value),
    ) -> BoxFuture<'k, Verdict> {
        async move {
            let mut body = self.new_order(false);
            change(&mut body);
            let answer = self
                .partner
                .send(Request::post("/transactions", &body))
                .await?;
            expect(case, &answer)?;
            names(&answer, field)
        }
        .boxed()
    }

    /// Sends a create call that is signed in another way.
    pub(super) fn signed<'k>(
        &'k self,
        case: &'static TestCase,
        change: fn(Request) -> Request,
    ) -> BoxFuture<'k, Verdict> {
        async move {
            let call = Request::post("/transactions", &self.new_order(false));
            expect(case, &self.partner.send(change(call)).await?)
        }
        .boxed()
    }

    async fn new_payment(&self, fails_first: bool) -> Verdict<Created> {
        self.create_payment(self.new_order(fails_first)).await
    }

    async fn create_payment(&self, body: Value) -> Verdict<Created> {
        let answer = self
            .partner
            .send(Request::post("/transactions", &body))
            .await?;
        let data = &answer.json["data"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let created = (answer.status, answer.code()) == (200, Some(0));
        match (text(&data["transaction_id"]), text(&data["payment_url"])) {
            (Some(id), Some(payment_url)) if created => Ok(Created {
                tiki_id: text(&body["tiki_transaction_id"]).unwrap_or_default(),
                body,
                id,
                payment_url,
                answer,
            }),
            _ => Err(Stop::failed(
                "HTTP 200 with code 0, transaction_id and payment_url",
                answer.shown(),
            )),
        }
    }

    /// The payment of TC-01.
    pub(super) async fn created(&self) -> Verdict<&Created> {
        let created = self.created.get_or_init(|| self.new_payment(false)).await;
        created.as_ref().map_err(Clone::clone)
    }

    /// The same for a case that is about something else.
    pub(super) async fn payment(&self) -> Verdict<&Created> {
        self.created()
            .await
            .map_err(|stop| no_payment("created", stop))
    }

    /// A payment that a customer has paid.
    pub(super) async fn paid(&self) -> Verdict<&Created> {
        let pay = async || {
            self.payment().await?;
            let payment = self.new_payment(self.host.is_some()).await?;
            self.decide(&payment, "pay").await?;
            self.until_paid(&payment).await?;
            Ok(payment)
        };
        let paid = self.paid.get_or_init(pay).await;
        paid.as_ref().map_err(Clone::clone)
    }

    /// The same for a case that is about something else.
    pub(super) async fn paid_payment(&self) -> Verdict<&Created> {
        self.paid().await.map_err(|stop| no_payment("paid", stop))
    }

    /// A payment that a customer has cancelled.
    pub(super) async fn cancelled(&self) -> Verdict<&Created> {
        let cancel = async || {
            self.payment().await?;
            let payment = self.new_payment(false).await?;
            self.decide(&payment, "cancel").await?;
            self.until_decided(&payment, self.patience()).await?;
            Ok(payment)
        };
        let cancelled = self.cancelled.get_or_init(cancel).await;
        cancelled.as_ref().map_err(Clone::clone)
    }

    /// A payment that nobody pays, and that is not pending any more.
    pub(super) async fn expired(&self) -> Verdict<Created> {
        if !self.options.slow {
            let why = "it needs more than five minutes of waiting (--slow)";
            return Err(Stop::skipped(why));
        }
        self.payment().await?;
        let mut body = self.new_order(false);
        body["expires_in"] = json!(300);
        body["order_code"] = json!(EXPIRES);
        let payment = self.create_payment(body).await?;
        self.until_decided(&payment, self.options.limits.expired)
            .await?;
        Ok(payment)
    }

    /// Another paid payment than [`PartnerKit::paid`].
    pub(super) async fn another_paid(&self) -> Verdict<Created> {
        self.paid_payment().await?;
        let payment = self.new_payment(false).await?;
        self.decide(&payment, "pay").await?;
        self.until_decided(&payment, self.patience()).await?;
        Ok(payment)
    }

    /// The customer decides: `pay` or `cancel`.
    async fn decide(&self, payment: &Created, button: &str) -> Verdict {
        match self.options.pay {
            Pay::Nothing => Err(Stop::skipped("no payment is paid (--pay none)")),
            Pay::Hand => {
                let what = if button == "pay" {
                    "Open this link and pay"
                } else {
                    "Open this link and cancel the payment"
                };
                let _ = self.says.send(format!("{what}:\n{}", payment.payment_url));
                Ok(())
            }
            Pay::Form => {
                let http = &self.partner.http;
                let link = browser::open(http, &payment.payment_url).await?.answer;
                let screen = link.header("location").ok_or_else(|| {
                    Stop::failed("a redirect to the payment screen", link.shown())
                })?;
                let page = browser::open(http, screen).await?;
                let form = page.form()?;
                let answer = page.submit(http, &form, button).await?;
                ensure(answer.status < 400, "a redirect back", || answer.shown())
            }
        }
    }

    /// How long a decision may take.
    fn patience(&self) -> Duration {
        match self.options.pay {
            Pay::Hand => self.options.limits.person,
            Pay::Form | Pay::Nothing => self.options.limits.paid,
        }
    }

    async fn until_paid(&self, payment: &Created) -> Verdict {
        let checked = self.until_decided(payment, self.patience()).await?;
        let paid = checked.json["status"] == "SUCCESS";
        ensure(paid, "the status SUCCESS", || checked.shown())
    }

    /// Waits until the look-up says another status than PENDING, and returns its answer.
    async fn until_decided(&self, payment: &Created, limit: Duration) -> Verdict<Answer> {
        let began = Instant::now();
        loop {
            let checked = self
                .check(&json!({ "tiki_transaction_id": payment.tiki_id }))
                .await?;
            if checked.status == 200 && checked.json["status"] != "PENDING" {
                return Ok(checked);
            }
            if began.elapsed() > limit {
                let expected = format!("a final status within {} s", limit.as_secs());
                return Err(Stop::failed(expected, checked.shown()));
            }
            clock::wait(limit / 100).await;
        }
    }

    /// Looks a payment up by POST.
    pub(super) async fn check(&self, body: &Value) -> Verdict<Answer> {
        self.partner
            .send(Request::post("/transactions/query", body))
            .await
    }
}

/// A case that needs a payment is skipped without one: another case says why there is none.
fn no_payment(what: &str, stop: Stop) -> Stop {
    match stop {
        Stop::Failed { found, .. } => Stop::skipped(format!("no payment could be {what}: {found}")),
        Stop::Skipped(why) => Stop::Skipped(why),
    }
}
