//! A finding, and its history.

use std::collections::BTreeMap;

use domain::Day;
use serde::{Deserialize, Serialize};

use super::{Subject, Values};
use crate::classify::{Kind, MismatchReason};

/// A history has at most this many steps: the first half and the last half are kept.
const MAX_HISTORY_STEPS: usize = 40;

/// A line of a result file on which the sides differ, or that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub day: String,
    /// What it is about.
    pub subject: Subject,
    /// Our id of the transaction, if we have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The last result file that had it.
    pub file: String,
    /// The number of the line in that file, from 1.
    pub line: u64,
    /// Tiki's result code as the file has it.
    pub code: String,
    /// Tiki's reason. For a line that cannot be read: the column and the problem.
    pub reason: String,
    /// The values in the file.
    pub in_file: Values,
    /// Our id of the transaction as the file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_in_file: Option<String>,
    /// What each file says, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Claim>,
    pub ours: Values,
    /// The name of Tiki's answer to the look-up.
    pub tiki: String,
    /// Tiki's amount in the look-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiki_amount_vnd: Option<u64>,
    /// The state of the finding.
    pub kind: Kind,
    /// Why it has this state.
    pub mismatch: MismatchReason,
    /// When it was found, Unix milliseconds.
    pub found_at: i64,
    /// When it was last looked at, Unix milliseconds.
    pub looked_at: i64,
    /// The earlier states and this one, oldest first.
    pub history: Vec<Step>,
    /// Who closed it, when and why; `None` if nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Whether the day's report shows that it is closed.
    #[serde(default)]
    pub reported: bool,
}

/// A step in a finding's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When the state began, Unix milliseconds.
    pub at: i64,
    /// The state from then on.
    pub kind: Kind,
    /// Why it has this state.
    pub mismatch: MismatchReason,
    /// Our values then.
    pub ours: Values,
    /// The name of Tiki's answer to the look-up.
    pub tiki: String,
    /// Tiki's amount in the look-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiki_amount_vnd: Option<u64>,
    /// What the files said then, where no look-up can: of a refund, or our id of a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

impl Step {
    /// Whether both steps are the same state. All unclear answers count as one: a different unclear answer does
    /// not open a closed finding again, and the time without a clear answer starts at the first one.
    fn is_same_state(&self, other: &Self) -> bool {
        let unclear = self.mismatch == MismatchReason::NoClearAnswer;
        let same_answer =
            (&self.tiki, self.tiki_amount_vnd) == (&other.tiki, other.tiki_amount_vnd);
        (self.kind, self.mismatch, &self.ours, &self.said)
            == (other.kind, other.mismatch, &other.ours, &other.said)
            && (unclear || same_answer)
    }
}

/// Who closed a finding, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When, Unix milliseconds.
    pub at: i64,
    /// The name of the person.
    pub by: String,
    /// The reason that the person gave.
    pub reason: String,
    /// Whether a run has closed it, and no person: the file has come again without it. If the file says it once more, it
    /// is open again.
    #[serde(default)]
    pub by_run: bool,
}

/// What the present bytes of a file say of a finding's subject. It holds until the file comes without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// In which reading of the file it was last found ([`super::Received::reading`]).
    pub reading: u64,
    /// The result code.
    pub code: String,
    /// The status and the amount; of a refund its own amount.
    pub values: Values,
    /// Our id of the transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Finding {
    /// A finding without a look-up.
    #[must_use]
    pub fn new(day: Day, subject: Subject, file: &str, line: u64, found_at: i64) -> Self {
        Self {
            day: day.to_string(),
            subject,
            transaction_id: None,
            file: file.to_owned(),
            line,
            code: String::new(),
            reason: String::new(),
            in_file: Values::default(),
            id_in_file: None,
            claims: BTreeMap::new(),
            ours: Values::default(),
            tiki: String::new(),
            tiki_amount_vnd: None,
            kind: Kind::Undecided,
            mismatch: MismatchReason::NoClearAnswer,
            found_at,
            looked_at: found_at,
            history: Vec::new(),
            closed: None,
            reported: false,
        }
    }

    /// Whether it is neither closed nor matched.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none() && self.kind != Kind::Matched
    }

    /// Records the result of a look-up. If the state is new, it becomes a step of the history, and the answer is
    /// `true`. A closed finding is opened again only by a new state.
    pub fn look(&mut self, at: i64, kind: Kind, mismatch: MismatchReason) -> bool {
        self.looked_at = at;
        let step = Step {
            at,
            kind,
            mismatch,
            ours: self.ours.clone(),
            tiki: self.tiki.clone(),
            tiki_amount_vnd: self.tiki_amount_vnd,
            said: self.said(mismatch),
        };
        let last = self.history.last();
        if last.is_some_and(|last| last.is_same_state(&step)) {
            let by_run = self.closed.as_ref().is_some_and(|closed| closed.by_run);
            if by_run {
                (self.closed, self.reported) = (None, false);
            }
            return by_run;
        }
        if self.history.len() >= MAX_HISTORY_STEPS {
            self.history.remove(MAX_HISTORY_STEPS.div_euclid(2));
        }
        self.history.push(step);
        (self.kind, self.mismatch) = (kind, mismatch);
        (self.closed, self.reported) = (None, false);
        true
    }

    /// What the files say, if it is about what no look-up covers.
    fn said(&self, mismatch: MismatchReason) -> Option<String> {
        let by_file = match (&self.subject, mismatch) {
            (Subject::Refund { .. }, _) | (_, MismatchReason::OtherTransactionId) => true,
            (Subject::Payment { .. } | Subject::Line { .. }, _) => false,
        };
        let said = self.claims.iter().map(|(file, claim)| {
            let values = &claim.values;
            let (status, amount) = (values.status.as_deref(), values.amount_vnd);
            let id = claim.id.as_deref();
            format!("{file}: {} {status:?} {amount:?} {id:?}", claim.code)
        });
        by_file.then(|| said.collect::<Vec<_>>().join("; "))
    }
}
