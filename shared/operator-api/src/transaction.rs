//! A transaction as a person sees it, and a list of them.

use domain::{
    AuditEntry, DisputeReason, ProposedAct, RaisedReason, Refund, ReviewReason, Timestamp,
    Transaction, Verdict, Vnd,
};
use serde::{Deserialize, Serialize};

use crate::text;

/// A transaction with its refunds and its audit trail: `GET /operator/v1/transactions/{transaction_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    pub transaction_id: String,
    pub tiki_transaction_id: String,
    pub amount_vnd: u64,
    pub status: String,
    pub payment: String,
    pub ipn: String,
    pub created_at: String,
    pub expires_at: String,
    pub refunded_vnd: u64,
    pub remaining_vnd: u64,
    /// The reason why it needs review.
    pub needs_review: Option<String>,
    /// The review as `tikivip resolve --review` names it: the reason, and how often the core has contradicted the record.
    pub review: Option<String>,
    /// What a person does about it.
    pub next_step: Option<String>,
    /// What `tikivip resolve --as` takes now.
    pub verdicts: Vec<String>,
    /// What follows from each of them, in the same order.
    pub consequences: Vec<String>,
    /// What waits for another person's approval.
    pub proposal: Option<ProposalView>,
    pub next_at_tiki: Option<String>,
    pub next_at_core: Option<String>,
    pub refunds: Vec<RefundView>,
    pub trail: Vec<TrailEntry>,
}

/// What one person has proposed and another must approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Its number within the transaction: `tikivip approve` names it, so that nobody approves what was not seen.
    pub number: u32,
    /// What `tikivip resolve --as` was given, or `resend`.
    pub act: String,
    /// What follows from it.
    pub consequence: String,
    /// Who proposes it.
    pub by: String,
    pub reason: String,
    pub at: String,
    pub expires_at: String,
    /// Why nobody can approve it any more: it has expired, or something has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// A refund of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView {
    pub refund_id: String,
    pub origin: String,
    pub request_id: Option<String>,
    pub amount_vnd: u64,
    pub state: String,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    pub at: String,
    pub last_at: String,
    pub times: u32,
    pub event: String,
    pub actor: String,
    pub what: String,
}

/// Transactions in a state, the oldest first: `GET /operator/v1/transactions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionList {
    pub transactions: Vec<ListedTransaction>,
    /// Items that no function can read. docs/operations.md says what to do.
    pub unreadable: Vec<String>,
    /// Whether there may be more than the list shows.
    pub more: bool,
}

/// A transaction of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTransaction {
    pub transaction_id: String,
    pub tiki_transaction_id: String,
    pub amount_vnd: u64,
    pub created_at: String,
    pub payment: String,
    pub ipn: String,
    pub needs_review: Option<String>,
    pub proposal: Option<ProposalView>,
}

/// Which transactions a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedState {
    /// Needs review, for any reason.
    Review,
    /// Needs review: Tiki's state and ours differ.
    Disputed,
    /// Needs review: Tiki accepted none of the notification attempts.
    Exhausted,
    /// Needs review: the core rejected the refund of a late payment.
    RefundRejected,
    /// Needs review: the core contradicts itself or the order.
    Contradicted,
    /// Needs review: a day after expiry the core has not said whether it was paid.
    Undecided,
    /// Needs review: the core rejected so many refunds that Tiki can ask for no more.
    RefundsRejected,
    /// Waits for another person's approval.
    Proposed,
    /// Waits for the core: a refund without a clear answer.
    Unknown,
    /// Waits for the core: a reversal, because Tiki does not have the order.
    Reversing,
    /// Waits for Tiki: a notification that it has not confirmed.
    Unconfirmed,
    /// Waits for the customer: not paid yet.
    Pending,
}

impl ListedState {
    /// All states, with their words on the wire.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Review, "review"),
        (Self::Disputed, "disputed"),
        (Self::Exhausted, "exhausted"),
        (Self::RefundRejected, "refund-rejected"),
        (Self::Contradicted, "contradicted"),
        (Self::Undecided, "undecided"),
        (Self::RefundsRejected, "refunds-rejected"),
        (Self::Proposed, "proposed"),
        (Self::Unknown, "unknown"),
        (Self::Reversing, "reversing"),
        (Self::Unconfirmed, "unconfirmed"),
        (Self::Pending, "pending"),
    ];
}

impl std::str::FromStr for ListedState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text);
        found
            .map(|(state, _)| *state)
            .ok_or("is no state of a list")
    }
}

