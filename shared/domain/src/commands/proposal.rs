//! What two persons do together: one proposes an act, another one approves it, and only then it happens.

use super::operator::Decided;
use crate::audit_trail::{self, AuditEvent};
use crate::money::Vnd;
use crate::notification::{Ipn, Sending};
use crate::operator::{OperatorRefusal, OperatorWord, Resolution};
use crate::principal::Principal;
use crate::proposal::{ApprovalRule, Proposal, ProposedAct};
use crate::text::OperatorName;
use crate::time::Timestamp;
use crate::transaction::{Change, Edit, Transaction};

impl Transaction {
    /// Whether an act needs a second person: what ends a dispute or moves too large an amount, or a notification that is
    /// sent again after more of them than an hour may have (`over_the_hour`).
    #[must_use]
    pub fn needs_approval(
        &self,
        act: ProposedAct,
        rule: ApprovalRule,
        over_the_hour: bool,
    ) -> bool {
        if rule.one_person {
            return false;
        }
        match act {
            ProposedAct::Resolve(resolution) => self.amount_decided(resolution) > rule.above,
            // Of a disputed payment it ends the dispute, and Tiki's next answer can send the money back.
            ProposedAct::Resend => {
                let disputed = matches!(self.ipn(), Ipn::Disputed { .. });
                over_the_hour || (disputed && self.amount_at_stake() > rule.above)
            }
        }
    }

    /// The amount that a decision is about.
    fn amount_decided(&self, resolution: Resolution) -> Vnd {
        match resolution {
            Resolution::Confirmed | Resolution::Reverse | Resolution::Returned { .. } => {
                self.amount_at_stake()
            }
            // It may be about money that we know nothing of: another debit, or a payment that the core has not named; or
            // about more, if the core has said so.
            Resolution::Handled | Resolution::NotPaid => {
                let said = audit_trail::other_amounts(&self.data.audit_trail);
                said.fold(self.data.order.amount, Vnd::max)
            }
        }
    }

    /// The open proposal, if it can be approved now: in time, and while everything is as it was when it was made.
    #[must_use]
    pub fn valid_proposal(&self, now: Timestamp) -> Option<&Proposal> {
        self.proposal()
            .filter(|proposal| !proposal.is_expired(now) && self.can_carry_out(proposal, now))
    }

    /// Proposes an act that could be carried out now. Nothing of it happens. `None` if the same person has proposed the
    /// same, and it can still be approved. A proposal that cannot be approved any more is replaced.
    pub fn propose(
        &self,
        act: ProposedAct,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Option<Change>, OperatorRefusal> {
        if let Some(open) = self.valid_proposal(now) {
            if open.act == act && open.word.by == word.by {
                return Ok(None);
            }
            return Err(OperatorRefusal::Proposed {
                number: open.number,
                by: open.word.by.clone(),
            });
        }
        self.decide_proposed(act, now)?;
        self.may_propose(act)?;
        let number = audit_trail::last_proposal(&self.data.audit_trail).saturating_add(1);
        Ok(Some(self.change(now, |edit| {
            let proposal = Proposal {
                number,
                act,
                review: self.needs_review(),
                contradictions: audit_trail::contradictions(&self.data.audit_trail),
                remaining: self.remaining_amount(),
                word: word.clone(),
                at: edit.now,
                expires_at: Proposal::expiry(edit.now),
            };
            edit.note(AuditEvent::Proposed {
                number,
                act,
                remaining: proposal.remaining,
                word: word.clone(),
            });
            edit.after.data.proposal = Some(proposal);
        })))
    }

    /// Approves the open proposal, and carries it out: decided anew by the same rules, in one write with the approval,
    /// and on the word of the person who proposed it.
    pub fn approve(
        &self,
        number: u32,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        let proposal = self.open_proposal(number)?;
        if proposal.is_expired(now) {
            return Err(OperatorRefusal::ProposalExpired);
        }
        if !are_two_persons(&proposal.word.by, &word.by) {
            return Err(OperatorRefusal::SamePerson);
        }
        if !self.is_as_proposed(proposal) {
            return Err(OperatorRefusal::ProposalOutdated);
        }
        let ready = self.decide_proposed(proposal.act, now)?;
        Ok(self.change(now, |edit| {
            edit.after.data.proposal = None;
            edit.note(AuditEvent::Approved {
                number,
                word: word.clone(),
            });
            ready.carry_out(edit, &proposal.word);
        }))
    }

    /// Declines the open proposal, or withdraws it: anybody may, and at any time.
    pub fn decline_proposal(
        &self,
        number: u32,
        word: &OperatorWord,
        now: Timestamp,
    ) -> Result<Change, OperatorRefusal> {
        self.open_proposal(number)?;
        Ok(self.change(now, |edit| {
            edit.after.data.proposal = None;
            edit.note(AuditEvent::ProposalDeclined {
                number,
                word: word.clone(),
            });
        }))
    }

    fn open_proposal(&self, number: u32) -> Result<&Proposal, OperatorRefusal> {
        self.proposal()
            .filter(|proposal| proposal.number == number)
            .ok_or(OperatorRefusal::NoProposal)
    }

    /// Whether everything that it was about is as it was when it was made: the review and its beginning, what the core has
    /// said against the record, and the amount.
    fn is_as_proposed(&self, proposal: &Proposal) -> bool {
        proposal.review == self.needs_review()
            && proposal.contradictions == audit_trail::contradictions(&self.data.audit_trail)
            && proposal.remaining == self.remaining_amount()
    }

    fn can_carry_out(&self, proposal: &Proposal, now: Timestamp) -> bool {
        self.is_as_proposed(proposal) && self.decide_proposed(proposal.act, now).is_ok()
    }

    /// What an act does now, by the rules of one that needs no approval.
    fn decide_proposed(&self, act: ProposedAct, now: Timestamp) -> Result<Ready, OperatorRefusal> {
        Ok(match act {
            ProposedAct::Resolve(resolution) => Ready::Resolve(self.decide(resolution)?),
            ProposedAct::Resend => Ready::Resend(self.sending_again(now)?),
        })
    }
}

/// A proposed act that fits.
enum Ready {
    Resolve(Decided),
    Resend(Sending),
}

impl Ready {
    fn carry_out(self, edit: &mut Edit, word: &OperatorWord) {
        match self {
            Self::Resolve(decided) => decided.carry_out(edit, word),
            Self::Resend(again) => edit.send_again(again, word),
        }
    }
}

impl Edit {
    /// Removes the proposal to do what has just been done.
    pub(super) fn drop_done_resend(&mut self) {
        let proposal = &mut self.after.data.proposal;
        drop(proposal.take_if(|proposal| proposal.act == ProposedAct::Resend));
    }

    /// Removes the proposal if it cannot be approved any more.
    pub(super) fn drop_ended_proposal(&mut self) {
        if self.after.valid_proposal(self.now).is_none() {
            self.after.data.proposal = None;
        }
    }
}

/// Whether two names are those of two persons. A name that AWS has not given shows nothing.
fn are_two_persons(one: &OperatorName, other: &OperatorName) -> bool {
    match (Principal::of_name(one), Principal::of_name(other)) {
        (Some(one), Some(other)) => one.is_another_person(&other),
        _ => false,
    }
}
