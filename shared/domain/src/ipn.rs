//! Telling Tiki: the decision tables of protocol §3 and §4, and what each decision does to a transaction.

use crate::change::Alarm;
use crate::schedule::{self, IPN_LEASE, LOOK_UP_FROM_FAILURE};
use crate::trail::{self, MAX_REQUEUES};
use crate::{
    Change, Event, FinalStatus, Ipn, NotificationOutcome, PaymentState, Status, Timestamp,
    Transaction, Vnd,
};

/// What came of an IPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpnAnswer {
    /// Code 0, and the echoed transaction id is ours.
    Accepted,
    /// A code by which Tiki says no.
    Refused(IpnRefusal),
    /// Code 2.
    SystemError,
    /// HTTP 401 or 403, although the secret was loaded again and the message signed again.
    Unauthorized,
    /// Any other HTTP error, no answer, or one that we cannot read.
    Unclear,
}

/// The codes by which Tiki refuses an IPN (protocol §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpnRefusal {
    /// Code 1.
    InvalidRequest,
    /// Code 3.
    NotFound,
    /// Code 4.
    NotOfThisPartner,
    /// Code 5.
    InvalidAmount,
    /// Code 6.
    Cancelled,
}

/// What came of a look-up at Tiki (protocol §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUpAnswer {
    /// Code 0: Tiki's status of the transaction, and its amount if it gave one.
    Found(Status, Option<Vnd>),
    /// Code 1.
    InvalidRequest,
    /// Code 2.
    SystemError,
    /// Code 3.
    NotFound,
    /// Code 4.
    NotOfThisPartner,
    /// Code 6.
    Cancelled,
    /// HTTP 401 or 403, although the secret was loaded again and the message signed again.
    Unauthorized,
    /// Any other HTTP error, no answer, or one that we cannot read.
    Unclear,
}

/// What follows at once from the answer to an IPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationStep {
    /// Ask Tiki what it knows; [`after_look_up`] then decides.
    LookUp,
    /// The answer alone decides.
    Decide(Decision),
}

/// What was decided after an IPN, and a look-up if there was one. This is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Tiki has it.
    Confirm,
    /// Tiki need not have it: no money was taken.
    Abandon,
    /// Send again on the schedule.
    Retry,
    /// Send again on the schedule, and tell a person: wrong key, or wrong clock.
    RetryUnauthorized,
    /// Give back what remains.
    Reverse(ReversalReason),
    /// No automatic movement of money: a person decides.
    Dispute(DisputeReason),
}

/// Why a payment is reversed: the only grounds there are (protocol §4, and a person's word).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversalReason {
    /// The look-up says `FAILURE`.
    FailedAtTiki,
    /// The look-up says code 3.
    NotFoundAtTiki,
    /// The look-up says code 6.
    CancelledAtTiki,
    /// A person has decided a dispute.
    ByOperator,
}

impl ReversalReason {
    /// Every ground.
    pub const ALL: [Self; 4] = [
        Self::FailedAtTiki,
        Self::NotFoundAtTiki,
        Self::CancelledAtTiki,
        Self::ByOperator,
    ];

    /// The ground's name in the item, in logs and at the core.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailedAtTiki => "failed_at_tiki",
            Self::NotFoundAtTiki => "not_found_at_tiki",
            Self::CancelledAtTiki => "cancelled_at_tiki",
            Self::ByOperator => "by_operator",
        }
    }
}

/// What a person must decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeReason {
    /// Tiki has another amount.
    AmountDiffers,
    /// Tiki calls our look-up invalid.
    InvalidRequest,
    /// Tiki says that the transaction is another partner's.
    NotOfThisPartner,
    /// The core refuses to give the money back.
    ReversalRejected,
}

impl DisputeReason {
    /// Every ground.
    pub const ALL: [Self; 4] = [
        Self::AmountDiffers,
        Self::InvalidRequest,
        Self::NotOfThisPartner,
        Self::ReversalRejected,
    ];

    /// The ground's name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AmountDiffers => "amount_differs",
            Self::InvalidRequest => "look_up_invalid",
            Self::NotOfThisPartner => "not_of_this_partner",
            Self::ReversalRejected => "reversal_rejected",
        }
    }
}

