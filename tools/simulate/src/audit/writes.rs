//! The auditor's checks of every write, and of every posting at the core.

use domain::{
    AuditEvent, DisputeReason, FailureCause, Ipn, MAX_REQUEUES, Origin, PaymentState, Refund,
    RefundId, RefundState, Status, Transaction, TransactionId,
};
use store::Item;

use super::Invariant as I;
use super::persons::Act;
use super::trail::{happened, trail_is_complete};
use crate::choices::Lane;
use crate::core::Paying;
use crate::fleet::Function;
use crate::history::in_words;
use crate::indexes::Sort;
use crate::table::{Writer, text};
use crate::versions::newer_parts;
use crate::world::{MAX_CLOCK_ERROR_MS, MINUTE, World};

/// So long after a function has read a payment it can still post a refund: it froze, and its call was late.
const STILL_ON_ITS_WAY: i64 = 5 * MINUTE + MAX_CLOCK_ERROR_MS;

impl World {
    /// One of our writes has committed. `after` is the item as the store reads it.
    pub(crate) fn audit_write(
        &mut self,
        by: &Writer,
        id: TransactionId,
        before: Option<&Transaction>,
        item: &Item,
        after: Result<&Transaction, &String>,
    ) {
        let Some(payment) = self.by_id.get(&id).copied() else {
            return self.audit.must(false, I::AcknowledgedIsKept, 0, || {
                format!("{id} belongs to no payment")
            });
        };
        let after = match after {
            Ok(after) => after,
            Err(error) => {
                return self
                    .audit
                    .must(false, I::AcknowledgedIsKept, payment, || error.clone());
            }
        };
        for refund in after.refunds() {
            self.remember_refund(refund.id, payment);
        }
        self.log_write(payment, after);
        match before {
            None => self.audit.must(
                after.version() == 1 && after.status() == Status::Pending,
                I::AcknowledgedIsKept,
                payment,
                || "it was not created pending".to_owned(),
            ),
            Some(before) => {
                let person = self.fleet.function(by.who) == Function::Person;
                let act = Act::of(before, after).filter(|_| person);
                if person {
                    self.audit_act(payment, before, after, act);
                }
                self.audit_change(payment, before, after, person);
                if !person {
                    self.audit_outcome(payment, by, before, after);
                }
                let wrote = happened(after) > happened(before);
                self.audit_core_said(payment, by.who, wrote, after);
                self.audit_undecided(payment, before, after);
                self.audit_review(payment, after);
            }
        }
        let now = self.now();
        self.audit.sees(payment, by.who, now);
        self.audit.reviewed(payment, after, now);
        self.audit_newer(payment, item);
        self.audit_words(payment, after);
        self.audit_indexes(payment, after, item);
        self.audit_marks(payment, before, after, item);
    }

    fn log_write(&mut self, payment: usize, after: &Transaction) {
        let now = self.now();
        self.log(Lane::of(payment), "DynamoDB", || in_words(after, now));
    }

    fn audit_change(
        &mut self,
        payment: usize,
        before: &Transaction,
        after: &Transaction,
        by_person: bool,
    ) {
        let audit = &mut self.audit;
        audit.must(
            after.version() == before.version() + 1,
            I::AcknowledgedIsKept,
            payment,
            || format!("version {} follows {}", after.version(), before.version()),
        );
        let same = before.order() == after.order()
            && before.tiki_id() == after.tiki_id()
            && before.created_at() == after.created_at()
            && before.expires_at() == after.expires_at();
        audit.must(same, I::AcknowledgedIsKept, payment, || {
            "the order has changed".to_owned()
        });
        if before.status() == Status::Pending {
            let at_once = matches!(after.payment(), PaymentState::Reversed { .. });
            self.audit.must(!at_once, I::FinalStatusStays, payment, || {
                "it was reversed before it was paid".to_owned()
            });
            self.audit_became_final(payment, after);
        } else {
            let reversed = matches!(before.payment(), PaymentState::Paid { .. })
                && matches!(after.payment(), PaymentState::Reversed { .. })
                && after.status() == Status::Failure;
            let stays = (before.status() == after.status() || reversed)
                && before.final_at() == after.final_at();
            self.audit.must(stays, I::FinalStatusStays, payment, || {
                format!("{:?} became {:?}", before.payment(), after.payment())
            });
        }
        let stays = by_person || notification_stays(before, after);
        self.audit.must(stays, I::FinalStatusStays, payment, || {
            format!("IPN {:?} became {:?}", before.ipn(), after.ipn())
        });
        let complete = trail_is_complete(before, after);
        self.audit.must(complete, I::TrailIsComplete, payment, || {
            format!(
                "{:?} became {:?}",
                before.audit_trail(),
                after.audit_trail()
            )
        });
        for old in before.refunds() {
            let new = after.refund_by_id(old.id);
            let kept = new.is_some_and(|new| {
                let decided = old.due().is_none();
                new.amount == old.amount
                    && new.origin == old.origin
                    && (!decided || new.state == old.state)
            });
            self.audit.must(kept, I::AcknowledgedIsKept, payment, || {
                format!("refund {:?} became {new:?}", old.state)
            });
        }
    }

