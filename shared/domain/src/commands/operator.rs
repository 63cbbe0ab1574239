//! What a person may do: have the notification sent again, and decide what the two sides could not. Money moves by
//! the same rules as everywhere; a person only gives the word.

use crate::audit_trail::{self, AuditEvent};
use crate::notification::{Ipn, PaidNotification, ReversalReason};
use crate::operator::{MAX_OPERATOR_ACTS, MAX_RESENDS, OperatorRefusal, OperatorWord, Verdict};
use crate::payment::PaymentState;
use crate::refund::Origin;
use crate::time::Timestamp;
use crate::transaction::{Change, Transaction};

impl Transaction {
    /// Has the notification sent at once. If it was given up or disputed, it gets the whole budget again (protocol
    /// §3). If it is still being tried, the next try is earlier.
    pub fn resend_ipn(
        &self,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        // Some acts are kept for decisions.
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
            // A new number: who still holds an earlier lease must not record under this one.
            Ipn::Abandoned { .. } | Ipn::Disputed { .. } | Ipn::Exhausted { .. } => (
                audit_trail::last_attempt(&self.data.audit_trail).saturating_add(1),
                0,
            ),
        };
        Ok(self.change(now, |edit| {
            edit.after.data.payment.set_retrying(attempt, failures, now);
            edit.due_marks.ipn = true;
            edit.note(AuditEvent::Resent(word.clone()));
        }))
    }

    /// Takes a person's decision on a dispute, on a notification that was given up, or on a late payment that the
    /// core did not give back.
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
        let resolved = AuditEvent::Resolved(verdict, word.clone());
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
            // Only the core can say which amount was really paid.
            (PaymentState::Pending { .. }, _) => Err(OperatorRefusal::NothingToDecide),
        }
    }

    /// Whether no money is back, or on its way, because Tiki did not have the order: of a payment that is kept,
    /// only Tiki's own refunds are missing.
    fn keeps_payment(&self) -> Result<(), OperatorRefusal> {
        if self.has_active_reversal() {
            Err(OperatorRefusal::GoingBack)
        } else {
            Ok(())
        }
    }

    fn may_act(&self, at_most: usize) -> Result<(), OperatorRefusal> {
        if audit_trail::operator_acts(&self.data.audit_trail) < at_most {
            Ok(())
        } else {
            Err(OperatorRefusal::TooManyActs)
        }
    }
}
