//! `tikivip show`: a transaction with its refunds and its audit trail.

use operator_api::text;
use operator_api::transaction::{ProposalView, TrailEntry, TransactionView};

use crate::cli::Form;
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome, grouped};

/// Below the names of the heading, and below the times of the trail.
const UNDER_NAMES: &str = "            ";
const UNDER_TIMES: &str = "                       ";

/// Shows a transaction.
pub(super) async fn show(client: &Client, form: Form, id: &str) -> anyhow::Result<Outcome> {
    let view: TransactionView = client.get_of(OnTransaction { id, rest: "" }).await?;
    print(form, &view);
    Ok(Outcome::Done)
}

/// Prints a transaction.
pub(super) fn print(form: Form, view: &TransactionView) {
    output::print(form, view, table);
}

/// One block for each thing, in lines that fit into every terminal.
fn table(view: &TransactionView) -> String {
    let blocks = [
        Some(heading(view)),
        needs_review(view),
        view.proposal
            .as_ref()
            .map(|open| proposed(&view.transaction_id, open)),
        Some(trail(view)),
    ];
    let blocks: Vec<String> = blocks.into_iter().flatten().collect();
    blocks.join("\n\n")
}

fn heading(view: &TransactionView) -> String {
    let amount = format!(
        "{}, {} refunded, {} refundable",
        grouped(view.amount_vnd),
        grouped(view.refunded_vnd),
        grouped(view.remaining_vnd)
    );
    let rows = [
        ("  Amount    ", amount.as_str()),
        ("  Payment   ", view.payment.as_str()),
        ("  IPN       ", view.ipn.as_str()),
    ];
    let rows = rows.map(|(name, what)| output::folded(name, UNDER_NAMES, what));
    format!(
        "  {}\n  {}\n\n{}",
        view.transaction_id,
        view.tiki_transaction_id,
        rows.join("\n")
    )
}

/// What waits for a person, what to do, and the commands that decide it, each with what follows from it.
fn needs_review(view: &TransactionView) -> Option<String> {
    let (Some(review), Some(step)) = (&view.review, &view.next_step) else {
        return None;
    };
    let mut lines = vec![
        format!("  Needs review: {review}"),
        output::folded("  ", "  ", step),
        String::new(),
    ];
    for (typed, what) in view.verdicts.iter().zip(&view.consequences) {
        let id = &view.transaction_id;
        lines.push(format!(
            "  tikivip resolve {id} \\\n    --review {review} --as {typed} --reason …"
        ));
        lines.extend(
            what.lines()
                .map(|line| output::folded("      ", "      ", line)),
        );
    }
    Some(lines.join("\n"))
}

/// What waits for another person, and how that person answers.
fn proposed(id: &str, proposal: &ProposalView) -> String {
    let number = proposal.number;
    let until = text::clock_of(&proposal.expires_at);
    let mut lines = vec![
        format!("Proposal {number}: {}", proposal.act),
        proposal.consequence.replace('\n', " "),
        format!("by {}: {}", proposal.by, proposal.reason),
    ];
    match &proposal.ended {
        Some(why) => lines.push(format!(
            "It has ended: {why}. Propose it again if it is right."
        )),
        None => lines.extend([
            "Nothing of it has happened yet. What Tiki has now:".to_owned(),
            format!("tikivip lookup {id}"),
            format!("Another person (ApprovePolicy) approves it until {until}:"),
            format!("tikivip approve {id} --proposal {number} --reason …"),
        ]),
    }
    let lines = lines.iter().map(|line| output::folded("  ", "    ", line));
    lines.collect::<Vec<_>>().join("\n")
}

/// What happened, the oldest first: when, who, and what.
fn trail(view: &TransactionView) -> String {
    let entry = |entry: &TrailEntry| {
        let at = text::clock_of(&entry.at);
        let times = match entry.times {
            1 => String::new(),
            times => format!(
                " ({times} times, last at {})",
                text::clock_of(&entry.last_at)
            ),
        };
        let what = format!("{}: {}{times}", entry.actor, entry.what);
        output::folded(&format!("  {at}  "), UNDER_TIMES, &what)
    };
    let entries = view.trail.iter().map(entry);
    let heading = "  Audit trail (times of Vietnam, GMT+7)".to_owned();
    let lines: Vec<String> = std::iter::once(heading).chain(entries).collect();
    lines.join("\n")
}