    /// An older version that writes an item keeps what it does not know.
    fn audit_newer(&mut self, payment: usize, item: &Item) {
        let parts = newer_parts(item);
        let had = std::mem::replace(&mut self.audit.record(payment).newer, parts.clone());
        self.audit
            .must(had.is_subset(&parts), I::NewerIsKept, payment, || {
                format!("of {had:?} only {parts:?} is left")
            });
    }

    /// Our records must follow the answers of the counterparties.
    fn audit_words(&mut self, payment: usize, after: &Transaction) {
        let simulated = &self.payments[payment];
        let paid = matches!(simulated.paying, Paying::Paid { .. });
        let payment_is_so = match after.payment() {
            PaymentState::Pending { .. } => true,
            PaymentState::Paid { .. } | PaymentState::Reversed { .. } => paid,
            PaymentState::Failed { failure, .. } => {
                let no = match failure.cause {
                    FailureCause::Declined { .. } => simulated.declined,
                    FailureCause::Expired => simulated.core_said_no,
                };
                no && (paid || failure.late_payment.is_none())
            }
        };
        let refunds_are_so = after
            .refunds()
            .iter()
            .all(|refund| self.core_agrees(refund));
        let audit = &mut self.audit;
        audit.must(payment_is_so, I::BelievedOnWordAlone, payment, || {
            format!("{:?}, but the core never answered that", after.payment())
        });
        audit.must(refunds_are_so, I::BelievedOnWordAlone, payment, || {
            format!("{:?}, but the core never answered that", after.refunds())
        });
    }

    fn core_agrees(&self, refund: &Refund) -> bool {
        let posting = self.core.posting(refund.id);
        if self.core.is_by_hand(refund.id) {
            return true;
        }
        match refund.state {
            RefundState::Reserved(_) | RefundState::Unknown(_) => true,
            RefundState::Succeeded { .. } => {
                posting.is_some_and(|p| p.pays && p.amount == refund.amount.get())
            }
            RefundState::Rejected { .. } => posting.is_some_and(|p| !p.pays),
        }
    }

