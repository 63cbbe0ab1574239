//! The core's statement of a day: does the core answer as reconcile needs it?

use std::time::Duration;

use core_api::{StatementError, Statements};
use domain::{Day, Timestamp};
use operator_api::check::Findings;

use crate::Operator;

const WHAT: &str = "statement of the core";

const ADVICE: &str = "see docs/core.md#your-statement-of-a-day";

/// From then on reconcile asks for the statement of the day that has ended.
const DUE_AFTER: Duration = Duration::from_hours(6);

/// Reads the first page of yesterday's statement, as reconcile does.
pub(super) async fn check(operator: &Operator, findings: &mut Findings) {
    let Some(core) = &operator.core.statements else {
        return findings.good(WHAT, operator.core.no_statements);
    };
    let now = operator.clock.now();
    let day = now.vietnamese_day().previous();
    match core.page(day, None).await {
        Ok(page) => {
            let mut unreadable = page.entries.iter().filter_map(|entry| entry.as_ref().err());
            match unreadable.next() {
                None => findings.good(WHAT, format!("the core has the one of {day}")),
                Some(first) => {
                    let column = first.column.as_deref().unwrap_or("the entry");
                    let text = format!(
                        "of {day}, at least one entry cannot be read: {column}: {}",
                        first.problem
                    );
                    findings.doubtful(WHAT, text, ADVICE);
                }
            }
        }
        Err(StatementError::NotThere) => not_there(day, now, findings),
        Err(error) => findings.wrong(WHAT, format!("of {day}: {error}"), ADVICE),
    }
}

/// Until the morning's run its absence is no problem.
fn not_there(day: Day, now: Timestamp, findings: &mut Findings) {
    if now < day.end_exclusive().after(DUE_AFTER) {
        let text = format!("the core answers that it has none of {day} yet; it is due at 06:00");
        return findings.good(WHAT, text);
    }
    let text = format!("the core answers that it has none of {day}, which was due at 06:00");
    findings.doubtful(WHAT, text, "ask the core's operators when it comes");
}
