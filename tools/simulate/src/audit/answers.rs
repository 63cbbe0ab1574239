//! The auditor's checks of every answer of ours, and of every notification to Tiki.

use serde_json::Value;

use super::{Audit, Invariant as I};
use crate::calls::{Call, Intent};
use crate::invocation::Answered;
use crate::world::{MINUTE, World};

impl Audit {
    /// Whether Tiki has really requested a refund.
    pub(super) fn asked(&self, payment: usize, number: usize) -> bool {
        self.records
            .get(&payment)
            .is_some_and(|record| record.asked.contains(&number))
    }
}

impl World {
    /// Tiki is about to request a refund.
    pub(crate) fn audit_asks(&mut self, payment: usize, number: usize) {
        self.audit.record(payment).asked.insert(number);
    }

    /// One of our functions has answered. It counts even if the answer is lost.
    pub(crate) fn audit_answered(
        &mut self,
        who: usize,
        call: &Call,
        began: i64,
        answer: &Answered,
    ) {
        let payment = call.payment;
        let code = answer.code();
        self.cells_of_answer(who, call, code);
        match &call.intent {
            Intent::Create => self.audit_created(payment, code, answer),
            Intent::CheckByPost | Intent::CheckByGet => {
                self.audit_checked(payment, code, began, answer);
            }
            Intent::Refund(number) => self.audit_refunded(payment, *number, began, answer),
            Intent::Result(kind) => {
                self.audit_result(call, kind, (began, code), answer);
            }
            Intent::Redirect(_) | Intent::Return(_) => {
                let location = answer.location.as_deref().unwrap_or_default();
                let known = ["https://tiki.vn/", "https://core.simulated/pay?"];
                let allowed = answer.location.is_none()
                    || known.iter().any(|known| location.starts_with(known));
                self.audit
                    .must(allowed, I::RefusedMeansNothing, payment, || {
                        format!("a customer was redirected to {location}")
                    });
            }
            Intent::Webview => {}
        }
    }

    fn audit_created(&mut self, payment: usize, code: Option<i64>, answer: &Answered) {
        if code != Some(0) {
            return;
        }
        let stored = self.rows.find(self.payments[payment].id).is_some();
        let mut said = answer.json();
        // The link changes with its key. Everything else must stay the same.
        said["data"]["payment_url"] = Value::Null;
        let now = self.now();
        let created = &mut self.audit.record(payment).created;
        if created.is_none() {
            // As the create call says (`lifecycle`).
            let expires_at = now + 5 * MINUTE;
            self.audit_later_decided(payment, expires_at);
        }
        let created = &mut self.audit.record(payment).created;
        let (_, before) = created.get_or_insert_with(|| (now, said.clone())).clone();
        self.audit.must(stored, I::AcknowledgedIsKept, payment, || {
            "it was created by our answer, but is not stored".to_owned()
        });
        self.audit
            .must(before == said, I::OneOutcomePerRequest, payment, || {
                format!("the creation was answered with {before}, and then with {said}")
            });
    }

    fn audit_checked(&mut self, payment: usize, code: Option<i64>, began: i64, answer: &Answered) {
        let created = self.audit.record(payment).created.as_ref();
        let lost = code == Some(3) && created.is_some_and(|(answered_at, _)| *answered_at < began);
        self.audit.must(!lost, I::AcknowledgedIsKept, payment, || {
            "it was created by our answer, but a look-up does not find it".to_owned()
        });
        if code != Some(0) {
            return;
        }
        let said = answer.json();
        let status = said["status"].as_str().unwrap_or_default();
        if status == "PENDING" {
            let shown = self.audit.record(payment).shown.clone();
            let behind = shown.is_some_and(|(shown_at, _)| shown_at < began);
            self.audit
                .must(!behind, I::NotifiedWhatIsShown, payment, || {
                    "a look-up shows PENDING after a final status".to_owned()
                });
        } else {
            let times = (began, self.now());
            self.audit.shows(payment, status, times, "a look-up");
        }
        self.audit_shows_refunds(payment, began, &said);
        let back = said["refunded_amount"].as_u64().unwrap_or(u64::MAX);
        let returned = self.core.returned(payment);
        let same = said["amount"] == self.payments[payment].amount && back <= returned;
        self.audit.must(same, I::NotifiedWhatIsShown, payment, || {
            format!("a look-up shows {said}, but {returned} VND were refunded")
        });
    }

    /// A refund whose outcome Tiki knows must be in every later look-up.
    fn audit_shows_refunds(&mut self, payment: usize, began: i64, said: &Value) {
        let outcomes = self.audit.record(payment).outcomes.iter();
        let answered: Vec<(usize, Value)> = outcomes
            .filter(|(_, (answered_at, _))| *answered_at < began)
            .filter_map(|(number, (_, body))| {
                let body: Value = serde_json::from_slice(body).ok()?;
                Some((*number, body["data"].clone()))
            })
            .collect();
        for (number, outcome) in answered {
            let plan = &self.payments[payment].refunds[number];
            let shown = said["refunds"].as_array().into_iter().flatten();
            let kept = shown
                .filter(|refund| refund["request_id"] == plan.request_id)
                .any(|refund| refund["status"] == outcome["status"]);
            self.audit.must(kept, I::AcknowledgedIsKept, payment, || {
                format!("the outcome was {outcome}, but a look-up shows {said}")
            });
        }
    }

