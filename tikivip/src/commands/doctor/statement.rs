//! The core's statement of a day: does the core answer as reconcile needs it?

use std::time::Duration;

use core_api::{CORE_TIMEOUT_IN_WORKER, CoreClient, StatementError, Statements};
use domain::{Day, Timestamp};
use lambda::config::{StatementSetting, core_url};

use super::findings::Findings;
use crate::cli::Counterparty;
use crate::context::CommandContext;

const WHAT: &str = "statement of the core";

const ADVICE: &str = "see docs/core.md#your-statement-of-a-day";

/// From then on reconcile asks for the statement of the day that has ended.
const DUE_AFTER: Duration = Duration::from_hours(6);

/// Reads the first page of yesterday's statement, as reconcile does. A setting that is wrong is a finding about the
/// configuration.
pub(super) async fn check(context: &CommandContext, findings: &mut Findings) -> anyhow::Result<()> {
    match context.aws().env.load(StatementSetting::read) {
        Ok(StatementSetting::Off) => findings.good(WHAT, "off: it is not compared"),
        // No right of this role reads the bucket.
        Ok(StatementSetting::File) => findings.good(
            WHAT,
            "the core puts a file into the bucket; `tikivip doctor` does not look at it",
        ),
        Ok(StatementSetting::Api) => ask(context, findings).await?,
        Err(_) => {}
    }
    Ok(())
}

async fn ask(context: &CommandContext, findings: &mut Findings) -> anyhow::Result<()> {
    let (Ok(base), Ok(keys)) = (
        context.aws().env.load(core_url),
        context.provider(Counterparty::Core).await,
    ) else {
        return Ok(());
    };
    let client = context.aws().core_client(base, keys)?;
    let core = CoreClient::new(client, CORE_TIMEOUT_IN_WORKER);
    let now = context.clock().now();
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
    Ok(())
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
