//! The notification is leased, recorded and queued again (protocol §3).

use crate::audit_trail::{self, AuditEvent, MAX_REQUEUES};
use crate::notification::{Decision, Ipn, IpnLease, NotificationOutcome, PaidNotification};
use crate::payment::PaymentState;
use crate::review::{Alarm, ReviewReason};
use crate::schedule::{self, IPN_LEASE};
use crate::time::Timestamp;
use crate::transaction::{Change, Transaction};

impl Transaction {
    /// Leases a notification that is due: no other sender sends it until the lease ends. A sender that dies uses
    /// nothing of the budget; the next sweep leases the notification again.
    #[must_use]
    pub fn lease_ipn(&self, now: Timestamp) -> Option<(IpnLease, Change)> {
        let (attempt, failures) = match self.ipn() {
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
            let due_at = now.after(IPN_LEASE);
            let state = &mut edit.after.data.payment;
            state.set_retrying(lease.attempt, failures, due_at);
        });
        Some((lease, change))
    }

    /// Records the outcome of a notification, if the lease is still held. Otherwise another sender holds the lease
    /// now, and records the outcome of its own.
    #[must_use]
    pub fn record_ipn(
        &self,
        lease: IpnLease,
        outcome: NotificationOutcome,
        now: Timestamp,
    ) -> Option<Change> {
        match self.ipn() {
            Ipn::Retrying { attempt, .. } if attempt == lease.attempt => {
                Some(self.decided(lease, outcome, now))
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
        if self.has_active_reversal()
            || audit_trail::requeues(&self.data.audit_trail) >= MAX_REQUEUES
        {
            return None;
        }
        Some(self.change(now, |edit| {
            let attempt = audit_trail::last_attempt(&self.data.audit_trail).saturating_add(1);
            edit.after.data.payment.set_retrying(attempt, 0, now);
            edit.due_marks.ipn = true;
            edit.note(AuditEvent::Requeued);
        }))
    }

    fn decided(&self, lease: IpnLease, outcome: NotificationOutcome, now: Timestamp) -> Change {
        let attempt = lease.attempt;
        let event = AuditEvent::NotificationAttempt { attempt, outcome };
        let to = |make: &dyn Fn(&mut PaymentState)| {
            self.change(now, |edit| {
                make(&mut edit.after.data.payment);
                edit.note(event.clone());
            })
        };
        match (&self.data.payment, outcome.decision) {
            (_, Decision::Confirm) => to(&|state| state.set_confirmed(now)),
            (_, Decision::Retry) => self.try_again(lease, event, None, now),
            (_, Decision::RetryUnauthorized) => {
                self.try_again(lease, event, Some(Alarm::IpnUnauthorized), now)
            }
            (PaymentState::Paid { .. }, Decision::Reverse(reason)) => self.change(now, |edit| {
                let reversing = PaidNotification::Reversing { at: now, reason };
                edit.after.data.payment.set_paid_notification(reversing);
                edit.note(event.clone());
                edit.reserve_reversal(reason);
            }),
            (PaymentState::Paid { .. }, Decision::Dispute(reason)) => {
                let disputed = PaidNotification::Disputed { at: now, reason };
                to(&|state| state.set_paid_notification(disputed))
                    .with_alarm(Some(Alarm::Review(ReviewReason::Disputed(reason))))
            }
            (PaymentState::Failed { .. }, Decision::Abandon) => {
                to(&|state| state.set_abandoned(now))
            }
            // The tables never decide this: a failed payment has no money that could be reversed or disputed, and a
            // payment that was made is not abandoned. If it is decided all the same, the next try decides again.
            (PaymentState::Paid { .. }, Decision::Abandon)
            | (PaymentState::Failed { .. }, Decision::Reverse(_) | Decision::Dispute(_))
            | (PaymentState::Pending { .. }, _) => self.try_again(lease, event, None, now),
        }
    }

    /// Plans the next try. If the budget is used up, there is none, and the alarm says that instead.
    fn try_again(
        &self,
        lease: IpnLease,
        event: AuditEvent,
        alarm: Option<Alarm>,
        now: Timestamp,
    ) -> Change {
        let failures = lease.failures.saturating_add(1);
        let next = schedule::next_ipn(self.id(), failures, now);
        let alarm = match (next, &self.data.payment) {
            (Some(_), _) => alarm,
            (None, PaymentState::Failed { .. }) => Some(Alarm::FailureUnconfirmed),
            (None, PaymentState::Paid { .. } | PaymentState::Pending { .. }) => {
                Some(Alarm::Review(ReviewReason::IpnExhausted))
            }
        };
        self.change(now, |edit| {
            let state = &mut edit.after.data.payment;
            if let Some(due_at) = next {
                state.set_retrying(lease.attempt, failures, due_at);
            } else {
                state.set_paid_notification(PaidNotification::Exhausted { at: now });
                state.set_abandoned(now);
            }
            edit.note(event);
        })
        .with_alarm(alarm)
    }
}