    /// Open obligations and payments that need review must be in their indexes.
    fn audit_indexes(&mut self, payment: usize, after: &Transaction, item: &Item) {
        let notify_at = match after.ipn() {
            // The stream has a minute's head start.
            Ipn::Queued { due_at } => Some(due_at.unix_ms() + 60_000),
            Ipn::Retrying { due_at, .. } => Some(due_at.unix_ms()),
            _ => None,
        };
        let asked_at = match after.payment() {
            PaymentState::Pending { expiry_check, .. } => Some(expiry_check.due_at.unix_ms()),
            PaymentState::Paid { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Failed { .. } => None,
        };
        let owed = after
            .refunds()
            .iter()
            .filter_map(|refund| match refund.state {
                RefundState::Reserved(due) | RefundState::Unknown(due) => {
                    Some(due.due_at.unix_ms())
                }
                RefundState::Succeeded { .. } | RefundState::Rejected { .. } => None,
            });
        let refund_at = owed.min();
        // A person may have it tried again.
        let of_late_payment = |refund: &&Refund| refund.origin == Origin::LatePayment;
        let last = after.refunds().iter().rev().find(of_late_payment);
        let kept = last.is_some_and(|last| matches!(last.state, RefundState::Rejected { .. }));
        let person = matches!(after.ipn(), Ipn::Disputed { .. } | Ipn::Exhausted { .. })
            || kept
            || !after.raised().is_empty();
        let is_final = after.status() != Status::Pending;

        for (due, index) in [
            (notify_at, "ipn_due"),
            (refund_at, "refund_due"),
            (asked_at, "expiry_due"),
        ] {
            let at = self.rows.indexes.belongs(index, item);
            let findable = at == due.map(Sort::Number);
            self.audit.must(findable, I::OwedIsFindable, payment, || {
                format!("its time in {index} is {at:?} and should be {due:?}")
            });
        }
        for (expected, index) in [(person, "needs_review"), (is_final, "by_day")] {
            let has = self.rows.indexes.belongs(index, item).is_some();
            self.audit
                .must(has == expected, I::OwedIsFindable, payment, || {
                    format!("whether it is in {index} is {has} and should be {expected}")
                });
        }
    }

    /// A new obligation must trigger its worker without a sweep.
    fn audit_marks(
        &mut self,
        payment: usize,
        before: Option<&Transaction>,
        after: &Transaction,
        item: &Item,
    ) {
        let queued = matches!(after.ipn(), Ipn::Queued { .. });
        let newly = before.is_some_and(|before| {
            // The failure of a reversed payment is queued anew, also if the success was never sent.
            let was_queued = before.ipn() == after.ipn();
            let resent = Act::of(before, after) == Some(Act::Resent);
            queued && !was_queued || queued_again(before, after) || resent
        });
        let ours = |t: &Transaction| {
            let ours = t
                .refunds()
                .iter()
                .filter(|r| r.origin.request_id().is_none() && !self.core.is_by_hand(r.id));
            ours.count()
        };
        let reserved = ours(after) > before.map_or(0, ours);
        let marks = [("ipn_due_mark", newly), ("refund_due_mark", reserved)];
        for (mark, expected) in marks {
            let marked = text(item, mark).as_deref() == Some("now");
            self.audit
                .must(marked == expected, I::OwedIsFindable, payment, || {
                    format!("{mark} is {marked} and should be {expected}")
                });
        }
    }

    /// The core has accepted a posting: money has moved or will move.
    pub(crate) fn audit_posted(&mut self, payment: usize, key: &str) {
        let posting = self.core.postings[key].clone();
        let twice = self
            .core
            .postings
            .values()
            .filter(|p| p.refund_id == posting.refund_id);
        let once = twice.count() == 1 && key == posting.refund_id;
        let returned = self.core.returned(payment);
        let simulated = &self.payments[payment];
        let paid = match simulated.paying {
            Paying::Paid { .. } => simulated.amount,
            Paying::Not | Paying::Deciding | Paying::Failed => 0,
        };
        let stored = self.rows.find(simulated.id);
        let id: Option<RefundId> = posting.refund_id.parse().ok();
        let refund = stored.zip(id).and_then(|(t, id)| t.refund_by_id(id));
        let reserved =
            refund.is_some_and(|refund| refund.holds() && refund.amount.get() == posting.amount);
        let grounds = refund.is_some_and(|refund| self.has_grounds(payment, refund));

        let now = self.now();
        let mut raised = stored.into_iter().flat_map(Transaction::raised);
        let doubtful = raised.any(|raised| {
            let since = raised.since.unix_ms();
            raised.reason.is_contradiction() && since + STILL_ON_ITS_WAY < now
        });

        let audit = &mut self.audit;
        audit.must(!doubtful, I::OnlyOnGrounds, payment, || {
            "money goes back while the core contradicts itself about the payment".to_owned()
        });
        audit.must(once, I::OnePostingPerRefund, payment, || {
            format!("refund {} was posted under key {key}", posting.refund_id)
        });
        audit.must(returned <= paid, I::ReturnedAtMostPaid, payment, || {
            format!("{returned} VND were refunded, but only {paid} were paid")
        });
        audit.must(reserved, I::ReservedBeforeAsked, payment, || {
            format!(
                "a refund of {} VND was requested but not reserved",
                posting.amount
            )
        });
        audit.must(grounds, I::OnlyOnGrounds, payment, || {
            format!("{} VND are refunded without a reason", posting.amount)
        });
    }

    fn has_grounds(&self, payment: usize, refund: &Refund) -> bool {
        let simulated = &self.payments[payment];
        match &refund.origin {
            Origin::Tiki { request_id } => {
                simulated.refunds.iter().enumerate().any(|(number, plan)| {
                    plan.request_id == request_id.as_str()
                        && plan.amount == refund.amount.get()
                        && self.audit.asked(payment, number)
                })
            }
            // The decision was judged when it was written.
            Origin::Reversal => self.audit.reversed_since(payment).is_some(),
            Origin::LatePayment => simulated.core_said_no || simulated.declined,
        }
    }
}

/// Whether the state of a notification may have become the other one without a person. What is final stays.
fn notification_stays(before: &Transaction, after: &Transaction) -> bool {
    let same = after.ipn() == before.ipn();
    match before.ipn() {
        Ipn::Confirmed { .. } | Ipn::Disputed { .. } => same,
        Ipn::Abandoned { .. } | Ipn::Exhausted { .. } => same || queued_again(before, after),
        Ipn::Reversing { .. } => match after.ipn() {
            Ipn::Queued { .. } => true,
            Ipn::Disputed { reason, .. } => reason == DisputeReason::ReversalRejected,
            _ => same,
        },
        Ipn::NotDue | Ipn::Queued { .. } | Ipn::Retrying { .. } => true,
    }
}

/// Whether the reconciliation has queued an exhausted or abandoned notification again. This may happen a few times,
/// and never while the money is on its way back: then nothing was given up.
fn queued_again(before: &Transaction, after: &Transaction) -> bool {
    let times = |t: &Transaction| {
        let entries = t.audit_trail().iter();
        let requeued = entries.filter(|entry| entry.event == AuditEvent::Requeued);
        requeued.map(|entry| entry.times).sum::<u32>()
    };
    let given_up = matches!(before.ipn(), Ipn::Abandoned { .. } | Ipn::Exhausted { .. });
    let queued = matches!(after.ipn(), Ipn::Retrying { failures: 0, .. });
    given_up && queued && times(after) == times(before) + 1 && times(after) <= MAX_REQUEUES
}

pub(super) fn rejected_reversal(refund: &Refund) -> bool {
    refund.origin == Origin::Reversal && matches!(refund.state, RefundState::Rejected { .. })
}
