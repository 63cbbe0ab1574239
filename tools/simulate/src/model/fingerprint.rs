//! Recognises equal states.

use std::hash::{DefaultHasher, Hash, Hasher};

use domain::{Actor, AuditEvent, FailureCause, Ipn, PaymentState, RefundState, Transaction};

use super::State;

/// A hash of a state. Versions count only relative to the stored version, and actors have no order. The chance that
/// two of a few million states have the same 64 bits is below one in a million.
pub(super) fn fingerprint(state: &State) -> u64 {
    let version = state.row.version();
    let mut actors: Vec<u64> = state
        .actors
        .iter()
        .map(|actor| {
            hash_of(|h| {
                hash(&actor.held, version - actor.held.version(), h);
                format!("{:?}", actor.doing).hash(h);
            })
        })
        .collect();
    actors.sort_unstable();
    hash_of(|h| {
        hash(&state.row, 0, h);
        (
            actors,
            &state.core,
            state.paid,
            state.said_not_paid,
            state.denials,
            state.reversed,
        )
            .hash(h);
        (&state.left, state.deaths).hash(h);
        if let Some(change) = &state.adrift {
            hash(
                change.transaction(),
                version - change.expected_version() + 1,
                h,
            );
        }
    })
}

fn hash_of(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}

/// Hashes everything in a transaction that can differ within a scenario.
fn hash(t: &Transaction, behind: u64, h: &mut DefaultHasher) {
    behind.hash(h);
    match t.payment() {
        PaymentState::Pending { .. } => 0.hash(h),
        PaymentState::Paid { .. } => (1, t.payment().not_found_at().is_some()).hash(h),
        PaymentState::Reversed { reversal, .. } => (3, reversal.reason.as_str()).hash(h),
        PaymentState::Failed { failure, .. } => {
            let expired = failure.cause == FailureCause::Expired;
            (2, expired, failure.late_payment.is_some()).hash(h);
        }
    }
    match t.ipn() {
        Ipn::NotDue => 0.hash(h),
        Ipn::Queued { .. } => 1.hash(h),
        Ipn::Retrying {
            attempt, failures, ..
        } => (2, attempt, failures).hash(h),
        Ipn::Confirmed { .. } => 3.hash(h),
        Ipn::Abandoned { .. } => 4.hash(h),
        Ipn::Reversing { reason, .. } => (5, reason.as_str()).hash(h),
        Ipn::Disputed { reason, .. } => (6, reason.as_str()).hash(h),
        Ipn::Exhausted { .. } => 7.hash(h),
    }
    // No command reads more than this of the audit trail.
    let attempts = t
        .audit_trail()
        .iter()
        .filter_map(|entry| match entry.event {
            AuditEvent::NotificationAttempt { attempt, .. } => Some(attempt),
            _ => None,
        });
    let acts = t
        .audit_trail()
        .iter()
        .filter(|e| e.event.actor() == Actor::Operator);
    (attempts.max(), acts.count()).hash(h);
    for entry in t.audit_trail() {
        match &entry.event {
            AuditEvent::Contradicted(contradiction) => format!("{contradiction:?}").hash(h),
            AuditEvent::Proposed { number, .. } => (1, number).hash(h),
            AuditEvent::ProposalDeclined { number, .. } => (2, number).hash(h),
            _ => {}
        }
    }
    if let Some(open) = t.proposal() {
        let by = open.word.by.as_str();
        (open.number, open.act.as_str(), by, open.remaining.get()).hash(h);
        (
            open.review.map(|(review, _)| review.as_str()),
            open.contradictions,
            open.expires_at.unix_ms(),
        )
            .hash(h);
    }
    for raised in t.raised() {
        raised.reason.as_str().hash(h);
    }
    for refund in t.refunds() {
        (refund.id, refund.amount.get()).hash(h);
        match &refund.state {
            RefundState::Reserved(due) => (0, due.attempts).hash(h),
            RefundState::Unknown(due) => (1, due.attempts).hash(h),
            RefundState::Succeeded { balance, .. } => {
                (2, balance.refunded.get(), balance.remaining.get()).hash(h);
            }
            RefundState::Rejected { balance, .. } => {
                (3, balance.refunded.get(), balance.remaining.get()).hash(h);
            }
        }
    }
}
