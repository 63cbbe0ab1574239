//! What a person must look at: alarms, and the reasons of the review queue.

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

use crate::notification::DisputeReason;
use crate::time::Timestamp;

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
    /// Something was raised that no state of the payment shows.
    Raised(RaisedReason),
}

/// A review as a person has seen it. What the core has said against the record since then is news to that person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenReview {
    pub reason: ReviewReason,
    /// How often the core had contradicted the record.
    pub contradictions: u32,
}

/// A text that names no review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no review: `tikivip show` has it after \"Needs review\"")]
pub struct BadReview;

/// A review that was raised, and stays until a clear answer or a person has ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    pub reason: RaisedReason,
    /// When it was raised.
    pub since: Timestamp,
}

/// Why a review was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RaisedReason {
    /// A day after expiry the core has still not said whether the payment was made.
    Undecided,
    /// The core rejected as many refunds as are kept: Tiki can ask for no more.
    RefundsRejected,
    /// The core says that another amount was paid than was asked for.
    PaidAmountDiffers,
    /// The core says that the payment was made twice.
    SecondDebit,
    /// The core says that a payment was not made, after it had said that it was.
    FailedAfterPaid,
}

impl RaisedReason {
    /// All reasons, for reading stored names.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item, in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the core has said something about money that contradicts what is recorded.
    #[must_use]
    pub fn is_contradiction(self) -> bool {
        match self {
            Self::PaidAmountDiffers | Self::SecondDebit | Self::FailedAfterPaid => true,
            Self::Undecided | Self::RefundsRejected => false,
        }
    }
}

impl std::fmt::Display for SeenReview {
    /// As a person types it: `amount_differs`, or `second_debit:2` after two contradictions of the core.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason.as_str())?;
        match self.contradictions {
            0 => Ok(()),
            times => write!(f, ":{times}"),
        }
    }
}

impl std::str::FromStr for SeenReview {
    type Err = BadReview;

    fn from_str(text: &str) -> Result<Self, BadReview> {
        let (reason, times) = text.split_once(':').unwrap_or((text, "0"));
        Ok(Self {
            reason: ReviewReason::named(&reason.replace('-', "_")).ok_or(BadReview)?,
            contradictions: times.parse().map_err(|_| BadReview)?,
        })
    }
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
                ReviewReasonKind::Raised => {
                    let reasons = RaisedReason::ALL.iter().copied();
                    reasons.map(Self::Raised).collect()
                }
            })
    }

    /// The reason of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == name)
    }

    /// Whether a person's decision on this review deals with what is raised for that reason, too.
    #[must_use]
    pub fn ends(self, raised: RaisedReason) -> bool {
        match self {
            Self::Raised(reason) => reason == raised,
            // Whoever decides it has found out whether the customer has the money of this payment. A second debit, or
            // another amount, is other money.
            Self::Disputed(DisputeReason::ReversalHeld) => raised == RaisedReason::FailedAfterPaid,
            Self::Disputed(_) | Self::IpnExhausted | Self::SystemRefundRejected => false,
        }
    }

    /// The name in the item, in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disputed(reason) => reason.as_str(),
            Self::Raised(reason) => reason.as_str(),
            Self::IpnExhausted | Self::SystemRefundRejected => ReviewReasonKind::from(self).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seen_review_is_read_as_it_is_typed() {
        for reason in ReviewReason::all() {
            for contradictions in [0, 1, 12] {
                let seen = SeenReview {
                    reason,
                    contradictions,
                };
                assert_eq!(seen.to_string().parse(), Ok(seen));
            }
        }
        let typed = "second-debit:2".parse::<SeenReview>().unwrap();
        assert_eq!(typed.to_string(), "second_debit:2");
        for bad in [
            "",
            "paid",
            "second_debit:",
            "second_debit:-1",
            "second_debit:1:1",
        ] {
            assert_eq!(bad.parse::<SeenReview>(), Err(BadReview), "{bad}");
        }
    }
}
