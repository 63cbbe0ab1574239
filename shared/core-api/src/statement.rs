//! The core's statement of a day, page by page (docs/core.md).

use async_trait::async_trait;
use domain::Day;
use json_fields::{Fields, InvalidField};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reconciliation::result::Unreadable;
use reconciliation::statement::entry::{Entry, RawEntry};
use serde::Deserialize;
use serde_json::value::RawValue;
use signed_http::{Answer, SignedClient};

use crate::{CORE_TIMEOUT_IN_WORKER, CoreClient};

/// A page may have at most this many entries: about as many as an answer has room for, which has 256 KiB at most.
const MAX_ENTRIES_PER_PAGE: usize = 1_000;

/// The longest cursor that we repeat.
const MAX_CURSOR_BYTES: usize = 1_024;

/// What is written as `%XX` in a query.
const OF_A_CURSOR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A page of a statement. An entry that cannot be read hides no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPage {
    pub entries: Vec<Result<Entry, Unreadable>>,
    /// What asks for the next page; `None` after the last one.
    pub next: Option<String>,
}

/// There is no such page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The core says that it has no statement of this day yet.
    #[error("the core has no statement of this day yet")]
    NotThere,
    /// The core did not answer, or with an error.
    #[error("there is no answer of the core that can be used: {0}")]
    Unavailable(String),
    /// The answer is not a page of this day.
    #[error("the core's answer is not a page of this statement: {0}")]
    Unreadable(String),
}

/// Who has statements.
#[async_trait]
pub trait Statements: Send + Sync {
    /// A page of the statement of a Vietnamese day: the first one, or the one that `cursor` asks for.
    async fn page(&self, day: Day, cursor: Option<&str>) -> Result<StatementPage, StatementError>;
}

#[async_trait]
impl Statements for CoreClient {
    async fn page(&self, day: Day, cursor: Option<&str>) -> Result<StatementPage, StatementError> {
        let cursor = cursor.map(|cursor| {
            let encoded = utf8_percent_encode(cursor, OF_A_CURSOR);
            format!("?cursor={encoded}")
        });
        let relative = format!("/statements/{day}{}", cursor.unwrap_or_default());
        let readable = |answer: &Answer| read(answer, day).is_ok();
        let client: &SignedClient = self.client();
        let answer = client
            .get(&relative, CORE_TIMEOUT_IN_WORKER, readable)
            .await;
        let answer = answer
            .map_err(|error| StatementError::Unavailable(signed_http::error_chain(&error)))?;
        read(&answer, day)
    }
}

#[derive(Deserialize)]
struct Page<'b> {
    day: String,
    #[serde(borrow)]
    entries: Vec<&'b RawValue>,
    #[serde(default)]
    next: Option<String>,
}

fn read(answer: &Answer, day: Day) -> Result<StatementPage, StatementError> {
    match answer.status {
        200 => {}
        404 => {
            // Only the core itself says so. A bare 404 can come from a proxy that does not reach it.
            let fields = Fields::read(&answer.body).ok();
            let status = fields.and_then(|fields| fields.text::<String>("status").ok());
            if status.as_deref() == Some("not_there") {
                return Err(StatementError::NotThere);
            }
            return Err(StatementError::Unavailable("HTTP 404".to_owned()));
        }
        status => return Err(StatementError::Unavailable(format!("HTTP {status}"))),
    }
    let page: Page<'_> = serde_json::from_slice(&answer.body).map_err(|error| {
        // The text of the error can quote the body. Its position cannot.
        let (line, column) = (error.line(), error.column());
        StatementError::Unreadable(format!("at line {line} column {column}"))
    })?;
    if page.day != day.to_string() {
        return Err(StatementError::Unreadable("day is another one".to_owned()));
    }
    if page.entries.len() > MAX_ENTRIES_PER_PAGE {
        let problem = format!("entries has more than {MAX_ENTRIES_PER_PAGE}");
        return Err(StatementError::Unreadable(problem));
    }
    let next = page.next.filter(|next| !next.is_empty());
    if next
        .as_ref()
        .is_some_and(|next| next.len() > MAX_CURSOR_BYTES)
    {
        return Err(StatementError::Unreadable("next is too long".to_owned()));
    }
    let entries = page.entries.into_iter().map(entry);
    Ok(StatementPage {
        entries: entries.collect(),
        next,
    })
}

