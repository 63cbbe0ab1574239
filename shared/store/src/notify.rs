//! Metrics of a stored change, and an error in the log if the transaction now needs review.

use std::time::Duration;

use domain::{Alarm, AuditEvent, Change, Decision, IpnAnswer, NotificationOutcome, Transaction};

/// So long after its expiry, a payment that is undecided is a warning. The alarm has the same limit.
const WARN_UNDECIDED_AFTER: Duration = Duration::from_hours(2);

/// Counts the events of a change that was stored, and raises its review.
pub(crate) fn happened(change: &Change) {
    for event in change.events() {
        count(event, change.transaction());
    }
    alarmed(change);
}

/// Raises the review of a change that was stored, or may have been: a write without an answer can have been
/// committed. The transaction itself stays in the index `needs_review` until a person resolves it.
pub(crate) fn alarmed(change: &Change) {
    if let Some(alarm) = change.alarm() {
        let transaction_id = change.transaction().id();
        metrics::REVIEW_RAISED.count(&[Alarm::as_str(alarm)]);
        tracing::error!(alarm = alarm.as_str(), %transaction_id, "the transaction needs review: a person must resolve it");
    }
}

fn count(event: &AuditEvent, t: &Transaction) {
    match event {
        AuditEvent::Paid | AuditEvent::Declined | AuditEvent::Expired | AuditEvent::PaidLate => {
            metrics::PAYMENTS.count(&[event.as_str()]);
        }
        AuditEvent::NotificationAttempt { outcome, .. } => count_notification(outcome, t),
        AuditEvent::RefundSucceeded { .. } => metrics::REFUNDS.count(&["succeeded"]),
        AuditEvent::RefundRejected { .. } => metrics::REFUNDS.count(&["rejected"]),
        AuditEvent::RefundAsked { refund, .. } => {
            if let Some(refund) = t.refunds().get(*refund) {
                let age = t.updated_at().since(refund.created_at);
                metrics::REFUND_OPEN_AGE.record_duration(&[], age);
            }
        }
        AuditEvent::CoreAsked(word) => {
            let undecided = t.updated_at().since(t.expires_at());
            metrics::PAYMENT_UNDECIDED_AGE.record_duration(&[], undecided);
            if undecided > WARN_UNDECIDED_AFTER {
                let (transaction_id, answer) = (t.id(), word.as_str());
                let hours = undecided.as_secs().div_euclid(3600);
                tracing::warn!(%transaction_id, answer, hours, "the core has not said whether the expired payment was made");
            }
        }
        AuditEvent::Created
        // Counted as a review that is raised.
        | AuditEvent::Contradicted(_)
        | AuditEvent::ReferenceLearned
        | AuditEvent::RefundReserved { .. }
        // The command answers the person who runs it, and sends no metrics.
        | AuditEvent::RefundReturned { .. }
        // Reconciliation counts its own findings.
        | AuditEvent::Requeued
        | AuditEvent::Resent(_)
        | AuditEvent::Resolved { .. }
        | AuditEvent::Proposed { .. }
        | AuditEvent::Approved { .. }
        | AuditEvent::ProposalDeclined { .. }
        // Reconciliation logs how many it has forgotten.
        | AuditEvent::PersonalDataForgotten(_)
        | AuditEvent::Unknown => {}
    }
}

fn count_notification(outcome: &NotificationOutcome, t: &Transaction) {
    let answer = match outcome.answer {
        IpnAnswer::Refused(_) => "refused",
        IpnAnswer::Accepted
        | IpnAnswer::AcceptedUnnamed
        | IpnAnswer::SystemError
        | IpnAnswer::Unauthorized
        | IpnAnswer::Unclear => outcome.answer.as_str(),
    };
    metrics::IPN_ATTEMPTS.count(&[answer]);
    let age = t.final_at().map(|at| t.updated_at().since(at));
    match outcome.decision {
        Decision::Confirm => {
            metrics::IPN_CONFIRMATION_AGE.record_duration(&[], age.unwrap_or_default());
        }
        Decision::Reverse(_) => metrics::REVERSALS.count(&[]),
        Decision::Dispute(_) => metrics::DISPUTES.count(&[]),
        // Each sweep measures how long it has been due. An abandoned notification is about a payment that was not
        // made, so nothing is late.
        Decision::Retry | Decision::RetryUnauthorized | Decision::LookAgain | Decision::Abandon => {
        }
    }
}
