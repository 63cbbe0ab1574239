//! The auditor's checks of what a person's act does: only what the person said.

use domain::{
    AuditEvent, Contradiction, DisputeReason, FailureCause, Ipn, PaymentState, RaisedReason,
    ReviewReason, Transaction, Verdict,
};

use super::Invariant as I;
use super::reviews::Against;
use crate::persons::ALONE_VND;
use crate::world::World;

/// What a person said in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Resent,
    Resolved(Verdict),
    /// Nothing but the proposal.
    Proposed,
    /// Nothing but the end of the proposal.
    Declined,
}

/// The events that a write adds to the trail, or counts once more.
fn new_events<'t>(
    before: &'t Transaction,
    after: &'t Transaction,
) -> impl Iterator<Item = &'t AuditEvent> {
    let (known, all) = (before.audit_trail(), after.audit_trail());
    let counted = known
        .iter()
        .zip(all)
        .filter(|(old, new)| old.times < new.times);
    let counted = counted.map(|(_, new)| &new.event);
    counted.chain(all.iter().skip(known.len()).map(|entry| &entry.event))
}

impl Act {
    /// The act that a write adds to the trail.
    pub(super) fn of(before: &Transaction, after: &Transaction) -> Option<Self> {
        new_events(before, after).find_map(|event| match event {
            AuditEvent::Resent(_) => Some(Self::Resent),
            AuditEvent::Resolved { verdict, .. } => Some(Self::Resolved(*verdict)),
            AuditEvent::Proposed { .. } => Some(Self::Proposed),
            AuditEvent::ProposalDeclined { .. } => Some(Self::Declined),
            // What was approved comes after it.
            _ => None,
        })
    }

    /// Whether it may change the notification so.
    fn may_make(self, before: Ipn, after: Ipn) -> bool {
        let returns = matches!(
            after,
            Ipn::Reversing { .. } | Ipn::Queued { .. } | Ipn::Retrying { .. }
        );
        match self {
            Self::Resent => matches!(after, Ipn::Retrying { .. }),
            Self::Resolved(Verdict::Confirmed) => matches!(after, Ipn::Confirmed { .. }),
            Self::Resolved(Verdict::Reverse | Verdict::Returned) => {
                returns || same_kind(before, after)
            }
            Self::Resolved(Verdict::Handled) => {
                matches!(after, Ipn::Confirmed { .. }) || before == after
            }
            Self::Resolved(Verdict::NotPaid) => matches!(after, Ipn::Queued { .. }),
            Self::Proposed | Self::Declined => before == after,
        }
    }
}

fn same_kind(one: Ipn, other: Ipn) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

impl World {
    /// A write of a person. Money that the person gave back by hand is the person's own word.
    pub(super) fn audit_act(
        &mut self,
        payment: usize,
        before: &Transaction,
        after: &Transaction,
        act: Option<Act>,
    ) {
        let Some(act) = act else {
            return self.audit.must(false, I::TrailIsComplete, payment, || {
                "a person has acted, and it is not in the trail".to_owned()
            });
        };
        self.audit_two_persons(payment, before, after, act);
        if matches!(act, Act::Proposed | Act::Declined) {
            let same = before.payment() == after.payment()
                && before.refunds() == after.refunds()
                && before.needs_review() == after.needs_review();
            return self.audit.must(same, I::OnlyOnGrounds, payment, || {
                format!("{act:?} has changed more than the proposal")
            });
        }
        self.note_returned_by_hand(payment, before, after, act);
        self.end_review(payment, before);
        let follows = act.may_make(before.ipn(), after.ipn());
        self.audit.must(follows, I::FinalStatusStays, payment, || {
            format!("{act:?}: IPN {:?} became {:?}", before.ipn(), after.ipn())
        });
        let reversed = matches!(after.payment(), PaymentState::Reversed { .. });
        if reversed && !matches!(before.payment(), PaymentState::Reversed { .. }) {
            let said = matches!(act, Act::Resolved(Verdict::Reverse | Verdict::Returned));
            self.audit.must(said, I::OnlyOnGrounds, payment, || {
                format!("{act:?} has reversed it")
            });
            self.audit_reversed(payment);
        }
        let expired = |t: &Transaction| {
            matches!(t.payment(), PaymentState::Failed { failure, .. }
                if failure.cause == FailureCause::Expired)
        };
        let failed = expired(after) && !expired(before);
        let said = !failed || act == Act::Resolved(Verdict::NotPaid);
        self.audit.must(said, I::OnlyOnGrounds, payment, || {
            format!("{act:?} has made it a failure")
        });
        // All its attempts may start again.
        self.schedule();
    }

