//! Refunds: reserve the amount, ask the core, record the outcome. Tiki's refunds, reversals and late payments draw on one
//! balance (docs/architecture.md#the-transaction).

use crate::change::Edit;
use crate::trail::MAX_OPERATOR_ACTS;
use crate::{
    Alarm, Balance, CORE_LEASE, Change, DisputeReason, Due, Event, FailureCause, Ipn, OperatorWord,
    Origin, PaidNotification, PaymentState, Refund, RefundId, RefundReason, RefundState, Refusal,
    RejectionReason, RequestId, ReversalReason, ReviewReason, Timestamp, Transaction,
    TransactionId, Vnd, schedule,
};

/// The most refunds that Tiki may ask of one transaction; they all live in its one item.
pub const MAX_TIKI_REFUNDS: usize = 100;

/// Beside Tiki's: a late payment's, a reversal for each of Tiki's that gave its amount back, and one for each
/// time that a person says so.
pub(crate) const MAX_REFUNDS: usize = 2 * MAX_TIKI_REFUNDS + 2 + MAX_OPERATOR_ACTS;

/// So many characters are kept of why the core refused: every refund that there may be has to have room.
const REASON_KEPT: usize = 64;

/// Tiki's refund request (protocol §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundCommand {
    /// The idempotency key.
    pub request_id: RequestId,
    /// How much.
    pub amount: Vnd,
    /// Why.
    pub reason: RefundReason,
}

/// What a refund request comes to, before the core is asked.
#[must_use = "a reservation has not happened until the store has committed it"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The request was seen before: answer from the refund as it stands.
    Known(RefundId),
    /// Write this; then the core may be asked for this refund.
    Reserve(RefundId, Change),
}

/// The core's answer about a refund (docs/architecture.md#the-partners-side).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// The money is back.
    Succeeded,
    /// The core refuses, for good.
    Rejected {
        /// In the core's words.
        reason: Option<RejectionReason>,
    },
    /// The core is at it.
    Pending,
    /// No clear answer, or none in time: never a no.
    Unknown,
}

impl RefundAnswer {
    /// The answer's name in logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected { .. } => "rejected",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }
}

impl Transaction {
    /// Reserves the amount of Tiki's refund, or recognises the request as one seen before.
    pub fn reserve_refund(
        &self,
        command: &RefundCommand,
        now: Timestamp,
    ) -> Result<Reservation, Refusal> {
        if let Some(known) = self.refund_by_request(&command.request_id) {
            if known.amount == command.amount && known.reason == command.reason {
                return Ok(Reservation::Known(known.id));
            }
            return Err(Refusal::RequestIdReused);
        }
        match &self.data.payment {
            PaymentState::Paid { .. } => {}
            PaymentState::Pending { .. } => return Err(Refusal::NotPaidYet),
            PaymentState::Failed { failure, .. } => {
                return Err(match failure.cause {
                    FailureCause::Declined { .. } => Refusal::Failed,
                    FailureCause::Expired => Refusal::Expired,
                });
            }
        }
        let asked = self
            .data
            .refunds
            .iter()
            .filter(|r| !r.origin.is_ours())
            .count();
        if asked >= MAX_TIKI_REFUNDS {
            return Err(Refusal::TooManyRefunds(MAX_TIKI_REFUNDS));
        }
        let remaining = self.remaining_amount();
        if command.amount > remaining {
            return Err(Refusal::ExceedsRemaining { remaining });
        }

        let origin = Origin::Tiki {
            request_id: command.request_id.clone(),
        };
        let id = origin.refund_id(self.data.id, 0);
        let refund = Refund {
            id,
            origin,
            amount: command.amount,
            reason: command.reason.clone(),
            created_at: now,
            // Whoever reserves asks the core at once; if it dies, core-worker finds this.
            state: RefundState::Reserved(Due {
                due_at: now.after(CORE_LEASE),
                attempts: 1,
            }),
        };
        let change = self.change(now, |edit| edit.reserve(refund));
        Ok(Reservation::Reserve(id, change))
    }

    /// The refunds that core-worker is to ask the core about now.
    pub fn due_refunds(&self, now: Timestamp) -> impl Iterator<Item = RefundId> {
        self.data
            .refunds
            .iter()
            .filter(move |refund| refund.due().is_some_and(|due| due.due_at <= now))
            .map(|refund| refund.id)
    }

    /// Takes a due refund up: nobody else asks the core about it meanwhile.
    #[must_use]
    pub fn lease_refund(&self, id: RefundId, now: Timestamp) -> Option<Change> {
        let refund = self.refund_by_id(id)?;
        let due = refund.due().filter(|due| due.due_at <= now)?;
        let next = Due {
            due_at: now.after(CORE_LEASE),
            attempts: due.attempts.saturating_add(1),
        };
        let state = match refund.state {
            RefundState::Reserved(_) => RefundState::Reserved(next),
            RefundState::Unknown(_) => RefundState::Unknown(next),
            RefundState::Succeeded { .. } | RefundState::Rejected { .. } => return None,
        };
        Some(self.change(now, |edit| edit.after.set_refund(id, state)))
    }

