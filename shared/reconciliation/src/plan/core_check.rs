//! A payment or a refund beside the core's statement: what its finding then says, at first and again.

use domain::{LookUpAnswer, PaymentAnswer, Timestamp, Transaction, TransactionId, Vnd};

use super::check::or_review;
use crate::record::{CoreWord, Finding, Ours, StatementWord};
use crate::statement::Judgement;
use crate::statement::refund::CoreRefund;

/// What was seen of a payment or a refund, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreCheck {
    /// Our id of the transaction, if we have it.
    pub transaction_id: Option<TransactionId>,
    /// Our side, if we have it.
    pub ours: Option<Ours>,
    /// What the statement has.
    pub statement: StatementWord,
    /// The core's answer, if it was asked.
    pub core: Option<CoreWord>,
    /// Tiki's answer to a look-up, if there was one.
    pub tiki: Option<LookUpAnswer>,
    /// The state that its finding gets.
    pub judgement: Judgement,
}

impl CoreCheck {
    /// Brings a finding up to date. The answer is whether its state is new.
    pub fn record(&self, finding: &mut Finding, now: Timestamp) -> bool {
        finding.transaction_id = self.transaction_id;
        finding.ours = self.ours;
        finding.statement = Some(self.statement);
        finding.core = self.core;
        finding.tiki = self.tiki;
        let Judgement { kind, mismatch } = self.judgement;
        let kind = or_review(kind, finding, now);
        finding.look(now, kind, mismatch)
    }
}

/// Our side of a refund that we have: the status of its payment, and the refund's own amount.
#[must_use]
pub fn ours_of_refund(t: &Transaction, amount: Vnd) -> Ours {
    Ours {
        status: t.status(),
        amount: Some(amount),
    }
}

impl CoreWord {
    /// The core's answer about a payment of this amount.
    #[must_use]
    pub fn of_payment(answer: &PaymentAnswer, ours: Vnd) -> Self {
        match answer {
            PaymentAnswer::Paid { amount, .. } if *amount == ours => Self::Paid,
            PaymentAnswer::Paid { .. } => Self::PaidOtherAmount,
            PaymentAnswer::Failed { .. } => Self::Failed,
            PaymentAnswer::NotPaid => Self::NotPaid,
            PaymentAnswer::Pending => Self::Pending,
            PaymentAnswer::Unreadable | PaymentAnswer::Unknown => Self::Unclear,
        }
    }
}

impl From<CoreRefund> for CoreWord {
    fn from(answer: CoreRefund) -> Self {
        match answer {
            CoreRefund::Succeeded => Self::GivenBack,
            CoreRefund::Rejected => Self::Rejected,
            CoreRefund::Pending => Self::Pending,
            CoreRefund::NeverSeen => Self::NeverSeen,
            CoreRefund::Unknown => Self::Unclear,
        }
    }
}
