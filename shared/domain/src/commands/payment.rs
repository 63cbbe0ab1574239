//! Results from the core, late payments, expiry (docs/architecture.md#the-transaction).

use crate::audit_trail::AuditEvent;
use crate::notification::{FailedNotification, PaidNotification};
use crate::payment::{
    CoreAnswer, Failure, FailureCause, PaidDetails, Payment, PaymentAnswer, PaymentResult,
    PaymentResultMessage, PaymentState,
};
use crate::refusal::Refusal;
use crate::review::{Alarm, ReviewReason};
use crate::schedule::{self, CORE_LEASE, Due};
use crate::text::FailureReason;
use crate::time::Timestamp;
use crate::transaction::{Change, Transaction};

impl Transaction {
    /// Takes a payment result from the core. A repeat writes nothing. If the transaction had failed, a late payment
    /// goes back in full.
    pub fn record_payment_result(
        &self,
        message: &PaymentResultMessage,
        now: Timestamp,
    ) -> Result<Option<Change>, Refusal> {
        if message
            .amount
            .is_some_and(|amount| amount != self.data.order.amount)
        {
            return Err(Refusal::InvalidAmount {
                field: "amount",
                problem: "is not the amount of the transaction".to_owned(),
            });
        }
        match (&self.data.payment, &message.result) {
            (PaymentState::Pending { .. }, PaymentResult::Paid(details)) => {
                Ok(Some(self.pay(details, now)))
            }
            (PaymentState::Pending { .. }, PaymentResult::Declined { reason }) => {
                Ok(Some(self.decline(reason.as_ref(), now)))
            }
            (PaymentState::Paid { payment: known, .. }, PaymentResult::Paid(details)) => {
                self.paid_again(known, details, now)
            }
            (PaymentState::Paid { .. }, PaymentResult::Declined { .. }) => {
                Err(Refusal::ResultDiffers)
            }
            (PaymentState::Failed { failure, .. }, PaymentResult::Paid(details)) => {
                match &failure.late_payment {
                    Some(known) => self.paid_again(known, details, now),
                    None => Ok(Some(self.give_back(details, now))),
                }
            }
            (PaymentState::Failed { .. }, PaymentResult::Declined { .. }) => Ok(None),
        }
    }

    /// Leases the question whether an expired payment was made, if it is due: no other worker asks until the lease
    /// ends.
    #[must_use]
    pub fn lease_expiry_check(&self, now: Timestamp) -> Option<Change> {
        match &self.data.payment {
            PaymentState::Pending {
                expiry_check,
                other_amount_since,
            } if expiry_check.due_at <= now => {
                let next = Due {
                    due_at: now.after(CORE_LEASE),
                    attempts: expiry_check.attempts.saturating_add(1),
                };
                Some(self.change(now, |edit| {
                    edit.after.data.payment = PaymentState::Pending {
                        expiry_check: next,
                        other_amount_since: *other_amount_since,
                    };
                }))
            }
            PaymentState::Pending { .. }
            | PaymentState::Paid { .. }
            | PaymentState::Failed { .. } => None,
        }
    }

    /// Takes the core's answer about an expired payment. Only a clear "not paid" fails it.
    #[must_use]
    pub fn conclude_expiry(&self, answer: &PaymentAnswer, now: Timestamp) -> Option<Change> {
        let PaymentState::Pending {
            expiry_check: check,
            other_amount_since: since,
        } = self.data.payment
        else {
            return None;
        };
        Some(match answer {
            PaymentAnswer::Paid { amount, details } if *amount == self.data.order.amount => {
                self.pay(details, now)
            }
            PaymentAnswer::Paid { .. } => self
                .ask_again(check, since.or(Some(now)), CoreAnswer::OtherAmount, now)
                .with_alarm(Some(Alarm::Review(ReviewReason::PaidAmountDiffers))),
            PaymentAnswer::Failed { reason } => self.decline(reason.as_ref(), now),
            PaymentAnswer::NotPaid => self.fail(FailureCause::Expired, now),
            PaymentAnswer::Pending => self.ask_again(check, since, CoreAnswer::Pending, now),
            PaymentAnswer::Unknown => self.ask_again(check, since, CoreAnswer::Unknown, now),
        })
    }

    /// If the core has once said that another amount was paid, the transaction stays in the review queue while the
    /// core says nothing clear.
    fn ask_again(
        &self,
        check: Due,
        other_amount_since: Option<Timestamp>,
        word: CoreAnswer,
        now: Timestamp,
    ) -> Change {
        let due_at = schedule::next_expiry(self.data.id, check.attempts, now);
        self.change(now, |edit| {
            edit.after.data.payment = PaymentState::Pending {
                expiry_check: Due { due_at, ..check },
                other_amount_since,
            };
            edit.note(AuditEvent::CoreAsked(word));
        })
    }

    fn pay(&self, details: &PaidDetails, now: Timestamp) -> Change {
        self.change(now, |edit| {
            edit.after.data.payment = PaymentState::Paid {
                payment: payment(details, now),
                notification: PaidNotification::Queued { due_at: now },
            };
            edit.note(AuditEvent::Paid);
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
            edit.after.data.payment = PaymentState::Failed {
                failure: Failure {
                    recorded_at: now,
                    cause,
                    late_payment: None,
                },
                notification: FailedNotification::Queued { due_at: now },
            };
            edit.note(event);
            edit.due_marks.ipn = true;
        })
    }

    /// Is it the same payment again, or a second one? Two references are two debits of one customer, and the core
    /// must be informed. So the first reference is kept, also if the first result had none.
    fn paid_again(
        &self,
        known: &Payment,
        received: &PaidDetails,
        now: Timestamp,
    ) -> Result<Option<Change>, Refusal> {
        match (&known.core_reference, &received.core_reference) {
            (_, None) => Ok(None),
            (Some(known), Some(received)) if known == received => Ok(None),
            (Some(_), Some(_)) => Err(Refusal::ResultDiffers),
            (None, Some(reference)) => Ok(Some(self.change(now, |edit| {
                if let Some(payment) = edit.after.money_taken_mut() {
                    payment.core_reference = Some(reference.clone());
                }
                edit.note(AuditEvent::ReferenceLearned);
            }))),
        }
    }

    /// The money of a failed transaction came after all: Tiki knows it as failed, so it goes back.
    fn give_back(&self, details: &PaidDetails, now: Timestamp) -> Change {
        self.change(now, |edit| {
            if let PaymentState::Failed { failure, .. } = &mut edit.after.data.payment {
                failure.late_payment = Some(payment(details, now));
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
            PaymentState::Paid { payment, .. } => Some(payment),
            PaymentState::Failed { failure, .. } => failure.late_payment.as_mut(),
        }
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
