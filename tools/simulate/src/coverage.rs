//! The cells of the decision tables that a run has reached, and how often.

use std::collections::BTreeMap;

use domain::{DisputeReason, Ipn, PaymentState, RefundId, RefundState, Transaction};
use serde_json::Value;
use signed_http::{Answer, Method, Outgoing};

use crate::core::ANOTHER_ID;
use crate::fault::Fault;
use crate::wiring::CORE_URL;
use crate::world::World;

/// A cell: its table, its row, its column.
pub type Cell = (&'static str, &'static str, String);

/// Counts of cells.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<(&'static str, &'static str), BTreeMap<String, u64>>);

/// The name of a column.
pub(crate) trait Column: Copy {
    fn text(&self) -> String;
}

impl Column for &str {
    fn text(&self) -> String {
        (*self).to_owned()
    }
}

impl Column for (&str, &str) {
    fn text(&self) -> String {
        format!("{}, {}", self.0, self.1)
    }
}

impl Column for (&str, Fault) {
    fn text(&self) -> String {
        let when = if self.1 == Fault::CrashBefore {
            "before"
        } else {
            "after"
        };
        format!("{when} {}", self.0)
    }
}

impl World {
    /// Counts the cell of the refund table or the expiry table for an answer of the core.
    pub(crate) fn cells_of_core(&mut self, request: &Outgoing, heard: &Answer) {
        let path = request.url.strip_prefix(CORE_URL).unwrap_or_default();
        let Some(payment) = self.core_payment_of(request) else {
            return;
        };
        let Some(transaction) = self.rows.find(self.payments[payment].id) else {
            return;
        };
        let body: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
        let clear = match heard.status {
            200 => body["transaction_id"] != ANOTHER_ID && body["refund_id"] != ANOTHER_ID,
            404 => body["status"] == "never_seen",
            _ => false,
        };
        let word = body["status"].as_str().filter(|_| clear);
        if path.starts_with("/payments/") {
            let meaning = match word {
                Some("not_paid" | "never_seen") => "not paid",
                Some("paid") if body["amount"] == self.payments[payment].amount => "paid",
                Some("paid") => "paid another amount",
                Some("failed") => "failed",
                Some("pending") => "pending",
                Some(_) => "unreadable",
                None => "unknown",
            };
            let state = match state_of(Some(transaction)) {
                "pending" => "pending",
                "declined" | "expired" | "paid late" => "failed meanwhile",
                _ => "paid meanwhile",
            };
            return self.coverage.count("expired payment", state, meaning);
        }
        let id = match request.method {
            Method::Get => path.strip_prefix("/refunds/").map(str::to_owned),
            Method::Post => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                body["refund_id"].as_str().map(str::to_owned)
            }
        };
        let id: Option<RefundId> = id.and_then(|id| id.parse().ok());
        let Some(refund) = id.and_then(|id| transaction.refund_by_id(id)) else {
            return;
        };
        let same = body["amount"] == refund.amount.get();
        let word = word.filter(|word| same || *word == "never_seen");
        let meaning = match (request.method, word) {
            (Method::Get, Some("never_seen")) => "never seen",
            (_, Some("succeeded")) => "succeeded",
            (_, Some("rejected")) => "rejected",
            (_, Some("pending")) => "pending",
            _ => "unknown",
        };
        let column = (refund_state(&refund.state), meaning);
        self.coverage
            .count("refund at the core", refund.origin.as_str(), column);
    }
}

impl Coverage {
    /// Counts a cell.
    pub(crate) fn count(&mut self, table: &'static str, row: &'static str, column: impl Column) {
        let columns = self.0.entry((table, row)).or_default();
        *columns.entry(column.text()).or_default() += 1;
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (key, columns) in &other.0 {
            let mine = self.0.entry(*key).or_default();
            for (column, count) in columns {
                *mine.entry(column.clone()).or_default() += count;
            }
        }
    }

    /// How often a cell was reached.
    #[must_use]
    pub fn of(&self, (table, row, column): &Cell) -> u64 {
        let columns = self.0.get(&(*table, *row));
        columns.and_then(|c| c.get(column)).copied().unwrap_or(0)
    }

    /// All cells that were reached.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, u64)> {
        self.0.iter().flat_map(|((table, row), columns)| {
            let cell = |(column, count): (&String, &u64)| ((*table, *row, column.clone()), *count);
            columns.iter().map(cell)
        })
    }
}

/// A transaction's state, with the names of the state table.
pub(crate) fn state_of(transaction: Option<&Transaction>) -> &'static str {
    let Some(t) = transaction else {
        return "none";
    };
    match t.payment() {
        PaymentState::Pending { .. } => "pending",
        PaymentState::Failed { failure, .. } => match (&failure.cause, &failure.late_payment) {
            (_, Some(_)) => "paid late",
            (domain::FailureCause::Declined { .. }, None) => "declined",
            (domain::FailureCause::Expired, None) => "expired",
        },
        PaymentState::Paid { .. } => paid_state(t),
        PaymentState::Reversed { .. } => reversed_state(t),
    }
}

fn reversed_state(t: &Transaction) -> &'static str {
    match t.ipn() {
        Ipn::Disputed {
            reason: DisputeReason::KnownAsPaid,
            ..
        } => "reversed, known as paid",
        Ipn::Disputed {
            reason: DisputeReason::ReversalHeld,
            ..
        } => "reversal held",
        Ipn::Disputed { .. } => "reversal rejected",
        Ipn::Queued { .. } | Ipn::Retrying { .. } => "reversed, money is back",
        Ipn::Confirmed { .. } => "reversed, confirmed",
        Ipn::Exhausted { .. } => "reversed, exhausted",
        Ipn::NotDue | Ipn::Abandoned { .. } | Ipn::Reversing { .. } => "reversing",
    }
}

fn paid_state(t: &Transaction) -> &'static str {
    match t.ipn() {
        Ipn::Disputed { .. } => return "disputed",
        Ipn::Exhausted { .. } => return "exhausted",
        Ipn::NotDue
        | Ipn::Queued { .. }
        | Ipn::Retrying { .. }
        | Ipn::Confirmed { .. }
        | Ipn::Reversing { .. }
        | Ipn::Abandoned { .. } => {}
    }
    match t.refunds().last().map(|refund| &refund.state) {
        None => "paid",
        Some(RefundState::Reserved(_)) => "refund reserved",
        Some(RefundState::Unknown(_)) => "refund unknown",
        Some(RefundState::Rejected { .. }) => "refund rejected",
        Some(RefundState::Succeeded { .. }) if t.remaining_amount().get() == 0 => {
            "refunded in full"
        }
        Some(RefundState::Succeeded { .. }) => "refunded in part",
    }
}

/// A refund's state, for the table of the core's answers.
pub(crate) fn refund_state(state: &RefundState) -> &'static str {
    match state {
        RefundState::Reserved(_) => "reserved",
        RefundState::Unknown(_) => "unknown",
        RefundState::Succeeded { .. } | RefundState::Rejected { .. } => "decided meanwhile",
    }
}
