//! `tikivip show`: a transaction with its refunds and its audit trail.

use operator_api::text;
use operator_api::transaction::{ProposalView, TransactionView};

use crate::cli::Form;
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome, grouped};

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

fn table(view: &TransactionView) -> String {
    format!(
        "  {id}\n  {tiki}\n\n  Amount    {amount}, {back} refunded, {left} refundable\n  \
         Payment   {payment}\n  IPN       {ipn}\n{needs_review}{proposal}\n{trail}",
        id = view.transaction_id,
        tiki = view.tiki_transaction_id,
        amount = grouped(view.amount_vnd),
        back = grouped(view.refunded_vnd),
        left = grouped(view.remaining_vnd),
        payment = view.payment,
        ipn = view.ipn,
        needs_review = needs_review(view),
        proposal = view
            .proposal
            .as_ref()
            .map_or_else(String::new, |open| proposed(&view.transaction_id, open)),
        trail = trail(view),
    )
}

fn needs_review(view: &TransactionView) -> String {
    let (Some(review), Some(step)) = (&view.review, &view.next_step) else {
        return String::new();
    };
    let choices = view.verdicts.iter().zip(&view.consequences);
    let choices = choices.flat_map(|(typed, what)| rows(typed, what));
    let choices = output::table(["Resolve as", "What follows"], choices);
    format!("\n  Needs review: {review}\n  {step}\n\n{choices}\n")
}

/// A row for each line of what follows from a verdict.
fn rows(typed: &str, what: &str) -> Vec<[String; 2]> {
    let lines = what.lines().enumerate();
    let row = |(number, line): (usize, &str)| {
        let typed = if number == 0 { typed } else { "" };
        [typed.to_owned(), line.to_owned()]
    };
    lines.map(row).collect()
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
    format!("\n{}\n", lines.collect::<Vec<_>>().join("\n"))
}

fn trail(view: &TransactionView) -> String {
    let rows = view.trail.iter().map(|entry| {
        let what = match entry.times {
            1 => entry.what.clone(),
            times => format!(
                "{} ({times} times, last at {})",
                entry.what,
                text::clock_of(&entry.last_at)
            ),
        };
        [text::clock_of(&entry.at), entry.actor.clone(), what]
    });
    output::table(["Time (GMT+7)", "Actor", "Event"], rows)
}