    fn audit_refunded(&mut self, payment: usize, number: usize, began: i64, answer: &Answered) {
        let said = answer.json();
        let status = said["data"]["status"].as_str();
        let code = said["code"].as_i64();
        let back = code == Some(0);
        if number == usize::MAX {
            return self
                .audit
                .must(!back, I::OneOutcomePerRequest, payment, || {
                    "a request id was accepted with another amount".to_owned()
                });
        }
        let is_final = back || (code == Some(9) && status == Some("FAILURE"));
        let now = self.now();
        let record = self.audit.record(payment);
        let first = record.outcomes.get(&number).cloned();
        match first {
            None if is_final => {
                record.outcomes.insert(number, (now, answer.body.clone()));
            }
            // A call that began before the outcome was known may have an older answer.
            Some((answered_at, first)) if began > answered_at => {
                let none = matches!(code, Some(2 | 97 | 98) | None);
                let same = none || first == answer.body;
                self.audit.must(same, I::OneOutcomePerRequest, payment, || {
                    format!("{} and then {said}", String::from_utf8_lossy(&first))
                });
            }
            _ => {}
        }
        if back {
            let id = said["data"]["refund_id"].as_str().unwrap_or_default();
            let amount = self.payments[payment].refunds[number].amount;
            let posting = self.core.postings.get(id);
            let true_ = posting.is_some_and(|p| p.pays && p.amount == amount);
            self.audit.must(true_, I::BelievedOnWordAlone, payment, || {
                format!("{said}, but the core has not refunded it")
            });
        }
        let status_fits = match code {
            Some(0) => answer.status == 200,
            Some(97 | 98) => answer.status == 401,
            _ => answer.status == 500,
        };
        self.audit
            .must(status_fits, I::OneOutcomePerRequest, payment, || {
                format!("code {code:?} with HTTP {}", answer.status)
            });
    }

    fn audit_result(
        &mut self,
        call: &Call,
        kind: &'static str,
        (began, code): (i64, Option<i64>),
        answer: &Answered,
    ) {
        let (payment, body) = (call.payment, &call.body);
        if let Some(code @ (5 | 8)) = code {
            return self.audit_refused_result(payment, body, code, (call.sent, began));
        }
        if code != Some(0) {
            return;
        }
        let stored = self.rows.find(self.payments[payment].id);
        let kept = match kind {
            "declined" => stored.is_some_and(|t| t.status() == domain::Status::Failure),
            "paid another amount" => false,
            _ => stored.is_some_and(|t| t.money_taken().is_some()),
        };
        self.audit.must(kept, I::AcknowledgedIsKept, payment, || {
            format!("the result “{kind}” was accepted, but is not in our records")
        });
        let said = answer.json();
        let status = said["data"]["status"].as_str().unwrap_or_default();
        let times = (began, self.now());
        self.audit
            .shows(payment, status, times, "the answer to the core");
        self.audit_references(payment, body);
    }

    /// Only one debit of a payment is accepted. A second one is refused.
    fn audit_references(&mut self, payment: usize, body: &str) {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(reference) = body["rail_reference"].as_str() else {
            return;
        };
        let first = &mut self.audit.record(payment).reference;
        let first = first.get_or_insert_with(|| reference.to_owned()).clone();
        self.audit
            .must(first == reference, I::AcknowledgedIsKept, payment, || {
                format!("debit {reference} was accepted after debit {first}")
            });
    }

    /// Our answer to a forged call.
    pub(crate) fn audit_forged(&mut self, call: &Call, answer: &Answered) {
        let refused = answer.status >= 400 && matches!(answer.code(), Some(1 | 2 | 97 | 98));
        self.audit
            .must(refused, I::RefusedMeansNothing, call.payment, || {
                let body = String::from_utf8_lossy(&answer.body);
                format!("{:?}, forged: {} {body}", call.intent, answer.status)
            });
    }

    /// Counts the cells of the tables of our answers.
    fn cells_of_answer(&mut self, who: usize, call: &Call, code: Option<i64>) {
        let saw = self.fleet.last_saw(who);
        let word = match code {
            Some(0) => "code 0",
            Some(1) => "code 1",
            Some(2) => "code 2",
            Some(3) => "code 3",
            Some(4) => "code 4",
            Some(5) => "code 5",
            Some(6) => "code 6",
            Some(7) => "code 7",
            Some(8) => "code 8",
            Some(9) => "code 9",
            Some(10) => "code 10",
            Some(11) => "code 11",
            Some(12) => "code 12",
            Some(97) => "code 97",
            Some(98) => "code 98",
            _ => "no code",
        };
        let function = self.fleet.function(who).name();
        self.coverage.count("answers", function, word);
        match call.intent {
            Intent::Result(kind) if !matches!(code, Some(2 | 97 | 98) | None) => {
                self.coverage.count("payment result", kind, saw);
            }
            Intent::Refund(_) if !matches!(code, Some(2 | 97 | 98) | None) => {
                self.coverage.count("refund requested", saw, word);
            }
            _ => {}
        }
    }
}
