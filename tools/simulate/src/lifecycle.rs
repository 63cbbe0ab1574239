//! One payment's life, as the world outside our code plans and lives it: the customer, Tiki's buying and
//! refunding, the core's reporting.

mod acts;

use domain::{TikiTransactionId, TransactionId};
use serde_json::json;

use crate::calls::Intent;
use crate::choices::Lane;
use crate::core::Paying;
use crate::fault::Fault;
use crate::tiki::{Order, Words};
use crate::wiring::{MAX_AMOUNT, MIN_AMOUNT, client_id};
use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

/// A payment: the plan, and what has come of it outside our code.
pub(crate) struct Life {
    pub(crate) tiki_id: TikiTransactionId,
    pub(crate) id: TransactionId,
    pub(crate) amount: u64,
    pub(crate) order: Order,
    pub(crate) words: Words,
    pub(crate) paying: Paying,
    /// The core has told us, in so many words, that it was not paid.
    pub(crate) core_said_no: bool,
    /// The customer has once been declined, or has cancelled.
    pub(crate) declined: bool,
    pub(crate) refunds: Vec<RefundPlan>,
    customer: Customer,
    session: bool,
    body: String,
}

/// A refund that Tiki asks for.
#[derive(Clone, Debug)]
pub(crate) struct RefundPlan {
    pub(crate) request_id: String,
    pub(crate) amount: u64,
    pub(crate) body: String,
}

/// What the customer does at the payment screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Customer {
    /// Pays after so many milliseconds; in time, or not.
    Pays(i64),
    /// Cancels after so many milliseconds.
    Cancels(i64),
    /// Goes away.
    Leaves,
}

impl World {
    /// A new payment comes into the world, and its life takes its course.
    pub(crate) fn begin_a_life(&mut self) {
        let payment = self.lives.len();
        let lane = Lane::of(payment);
        // The tamest life is none; so a failing run can be made smaller by a whole payment.
        let lives = self.choices.below(lane, 2048) > 0;
        let life = self.plan(payment, lane);
        self.by_id.insert(life.id, payment);
        self.lives.push(life);
        if !lives {
            return;
        }
        self.reconcile_from_now_on();
        if self.lives[payment].session {
            let body =
                json!({"identify_code": format!("SIM-{payment}"), "identify_phone": "0912345678"});
            self.say_once(payment, Intent::Webview, body.to_string());
        }
        self.after(SECOND, move |world| world.tiki_creates(payment, 0));
        self.plan_refunds(payment, lane);
        for _ in 0..self.choices.below(lane, 4) {
            let at = self.some_time(lane);
            let get = self.choices.happens(lane, 5000);
            self.after(at, move |world| world.tiki_checks(payment, get));
        }
    }

    fn plan(&mut self, payment: usize, lane: Lane) -> Life {
        let choices = &mut self.choices;
        let tiki_id: TikiTransactionId = format!("SIM-{payment}").parse().expect("an id");
        let amount = match choices.below(lane, 40) {
            0 => MIN_AMOUNT,
            1 => MAX_AMOUNT,
            // Outside the limits: refused.
            2 => MIN_AMOUNT - 1,
            _ => MIN_AMOUNT + choices.below(lane, 1_000_000),
        };
        let customer = match choices.below(lane, 20) {
            0..=12 => Customer::Pays(choices.span(lane, 2 * SECOND, 4 * MINUTE)),
            // Around the moment of expiry, and the moment when the core is asked about it.
            13 | 14 => Customer::Pays(choices.span(lane, 4 * MINUTE, 9 * MINUTE)),
            15 => Customer::Pays(choices.span(lane, 5 * MINUTE, 2 * HOUR)),
            16 | 17 => Customer::Cancels(choices.span(lane, 2 * SECOND, 7 * MINUTE)),
            _ => Customer::Leaves,
        };
        let order = match choices.below(lane, 40) {
            0..=28 => Order::Waiting,
            29 => Order::Broken,
            30 | 31 => Order::Cancelled,
            32 | 33 => Order::Missing,
            34 | 35 => Order::Failure,
            36 => Order::OfAnother,
            37 => Order::OtherAmount,
            38 => Order::InvalidField,
            _ => Order::Success,
        };
        let session = choices.happens(lane, 1000);
        let mut body = json!({
            "tiki_transaction_id": tiki_id.as_str(), "transaction_amount": amount, "expires_in": 300,
        });
        if session {
            body["request_id"] = json!(format!("W-{payment}"));
        }
        Life {
            id: TransactionId::derive(&client_id(), &tiki_id),
            tiki_id,
            amount,
            order,
            words: Words::default(),
            paying: Paying::Not,
            core_said_no: false,
            declined: false,
            refunds: Vec::new(),
            customer,
            session,
            body: body.to_string(),
        }
    }

    /// Refunds in part, in full and of too much, before and after the payment is final, alone and in crowds.
    fn plan_refunds(&mut self, payment: usize, lane: Lane) {
        let count = self.choices.index(lane, 6).saturating_sub(1);
        let crowd = self.choices.happens(lane, 3000);
        let together = self.some_time(lane);
        for number in 0..count {
            let amount = self.lives[payment].amount;
            let amount = match self.choices.below(lane, 8) {
                0..=2 => amount / 3 + 1,
                3 => amount / 2,
                4 => amount,
                5 => amount + 1,
                6 => 1,
                _ => 1 + self.choices.below(lane, amount),
            };
            let at = if crowd {
                together + self.choices.span(lane, 0, 100)
            } else {
                self.some_time(lane)
            };
            let life = &mut self.lives[payment];
            let request_id = format!("R-{payment}-{number}");
            let body = json!({
                "tiki_transaction_id": life.tiki_id.as_str(), "transaction_id": life.id.to_string(),
                "transaction_amount": amount, "reason": "simulated", "request_id": request_id,
            });
            life.refunds.push(RefundPlan {
                request_id,
                amount,
                body: body.to_string(),
            });
            self.after(at, move |world| world.tiki_refunds(payment, number, 0));
            if self.choices.happens(lane, 800) {
                let at = at + self.choices.span(lane, 0, DAY);
                self.after(at, move |world| world.tiki_reuses(payment, number));
            }
        }
    }

    /// Some time after the beginning of a life: mostly soon, sometimes days later.
    fn some_time(&mut self, lane: Lane) -> i64 {
        let most = self
            .choices
            .one_of(lane, &[2 * MINUTE, 10 * MINUTE, HOUR, 2 * DAY]);
        self.choices.span(lane, 2 * SECOND, most)
    }

    /// What happens to the world at large, from time to time.
    pub(crate) fn weather(&mut self) {
        let lane = Lane::WORLD;
        let lengths = [5 * MINUTE, HOUR, 10 * HOUR, 2 * DAY];
        if self.inject(lane, Fault::TikiDown) {
            let most = self.choices.one_of(lane, &lengths);
            self.tiki.down_until = self.now() + self.choices.span(lane, MINUTE, most);
        }
        if self.inject(lane, Fault::CoreDown) {
            let most = self.choices.one_of(lane, &lengths);
            self.core.down_until = self.now() + self.choices.span(lane, MINUTE, most);
        }
        if self.inject(lane, Fault::SecretRotated) {
            self.rotate_a_secret();
        }
    }
}
