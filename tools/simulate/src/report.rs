//! The output: counts as tables, and the history of a payment that violates an invariant.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::audit::{Invariant, Violation};
use crate::cells;
use crate::coverage::{Cell, Coverage};
use crate::fault::Fault;
use crate::history::History;
use crate::run::Outcome;

/// The results of many runs.
#[derive(Default)]
pub struct Total {
    /// Number of runs.
    pub seeds: u64,
    /// Number of payments.
    pub payments: usize,
    /// Number of events.
    pub steps: u64,
    /// Number of checks by the auditor.
    pub checks: u64,
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u64>,
    /// The table cells that were reached.
    pub coverage: Coverage,
    /// The seeds that violate an invariant.
    pub failed: Vec<(u64, Violation)>,
}

impl Total {
    /// Adds a run.
    pub fn add(&mut self, seed: u64, outcome: Outcome) {
        self.merge(Self {
            seeds: 1,
            payments: outcome.payments,
            steps: outcome.steps,
            checks: outcome.checks,
            coverage: outcome.coverage,
            faults: outcome.faults.into_iter().collect(),
            failed: outcome.violation.map(|v| (seed, v)).into_iter().collect(),
        });
    }

    /// Adds the results of other runs.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.payments += other.payments;
        self.steps += other.steps;
        self.checks += other.checks;
        self.coverage.add(&other.coverage);
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.failed.extend(other.failed);
    }

    /// The faults that never happened, and the cells that were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let faults = Fault::ALL
            .iter()
            .filter(|f| self.faults.get(f).is_none_or(|n| *n == 0));
        let faults = faults.map(|fault| format!("fault: {}", fault.as_str()));
        let cells = cells::required()
            .into_iter()
            .filter(|cell| self.coverage.of(cell) == 0);
        let cells = cells.map(|(table, row, column)| format!("{table}: {row} × {column}"));
        faults.chain(cells).collect()
    }

    /// The demanded cells that were reached a few times only: a change of the code may lose them.
    fn seldom(&self) -> Vec<(Cell, u64)> {
        const OFTEN: u64 = 12;
        let cells = cells::required().into_iter();
        let counted = cells.map(|cell| {
            let count = self.coverage.of(&cell);
            (cell, count)
        });
        let mut seldom: Vec<_> = counted.filter(|(_, n)| (1..OFTEN).contains(n)).collect();
        seldom.sort_by_key(|(_, count)| *count);
        seldom
    }

    /// All counts as tables.
    #[must_use]
    pub fn tables(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            text += &line;
            text.push('\n');
        };
        line("Faults".to_owned());
        for (fault, count) in &self.faults {
            line(format!(
                "  {:<44} {:>12}",
                fault.as_str(),
                thousands(*count)
            ));
        }
        let mut heading = None;
        for ((table, row, column), count) in self.coverage.cells() {
            if heading != Some((table, row)) {
                heading = Some((table, row));
                line(format!("\n{table}: {row}"));
            }
            line(format!("  {column:<44} {:>12}", thousands(count)));
        }
        line("\nNever happened".to_owned());
        for missing in self.missing() {
            line(format!("  {missing}"));
        }
        line("\nDemanded, and seldom reached".to_owned());
        for ((table, row, column), count) in self.seldom() {
            line(format!(
                "  {:<66} {count:>3}",
                format!("{table}: {row} × {column}")
            ));
        }
        line("\nInvariants".to_owned());
        for invariant in Invariant::ALL {
            let broken = self
                .failed
                .iter()
                .filter(|(_, v)| v.invariant == *invariant)
                .count();
            let mark = if broken == 0 {
                "✔".to_owned()
            } else {
                format!("✗ {broken} seeds")
            };
            line(format!(
                "  {mark} {:<26} {}",
                invariant.name(),
                invariant.sentence()
            ));
        }
        text
    }

    /// A summary in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "{} seeds, {} payments, {} steps, {} checks",
            thousands(self.seeds),
            thousands(self.payments as u64),
            thousands(self.steps),
            thousands(self.checks),
        )
    }
}

/// The history of a payment that violates an invariant, as a table.
#[must_use]
pub fn payment_history(violation: &Violation, history: &History) -> String {
    let mut text = String::new();
    for line in history.of(violation.payment) {
        let _ = writeln!(
            text,
            "  {:>15}  {:<19} {}",
            time(line.at),
            line.who,
            short(&line.what)
        );
    }
    let (invariant, payment) = (violation.invariant, violation.payment);
    let _ = writeln!(
        text,
        "\n  ✗ {}, payment {payment}: {}",
        invariant.name(),
        violation.text
    );
    let _ = writeln!(text, "    {}", invariant.sentence());
    text
}

/// `1d 02:03:04.005` since the beginning.
fn time(ms: i64) -> String {
    let (s, ms) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let (m, s) = (s.div_euclid(60), s.rem_euclid(60));
    let (h, m) = (m.div_euclid(60), m.rem_euclid(60));
    let (d, h) = (h.div_euclid(24), h.rem_euclid(24));
    let days = if d > 0 {
        format!("{d}d ")
    } else {
        String::new()
    };
    format!("{days}{h:02}:{m:02}:{s:02}.{ms:03}")
}

fn short(text: &str) -> String {
    const MAX_CHARS: usize = 240;
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `1.234.567`, as in Vietnam.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}
