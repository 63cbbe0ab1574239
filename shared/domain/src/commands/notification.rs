//! The notification is leased, recorded and queued again (protocol §3).

use std::time::Duration;

use crate::audit_trail::{self, AuditEvent, MAX_REQUEUES};
use crate::notification::{
    AttemptHttp, Decision, DisputeReason, HeardOutcome, Ipn, IpnLease, IpnSubject, LookUpAnswer,
    NotificationOutcome, PaidNotification, ReversedNotification, Sending,
};
use crate::payment::PaymentState;
use crate::review::{Alarm, ReviewReason};
use crate::schedule::{self, IPN_DELIVERY, IPN_HEAD_START, IPN_LEASE};
use crate::time::Timestamp;
use crate::transaction::{Change, Transaction};

impl Transaction {
    /// The lease that a newly queued notification comes with. Nothing is written: a sweep takes the notification up only
    /// when the holder of this lease is done. `None` if it comes too late for that, or is not newly queued.
    ///
    /// The transaction must be as it is stored now: an old one may have been sent and decided since. The stream may
    /// bring it to two senders, and then it is sent twice, which changes nothing at Tiki; one outcome is recorded.
    #[must_use]
    pub fn first_ipn_lease(&self, confirm_after: Duration, now: Timestamp) -> Option<IpnLease> {
        match self.ipn().sending()? {
            // The clock that queued it may be ahead of ours.
            Sending::Queued { due_at } if now <= due_at.after(IPN_DELIVERY) => {
                self.ipn_lease(IpnLease::FIRST, 0, confirm_after)
            }
            Sending::Queued { .. } | Sending::Retrying { .. } => None,
        }
    }

    /// Leases a notification that is due: no other sender sends it until the lease ends. A sender that dies uses
    /// nothing of the budget; the next sweep leases the notification again.
    ///
    /// `confirm_after` is how far apart two look-ups must be before Tiki's "not found" is believed (protocol §3).
    #[must_use]
    pub fn lease_ipn(&self, confirm_after: Duration, now: Timestamp) -> Option<(IpnLease, Change)> {
        let (attempt, failures) = match self.ipn().sending()? {
            // Who holds the first lease is done by then.
            Sending::Queued { due_at } if due_at.after(IPN_HEAD_START) <= now => {
                (IpnLease::FIRST, 0)
            }
            Sending::Retrying {
                attempt,
                failures,
                due_at,
            } if due_at <= now => (attempt, failures),
            Sending::Queued { .. } | Sending::Retrying { .. } => return None,
        };
        // An older version leases from 0 on.
        let attempt = attempt.max(IpnLease::FIRST).saturating_add(1);
        let lease = self.ipn_lease(attempt, failures, confirm_after)?;
        let change = self.change(now, |edit| {
            let leased = Sending::Retrying {
                attempt: lease.attempt,
                failures,
                due_at: now.after(IPN_LEASE),
            };
            let state = &mut edit.after.data.payment;
            state.set_sending(leased, lease.not_found_at);
        });
        Some((lease, change))
    }

    fn ipn_lease(&self, attempt: u32, failures: u32, confirm_after: Duration) -> Option<IpnLease> {
        Some(IpnLease {
            attempt,
            failures,
            subject: self.ipn_subject()?,
            not_found_at: self.data.payment.not_found_at(),
            confirm_after,
        })
    }

    /// What a notification of it is about; `None` while there is no result.
    #[must_use]
    pub fn ipn_subject(&self) -> Option<IpnSubject> {
        match self.data.payment {
            PaymentState::Pending { .. } => None,
            PaymentState::Paid { .. } => Some(IpnSubject::Paid),
            PaymentState::Reversed { .. } => Some(IpnSubject::Reversed),
            PaymentState::Failed { .. } => Some(IpnSubject::Failed),
        }
    }

    /// Records the outcome of a notification, if the lease is still held. Otherwise another sender holds the lease
    /// now, and records the outcome of its own.
    #[must_use]
    pub fn record_ipn(
        &self,
        lease: IpnLease,
        outcome: impl Into<HeardOutcome>,
        now: Timestamp,
    ) -> Option<Change> {
        let HeardOutcome { outcome, http } = outcome.into();
        let held = match self.ipn().sending()? {
            Sending::Queued { .. } => lease.attempt == IpnLease::FIRST,
            Sending::Retrying { attempt, .. } => {
                attempt == lease.attempt && attempt > IpnLease::FIRST
            }
        };
        // A payment may have been reversed and its failure be queued since: that is another notification.
        let same = self.ipn_subject() == Some(lease.subject);
        let lease = lease.heard(outcome.answer);
        (held && same).then(|| self.decided(lease, (outcome, http), now))
    }

    /// Queues a notification again that was given up, because reconciliation found that Tiki does not know the
    /// result. Tiki's answers then decide by the same tables as the first time. `None` if the notification is being
    /// sent anyway, is not needed, is in the review queue for a decision, or was queued again often enough.
    #[must_use]
    pub fn requeue_ipn(&self, now: Timestamp) -> Option<Change> {
        match self.ipn() {
            Ipn::Exhausted { .. } | Ipn::Abandoned { .. } => {}
            Ipn::NotDue
            | Ipn::Queued { .. }
            | Ipn::Retrying { .. }
            | Ipn::Confirmed { .. }
            | Ipn::Reversing { .. }
            | Ipn::Disputed { .. } => return None,
        }
        if audit_trail::requeues(&self.data.audit_trail) >= MAX_REQUEUES {
            return None;
        }
        Some(self.change(now, |edit| {
            let attempt = audit_trail::last_attempt(&self.data.audit_trail).saturating_add(1);
            let again = Sending::Retrying {
                attempt,
                failures: 0,
                due_at: now,
            };
            edit.after.data.payment.set_sending(again, None);
            edit.due_marks.ipn = true;
            edit.note(AuditEvent::Requeued);
        }))
    }