/// An IPN that was taken up: who holds it may send, and record what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpnLease {
    /// Which taking-up this is.
    pub attempt: u32,
    /// How many tries had failed before.
    pub failures: u32,
    /// What is reported (protocol §3).
    pub status: FinalStatus,
}

/// The table of protocol §3: what an IPN's answer means, after so many failures before it.
#[must_use]
pub fn after_notification(
    reported: FinalStatus,
    answer: IpnAnswer,
    failures: u32,
) -> NotificationStep {
    use IpnAnswer::{Accepted, Refused, SystemError, Unauthorized, Unclear};
    use NotificationStep::{Decide, LookUp};
    let failed_often = failures.saturating_add(1) >= LOOK_UP_FROM_FAILURE;
    match (reported, answer) {
        (FinalStatus::Success | FinalStatus::Failure, Accepted) => Decide(Decision::Confirm),
        (FinalStatus::Success | FinalStatus::Failure, Unauthorized) => {
            Decide(Decision::RetryUnauthorized)
        }
        (FinalStatus::Success, Refused(_)) => LookUp,
        (FinalStatus::Success, SystemError | Unclear) if failed_often => LookUp,
        (FinalStatus::Success, SystemError | Unclear) => Decide(Decision::Retry),
        (FinalStatus::Failure, Refused(IpnRefusal::NotFound | IpnRefusal::Cancelled)) => {
            Decide(Decision::Abandon)
        }
        (
            FinalStatus::Failure,
            Refused(
                IpnRefusal::InvalidRequest
                | IpnRefusal::NotOfThisPartner
                | IpnRefusal::InvalidAmount,
            )
            | SystemError
            | Unclear,
        ) => Decide(Decision::Retry),
    }
}

/// The table of protocol §4: what Tiki's word means for a payment of this amount whose IPN is not confirmed.
#[must_use]
pub fn after_look_up(amount: Vnd, answer: LookUpAnswer) -> Decision {
    match answer {
        LookUpAnswer::Found(Status::Success, Some(at_tiki)) if at_tiki == amount => {
            Decision::Confirm
        }
        LookUpAnswer::Found(Status::Success, Some(_)) => {
            Decision::Dispute(DisputeReason::AmountDiffers)
        }
        LookUpAnswer::Found(Status::Failure, _) => Decision::Reverse(ReversalReason::FailedAtTiki),
        LookUpAnswer::NotFound => Decision::Reverse(ReversalReason::NotFoundAtTiki),
        LookUpAnswer::Cancelled => Decision::Reverse(ReversalReason::CancelledAtTiki),
        LookUpAnswer::InvalidRequest => Decision::Dispute(DisputeReason::InvalidRequest),
        LookUpAnswer::NotOfThisPartner => Decision::Dispute(DisputeReason::NotOfThisPartner),
        LookUpAnswer::Unauthorized => Decision::RetryUnauthorized,
        LookUpAnswer::Found(Status::Success, None)
        | LookUpAnswer::Found(Status::Pending, _)
        | LookUpAnswer::SystemError
        | LookUpAnswer::Unclear => Decision::Retry,
    }
}

impl Transaction {
    /// Takes a due IPN up: nobody else sends it until the lease runs out. A sender that dies costs nothing of
    /// the budget; the next sweep takes it up again.
    #[must_use]
    pub fn lease_ipn(&self, now: Timestamp) -> Option<(IpnLease, Change)> {
        let (attempt, failures) = match self.data.ipn {
            Ipn::Queued { due_at } if due_at <= now => (0, 0),
            Ipn::Retrying {
                attempt,
                failures,
                due_at,
            } if due_at <= now => (attempt, failures),
            Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::NotDue
            | Ipn::Confirmed { .. }
            | Ipn::Abandoned { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. }
            | Ipn::Exhausted { .. } => return None,
        };
        let lease = IpnLease {
            attempt: attempt.saturating_add(1),
            failures,
            status: self.final_status()?,
        };
        let change = self.change(now, |edit| {
            edit.after.data.ipn = Ipn::Retrying {
                attempt: lease.attempt,
                failures,
                due_at: now.after(IPN_LEASE),
            };
        });
        Some((lease, change))
    }

