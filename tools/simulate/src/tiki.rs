//! Tiki: its orders, its answers to IPNs and look-ups, and its wrong answers.

use domain::{Ipn, IpnAnswer, LookUpAnswer, PaymentState, Status};
use serde_json::{Value, json};
use signed_http::{Answer, Method, Outgoing};
use signing::HeaderNames;

use crate::choices::Lane;
use crate::core::answer;
use crate::fault::Fault;
use crate::said::{Amount, Known, Named, What};
use crate::secrets::Secret;
use crate::wiring::TIKI_URL;
use crate::world::{SECOND, World};

/// Whether Tiki is down.
#[derive(Default)]
pub(crate) struct Tiki {
    pub(crate) down_until: i64,
}

/// The state of an order at Tiki.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Waits for its payment.
    #[default]
    Waiting,
    /// Paid, by our IPN.
    Success,
    /// Not paid, by our IPN, or by Tiki itself.
    Failure,
    /// Cancelled at Tiki.
    Cancelled,
    /// Tiki does not have it.
    Missing,
    /// Tiki has it under another partner.
    OfAnother,
    /// Tiki has it, paid, with another amount.
    OtherAmount,
    /// Tiki answers every question about it with code 1.
    InvalidField,
    /// Tiki has a system error for this order.
    Broken,
}

impl World {
    /// Tiki receives a call. `leased` is when its sender took the notification.
    pub(crate) fn tiki_receives(&mut self, request: &Outgoing, leased: i64) -> Answer {
        if !self.signed(request, HeaderNames::TIKI, Secret::Tiki, TIKI_URL) {
            return answer(401, &json!({"message": "signature refused"}));
        }
        let payment = asked_about(request).expect("a payment of ours");
        let lane = Lane::of(payment);
        let path = request.url.strip_prefix(TIKI_URL).unwrap_or_default();
        let said = match request.method {
            Method::Get => self.tiki_looks_up(payment),
            Method::Post if path == "/webview" => self.tiki_opens(payment),
            Method::Post => {
                let body = serde_json::from_slice(&request.body).expect("we send JSON");
                self.audit_notification(payment, &body, leased);
                self.receive_notification(payment, &body)
            }
        };
        self.log(lane, "Tiki", || {
            format!(
                "answers {} {said}",
                path.split('?').next().unwrap_or_default()
            )
        });
        answer(200, &said)
    }

    fn tiki_opens(&mut self, payment: usize) -> Value {
        let lane = Lane::of(payment);
        if self.inject(lane, Fault::TikiCode) {
            return json!({"code": self.choices.one_of(lane, &[1, 2]), "message": "simulated"});
        }
        json!({"code": 0, "message": "success", "data": {
            "url_open": format!("https://tiki.vn/apps/vn.tiki.vip?c={payment}"),
            "url_checkout_result": format!("https://tiki.vn//apps/vn.tiki.vip/callback/index?c={payment}"),
            "request_id": format!("W-{payment}"),
        }})
    }

    fn receive_notification(&mut self, payment: usize, ipn: &Value) -> Value {
        let lane = Lane::of(payment);
        let paid = ipn["status"] == "SUCCESS";
        let now = self.now();
        self.payments[payment].log.notified.push((now, paid));
        if self.tiki_lags(payment) {
            return self.tiki_answers_ipn(payment, 3, ipn);
        }
        let order = self.payments[payment].order;
        // Some Tikis take a failure after a success, and some do not.
        let takes_back = order == Order::Success && !paid && self.choices.happens(lane, 5000);
        let (code, order) = match order {
            Order::Waiting | Order::Success if paid => (0, Order::Success),
            Order::Waiting | Order::Failure if !paid => (0, Order::Failure),
            Order::Success if takes_back => (0, Order::Failure),
            Order::Waiting | Order::Success | Order::Failure => (6, order),
            Order::Cancelled => (6, order),
            Order::Missing => (3, order),
            Order::OfAnother => (4, order),
            Order::OtherAmount => (5, order),
            Order::InvalidField => (1, order),
            Order::Broken => (2, order),
        };
        if self.inject(lane, Fault::TikiCode) {
            // With or without an effect.
            if self.choices.happens(lane, 5000) {
                self.payments[payment].order = order;
            }
            let code = self.choices.one_of(lane, &[2, 1, 3, 4, 5, 6]);
            return self.tiki_answers_ipn(payment, code, ipn);
        }
        self.payments[payment].order = order;
        self.tiki_answers_ipn(payment, code, ipn)
    }

