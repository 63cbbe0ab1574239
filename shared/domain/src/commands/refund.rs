//! A refund: reserve the amount, ask the core, record the outcome (docs/architecture.md#the-transaction).

use crate::audit_trail::AuditEvent;
use crate::ids::RefundId;
use crate::money::Vnd;
use crate::notification::{ReversalReason, ReversedNotification, Sending};
use crate::operator::OperatorWord;
use crate::payment::{FailureCause, PaymentState};
use crate::refund::{
    Balance, MAX_REJECTED_REFUNDS, MAX_TIKI_REFUNDS, Origin, Refund, RefundAnswer, RefundCommand,
    RefundState,
};
use crate::refusal::Refusal;
use crate::review::{Alarm, Raised, RaisedReason, ReviewReason};
use crate::schedule::{self, CORE_LEASE, Due};
use crate::text::{RefundReason, RequestId};
use crate::time::Timestamp;
use crate::transaction::{Change, Edit, Transaction};

/// How many characters, and how many bytes, are kept of the core's reason for a rejection: the item must have room for
/// every refund.
const REASON_KEPT: (usize, usize) = (64, 96);

/// What follows from a refund request before the core is asked.
#[must_use = "a reservation has not happened until the store has committed it"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// The request was received before. Answer from the refund as it is.
    Known(RefundId),
    /// Write this change. Then the core may be asked for this refund.
    Reserve(RefundId, Change),
}

impl Transaction {
    /// Reserves the amount of Tiki's refund, or recognises the request as a repeat.
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
        self.may_be_refunded()?;
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
            // The caller asks the core at once. If the caller dies, core-worker finds the refund by this time.
            state: RefundState::Reserved(Due {
                due_at: now.after(CORE_LEASE),
                attempts: 1,
            }),
        };
        let change = self.change(now, |edit| edit.reserve(refund));
        Ok(Reservation::Reserve(id, change))
    }

    /// Whether Tiki may ask for a refund at all.
    fn may_be_refunded(&self) -> Result<(), Refusal> {
        match &self.data.payment {
            PaymentState::Paid { .. } => {}
            PaymentState::Pending { .. } => return Err(Refusal::NotPaidYet),
            PaymentState::Reversed { reversal, .. } => {
                return Err(match reversal.notification {
                    // A person gives the money back by hand. It must not go back twice.
                    ReversedNotification::Rejected { .. } | ReversedNotification::Held { .. } => {
                        Refusal::UnderReview
                    }
                    ReversedNotification::Returning
                    | ReversedNotification::Sending(_)
                    | ReversedNotification::Confirmed { .. }
                    | ReversedNotification::Exhausted { .. }
                    | ReversedNotification::KnownAsPaid { .. } => Refusal::Failed,
                });
            }
            PaymentState::Failed { failure, .. } => {
                return Err(match failure.cause {
                    FailureCause::Declined { .. } => Refusal::Failed,
                    FailureCause::Expired => Refusal::Expired,
                });
            }
        }
        if self.is_doubtful() {
            return Err(Refusal::UnderReview);
        }
        let rejected = self.rejected_refunds();
        let tikis = self.data.refunds.iter().filter(|r| !r.origin.is_ours());
        let held = tikis.count().saturating_sub(rejected);
        if held >= MAX_TIKI_REFUNDS || rejected >= MAX_REJECTED_REFUNDS {
            return Err(Refusal::TooManyRefunds(held.saturating_add(rejected)));
        }
        Ok(())
    }

    /// Whether the core contradicts itself about the payment: the customer may have the money back already. While it
    /// does, nothing is reserved, and what is reserved is not requested at the core.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        let mut raised = self.data.raised.iter();
        raised.any(|raised| raised.reason.is_contradiction())
    }

    /// How many of Tiki's refunds the core has rejected.
    fn rejected_refunds(&self) -> usize {
        let rejected = |refund: &&Refund| !refund.origin.is_ours() && !refund.holds();
        self.data.refunds.iter().filter(rejected).count()
    }

    /// The request of another refund of Tiki that is still open and has the same amount. Tiki may mean the same one.
    #[must_use]
    pub fn open_refund_like(&self, command: &RefundCommand) -> Option<&RequestId> {
        self.data.refunds.iter().find_map(|refund| {
            let Origin::Tiki { request_id } = &refund.origin else {
                return None;
            };
            let same = refund.amount == command.amount && *request_id != command.request_id;
            (same && refund.due().is_some()).then_some(request_id)
        })
    }

    /// The refunds about which core-worker must ask the core now.
    pub fn due_refunds(&self, now: Timestamp) -> impl Iterator<Item = RefundId> {
        self.data
            .refunds
            .iter()
            .filter(move |refund| refund.due().is_some_and(|due| due.due_at <= now))
            .map(|refund| refund.id)
    }

    /// Leases a refund that is due: no other worker asks the core about it until the lease ends.
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

    /// Records the core's answer about a refund. A final refund stays as it is, whatever the core says later.
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
                let at = edit.now;
                let succeeded = |balance| RefundState::Succeeded { at, balance };
                edit.after.finish_refund(id, succeeded);
                edit.note(AuditEvent::RefundSucceeded { refund: place });
                edit.notify_when_back();
            }),
            RefundAnswer::Rejected { reason } => {
                let locked =
                    !ours && self.rejected_refunds().saturating_add(1) == MAX_REJECTED_REFUNDS;
                let review = if ours {
                    Some(ReviewReason::SystemRefundRejected)
                } else {
                    locked.then_some(ReviewReason::Raised(RaisedReason::RefundsRejected))
                };
                let change = self.change(now, |edit| {
                    let at = edit.now;
                    edit.after
                        .finish_refund(id, |balance| RefundState::Rejected {
                            at,
                            reason: reason
                                .as_ref()
                                .and_then(|r| r.first(REASON_KEPT.0, REASON_KEPT.1)),
                            balance,
                        });
                    edit.note(AuditEvent::RefundRejected { refund: place });
                    if locked {
                        edit.raise(RaisedReason::RefundsRejected);
                    }
                    edit.after_rejection(ours);
                });
                change.with_alarm(review.map(Alarm::Review))
            }
            RefundAnswer::Pending | RefundAnswer::Unknown => {
                let due_at = schedule::next_refund(self.data.id, due.attempts, now);
                let state = RefundState::Unknown(Due { due_at, ..due });
                let pending = *answer == RefundAnswer::Pending;
                self.change(now, |edit| {
                    edit.after.set_refund(id, state);
                    edit.note(AuditEvent::RefundAsked {
                        refund: place,
                        pending,
                    });
                })
            }
        })
    }
}

