//! A list of transactions, one of them, and Tiki's side of it.

use std::collections::HashSet;
use std::pin::pin;
use std::str::FromStr;

use api::{ApiError, Inbound, Reply};
use domain::{Ipn, PaymentState, RefundState, Refusal, Timestamp, Transaction, TransactionId};
use futures::future::try_join_all;
use futures::{StreamExt, stream};
use json_fields::InvalidField;
use operator_api::look_up::LookUpView;
use operator_api::transaction::{ListedState, ListedTransaction, TransactionList, TransactionView};
use store::{DueIndex, Indexed, SHARDS, StoreError};

use crate::{Operator, answer, trail};

/// The most entries of a list.
const MAX_LISTED: u16 = 1000;

/// The transaction that the path names.
pub(crate) async fn found(operator: &Operator, request: &Inbound) -> Result<Transaction, ApiError> {
    let id = request.path_parameter("transaction_id");
    let id: TransactionId = id.parse().map_err(|_| Refusal::NotFound)?;
    let found = operator.transactions.load(id).await?;
    Ok(found.ok_or(Refusal::NotFound)?)
}

/// A transaction as it is now.
pub(crate) fn shown(operator: &Operator, transaction: &Transaction) -> Reply {
    answer::shown(&TransactionView::of(transaction, operator.clock.now()))
}

/// Shows a transaction.
pub(crate) async fn show(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    Ok(shown(operator, &found(operator, request).await?))
}

/// Looks up a transaction at Tiki. Changes nothing.
pub(crate) async fn look_up(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let t = found(operator, request).await?;
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
    trail::asked_with(request, name, text);
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

/// So many transactions are read at the same time: in a bad outage thousands wait.
const READS_AT_ONCE: usize = 32;

/// Lists the transactions of a state, the oldest first.
pub(crate) async fn list(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let now = operator.clock.now();
    let state = of_query(request, "state", ListedState::Review)?;
    let limit = limit(request)?;
    let mut entries = entries(operator, state, limit, now).await?;
    // An index has what is due next first: who has waited longest is often tried again last.
    let since = |entry: &Indexed| entry.final_at.unwrap_or(entry.at);
    entries.sort_by_key(|entry| (since(entry), entry.id.to_bytes()));
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
            Ok(Some(found)) if is_in(state, &found, now) => {
                list.transactions.push(ListedTransaction::of(&found, now));
            }
            Ok(_) => {}
            Err(StoreError::Unreadable { .. }) => list.unreadable.push(id.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer::shown(&list))
}

/// The entries of the indexes for a state.
async fn entries(
    operator: &Operator,
    state: ListedState,
    limit: u16,
    now: Timestamp,
) -> Result<Vec<Indexed>, StoreError> {
    let transactions = &operator.transactions;
    let of_all_shards = async |index| {
        let due = |shard| transactions.due(index, shard, Timestamp::MAX, u16::MAX);
        try_join_all((0..SHARDS).map(due)).await
    };
    let parts = match state {
        ListedState::Unconfirmed => of_all_shards(DueIndex::Ipn).await?,
        ListedState::Unknown | ListedState::Reversing => of_all_shards(DueIndex::Refund).await?,
        ListedState::Pending => of_all_shards(DueIndex::Expiry).await?,
        // An outdated one is in the index, too, until it ends.
        ListedState::Proposed => vec![transactions.proposed(now, u16::MAX).await?],
        ListedState::Review
        | ListedState::Disputed
        | ListedState::Exhausted
        | ListedState::RefundRejected
        | ListedState::Contradicted
        | ListedState::Undecided
        | ListedState::RefundsRejected => {
            // One more than the limit shows whether there are more.
            let at_most = limit.saturating_add(1);
            let reasons = state.review_reasons().into_iter();
            let waiting = reasons.map(|reason| transactions.needs_review(reason, at_most));
            try_join_all(waiting).await?
        }
    };
    Ok(parts.into_iter().flatten().collect())
}

fn is_in(state: ListedState, t: &Transaction, now: Timestamp) -> bool {
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
        ListedState::Proposed => t.valid_proposal(now).is_some(),
        ListedState::Unknown => t
            .refunds()
            .iter()
            .any(|refund| matches!(refund.state, RefundState::Unknown(_))),
        ListedState::Reversing => matches!(t.ipn(), Ipn::Reversing { .. }) && open,
        ListedState::Unconfirmed => t.ipn_due_at().is_some(),
        ListedState::Pending => matches!(t.payment(), PaymentState::Pending { .. }),
    }
}
