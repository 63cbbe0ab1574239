//! The auditor's checks of what a person must see: what the core says against our record, and what stays undecided.

use domain::{AuditEvent, Contradiction, CoreReference, PaymentState, Status, Transaction};
use serde_json::Value;
use signed_http::{Answer, Outgoing};

use super::Invariant as I;
use crate::wiring::CORE_URL;
use crate::world::{DAY, HOUR, MAX_CLOCK_ERROR_MS, MINUTE, World};

/// After a day without a word of the core, a payment is in review.
const SEEN_AFTER: i64 = DAY;
/// A late write, a freeze and the clocks.
const LATE: i64 = 6 * MINUTE + MAX_CLOCK_ERROR_MS;
/// So long the same words are no news after a person has dealt with them.
const DEALT_WITH_FOR: i64 = DAY;
/// Without faults the core is asked at least so often, and once more after the last fault.
const ASKED_WITHIN: i64 = HOUR;

/// Something that the core has said against our record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Against {
    OtherAmount(u64, Option<String>),
    SecondDebit(String),
    FailedAfterPaid,
}

impl Against {
    /// What a refused result says against our record.
    fn of(body: &Value, amount: u64) -> Self {
        let reference = body["rail_reference"].as_str().map(str::to_owned);
        match body["amount"].as_u64() {
            _ if body["status"] == "FAILURE" => Self::FailedAfterPaid,
            Some(said) if said != amount => Self::OtherAmount(said, reference),
            _ => Self::SecondDebit(reference.unwrap_or_default()),
        }
    }

    fn is(&self, noted: &Contradiction) -> bool {
        match (self, noted) {
            (
                Self::OtherAmount(amount, reference),
                Contradiction::OtherAmount {
                    amount: a,
                    reference: r,
                },
            ) => {
                a.get() == *amount && r.as_ref().map(CoreReference::as_str) == reference.as_deref()
            }
            (Self::SecondDebit(reference), Contradiction::SecondDebit { reference: r }) => {
                r.as_str() == reference
            }
            (Self::FailedAfterPaid, Contradiction::FailedAfterPaid) => true,
            _ => false,
        }
    }
}

impl From<&Contradiction> for Against {
    fn from(said: &Contradiction) -> Self {
        match said {
            Contradiction::OtherAmount { amount, reference } => {
                let reference = reference.as_ref().map(|r| r.as_str().to_owned());
                Self::OtherAmount(amount.get(), reference)
            }
            Contradiction::SecondDebit { reference } => {
                Self::SecondDebit(reference.as_str().to_owned())
            }
            Contradiction::FailedAfterPaid => Self::FailedAfterPaid,
        }
    }
}

impl World {
    /// We have refused a payment result.
    pub(super) fn audit_refused_result(
        &mut self,
        payment: usize,
        body: &str,
        code: i64,
        (sent, began): (i64, i64),
    ) {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let against = Against::of(&body, self.payments[payment].amount);
        let fits = matches!(against, Against::OtherAmount(..)) == (code == 5);
        self.audit
            .must(fits, I::ContradictionsAreKept, payment, || {
                format!("{against:?} was refused with code {code}")
            });
        self.coverage
            .count("contradiction", "payment result", against_cell(&against));
        self.audit_against(payment, &against, (sent, began));
    }

    /// The core has said something against our record: it is in the trail, and in review. Of a repeat it counts when the
    /// core sent it: a network that delivers the same call again says nothing new.
    fn audit_against(&mut self, payment: usize, against: &Against, (sent, began): (i64, i64)) {
        let record = self.audit.record(payment);
        match record.against.iter_mut().find(|(a, _)| a == against) {
            Some((_, last)) => *last = sent.max(*last),
            None => record.against.push((against.clone(), began)),
        }
        let stored = self.rows.find(self.payments[payment].id).cloned();
        let noted = stored.as_ref().is_some_and(|t| {
            let mut entries = t.audit_trail().iter();
            entries.any(|e| matches!(&e.event, AuditEvent::Contradicted(c) if against.is(c)))
        });
        self.audit
            .must(noted, I::ContradictionsAreKept, payment, || {
                format!("{against:?} was refused, and is not in the trail")
            });
        if let Some(stored) = stored {
            self.audit_review(payment, &stored);
        }
    }

    /// What the core said against our record stays in review. While the payment was pending, another amount is only a
    /// question: a clear answer ends it, unless both name a debit, and not the same one.
    pub(super) fn audit_review(&mut self, payment: usize, t: &Transaction) {
        let open = self.open_contradiction(payment, t);
        let seen = open.is_none() || t.needs_review().is_some();
        self.audit
            .must(seen, I::ContradictionsAreKept, payment, || {
                format!("{open:?} is not in review: {:?}", t.payment())
            });
    }

