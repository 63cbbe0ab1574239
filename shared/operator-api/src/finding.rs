//! The findings of the reconciliation.

use domain::{LookUpAnswer, Vnd};
use reconciliation::record::Finding;
use reconciliation::statement::InStatement;
use serde::{Deserialize, Serialize};

/// Findings, those that need review first: `GET /operator/v1/findings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingList {
    pub findings: Vec<FindingView>,
    /// Whether there may be more than the list shows.
    pub more: bool,
}

/// A finding as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    /// The id by which a person names it.
    pub id: String,
    pub day: String,
    /// Whether it is open or closed.
    pub open: bool,
    pub kind: String,
    pub mismatch: String,
    /// Our id of the transaction.
    pub transaction_id: Option<String>,
    pub ours: Option<Values>,
    /// Tiki's answer to the last look-up.
    pub tiki: Option<Values>,
    /// What the core's statement has, if it is about that.
    pub statement: Option<StatementView>,
    /// The core's answer, if it was asked.
    pub core: Option<String>,
    /// The last file that has it, and what that file says.
    pub file: Option<Claim>,
    pub found_at: String,
    pub looked_at: String,
    /// When its state began.
    pub since: String,
    pub closed: Option<Closing>,
}

/// What one side has of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    pub status: String,
    pub amount: Option<u64>,
}

/// What the core's statement has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementView {
    pub entries: u32,
    pub total: u64,
}

impl From<InStatement> for StatementView {
    fn from(has: InStatement) -> Self {
        let (entries, total) = match has {
            InStatement::Never => (0, 0),
            InStatement::Once(amount) => (1, amount.get()),
            InStatement::Often { times, total_vnd } => (times, total_vnd),
        };
        Self { entries, total }
    }
}

/// What a line of a file of Tiki says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub name: String,
    pub line: u64,
    pub code: String,
    pub reason: String,
    pub status: Option<String>,
    pub amount: Option<u64>,
    pub transaction_id: Option<String>,
    /// Whether the file has come again without it.
    pub withdrawn: bool,
}

/// Who closed it, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    pub by: String,
    pub at: String,
    pub reason: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            id: finding.subject.to_string(),
            day: finding.day.to_string(),
            open: finding.is_open(),
            kind: finding.kind.as_str().to_owned(),
            mismatch: finding.mismatch.as_str().to_owned(),
            transaction_id: finding.transaction_id.map(|id| id.to_string()),
            ours: finding.ours.map(|ours| Values {
                status: ours.status.to_string(),
                amount: ours.amount.map(Vnd::get),
            }),
            tiki: finding.tiki.map(|answer| Values {
                status: answer.as_str().to_owned(),
                amount: match answer {
                    LookUpAnswer::Found(_, amount) => amount.map(Vnd::get),
                    _ => None,
                },
            }),
            statement: finding.statement.map(|word| word.has.into()),
            core: finding.core.map(|word| word.to_string()),
            file: finding.last_word().map(|(name, claim)| Claim {
                name: name.to_owned(),
                line: claim.line,
                code: claim.code.clone(),
                reason: claim.reason.clone(),
                status: claim.values.status.clone(),
                amount: claim.values.amount.map(Vnd::get),
                transaction_id: claim.id.clone(),
                withdrawn: claim.withdrawn,
            }),
            found_at: finding.found_at.to_rfc3339(),
            looked_at: finding.looked_at.to_rfc3339(),
            since: finding.since().to_rfc3339(),
            closed: finding.closed.as_ref().map(|closed| Closing {
                by: closed.by.name().to_owned(),
                at: closed.at.to_rfc3339(),
                reason: closed.by.reason().to_owned(),
            }),
        }
    }
}
