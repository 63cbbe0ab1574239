//! The life cycle of a payment outside our code: the customer, Tiki's orders and refunds, and the core's payment
//! results.

mod acts;

use domain::{TikiTransactionId, TransactionId};
use serde_json::json;

use crate::calls::Intent;
use crate::choices::Lane;
use crate::core::Paying;
use crate::fault::Fault;
use crate::said::TikiLog;
use crate::tiki::Order;
use crate::wiring::{MAX_AMOUNT, MIN_AMOUNT};
use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

/// A payment: its plan, and its state outside our code.
pub(crate) struct SimulatedPayment {
    pub(crate) tiki_id: TikiTransactionId,
    pub(crate) id: TransactionId,
    pub(crate) amount: u64,
    pub(crate) order: Order,
    /// What Tiki has heard and said of it.
    pub(crate) log: TikiLog,
    /// Until when Tiki's replicas do not have it.
    pub(crate) lags_until: i64,
    pub(crate) paying: Paying,
    /// When it was paid, at the core.
    pub(crate) paid_at: i64,
    /// The core has answered clearly that it was not paid.
    pub(crate) core_said_no: bool,
    /// The customer was declined or has cancelled.
    pub(crate) declined: bool,
    pub(crate) refunds: Vec<RefundPlan>,
    customer: Customer,
    session: bool,
    body: String,
}

/// A refund that Tiki requests.
#[derive(Clone, Debug)]
pub(crate) struct RefundPlan {
    pub(crate) request_id: String,
    pub(crate) amount: u64,
    pub(crate) body: String,
}

/// What the customer does at the payment screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Customer {
    /// Pays after so many milliseconds, in time or late.
    Pays(i64),
    /// Cancels after so many milliseconds.
    Cancels(i64),
    /// Thinks for so many milliseconds, far beyond the expiry, and then pays.
    Ponders(i64),
    /// Leaves without a decision.
    Leaves,
}

impl World {
    /// Adds a payment and plans its life cycle.
    pub(crate) fn start_payment(&mut self) {
        let payment = self.payments.len();
        let lane = Lane::of(payment);
        // The mildest choice is no payment at all, so that shrinking can remove a whole payment.
        let takes_place = self.choices.below(lane, 2048) > 0;
        let simulated = self.plan(payment, lane);
        self.by_id.insert(simulated.id, payment);
        self.payments.push(simulated);
        if !takes_place {
            return;
        }
        self.reconcile_from_now_on();
        if self.payments[payment].session {
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

    fn plan(&mut self, payment: usize, lane: Lane) -> SimulatedPayment {
        let choices = &mut self.choices;
        let tiki_id: TikiTransactionId = format!("SIM-{payment}").parse().expect("an id");
        let amount = match choices.below(lane, 40) {
            0 => MIN_AMOUNT,
            1 => MAX_AMOUNT,
            // Below the limit, so it is refused.
            2 => MIN_AMOUNT - 1,
            _ => MIN_AMOUNT + choices.below(lane, 1_000_000),
        };
        let ponders = choices.happens(lane, 80);
        let customer = match choices.below(lane, 20) {
            _ if ponders => Customer::Ponders(choices.span(lane, 22 * HOUR, 32 * HOUR)),
            0..=12 => Customer::Pays(choices.span(lane, 2 * SECOND, 4 * MINUTE)),
            // Around the expiry, and around the time at which the core is asked about it.
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
        SimulatedPayment {
            id: TransactionId::derive(&tiki_id),
            tiki_id,
            amount,
            order,
            log: TikiLog::default(),
            lags_until: 0,
            paying: Paying::Not,
            paid_at: 0,
            core_said_no: false,
            declined: false,
            refunds: Vec::new(),
            customer,
            session,
            body: body.to_string(),
        }
    }

    /// Plans partial, full and too large refunds, before and after the payment is final, alone and concurrent.
    fn plan_refunds(&mut self, payment: usize, lane: Lane) {
        let count = self.choices.index(lane, 6).saturating_sub(1);
        let concurrent = self.choices.happens(lane, 3000);
        let together = self.some_time(lane);
        for number in 0..count {
            let amount = self.payments[payment].amount;
            let amount = match self.choices.below(lane, 8) {
                0..=2 => amount / 3 + 1,
                3 => amount / 2,
                4 => amount,
                5 => amount + 1,
                6 => 1,
                _ => 1 + self.choices.below(lane, amount),
            };
            let at = if concurrent {
                together + self.choices.span(lane, 0, 100)
            } else {
                self.some_time(lane)
            };
            let simulated = &mut self.payments[payment];
            let request_id = format!("R-{payment}-{number}");
            let body = json!({
                "tiki_transaction_id": simulated.tiki_id.as_str(), "transaction_id": simulated.id.to_string(),
                "transaction_amount": amount, "reason": "simulated", "request_id": request_id,
            });
            simulated.refunds.push(RefundPlan {
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

    /// A time after the beginning of a payment: mostly soon, sometimes days later.
    fn some_time(&mut self, lane: Lane) -> i64 {
        let most = self
            .choices
            .one_of(lane, &[2 * MINUTE, 10 * MINUTE, HOUR, 2 * DAY]);
        self.choices.span(lane, 2 * SECOND, most)
    }

    /// Outages and secret rotations, from time to time.
    pub(crate) fn outages(&mut self) {
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
