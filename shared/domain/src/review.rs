//! What a person must look at: alarms, and the reasons of the review queue.

use strum::{EnumDiscriminants, IntoStaticStr, VariantArray};

use crate::notification::DisputeReason;

/// What a person must look at: it raises an alarm when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The transaction stays in the review queue until somebody has acted.
    Review(ReviewReason),
    /// Tiki did not accept the notification of a failure within the whole schedule; no money is at stake.
    FailureUnconfirmed,
    /// Tiki refuses our signature: wrong key, or wrong clock.
    IpnUnauthorized,
}

impl Alarm {
    /// The name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Review(reason) => reason.as_str(),
            Self::FailureUnconfirmed => "failure_unconfirmed",
            Self::IpnUnauthorized => "ipn_unauthorized",
        }
    }
}

/// Why a transaction is in the review queue: the index `needs_review` has a partition for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(ReviewReasonKind),
    derive(IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "A reason for review, without what it holds.",
    vis(pub(crate))
)]
pub enum ReviewReason {
    /// Tiki did not accept the notification of a payment within the whole schedule.
    IpnExhausted,
    /// Tiki's state and ours differ.
    Disputed(DisputeReason),
    /// The core refuses to give money back that the partner must not keep.
    SystemRefundRejected,
    /// The core says that another amount was paid than was asked for.
    PaidAmountDiffers,
}

impl ReviewReason {
    /// All reasons: the partitions of the index `needs_review`.
    pub fn all() -> impl Iterator<Item = Self> {
        ReviewReasonKind::VARIANTS
            .iter()
            .flat_map(|kind| match kind {
                ReviewReasonKind::IpnExhausted => vec![Self::IpnExhausted],
                ReviewReasonKind::Disputed => {
                    let reasons = DisputeReason::ALL.iter().copied();
                    reasons.map(Self::Disputed).collect()
                }
                ReviewReasonKind::SystemRefundRejected => vec![Self::SystemRefundRejected],
                ReviewReasonKind::PaidAmountDiffers => vec![Self::PaidAmountDiffers],
            })
    }

    /// The name in the item, in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disputed(reason) => reason.as_str(),
            Self::IpnExhausted | Self::SystemRefundRejected | Self::PaidAmountDiffers => {
                ReviewReasonKind::from(self).into()
            }
        }
    }
}
