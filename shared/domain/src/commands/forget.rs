//! The end of personal data: what a create call said of a customer goes, once nobody needs it.

use crate::audit_trail::AuditEvent;
use crate::notification::Ipn;
use crate::operator::OperatorWord;
use crate::time::Timestamp;
use crate::transaction::{Change, ContentHash, Transaction};

/// Why the personal data of a transaction are still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StillNeeded {
    /// The customer may still pay, or it is not known whether the customer has.
    #[error("the payment is not final yet")]
    NotFinal,
    /// Tiki has not confirmed the result.
    #[error("the notification to Tiki is still open")]
    NotificationOpen,
    /// Money may be on its way back.
    #[error("a refund is still open")]
    RefundOpen,
    /// The customer may still come back through the payment link.
    #[error("the payment link still works: forget it a day after the payment has expired")]
    LinkOpen,
    /// A person needs to know what it is about.
    #[error("it waits for a person's decision")]
    InReview,
}

impl Transaction {
    /// Forgets the personal content of the create call (the codes of the customer and of the order, the description, the
    /// webview), and keeps its hash, so that a repeat of the call is still known. `word` is that of the person who asks for
    /// it; a run that forgets what is old enough has none. The answer is `None` if there is nothing to forget.
    ///
    /// How old it is, and whether its day is reconciled, the caller knows.
    pub fn forget_personal(
        &self,
        hash: &ContentHash,
        word: Option<&OperatorWord>,
        now: Timestamp,
    ) -> Result<Option<Change>, StillNeeded> {
        if !self.data.order.is_personal() {
            return Ok(None);
        }
        self.nothing_is_open()?;
        if now < self.link_ends_at() {
            return Err(StillNeeded::LinkOpen);
        }
        Ok(Some(self.change(now, |edit| {
            edit.after.data.order = self.data.order.without_personal();
            edit.after.data.content_hash = Some(hash.clone());
            edit.note(AuditEvent::PersonalDataForgotten(word.cloned()));
        })))
    }

    fn nothing_is_open(&self) -> Result<(), StillNeeded> {
        if self.final_status().is_none() {
            return Err(StillNeeded::NotFinal);
        }
        if self.needs_review().is_some() {
            return Err(StillNeeded::InReview);
        }
        if self.refund_due_at().is_some() {
            return Err(StillNeeded::RefundOpen);
        }
        match self.ipn() {
            // What is disputed or exhausted is in review, and what is not final is not due.
            Ipn::Confirmed { .. } | Ipn::Abandoned { .. } => Ok(()),
            Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. }
            | Ipn::Exhausted { .. } => Err(StillNeeded::NotificationOpen),
        }
    }
}
