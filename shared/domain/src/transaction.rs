//! The nouns: a transaction and its parts, as plain data.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::change::{Change, Edit};
use crate::{
    BankingMethod, ClientId, CoreReference, Description, Entry, FailedNotification, FailureReason,
    IdentifyCode, OrderCode, PaidNotification, RefundId, RefundReason, RejectionReason, RequestId,
    TikiTransactionId, Timestamp, TransactionId, Vnd, WebviewRequestId,
};

/// A transaction that holds by its rules. Reading is free; only a command changes it, into a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) data: Snapshot,
}

/// A transaction's data, as it is kept: [`Transaction::restore`] checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Our id.
    pub id: TransactionId,
    /// Tiki's id.
    pub tiki_id: TikiTransactionId,
    /// The client id under which it was created: whose it is.
    pub client_id: ClientId,
    /// What Tiki asked for.
    pub order: Order,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when the customer may pay.
    pub expires_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether it was paid.
    pub payment: PaymentState,
    /// Every refund ever asked for, by whomever, oldest first.
    pub refunds: Vec<Refund>,
    /// What happened, when and on whose word.
    pub audit_trail: Vec<Entry>,
    /// Counts the writes; the condition of the next one.
    pub version: u64,
}

/// The content of a create request: what a repeat must agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What the customer is to pay.
    pub amount: Vnd,
    /// The webview session, which knows Tiki's result screen.
    pub webview_request_id: Option<WebviewRequestId>,
    /// The customer, as the webview was opened for.
    pub identify_code: Option<IdentifyCode>,
    /// Tiki's order.
    pub order_code: Option<OrderCode>,
    /// For the payment screen.
    pub description: Option<Description>,
    /// How long the customer has, in seconds.
    pub expires_in_s: u32,
}

/// Something that is to be done at a time, and how often it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Not before this time.
    pub due_at: Timestamp,
    /// How many times it was begun.
    pub attempts: u32,
}

/// Whether the customer has paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Not known yet; after expiry the core is asked.
    Pending {
        /// When to ask the core.
        expiry_check: Due,
        /// Since when the core says that another amount was paid than was asked for: a person must act.
        other_amount_since: Option<Timestamp>,
    },
    /// Paid. Final.
    Paid {
        /// The payment.
        payment: Payment,
        /// What Tiki knows of it.
        notification: PaidNotification,
    },
    /// Declined, cancelled or expired. Final, even if the money comes after all.
    Failed {
        /// The failure.
        failure: Failure,
        /// What Tiki knows of it.
        notification: FailedNotification,
    },
}

/// A payment that the core has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// When we learned of it; the day of the final status (protocol §7).
    pub recorded_at: Timestamp,
    /// When it was paid, by the core's word.
    pub paid_at: Timestamp,
    /// How it was paid.
    pub banking_method: Option<BankingMethod>,
    /// The core's reference.
    pub core_reference: Option<CoreReference>,
}

/// A payment that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When we learned of it; the day of the final status (protocol §7).
    pub recorded_at: Timestamp,
    /// Why.
    pub cause: FailureCause,
    /// The money came after all, and goes back in full.
    pub late_payment: Option<Payment>,
}

/// Why a payment was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The core or the customer said no.
    Declined {
        /// In the core's words.
        reason: Option<FailureReason>,
    },
    /// Nobody paid in time, and the core confirmed that.
    Expired,
}

/// A refund: money on its way back, or back, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Ours; the idempotency key at the core.
    pub id: RefundId,
    /// On whose word.
    pub origin: Origin,
    /// How much.
    pub amount: Vnd,
    /// Why, for the core.
    pub reason: RefundReason,
    /// When it was reserved.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: RefundState,
}

/// On whose word money goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Tiki's refund request (protocol §5).
    Tiki {
        /// Its idempotency key.
        request_id: RequestId,
    },
    /// Tiki does not have the order that was paid (protocol §4).
    Reversal,
    /// The money of a failed transaction came after all (docs/architecture.md#the-transaction).
    LatePayment,
}

