//! A list of transactions, one of them, and Tiki's side of it.

use std::collections::HashSet;
use std::pin::pin;
use std::str::FromStr;

use api::{ApiError, Inbound, Reply};
use domain::{Ipn, PaymentState, RefundState, Timestamp, Transaction, TransactionId};
use futures::{StreamExt, stream};
use json_fields::InvalidField;
use operator_api::transaction::{
    ListedState, ListedTransaction, LookUpView, TransactionList, TransactionView,
};
use store::{DueIndex, Indexed, SHARDS, StoreError};

use crate::{Operator, answer};

/// The most entries of a list.
const MAX_LISTED: u16 = 1000;

/// The transaction that the path names; `None` if there is none.
pub(crate) async fn found(
    operator: &Operator,
    request: &Inbound,
) -> Result<Option<Transaction>, ApiError> {
    let Ok(id) = request
        .path_parameter("transaction_id")
        .parse::<TransactionId>()
    else {
        return Ok(None);
    };
    Ok(operator.transactions.load(id).await?)
}

/// Shows a transaction.
pub(crate) async fn show(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    Ok(match found(operator, request).await? {
        Some(transaction) => answer::shown(&TransactionView::of(&transaction)),
        None => answer::not_found("this transaction"),
    })
}

/// Looks up a transaction at Tiki. Changes nothing.
pub(crate) async fn look_up(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let Some(t) = found(operator, request).await? else {
        return Ok(answer::not_found("this transaction"));
    };
    let answer = operator
        .tiki
        .client
        .look_up(t.tiki_id(), Some(t.id()))
        .await;
    Ok(answer::shown(&LookUpView::of(&t, answer)))
}

/// A value of the query, or its default.
pub(crate) fn of_query<T: FromStr<Err: std::fmt::Display>>(
    request: &Inbound,
    name: &str,
    default: T,
) -> Result<T, InvalidField> {
    Ok(optional_of_query(request, name)?.unwrap_or(default))
}

/// A value of the query that may be missing.
pub(crate) fn optional_of_query<T: FromStr<Err: std::fmt::Display>>(
    request: &Inbound,
    name: &str,
) -> Result<Option<T>, InvalidField> {
    let mut named = request.query.iter().filter(|(known, _)| known == name);
    let (value, again) = (named.next(), named.next());
    if again.is_some() {
        return Err(InvalidField::field(name, "is there twice"));
    }
    let Some((_, text)) = value else {
        return Ok(None);
    };
    let parsed = text
        .parse()
        .map_err(|problem| InvalidField::field(name, problem))?;
    // What it was about: a state, a day or a period. A text that is none of them may be anything, and is not logged.
    tracing::info!(target: crate::TRAIL, name, value = text, "asked with");
    Ok(Some(parsed))
}

/// How many entries are wanted.
pub(crate) fn limit(request: &Inbound) -> Result<u16, InvalidField> {
    let limit = of_query(request, "limit", 100)?;
    match limit {
        1..=MAX_LISTED => Ok(limit),
        _ => Err(InvalidField::field("limit", "must be 1 to 1000")),
    }
}

/// So many transactions are read at the same time: in a bad outage thousands wait, and what is proposed is among them.
const READS_AT_ONCE: usize = 32;

/// Lists the transactions of a state, the oldest first.
pub(crate) async fn list(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let state = of_query(request, "state", ListedState::Review)?;
    let limit = limit(request)?;
    let mut entries = entries(operator, state, limit).await?;
    entries.sort_by_key(|entry| (entry.at, entry.id.to_bytes()));
    // A transaction can need review for two reasons. It is listed once.
    let mut seen = HashSet::new();
    entries.retain(|entry| seen.insert(entry.id));
    let mut list = TransactionList {
        transactions: Vec::new(),
        unreadable: Vec::new(),
        more: false,
    };
    // The index can be outdated, so the transaction itself is checked.
    let found = stream::iter(entries)
        .map(async |entry| (entry.id, operator.transactions.load(entry.id).await))
        .buffered(READS_AT_ONCE);
    let mut found = pin!(found);
    while let Some((id, read)) = found.next().await {
        if list.transactions.len() >= usize::from(limit) {
            list.more = true;
            break;
        }
        match read {
            Ok(Some(found)) if is_in(state, &found) => {
                list.transactions.push(ListedTransaction::of(&found));
            }
            Ok(_) => {}
            Err(StoreError::Unreadable { .. }) => list.unreadable.push(id.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer::shown(&list))
}

/// The entries of the index for a state.
async fn entries(
    operator: &Operator,
    state: ListedState,
    limit: u16,
) -> Result<Vec<Indexed>, StoreError> {
    let mut all = Vec::new();
    let index = match state {
        ListedState::Unconfirmed => DueIndex::Ipn,
        ListedState::Unknown | ListedState::Reversing => DueIndex::Refund,
        ListedState::Pending => DueIndex::Expiry,
        _ => {
            // One more than the limit shows whether there are more. What is proposed is among all that waits.
            let at_most = match state {
                ListedState::Proposed => u16::MAX,
                _ => limit.saturating_add(1),
            };
            for reason in state.review_reasons() {
                all.extend(operator.transactions.needs_review(reason, at_most).await?);
            }
            // A resend is also proposed of what Tiki has not confirmed yet.
            if state != ListedState::Proposed {
                return Ok(all);
            }
            DueIndex::Ipn
        }
    };
    for shard in 0..SHARDS {
        let due = operator
            .transactions
            .due(index, shard, Timestamp::MAX, u16::MAX);
        all.extend(due.await?);
    }
    Ok(all)
}

fn is_in(state: ListedState, t: &Transaction) -> bool {
    let open = t.refunds().iter().any(|refund| refund.due().is_some());
    match state {
        ListedState::Review
        | ListedState::Disputed
        | ListedState::Exhausted
        | ListedState::RefundRejected
        | ListedState::Contradicted
        | ListedState::Undecided
        | ListedState::RefundsRejected => t
            .needs_review()
            .is_some_and(|(reason, _)| state.review_reasons().contains(&reason)),
        ListedState::Proposed => t.proposal().is_some(),
        ListedState::Unknown => t
            .refunds()
            .iter()
            .any(|refund| matches!(refund.state, RefundState::Unknown(_))),
        ListedState::Reversing => matches!(t.ipn(), Ipn::Reversing { .. }) && open,
        ListedState::Unconfirmed => t.ipn_due_at().is_some(),
        ListedState::Pending => matches!(t.payment(), PaymentState::Pending { .. }),
    }
}