impl Transaction {
    fn set_refund(&mut self, id: RefundId, state: RefundState) {
        if let Some(refund) = self.data.refunds.iter_mut().find(|refund| refund.id == id) {
            refund.state = state;
        }
    }

    /// Makes a refund final, and notes the balance after it.
    fn finish_refund(&mut self, id: RefundId, outcome: impl Fn(Balance) -> RefundState) {
        self.set_refund(id, outcome(self.balance()));
        // Twice: the balance in the outcome counts the outcome itself.
        self.set_refund(id, outcome(self.balance()));
    }
}

impl Edit {
    fn reserve(&mut self, refund: Refund) {
        let place = self.after.data.refunds.len();
        self.after.data.refunds.push(refund);
        self.note(AuditEvent::RefundReserved { refund: place });
    }

    /// A rejected refund frees its amount. If the payment is being reversed, that amount must go back to the
    /// customer too. But if the core rejects the reversal itself, a person must decide: there is no second try.
    fn after_rejection(&mut self, ours: bool) {
        let PaymentState::Reversed { reversal, .. } = &self.after.data.payment else {
            return;
        };
        match reversal.notification {
            ReversedNotification::Returning if ours => {
                let rejected = ReversedNotification::Rejected { at: self.now };
                self.after.data.payment.set_reversed_notification(rejected);
            }
            ReversedNotification::Returning => self.reserve_reversal(reversal.reason),
            // The reversal itself was rejected already, so what is free now is given back by hand too.
            ReversedNotification::Rejected { .. }
            | ReversedNotification::Held { .. }
            | ReversedNotification::Sending(_)
            | ReversedNotification::Confirmed { .. }
            | ReversedNotification::Exhausted { .. }
            | ReversedNotification::KnownAsPaid { .. } => {}
        }
    }

    /// Reverses the payment: from here on it is a failure, and what remains goes back by the core.
    pub(crate) fn reverse(&mut self, reason: ReversalReason) {
        self.after.data.payment.set_reversed(self.now, reason);
        self.reserve_reversal(reason);
        self.notify_when_back();
    }

    /// Reverses the payment, and leaves it to a person to find out where the money is.
    pub(crate) fn hold_reversal(&mut self, reason: ReversalReason) {
        let at = self.now;
        self.after.data.payment.set_reversed(at, reason);
        let held = ReversedNotification::Held { at };
        self.after.data.payment.set_reversed_notification(held);
    }

    /// Queues the notification of a reversal once no money is left and none is on its way.
    pub(crate) fn notify_when_back(&mut self) {
        let returning = matches!(&self.after.data.payment, PaymentState::Reversed { reversal, .. }
            if reversal.notification == ReversedNotification::Returning);
        let open = self.after.refund_due_at().is_some();
        if returning && !open && self.after.remaining_amount() == Vnd::ZERO {
            let queued = Sending::Queued { due_at: self.clock };
            self.after.data.payment.set_sending(queued, None);
            self.due_marks.ipn = true;
        }
    }

    /// Raises a review, unless it is raised already.
    pub(crate) fn raise(&mut self, reason: RaisedReason) {
        let since = self.now;
        let raised = &mut self.after.data.raised;
        if !raised.iter().any(|raised| raised.reason == reason) {
            raised.push(Raised { reason, since });
        }
    }

    /// Reserves what remains, to go back to the customer because Tiki does not have the order.
    fn reserve_reversal(&mut self, reason: ReversalReason) {
        self.reserve_ours(Origin::Reversal, reason.as_str());
    }

    /// Reserves the late payment of a failed transaction, to go back in full.
    pub(crate) fn reserve_late_payment(&mut self) {
        self.reserve_ours(Origin::LatePayment, "paid after the transaction had failed");
    }

    /// Notes that what remains went back by other means than the core, because a person says so.
    pub(crate) fn note_returned(&mut self, origin: Origin, word: &OperatorWord) {
        let place = self.after.data.refunds.len();
        self.reserve_ours(origin, word.reason.as_str());
        let Some(id) = self.after.data.refunds.get(place).map(|refund| refund.id) else {
            return;
        };
        let at = self.now;
        self.after
            .finish_refund(id, |balance| RefundState::Succeeded { at, balance });
        // The core is not asked.
        self.due_marks.refund = false;
        self.note(AuditEvent::RefundReturned { refund: place });
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
