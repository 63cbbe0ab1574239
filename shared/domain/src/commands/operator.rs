//! What a person may do: have the notification sent again, and decide what the two sides could not. Money moves by
//! the same rules as everywhere; a person only gives the word.

use crate::audit_trail::{self, AuditEvent};
use crate::notification::{DisputeReason, Ipn, IpnLease, ReversalReason, Sending};
use crate::operator::{
    MAX_OPEN_ACTS, MAX_OPERATOR_ACTS, MAX_RESENDS, OperatorRefusal, OperatorWord, Resolution,
    Verdict,
};
use crate::payment::{FailureCause, PaymentState};
use crate::proposal::ProposedAct;
use crate::refund::Origin;
use crate::review::{RaisedReason, ReviewReason, SeenReview};
use crate::time::Timestamp;
use crate::transaction::{Change, Edit, Transaction};

impl Transaction {
    /// Has the notification sent at once. If it was given up or disputed, it gets the whole budget again (protocol
    /// §3). If it is still being tried, the next try is earlier.
    pub fn resend_ipn(
        &self,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        self.may_act(MAX_RESENDS)?;
        let again = self.sending_again(now)?;
        Ok(self.change(now, |edit| {
            edit.send_again(again, word);
            edit.drop_done_resend();
            edit.drop_ended_proposal();
        }))
    }

    /// Whether a person may have the notification sent again, as it is now.
    #[must_use]
    pub fn may_resend(&self, now: Timestamp) -> bool {
        self.may_act(MAX_RESENDS).is_ok() && self.sending_again(now).is_ok()
    }

    /// Takes a person's decision on what is in the review queue. A transaction that waits for two reasons needs two
    /// decisions: [`Transaction::needs_review`] says which one is next.
    pub fn resolve(
        &self,
        resolution: Resolution,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        self.may_act(max_acts(resolution))?;
        let decided = self.decide(resolution)?;
        Ok(self.change(now, |edit| {
            decided.carry_out(edit, word);
            edit.drop_ended_proposal();
        }))
    }

    /// The try that a person wants, if there is something to send.
    pub(super) fn sending_again(&self, now: Timestamp) -> Result<Sending, OperatorRefusal> {
        let (attempt, failures) = match self.ipn() {
            Ipn::NotDue => return Err(OperatorRefusal::NoResult),
            Ipn::Confirmed { .. } => return Err(OperatorRefusal::Confirmed),
            Ipn::Reversing { .. }
            | Ipn::Disputed {
                reason: DisputeReason::ReversalRejected | DisputeReason::ReversalHeld,
                ..
            } => return Err(OperatorRefusal::Reversing),
            // Who holds the first lease must not record under the next one.
            Ipn::Queued { .. } => (IpnLease::FIRST, 0),
            Ipn::Retrying {
                attempt, failures, ..
            } => (attempt, failures.saturating_sub(1)),
            // A new number: who still holds an earlier lease must not record under this one.
            Ipn::Abandoned { .. } | Ipn::Disputed { .. } | Ipn::Exhausted { .. } => (
                audit_trail::last_attempt(&self.data.audit_trail).saturating_add(1),
                0,
            ),
        };
        Ok(Sending::Retrying {
            attempt,
            failures,
            due_at: now,
        })
    }

    /// What a decision on the next review comes to, if it fits.
    pub(super) fn decide(&self, resolution: Resolution) -> Result<Decided, OperatorRefusal> {
        let Some((review, _)) = self.needs_review() else {
            return Err(OperatorRefusal::NothingToDecide);
        };
        if let Resolution::Returned { amount } = resolution {
            let remaining = self.remaining_amount();
            if amount != remaining {
                return Err(OperatorRefusal::AmountDiffers { remaining });
            }
        }
        Ok(Decided {
            review,
            verdict: resolution.verdict(),
            act: self.decision(review, resolution)?,
        })
    }

