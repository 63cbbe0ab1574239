//! The audit trail, in fields, and how a person reads each entry.

use domain::{
    AuditEntry, AuditEvent, Contradiction, CoreReference, LookUpAnswer, NotificationOutcome,
    OperatorWord, Refund, Transaction, Vnd,
};
use serde::{Deserialize, Serialize};

use crate::text;

/// An entry of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    pub at: String,
    pub last_at: String,
    pub times: u32,
    pub event: String,
    pub actor: String,
    /// How a person reads it.
    pub what: String,
    #[serde(flatten)]
    pub fields: TrailFields,
}

/// What an entry says, in fields. Each event has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrailFields {
    /// Of a notification: which attempt it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What Tiki or the core answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The HTTP status of that answer, or `timeout`, `no_connection`, `broken_off` or `not_sent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// What Tiki said when it was asked for the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_up: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_up_amount_vnd: Option<u64>,
    /// The HTTP status of that answer, or why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_up_http: Option<String>,
    /// What followed from the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Why it was reversed or disputed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_vnd: Option<u64>,
    /// The core's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Of what a person did: the number of the proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why, in the words of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TrailEntry {
    /// The audit trail of a transaction.
    #[must_use]
    pub fn all(t: &Transaction) -> Vec<Self> {
        let entries = t.audit_trail().iter();
        entries.map(|entry| Self::of(t, entry)).collect()
    }

    fn of(t: &Transaction, entry: &AuditEntry) -> Self {
        Self {
            at: entry.at.to_rfc3339(),
            last_at: entry.last_at.to_rfc3339(),
            times: entry.times,
            event: entry.event.as_str().to_owned(),
            actor: text::who(t, &entry.event),
            what: text::what(t, &entry.event),
            fields: TrailFields::of(t, &entry.event),
        }
    }
}

impl TrailFields {
    fn of(t: &Transaction, event: &AuditEvent) -> Self {
        match event {
            AuditEvent::Created => Self {
                amount_vnd: Some(t.order().amount.get()),
                ..Self::default()
            },
            AuditEvent::CoreAsked(word) => Self {
                answer: Some(word.as_str().to_owned()),
                ..Self::default()
            },
            AuditEvent::Contradicted(contradiction) => Self::of_contradiction(contradiction),
            AuditEvent::NotificationAttempt {
                attempt,
                outcome,
                http,
            } => Self {
                http: http.ipn.map(|http| http.to_string()),
                look_up_http: http.look_up.map(|http| http.to_string()),
                ..Self::of_attempt(*attempt, outcome)
            },
            AuditEvent::RefundAsked { refund, pending } => Self {
                answer: Some(if *pending { "pending" } else { "unknown" }.to_owned()),
                ..Self::of_refund(t, *refund)
            },
            AuditEvent::RefundReserved { refund }
            | AuditEvent::RefundSucceeded { refund }
            | AuditEvent::RefundReturned { refund }
            | AuditEvent::RefundRejected { refund } => Self::of_refund(t, *refund),
            AuditEvent::Paid
            | AuditEvent::Declined
            | AuditEvent::Expired
            | AuditEvent::PaidLate
            | AuditEvent::ReferenceLearned
            | AuditEvent::Requeued
            | AuditEvent::Unknown => Self::default(),
            AuditEvent::Resent(_)
            | AuditEvent::Resolved { .. }
            | AuditEvent::Proposed { .. }
            | AuditEvent::Approved { .. }
            | AuditEvent::ProposalDeclined { .. }
            | AuditEvent::PersonalDataForgotten(_) => Self::of_person(event),
        }
    }

    fn of_person(event: &AuditEvent) -> Self {
        let said = |word: &OperatorWord| Self {
            reason: Some(word.reason.to_string()),
            ..Self::default()
        };
        match event {
            AuditEvent::Resent(word) | AuditEvent::PersonalDataForgotten(Some(word)) => said(word),
            AuditEvent::Resolved {
                review,
                verdict,
                word,
            } => Self {
                review: review.map(|review| review.as_str().to_owned()),
                verdict: Some(text::verdict_word(*verdict).to_owned()),
                ..said(word)
            },
            AuditEvent::Proposed {
                number,
                act,
                remaining,
                word,
            } => Self {
                proposal: Some(*number),
                verdict: Some(act.as_str().replace('_', "-")),
                amount_vnd: Some(remaining.get()),
                ..said(word)
            },
            AuditEvent::Approved { number, word }
            | AuditEvent::ProposalDeclined { number, word } => Self {
                proposal: Some(*number),
                ..said(word)
            },
            _ => Self::default(),
        }
    }

    fn of_attempt(attempt: u32, outcome: &NotificationOutcome) -> Self {
        Self {
            attempt: Some(attempt),
            answer: Some(outcome.answer.as_str().to_owned()),
            look_up: outcome.known.map(|known| known.as_str().to_owned()),
            look_up_amount_vnd: match outcome.known {
                Some(LookUpAnswer::Found(_, amount)) => amount.map(Vnd::get),
                _ => None,
            },
            decision: Some(outcome.decision.as_str().to_owned()),
            decision_reason: outcome.decision.reason().map(str::to_owned),
            ..Self::default()
        }
    }

    fn of_contradiction(contradiction: &Contradiction) -> Self {
        let reference = |r: &CoreReference| Some(r.to_string());
        match contradiction {
            Contradiction::OtherAmount {
                amount,
                reference: under,
            } => Self {
                answer: Some("other_amount".to_owned()),
                amount_vnd: Some(amount.get()),
                reference: under.as_ref().and_then(reference),
                ..Self::default()
            },
            Contradiction::SecondDebit { reference: under } => Self {
                answer: Some("second_debit".to_owned()),
                reference: reference(under),
                ..Self::default()
            },
            Contradiction::FailedAfterPaid => Self {
                answer: Some("failed_after_paid".to_owned()),
                ..Self::default()
            },
        }
    }

    fn of_refund(t: &Transaction, place: usize) -> Self {
        let refund: Option<&Refund> = t.refunds().get(place);
        Self {
            refund_id: refund.map(|refund| refund.id.to_string()),
            amount_vnd: refund.map(|refund| refund.amount.get()),
            ..Self::default()
        }
    }
}
