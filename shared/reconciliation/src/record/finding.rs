//! A finding, and its history.

use std::collections::BTreeMap;

use domain::{Day, LookUpAnswer, Status, Timestamp, Transaction, TransactionId, Vnd};

use strum::{Display, EnumString, VariantArray};

use super::{Closed, ClosedBy, Subject};
use crate::classify::{Kind, MismatchReason};
use crate::statement::InStatement;

/// A history has at most this many steps: the first half and the last half are kept.
const MAX_HISTORY_STEPS: usize = 40;

/// A difference between the sides, or a line of a result file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The day under which it is.
    pub day: Day,
    /// What it is about.
    pub subject: Subject,
    /// Our id of the transaction, if we have it.
    pub transaction_id: Option<TransactionId>,
    /// What each file says, by its name; also what it does not say any more, so that it can be shown.
    pub claims: BTreeMap<String, Claim>,
    /// Our side; `None` if we do not have the transaction.
    pub ours: Option<Ours>,
    /// Tiki's answer to the last look-up; `None` if there was none.
    pub tiki: Option<LookUpAnswer>,
    /// What the core's statement has, if it is about that.
    pub statement: Option<StatementWord>,
    /// The core's last answer, if it was asked.
    pub core: Option<CoreWord>,
    /// The state of the finding.
    pub kind: Kind,
    /// Why it has this state.
    pub mismatch: MismatchReason,
    /// When it was found.
    pub found_at: Timestamp,
    /// When it was last looked at.
    pub looked_at: Timestamp,
    /// The earlier states and this one, oldest first.
    pub history: Vec<Step>,
    /// Who closed it, when and why; `None` if nobody did.
    pub closed: Option<Closed>,
    /// Whether the day's report shows that it is closed.
    pub reported: bool,
}

/// Our values of a transaction, or of a refund of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ours {
    /// The status of the transaction.
    pub status: Status,
    /// The amount; `None` if we have the transaction, and not the refund that it is about.
    pub amount: Option<Vnd>,
}

/// What the statement of the day has, and in which reading of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementWord {
    /// What it has of the payment or refund.
    pub has: InStatement,
    /// [`super::StatementRead::reading`]
    pub reading: u64,
}

/// The core's answer about a payment or a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CoreWord {
    Paid,
    PaidOtherAmount,
    Failed,
    NotPaid,
    /// The money went back.
    GivenBack,
    Rejected,
    NeverSeen,
    Pending,
    /// Nothing that we can read, or nothing at all.
    Unclear,
}

/// The values of one side, as far as it gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// The status, as that side writes it.
    pub status: Option<String>,
    /// The amount of the payment, or of the refund.
    pub amount: Option<Vnd>,
}

/// What a file says of a finding's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// In which reading of the file it was last found ([`super::Received::reading`]).
    pub reading: u64,
    /// When that was.
    pub heard_at: Timestamp,
    /// The number of the line in the file, from 1; 0 for the whole file.
    pub line: u64,
    /// The result code, as the file has it.
    pub code: String,
    /// Tiki's reason. For a line that cannot be read: the column and the problem.
    pub reason: String,
    /// The status and the amount; of a refund its own amount.
    pub values: Values,
    /// Our id of the transaction, as the file has it.
    pub id: Option<String>,
    /// Whether the file has come again without it.
    pub withdrawn: bool,
}

/// What was last heard of a finding: the file, and what it said.
pub type LastWord<'f> = (&'f str, &'f Claim);

/// A step in a finding's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When the state began.
    pub at: Timestamp,
    /// The state from then on.
    pub kind: Kind,
    /// Why it has this state.
    pub mismatch: MismatchReason,
    /// Our values then.
    pub ours: Option<Ours>,
    /// Tiki's answer to the look-up, if there was one.
    pub tiki: Option<LookUpAnswer>,
    /// What the core's statement had then.
    pub statement: Option<InStatement>,
    /// The core's answer, if it was asked.
    pub core: Option<CoreWord>,
    /// What the files said then, where no look-up can: of a refund, or our id of a transaction.
    pub said: Option<String>,
}

