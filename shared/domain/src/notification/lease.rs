//! The lease of a notification, and what it is about.

use std::time::Duration;

use super::answer::IpnAnswer;
use crate::status::FinalStatus;
use crate::time::Timestamp;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpnSubject {
    /// A payment that was made.
    Paid,
    /// A payment that was not made.
    Failed,
    /// A payment whose money is back, because Tiki did not have the order.
    Reversed,
}

impl IpnSubject {
    /// The status that Tiki is sent (protocol §3).
    #[must_use]
    pub fn status(self) -> FinalStatus {
        match self {
            Self::Paid => FinalStatus::Success,
            Self::Failed | Self::Reversed => FinalStatus::Failure,
        }
    }
}

/// The lease of a notification: its holder may send it, and record the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpnLease {
    /// The number of the lease; 1 is the one that a newly queued notification comes with.
    pub attempt: u32,
    /// How many tries had failed before.
    pub failures: u32,
    /// What Tiki is notified of.
    pub subject: IpnSubject,
    /// When Tiki first said that it does not have the transaction (protocol §3).
    pub not_found_at: Option<Timestamp>,
    /// How far apart two look-ups must be before they are believed to say the same.
    pub confirm_after: Duration,
}

impl IpnLease {
    /// The number of the lease that a newly queued notification comes with. It is never written, so that the usual
    /// notification costs one write less: the item says `queued`, and its holder records the outcome over that. Every
    /// lease that is written has a higher number.
    pub(crate) const FIRST: u32 = 1;

    /// The lease after Tiki's answer to the notification. Code 0 contradicts an earlier "not found", whatever the
    /// look-up after it says: two look-ups count only if nothing else was heard between them (protocol §3).
    #[must_use]
    pub fn heard(self, answer: IpnAnswer) -> Self {
        match answer {
            IpnAnswer::Accepted | IpnAnswer::AcceptedUnnamed => Self {
                not_found_at: None,
                ..self
            },
            IpnAnswer::Refused(_)
            | IpnAnswer::SystemError
            | IpnAnswer::Unauthorized
            | IpnAnswer::Unclear => self,
        }
    }

    /// Whether an earlier look-up, long enough ago, said that Tiki does not have the transaction.
    pub(super) fn not_found_long_ago(self, now: Timestamp) -> bool {
        self.not_found_at
            .is_some_and(|first| first.after(self.confirm_after) <= now)
    }

    /// When to look again, after a look-up that said so.
    pub(crate) fn look_again_at(self, now: Timestamp) -> Timestamp {
        self.not_found_at.unwrap_or(now).after(self.confirm_after)
    }
}
