//! Results from the core, late payments, expiry (docs/architecture.md#the-transaction).

use std::time::Duration;

use crate::audit_trail::{self, AuditEvent};
use crate::notification::{FailedNotification, PaidNotification, Sending};
use crate::payment::{
    Contradiction, CoreAnswer, Failure, FailureCause, PaidDetails, Payment, PaymentAnswer,
    PaymentResult, PaymentResultMessage, PaymentState,
};
use crate::refusal::Refusal;
use crate::review::{Alarm, Raised, RaisedReason, ReviewReason};
use crate::schedule::{self, CORE_LEASE, Due};
use crate::text::{CoreReference, FailureReason};
use crate::time::Timestamp;
use crate::transaction::{Change, Edit, Transaction};

/// A day after expiry, a payment without a final word of the core needs review.
const UNDECIDED_NEEDS_REVIEW_AFTER: Duration = Duration::from_hours(24);

/// So long the same words of the core are no news after a person has dealt with them.
const DEALT_WITH_FOR: Duration = Duration::from_hours(24);

/// What follows from a payment result.
#[must_use = "a change has not happened until the store has committed it"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedResult {
    /// What is to be written, if anything is.
    pub change: Option<Change>,
    /// Why the result is refused. What contradicts the record is refused *and* written.
    pub refusal: Option<Refusal>,
}

impl RecordedResult {
    fn taken(change: Option<Change>) -> Self {
        Self {
            change,
            refusal: None,
        }
    }
}

impl Transaction {
    /// Takes a payment result from the core. A repeat writes nothing. If the transaction had failed, a late payment
    /// goes back in full. A result that contradicts what is recorded is refused, noted and raised for review.
    pub fn record_payment_result(
        &self,
        message: &PaymentResultMessage,
        now: Timestamp,
    ) -> RecordedResult {
        if let Some(contradiction) = self.contradiction(message) {
            return RecordedResult {
                change: self.note_contradiction(&contradiction, now),
                refusal: Some(refusal_of(&contradiction)),
            };
        }
        let other_amount = message
            .amount
            .is_some_and(|amount| amount != self.data.order.amount);
        if other_amount {
            // A payment that was not made, of another amount: no money is named.
            return RecordedResult {
                change: None,
                refusal: Some(other_amount_refusal()),
            };
        }
        RecordedResult::taken(match (&self.data.payment, &message.result) {
            (PaymentState::Pending { .. }, PaymentResult::Paid(details)) => {
                Some(self.pay(details, now))
            }
            (PaymentState::Pending { .. }, PaymentResult::Declined { reason }) => {
                Some(self.decline(reason.as_ref(), now))
            }
            (
                PaymentState::Paid { payment, .. } | PaymentState::Reversed { payment, .. },
                PaymentResult::Paid(details),
            ) => self.learn_reference(payment, details, now),
            (PaymentState::Failed { failure, .. }, PaymentResult::Paid(details)) => {
                match &failure.late_payment {
                    Some(known) => self.learn_reference(known, details, now),
                    None => Some(self.give_back(details, now)),
                }
            }
            // With money taken, it is a contradiction; without, a repeat.
            (
                PaymentState::Paid { .. }
                | PaymentState::Reversed { .. }
                | PaymentState::Failed { .. },
                PaymentResult::Declined { .. },
            ) => None,
        })
    }

    /// Whether the core contradicts what is recorded.
    fn contradiction(&self, message: &PaymentResultMessage) -> Option<Contradiction> {
        match &message.result {
            PaymentResult::Declined { .. } => {
                self.money_taken().map(|_| Contradiction::FailedAfterPaid)
            }
            PaymentResult::Paid(details) => match message.amount {
                Some(amount) if amount != self.data.order.amount => {
                    Some(Contradiction::OtherAmount {
                        amount,
                        reference: details.core_reference.clone(),
                    })
                }
                _ => {
                    let known = self.money_taken()?.core_reference.as_ref()?;
                    let reference = details.core_reference.as_ref()?;
                    (known != reference).then(|| Contradiction::SecondDebit {
                        reference: reference.clone(),
                    })
                }
            },
        }
    }

    /// Writes a contradiction down, and raises its review.
    fn note_contradiction(&self, contradiction: &Contradiction, now: Timestamp) -> Option<Change> {
        let reason = self.news(contradiction, now)?;
        let change = self.change(now, |edit| {
            edit.note(AuditEvent::Contradicted(contradiction.clone()));
            edit.raise(reason);
        });
        Some(change.with_alarm(Some(Alarm::Review(ReviewReason::Raised(reason)))))
    }