    /// Records what came of telling Tiki, if the lease is still ours: whoever took it up after us finds the
    /// truth itself.
    #[must_use]
    pub fn record_ipn(
        &self,
        lease: IpnLease,
        told: NotificationOutcome,
        now: Timestamp,
    ) -> Option<Change> {
        match self.data.ipn {
            Ipn::Retrying { attempt, .. } if attempt == lease.attempt => {
                Some(self.decided(lease, told, now))
            }
            Ipn::Retrying { .. }
            | Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Confirmed { .. }
            | Ipn::Abandoned { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. }
            | Ipn::Exhausted { .. } => None,
        }
    }

    /// Has a result reported again that reporting was given up for, because reconciliation found that Tiki does
    /// not know it. What then follows, follows from Tiki's answers by the tables, as the first time. `None` if it
    /// is being reported anyway, needs no report, is a person's to decide, or was queued again often enough.
    #[must_use]
    pub fn requeue_ipn(&self, now: Timestamp) -> Option<Change> {
        match self.data.ipn {
            Ipn::Exhausted { .. } | Ipn::Abandoned { .. } => {}
            Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::Confirmed { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. } => return None,
        }
        if self.has_active_reversal() || trail::requeues(&self.data.audit_trail) >= MAX_REQUEUES {
            return None;
        }
        Some(self.change(now, |edit| {
            edit.after.data.ipn = Ipn::Retrying {
                attempt: trail::last_attempt(&self.data.audit_trail).saturating_add(1),
                failures: 0,
                due_at: now,
            };
            edit.due_marks.ipn = true;
            edit.note(Event::Requeued);
        }))
    }

    fn decided(&self, lease: IpnLease, told: NotificationOutcome, now: Timestamp) -> Change {
        let attempt = lease.attempt;
        let event = Event::NotificationAttempt { attempt, told };
        let to = |ipn: Ipn| {
            self.change(now, |edit| {
                edit.after.data.ipn = ipn;
                edit.note(event.clone());
            })
        };
        match (&self.data.payment, told.decision) {
            (_, Decision::Confirm) => to(Ipn::Confirmed { at: now }),
            (_, Decision::Retry) => self.try_again(lease, event, None, now),
            (_, Decision::RetryUnauthorized) => {
                self.try_again(lease, event, Some(Alarm::IpnUnauthorized), now)
            }
            (PaymentState::Paid(_), Decision::Reverse(ground)) => self.change(now, |edit| {
                edit.after.data.ipn = Ipn::Reversing { at: now, ground };
                edit.note(event.clone());
                edit.reserve_reversal(ground);
            }),
            (PaymentState::Paid(_), Decision::Dispute(ground)) => {
                to(Ipn::Disputed { at: now, ground }).with_alarm(Some(Alarm::Disputed(ground)))
            }
            (PaymentState::Failed(_), Decision::Abandon) => to(Ipn::Abandoned { at: now }),
            // The tables never say so: no money was taken that could be reversed or disputed, and money that
            // was taken is not dropped. Whatever said it, the next try finds out anew.
            (PaymentState::Paid(_), Decision::Abandon)
            | (PaymentState::Failed(_), Decision::Reverse(_) | Decision::Dispute(_))
            | (PaymentState::Pending { .. }, _) => self.try_again(lease, event, None, now),
        }
    }

    fn try_again(
        &self,
        lease: IpnLease,
        event: Event,
        alarm: Option<Alarm>,
        now: Timestamp,
    ) -> Change {
        let failures = lease.failures.saturating_add(1);
        let (ipn, alarm) = match schedule::next_ipn(self.data.id, failures, now) {
            Some(due_at) => {
                let attempt = lease.attempt;
                let ipn = Ipn::Retrying {
                    attempt,
                    failures,
                    due_at,
                };
                (ipn, alarm)
            }
            None if lease.status == FinalStatus::Failure => {
                (Ipn::Abandoned { at: now }, Some(Alarm::FailureNotReported))
            }
            None => (Ipn::Exhausted { at: now }, Some(Alarm::IpnExhausted)),
        };
        self.change(now, |edit| {
            edit.after.data.ipn = ipn;
            edit.note(event);
        })
        .with_alarm(alarm)
    }
}