    /// Whether a replica that does not have the order yet answers now.
    fn tiki_lags(&mut self, payment: usize) -> bool {
        let lane = Lane::of(payment);
        if self.inject(lane, Fault::TikiLags) {
            let confirm = i64::try_from(self.reversals.confirm_after.as_millis()).unwrap_or(0);
            // Mostly for one look; sometimes for longer than we wait.
            let most = self
                .choices
                .one_of(lane, &[SECOND, confirm / 2, confirm, 3 * confirm]);
            let until = self.now() + self.choices.span(lane, 0, most);
            self.payments[payment].lags_until = until;
            return true;
        }
        self.faults.on() && self.now() < self.payments[payment].lags_until
    }

    /// The answer to a notification. With code 0 it names the transaction by one of its two ids, by another one, or not
    /// at all.
    fn tiki_answers_ipn(&mut self, payment: usize, code: u64, ipn: &Value) -> Value {
        let mut said = json!({"code": code, "message": "simulated"});
        let mut named = Named::None;
        if code == 0 {
            named = match self.choices.below(Lane::of(payment), 12) {
                0..=7 => Named::Ours,
                8 | 9 => Named::Tikis,
                10 => Named::Another,
                _ => Named::None,
            };
            let tikis = ipn["reference_transaction_id"].clone();
            said["data"] = match named {
                Named::Ours => json!({"transaction_id": ipn["transaction_id"]}),
                Named::Tikis => json!({ "transaction_id": tikis }),
                Named::Another => json!({"transaction_id": "00000000-0000-4000-8000-000000000000"}),
                Named::None => Value::Null,
            };
        }
        self.tiki_gives(payment, What::Ipn { code, named }, said)
    }

    fn tiki_looks_up(&mut self, payment: usize) -> Value {
        let lane = Lane::of(payment);
        if self.tiki_lags(payment) {
            return self.tiki_says_code(payment, 3);
        }
        let simulated = &self.payments[payment];
        let truth = match simulated.order {
            Order::Waiting => ("PENDING", Some(simulated.amount)),
            Order::Success => ("SUCCESS", Some(simulated.amount)),
            Order::OtherAmount => ("SUCCESS", Some(simulated.amount + 1)),
            Order::Failure => ("FAILURE", Some(simulated.amount)),
            Order::Cancelled => return self.tiki_says_code(payment, 6),
            Order::Missing => return self.tiki_says_code(payment, 3),
            Order::OfAnother => return self.tiki_says_code(payment, 4),
            Order::InvalidField => return self.tiki_says_code(payment, 1),
            Order::Broken => return self.tiki_says_code(payment, 2),
        };
        if !self.inject(lane, Fault::TikiCode) {
            return self.tiki_says(payment, truth);
        }
        let amount = self.payments[payment].amount;
        match self.choices.below(lane, 10) {
            0 => self.tiki_says_code(payment, 2),
            1 => self.tiki_says_code(payment, 1),
            2 => self.tiki_says_code(payment, 3),
            3 => self.tiki_says_code(payment, 4),
            4 => self.tiki_says_code(payment, 6),
            5 => self.tiki_says(payment, ("PENDING", Some(amount))),
            6 => self.tiki_says(payment, ("FAILURE", None)),
            7 => self.tiki_says(payment, ("SUCCESS", None)),
            8 => self.tiki_says(payment, ("SUCCESS", Some(amount + 1))),
            _ => self.tiki_says(payment, ("SUCCESS", Some(amount))),
        }
    }

    fn tiki_says(&mut self, payment: usize, (status, amount): (&str, Option<u64>)) -> Value {
        let lane = Lane::of(payment);
        let simulated = &self.payments[payment];
        let known = match status {
            "FAILURE" => Known::Failure,
            "SUCCESS" => Known::Success(match amount {
                Some(amount) if amount == simulated.amount => Amount::Same,
                Some(_) => Amount::Other,
                None => Amount::None,
            }),
            _ => Known::Pending,
        };
        let mut said = json!({
            "tiki_transaction_id": simulated.tiki_id.as_str(),
            "partner_transaction_id": simulated.id.to_string(),
            "status": status,
        });
        if let Some(amount) = amount {
            said["amount"] = json!(amount);
        }
        // Both shapes that Tiki's page leaves open (protocol §4).
        if self.choices.happens(lane, 3000) {
            said = json!({"data": said});
        }
        said["code"] = json!(0);
        said["message"] = json!("success");
        self.tiki_gives(payment, What::LookUp(known), said)
    }

    fn tiki_says_code(&mut self, payment: usize, code: u64) -> Value {
        let said = json!({"code": code, "message": "simulated"});
        self.tiki_gives(payment, What::LookUp(Known::Code(code)), said)
    }

