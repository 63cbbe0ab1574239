//! What a person may do: report a result again, and decide what the two sides could not. Money moves by the
//! rules that everything else goes by; a person only gives the word.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::trail::{self, MAX_OPERATOR_ACTS, MAX_RESENDS};
use crate::{
    Change, Event, Ipn, OperatorWord, Origin, PaidNotification, PaymentState, ReversalReason,
    Timestamp, Transaction,
};

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    /// Tiki has the order: the payment stands.
    Confirmed,
    /// What remains goes back to the customer, by the core.
    Reverse,
    /// What remains has gone back already, by other means than the core: nothing more may go.
    Returned,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a person's word is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorRefusal {
    /// The payment is pending.
    #[error("there is no result to report yet")]
    NoResult,
    /// Tiki has it.
    #[error("Tiki has confirmed it: there is nothing to report")]
    Confirmed,
    /// The money goes back.
    #[error("it is being reversed: there is nothing to report")]
    Reversing,
    /// Nothing waits for a person's decision.
    #[error("nothing of it waits for a decision")]
    NothingToDecide,
    /// The money of a failed payment can only go back.
    #[error("Tiki knows it as failed: the money can only go back")]
    OnlyReversible,
    /// Some of the money is back or on its way, because Tiki did not have the order.
    #[error("some of its money is back or on its way: it can only be reversed")]
    GoingBack,
    /// The trail has an end.
    #[error("persons have acted {MAX_OPERATOR_ACTS} times on it already")]
    TooManyActs,
}

impl Transaction {
    /// Has the result reported at once: anew with the whole budget where it was given up or disputed
    /// (protocol §3), earlier than due where it is still being tried.
    pub fn resend_ipn(
        &self,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        // Some are kept for decisions.
        self.may_act(MAX_RESENDS)?;
        self.keeps_payment()?;
        let (attempt, failures) = match self.ipn() {
            Ipn::NotDue => return Err(OperatorRefusal::NoResult),
            Ipn::Confirmed { .. } => return Err(OperatorRefusal::Confirmed),
            Ipn::Reversing { .. } => return Err(OperatorRefusal::Reversing),
            Ipn::Queued { .. } => (0, 0),
            Ipn::Retrying {
                attempt, failures, ..
            } => (attempt, failures.saturating_sub(1)),
            // Goes on counting: nobody who still holds an earlier lease may record under a later one.
            Ipn::Abandoned { .. } | Ipn::Disputed { .. } | Ipn::Exhausted { .. } => (
                trail::last_attempt(&self.data.audit_trail).saturating_add(1),
                0,
            ),
        };
        Ok(self.change(now, |edit| {
            edit.after.data.payment.set_retrying(attempt, failures, now);
            edit.due_marks.ipn = true;
            edit.note(Event::Resent(word.clone()));
        }))
    }

    /// Takes a person's decision on what is disputed or was given up, or on a late payment that the core
    /// would not give back.
    pub fn resolve(
        &self,
        verdict: Verdict,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        self.may_act(MAX_OPERATOR_ACTS)?;
        if self.needs_review().is_none() {
            return Err(OperatorRefusal::NothingToDecide);
        }
        let resolved = Event::Resolved(verdict, word.clone());
        match (&self.data.payment, verdict) {
            (PaymentState::Paid { .. }, Verdict::Confirmed) => {
                self.keeps_payment()?;
                Ok(self.change(now, |edit| {
                    edit.after.data.payment.set_confirmed(now);
                    edit.note(resolved);
                }))
            }
            (PaymentState::Paid { .. }, Verdict::Returned) => Ok(self.change(now, |edit| {
                let reason = ReversalReason::ByOperator;
                let reversing = PaidNotification::Reversing { at: now, reason };
                edit.after.data.payment.set_paid_notification(reversing);
                edit.note(resolved);
                edit.note_returned(Origin::Reversal, word);
            })),
            (PaymentState::Failed { .. }, Verdict::Returned) => Ok(self.change(now, |edit| {
                edit.note(resolved);
                edit.note_returned(Origin::LatePayment, word);
            })),
            (PaymentState::Paid { .. }, Verdict::Reverse) => Ok(self.change(now, |edit| {
                let reason = ReversalReason::ByOperator;
                let reversing = PaidNotification::Reversing { at: now, reason };
                edit.after.data.payment.set_paid_notification(reversing);
                edit.note(resolved);
                edit.reserve_reversal(reason);
            })),
            (PaymentState::Failed { .. }, Verdict::Reverse) => Ok(self.change(now, |edit| {
                edit.note(resolved);
                edit.reserve_late_payment();
            })),
            (PaymentState::Failed { .. }, Verdict::Confirmed) => {
                Err(OperatorRefusal::OnlyReversible)
            }
            // Of the amount that was really paid, the core must say the last word.
            (PaymentState::Pending { .. }, _) => Err(OperatorRefusal::NothingToDecide),
        }
    }

    /// Whether none of the money goes back, or is back, because Tiki did not have the order: a payment that
    /// stands is whole but for what Tiki itself has refunded.
    fn keeps_payment(&self) -> Result<(), OperatorRefusal> {
        if self.has_active_reversal() {
            Err(OperatorRefusal::GoingBack)
        } else {
            Ok(())
        }
    }

    fn may_act(&self, at_most: usize) -> Result<(), OperatorRefusal> {
        if trail::operator_acts(&self.data.audit_trail) < at_most {
            Ok(())
        } else {
            Err(OperatorRefusal::TooManyActs)
        }
    }
}
