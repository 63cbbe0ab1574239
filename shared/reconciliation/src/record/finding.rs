//! What the two sides do not agree in, and what became of it.

use domain::{Day, TikiTransactionId};
use serde::{Deserialize, Serialize};

use super::Values;
use crate::classify::{Kind, MismatchReason};

/// How many steps of a finding are kept: the first ones, and the last.
const MOST_STEPS: usize = 40;

/// A line of a result file by which the sides do not agree, or that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The day.
    pub day: String,
    /// Tiki's id of the transaction; of a line that cannot be read, the file's name and the line's number.
    pub id: String,
    /// Our id of the transaction, if it can be one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The file that it was last in.
    pub file: String,
    /// The line's number in it, from 1.
    pub line: u64,
    /// Tiki's result code, as the file has it.
    pub code: String,
    /// Tiki's reason, or what is wrong with the line: the column and the problem.
    pub reason: String,
    /// What the file says.
    pub in_file: Values,
    /// What we have.
    pub ours: Values,
    /// What the look-up at Tiki said, in a word.
    pub tiki: String,
    /// Tiki's amount by the look-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiki_amount_vnd: Option<u64>,
    /// How it stands.
    pub kind: Kind,
    /// Why.
    pub ground: MismatchReason,
    /// When it was found, Unix milliseconds.
    pub found_at: i64,
    /// When it was last looked at, Unix milliseconds.
    pub looked_at: i64,
    /// How it came to stand so, oldest first.
    pub history: Vec<Step>,
    /// Who closed it, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Whether the day's report has a person's word.
    #[serde(default)]
    pub reported: bool,
}

/// A step in a finding's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, Unix milliseconds.
    pub at: i64,
    /// How it stood from then on.
    pub kind: Kind,
    /// Why.
    pub ground: MismatchReason,
    /// What we had.
    pub ours: Values,
    /// What Tiki said.
    pub tiki: String,
    /// Tiki's amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiki_amount_vnd: Option<u64>,
}

impl Step {
    /// Whether it stands as it did. One unclear answer of Tiki's is as good as another: what a person has closed
    /// does not come up again for that, and how long Tiki has been unclear is counted from the first.
    fn is_as(&self, other: &Self) -> bool {
        let unclear = self.ground == MismatchReason::NoClearAnswer;
        let said_the_same =
            (&self.tiki, self.tiki_amount_vnd) == (&other.tiki, other.tiki_amount_vnd);
        (self.kind, self.ground, &self.ours) == (other.kind, other.ground, &other.ours)
            && (unclear || said_the_same)
    }
}

/// A person's last word on a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When, Unix milliseconds.
    pub at: i64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Finding {
    /// A finding that nobody has looked at yet.
    #[must_use]
    pub fn new(day: Day, id: String, file: &str, line: u64, found_at: i64) -> Self {
        Self {
            day: day.to_string(),
            id,
            transaction_id: None,
            file: file.to_owned(),
            line,
            code: String::new(),
            reason: String::new(),
            in_file: Values::default(),
            ours: Values::default(),
            tiki: String::new(),
            tiki_amount_vnd: None,
            kind: Kind::Undecided,
            ground: MismatchReason::NoClearAnswer,
            found_at,
            looked_at: found_at,
            history: Vec::new(),
            closed: None,
            reported: false,
        }
    }

    /// Whether somebody or something still has to do with it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none() && self.kind != Kind::Matched
    }

    /// Whether it is about a transaction, and not a line that cannot be read.
    #[must_use]
    pub fn is_about_a_transaction(&self) -> bool {
        self.ground != MismatchReason::UnreadableLine
    }

    /// Takes a look at it: how it stands is noted if that is new, which is then said. What a person has closed
    /// comes up again only if it stands otherwise than when it was closed.
    pub fn look(&mut self, at: i64, kind: Kind, ground: MismatchReason) -> bool {
        self.looked_at = at;
        let step = Step {
            at,
            kind,
            ground,
            ours: self.ours.clone(),
            tiki: self.tiki.clone(),
            tiki_amount_vnd: self.tiki_amount_vnd,
        };
        if self.history.last().is_some_and(|last| last.is_as(&step)) {
            return false;
        }
        if self.history.len() >= MOST_STEPS {
            self.history.remove(MOST_STEPS.div_euclid(2));
        }
        self.history.push(step);
        (self.kind, self.ground) = (kind, ground);
        (self.closed, self.reported) = (None, false);
        true
    }
}

/// The id of the transaction that a finding is about, if it is about one and its id is one of Tiki's.
#[must_use]
pub fn tiki_id(finding: &Finding) -> Option<TikiTransactionId> {
    let id = &finding.id;
    finding.is_about_a_transaction().then(|| id.parse().ok())?
}