    /// Tiki has asked us, because it has no notification yet, and believes our answer.
    pub(crate) fn tiki_believes(&mut self, payment: usize, status: &str) {
        let order = &mut self.payments[payment].order;
        *order = match (status, *order) {
            ("SUCCESS", Order::Waiting) => Order::Success,
            ("FAILURE", Order::Waiting) => Order::Failure,
            (_, order) => order,
        };
    }

    /// Counts the cell of the tables of protocol §3 and §4 for an answer of Tiki.
    pub(crate) fn cells_of_tiki(&mut self, request: &Outgoing, heard: &Answer) {
        let Some(payment) = asked_about(request) else {
            return;
        };
        let Some(transaction) = self.rows.find(self.payments[payment].id) else {
            return;
        };
        let of = match transaction.payment() {
            PaymentState::Reversed { .. } => "reversed",
            _ => "paid",
        };
        if request.method == Method::Get {
            let meaning = tiki_api::answer::look_up(
                heard.status,
                &heard.body,
                transaction.tiki_id(),
                Some(transaction.id()),
            );
            let same = matches!(meaning, LookUpAnswer::Found(_, Some(amount)) if amount == transaction.order().amount);
            let cell = match look_up_cell(meaning, same) {
                "code 3" if transaction.payment().not_found_at().is_some() => {
                    "code 3, not the first"
                }
                cell => cell,
            };
            return self.coverage.count("look-up (protocol §4)", of, cell);
        }
        let Ipn::Retrying { failures, .. } = transaction.ipn() else {
            return;
        };
        let meaning = tiki_api::answer::ipn(heard.status, &heard.body, transaction);
        if of == "reversed" {
            let cell = ipn_cell(meaning);
            return self
                .coverage
                .count("IPN (protocol §3)", "FAILURE, reversed", cell);
        }
        let often = if failures >= 2 {
            "third failure or later"
        } else {
            "earlier"
        };
        let row = transaction.status().as_str();
        self.coverage
            .count("IPN (protocol §3)", row, (ipn_cell(meaning), often));
    }
}

/// The name of an IPN's answer in the table.
pub(crate) fn ipn_cell(answer: IpnAnswer) -> &'static str {
    use domain::IpnRefusal::{
        Cancelled, InvalidAmount, InvalidRequest, NotFound, NotOfThisPartner,
    };
    match answer {
        IpnAnswer::Accepted => "accepted",
        IpnAnswer::AcceptedUnnamed => "accepted, unnamed",
        IpnAnswer::Refused(InvalidRequest) => "code 1",
        IpnAnswer::SystemError => "code 2",
        IpnAnswer::Refused(NotFound) => "code 3",
        IpnAnswer::Refused(NotOfThisPartner) => "code 4",
        IpnAnswer::Refused(InvalidAmount) => "code 5",
        IpnAnswer::Refused(Cancelled) => "code 6",
        IpnAnswer::Unauthorized => "unauthorized",
        IpnAnswer::Unclear => "unclear",
    }
}

/// The name of a look-up's answer in the table.
pub(crate) fn look_up_cell(answer: LookUpAnswer, same_amount: bool) -> &'static str {
    match answer {
        LookUpAnswer::Found(Status::Success, Some(_)) if same_amount => "SUCCESS, same amount",
        LookUpAnswer::Found(Status::Success, Some(_)) => "SUCCESS, another amount",
        LookUpAnswer::Found(Status::Success, None) => "SUCCESS, no amount",
        LookUpAnswer::Found(Status::Pending, _) => "PENDING",
        LookUpAnswer::Found(Status::Failure, _) => "FAILURE",
        LookUpAnswer::InvalidRequest => "code 1",
        LookUpAnswer::SystemError => "code 2",
        LookUpAnswer::NotFound => "code 3",
        LookUpAnswer::NotOfThisPartner => "code 4",
        LookUpAnswer::Cancelled => "code 6",
        LookUpAnswer::Unauthorized => "unauthorized",
        LookUpAnswer::Unclear => "unclear",
    }
}

/// The payment that a call to Tiki is about.
pub(crate) fn asked_about(request: &Outgoing) -> Option<usize> {
    if let Some((_, id)) = request.url.split_once("?tiki_transaction_id=") {
        return payment_of(id);
    }
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    match body["reference_transaction_id"].as_str() {
        Some(id) => payment_of(id),
        None => payment_of(body["identify_code"].as_str()?),
    }
}

/// Tiki's ids here are `SIM-` and the payment's number.
fn payment_of(id: &str) -> Option<usize> {
    id.strip_prefix("SIM-")?.parse().ok()
}