    /// Why a contradiction needs review, if it is news. The core repeats a refused result: it is none while it is in
    /// review, nor for a day after a person has dealt with it. After that the core still says so, and a person must
    /// know. If only an answer of the core had ended it, the core contradicts that answer now.
    fn news(&self, contradiction: &Contradiction, now: Timestamp) -> Option<RaisedReason> {
        let reason = match contradiction {
            Contradiction::OtherAmount { .. } => RaisedReason::PaidAmountDiffers,
            Contradiction::SecondDebit { .. } => RaisedReason::SecondDebit,
            Contradiction::FailedAfterPaid => RaisedReason::FailedAfterPaid,
        };
        let trail = &self.data.audit_trail;
        let known = audit_trail::contradicted_at(trail, contradiction);
        let raised = self
            .data
            .raised
            .iter()
            .any(|raised| raised.reason == reason);
        let dealt_with = |noted| {
            let resolved = audit_trail::resolved_at(trail, reason).filter(|at| *at >= noted);
            raised || resolved.is_some_and(|at| now < at.after(DEALT_WITH_FOR))
        };
        (!known.is_some_and(dealt_with)).then_some(reason)
    }

    /// Leases the question whether an expired payment was made, if it is due: no other worker asks until the lease
    /// ends.
    #[must_use]
    pub fn lease_expiry_check(&self, now: Timestamp) -> Option<Change> {
        match &self.data.payment {
            PaymentState::Pending { expiry_check } if expiry_check.due_at <= now => {
                let next = Due {
                    due_at: now.after(CORE_LEASE),
                    attempts: expiry_check.attempts.saturating_add(1),
                };
                Some(self.change(now, |edit| {
                    edit.after.data.payment = PaymentState::Pending { expiry_check: next };
                }))
            }
            PaymentState::Pending { .. }
            | PaymentState::Paid { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Failed { .. } => None,
        }
    }

    /// Takes the core's answer about an expired payment. Only a clear "not paid" fails it. If a result came while the
    /// core was being asked, an answer "paid" counts as one more result; any other is older news.
    #[must_use]
    pub fn conclude_expiry(&self, answer: &PaymentAnswer, now: Timestamp) -> Option<Change> {
        let PaymentState::Pending { expiry_check } = self.data.payment else {
            let PaymentAnswer::Paid { amount, details } = answer else {
                return None;
            };
            let message = PaymentResultMessage {
                amount: Some(*amount),
                result: PaymentResult::Paid(details.clone()),
            };
            return self.record_payment_result(&message, now).change;
        };
        let again = |word| Some(self.ask_again(expiry_check, word, None, now));
        match answer {
            PaymentAnswer::Paid { amount, details } if *amount == self.data.order.amount => {
                Some(self.pay(details, now))
            }
            PaymentAnswer::Paid { amount, details } => {
                let contradiction = Contradiction::OtherAmount {
                    amount: *amount,
                    reference: details.core_reference.clone(),
                };
                Some(self.ask_again(
                    expiry_check,
                    CoreAnswer::OtherAmount,
                    Some(contradiction),
                    now,
                ))
            }
            PaymentAnswer::Failed { reason } => Some(self.decline(reason.as_ref(), now)),
            PaymentAnswer::NotPaid => Some(self.fail(FailureCause::Expired, now)),
            PaymentAnswer::Pending => again(CoreAnswer::Pending),
            PaymentAnswer::Unreadable => again(CoreAnswer::Unreadable),
            PaymentAnswer::Unknown => again(CoreAnswer::Unknown),
        }
    }

    /// Plans the next question. What the core said against the record is noted, and a payment that stays undecided
    /// is raised for review.
    fn ask_again(
        &self,
        check: Due,
        word: CoreAnswer,
        contradiction: Option<Contradiction>,
        now: Timestamp,
    ) -> Change {
        let due_at = schedule::next_expiry(self.data.id, check.attempts, now);
        let new = contradiction.filter(|contradiction| self.news(contradiction, now).is_some());
        let raised = |reason| {
            self.data
                .raised
                .iter()
                .any(|raised| raised.reason == reason)
        };
        let overdue = self.data.expires_at.after(UNDECIDED_NEEDS_REVIEW_AFTER) <= now;
        let reason = if new.is_some() {
            Some(RaisedReason::PaidAmountDiffers)
        } else {
            (overdue && !raised(RaisedReason::Undecided)).then_some(RaisedReason::Undecided)
        };
        self.change(now, |edit| {
            edit.after.data.payment = PaymentState::Pending {
                expiry_check: Due { due_at, ..check },
            };
            edit.note(AuditEvent::CoreAsked(word));
            if let Some(contradiction) = new {
                edit.note(AuditEvent::Contradicted(contradiction));
            }
            if let Some(reason) = reason {
                edit.raise(reason);
            }
        })
        .with_alarm(reason.map(|reason| Alarm::Review(ReviewReason::Raised(reason))))
    }

    fn pay(&self, details: &PaidDetails, now: Timestamp) -> Change {
        self.change(now, |edit| {
            let queued = Sending::Queued { due_at: edit.clock };
            edit.after.data.payment = PaymentState::Paid {
                payment: payment(details, edit.now),
                notification: PaidNotification::Sending {
                    sending: queued,
                    not_found_at: None,
                },
            };
            edit.note(AuditEvent::Paid);
            edit.keep_unexplained(details.core_reference.as_ref());
            edit.due_marks.ipn = true;
        })
    }

    fn decline(&self, reason: Option<&FailureReason>, now: Timestamp) -> Change {
        let reason = reason.cloned();
        self.fail(FailureCause::Declined { reason }, now)
    }

    fn fail(&self, cause: FailureCause, now: Timestamp) -> Change {
        let event = match cause {
            FailureCause::Declined { .. } => AuditEvent::Declined,
            FailureCause::Expired => AuditEvent::Expired,
        };
        self.change(now, |edit| {
            edit.fail(cause);
            // The core has said clearly that it has no money.
            edit.after.data.raised.clear();
            edit.note(event);
        })
    }

    /// It is the same payment again. If its reference was not known, it is now: so a second debit is recognised.
    fn learn_reference(
        &self,
        known: &Payment,
        received: &PaidDetails,
        now: Timestamp,
    ) -> Option<Change> {
        let reference = received.core_reference.as_ref()?;
        if known.core_reference.is_some() {
            return None;
        }
        Some(self.change(now, |edit| {
            if let Some(payment) = edit.after.money_taken_mut() {
                payment.core_reference = Some(reference.clone());
            }
            edit.note(AuditEvent::ReferenceLearned);
        }))
    }

    /// The money of a failed transaction came after all: Tiki knows it as failed, so it goes back.
    fn give_back(&self, details: &PaidDetails, now: Timestamp) -> Change {
        self.change(now, |edit| {
            let at = edit.now;
            if let PaymentState::Failed { failure, .. } = &mut edit.after.data.payment {
                failure.late_payment = Some(payment(details, at));
            }
            edit.note(AuditEvent::PaidLate);
            edit.reserve_late_payment();
        })
    }
}

impl Transaction {
    fn money_taken_mut(&mut self) -> Option<&mut Payment> {
        match &mut self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { payment, .. } | PaymentState::Reversed { payment, .. } => {
                Some(payment)
            }
            PaymentState::Failed { failure, .. } => failure.late_payment.as_mut(),
        }
    }
}

