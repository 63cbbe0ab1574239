//! What a person can do next about a transaction, and what follows from it.

use domain::{
    ApprovalRule, Ipn, PaymentState, ProposedAct, Resolution, Timestamp, Transaction, Verdict, Vnd,
};
use serde::{Deserialize, Serialize};

use crate::text::{self, clock};

/// A verdict that fits what is next in the review queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What `tikivip resolve --as` takes.
    pub verdict: String,
    /// The amount that it must name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_vnd: Option<u64>,
    /// What follows from it.
    pub consequence: String,
    /// Whether another person must approve it.
    pub needs_approval: bool,
}

impl Choice {
    /// The verdicts that fit. If nothing is left to give back, `reverse` says all that `returned` would.
    #[must_use]
    pub fn of(t: &Transaction, rule: ApprovalRule) -> Vec<Self> {
        let remaining = t.remaining_amount();
        let fitting = t.fitting_verdicts().into_iter();
        let fitting = fitting.filter(|v| !(remaining == Vnd::ZERO && *v == Verdict::Returned));
        let choice = |verdict| {
            let resolution = match verdict {
                Verdict::Confirmed => Resolution::Confirmed,
                Verdict::Reverse => Resolution::Reverse,
                Verdict::Returned => Resolution::Returned { amount: remaining },
                Verdict::Handled => Resolution::Handled,
                Verdict::NotPaid => Resolution::NotPaid,
            };
            Self {
                verdict: text::verdict_word(verdict).to_owned(),
                amount_vnd: (verdict == Verdict::Returned).then(|| remaining.get()),
                consequence: text::verdict(t, verdict).replace('\n', " "),
                needs_approval: t.needs_approval(ProposedAct::Resolve(resolution), rule, false),
            }
        };
        fitting.map(choice).collect()
    }

    /// The verdict as it is typed after `--as`.
    #[must_use]
    pub fn typed(&self) -> String {
        match self.amount_vnd {
            Some(amount) => format!("{} --amount {amount}", self.verdict),
            None => self.verdict.clone(),
        }
    }
}

/// What a person does next, or what happens by itself; `None` if nothing is open.
#[must_use]
pub fn step(t: &Transaction, now: Timestamp) -> Option<String> {
    if let Some(proposal) = t.valid_proposal(now) {
        return Some(format!(
            "Proposal {} waits for another person. Nothing of it has happened yet.",
            proposal.number
        ));
    }
    if let Some((reason, _)) = t.needs_review() {
        return Some(text::next_step(reason).to_owned());
    }
    let steps = [of_payment(t, now), of_notification(t), of_refunds(t)];
    let steps: Vec<String> = steps.into_iter().flatten().collect();
    (!steps.is_empty()).then(|| steps.join(" "))
}

fn of_payment(t: &Transaction, now: Timestamp) -> Option<String> {
    if !matches!(t.payment(), PaymentState::Pending { .. }) {
        return None;
    }
    if now < t.expires_at() {
        let until = clock(t.expires_at());
        return Some(format!("Wait: the customer can pay until {until}."));
    }
    let next = t.expiry_due_at().map(clock).unwrap_or_default();
    Some(format!(
        "It is past its time to pay. The core is asked by itself, next at {next}; if it stays so, ask the core's people whether it was paid."
    ))
}

fn of_notification(t: &Transaction) -> Option<String> {
    match t.ipn() {
        Ipn::Queued { due_at } | Ipn::Retrying { due_at, .. } => Some(format!(
            "Wait: Tiki gets the notification by itself at {}. Resend it only if Tiki is well and must have it sooner.",
            clock(due_at)
        )),
        Ipn::Abandoned { .. } => Some(
            "Tiki was not notified of the failure, and no money was taken: resend it if Tiki still waits, or do nothing."
                .to_owned(),
        ),
        Ipn::NotDue
        | Ipn::Confirmed { .. }
        | Ipn::Reversing { .. }
        | Ipn::Disputed { .. }
        | Ipn::Exhausted { .. } => None,
    }
}

fn of_refunds(t: &Transaction) -> Option<String> {
    let next = t.refund_due_at()?;
    Some(format!(
        "The core has not decided every refund. It is asked by itself, next at {}; if it stays so, give the core's people the id of the refund.",
        clock(next)
    ))
}
