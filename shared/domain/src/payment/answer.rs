//! What the core says of a payment (docs/architecture.md#the-partners-side).

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::money::Vnd;
use crate::text::{BankingMethod, CoreReference, FailureReason};
use crate::time::Timestamp;

/// A payment result, as the core sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentResultMessage {
    /// The amount, if the core gave it; it must be the transaction's.
    pub amount: Option<Vnd>,
    pub result: PaymentResult,
}

/// What happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentResult {
    /// The customer has paid.
    Paid(PaidDetails),
    /// The payment was declined or cancelled.
    Declined {
        /// In the core's words.
        reason: Option<FailureReason>,
    },
}

/// The details of a payment that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaidDetails {
    /// When, as the core says; the time of the message if the core does not say.
    pub paid_at: Option<Timestamp>,
    pub banking_method: Option<BankingMethod>,
    /// The core's reference.
    pub core_reference: Option<CoreReference>,
}

/// The core's answer to a question about a payment (docs/architecture.md#the-partners-side).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    Paid {
        amount: Vnd,
        details: PaidDetails,
    },
    /// Declined or cancelled.
    Failed {
        /// In the core's words.
        reason: Option<FailureReason>,
    },
    /// Nobody has paid.
    NotPaid,
    /// The customer is paying.
    Pending,
    /// An answer that says nothing of this payment that we know: a word we do not know, another payment, or a 404
    /// that does not name it.
    Unreadable,
    /// An error, or no answer in time.
    Unknown,
}

impl PaymentAnswer {
    /// The answer's name in logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Paid { .. } => "paid",
            Self::Failed { .. } => "failed",
            Self::NotPaid => "not_paid",
            Self::Pending => "pending",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
        }
    }
}

/// An answer of the core about an expired payment that is not final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CoreAnswer {
    /// The customer is paying.
    Pending,
    /// Nothing of this payment that we know.
    Unreadable,
    /// An error, or no answer in time.
    Unknown,
    /// Another amount was paid.
    OtherAmount,
}

impl CoreAnswer {
    /// All answers that are not final, for reading stored names.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A statement of the core about money that contradicts what is recorded. It is refused and kept: it stands in the
/// audit trail, and the transaction is in the review queue until a clear answer or a person has resolved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Another amount was paid than was asked for.
    OtherAmount {
        amount: Vnd,
        reference: Option<CoreReference>,
    },
    /// The payment was made once more, under another reference.
    SecondDebit { reference: CoreReference },
    /// The payment was not made, after the core had said that it was: it may have been charged back.
    FailedAfterPaid,
}
