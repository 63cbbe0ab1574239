//! A finding as it is stored.

use std::collections::BTreeMap;

use domain::{
    Day, LookUpAnswer, OperatorName, OperatorReason, Status, TikiTransactionId, Timestamp,
    TransactionId, Vnd,
};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{
    Claim, Closed, ClosedBy, CoreWord, Finding, Ours, StatementWord, Step, Subject, Values,
};
use reconciliation::statement::InStatement;
use serde::{Deserialize, Serialize};

use super::forms::{maybe_text, maybe_vnd, text, unix_ms, vnd};
use super::row;

/// A finding in its stored form.
#[derive(Serialize, Deserialize)]
pub struct FindingRow {
    #[serde(with = "text")]
    day: Day,
    subject: SubjectRow,
    #[serde(default, with = "maybe_text", skip_serializing_if = "Option::is_none")]
    transaction_id: Option<TransactionId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    claims: BTreeMap<String, ClaimRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ours: Option<OursRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tiki: Option<LookUpRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statement: Option<StatementWordRow>,
    #[serde(default, with = "maybe_text", skip_serializing_if = "Option::is_none")]
    core: Option<CoreWord>,
    kind: Kind,
    mismatch: MismatchReason,
    #[serde(with = "unix_ms")]
    found_at: Timestamp,
    #[serde(with = "unix_ms")]
    looked_at: Timestamp,
    history: Vec<StepRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<ClosedRow>,
    reported: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
enum SubjectRow {
    Payment {
        #[serde(with = "text")]
        tiki_id: TikiTransactionId,
    },
    Refund {
        #[serde(with = "text")]
        tiki_id: TikiTransactionId,
        refund: String,
    },
    AtCore {
        #[serde(with = "text")]
        transaction: TransactionId,
    },
    RefundAtCore {
        #[serde(with = "text")]
        transaction: TransactionId,
        refund: String,
    },
    Line {
        file: String,
        line: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct StatementWordRow {
    has: InStatementRow,
    reading: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InStatementRow {
    Never,
    Once {
        #[serde(with = "vnd")]
        amount_vnd: Vnd,
    },
    Often {
        times: u32,
        total_vnd: u64,
    },
}

row!(OursRow of Ours {
    #[serde(with = "text")]
    status: Status,
    #[serde(default, rename = "amount_vnd", with = "maybe_vnd", skip_serializing_if = "Option::is_none")]
    amount: Option<Vnd>,
});

row!(ClaimRow of Claim {
    reading: u64,
    #[serde(with = "unix_ms")]
    heard_at: Timestamp,
    line: u64,
    code: String,
    reason: String,
    #[serde(flatten, with = "ValuesRow")]
    values: Values,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default)]
    withdrawn: bool,
});

#[derive(Serialize, Deserialize)]
#[serde(remote = "Values")]
struct ValuesRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(
        default,
        rename = "amount_vnd",
        with = "maybe_vnd",
        skip_serializing_if = "Option::is_none"
    )]
    amount: Option<Vnd>,
}

/// The name of Tiki's answer, and its amount.
#[derive(Serialize, Deserialize)]
struct LookUpRow {
    #[serde(with = "text")]
    answer: AnswerName,
    #[serde(
        default,
        rename = "amount_vnd",
        with = "maybe_vnd",
        skip_serializing_if = "Option::is_none"
    )]
    amount: Option<Vnd>,
}

/// An answer without its amount.
struct AnswerName(LookUpAnswer);

#[derive(Serialize, Deserialize)]
struct StepRow {
    #[serde(with = "unix_ms")]
    at: Timestamp,
    kind: Kind,
    mismatch: MismatchReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ours: Option<OursRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tiki: Option<LookUpRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statement: Option<InStatementRow>,
    #[serde(default, with = "maybe_text", skip_serializing_if = "Option::is_none")]
    core: Option<CoreWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
enum ClosedRow {
    Person {
        #[serde(with = "unix_ms")]
        at: Timestamp,
        #[serde(with = "text")]
        name: OperatorName,
        #[serde(with = "text")]
        reason: OperatorReason,
    },
    Run {
        #[serde(with = "unix_ms")]
        at: Timestamp,
    },
}

impl std::fmt::Display for AnswerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl std::str::FromStr for AnswerName {
    type Err = <LookUpAnswer as std::str::FromStr>::Err;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.parse().map(Self)
    }
}

impl From<LookUpAnswer> for LookUpRow {
    fn from(answer: LookUpAnswer) -> Self {
        let amount = match answer {
            LookUpAnswer::Found(_, amount) => amount,
            _ => None,
        };
        Self {
            answer: AnswerName(answer),
            amount,
        }
    }
}

impl From<LookUpRow> for LookUpAnswer {
    fn from(row: LookUpRow) -> Self {
        match row.answer.0 {
            Self::Found(status, _) => Self::Found(status, row.amount),
            other => other,
        }
    }
}