impl Ours {
    /// Our values of a transaction.
    #[must_use]
    pub fn of(t: &Transaction) -> Self {
        Self {
            status: t.status(),
            amount: Some(t.order().amount),
        }
    }
}

impl Step {
    /// Whether both steps are the same state. All unclear answers count as one: a different unclear answer does
    /// not open a closed finding again, and the time without a clear answer starts at the first one.
    fn is_same_state(&self, other: &Self) -> bool {
        let unclear = self.mismatch.is_unclear();
        (self.kind, self.mismatch, &self.ours, &self.said)
            == (other.kind, other.mismatch, &other.ours, &other.said)
            && self.statement == other.statement
            && (unclear || (self.tiki, self.core) == (other.tiki, other.core))
    }
}

impl Finding {
    /// A finding without a look-up and without a file.
    #[must_use]
    pub fn new(day: Day, subject: Subject, found_at: Timestamp) -> Self {
        Self {
            day,
            subject,
            transaction_id: None,
            claims: BTreeMap::new(),
            ours: None,
            tiki: None,
            statement: None,
            core: None,
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

    /// What was last heard of it, also if the file does not say it any more.
    #[must_use]
    pub fn last_word(&self) -> Option<LastWord<'_>> {
        let heard = self.claims.iter().max_by_key(|(_, claim)| claim.heard_at);
        heard.map(|(file, claim)| (file.as_str(), claim))
    }

    /// What the files say now, by their names.
    pub fn present_claims(&self) -> impl Iterator<Item = LastWord<'_>> {
        let claims = self.claims.iter().filter(|(_, claim)| !claim.withdrawn);
        claims.map(|(file, claim)| (file.as_str(), claim))
    }

    /// Ends what a file said in a reading before this one. What no look-up covers was the file's word alone, so it is
    /// closed with the last such word. The answer is whether anything has changed.
    pub fn withdraw(&mut self, file: &str, reading: u64, at: Timestamp) -> bool {
        let claim = self.claims.get_mut(file);
        let Some(claim) = claim.filter(|claim| claim.reading < reading && !claim.withdrawn) else {
            return false;
        };
        claim.withdrawn = true;
        let only_by_file = self.subject.payment().is_none() && self.subject.at_core().is_none();
        if only_by_file && self.present_claims().next().is_none() && self.is_open() {
            self.closed = Some(Closed {
                at,
                by: ClosedBy::Run,
            });
        }
        true
    }

    /// When its state began.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.history.last().map_or(self.found_at, |step| step.at)
    }

    /// Records the result of a look-up. If the state is new, it becomes a step of the history, and the answer is
    /// `true`. A closed finding is opened again only by a new state.
    pub fn look(&mut self, at: Timestamp, kind: Kind, mismatch: MismatchReason) -> bool {
        self.looked_at = at;
        let step = Step {
            at,
            kind,
            mismatch,
            ours: self.ours,
            tiki: self.tiki,
            statement: self.statement.map(|word| word.has),
            core: self.core,
            said: self.said(mismatch),
        };
        let last = self.history.last();
        if last.is_some_and(|last| last.is_same_state(&step)) {
            let by_run = self
                .closed
                .as_ref()
                .is_some_and(|closed| closed.by == ClosedBy::Run);
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
            (
                Subject::Payment { .. }
                | Subject::AtCore { .. }
                | Subject::RefundAtCore { .. }
                | Subject::Line { .. },
                _,
            ) => false,
        };
        let said = self.present_claims().map(|(file, claim)| {
            let amount = claim.values.amount.map(Vnd::get);
            let (status, id) = (claim.values.status.as_deref(), claim.id.as_deref());
            format!("{file}: {} {status:?} {amount:?} {id:?}", claim.code)
        });
        by_file.then(|| said.collect::<Vec<_>>().join("; "))
    }
}
