//! A transaction as plain data, and how it is read.

use std::time::Duration;

use super::content::ContentHash;
use crate::audit_trail::AuditEntry;
use crate::ids::{RefundId, TikiTransactionId, TransactionId};
use crate::money::Vnd;
use crate::notification::Ipn;
use crate::payment::{Payment, PaymentState};
use crate::proposal::Proposal;
use crate::refund::Refund;
use crate::review::Raised;
use crate::status::{FinalStatus, Status};
use crate::text::{Description, IdentifyCode, OrderCode, RequestId, WebviewRequestId};
use crate::time::Timestamp;

/// How long a payment link works after its payment has expired.
const LINK_LIFETIME_AFTER_EXPIRY: Duration = Duration::from_hours(24);

/// A transaction whose data follow the rules. Only a command changes it, by a [`Change`](crate::Change).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) data: Snapshot,
}

/// A transaction's data, as it is kept: [`Transaction::restore`] checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub id: TransactionId,
    pub tiki_id: TikiTransactionId,
    /// What Tiki asked for.
    pub order: Order,
    /// What is left of its personal content once that is forgotten.
    pub content_hash: Option<ContentHash>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when the customer may pay.
    pub expires_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether it was paid.
    pub payment: PaymentState,
    /// Reviews that a clear answer or a person must end, the oldest first; at most one of each reason.
    pub raised: Vec<Raised>,
    /// Every refund, whoever wanted it, the oldest first.
    pub refunds: Vec<Refund>,
    /// What happened, when and on whose word.
    pub audit_trail: Vec<AuditEntry>,
    /// What a person has proposed, until it is approved or declined.
    pub proposal: Option<Proposal>,
    /// What a newer version of this software has stored with it.
    pub kept: Kept,
    /// Counts the writes; the condition of the next one.
    pub version: u64,
}

/// What a newer version of this software has stored with a transaction, and this one does not know. It is written
/// back as it was. Its text is the store's; nobody else looks inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept(String);

impl Kept {
    /// Keeps this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text; empty if nothing is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The content of a create request: what a repeat must agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What the customer is to pay.
    pub amount: Vnd,
    /// The webview session, which knows Tiki's result screen.
    pub webview_request_id: Option<WebviewRequestId>,
    /// The customer for whom the webview was opened.
    pub identify_code: Option<IdentifyCode>,
    pub order_code: Option<OrderCode>,
    /// For the payment screen.
    pub description: Option<Description>,
    /// How long the customer has, in seconds.
    pub expires_in_s: u32,
}

impl Transaction {
    /// A copy of the plain data, as [`Transaction::restore`] takes it.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        self.data.clone()
    }

    /// Our id, the key of the item.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.data.id
    }

    /// Tiki's id, as the create call named it.
    #[must_use]
    pub fn tiki_id(&self) -> &TikiTransactionId {
        &self.data.tiki_id
    }

    /// What Tiki asked for.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.data.order
    }

    /// What is left of the personal content of the create call, if that is forgotten.
    #[must_use]
    pub fn content_hash(&self) -> Option<&ContentHash> {
        self.data.content_hash.as_ref()
    }

    /// When it was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.data.created_at
    }

    /// Until when the customer may pay.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.data.expires_at
    }

    /// Until when the payment link works: a customer who paid in the last second comes back through it.
    #[must_use]
    pub fn link_ends_at(&self) -> Timestamp {
        self.data.expires_at.after(LINK_LIFETIME_AFTER_EXPIRY)
    }

    /// When it was last changed.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.data.updated_at
    }

    /// Whether the customer has paid.
    #[must_use]
    pub fn payment(&self) -> &PaymentState {
        &self.data.payment
    }

    /// Every refund, whoever wanted it, the oldest first.
    #[must_use]
    pub fn refunds(&self) -> &[Refund] {
        &self.data.refunds
    }

    /// Reviews that a clear answer or a person must end, the oldest first.
    #[must_use]
    pub fn raised(&self) -> &[Raised] {
        &self.data.raised
    }

    /// What happened, when and on whose word.
    #[must_use]
    pub fn audit_trail(&self) -> &[AuditEntry] {
        &self.data.audit_trail
    }

    /// The open proposal, also if it has expired or is outdated: it stays until it is declined, or a person acts.
    #[must_use]
    pub fn proposal(&self) -> Option<&Proposal> {
        self.data.proposal.as_ref()
    }

    /// What a newer version of this software has stored with it.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.data.kept
    }

    /// How often it was written; the condition of the next write.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.data.version
    }

    /// What Tiki knows of the result.
    #[must_use]
    pub fn ipn(&self) -> Ipn {
        self.data.payment.ipn()
    }

    /// The status to Tiki.
    #[must_use]
    pub fn status(&self) -> Status {
        self.final_status().map_or(Status::Pending, Status::from)
    }

    /// The status once it is final. A reversal is the one way from `SUCCESS` to `FAILURE`, and there is none back.
    #[must_use]
    pub fn final_status(&self) -> Option<FinalStatus> {
        match self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { .. } => Some(FinalStatus::Success),
            PaymentState::Reversed { .. } | PaymentState::Failed { .. } => {
                Some(FinalStatus::Failure)
            }
        }
    }

    /// When the result became known: the day of the transaction (protocol §7). A reversal changes the status, and
    /// not the day.
    #[must_use]
    pub fn final_at(&self) -> Option<Timestamp> {
        match &self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { payment, .. } | PaymentState::Reversed { payment, .. } => {
                Some(payment.recorded_at)
            }
            PaymentState::Failed { failure, .. } => Some(failure.recorded_at),
        }
    }

    /// The payment, in time or late.
    #[must_use]
    pub fn money_taken(&self) -> Option<&Payment> {
        match &self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { payment, .. } | PaymentState::Reversed { payment, .. } => {
                Some(payment)
            }
            PaymentState::Failed { failure, .. } => failure.late_payment.as_ref(),
        }
    }

    /// The refund of this id.
    #[must_use]
    pub fn refund_by_id(&self, id: RefundId) -> Option<&Refund> {
        self.data.refunds.iter().find(|refund| refund.id == id)
    }

    /// The refund that Tiki asked for under this `request_id`.
    #[must_use]
    pub fn refund_by_request(&self, request_id: &RequestId) -> Option<&Refund> {
        self.data
            .refunds
            .iter()
            .find(|refund| refund.origin.request_id() == Some(request_id))
    }
}
