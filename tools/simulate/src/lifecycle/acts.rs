//! The actions of the customer, Tiki and the core during a payment.

use domain::Status;
use serde_json::json;

use super::Customer;
use crate::calls::{Call, Intent};
use crate::choices::Lane;
use crate::core::Paying;
use crate::invocation::Answered;
use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

impl World {
    pub(super) fn tiki_creates(&mut self, payment: usize, tried: u32) {
        let simulated = &self.payments[payment];
        let body = simulated.body.clone();
        self.say(
            payment,
            Intent::Create,
            body,
            move |world, answer| match answer.as_ref().and_then(Answered::code) {
                Some(0) if tried == 0 || world.payments[payment].paying == Paying::Not => {
                    let answer = answer.expect("an answer with a code");
                    let url = answer.json()["data"]["payment_url"]
                        .as_str()
                        .map(str::to_owned);
                    let url = url.expect("a created transaction has its link");
                    world.customer_goes(payment, &url);
                }
                Some(0 | 1 | 3..=11) => {}
                _ => world.again(payment, tried, move |world, tried| {
                    world.tiki_creates(payment, tried);
                }),
            },
        );
        if tried == 0 && self.choices.happens(Lane::of(payment), 300) {
            // The same id with other content must be refused.
            let mut other: serde_json::Value =
                serde_json::from_str(&self.payments[payment].body).expect("our own JSON");
            other["description"] = json!("another order");
            let later = self.choices.span(Lane::of(payment), MINUTE, DAY);
            self.after(later, move |world| {
                world.say_once(payment, Intent::Create, other.to_string());
            });
        }
    }

    fn customer_goes(&mut self, payment: usize, url: &str) {
        let lane = Lane::of(payment);
        let token = url.rsplit('/').next().unwrap_or_default().to_owned();
        if self.choices.happens(lane, 2000) {
            self.say_once(payment, Intent::Redirect(token.clone()), String::new());
            let back = self.some_time(lane);
            self.after(back, move |world| {
                world.say_once(payment, Intent::Return(token), String::new());
            });
        }
        if self.choices.happens(lane, 1000) {
            let early = self.choices.span(lane, SECOND, 2 * MINUTE);
            self.after(early, move |world| world.core_sends_wrong_result(payment));
        }
        let decides_slowly = self.choices.happens(lane, 5000);
        let (Customer::Pays(decides) | Customer::Cancels(decides) | Customer::Ponders(decides)) =
            self.payments[payment].customer
        else {
            return;
        };
        let ponders = matches!(self.payments[payment].customer, Customer::Ponders(_));
        if decides_slowly || ponders {
            let begins = if ponders { 2 * SECOND } else { decides / 2 };
            self.after(begins, move |world| {
                if world.payments[payment].paying == Paying::Not {
                    world.payments[payment].paying = Paying::Deciding;
                }
            });
        }
        self.after(decides, move |world| world.customer_decides(payment));
    }

    fn customer_decides(&mut self, payment: usize) {
        let lane = Lane::of(payment);
        if !matches!(
            self.payments[payment].paying,
            Paying::Not | Paying::Deciding
        ) {
            return;
        }
        let named = !self.choices.happens(lane, 2000);
        let (paying, word) = match self.payments[payment].customer {
            Customer::Pays(_) | Customer::Ponders(_) => {
                let reference = named.then(|| format!("D-{payment}"));
                (Paying::Paid { reference }, "pays")
            }
            Customer::Cancels(_) | Customer::Leaves => (Paying::Failed, "cancels"),
        };
        self.log(lane, "customer", || word.to_owned());
        if paying == Paying::Failed {
            self.payments[payment].declined = true;
            // Some cores let a declined customer try again.
            if self.choices.happens(lane, 2000) {
                let after = self.choices.span(lane, SECOND, HOUR);
                self.after(after, move |world| world.customer_pays_after_all(payment));
            }
        }
        self.payments[payment].paying = paying;
        self.payments[payment].paid_at = self.now();
        self.schedule();
        // A few cores never send a result, so that only the question at expiry finds the payment. A core that has
        // answered "not paid" must send a later result (docs/core.md).
        if self.choices.happens(lane, 400) && self.will_be_asked(payment) {
            return;
        }
        let after = self.choices.span(lane, 10, 3 * MINUTE);
        self.after(after, move |world| world.core_sends_result(payment, 0));
        if self.choices.happens(lane, 1500) {
            for _ in 0..=self.choices.below(lane, 2) {
                let after = after + self.choices.span(lane, 0, DAY);
                self.after(after, move |world| world.core_sends_wrong_result(payment));
            }
        }
    }

    /// The customer decides, and the core reports it in the same moment.
    pub(crate) fn customer_decides_at_once(&mut self, payment: usize) {
        self.customer_decides(payment);
        self.core_sends_result(payment, 0);
    }

    fn customer_pays_after_all(&mut self, payment: usize) {
        let lane = Lane::of(payment);
        self.log(lane, "customer", || "pays late".to_owned());
        let reference = Some(format!("D-{payment}"));
        self.payments[payment].paying = Paying::Paid { reference };
        self.payments[payment].paid_at = self.now();
        let after = self.choices.span(lane, 10, 3 * MINUTE);
        self.after(after, move |world| world.core_sends_result(payment, 0));
    }

    /// Whether the core is still asked at expiry, so that it need not send its result.
    fn will_be_asked(&self, payment: usize) -> bool {
        let stored = self.rows.find(self.payments[payment].id);
        stored.is_none_or(|t| t.status() == Status::Pending) && !self.payments[payment].core_said_no
    }