impl From<Subject> for SubjectRow {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Payment { tiki_id } => Self::Payment { tiki_id },
            Subject::Refund { tiki_id, refund } => Self::Refund { tiki_id, refund },
            Subject::AtCore { transaction } => Self::AtCore { transaction },
            Subject::RefundAtCore {
                transaction,
                refund,
            } => Self::RefundAtCore {
                transaction,
                refund,
            },
            Subject::Line { file, line } => Self::Line { file, line },
        }
    }
}

impl From<SubjectRow> for Subject {
    fn from(row: SubjectRow) -> Self {
        match row {
            SubjectRow::Payment { tiki_id } => Self::Payment { tiki_id },
            SubjectRow::Refund { tiki_id, refund } => Self::Refund { tiki_id, refund },
            SubjectRow::AtCore { transaction } => Self::AtCore { transaction },
            SubjectRow::RefundAtCore {
                transaction,
                refund,
            } => Self::RefundAtCore {
                transaction,
                refund,
            },
            SubjectRow::Line { file, line } => Self::Line { file, line },
        }
    }
}

impl From<InStatement> for InStatementRow {
    fn from(has: InStatement) -> Self {
        match has {
            InStatement::Never => Self::Never,
            InStatement::Once(amount_vnd) => Self::Once { amount_vnd },
            InStatement::Often { times, total_vnd } => Self::Often { times, total_vnd },
        }
    }
}

impl From<InStatementRow> for InStatement {
    fn from(row: InStatementRow) -> Self {
        match row {
            InStatementRow::Never => Self::Never,
            InStatementRow::Once { amount_vnd } => Self::Once(amount_vnd),
            InStatementRow::Often { times, total_vnd } => Self::Often { times, total_vnd },
        }
    }
}

impl From<Closed> for ClosedRow {
    fn from(Closed { at, by }: Closed) -> Self {
        match by {
            ClosedBy::Person(name, reason) => Self::Person { at, name, reason },
            ClosedBy::Run => Self::Run { at },
        }
    }
}

impl From<ClosedRow> for Closed {
    fn from(row: ClosedRow) -> Self {
        match row {
            ClosedRow::Person { at, name, reason } => Self {
                at,
                by: ClosedBy::Person(name, reason),
            },
            ClosedRow::Run { at } => Self {
                at,
                by: ClosedBy::Run,
            },
        }
    }
}

impl From<Step> for StepRow {
    fn from(step: Step) -> Self {
        Self {
            at: step.at,
            kind: step.kind,
            mismatch: step.mismatch,
            ours: step.ours.map(OursRow::from),
            tiki: step.tiki.map(LookUpRow::from),
            statement: step.statement.map(InStatementRow::from),
            core: step.core,
            said: step.said,
        }
    }
}

impl From<StepRow> for Step {
    fn from(row: StepRow) -> Self {
        Self {
            at: row.at,
            kind: row.kind,
            mismatch: row.mismatch,
            ours: row.ours.map(Ours::from),
            tiki: row.tiki.map(LookUpAnswer::from),
            statement: row.statement.map(InStatement::from),
            core: row.core,
            said: row.said,
        }
    }
}

impl From<Finding> for FindingRow {
    fn from(finding: Finding) -> Self {
        let claims = finding.claims.into_iter();
        Self {
            day: finding.day,
            subject: finding.subject.into(),
            transaction_id: finding.transaction_id,
            claims: claims.map(|(file, claim)| (file, claim.into())).collect(),
            ours: finding.ours.map(OursRow::from),
            tiki: finding.tiki.map(LookUpRow::from),
            statement: finding.statement.map(|word| StatementWordRow {
                has: word.has.into(),
                reading: word.reading,
            }),
            core: finding.core,
            kind: finding.kind,
            mismatch: finding.mismatch,
            found_at: finding.found_at,
            looked_at: finding.looked_at,
            history: finding.history.into_iter().map(StepRow::from).collect(),
            closed: finding.closed.map(ClosedRow::from),
            reported: finding.reported,
        }
    }
}

impl From<FindingRow> for Finding {
    fn from(row: FindingRow) -> Self {
        let claims = row.claims.into_iter();
        Self {
            day: row.day,
            subject: row.subject.into(),
            transaction_id: row.transaction_id,
            claims: claims.map(|(file, claim)| (file, claim.into())).collect(),
            ours: row.ours.map(Ours::from),
            tiki: row.tiki.map(LookUpAnswer::from),
            statement: row.statement.map(|word| StatementWord {
                has: word.has.into(),
                reading: word.reading,
            }),
            core: row.core,
            kind: row.kind,
            mismatch: row.mismatch,
            found_at: row.found_at,
            looked_at: row.looked_at,
            history: row.history.into_iter().map(Step::from).collect(),
            closed: row.closed.map(Closed::from),
            reported: row.reported,
        }
    }
}