impl Edit {
    /// The payment was not made, and no money is with us.
    pub(crate) fn fail(&mut self, cause: FailureCause) {
        let queued = Sending::Queued { due_at: self.clock };
        self.after.data.payment = PaymentState::Failed {
            failure: Failure {
                recorded_at: self.now,
                cause,
                late_payment: None,
            },
            notification: FailedNotification::Sending(queued),
        };
        self.due_marks.ipn = true;
    }

    /// That the payment was made ends what was raised while it was pending. But another amount is explained by it only
    /// if it is the same debit by its reference: otherwise both may have been taken.
    fn keep_unexplained(&mut self, reference: Option<&CoreReference>) {
        let unexplained = audit_trail::other_amount_references(&self.after.data.audit_trail)
            .any(|other| other.is_none() || other != reference);
        let stays =
            |raised: &Raised| unexplained && raised.reason == RaisedReason::PaidAmountDiffers;
        self.after.data.raised.retain(stays);
    }
}

fn refusal_of(contradiction: &Contradiction) -> Refusal {
    match contradiction {
        Contradiction::OtherAmount { .. } => other_amount_refusal(),
        Contradiction::SecondDebit { .. } | Contradiction::FailedAfterPaid => {
            Refusal::ResultDiffers
        }
    }
}

fn other_amount_refusal() -> Refusal {
    Refusal::InvalidAmount {
        field: "amount",
        problem: "is not the amount of the transaction".to_owned(),
    }
}

fn payment(details: &PaidDetails, now: Timestamp) -> Payment {
    Payment {
        recorded_at: now,
        paid_at: details.paid_at.unwrap_or(now),
        banking_method: details.banking_method.clone(),
        core_reference: details.core_reference.clone(),
    }
}