    /// What is next in the review queue, as a person sees it now.
    #[must_use]
    pub fn review_to_see(&self) -> Option<SeenReview> {
        let (reason, _) = self.needs_review()?;
        Some(SeenReview {
            reason,
            contradictions: audit_trail::contradictions(&self.data.audit_trail),
        })
    }

    /// Whether a decision is on the review that the person has seen: another one may have come up since, or one more of
    /// the same kind, and the repeat of a command whose answer was lost must not decide on the next one, unseen.
    pub fn check_review(&self, seen: SeenReview) -> Result<(), OperatorRefusal> {
        match self.review_to_see() {
            None => Err(OperatorRefusal::NothingToDecide),
            Some(next) if next != seen => Err(OperatorRefusal::AnotherReview { seen, next }),
            Some(_) => Ok(()),
        }
    }

    /// The decisions that fit what is next in the review queue; none if it is not there.
    #[must_use]
    pub fn fitting_verdicts(&self) -> Vec<Verdict> {
        let Some((reason, _)) = self.needs_review() else {
            return Vec::new();
        };
        let amount = self.remaining_amount();
        let all = [
            Resolution::Confirmed,
            Resolution::Reverse,
            Resolution::Returned { amount },
            Resolution::Handled,
            Resolution::NotPaid,
        ];
        let fits = |resolution: &Resolution| self.decision(reason, *resolution).is_ok();
        all.into_iter()
            .filter(fits)
            .map(Resolution::verdict)
            .collect()
    }

    /// What follows from a person's decision on this review.
    fn decision(
        &self,
        review: ReviewReason,
        resolution: Resolution,
    ) -> Result<Act, OperatorRefusal> {
        let raised = matches!(review, ReviewReason::Raised(_));
        let undecided = matches!(review, ReviewReason::Raised(RaisedReason::Undecided));
        let late_payment_kept = matches!(review, ReviewReason::SystemRefundRejected);
        let undelivered = matches!(
            review,
            ReviewReason::IpnExhausted | ReviewReason::Disputed(_)
        );
        // Also if the review is of a contradiction that came later: the money is still with us.
        let money_kept = matches!(
            self.ipn(),
            Ipn::Disputed {
                reason: DisputeReason::ReversalRejected | DisputeReason::ReversalHeld,
                ..
            }
        );
        let believed_paid = matches!(
            review,
            ReviewReason::IpnExhausted | ReviewReason::Disputed(DisputeReason::KnownAsPaid)
        );
        let (fits, act) = match (&self.data.payment, resolution) {
            // While the core says that money was taken, nobody says that nobody has paid.
            (PaymentState::Pending { .. }, Resolution::NotPaid) => (undecided, Act::Fail),
            (PaymentState::Paid { .. }, Resolution::Confirmed) => (undelivered, Act::Confirm),
            (PaymentState::Paid { .. }, Resolution::Reverse) => (true, Act::Reverse),
            (PaymentState::Paid { .. }, Resolution::Returned { .. }) => (true, Act::NoteReversed),
            (PaymentState::Reversed { .. }, Resolution::Reverse) => (money_kept, Act::Reverse),
            (PaymentState::Reversed { .. }, Resolution::Returned { .. }) => {
                (money_kept, Act::NoteReversed)
            }
            (PaymentState::Reversed { .. }, Resolution::Handled) if believed_paid => {
                (true, Act::Confirm)
            }
            (PaymentState::Failed { .. }, Resolution::Reverse) => {
                (late_payment_kept, Act::ReturnLatePayment)
            }
            (PaymentState::Failed { .. }, Resolution::Returned { .. }) => {
                (late_payment_kept, Act::NoteLatePayment)
            }
            // It would be raised again by the next question.
            (_, Resolution::Handled) => (raised && !undecided, Act::Nothing),
            (
                PaymentState::Reversed { .. } | PaymentState::Failed { .. },
                Resolution::Confirmed,
            ) => return Err(OperatorRefusal::OnlyReversible),
            (
                PaymentState::Pending { .. },
                Resolution::Confirmed | Resolution::Reverse | Resolution::Returned { .. },
            )
            | (
                PaymentState::Paid { .. }
                | PaymentState::Reversed { .. }
                | PaymentState::Failed { .. },
                Resolution::NotPaid,
            ) => return Err(OperatorRefusal::DoesNotFit),
        };
        if fits {
            Ok(act)
        } else {
            Err(OperatorRefusal::DoesNotFit)
        }
    }

