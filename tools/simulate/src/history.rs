//! What happened, for a person to read: kept only when somebody will.

use std::fmt::Write as _;

use domain::{Ipn, RefundState, Timestamp, Transaction};

use crate::choices::Lane;

/// Lines, in the order in which things happened.
#[derive(Default)]
pub struct History {
    kept: bool,
    lines: Vec<Line>,
}

/// Something that happened.
pub struct Line {
    /// Milliseconds since the world began.
    pub at: i64,
    /// The payment, or none if it is the world's.
    pub payment: Option<usize>,
    /// Who did it.
    pub who: String,
    /// What.
    pub what: String,
}

impl History {
    /// A history that is written.
    #[must_use]
    pub fn kept() -> Self {
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

    /// The lines of one payment, and of the world around it.
    pub fn of(&self, payment: usize) -> impl Iterator<Item = &Line> {
        let lines = self.lines.iter();
        lines.filter(move |line| line.payment.is_none_or(|of| of == payment))
    }
}

/// A transaction as it was written, in a line.
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
