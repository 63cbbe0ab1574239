//! The partner's core: it holds the customers' money. Its records are true, and it is idempotent by key. It does not
//! stop a refund of too much, because our code must never request one.

use std::collections::{BTreeMap, HashMap};

use domain::{RefundId, TransactionId};
use serde_json::{Value, json};
use signed_http::{Answer, Method, Outgoing};
use signing::HeaderNames;

use crate::choices::Lane;
use crate::day_file::{on_the_clock, rfc3339};
use crate::fault::Fault;
use crate::secrets::Secret;
use crate::wiring::CORE_URL;
use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

/// How often, in ten thousand, the customer decides while the core's answer “pending” is on its way to us.
const DECIDES_MEANWHILE: u64 = 300;

/// The id in an answer about something else.
pub(crate) const ANOTHER_ID: &str = "00000000-0000-5000-8000-000000000000";

#[derive(Default)]
pub(crate) struct Core {
    pub(crate) down_until: i64,
    /// Whether the answer that it gives now is slow on its way.
    pub(crate) answers_slowly: bool,
    /// By idempotency key.
    pub(crate) postings: BTreeMap<String, Posting>,
    payment_of: HashMap<String, usize>,
    /// What persons gave back without the core: the refund of our records, the payment, and the amount.
    by_hand: BTreeMap<String, (usize, u64)>,
}

/// The payment at the core.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paying {
    #[default]
    Not,
    /// The customer has not decided yet.
    Deciding,
    Paid {
        /// The core's reference, if it names one.
        reference: Option<String>,
    },
    /// Declined or cancelled. Final.
    Failed,
}

/// A refund that was posted.
#[derive(Clone, Debug)]
pub(crate) struct Posting {
    pub(crate) refund_id: String,
    pub(crate) payment: usize,
    pub(crate) amount: u64,
    /// Whether the core refunds the money. It decides once.
    pub(crate) pays: bool,
    /// Until when the core answers `pending`.
    pending_until: i64,
    /// When it was posted.
    at: i64,
    body: Value,
}

impl Core {
    /// The amount of a payment that has gone back, by the core or by hand, in VND.
    pub(crate) fn returned(&self, payment: usize) -> u64 {
        let of = self.postings.values().filter(|p| p.payment == payment);
        let by_core = of.filter(|posting| posting.pays).map(|p| p.amount);
        let by_hand = self.by_hand.values().filter(|(of, _)| *of == payment);
        by_core.chain(by_hand.map(|(_, amount)| *amount)).sum()
    }

    /// A person gives money back without the core.
    pub(crate) fn return_by_hand(&mut self, payment: usize, refund: RefundId, amount: u64) {
        self.by_hand.insert(refund.to_string(), (payment, amount));
    }

    /// Whether a person gave the money of this refund back.
    pub(crate) fn is_by_hand(&self, refund: RefundId) -> bool {
        self.by_hand.contains_key(&refund.to_string())
    }

    /// The posting of this refund.
    pub(crate) fn posting(&self, refund: RefundId) -> Option<&Posting> {
        self.postings.get(&refund.to_string())
    }
}

impl World {
    /// The payment that a call to the core is about.
    pub(crate) fn core_payment_of(&self, request: &Outgoing) -> Option<usize> {
        let path = request.url.strip_prefix(CORE_URL)?;
        if let Some(id) = path.strip_prefix("/payments/") {
            return self.by_id.get(&id.parse::<TransactionId>().ok()?).copied();
        }
        if let Some(id) = path.strip_prefix("/refunds/") {
            return self.core.payment_of.get(id).copied();
        }
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let id: TransactionId = body["transaction_id"].as_str()?.parse().ok()?;
        self.by_id.get(&id).copied()
    }

    /// Remembers the payment of a refund that our code has recorded.
    pub(crate) fn remember_refund(&mut self, refund: RefundId, payment: usize) {
        self.core.payment_of.insert(refund.to_string(), payment);
    }

    pub(crate) fn core_receives(&mut self, request: &Outgoing) -> Answer {
        let payment = self.core_payment_of(request);
        let lane = payment.map_or(Lane::WORLD, Lane::of);
        if self.inject(lane, Fault::ProxyNotFound) {
            self.log(lane, "a proxy", || "answers 404".to_owned());
            return bare_404(self.choices.below(lane, 3));
        }
        if !self.signed(request, HeaderNames::PARTNER, Secret::Core, CORE_URL) {
            return answer(401, &json!({"message": "signature refused"}));
        }
        let path = request.url.strip_prefix(CORE_URL).unwrap_or_default();
        match (request.method, path) {
            (Method::Post, "/refunds") => self.core_refunds(request),
            (Method::Get, path) => match path.split_at(path.rfind('/').map_or(0, |i| i + 1)) {
                ("/refunds/", id) => self.core_finds_refund(id),
                ("/payments/", id) => self.core_finds_payment(id),
                ("/statements/", asked) => self.core_states(asked),
                _ => answer(400, &json!({"message": "no such path"})),
            },
            (Method::Post, _) => answer(400, &json!({"message": "no such path"})),
        }
    }

