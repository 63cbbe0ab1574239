//! The open proposal within an item, and the entries of the audit trail about proposals.

use domain::{AuditEvent, OperatorWord, Proposal, ProposedAct, ReviewReason, Vnd};
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;

use super::parts::{amount, parsed, time};

/// The attribute of the item.
pub(super) const PROPOSAL: &str = "proposal";

#[derive(Serialize, Deserialize)]
pub(super) struct ProposalRecord {
    number: u32,
    act: String,
    /// What was in review, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<String>,
    /// Since when it was in review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review_since: Option<i64>,
    contradictions: u32,
    remaining_vnd: u64,
    by: String,
    reason: String,
    at: i64,
    expires_at: i64,
}

/// Takes the proposal out of an item. One that this version cannot read is none: nobody can approve it here, and it must
/// not make a payment unreachable. It is kept as it was, until something is proposed by this version.
pub(super) fn take(mut item: Item) -> (Option<Proposal>, Item) {
    let proposal = item.remove(PROPOSAL).and_then(|value| {
        let record: ProposalRecord = serde_dynamo::from_attribute_value(value).ok()?;
        record.read().ok()
    });
    (proposal, item)
}

impl From<&Proposal> for ProposalRecord {
    fn from(proposal: &Proposal) -> Self {
        Self {
            number: proposal.number,
            act: proposal.act.as_str().to_owned(),
            review: proposal
                .review
                .map(|(review, _)| review.as_str().to_owned()),
            review_since: proposal.review.map(|(_, since)| since.unix_ms()),
            contradictions: proposal.contradictions,
            remaining_vnd: proposal.remaining.get(),
            by: proposal.word.by.to_string(),
            reason: proposal.word.reason.to_string(),
            at: proposal.at.unix_ms(),
            expires_at: proposal.expires_at.unix_ms(),
        }
    }
}

impl ProposalRecord {
    fn read(self) -> Result<Proposal, String> {
        let remaining = amount(self.remaining_vnd)?;
        let act = proposed_act(&self.act, remaining)?;
        let review = match (self.review.as_deref(), self.review_since) {
            (Some(review), Some(since)) => Some((
                review_reason(review)?,
                time(since, "proposal.review_since")?,
            )),
            (None, None) => None,
            _ => return Err("proposal.review and review_since need each other".to_owned()),
        };
        if review.is_none() && act != ProposedAct::Resend {
            return Err("proposal.review is missing".to_owned());
        }
        Ok(Proposal {
            number: self.number,
            act,
            review,
            contradictions: self.contradictions,
            remaining,
            word: word(&self.by, &self.reason)?,
            at: time(self.at, "proposal.at")?,
            expires_at: time(self.expires_at, "proposal.expires_at")?,
        })
    }
}

/// An act that was proposed, in the audit trail.
#[derive(Serialize, Deserialize)]
pub(super) struct ProposedRecord {
    number: u32,
    act: String,
    remaining_vnd: u64,
    by: String,
    reason: String,
}

impl ProposedRecord {
    pub(super) fn of(number: u32, act: ProposedAct, remaining: Vnd, word: &OperatorWord) -> Self {
        Self {
            number,
            act: act.as_str().to_owned(),
            remaining_vnd: remaining.get(),
            by: word.by.to_string(),
            reason: word.reason.to_string(),
        }
    }

    pub(super) fn read(self) -> Result<AuditEvent, String> {
        let remaining = amount(self.remaining_vnd)?;
        Ok(AuditEvent::Proposed {
            number: self.number,
            act: proposed_act(&self.act, remaining)?,
            remaining,
            word: word(&self.by, &self.reason)?,
        })
    }
}

/// What somebody said to a proposal, in the audit trail.
#[derive(Serialize, Deserialize)]
pub(super) struct ReplyRecord {
    number: u32,
    by: String,
    reason: String,
}

impl ReplyRecord {
    pub(super) fn of(number: u32, word: &OperatorWord) -> Self {
        Self {
            number,
            by: word.by.to_string(),
            reason: word.reason.to_string(),
        }
    }

    pub(super) fn read(self) -> Result<(u32, OperatorWord), String> {
        Ok((self.number, word(&self.by, &self.reason)?))
    }
}

fn proposed_act(name: &str, remaining: Vnd) -> Result<ProposedAct, String> {
    ProposedAct::named(name, remaining).ok_or_else(|| format!("the act is unknown: {name}"))
}

pub(super) fn review_reason(name: &str) -> Result<ReviewReason, String> {
    ReviewReason::named(name).ok_or_else(|| format!("the review is unknown: {name}"))
}

pub(super) fn word(by: &str, reason: &str) -> Result<OperatorWord, String> {
    Ok(OperatorWord {
        by: parsed(by, "by")?,
        reason: parsed(reason, "reason")?,
    })
}
