//! The third side: the core's statement of a day, and what it means beside our records.
//!
//! The statement says what the core took from customers on a Vietnamese day, and what it gave back. Like a result file of
//! Tiki it only says where to look: before anything is recorded, the core is asked about that payment or refund, and its
//! answer decides by the ordinary rules. Nothing moves because of a statement.
//!
//! | module | contents |
//! |---|---|
//! | [`entry`] | an entry of a statement, and a statement as CSV |
//! | [`payment`] | a payment: our record, the statement, the core's answer and Tiki's give a kind and a reason |
//! | [`refund`] | the same for a refund |

pub mod entry;
pub mod payment;
pub mod refund;

use std::time::Duration;

use domain::{Day, Timestamp, Vnd};

use crate::classify::{Kind, MismatchReason};

/// What is so near to the end of a day may be on the other side of midnight in the other company's books: clocks differ,
/// and a result takes its time.
pub const NEAR_MIDNIGHT: Duration = Duration::from_mins(15);

/// What the statement of a day has of one payment or refund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InStatement {
    /// No entry on this day.
    #[default]
    Never,
    /// One entry of this amount.
    Once(Vnd),
    /// So many entries, and their sum.
    Often { times: u32, total_vnd: u64 },
}

/// What follows for a payment or refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The state of the finding.
    pub kind: Kind,
    /// Why it has this state.
    pub mismatch: MismatchReason,
}

impl InStatement {
    /// With one more entry.
    #[must_use]
    pub fn and(self, amount: Vnd) -> Self {
        match self {
            Self::Never => Self::Once(amount),
            Self::Once(first) => Self::Often {
                times: 2,
                total_vnd: first.get().saturating_add(amount.get()),
            },
            Self::Often { times, total_vnd } => Self::Often {
                times: times.saturating_add(1),
                total_vnd: total_vnd.saturating_add(amount.get()),
            },
        }
    }
}

impl Judgement {
    pub(crate) fn matched(mismatch: MismatchReason) -> Self {
        let kind = Kind::Matched;
        Self { kind, mismatch }
    }

    pub(crate) fn review(mismatch: MismatchReason) -> Self {
        let kind = Kind::NeedsReview;
        Self { kind, mismatch }
    }

    pub(crate) fn undecided(mismatch: MismatchReason) -> Self {
        let kind = Kind::Undecided;
        Self { kind, mismatch }
    }

    /// Whether the sides agree.
    #[must_use]
    pub fn is_matched(self) -> bool {
        self.kind == Kind::Matched
    }
}

/// Whether a day begins, for certain and in everybody's books, only after this moment: what is booked on that day is
/// another booking.
fn is_before(at: Timestamp, day: Day) -> bool {
    at.after(NEAR_MIDNIGHT) < day.start()
}

/// Whether a moment belongs to a day for certain, in everybody's books.
fn is_well_within(at: Timestamp, day: Day) -> bool {
    let begins = day.start().after(NEAR_MIDNIGHT);
    begins <= at && at.after(NEAR_MIDNIGHT) < day.end_exclusive()
}