    fn decided(
        &self,
        lease: IpnLease,
        (outcome, http): (NotificationOutcome, AttemptHttp),
        now: Timestamp,
    ) -> Change {
        let event = AuditEvent::NotificationAttempt {
            attempt: lease.attempt,
            outcome,
            http,
        };
        match (&self.data.payment, outcome.decision) {
            (_, Decision::Confirm) => self.change(now, |edit| {
                edit.after.data.payment.set_confirmed(edit.now);
                edit.note(event);
            }),
            (PaymentState::Paid { .. }, Decision::LookAgain) => {
                self.look_again(lease, event, now)
            }
            // No money moves on its own while the core contradicts itself about it.
            (PaymentState::Paid { .. }, Decision::Reverse(reason)) if self.is_doubtful() => self
                .change(now, |edit| {
                    edit.note(event);
                    edit.hold_reversal(reason);
                })
                .with_alarm(Some(Alarm::Review(ReviewReason::Disputed(
                    DisputeReason::ReversalHeld,
                )))),
            (PaymentState::Paid { .. }, Decision::Reverse(reason)) => self.change(now, |edit| {
                edit.note(event);
                edit.reverse(reason);
            }),
            (PaymentState::Paid { .. } | PaymentState::Reversed { .. }, Decision::Dispute(reason)) => {
                self.dispute(reason, event, now)
            }
            (PaymentState::Failed { .. }, Decision::Abandon) => self.change(now, |edit| {
                edit.after.data.payment.set_given_up(edit.now);
                edit.note(event);
            }),
            (_, Decision::Retry | Decision::RetryUnauthorized)
            // The tables never decide this: a failed payment has no money that could be reversed or disputed, and a
            // payment that was made is not abandoned. If it is decided all the same, the next try decides again.
            | (PaymentState::Paid { .. } | PaymentState::Reversed { .. }, Decision::Abandon)
            | (PaymentState::Reversed { .. }, Decision::LookAgain | Decision::Reverse(_))
            | (
                PaymentState::Failed { .. },
                Decision::LookAgain | Decision::Reverse(_) | Decision::Dispute(_),
            )
            | (
                PaymentState::Pending { .. },
                Decision::LookAgain | Decision::Abandon | Decision::Reverse(_) | Decision::Dispute(_),
            ) => self.try_again(lease, outcome, event, now),
        }
    }

    fn dispute(&self, reason: DisputeReason, event: AuditEvent, now: Timestamp) -> Change {
        self.change(now, |edit| {
            let at = edit.now;
            let state = &mut edit.after.data.payment;
            state.set_paid_notification(PaidNotification::Disputed { at, reason });
            state.set_reversed_notification(ReversedNotification::KnownAsPaid { at });
            edit.note(event);
        })
        .with_alarm(Some(Alarm::Review(ReviewReason::Disputed(reason))))
    }

    /// Plans the second look at an order that Tiki says it does not have. It takes nothing from the budget.
    fn look_again(&self, lease: IpnLease, event: AuditEvent, now: Timestamp) -> Change {
        self.change(now, |edit| {
            let again = Sending::Retrying {
                attempt: lease.attempt,
                failures: lease.failures,
                due_at: lease.look_again_at(now),
            };
            let first = lease.not_found_at.or(Some(now));
            edit.after.data.payment.set_sending(again, first);
            edit.note(event);
        })
    }

    /// Plans the next try. If the budget is used up, there is none, and the alarm says that instead.
    fn try_again(
        &self,
        lease: IpnLease,
        outcome: NotificationOutcome,
        event: AuditEvent,
        now: Timestamp,
    ) -> Change {
        let failures = lease.failures.saturating_add(1);
        let next = schedule::next_ipn(self.id(), failures, now);
        let alarm = match (next, &self.data.payment) {
            (Some(_), _) => {
                let unauthorized = outcome.decision == Decision::RetryUnauthorized;
                unauthorized.then_some(Alarm::IpnUnauthorized)
            }
            (None, PaymentState::Failed { .. }) => Some(Alarm::FailureUnconfirmed),
            (
                None,
                PaymentState::Paid { .. }
                | PaymentState::Reversed { .. }
                | PaymentState::Pending { .. },
            ) => Some(Alarm::Review(ReviewReason::IpnExhausted)),
        };
        let not_found_at = still_not_found(lease, outcome.known);
        self.change(now, |edit| {
            let state = &mut edit.after.data.payment;
            if let Some(due_at) = next {
                let again = Sending::Retrying {
                    attempt: lease.attempt,
                    failures,
                    due_at,
                };
                state.set_sending(again, not_found_at);
            } else {
                state.set_given_up(edit.now);
            }
            edit.note(event);
        })
        .with_alarm(alarm)
    }
}

/// When Tiki first said that it does not have the order, unless a look-up has said anything else since.
fn still_not_found(lease: IpnLease, known: Option<LookUpAnswer>) -> Option<Timestamp> {
    match known {
        None
        | Some(
            LookUpAnswer::NotFound
            | LookUpAnswer::SystemError
            | LookUpAnswer::Unauthorized
            | LookUpAnswer::Unclear,
        ) => lease.not_found_at,
        Some(
            LookUpAnswer::Found(..)
            | LookUpAnswer::Cancelled
            | LookUpAnswer::InvalidRequest
            | LookUpAnswer::NotOfThisPartner,
        ) => None,
    }
}
