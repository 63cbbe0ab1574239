//! What a person says: who acts and why, and the verdict.

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

use crate::money::Vnd;
use crate::review::SeenReview;
use crate::text::{OperatorName, OperatorReason};

/// How often persons may act on one transaction: the audit trail is bounded. A proposal, its approval and what follows
/// from it are one act.
pub const MAX_OPERATOR_ACTS: usize = 20;

/// How many of these acts may be resends.
pub const MAX_RESENDS: usize = 10;

/// How many of these acts may be resends and reversals: the core may reject a reversal, so it need not end anything.
/// The others are kept for decisions that end something: from here on, a proposal takes the place of the last one in
/// the audit trail if that one came to nothing.
pub const MAX_OPEN_ACTS: usize = 15;

/// Who acts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorWord {
    pub by: OperatorName,
    pub reason: OperatorReason,
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(Verdict),
    derive(EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "A person's decision, without what it holds: the word in the item and on the command line.",
    vis(pub)
)]
pub enum Resolution {
    /// Tiki has the order: the payment stands.
    Confirmed,
    /// What remains goes back to the customer, by the core.
    Reverse,
    /// What remains has gone back already, by other means than the core: nothing more may go.
    Returned {
        /// What the person gave back: all that remains, and no more.
        amount: Vnd,
    },
    /// The two companies have dealt with it outside this system: nothing moves here.
    Handled,
    /// Of a payment that is pending: nobody has paid, as the core's people say.
    NotPaid,
}

impl Resolution {
    /// The word for it.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        self.into()
    }
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
    #[error("by our record Tiki has it, or needs it no more: there is nothing to send")]
    Confirmed,
    /// The money goes back.
    #[error(
        "it is a reversal, whose result follows when the money is back: there is nothing to send"
    )]
    Reversing,
    /// It is not in the review queue.
    #[error("nothing of it waits for a decision")]
    NothingToDecide,
    /// The money of a failed payment can only go back.
    #[error("it is a failure: the money can only go back")]
    OnlyReversible,
    /// It waits for another decision.
    #[error("this decision does not fit what waits: `tikivip show` says which do")]
    DoesNotFit,
    /// It is not what is next in the review queue.
    #[error(
        "what waits for a decision now is {next}, and not {seen}: look at `tikivip show` again"
    )]
    AnotherReview {
        /// What the person has seen.
        seen: SeenReview,
        /// What is next in the review queue.
        next: SeenReview,
    },
    /// Another amount than what remains was given back.
    #[error("what remains is {remaining} VND: money has moved meanwhile, or the amount is wrong")]
    AmountDiffers {
        /// What remains, in VND.
        remaining: Vnd,
    },
    /// The audit trail is bounded, and the last acts are kept for decisions that end something.
    #[error("persons have acted {0} times on it already: only a decision that ends it is left")]
    TooManyActs(usize),
    /// At most one proposal is open.
    #[error("proposal {number} of {by} is open: approve or decline it first")]
    Proposed {
        /// The number of the open proposal.
        number: u32,
        /// Who has proposed it.
        by: OperatorName,
    },
    /// No proposal with this number is open.
    #[error("no such proposal is open: `tikivip show` says what has become of it")]
    NoProposal,
    /// It was not approved in time.
    #[error("the proposal has expired: propose it again")]
    ProposalExpired,
    /// The one who proposed it approves it, or it may be the same person.
    #[error(
        "another person must approve it: another name, and if both of you have a role, another role"
    )]
    SamePerson,
    /// The transaction is not any more as it was when this was proposed.
    #[error("the proposal is outdated, because something has changed since: propose it again")]
    ProposalOutdated,
}