    /// Takes the core's answer about a refund. A refund with an outcome keeps it, whatever the core answers later.
    #[must_use]
    pub fn record_refund_outcome(
        &self,
        id: RefundId,
        answer: &RefundAnswer,
        now: Timestamp,
    ) -> Option<Change> {
        let place = self
            .data
            .refunds
            .iter()
            .position(|refund| refund.id == id)?;
        let refund = self.data.refunds.get(place)?;
        let due = refund.due()?;
        let ours = refund.origin.is_ours();
        Some(match answer {
            RefundAnswer::Succeeded => self.change(now, |edit| {
                let finished = |balance| RefundState::Succeeded { at: now, balance };
                edit.after.finish_refund(id, finished);
                edit.note(Event::RefundSucceeded { refund: place });
            }),
            RefundAnswer::Rejected { reason } => {
                let change = self.change(now, |edit| {
                    edit.after
                        .finish_refund(id, |balance| RefundState::Rejected {
                            at: now,
                            reason: reason.as_ref().and_then(|r| r.first(REASON_KEPT)),
                            balance,
                        });
                    edit.note(Event::RefundRejected { refund: place });
                    edit.after_rejection(ours);
                });
                change.with_alarm(ours.then_some(Alarm::Review(ReviewReason::SystemRefundRejected)))
            }
            RefundAnswer::Pending | RefundAnswer::Unknown => {
                let due_at = schedule::next_refund(self.data.id, due.attempts, now);
                let state = RefundState::Unknown(Due { due_at, ..due });
                let pending = *answer == RefundAnswer::Pending;
                self.change(now, |edit| {
                    edit.after.set_refund(id, state);
                    edit.note(Event::RefundAsked {
                        refund: place,
                        pending,
                    });
                })
            }
        })
    }
}

impl Origin {
    /// The id of a refund of this origin, which follows from its cause: Tiki's request, or how many of ours
    /// there were before it. So the same cause can never become two refunds, nor two causes one.
    pub(crate) fn refund_id(&self, transaction: TransactionId, earlier: usize) -> RefundId {
        let origin = self.as_str();
        match self {
            Self::Tiki { request_id } => {
                RefundId::derive(transaction, &format!("{origin}\n{request_id}"))
            }
            Self::Reversal | Self::LatePayment => {
                RefundId::derive(transaction, &format!("{origin}\n{earlier}"))
            }
        }
    }
}

impl Transaction {
    fn set_refund(&mut self, id: RefundId, state: RefundState) {
        if let Some(refund) = self.data.refunds.iter_mut().find(|refund| refund.id == id) {
            refund.state = state;
        }
    }

    /// Records the outcome of a refund, and the balance after it.
    fn finish_refund(&mut self, id: RefundId, finished: impl Fn(Balance) -> RefundState) {
        self.set_refund(id, finished(self.balance()));
        // The balance changes with the state that notes it.
        self.set_refund(id, finished(self.balance()));
    }
}

impl Edit {
    fn reserve(&mut self, refund: Refund) {
        let place = self.after.data.refunds.len();
        self.after.data.refunds.push(refund);
        self.note(Event::RefundReserved { refund: place });
    }

    /// A rejected refund has given its amount back. If the payment is being reversed, that amount is the
    /// customer's too; but a core that refuses the reversal itself needs a person, not another try.
    fn after_rejection(&mut self, ours: bool) {
        let Ipn::Reversing { reason, .. } = self.after.ipn() else {
            return;
        };
        if ours {
            let disputed = PaidNotification::Disputed {
                at: self.now,
                reason: DisputeReason::ReversalRejected,
            };
            self.after.data.payment.set_paid_notification(disputed);
        } else {
            self.reserve_reversal(reason);
        }
    }

    /// Reserves what remains, to go back to the customer because Tiki does not have the order.
    pub(crate) fn reserve_reversal(&mut self, reason: ReversalReason) {
        self.reserve_ours(Origin::Reversal, reason.as_str());
    }

    /// Reserves the late payment of a failed transaction, to go back in full.
    pub(crate) fn reserve_late_payment(&mut self) {
        self.reserve_ours(Origin::LatePayment, "paid after the transaction had failed");
    }

    /// Records, for an operator, that what remains was returned by other means than the core.
    pub(crate) fn note_returned(&mut self, origin: Origin, word: &OperatorWord) {
        let place = self.after.data.refunds.len();
        self.reserve_ours(origin, word.reason.as_str());
        let Some(id) = self.after.data.refunds.get(place).map(|refund| refund.id) else {
            return;
        };
        let at = self.now;
        self.after
            .finish_refund(id, |balance| RefundState::Succeeded { at, balance });
        // The core has nothing to do with it.
        self.due_marks.refund = false;
        self.note(Event::RefundReturned { refund: place });
    }

    fn reserve_ours(&mut self, origin: Origin, reason: &str) {
        let amount = self.after.remaining_amount();
        if amount == Vnd::ZERO {
            return;
        }
        let Some(reason) = RefundReason::truncated(reason) else {
            return;
        };
        let same = self
            .after
            .data
            .refunds
            .iter()
            .filter(|r| r.origin == origin);
        let earlier = same.count();
        self.reserve(Refund {
            id: origin.refund_id(self.after.data.id, earlier),
            origin,
            amount,
            reason,
            created_at: self.now,
            state: RefundState::Reserved(Due {
                due_at: self.now,
                attempts: 0,
            }),
        });
        self.due_marks.refund = true;
    }
}
