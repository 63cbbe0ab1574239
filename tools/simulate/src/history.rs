//! The history of a run, recorded only when a person will read it.

use std::fmt::Write as _;

use domain::{Ipn, RefundState, Timestamp, Transaction};

use crate::choices::Lane;

/// The lines in the order of their events.
#[derive(Default)]
pub struct History {
    kept: bool,
    lines: Vec<Line>,
}

/// An event in the history.
pub struct Line {
    /// Milliseconds since the beginning.
    pub at: i64,
    /// The payment; `None` for the world.
    pub payment: Option<usize>,
    pub who: String,
    pub what: String,
}

impl History {
    /// A history that records all events.
    #[must_use]
    pub fn recorded() -> Self {
        Self {
            kept: true,
            lines: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, at: i64, lane: Lane, who: &str, what: impl FnOnce() -> String) {
        if self.kept {
            self.lines.push(Line {
                at,
                payment: lane.payment(),
                who: who.to_owned(),
                what: what(),
            });
        }
    }

    /// The lines of one payment and of the world.
    pub fn of(&self, payment: usize) -> impl Iterator<Item = &Line> {
        let lines = self.lines.iter();
        lines.filter(move |line| line.payment.is_none_or(|of| of == payment))
    }
}

/// A written transaction in one line.
pub(crate) fn in_words(t: &Transaction, now: i64) -> String {
    let due = |at: Timestamp| format!("due in {} s", (at.unix_ms() - now).div_euclid(1000));
    let ipn = match t.ipn() {
        Ipn::NotDue => "not due".to_owned(),
        Ipn::Queued { due_at } => format!("queued, {}", due(due_at)),
        Ipn::Retrying {
            attempt,
            failures,
            due_at,
        } => format!("attempt {attempt}, {failures} failed, {}", due(due_at)),
        Ipn::Confirmed { .. } => "confirmed".to_owned(),
        Ipn::Abandoned { .. } => "abandoned".to_owned(),
        Ipn::Reversing { reason, .. } => format!("reversing, {}", reason.as_str()),
        Ipn::Disputed { reason, .. } => format!("disputed, {}", reason.as_str()),
        Ipn::Exhausted { .. } => "exhausted".to_owned(),
    };
    let mut words = format!("v{} {} · IPN {ipn}", t.version(), t.status().as_str());
    if let Some((reason, _)) = t.needs_review() {
        let _ = write!(words, " · in review, {}", reason.as_str());
    }
    for refund in t.refunds() {
        let state = match refund.state {
            RefundState::Reserved(due_) => format!("reserved, {}", due(due_.due_at)),
            RefundState::Unknown(due_) => format!("unknown, {}", due(due_.due_at)),
            RefundState::Succeeded { .. } => "succeeded".to_owned(),
            RefundState::Rejected { .. } => "rejected".to_owned(),
        };
        let (origin, id) = (refund.origin.as_str(), refund.id.to_string());
        let id = id.split('-').next().unwrap_or_default();
        let _ = write!(words, " · {origin} {id} {} VND {state}", refund.amount);
    }
    words
}
