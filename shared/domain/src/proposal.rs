//! What one person proposes, and another one approves or declines.

use std::time::Duration;

use crate::money::Vnd;
use crate::operator::{OperatorWord, Resolution, Verdict};
use crate::review::ReviewReason;
use crate::time::Timestamp;

/// How long a proposal may be approved.
pub const PROPOSAL_HOURS: u64 = 24;

/// An act that a person proposes. Nothing of it happens until another person has approved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Counts the proposals of the transaction, from 1.
    pub number: u32,
    pub act: ProposedAct,
    /// What was next in the review queue and since when, if anything was.
    pub review: Option<(ReviewReason, Timestamp)>,
    /// How often the core had contradicted the record: what it says later is news to whoever proposed.
    pub contradictions: u32,
    /// What could still go back to the customer.
    pub remaining: Vnd,
    /// Who proposed it, and why.
    pub word: OperatorWord,
    /// When it was proposed.
    pub at: Timestamp,
    /// From when it can be approved no more.
    pub expires_at: Timestamp,
}

/// What can be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposedAct {
    /// A decision on what is in the review queue.
    Resolve(Resolution),
    /// To have the notification sent again.
    Resend,
}

/// Which decisions need a second person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalRule {
    /// A decision about more than this needs one.
    pub above: Vnd,
    /// Whether one person decides alone, whatever the amount is.
    pub one_person: bool,
}

const RESEND: &str = "resend";

impl ProposedAct {
    /// The word for it, in the item and on the command line: that of the verdict, or `resend`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve(resolution) => resolution.verdict().as_str(),
            Self::Resend => RESEND,
        }
    }

    /// The act of this word, if so much remains.
    #[must_use]
    pub fn named(word: &str, remaining: Vnd) -> Option<Self> {
        if word == RESEND {
            return Some(Self::Resend);
        }
        let resolution = match word.parse().ok()? {
            Verdict::Confirmed => Resolution::Confirmed,
            Verdict::Reverse => Resolution::Reverse,
            Verdict::Returned => Resolution::Returned { amount: remaining },
            Verdict::Handled => Resolution::Handled,
            Verdict::NotPaid => Resolution::NotPaid,
        };
        Some(Self::Resolve(resolution))
    }
}

impl Proposal {
    /// Whether it is too late to approve it.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// Whether it is one that can have been made: a decision is on a review, and of all that remains.
    pub(crate) fn is_sound(&self) -> bool {
        match self.act {
            ProposedAct::Resolve(Resolution::Returned { amount }) => {
                self.review.is_some() && amount == self.remaining
            }
            ProposedAct::Resolve(_) => self.review.is_some(),
            ProposedAct::Resend => true,
        }
    }

    /// Until when a proposal that is made now can be approved.
    pub(crate) fn expiry(now: Timestamp) -> Timestamp {
        now.after(Duration::from_hours(PROPOSAL_HOURS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_is_found_again_by_its_word() {
        let remaining = Vnd::new(5).unwrap();
        let words = Verdict::ALL.iter().map(|verdict| verdict.as_str());
        for word in words.chain([RESEND]) {
            let act = ProposedAct::named(word, remaining).unwrap();
            assert_eq!(act.as_str(), word);
        }
        let returned = ProposedAct::Resolve(Resolution::Returned { amount: remaining });
        assert_eq!(ProposedAct::named("returned", remaining), Some(returned));
        assert_eq!(ProposedAct::named("escalated", remaining), None);
    }
}