    /// What the core has said against our record, and no clear answer has ended.
    pub(super) fn open_contradiction(
        &mut self,
        payment: usize,
        t: &Transaction,
    ) -> Option<Against> {
        let record = self.audit.record(payment);
        let (final_at, handled) = (record.final_at, &record.handled);
        let paid_under = t
            .money_taken()
            .and_then(|paid| paid.core_reference.as_ref());
        let paid = matches!(
            t.payment(),
            PaymentState::Paid { .. } | PaymentState::Reversed { .. }
        );
        let open = record
            .against
            .iter()
            .filter(|(against, said_at)| {
                let by_person = |(known, at): &(Against, i64)| {
                    known == against && *said_at < at + DEALT_WITH_FOR + LATE
                };
                !handled.iter().any(by_person)
            })
            .find(|(against, said_at)| match against {
                Against::SecondDebit(_) | Against::FailedAfterPaid => true,
                Against::OtherAmount(_, reference) => {
                    let explained = final_at.is_some_and(|at| *said_at <= at);
                    // The same debit by its reference; otherwise both may have been taken.
                    let same = match (reference, paid_under) {
                        (Some(said), Some(paid)) => {
                            said == paid.as_str() && record.reference_at_decision
                        }
                        _ => false,
                    };
                    !explained || (paid && !same)
                }
            });
        open.map(|(against, _)| against.clone())
    }

    /// One of our functions has taken an answer of the core. If it is about a payment of another amount, what this
    /// function writes next must say so.
    pub(crate) fn audit_takes_from_core(&mut self, who: usize, request: &Outgoing, heard: &Answer) {
        let path = request.url.strip_prefix(CORE_URL).unwrap_or_default();
        let Some(payment) = self.core_payment_of(request) else {
            return;
        };
        if !path.starts_with("/payments/") || heard.status != 200 {
            return;
        }
        let body: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
        if body["transaction_id"] != self.payments[payment].id.to_string() {
            return;
        }
        let (status, amount) = (body["status"].as_str(), body["amount"].as_u64());
        if let (Some("paid"), Some(said)) = (status, amount)
            && said != self.payments[payment].amount
        {
            let reference = body["rail_reference"].as_str().map(str::to_owned);
            let against = Against::OtherAmount(said, reference);
            self.audit.core_said.insert((who, payment), against);
        }
    }

    /// A write of a function that has asked the core. `wrote` is whether the trail has something new.
    pub(super) fn audit_core_said(
        &mut self,
        payment: usize,
        who: usize,
        wrote: bool,
        after: &Transaction,
    ) {
        let Some(against) = self.audit.core_said.remove(&(who, payment)) else {
            return;
        };
        if !wrote {
            return;
        }
        let mut entries = after.audit_trail().iter();
        let noted =
            entries.any(|e| matches!(&e.event, AuditEvent::Contradicted(c) if against.is(c)));
        self.audit
            .must(noted, I::ContradictionsAreKept, payment, || {
                format!("the core answered {against:?}, and it is not in the trail")
            });
        self.coverage.count(
            "contradiction",
            "question at expiry",
            against_cell(&against),
        );
        let now = self.now();
        self.audit.record(payment).against.push((against, now));
        self.audit_review(payment, after);
    }

    /// The core was asked about an expired payment, and gave no final answer.
    pub(super) fn audit_undecided(
        &mut self,
        payment: usize,
        before: &Transaction,
        after: &Transaction,
    ) {
        let asked = |t: &Transaction| {
            let entries = t.audit_trail().iter();
            let asked = entries.filter(|e| matches!(e.event, AuditEvent::CoreAsked(_)));
            asked.map(|entry| entry.times).sum::<u32>()
        };
        let asked = asked(after) > asked(before) && after.status() == Status::Pending;
        let late = self.now() > after.expires_at().unix_ms() + SEEN_AFTER + LATE;
        if asked && late {
            self.coverage
                .count("undecided", "pending", "asked after a day");
            let seen = after.needs_review().is_some();
            self.audit.must(seen, I::UndecidedIsSeen, payment, || {
                "it is undecided for more than a day, and not in review".to_owned()
            });
        }
    }

    /// Tiki has the answer that the payment is created: a day after its expiry it is decided, or a person sees it.
    pub(super) fn audit_later_decided(&mut self, payment: usize, expires_at: i64) {
        let wait = expires_at + SEEN_AFTER + ASKED_WITHIN - self.now();
        self.after(wait, move |world| world.audit_is_decided(payment));
    }

    fn audit_is_decided(&mut self, payment: usize) {
        // While anything can fail, there is no bound. After that it is asked within the bound.
        let left_at = self.audit.record(payment).left_undecided_at;
        let since = self
            .faults
            .ended_at()
            .map(|at| at.max(left_at.unwrap_or(at)));
        if since.is_none_or(|at| self.now() < at + ASKED_WITHIN) {
            return self.after(ASKED_WITHIN, move |world| world.audit_is_decided(payment));
        }
        let stored = self.rows.find(self.payments[payment].id);
        let pending = stored.filter(|t| t.status() == Status::Pending);
        let seen = pending.is_none_or(|t| t.needs_review().is_some());
        if pending.is_some() {
            self.coverage
                .count("undecided", "pending", "a day after expiry");
        }
        self.audit.must(seen, I::UndecidedIsSeen, payment, || {
            "it is undecided a day after its expiry, and nobody sees it".to_owned()
        });
    }
}

fn against_cell(against: &Against) -> &'static str {
    match against {
        Against::OtherAmount(..) => "another amount",
        Against::SecondDebit(_) => "a second debit",
        Against::FailedAfterPaid => "failed after paid",
    }
}