    /// The statement of a day: what was taken and what went back, by the core's own book.
    fn core_states(&mut self, asked: &str) -> Answer {
        /// The entries of a page.
        const PAGE: usize = 40;
        let (day, cursor) = asked.split_once("?cursor=").unwrap_or((asked, "0"));
        let from: usize = cursor.parse().unwrap_or(0);
        let of_day = |at: i64| on_the_clock(at).starts_with(day);
        let mut entries = Vec::new();
        for (payment, simulated) in self.payments.iter().enumerate() {
            if matches!(simulated.paying, Paying::Paid { .. }) && of_day(simulated.paid_at) {
                entries.push(json!({
                    "type": "payment", "id": format!("B-{payment}"), "amount": simulated.amount,
                    "transaction_id": simulated.id.to_string(), "at": rfc3339(simulated.paid_at),
                }));
            }
        }
        for posting in self.core.postings.values().filter(|posting| posting.pays) {
            let at = posting.at.max(posting.pending_until);
            if of_day(at) && at <= self.now() {
                entries.push(json!({
                    "type": "refund", "id": posting.refund_id, "amount": posting.amount,
                    "transaction_id": self.payments[posting.payment].id.to_string(),
                    "at": rfc3339(at),
                }));
            }
        }
        let page: Vec<&Value> = entries.iter().skip(from).take(PAGE).collect();
        let next = (from + PAGE < entries.len()).then(|| (from + PAGE).to_string());
        answer(200, &json!({"day": day, "entries": page, "next": next}))
    }

