//! What became of a day, in a few numbers: what a page of several days, a mail and a terminal show of it.

use std::io;

use domain::Day;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::file::Sum;

/// The state of one day's reconciliation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySummary {
    /// The day in Vietnam.
    pub day: Day,
    /// What moved on the day; `None` before its first export.
    pub money: Option<DayMoney>,
    /// Whether Tiki has each file that is part of the day's last export.
    pub delivered: bool,
    /// How far Tiki's result files are read.
    pub results: Results,
    /// Whether the day was compared with the core's statement.
    pub statement: Statement,
    /// The number of orders that Tiki keeps though we keep no money for them.
    pub orders_without_money: u64,
    /// The number of other findings that wait for a person.
    pub needs_review: u64,
    /// The number of findings that are open and that runs process by themselves.
    pub automatic: u64,
    /// How much the sides are apart in all open findings, in VND.
    pub differences_vnd: u64,
}

/// What moved on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayMoney {
    /// The payments that are SUCCESS.
    pub success: Sum,
    /// The payments that are FAILURE: no part of what is due.
    pub failure: Sum,
    /// What Tiki had refunded on the day.
    pub refunded: Sum,
}

/// How far the result files of a day are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Results {
    /// Tiki sends none: it fetches our files, and there is no file server.
    NotAsked,
    /// Tiki has sent none.
    None,
    /// All that came are read, and about one of our files none has come.
    Partly,
    /// At least one has lines that are not processed.
    BeingRead,
    /// All lines of all of them are processed.
    Read,
}

/// Whether a day was compared with the core's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Statement {
    /// There are no statements, or there were none then.
    NotAsked,
    /// It is not compared, or not to its end.
    Missing,
    /// It is compared.
    Compared,
}

impl DaySummary {
    /// Whether a person must act: something waits for one, or Tiki does not have all files.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        self.for_review() > 0 || self.money.is_none() || !self.delivered
    }

    /// The number of findings that wait for a person.
    #[must_use]
    pub fn for_review(&self) -> u64 {
        self.needs_review.saturating_add(self.orders_without_money)
    }

    /// The number of all open findings.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.for_review().saturating_add(self.automatic)
    }
}

impl DayMoney {
    /// What remains to be paid to Tiki, in VND. Below zero when more goes back on a day than comes in.
    #[must_use]
    pub fn net_vnd(&self) -> i128 {
        i128::from(self.success.amount_vnd).saturating_sub(self.refunded.amount_vnd.into())
    }

    /// Adds what moved on another day; a sum that is too large is an error.
    pub fn add(&mut self, other: &Self) -> io::Result<()> {
        for (mine, theirs) in [
            (&mut self.success, other.success),
            (&mut self.failure, other.failure),
            (&mut self.refunded, other.refunded),
        ] {
            mine.add(theirs.count, theirs.amount_vnd)?;
        }
        Ok(())
    }
}
