//! The audit trail within an item.

use domain::{
    AttemptHttp, AuditEntry, AuditEvent, Contradiction, Decision, DecisionKind, LookUpAnswer,
    NotificationOutcome, OperatorWord, Timestamp, Vnd,
};
use serde::{Deserialize, Serialize};
use serde_dynamo::{AttributeValue, Item};

use super::parts::{amount, named, optional, parsed, time};
use super::proposal::{ProposedRecord, ReplyRecord, review_reason, word};

#[derive(Serialize, Deserialize)]
pub(super) struct AuditEntryRecord {
    at: i64,
    /// Only of what has happened more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(flatten)]
    event: AuditEventRecord,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum AuditEventRecord {
    Created,
    Paid,
    Declined,
    Expired,
    PaidLate,
    ReferenceLearned,
    CoreAsked {
        word: String,
    },
    OtherAmount {
        said_vnd: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    SecondDebit {
        reference: String,
    },
    FailedAfterPaid,
    NotificationAttempt {
        attempt: u32,
        answer: String,
        /// An older version did not write it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_http: Option<String>,
        /// The amount at Tiki, if it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_vnd: Option<u64>,
        then: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    RefundReserved {
        refund: usize,
    },
    RefundAsked {
        refund: usize,
        said: Said,
    },
    RefundSucceeded {
        refund: usize,
    },
    RefundReturned {
        refund: usize,
    },
    RefundRejected {
        refund: usize,
    },
    Requeued,
    Resent {
        by: String,
        reason: String,
    },
    Resolved {
        /// An older version did not write it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<String>,
        verdict: String,
        by: String,
        reason: String,
    },
    Proposed(ProposedRecord),
    Approved(ReplyRecord),
    ProposalDeclined(ReplyRecord),
    /// By a run, or by the person who asked for it.
    PersonalDataForgotten {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The place of an entry that this version cannot read: the entry itself is put there.
    Unknown,
}

/// Takes the audit trail out of an item. An entry that this version cannot read stays where it is, as unknown: one
/// word of a newer version must not make a payment unreachable.
pub(super) fn take(mut item: Item) -> Result<(Vec<AuditEntry>, Item), String> {
    let entries = match item.remove("trail") {
        None => Vec::new(),
        Some(AttributeValue::L(entries)) => entries,
        Some(_) => return Err("trail is not a list".to_owned()),
    };
    let trail = entries.into_iter().map(|entry| {
        let at = match &entry {
            AttributeValue::M(fields) => fields.get("at").cloned(),
            _ => None,
        };
        let record = serde_dynamo::from_attribute_value::<_, AuditEntryRecord>(entry);
        if let Ok(known) = record
            .map_err(|e| e.to_string())
            .and_then(AuditEntryRecord::read)
        {
            return known;
        }
        let at = at.and_then(|at| serde_dynamo::from_attribute_value(at).ok());
        let at = at.and_then(|ms| time(ms, "trail.at").ok());
        let at = at.unwrap_or(Timestamp::MIN);
        AuditEntry {
            at,
            last_at: at,
            times: 1,
            event: AuditEvent::Unknown,
        }
    });
    Ok((trail.collect(), item))
}

/// What the core said of a refund that is not final.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Pending,
    Unknown,
}

impl From<&AuditEntry> for AuditEntryRecord {
    fn from(entry: &AuditEntry) -> Self {
        let repeated = entry.times > 1;
        Self {
            at: entry.at.unix_ms(),
            last_at: repeated.then(|| entry.last_at.unix_ms()),
            times: repeated.then_some(entry.times),
            event: (&entry.event).into(),
        }
    }
}

impl AuditEntryRecord {
    pub(super) fn read(self) -> Result<AuditEntry, String> {
        let at = time(self.at, "trail.at")?;
        Ok(AuditEntry {
            at,
            last_at: match self.last_at {
                Some(last_at) => time(last_at, "trail.last_at")?,
                None => at,
            },
            times: self.times.unwrap_or(1),
            event: self.event.read()?,
        })
    }
}

impl From<&AuditEvent> for AuditEventRecord {
    fn from(event: &AuditEvent) -> Self {
        match event {
            AuditEvent::Created => Self::Created,
            AuditEvent::Paid => Self::Paid,
            AuditEvent::Declined => Self::Declined,
            AuditEvent::Expired => Self::Expired,
            AuditEvent::PaidLate => Self::PaidLate,
            AuditEvent::ReferenceLearned => Self::ReferenceLearned,
            AuditEvent::CoreAsked(word) => Self::CoreAsked {
                word: word.as_str().to_owned(),
            },
            AuditEvent::Contradicted(contradiction) => contradiction.into(),
            AuditEvent::NotificationAttempt {
                attempt,
                outcome,
                http,
            } => Self::of_attempt(*attempt, outcome, *http),
            AuditEvent::RefundReserved { refund } => Self::RefundReserved { refund: *refund },
            AuditEvent::RefundAsked { refund, pending } => Self::RefundAsked {
                refund: *refund,
                said: if *pending {
                    Said::Pending
                } else {
                    Said::Unknown
                },
            },
            AuditEvent::RefundSucceeded { refund } => Self::RefundSucceeded { refund: *refund },
            AuditEvent::RefundReturned { refund } => Self::RefundReturned { refund: *refund },
            AuditEvent::RefundRejected { refund } => Self::RefundRejected { refund: *refund },
            AuditEvent::Requeued => Self::Requeued,
            AuditEvent::PersonalDataForgotten(word) => Self::PersonalDataForgotten {
                by: word.as_ref().map(|word| word.by.to_string()),
                reason: word.as_ref().map(|word| word.reason.to_string()),
            },
            AuditEvent::Unknown => Self::Unknown,
            AuditEvent::Resent(word) => Self::Resent {
                by: word.by.to_string(),
                reason: word.reason.to_string(),
            },
            AuditEvent::Resolved {
                review,
                verdict,
                word,
            } => Self::Resolved {
                review: review.map(|review| review.as_str().to_owned()),
                verdict: verdict.as_str().to_owned(),
                by: word.by.to_string(),
                reason: word.reason.to_string(),
            },
            AuditEvent::Proposed {
                number,
                act,
                remaining,
                word,
            } => Self::Proposed(ProposedRecord::of(*number, *act, *remaining, word)),
            AuditEvent::Approved { number, word } => Self::Approved(ReplyRecord::of(*number, word)),
            AuditEvent::ProposalDeclined { number, word } => {
                Self::ProposalDeclined(ReplyRecord::of(*number, word))
            }
        }
    }
}

impl From<&Contradiction> for AuditEventRecord {
    fn from(contradiction: &Contradiction) -> Self {
        match contradiction {
            Contradiction::OtherAmount { amount, reference } => Self::OtherAmount {
                said_vnd: amount.get(),
                reference: reference.as_ref().map(ToString::to_string),
            },
            Contradiction::SecondDebit { reference } => Self::SecondDebit {
                reference: reference.to_string(),
            },
            Contradiction::FailedAfterPaid => Self::FailedAfterPaid,
        }
    }
}

impl AuditEventRecord {
    fn of_attempt(attempt: u32, outcome: &NotificationOutcome, http: AttemptHttp) -> Self {
        let known_vnd = match outcome.known {
            Some(LookUpAnswer::Found(_, amount)) => amount.map(Vnd::get),
            _ => None,
        };
        Self::NotificationAttempt {
            attempt,
            answer: outcome.answer.as_str().to_owned(),
            http: http.ipn.map(|http| http.to_string()),
            known: outcome.known.map(|known| known.as_str().to_owned()),
            known_http: http.look_up.map(|http| http.to_string()),
            known_vnd,
            then: outcome.decision.as_str().to_owned(),
            reason: outcome.decision.reason().map(str::to_owned),
        }
    }

    fn read(self) -> Result<AuditEvent, String> {
        Ok(match self {
            Self::Created => AuditEvent::Created,
            Self::Paid => AuditEvent::Paid,
            Self::Declined => AuditEvent::Declined,
            Self::Expired => AuditEvent::Expired,
            Self::PaidLate => AuditEvent::PaidLate,
            Self::ReferenceLearned => AuditEvent::ReferenceLearned,
            Self::CoreAsked { word } => AuditEvent::CoreAsked(named(&word, "trail.word")?),
            Self::OtherAmount {
                said_vnd,
                reference,
            } => AuditEvent::Contradicted(Contradiction::OtherAmount {
                amount: amount(said_vnd)?,
                reference: optional(reference, "trail.reference")?,
            }),
            Self::SecondDebit { reference } => {
                AuditEvent::Contradicted(Contradiction::SecondDebit {
                    reference: parsed(&reference, "trail.reference")?,
                })
            }
            Self::FailedAfterPaid => AuditEvent::Contradicted(Contradiction::FailedAfterPaid),
            Self::NotificationAttempt {
                attempt,
                answer,
                http,
                known,
                known_http,
                known_vnd,
                then,
                reason,
            } => AuditEvent::NotificationAttempt {
                attempt,
                http: attempt_http(http.as_deref(), known_http.as_deref())?,
                outcome: NotificationOutcome {
                    answer: named(&answer, "trail.answer")?,
                    known: known.map(|known| look_up(&known, known_vnd)).transpose()?,
                    decision: decision(&then, reason.as_deref())?,
                },
            },
            Self::RefundReserved { refund } => AuditEvent::RefundReserved { refund },
            Self::RefundAsked { refund, said } => AuditEvent::RefundAsked {
                refund,
                pending: matches!(said, Said::Pending),
            },
            Self::RefundSucceeded { refund } => AuditEvent::RefundSucceeded { refund },
            Self::RefundReturned { refund } => AuditEvent::RefundReturned { refund },
            Self::RefundRejected { refund } => AuditEvent::RefundRejected { refund },
            Self::Requeued => AuditEvent::Requeued,
            Self::PersonalDataForgotten { by, reason } => {
                AuditEvent::PersonalDataForgotten(optional_word(by, reason)?)
            }
            Self::Unknown => AuditEvent::Unknown,
            Self::Resent { by, reason } => AuditEvent::Resent(word(&by, &reason)?),
            Self::Resolved {
                review,
                verdict,
                by,
                reason,
            } => AuditEvent::Resolved {
                review: review.as_deref().map(review_reason).transpose()?,
                verdict: named(&verdict, "trail.verdict")?,
                word: word(&by, &reason)?,
            },
            Self::Proposed(proposed) => proposed.read()?,
            Self::Approved(reply) => approved(reply)?,
            Self::ProposalDeclined(reply) => declined(reply)?,
        })
    }
}

fn approved(reply: ReplyRecord) -> Result<AuditEvent, String> {
    let (number, word) = reply.read()?;
    Ok(AuditEvent::Approved { number, word })
}

fn declined(reply: ReplyRecord) -> Result<AuditEvent, String> {
    let (number, word) = reply.read()?;
    Ok(AuditEvent::ProposalDeclined { number, word })
}

fn attempt_http(ipn: Option<&str>, look_up: Option<&str>) -> Result<AttemptHttp, String> {
    let read = |text: Option<&str>, name| text.map(|text| named(text, name)).transpose();
    Ok(AttemptHttp {
        ipn: read(ipn, "trail.http")?,
        look_up: read(look_up, "trail.known_http")?,
    })
}

/// What a person said, if it was one.
fn optional_word(
    by: Option<String>,
    reason: Option<String>,
) -> Result<Option<OperatorWord>, String> {
    match (by, reason) {
        (None, None) => Ok(None),
        (Some(by), Some(reason)) => Ok(Some(word(&by, &reason)?)),
        _ => Err("trail.by does not go with trail.reason".to_owned()),
    }
}

fn look_up(known: &str, known_vnd: Option<u64>) -> Result<LookUpAnswer, String> {
    let answer: LookUpAnswer = named(known, "trail.known")?;
    Ok(answer.with_amount(known_vnd.map(amount).transpose()?))
}

fn decision(then: &str, reason: Option<&str>) -> Result<Decision, String> {
    let named_reason = || reason.ok_or("trail.reason is missing");
    let decision = match named(then, "trail.then")? {
        DecisionKind::Confirm => Decision::Confirm,
        DecisionKind::Abandon => Decision::Abandon,
        DecisionKind::Retry => Decision::Retry,
        DecisionKind::RetryUnauthorized => Decision::RetryUnauthorized,
        DecisionKind::LookAgain => Decision::LookAgain,
        DecisionKind::Reverse => Decision::Reverse(named(named_reason()?, "trail.reason")?),
        DecisionKind::Dispute => Decision::Dispute(named(named_reason()?, "trail.reason")?),
    };
    if decision.reason() == reason {
        Ok(decision)
    } else {
        Err("trail.reason does not go with trail.then".to_owned())
    }
}
