//! `tikivip find`: payments by what a customer or a counterparty knows of them.

use std::io::{IsTerminal, Write};

use domain::{Clock, Day};
use lambda::SystemClock;
use operator_api::transaction::{FoundTransactions, ListedTransaction};
use serde::Serialize;

use super::list;
use crate::cli::{Form, State};
use crate::client::Client;
use crate::output::{self, Outcome};

/// What was found, and how much was looked at for it.
#[derive(Serialize)]
struct Found {
    transactions: Vec<ListedTransaction>,
    /// The days that were searched, the newest first, after what is not final.
    days: Vec<String>,
    searched: u64,
    forgotten: u64,
}

/// Finds payments. `wanted` has what is searched for as the call names it.
pub(super) async fn find(
    client: &Client,
    form: Form,
    (name, value): (&str, &str),
    (day, days): (Option<Day>, u16),
) -> anyhow::Result<Outcome> {
    let mut found = Found {
        transactions: Vec::new(),
        days: Vec::new(),
        searched: 0,
        forgotten: 0,
    };
    if day.is_none() {
        search(client, form, (name, value), None, &mut found).await?;
    }
    let mut at = day.unwrap_or_else(|| SystemClock.now().vietnamese_day());
    let days = if day.is_some() { 1 } else { days };
    for _ in 0..days {
        search(client, form, (name, value), Some(at), &mut found).await?;
        found.days.push(at.to_string());
        at = at.previous();
    }
    if found.transactions.is_empty() {
        return Err(Outcome::Empty(nothing(name, day.is_some(), &found)).into());
    }
    output::print(form, &found, table);
    Ok(Outcome::Done)
}

/// Makes the steps of a search through one day, or through what is not final.
async fn search(
    client: &Client,
    form: Form,
    wanted: (&str, &str),
    day: Option<Day>,
    found: &mut Found,
) -> anyhow::Result<()> {
    let day = day.map(|day| day.to_string());
    let mut after: Option<String> = None;
    loop {
        progress(form, day.as_deref(), found.searched);
        let mut query = vec![wanted];
        if let Some(day) = &day {
            query.push(("day", day));
        }
        if let Some(after) = &after {
            query.push(("after", after));
        }
        let step: FoundTransactions = client.get("transactions", &query).await?;
        found.transactions.extend(step.transactions);
        found.searched = found.searched.saturating_add(step.searched);
        found.forgotten = found.forgotten.saturating_add(step.forgotten);
        after = step.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// A line on standard error that is written over, for a person who waits.
fn progress(form: Form, day: Option<&str>, searched: u64) {
    let mut error = std::io::stderr();
    if form == Form::Table && error.is_terminal() {
        let day = day.unwrap_or("not final");
        let _ = write!(error, "\r  {day:<10}  {searched} looked at\r");
    }
}

fn nothing(name: &str, is_one_day: bool, found: &Found) -> String {
    let last = found.days.first().map_or("", String::as_str);
    let first = found.days.last().map_or("", String::as_str);
    let forgotten = match found.forgotten {
        0 => String::new(),
        n => format!("; {n} of them have forgotten their order and their customer"),
    };
    let (among, then) = if is_one_day {
        (
            format!("those that became final on {last}"),
            "Give another --day, or --days without it",
        )
    } else {
        (
            format!("those that are not final or became final from {first} to {last}"),
            "Give more --days, or a --day",
        )
    };
    format!(
        "no payment with this --{name} among {among} ({} looked at{forgotten}). {then}.",
        found.searched
    )
}

fn table(found: &Found) -> String {
    let entries = found.transactions.iter();
    let entries = entries.map(|listed| list::entry(State::Review, listed));
    let shown = output::list(entries, false);
    format!("{shown}\n  {} looked at.", found.searched)
}
