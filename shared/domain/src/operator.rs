//! What a person says: who acts and why, and the verdict.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::text::{OperatorName, OperatorReason};

/// How often persons may act on one transaction: the audit trail is bounded.
pub const MAX_OPERATOR_ACTS: usize = 20;

/// How many of these acts may be resends: the others are kept for decisions.
pub const MAX_RESENDS: usize = MAX_OPERATOR_ACTS - 5;

/// Who acts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorWord {
    pub by: OperatorName,
    pub reason: OperatorReason,
}

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
    /// All verdicts, for reading stored names and the command line.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a person's act is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorRefusal {
    /// The payment is pending.
    #[error("the payment is not final yet: there is nothing to send")]
    NoResult,
    /// Tiki has it.
    #[error("Tiki has confirmed it: there is nothing to send")]
    Confirmed,
    /// The money goes back.
    #[error("it is being reversed: there is nothing to send")]
    Reversing,
    /// It is not in the review queue.
    #[error("nothing of it waits for a decision")]
    NothingToDecide,
    /// The money of a failed payment can only go back.
    #[error("Tiki knows it as failed: the money can only go back")]
    OnlyReversible,
    /// Some of the money is back or on its way, because Tiki did not have the order.
    #[error("some of its money is back or on its way: it can only be reversed")]
    GoingBack,
    /// The audit trail is bounded.
    #[error("persons have acted {MAX_OPERATOR_ACTS} times on it already")]
    TooManyActs,
}