impl TransactionView {
    /// A transaction as it is now.
    #[must_use]
    pub fn of(t: &Transaction, now: Timestamp) -> Self {
        let time = |at: Timestamp| at.to_rfc3339();
        let (verdicts, consequences) = choices(t).unzip();
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            amount_vnd: t.order().amount.get(),
            status: t.status().as_str().to_owned(),
            payment: text::payment(t),
            ipn: text::ipn(t),
            created_at: time(t.created_at()),
            expires_at: time(t.expires_at()),
            refunded_vnd: t.refunded_amount().get(),
            remaining_vnd: t.remaining_amount().get(),
            needs_review: t
                .needs_review()
                .map(|(reason, _)| reason.as_str().to_owned()),
            review: t.review_to_see().map(|review| review.to_string()),
            next_step: t
                .needs_review()
                .map(|(reason, _)| text::next_step(reason).to_owned()),
            verdicts,
            consequences,
            proposal: ProposalView::of(t, now),
            next_at_tiki: t.ipn_due_at().map(time),
            next_at_core: t.refund_due_at().or(t.expiry_due_at()).map(time),
            refunds: t.refunds().iter().map(RefundView::of).collect(),
            trail: t
                .audit_trail()
                .iter()
                .map(|e| TrailEntry::of(t, e))
                .collect(),
        }
    }
}

/// The verdicts as they are typed, each with what follows from it. If nothing is left to give back, `reverse` says all.
fn choices(t: &Transaction) -> impl Iterator<Item = (String, String)> {
    let nothing_left = t.remaining_amount() == Vnd::ZERO;
    let fitting = t.fitting_verdicts().into_iter();
    fitting
        .filter(move |verdict| !(nothing_left && *verdict == Verdict::Returned))
        .map(|verdict| {
            let typed = text::typed(verdict, t.remaining_amount());
            (typed, text::verdict(t, verdict))
        })
}

impl ProposalView {
    /// Whether it is proposed to send the notification again, and can still be approved.
    #[must_use]
    pub fn is_open_resend(&self) -> bool {
        self.act == ProposedAct::Resend.as_str() && self.ended.is_none()
    }

    fn of(t: &Transaction, now: Timestamp) -> Option<Self> {
        let proposal = t.proposal()?;
        let ended = match t.valid_proposal(now) {
            Some(_) => None,
            None if proposal.is_expired(now) => Some("it has expired"),
            None => Some("something has changed since"),
        };
        Some(Self {
            number: proposal.number,
            act: text::act_of(proposal),
            consequence: text::consequence(t, proposal),
            by: proposal.word.by.to_string(),
            reason: proposal.word.reason.to_string(),
            at: proposal.at.to_rfc3339(),
            expires_at: proposal.expires_at.to_rfc3339(),
            ended: ended.map(str::to_owned),
        })
    }
}

impl RefundView {
    fn of(refund: &Refund) -> Self {
        Self {
            refund_id: refund.id.to_string(),
            origin: refund.origin.as_str().to_owned(),
            request_id: refund.origin.request_id().map(ToString::to_string),
            amount_vnd: refund.amount.get(),
            state: text::refund(&refund.state),
        }
    }
}

impl TrailEntry {
    fn of(t: &Transaction, entry: &AuditEntry) -> Self {
        Self {
            at: entry.at.to_rfc3339(),
            last_at: entry.last_at.to_rfc3339(),
            times: entry.times,
            event: entry.event.as_str().to_owned(),
            actor: text::who(t, &entry.event),
            what: text::what(t, &entry.event),
        }
    }
}

impl ListedTransaction {
    /// A transaction as a list has it.
    #[must_use]
    pub fn of(t: &Transaction, now: Timestamp) -> Self {
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            amount_vnd: t.order().amount.get(),
            created_at: t.created_at().to_rfc3339(),
            payment: text::payment(t),
            ipn: text::ipn(t),
            needs_review: t.needs_review().map(|(alarm, _)| alarm.as_str().to_owned()),
            proposal: ProposalView::of(t, now),
        }
    }
}

impl ListedState {
    /// The reasons in the review queue that it shows; none if it is not about review.
    #[must_use]
    pub fn review_reasons(self) -> Vec<ReviewReason> {
        ReviewReason::all()
            .filter(|reason| self.shows(*reason))
            .collect()
    }

    fn shows(self, reason: ReviewReason) -> bool {
        let own = match reason {
            ReviewReason::Disputed(
                DisputeReason::AmountDiffers
                | DisputeReason::InvalidRequest
                | DisputeReason::NotOfThisPartner
                | DisputeReason::ReversalRejected
                | DisputeReason::ReversalHeld
                | DisputeReason::TooManyReversals
                | DisputeReason::KnownAsPaid,
            ) => Self::Disputed,
            ReviewReason::IpnExhausted => Self::Exhausted,
            ReviewReason::SystemRefundRejected => Self::RefundRejected,
            ReviewReason::Raised(raised) => match raised {
                RaisedReason::Undecided => Self::Undecided,
                RaisedReason::RefundsRejected => Self::RefundsRejected,
                RaisedReason::PaidAmountDiffers
                | RaisedReason::SecondDebit
                | RaisedReason::FailedAfterPaid => Self::Contradicted,
            },
        };
        self == own || self == Self::Review
    }
}
