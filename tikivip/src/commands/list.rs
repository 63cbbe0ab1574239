//! `tikivip list`: transactions that need review or wait for somebody.

use operator_api::text;
use operator_api::transaction::{ListedTransaction, TransactionList};

use crate::cli::{Form, State};
use crate::client::Client;
use crate::output::{self, Entry, Outcome, grouped};

/// The most transactions of one page.
const PAGE: u32 = 100;

/// The pages of a list, one after the other: none but the last is in memory.
pub(super) struct Pages<'c> {
    client: &'c Client,
    state: State,
    next: Next,
}

/// The next page.
enum Next {
    First,
    /// Behind this place.
    After(String),
    Nothing,
}

impl<'c> Pages<'c> {
    pub(super) fn new(client: &'c Client, state: State) -> Self {
        Self {
            client,
            state,
            next: Next::First,
        }
    }

    /// The next page with at most so many transactions; `None` after the last. The first one has how many there are.
    pub(super) async fn next(&mut self, limit: u32) -> anyhow::Result<Option<TransactionList>> {
        let after = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::First => None,
            Next::After(after) => Some(after),
            Next::Nothing => return Ok(None),
        };
        let limit = limit.min(PAGE).to_string();
        let mut query = vec![("state", self.state.word()), ("limit", limit.as_str())];
        match &after {
            Some(after) => query.push(("after", after)),
            None => query.push(("count", "true")),
        }
        let page: TransactionList = self.client.get("transactions", &query).await?;
        if let Some(after) = &page.next {
            self.next = Next::After(after.clone());
        }
        Ok(Some(page))
    }
}

/// Lists the transactions of a state, the oldest first.
pub(super) async fn list(
    client: &Client,
    form: Form,
    state: State,
    limit: u32,
) -> anyhow::Result<Outcome> {
    let mut pages = Pages::new(client, state);
    let mut list = TransactionList::default();
    let mut left = limit;
    while left > 0 {
        let Some(page) = pages.next(left).await? else {
            break;
        };
        left = left.saturating_sub(u32::try_from(page.transactions.len()).unwrap_or(left));
        list.transactions.extend(page.transactions);
        list.unreadable.extend(page.unreadable);
        list.next = page.next;
        list.count = list.count.or(page.count);
    }
    output::print(form, &list, |list| table(state, list));
    Ok(if list.unreadable.is_empty() {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// A transaction of a list. What the list is ordered by is among its lines.
pub(super) fn entry(state: State, listed: &ListedTransaction) -> Entry {
    let mut lines = vec![
        format!("Tiki's id {}", listed.tiki_transaction_id),
        format!(
            "{}, created at {}, {}",
            grouped(listed.amount_vnd),
            text::clock_of(&listed.created_at),
            listed.payment.text()
        ),
    ];
    if let Some(since) = &listed.needs_review_since {
        lines.push(format!(
            "needs review since {}; IPN: {}",
            text::clock_of(since),
            listed.ipn.text()
        ));
    }
    if let (State::Pending, Some(next)) = (state, &listed.next_at_core) {
        lines.push(format!("the core is asked at {}", text::clock_of(next)));
    }
    for refund in &listed.open_refunds {
        lines.push(format!(
            "refund {} of {}: {}",
            refund.refund_id,
            grouped(refund.amount_vnd),
            refund.text()
        ));
    }
    if let Some(proposal) = &listed.proposal {
        let ended = proposal.ended.as_ref();
        let ended = ended.map_or_else(String::new, |why| format!(" (ended: {why})"));
        lines.push(format!(
            "proposal {}{ended}: {}, by {}: {}",
            proposal.number, proposal.act, proposal.by, proposal.reason
        ));
    }
    let review = listed.needs_review.clone();
    Entry {
        head: format!(
            "{}  {}",
            listed.transaction_id,
            review.unwrap_or_else(|| listed.ipn.text())
        ),
        lines,
    }
}

fn table(state: State, list: &TransactionList) -> String {
    let unreadable = list.unreadable.iter();
    let unreadable: Vec<_> = unreadable
        .map(|id| format!("\n\n  ✘ {id} cannot be read. See docs/operations.md#review-queue"))
        .collect();
    if list.transactions.is_empty() {
        return format!("  None.{}", unreadable.concat());
    }
    let entries = list.transactions.iter().map(|listed| entry(state, listed));
    let shown = output::list(entries, list.next.is_some());
    format!("{shown}{}", unreadable.concat())
}