    pub(crate) fn core_sends_result(&mut self, payment: usize, tried: u32) {
        let simulated = &self.payments[payment];
        let (kind, body) = match &simulated.paying {
            Paying::Paid { reference } => {
                let kind = if reference.is_some() {
                    "paid"
                } else {
                    "paid, no reference"
                };
                let body = json!({
                    "status": "SUCCESS", "amount": simulated.amount, "rail_reference": reference,
                    "transaction_id": simulated.id.to_string(), "partner_banking_method": "ATM",
                });
                (kind, body)
            }
            Paying::Failed => (
                "declined",
                json!({
                    "status": "FAILURE", "reason": "simulated",
                    "transaction_id": simulated.id.to_string(),
                }),
            ),
            Paying::Not | Paying::Deciding => return,
        };
        self.say(
            payment,
            Intent::Result(kind),
            body.to_string(),
            move |world, answer| match answer.as_ref().and_then(Answered::code) {
                Some(0 | 1 | 3..=11) => {}
                _ => world.again(payment, tried, move |world, tried| {
                    world.core_sends_result(payment, tried);
                }),
            },
        );
    }

    /// The core contradicts itself. What contradicts our record must be refused, and kept.
    fn core_sends_wrong_result(&mut self, payment: usize) {
        let lane = Lane::of(payment);
        let amount = self.payments[payment].amount;
        let paid = matches!(self.payments[payment].paying, Paying::Paid { .. });
        let (kind, mut body) = match self.choices.below(lane, 3) {
            0 => {
                let said = self
                    .choices
                    .one_of(lane, &[amount + 1, amount / 2 + 1, amount + 1000]);
                // Under the payment's own reference, under another one, or under none.
                let own = format!("D-{payment}");
                let reference = match self.choices.below(lane, 3) {
                    0 => Some("D".to_owned()),
                    1 => Some(own),
                    _ => None,
                };
                let body =
                    json!({"status": "SUCCESS", "amount": said, "rail_reference": reference});
                ("paid another amount", body)
            }
            // A second debit, which our refusal shows to the core.
            1 if paid => (
                "paid a second time",
                json!({
                    "status": "SUCCESS", "amount": amount,
                    "rail_reference": self.choices.one_of(lane, &["second", "third"]),
                }),
            ),
            _ if paid && self.has_recorded_payment(payment) => (
                "declined",
                json!({"status": "FAILURE", "reason": "simulated"}),
            ),
            _ => return,
        };
        body["transaction_id"] = json!(self.payments[payment].id.to_string());
        self.say_once(payment, Intent::Result(kind), body.to_string());
    }

    fn has_recorded_payment(&self, payment: usize) -> bool {
        let stored = self.rows.find(self.payments[payment].id);
        stored.is_some_and(|t| t.money_taken().is_some())
    }

    pub(super) fn tiki_refunds(&mut self, payment: usize, number: usize, tried: u32) {
        let body = self.payments[payment].refunds[number].body.clone();
        self.audit_asks(payment, number);
        self.say(
            payment,
            Intent::Refund(number),
            body,
            move |world, answer| match answer.as_ref().and_then(Answered::code) {
                Some(0 | 1 | 3..=11) => {}
                _ => world.again(payment, tried, move |world, tried| {
                    world.tiki_refunds(payment, number, tried);
                }),
            },
        );
    }

    /// Repeats a request id with another amount. It must be refused if the first request was accepted.
    pub(super) fn tiki_reuses(&mut self, payment: usize, number: usize) {
        let plan = &self.payments[payment].refunds[number];
        let taken = self.rows.find(self.payments[payment].id).is_some_and(|t| {
            t.refunds().iter().any(|r| {
                r.origin
                    .request_id()
                    .is_some_and(|id| id.as_str() == plan.request_id)
            })
        });
        if !taken {
            return;
        }
        let mut body: serde_json::Value = serde_json::from_str(&plan.body).expect("our own JSON");
        body["transaction_amount"] = json!(plan.amount + 7);
        self.say_once(payment, Intent::Refund(usize::MAX), body.to_string());
    }

    pub(super) fn tiki_checks(&mut self, payment: usize, get: bool) {
        let (intent, body) = if get {
            (Intent::CheckByGet, String::new())
        } else {
            let body = json!({"tiki_transaction_id": self.payments[payment].tiki_id.as_str()});
            (Intent::CheckByPost, body.to_string())
        };
        self.say(payment, intent, body, move |world, answer| {
            let said = answer.as_ref().map(Answered::json).unwrap_or_default();
            // Tiki recovers in this way when it has no notification (protocol §5).
            let believes = said["code"] == 0 && world.choices.happens(Lane::of(payment), 3000);
            if believes {
                world.tiki_believes(payment, said["status"].as_str().unwrap_or_default());
            }
        });
    }

    fn say(
        &mut self,
        payment: usize,
        intent: Intent,
        body: String,
        done: impl FnOnce(&mut Self, Option<Answered>) + Send + 'static,
    ) {
        let call = Call {
            payment,
            intent,
            body,
            sent: self.now(),
        };
        self.call(call, done);
    }

    pub(super) fn say_once(&mut self, payment: usize, intent: Intent, body: String) {
        self.say(payment, intent, body, |_, _| {});
    }

    /// A caller without a clear answer repeats the call at growing intervals, without a limit.
    fn again(
        &mut self,
        payment: usize,
        tried: u32,
        repeat: impl FnOnce(&mut Self, u32) + Send + 'static,
    ) {
        let lane = Lane::of(payment);
        let base = [2 * SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR];
        let base = base[usize::try_from(tried).unwrap_or(0).min(base.len() - 1)];
        let wait = base + self.choices.span(lane, 0, base / 2);
        self.after(wait, move |world| repeat(world, tried + 1));
    }
}