/// What became of a refund. `Reserved` and `Unknown` hold their amount; `Rejected` gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// Written down; the core has not been asked, or we do not know yet that it was.
    Reserved(Due),
    /// The core was asked and has not given a clear answer.
    Unknown(Due),
    /// The money is back. Final.
    Succeeded {
        /// When we learned of it.
        at: Timestamp,
        /// The balance that this left.
        balance: Balance,
    },
    /// The core refused. Final.
    Rejected {
        /// When we learned of it.
        at: Timestamp,
        /// In the core's words.
        reason: Option<RejectionReason>,
        /// The balance that this left.
        balance: Balance,
    },
}

/// What was refunded and what was left when a refund got its outcome: a repeat of the request is answered as the
/// first one was, whatever has happened since (docs/architecture.md#one-request).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What had gone back for certain, this refund included.
    pub refunded: Vnd,
    /// What could still be given back.
    pub remaining: Vnd,
}

/// A transaction's status to Tiki. A refunded payment stays `Success` (docs/architecture.md#the-transaction).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Status {
    /// Not final.
    Pending,
    /// Paid.
    Success,
    /// Not paid.
    Failure,
}

impl Status {
    /// Every status.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word on the wire (protocol §3).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A status that never changes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum FinalStatus {
    /// Paid.
    Success,
    /// Not paid.
    Failure,
}

impl FinalStatus {
    /// The word on the wire (protocol §3).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl From<FinalStatus> for Status {
    fn from(status: FinalStatus) -> Self {
        match status {
            FinalStatus::Success => Self::Success,
            FinalStatus::Failure => Self::Failure,
        }
    }
}

/// Data that no command of ours can have made: damaged, or written by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent transaction: {0}")]
pub struct Inconsistent(pub &'static str);

impl Transaction {
    /// Takes data that was read back, if it holds by the rules.
    pub fn restore(snapshot: Snapshot) -> Result<Self, Inconsistent> {
        let transaction = Self { data: snapshot };
        transaction.check()?;
        Ok(transaction)
    }

    /// A copy of the plain data, as [`Transaction::restore`] takes it.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        self.data.clone()
    }

    /// Our id.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.data.id
    }

    /// Tiki's id.
    #[must_use]
    pub fn tiki_id(&self) -> &TikiTransactionId {
        &self.data.tiki_id
    }

    /// The client id under which it was created.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.data.client_id
    }

    /// What Tiki asked for.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.data.order
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

    /// Every refund, on whosever word, the oldest first.
    #[must_use]
    pub fn refunds(&self) -> &[Refund] {
        &self.data.refunds
    }

    /// What happened, when and on whose word.
    #[must_use]
    pub fn audit_trail(&self) -> &[Entry] {
        &self.data.audit_trail
    }

    /// How often it was written; the condition of the next write.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.data.version
    }

    /// The one way to a changed transaction: everything that is made is written together, or not at all.
    pub(crate) fn change(&self, now: Timestamp, make: impl FnOnce(&mut Edit)) -> Change {
        let mut edit = Edit::new(self, now);
        make(&mut edit);
        Change::of(self.data.version, edit)
    }
}

impl Refund {
    /// Whether its amount is back or on its way.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self.state {
            RefundState::Reserved(_) | RefundState::Unknown(_) | RefundState::Succeeded { .. } => {
                true
            }
            RefundState::Rejected { .. } => false,
        }
    }

    /// When the core is next to be asked about it, if at all.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        match self.state {
            RefundState::Reserved(due) | RefundState::Unknown(due) => Some(due),
            RefundState::Succeeded { .. } | RefundState::Rejected { .. } => None,
        }
    }

    /// When the money was back, if it is.
    #[must_use]
    pub fn back_at(&self) -> Option<Timestamp> {
        match self.state {
            RefundState::Succeeded { at, .. } => Some(at),
            RefundState::Reserved(_) | RefundState::Unknown(_) | RefundState::Rejected { .. } => {
                None
            }
        }
    }

    /// Its status in Tiki's words.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.state {
            RefundState::Reserved(_) | RefundState::Unknown(_) => Status::Pending,
            RefundState::Succeeded { .. } => Status::Success,
            RefundState::Rejected { .. } => Status::Failure,
        }
    }
}

impl Origin {
    /// Tiki's idempotency key, if it was Tiki's request.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::Tiki { request_id } => Some(request_id),
            Self::Reversal | Self::LatePayment => None,
        }
    }

    /// The origin's name in logs and answers.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Tiki { .. } => "tiki",
            Self::Reversal => "reversal",
            Self::LatePayment => "late_payment",
        }
    }
}
