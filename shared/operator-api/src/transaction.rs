//! A transaction as a person sees it, and a list of them.

use domain::{
    ApprovalRule, DisputeReason, ProposedAct, RaisedReason, ReviewReason, Timestamp, Transaction,
};
use serde::{Deserialize, Serialize};

use crate::next::{self, Choice};
use crate::payment::{IpnView, PaymentView, RefundView};
use crate::text;
use crate::trail::TrailEntry;

/// A transaction with its refunds and its audit trail: `GET /operator/v1/transactions/{transaction_id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    pub transaction_id: String,
    pub tiki_transaction_id: String,
    /// Tiki's code of the order, until it is forgotten.
    pub order_code: Option<String>,
    pub amount_vnd: u64,
    pub status: String,
    pub payment: PaymentView,
    pub ipn: IpnView,
    pub created_at: String,
    pub expires_at: String,
    pub refunded_vnd: u64,
    pub remaining_vnd: u64,
    /// The reason why it needs review.
    pub needs_review: Option<String>,
    /// The review as `tikivip resolve --review` names it: the reason, and how often the core has contradicted the record.
    pub review: Option<String>,
    /// What a person does next, or what happens by itself; none if nothing is open.
    pub next_step: Option<String>,
    /// What `tikivip resolve` takes now, and what follows from each.
    pub choices: Vec<Choice>,
    /// Whether a person may have the notification sent again.
    pub may_resend: bool,
    /// Whether another person must approve that, whatever was sent again in this hour.
    pub resend_needs_approval: bool,
    /// What waits for another person's approval.
    pub proposal: Option<ProposalView>,
    /// When the core is asked next.
    pub next_at_core: Option<String>,
    pub refunds: Vec<RefundView>,
    pub trail: Vec<TrailEntry>,
}

/// What one person has proposed and another must approve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A page of the transactions in a state, the oldest first: `GET /operator/v1/transactions`.
///
/// What is oldest, each state has its own time for: review since when, a proposal until when it can be approved, all else
/// when it is due next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionList {
    pub transactions: Vec<ListedTransaction>,
    /// Items that no function can read. docs/operations.md says what to do.
    pub unreadable: Vec<String>,
    /// What the next page is asked for with; none after the last one.
    pub next: Option<String>,
    /// How many there are in all, as far as they were counted, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

/// How many transactions wait in a state, by an index that lags a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub entries: u64,
    /// Whether there are more than were counted.
    pub at_least: bool,
}

/// What a search has found in one step: `GET /operator/v1/transactions` with `reference`, `order` or `customer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTransactions {
    pub transactions: Vec<ListedTransaction>,
    /// How many were looked at in this step.
    pub searched: u64,
    /// How many of them have forgotten their order and their customer, so that nobody finds them by these.
    pub forgotten: u64,
    /// What the next step is asked for with; none after the last one.
    pub next: Option<String>,
}

/// A transaction of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTransaction {
    pub transaction_id: String,
    pub tiki_transaction_id: String,
    pub amount_vnd: u64,
    pub created_at: String,
    pub payment: PaymentView,
    pub ipn: IpnView,
    pub needs_review: Option<String>,
    /// Since when it needs review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_review_since: Option<String>,
    /// When the core is asked next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at_core: Option<String>,
    /// Refunds that the core has not decided yet.
    pub open_refunds: Vec<RefundView>,
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
    /// A transaction as it is now, and what a person may do about it by this rule.
    #[must_use]
    pub fn of(t: &Transaction, rule: ApprovalRule, now: Timestamp) -> Self {
        let time = |at: Timestamp| at.to_rfc3339();
        let needs_review = t.needs_review();
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            order_code: t
                .order()
                .order_code
                .as_ref()
                .map(|code| code.as_str().to_owned()),
            amount_vnd: t.order().amount.get(),
            status: t.status().as_str().to_owned(),
            payment: PaymentView::of(t),
            ipn: IpnView::of(t),
            created_at: time(t.created_at()),
            expires_at: time(t.expires_at()),
            refunded_vnd: t.refunded_amount().get(),
            remaining_vnd: t.remaining_amount().get(),
            needs_review: needs_review.map(|(reason, _)| reason.as_str().to_owned()),
            review: t.review_to_see().map(|review| review.to_string()),
            next_step: next::step(t, now),
            choices: Choice::of(t, rule),
            may_resend: t.may_resend(now),
            resend_needs_approval: t.needs_approval(ProposedAct::Resend, rule, false),
            proposal: ProposalView::of(t, now),
            next_at_core: t.refund_due_at().or(t.expiry_due_at()).map(time),
            refunds: t.refunds().iter().map(RefundView::of).collect(),
            trail: TrailEntry::all(t),
        }
    }

    /// The proposal that another person can still approve.
    #[must_use]
    pub fn open_proposal(&self) -> Option<&ProposalView> {
        self.proposal.as_ref().filter(|p| p.ended.is_none())
    }
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

impl ListedTransaction {
    /// A transaction as a list has it.
    #[must_use]
    pub fn of(t: &Transaction, now: Timestamp) -> Self {
        let needs_review = t.needs_review();
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            amount_vnd: t.order().amount.get(),
            created_at: t.created_at().to_rfc3339(),
            payment: PaymentView::of(t),
            ipn: IpnView::of(t),
            needs_review: needs_review.map(|(reason, _)| reason.as_str().to_owned()),
            needs_review_since: needs_review.map(|(_, since)| since.to_rfc3339()),
            next_at_core: t
                .refund_due_at()
                .or(t.expiry_due_at())
                .map(Timestamp::to_rfc3339),
            open_refunds: RefundView::open(t),
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
