//! What a finding is about.

use std::fmt;

use domain::{Day, TikiTransactionId, TransactionId};

/// How a statement's name begins. No result file of Tiki has a blank in its name.
const STATEMENT: &str = "statement ";

/// What a finding is about. Its text is the finding's id within its day, and what a person types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A payment: `T-1`.
    Payment { tiki_id: TikiTransactionId },
    /// A refund of a payment: `T-1/R1`.
    Refund {
        tiki_id: TikiTransactionId,
        /// Our id of the refund. If we do not have it, Tiki's word for it.
        refund: String,
    },
    /// A payment as the core's statement has it: `core:9e87ce51-…`.
    AtCore { transaction: TransactionId },
    /// A refund as the core's statement has it: `core:9e87ce51-…/R1`.
    RefundAtCore {
        transaction: TransactionId,
        /// The refund's id, as the statement or our record has it.
        refund: String,
    },
    /// A line that cannot be read, or the whole file (line 0): `tikivip_acme_20261122_1:7`.
    Line {
        /// The name of the file, without `/`.
        file: String,
        /// The number of the line, from 1.
        line: u64,
    },
}

impl Subject {
    /// The payment that it is, or that its refund is of.
    #[must_use]
    pub fn tiki_id(&self) -> Option<&TikiTransactionId> {
        match self {
            Self::Payment { tiki_id } | Self::Refund { tiki_id, .. } => Some(tiki_id),
            Self::AtCore { .. } | Self::RefundAtCore { .. } | Self::Line { .. } => None,
        }
    }

    /// Our id of the transaction, if the core's statement is what it is about.
    #[must_use]
    pub fn at_core(&self) -> Option<TransactionId> {
        match self {
            Self::AtCore { transaction } | Self::RefundAtCore { transaction, .. } => {
                Some(*transaction)
            }
            Self::Payment { .. } | Self::Refund { .. } | Self::Line { .. } => None,
        }
    }

    /// The core's statement of a day, where a finding names a file.
    #[must_use]
    pub fn statement_name(day: Day) -> String {
        format!("{STATEMENT}{day}")
    }

    /// Whether it is about the core's books or an entry of its statement, and not about what Tiki has.
    #[must_use]
    pub fn is_of_core(&self) -> bool {
        match self {
            Self::AtCore { .. } | Self::RefundAtCore { .. } => true,
            Self::Line { file, .. } => file.starts_with(STATEMENT),
            Self::Payment { .. } | Self::Refund { .. } => false,
        }
    }

    /// The payment, if it is one: Tiki can be asked about it. Of refunds a look-up says nothing.
    #[must_use]
    pub fn payment(&self) -> Option<&TikiTransactionId> {
        match self {
            Self::Payment { tiki_id } => Some(tiki_id),
            Self::Refund { .. }
            | Self::AtCore { .. }
            | Self::RefundAtCore { .. }
            | Self::Line { .. } => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment { tiki_id } => tiki_id.fmt(f),
            // No id of Tiki has a slash, and no file name: so no two subjects have one text.
            Self::Refund { tiki_id, refund } => write!(f, "{tiki_id}/{refund}"),
            Self::AtCore { transaction } => write!(f, "core:{transaction}"),
            Self::RefundAtCore {
                transaction,
                refund,
            } => write!(f, "core:{transaction}/{refund}"),
            Self::Line { file, line } => write!(f, "{file}:{line}"),
        }
    }
}
