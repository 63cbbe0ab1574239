//! A finding that is closed, although the sides may not agree.

use domain::{OperatorName, OperatorReason, Timestamp};

/// Who closed a finding, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When it was closed.
    pub at: Timestamp,
    /// The person, or the reconciliation itself.
    pub by: ClosedBy,
}

/// Who closed a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// A person, for a reason.
    Person(OperatorName, OperatorReason),
    /// A run: each file that said it has come again without it. If one says it once more, the finding is open again.
    Run,
}

impl ClosedBy {
    /// The name of the person, or of the function.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Person(name, _) => name.as_str(),
            Self::Run => "reconcile",
        }
    }

    /// The reason that the person gave, or why a run closes findings.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Person(_, reason) => reason.as_str(),
            Self::Run => "the file has come again without it",
        }
    }
}