/// Reads an entry. Its number in the statement is the caller's to know.
fn entry(raw: &RawValue) -> Result<Entry, Unreadable> {
    let fields = Fields::read(raw.get().as_bytes())
        .map_err(|_| Unreadable::whole("the entry is not an object, or has a name twice"))?;
    let required = |field: &'static str| fields.text::<String>(field).map_err(of_field);
    let (kind, id) = (required("type")?, required("id")?);
    let (transaction_id, at) = (required("transaction_id")?, required("at")?);
    let amount = fields.amount("amount").map_err(of_field)?;
    let amount = amount.get().to_string();
    let reference = fields.optional_text::<domain::CoreReference>("rail_reference");
    let reference = reference
        .ok()
        .flatten()
        .map(|reference| reference.to_string());
    let raw = RawEntry {
        kind: &kind,
        id: &id,
        transaction_id: &transaction_id,
        amount: &amount,
        at: &at,
        reference: reference.as_deref().unwrap_or_default(),
    };
    raw.read()
        .map_err(|(field, problem)| of_field(InvalidField::field(field, problem)))
}

fn of_field(invalid: InvalidField) -> Unreadable {
    let (field, problem) = match invalid {
        InvalidField::NotAnObject(problem) => return Unreadable::whole(problem),
        InvalidField::Field { field, problem } => (field, problem),
        InvalidField::Amount { field, problem } => (field.to_owned(), problem.to_string()),
    };
    Unreadable {
        line: 0,
        column: Some(field),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Vnd;
    use proptest::prelude::*;
    use reconciliation::statement::entry::EntryKind;

    fn day() -> Day {
        "2026-11-22".parse().unwrap()
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    const ID: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";

    #[test]
    fn a_page_is_read_and_a_bad_entry_hides_no_other() {
        let body = format!(
            r#"{{"day":"2026-11-22","next":"a b","entries":[
            {{"type":"payment","id":"B-1","transaction_id":"{ID}","amount":100000,"at":"2026-11-22T10:00:00+07:00","rail_reference":"FT1"}},
            {{"type":"refund","id":"R","transaction_id":"{ID}","amount":"100.000","at":"2026-11-22T10:00:00Z"}},
            {{"type":"fee","id":"F","transaction_id":"{ID}","amount":1,"at":"2026-11-22T10:00:00Z"}},
            {{"type":"refund","id":"R2","transaction_id":"x","amount":1,"at":"2026-11-22T10:00:00Z"}},
            7,
            {{"type":"refund","id":"R3","transaction_id":"{ID}","amount":40000,"at":"2026-11-22T10:00:00+0700"}}]}}"#
        );
        let page = read(&answer(200, &body), day()).unwrap();
        assert_eq!(page.next.as_deref(), Some("a b"));
        let first = page.entries[0].as_ref().unwrap();
        assert_eq!(
            (first.kind, first.amount),
            (EntryKind::Payment, Vnd::new(100_000).unwrap())
        );
        assert_eq!(first.reference.as_deref(), Some("FT1"));
        let columns = page.entries[1..5].iter().map(|entry| {
            let unreadable = entry.as_ref().unwrap_err();
            unreadable.column.clone().unwrap_or_default()
        });
        let columns: Vec<String> = columns.collect();
        assert_eq!(columns, ["amount", "type", "transaction_id", ""]);
        assert!(page.entries[5].is_ok());
    }

    #[test]
    fn only_a_page_of_this_day_counts() {
        let empty = r#"{"day":"2026-11-22","entries":[],"next":""}"#;
        let page = read(&answer(200, empty), day()).unwrap();
        assert_eq!((page.entries.len(), page.next), (0, None));
        let not_there = read(&answer(404, r#"{"status":"not_there"}"#), day());
        assert_eq!(not_there, Err(StatementError::NotThere));
        for (status, body) in [
            (200, r#"{"day":"2026-11-23","entries":[]}"#),
            (200, r#"{"entries":[]}"#),
            (200, r#"{"day":"2026-11-22"}"#),
            (200, "<html>"),
            (200, ""),
            (404, ""),
            (404, "{}"),
            (500, empty),
        ] {
            let refused = read(&answer(status, body), day());
            assert!(
                !matches!(refused, Ok(_) | Err(StatementError::NotThere)),
                "{status} {body}"
            );
        }
        let encoded = utf8_percent_encode("a b&c/ấ-._~", OF_A_CURSOR).to_string();
        assert_eq!(encoded, "a%20b%26c%2F%E1%BA%A5-._~");
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in any::<u16>(), body in ".{0,200}") {
            let _ = read(&answer(status, &body), day());
        }
    }
}
