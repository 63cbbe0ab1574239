//! `tikivip show`: a transaction with its refunds, what can be done next, and its audit trail.

use operator_api::payment::RefundView;
use operator_api::text;
use operator_api::trail::TrailEntry;
use operator_api::transaction::{ProposalView, TransactionView};

use crate::cli::Form;
use crate::client::{Client, OnTransaction};
use crate::output::{self, Outcome, grouped};

/// Below the names of the heading, below the times of the trail, and below a command.
const UNDER_NAMES: &str = "            ";
const UNDER_TIMES: &str = "                       ";
const UNDER_COMMAND: &str = "      ";

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
        view.proposal.as_ref().map(proposed),
        next(view),
        Some(trail(view)),
    ];
    let blocks: Vec<String> = blocks.into_iter().flatten().collect();
    blocks.join("\n\n")
}

fn heading(view: &TransactionView) -> String {
    let mut lines = vec![
        format!("  {}", view.transaction_id),
        format!("  {}", view.tiki_transaction_id),
        String::new(),
    ];
    let mut row = |name: &str, what: &str| {
        let first = format!("  {name:<10}");
        lines.push(output::folded(&first, UNDER_NAMES, what));
    };
    let amount = format!(
        "{}, {} refunded, {} refundable",
        grouped(view.amount_vnd),
        grouped(view.refunded_vnd),
        grouped(view.remaining_vnd)
    );
    row("Amount", &amount);
    if let Some(order) = &view.order_code {
        row("Order", order);
    }
    row("Payment", &view.payment.text());
    if let Some(core) = at_core(view) {
        row("Core", &core);
    }
    row("IPN", &view.ipn.text());
    for refund in &view.refunds {
        row("Refund", &refund_line(refund));
    }
    lines.join("\n")
}

/// What the core's people find the payment by.
fn at_core(view: &TransactionView) -> Option<String> {
    let reference = view.payment.core_reference.as_ref();
    let reference = reference.map(|reference| format!("reference {reference}"));
    let method = view.payment.banking_method.as_ref();
    let method = method.map(|method| format!("paid by {method}"));
    let known: Vec<String> = [reference, method].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn refund_line(refund: &RefundView) -> String {
    let asked_by = match (&refund.request_id, refund.origin.as_str()) {
        (Some(request), _) => format!("Tiki's request {request}"),
        (None, "late_payment") => "the money came late".to_owned(),
        (None, origin) => origin.to_owned(),
    };
    format!(
        "{} of {}, {asked_by}: {}",
        refund.refund_id,
        grouped(refund.amount_vnd),
        refund.text()
    )
}

/// What waits for another person.
fn proposed(proposal: &ProposalView) -> String {
    let mut lines = vec![
        format!("Proposal {}: {}", proposal.number, proposal.act),
        proposal.consequence.replace('\n', " "),
        format!("by {}: {}", proposal.by, proposal.reason),
    ];
    if let Some(why) = &proposal.ended {
        lines.push(format!(
            "It has ended: {why}. Propose it again if it is right."
        ));
    }
    let lines = lines.iter().map(|line| output::folded("  ", "    ", line));
    lines.collect::<Vec<_>>().join("\n")
}

/// What to do next, and the commands for it, each with what follows from it.
fn next(view: &TransactionView) -> Option<String> {
    let commands = commands(view);
    if view.next_step.is_none() && commands.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    if let Some(review) = &view.review {
        lines.push(format!("  Needs review: {review}"));
    }
    if let Some(step) = &view.next_step {
        lines.push(output::folded("  ", "  ", step));
    }
    for Command { typed, what } in commands {
        lines.push(String::new());
        lines.push(typed);
        lines.push(output::folded(UNDER_COMMAND, UNDER_COMMAND, &what));
    }
    Some(lines.join("\n"))
}

/// A command to paste, in lines that fit into a terminal, and what follows from it.
struct Command {
    typed: String,
    what: String,
}

impl Command {
    fn new(lines: &[&str], what: impl Into<String>) -> Self {
        Self {
            typed: format!("  {}", lines.join(" \\\n    ")),
            what: what.into(),
        }
    }
}

/// The commands that fit now. While a proposal is open nothing else can be proposed, so only those that end it.
fn commands(view: &TransactionView) -> Vec<Command> {
    let id = &view.transaction_id;
    if let Some(open) = view.open_proposal() {
        return of_proposal(id, open);
    }
    let approved = |needed: bool| if needed { APPROVED } else { "" };
    let mut commands = Vec::new();
    let resend = view.may_resend;
    if resend || !view.choices.is_empty() {
        let lookup = format!("tikivip lookup {id}");
        commands.push(Command::new(
            &[&lookup],
            "Asks Tiki what it has; changes nothing.",
        ));
    }
    if resend {
        let typed = format!("tikivip resend-ipn {id}");
        let what = format!(
            "Tiki gets the notification again.{}",
            approved(view.resend_needs_approval)
        );
        commands.push(Command::new(&[&typed, REASON], what));
    }
    for choice in &view.choices {
        let typed = format!("tikivip resolve {id}");
        let review = view.review.as_deref().unwrap_or_default();
        let decision = format!("--review {review} --as {}", choice.typed());
        let what = format!("{}{}", choice.consequence, approved(choice.needs_approval));
        commands.push(Command::new(&[&typed, &decision, REASON], what));
    }
    commands
}

const REASON: &str = "--reason \"…\"";
const APPROVED: &str = " Another person must approve it.";

/// How another person answers a proposal, and how whoever made it takes it back.
fn of_proposal(id: &str, open: &ProposalView) -> Vec<Command> {
    let until = text::clock_of(&open.expires_at);
    let number = format!("--proposal {} {REASON}", open.number);
    vec![
        Command::new(
            &[&format!("tikivip lookup {id}")],
            "Asks Tiki what it has by now; changes nothing.",
        ),
        Command::new(
            &[&format!("tikivip approve {id}"), &number],
            format!(
                "Another person than {} (ApprovePolicy) approves it until {until}; it is done at once.",
                open.by
            ),
        ),
        Command::new(
            &[&format!("tikivip decline {id}"), &number],
            "Ends it, and nothing happens. Who proposed it can take it back so.",
        ),
    ]
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
