//! `tikivip list`: transactions that need review or wait for somebody.

use operator_api::text;
use operator_api::transaction::{ListedTransaction, TransactionList};

use crate::cli::{Form, State};
use crate::client::Client;
use crate::output::{self, Entry, Outcome, grouped};

/// Lists the transactions of a state, the oldest first.
pub(super) async fn list(
    client: &Client,
    form: Form,
    state: State,
    limit: u16,
) -> anyhow::Result<Outcome> {
    let list = read(client, state, limit).await?;
    output::print(form, &list, table);
    Ok(if list.unreadable.is_empty() {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// The transactions of a state.
pub(super) async fn read(
    client: &Client,
    state: State,
    limit: u16,
) -> anyhow::Result<TransactionList> {
    let limit = limit.to_string();
    let query = [("state", state.word()), ("limit", limit.as_str())];
    client.get("transactions", &query).await
}

fn entry(listed: &ListedTransaction) -> Entry {
    let mut lines = vec![
        format!("Tiki's id {}", listed.tiki_transaction_id),
        format!(
            "{}, created at {}, {}",
            grouped(listed.amount_vnd),
            text::clock_of(&listed.created_at),
            listed.payment
        ),
    ];
    if let Some(proposal) = &listed.proposal {
        let ended = proposal.ended.as_ref();
        let ended = ended.map_or_else(String::new, |why| format!(" (ended: {why})"));
        lines.push(format!(
            "proposal {}{ended}: {}, by {}: {}",
            proposal.number, proposal.act, proposal.by, proposal.reason
        ));
    }
    Entry {
        head: format!(
            "{}  {}",
            listed.transaction_id,
            listed.needs_review.as_ref().unwrap_or(&listed.ipn)
        ),
        lines,
    }
}

fn table(list: &TransactionList) -> String {
    let unreadable = list.unreadable.iter();
    let unreadable: Vec<_> = unreadable
        .map(|id| format!("\n\n  ✘ {id} cannot be read. See docs/operations.md#review-queue"))
        .collect();
    if list.transactions.is_empty() {
        return format!("  None.{}", unreadable.concat());
    }
    let entries = list.transactions.iter().map(entry);
    let shown = output::list(entries, list.more);
    format!("{shown}{}", unreadable.concat())
}