    fn core_refunds(&mut self, request: &Outgoing) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).expect("we send JSON");
        let refund_id = body["refund_id"].as_str().expect("a refund id").to_owned();
        let payment = self.core_payment_of(request).expect("a payment of ours");
        let lane = Lane::of(payment);
        let key = request
            .headers
            .iter()
            .find(|(name, _)| *name == "Idempotency-Key");
        // Without a key each request is a new posting.
        let key = key.map_or_else(
            || format!("no key {}", self.unique()),
            |(_, key)| key.clone(),
        );

        if self.core_knows_of_more(payment, &key, &body) {
            self.log(lane, "core", || {
                format!("does not refund {refund_id}: our records are old")
            });
            return answer(409, &json!({"message": "more is back"}));
        }
        if let Some(known) = self.core.postings.get(&key) {
            if known.body != without_so_far(&body) {
                let text = format!("{refund_id} was posted again with another body");
                self.audit_posted_otherwise(payment, text);
            }
        } else {
            let pending = self.choices.happens(lane, 1500);
            let pending_until = if pending {
                self.now() + self.choices.span(lane, SECOND, 3 * HOUR)
            } else {
                self.now()
            };
            let posting = Posting {
                refund_id: refund_id.clone(),
                payment,
                amount: body["amount"].as_u64().expect("an amount"),
                pays: !self.choices.happens(lane, 2500),
                pending_until,
                at: self.now(),
                body: without_so_far(&body),
            };
            self.log(lane, "core", || {
                let what = if posting.pays { "refunds" } else { "rejects" };
                format!("{what} {} VND, refund {refund_id}", posting.amount)
            });
            self.core.postings.insert(key.clone(), posting);
            self.audit_posted(payment, &key);
        }
        self.core_says(&key, lane)
    }

    fn core_finds_refund(&mut self, id: &str) -> Answer {
        let lane = self
            .core
            .payment_of
            .get(id)
            .map_or(Lane::WORLD, |k| Lane::of(*k));
        if self.core.postings.contains_key(id) && !self.inject(lane, Fault::CoreForgets) {
            return self.core_says(id, lane);
        }
        self.log(lane, "core", || format!("has never seen refund {id}"));
        answer(404, &json!({"refund_id": id, "status": "never_seen"}))
    }

    fn core_says(&mut self, key: &str, lane: Lane) -> Answer {
        let vague = self.inject(lane, Fault::CoreVague);
        let posting = &self.core.postings[key];
        let status = match posting {
            _ if vague => "pending",
            posting if self.now() < posting.pending_until => "pending",
            posting if posting.pays => "succeeded",
            _ => "rejected",
        };
        let (mut refund_id, mut amount) = (posting.refund_id.clone(), posting.amount);
        let mut status = status;
        if self.inject(lane, Fault::CoreMixesUp) {
            status = if status == "succeeded" {
                "rejected"
            } else {
                "succeeded"
            };
            match self.choices.below(lane, 3) {
                0 => amount += 7,
                1 => amount += 1,
                _ => ANOTHER_ID.clone_into(&mut refund_id),
            }
        }
        self.log(lane, "core", || {
            format!("answers “{status}” about refund {refund_id}")
        });
        answer(
            200,
            &json!({
                "refund_id": refund_id, "status": status, "amount": amount, "reason": "simulated",
            }),
        )
    }

    /// More had gone back a minute ago than the posting says: our records are older than the core's (docs/core.md).
    fn core_knows_of_more(&self, payment: usize, key: &str, body: &Value) -> bool {
        let old = |posting: &Posting| {
            let known_since = posting.at.max(posting.pending_until);
            posting.pays && known_since + MINUTE < self.now()
        };
        let others = self.core.postings.iter();
        let others = others.filter(|(other, p)| *other != key && p.payment == payment && old(p));
        let back: u64 = others.map(|(_, posting)| posting.amount).sum();
        body["refunded_so_far"]
            .as_u64()
            .is_none_or(|so_far| back > so_far)
    }

    fn core_finds_payment(&mut self, id: &str) -> Answer {
        let parsed = id.parse::<TransactionId>().ok();
        let Some(payment) = parsed.and_then(|id| self.by_id.get(&id).copied()) else {
            return answer(404, &json!({"transaction_id": id, "status": "never_seen"}));
        };
        let lane = Lane::of(payment);
        if self.inject(lane, Fault::CoreMixesUp) {
            let said = self.choices.one_of(lane, &["paid", "failed", "not_paid"]);
            let amount = self.payments[payment].amount;
            return answer(
                200,
                &json!({"transaction_id": ANOTHER_ID, "status": said, "amount": amount}),
            );
        }
        let paid = matches!(self.payments[payment].paying, Paying::Paid { .. });
        if paid && self.inject(lane, Fault::CoreForgets) {
            // When it has its books again, it sends what it had said that it does not know (docs/core.md).
            self.payments[payment].core_said_no = true;
            self.log(lane, "core", || {
                "does not know the payment any more".to_owned()
            });
            let back = self.choices.span(lane, MINUTE, DAY);
            self.after(back, move |world| world.core_sends_result(payment, 0));
            return answer(404, &json!({"transaction_id": id, "status": "never_seen"}));
        }
        let vague = self.inject(lane, Fault::CoreVague);
        let other_amount = vague && self.choices.happens(lane, 4000);
        let unheard_of = vague && self.choices.happens(lane, 3000);
        let simulated = &mut self.payments[payment];
        let amount = simulated.amount;
        let (status, amount) = match &simulated.paying {
            Paying::Paid { .. } if other_amount => ("paid", amount + 1),
            _ if unheard_of => ("PAID", amount),
            _ if vague => ("pending", amount),
            Paying::Not => ("not_paid", amount),
            Paying::Deciding => ("pending", amount),
            Paying::Paid { .. } => ("paid", amount),
            Paying::Failed => ("failed", amount),
        };
        simulated.core_said_no |= matches!(status, "not_paid" | "failed");
        let reference = match &simulated.paying {
            Paying::Paid { reference } => reference.clone(),
            Paying::Not | Paying::Deciding | Paying::Failed => None,
        };
        self.log(lane, "core", || {
            format!("answers “{status}” about the payment")
        });
        let deciding = self.payments[payment].paying == Paying::Deciding;
        if deciding && self.choices.happens(lane, DECIDES_MEANWHILE) {
            self.core.answers_slowly = true;
            self.after(10, move |world| world.customer_decides_at_once(payment));
        }
        // A payment that the core has never seen gets the same answer as one that is not paid.
        if status == "not_paid" && self.choices.happens(lane, 5000) {
            return answer(404, &json!({"transaction_id": id, "status": "never_seen"}));
        }
        answer(
            200,
            &json!({
                "transaction_id": id, "status": status, "amount": amount,
                "rail_reference": reference, "partner_banking_method": "ATM",
            }),
        )
    }
}

/// What a proxy answers that does not reach the core.
fn bare_404(which: u64) -> Answer {
    let body = ["", "<html>not found</html>", r#"{"message":"no route"}"#];
    let body = body.get(usize::try_from(which).unwrap_or_default());
    Answer {
        status: 404,
        body: body.copied().unwrap_or_default().into(),
    }
}

/// What a posting says of the refund itself. What had gone back before can change until it is posted again.
fn without_so_far(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("refunded_so_far");
    }
    body
}

/// An answer in JSON.
pub(crate) fn answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        body: body.to_string().into_bytes(),
    }
}
