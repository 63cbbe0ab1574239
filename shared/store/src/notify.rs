//! What a written change tells: metrics of what happened, and an alarm if a person must act.

use domain::{Alarm, Change, Decision, Event, IpnAnswer, NotificationOutcome, Transaction};

/// Tells what happened by a change that was written.
pub(crate) fn happened(change: &Change) {
    for event in change.events() {
        count(event, change.transaction());
    }
    alarmed(change);
}

/// Tells a person, once the change has happened, or may have: a write without an answer can have committed.
/// The state itself stays to be found in the index `needs_review`.
pub(crate) fn alarmed(change: &Change) {
    if let Some(alarm) = change.alarm() {
        let transaction_id = change.transaction().id();
        metrics::REVIEW_RAISED.count(&[Alarm::as_str(alarm)]);
        tracing::error!(alarm = alarm.as_str(), %transaction_id, "a person must act");
    }
}

fn count(event: &Event, t: &Transaction) {
    match event {
        Event::Paid | Event::Declined | Event::Expired | Event::PaidLate => {
            metrics::PAYMENTS.count(&[event.as_str()]);
        }
        Event::NotificationAttempt { told, .. } => count_notification(told, t),
        Event::RefundSucceeded { .. } => metrics::REFUNDS.count(&["succeeded"]),
        Event::RefundRejected { .. } => metrics::REFUNDS.count(&["rejected"]),
        Event::RefundAsked { refund, .. } => {
            if let Some(refund) = t.refunds().get(*refund) {
                let age = t.updated_at().since(refund.created_at);
                metrics::REFUND_OPEN_AGE.record_duration(&[], age);
            }
        }
        Event::Created
        | Event::ReferenceLearned
        | Event::CoreAsked(_)
        | Event::RefundReserved { .. }
        // What a person does is told to that person; nobody counts where the command runs.
        | Event::RefundReturned { .. }
        // Reconciliation counts what it finds.
        | Event::Requeued
        | Event::Resent(_)
        | Event::Resolved(..) => {}
    }
}

fn count_notification(told: &NotificationOutcome, t: &Transaction) {
    let answer = match told.answer {
        IpnAnswer::Refused(_) => "refused",
        IpnAnswer::Accepted
        | IpnAnswer::SystemError
        | IpnAnswer::Unauthorized
        | IpnAnswer::Unclear => told.answer.as_str(),
    };
    metrics::IPN_ATTEMPTS.count(&[answer]);
    let age = t.final_at().map(|at| t.updated_at().since(at));
    match told.decision {
        Decision::Confirm => {
            metrics::IPN_CONFIRMATION_AGE.record_duration(&[], age.unwrap_or_default());
        }
        Decision::Reverse(_) => metrics::REVERSALS.count(&[]),
        Decision::Dispute(_) => metrics::DISPUTES.count(&[]),
        // How long it already takes, each sweep says; nobody waits for the news of a failure that Tiki has not.
        Decision::Retry | Decision::RetryUnauthorized | Decision::Abandon => {}
    }
}
