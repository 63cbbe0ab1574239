//! What the auditor demands of the audit trail.

use domain::{Ipn, Transaction};

/// How often something has happened, by the trail.
pub(super) fn happened(t: &Transaction) -> u32 {
    t.audit_trail().iter().map(|entry| entry.times).sum()
}

/// Whether the trail keeps its entries in order and has every change except leases.
pub(super) fn trail_is_complete(before: &Transaction, after: &Transaction) -> bool {
    let keeps = before.audit_trail().len() <= after.audit_trail().len()
        && before
            .audit_trail()
            .iter()
            .zip(after.audit_trail())
            .all(|(old, new)| {
                let same = old.at == new.at && old.event == new.event && old.times == new.times;
                let again = old.at == new.at
                    && old.event.as_str() == new.event.as_str()
                    && new.times == old.times + 1;
                same || again
            });
    let new = happened(after) - happened(before).min(happened(after));
    let kind = |ipn: Ipn| std::mem::discriminant(&ipn);
    let leased = matches!(after.ipn(), Ipn::Retrying { .. });
    let changed = before.status() != after.status()
        || before.refunds().len() != after.refunds().len()
        || before.refunded_amount() != after.refunded_amount()
        || before.needs_review() != after.needs_review()
        || (kind(before.ipn()) != kind(after.ipn()) && !leased);
    keeps && (new > 0 || !changed)
}