    /// Whether persons have acted fewer times.
    fn may_act(&self, at_most: usize) -> Result<(), OperatorRefusal> {
        let acts = audit_trail::operator_acts(&self.data.audit_trail);
        if acts < at_most {
            Ok(())
        } else {
            Err(OperatorRefusal::TooManyActs(acts))
        }
    }

    /// Whether one more act may be proposed.
    pub(super) fn may_propose(&self, act: ProposedAct) -> Result<(), OperatorRefusal> {
        let at_most = match act {
            ProposedAct::Resolve(resolution) => max_acts(resolution),
            ProposedAct::Resend => MAX_RESENDS,
        };
        let place = audit_trail::place_of_next_proposal(&self.data.audit_trail);
        self.may_act(at_most.saturating_add(usize::from(place.is_some())))
    }
}

/// Before how many acts of persons one may decide so.
fn max_acts(resolution: Resolution) -> usize {
    match resolution {
        Resolution::Reverse => MAX_OPEN_ACTS,
        Resolution::Confirmed
        | Resolution::Returned { .. }
        | Resolution::Handled
        | Resolution::NotPaid => MAX_OPERATOR_ACTS,
    }
}

/// A decision that fits.
#[derive(Clone, Copy)]
pub(super) struct Decided {
    /// What was next in the review queue.
    review: ReviewReason,
    verdict: Verdict,
    act: Act,
}

impl Decided {
    pub(super) fn carry_out(self, edit: &mut Edit, word: &OperatorWord) {
        edit.note(AuditEvent::Resolved {
            review: Some(self.review),
            verdict: self.verdict,
            word: word.clone(),
        });
        edit.after
            .data
            .raised
            .retain(|raised| !self.review.ends(raised.reason));
        self.act.carry_out(edit, word);
    }
}

impl Edit {
    /// Queues the notification once more, because a person wants it.
    pub(super) fn send_again(&mut self, again: Sending, word: &OperatorWord) {
        self.after.data.payment.set_sending(again, None);
        self.due_marks.ipn = true;
        self.note(AuditEvent::Resent(word.clone()));
    }
}

/// What a decision does to the transaction.
#[derive(Clone, Copy)]
enum Act {
    /// Only the review ends.
    Nothing,
    /// The notification is confirmed.
    Confirm,
    /// What remains goes back by the core.
    Reverse,
    /// What remained has gone back by hand.
    NoteReversed,
    /// The late payment goes back by the core.
    ReturnLatePayment,
    /// The late payment has gone back by hand.
    NoteLatePayment,
    /// The payment was not made.
    Fail,
}

impl Act {
    fn carry_out(self, edit: &mut Edit, word: &OperatorWord) {
        match self {
            Self::Nothing => {}
            Self::Confirm => edit.after.data.payment.set_confirmed(edit.now),
            Self::Reverse => edit.reverse(ReversalReason::ByOperator),
            Self::NoteReversed => {
                let reason = ReversalReason::ByOperator;
                edit.after.data.payment.set_reversed(edit.now, reason);
                edit.note_returned(Origin::Reversal, word);
                edit.notify_when_back();
            }
            Self::ReturnLatePayment => edit.reserve_late_payment(),
            Self::NoteLatePayment => edit.note_returned(Origin::LatePayment, word),
            Self::Fail => edit.fail(FailureCause::Expired),
        }
    }
}
