//! What the core says of a payment: results, late payments, expiry (docs/architecture.md#the-transaction, docs/architecture.md#the-partners-side).

use crate::{
    Alarm, BankingMethod, CORE_LEASE, Change, CoreAnswer, CoreReference, Due, Event,
    FailedNotification, Failure, FailureCause, FailureReason, PaidNotification, Payment,
    PaymentState, Refusal, ReviewReason, Timestamp, Transaction, Vnd, schedule,
};

/// A payment result, as the core sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentResultMessage {
    /// The amount, if the core gave it; it must be the transaction's.
    pub amount: Option<Vnd>,
    /// What happened.
    pub result: PaymentResult,
}

/// What happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentResult {
    /// The customer has paid.
    Paid(PaidDetails),
    /// The payment was declined or cancelled.
    Declined {
        /// In the core's words.
        reason: Option<FailureReason>,
    },
}

/// What the core tells of a payment that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaidDetails {
    /// When, by the core's word; the time of the report if it did not say.
    pub paid_at: Option<Timestamp>,
    /// How.
    pub banking_method: Option<BankingMethod>,
    /// The core's reference.
    pub core_reference: Option<CoreReference>,
}

/// The core's answer to the question what became of a payment (docs/architecture.md#the-partners-side).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    /// Paid.
    Paid {
        /// How much.
        amount: Vnd,
        /// The rest.
        details: PaidDetails,
    },
    /// Declined or cancelled.
    Failed {
        /// In the core's words.
        reason: Option<FailureReason>,
    },
    /// Nobody has paid.
    NotPaid,
    /// The customer is at it.
    Pending,
    /// No clear answer, or none in time.
    Unknown,
}

impl PaymentAnswer {
    /// The answer's name in logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Paid { .. } => "paid",
            Self::Failed { .. } => "failed",
            Self::NotPaid => "not_paid",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }
}

impl Transaction {
    /// Takes a result from the core. A repeat writes nothing; a result for a failed transaction that was
    /// paid after all gives the money back in full.
    pub fn record_payment_result(
        &self,
        report: &PaymentResultMessage,
        now: Timestamp,
    ) -> Result<Option<Change>, Refusal> {
        if report
            .amount
            .is_some_and(|amount| amount != self.data.order.amount)
        {
            return Err(Refusal::InvalidAmount {
                field: "amount",
                problem: "is not the amount of the transaction".to_owned(),
            });
        }
        match (&self.data.payment, &report.result) {
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

    /// Takes up the question whether an expired payment was made, if it is due: nobody else asks meanwhile.
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

    /// Another amount that the core once named stays in review, also if a later answer is not clear.
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
            edit.note(Event::CoreAsked(word));
        })
    }

    fn pay(&self, details: &PaidDetails, now: Timestamp) -> Change {
        self.change(now, |edit| {
            edit.after.data.payment = PaymentState::Paid {
                payment: payment(details, now),
                notification: PaidNotification::Queued { due_at: now },
            };
            edit.note(Event::Paid);
            edit.due_marks.ipn = true;
        })
    }

    fn decline(&self, reason: Option<&FailureReason>, now: Timestamp) -> Change {
        let reason = reason.cloned();
        self.fail(FailureCause::Declined { reason }, now)
    }

    fn fail(&self, cause: FailureCause, now: Timestamp) -> Change {
        let event = match cause {
            FailureCause::Declined { .. } => Event::Declined,
            FailureCause::Expired => Event::Expired,
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

    /// The same payment reported again, or a second one? Two references are two debits of one customer, which
    /// the core must hear of. So the first reference that comes is kept, also if the first report had none.
    fn paid_again(
        &self,
        known: &Payment,
        reported: &PaidDetails,
        now: Timestamp,
    ) -> Result<Option<Change>, Refusal> {
        match (&known.core_reference, &reported.core_reference) {
            (_, None) => Ok(None),
            (Some(known), Some(reported)) if known == reported => Ok(None),
            (Some(_), Some(_)) => Err(Refusal::ResultDiffers),
            (None, Some(reference)) => Ok(Some(self.change(now, |edit| {
                if let Some(payment) = edit.after.money_taken_mut() {
                    payment.core_reference = Some(reference.clone());
                }
                edit.note(Event::ReferenceLearned);
            }))),
        }
    }

    /// The money of a failed transaction came after all: Tiki knows it as failed, so it goes back.
    fn give_back(&self, details: &PaidDetails, now: Timestamp) -> Change {
        self.change(now, |edit| {
            if let PaymentState::Failed { failure, .. } = &mut edit.after.data.payment {
                failure.late_payment = Some(payment(details, now));
            }
            edit.note(Event::PaidLate);
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
