//! One transaction, Tiki's side of it, and what lists and searches have in common.

use std::str::FromStr;

use api::{ApiError, Inbound, Reply};
use domain::{Refusal, Transaction, TransactionId};
use json_fields::InvalidField;
use operator_api::look_up::LookUpView;
use operator_api::transaction::TransactionView;

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
    let now = operator.clock.now();
    answer::shown(&TransactionView::of(transaction, operator.approval, now))
}

/// Shows a transaction.
pub(crate) async fn show(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    Ok(shown(operator, &found(operator, request).await?))
}

/// Looks up a transaction at Tiki. Changes nothing.
pub(crate) async fn look_up(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    let t = found(operator, request).await?;
    let heard = operator
        .tiki
        .client
        .look_up(t.tiki_id(), Some(t.id()))
        .await;
    let view = LookUpView {
        http: Some(heard.http.to_string()),
        ..LookUpView::of(&t, heard.answer)
    };
    Ok(answer::shown(&view))
}

/// A value of the query, or its default.
pub(crate) fn of_query<T: FromStr<Err: std::fmt::Display>>(
    request: &Inbound,
    name: &'static str,
    default: T,
) -> Result<T, InvalidField> {
    Ok(optional_of_query(request, name)?.unwrap_or(default))
}

/// A value of the query that may be missing. It is logged with the question: a state, a day or a period.
pub(crate) fn optional_of_query<T: FromStr<Err: std::fmt::Display>>(
    request: &Inbound,
    name: &'static str,
) -> Result<Option<T>, InvalidField> {
    let Some(text) = text_of_query(request, name)? else {
        return Ok(None);
    };
    let parsed = text
        .parse()
        .map_err(|problem| InvalidField::field(name, problem))?;
    // A text that is none of them may be anything, and is not logged.
    trail::asked_with(request, name, text);
    Ok(Some(parsed))
}

/// A text of the query that may be missing, and may be personal: it is not logged.
pub(crate) fn text_of_query<'r>(
    request: &'r Inbound,
    name: &'static str,
) -> Result<Option<&'r str>, InvalidField> {
    let mut named = request.query.iter().filter(|(known, _)| known == name);
    let (value, again) = (named.next(), named.next());
    if again.is_some() {
        return Err(InvalidField::field(name, "is there twice"));
    }
    Ok(value.map(|(_, text)| text.as_str()))
}

/// How many entries are wanted.
pub(crate) fn limit(request: &Inbound) -> Result<u16, InvalidField> {
    let limit = of_query(request, "limit", 100)?;
    match limit {
        1..=MAX_LISTED => Ok(limit),
        _ => Err(InvalidField::field("limit", "must be 1 to 1000")),
    }
}