    /// What is about more than one person decides alone has two names in the trail, in one write.
    fn audit_two_persons(
        &mut self,
        payment: usize,
        before: &Transaction,
        after: &Transaction,
        act: Act,
    ) {
        let disputed = matches!(before.ipn(), Ipn::Disputed { .. });
        let about = match act {
            Act::Resolved(Verdict::Handled | Verdict::NotPaid) => before.order().amount.get(),
            Act::Resolved(_) => before.remaining_amount().get(),
            Act::Resent if disputed => before.remaining_amount().get(),
            Act::Resent | Act::Proposed | Act::Declined => 0,
        };
        let mut said = new_events(before, after).filter_map(|event| match event {
            AuditEvent::Resent(word) | AuditEvent::Resolved { word, .. } => Some(&word.by),
            _ => None,
        });
        let said = said.next();
        let mut approved = new_events(before, after).filter_map(|event| match event {
            AuditEvent::Approved { word, .. } => Some(&word.by),
            _ => None,
        });
        let two = approved.next().is_some_and(|by| Some(by) != said);
        self.audit
            .must(about <= ALONE_VND || two, I::TwoPersons, payment, || {
                format!("{act:?} about {about} on the word of {said:?} alone")
            });
    }

    fn note_returned_by_hand(
        &mut self,
        payment: usize,
        before: &Transaction,
        after: &Transaction,
        act: Act,
    ) {
        let added = after.refunds().iter().skip(before.refunds().len());
        let added: Vec<_> = added.filter(|refund| refund.due().is_none()).collect();
        let by_hand = act == Act::Resolved(Verdict::Returned);
        let fits = added.is_empty() || by_hand;
        self.audit.must(fits, I::BelievedOnWordAlone, payment, || {
            format!("{act:?} has returned {added:?}")
        });
        let remained = before.remaining_amount().get();
        let sum: u64 = added.iter().map(|refund| refund.amount.get()).sum();
        let all = !by_hand || sum == remained;
        self.audit.must(all, I::RecordsAgree, payment, || {
            format!("{sum} were returned by hand, and {remained} remained")
        });
        for refund in added {
            self.core
                .return_by_hand(payment, refund.id, refund.amount.get());
        }
    }

    /// What was next in review is dealt with: for a day the same words do not bring it back.
    fn end_review(&mut self, payment: usize, before: &Transaction) {
        let Some((review, _)) = before.needs_review() else {
            return;
        };
        let now = self.now();
        let record = self.audit.record(payment);
        if review == ReviewReason::Raised(RaisedReason::Undecided) {
            record.left_undecided_at = Some(now);
        }
        let ends = |said: &Contradiction| {
            let reason = match said {
                Contradiction::OtherAmount { .. } => RaisedReason::PaidAmountDiffers,
                Contradiction::SecondDebit { .. } => RaisedReason::SecondDebit,
                Contradiction::FailedAfterPaid => RaisedReason::FailedAfterPaid,
            };
            review == ReviewReason::Raised(reason)
                || review == ReviewReason::Disputed(DisputeReason::ReversalHeld)
                    && reason == RaisedReason::FailedAfterPaid
        };
        for entry in before.audit_trail() {
            if let AuditEvent::Contradicted(said) = &entry.event
                && ends(said)
            {
                record.handled.push((Against::from(said), now));
            }
        }
    }
}
