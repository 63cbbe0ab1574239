//! A transaction's status to Tiki.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A transaction's status to Tiki. A refunded payment stays `Success` (docs/architecture.md#the-transaction).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Status {
    Pending,
    Success,
    Failure,
}

impl Status {
    /// All statuses, for reading stored names.
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
    Success,
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
