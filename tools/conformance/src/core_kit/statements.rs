//! The statement of a day, page by page.

use std::collections::HashSet;

use futures::FutureExt;
use serde_json::Value;
use url::form_urlencoded;
use uuid::Uuid;

use super::{Check, CoreKit, rules};
use crate::call::Answer;
use crate::clock::{day_ago, read_time, rfc3339};
use crate::verdict::{Stop, Verdict, ensure};

/// No statement is read any further.
const MOST_PAGES: usize = 1_000;
const MOST_ENTRIES: usize = 1_000;
/// So many pages are asked for again: we begin with the first one again if one fails.
const MOST_ASKED_TWICE: usize = 5;
const MOST_CURSOR_BYTES: usize = 1_024;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "statement-today",
        title: "The statement of today is not_there yet, or a page of today",
        title_vi: "Sao kê của hôm nay là not_there hoặc một trang của hôm nay",
        cites: rules::PAGES,
        run: |kit| today(kit).boxed(),
    },
    Check {
        id: "statement-pages",
        title: "The statement of a past day comes in pages that end",
        title_vi: "Sao kê của ngày đã qua gồm các trang có kết thúc",
        cites: rules::PAGES,
        run: |kit| pages(kit).boxed(),
    },
    Check {
        id: "statement-entries",
        title: "Each entry of a statement can be read, and is of that day",
        title_vi: "Mỗi dòng sao kê đọc được và thuộc đúng ngày",
        cites: rules::STATEMENT,
        run: |kit| entries(kit).boxed(),
    },
    Check {
        id: "statement-unknown-cursor",
        title: "A cursor that the core did not give is refused",
        title_vi: "Con trỏ trang không do hệ thống lõi cấp bị từ chối",
        cites: rules::WRONG_CALL,
        run: |kit| unknown_cursor(kit).boxed(),
    },
    Check {
        id: "statement-no-day",
        title: "What is no day is refused, and is no error of the server",
        title_vi: "Ngày không hợp lệ bị từ chối, không gây lỗi máy chủ",
        cites: rules::WRONG_CALL,
        run: |kit| no_day(kit).boxed(),
    },
];

impl CoreKit {
    pub(super) fn has_statements(&self) -> Verdict {
        if self.options.statements {
            return Ok(());
        }
        Err(Stop::skipped(
            "the core has no statements by API (--without-statements)",
        ))
    }

    /// A day whose statement must be there.
    fn past_day(&self) -> String {
        let given = self.options.statement_day.clone();
        given.unwrap_or_else(|| day_ago(2))
    }

    /// Whether a day that nobody named is not there yet.
    pub(super) async fn is_not_there(&self, day: &str) -> Verdict<bool> {
        if self.options.statement_day.as_deref() == Some(day) {
            return Ok(false);
        }
        let answer = self.core.get(format!("/statements/{day}")).await?;
        Ok(answer.status == 404 && answer.json["status"] == "not_there")
    }

    /// Every page of a day, with its path.
    pub(super) async fn statement(&self, day: &str) -> Verdict<Vec<(String, Answer)>> {
        let mut pages = Vec::new();
        let mut cursors = HashSet::new();
        let mut path = format!("/statements/{day}");
        loop {
            let page = self.core.get(&*path).await?;
            is_page(&page, day)?;
            let next = page.json["next"].as_str().map(str::to_owned);
            pages.push((path, page));
            let Some(cursor) = next.filter(|next| !next.is_empty()) else {
                return Ok(pages);
            };
            let fits = cursor.len() <= MOST_CURSOR_BYTES && pages.len() < MOST_PAGES;
            let expected = "a next of at most 1,024 bytes, and a last page";
            ensure(fits, expected, || {
                format!("{} pages, and next of {} bytes", pages.len(), cursor.len())
            })?;
            let query = form_urlencoded::byte_serialize(cursor.as_bytes());
            let query: String = query.collect::<String>().replace('+', "%20");
            path = format!("/statements/{day}?cursor={query}");
            ensure(cursors.insert(cursor), "no cursor twice", || {
                "a cursor that came before".to_owned()
            })?;
        }
    }
}

fn is_page(answer: &Answer, day: &str) -> Verdict {
    let entries = answer.json["entries"].as_array();
    let next = &answer.json["next"];
    let right = answer.status == 200
        && answer.json["day"] == day
        && entries.is_some_and(|entries| entries.len() <= MOST_ENTRIES)
        && (next.is_null() || next.is_string());
    let expected = format!(
        "HTTP 200 {{\"day\":\"{day}\",\"entries\":[at most 1,000],\"next\":a text or null}}"
    );
    ensure(right, expected, || answer.shown())
}

async fn today(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    let day = day_ago(0);
    let answer = kit.core.get(format!("/statements/{day}")).await?;
    if answer.status == 404 && answer.json["status"] == "not_there" {
        return Ok(());
    }
    let expected = "404 {\"status\":\"not_there\"}, or a page of today";
    ensure(is_page(&answer, &day).is_ok(), expected, || answer.shown())
}

async fn pages(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    let day = kit.past_day();
    let pages = kit.statement(&day).await?;
    // Today's may have grown.
    if day == day_ago(0) {
        return Ok(());
    }
    for (path, page) in pages.into_iter().take(MOST_ASKED_TWICE) {
        let again = kit.core.get(path).await?;
        let same = again.status == 200 && again.json["entries"] == page.json["entries"];
        ensure(same, "the same entries of a page again", || again.shown())?;
    }
    Ok(())
}

async fn entries(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    let day = kit.past_day();
    let pages = kit.statement(&day).await;
    let pages = pages.map_err(|_| Stop::skipped("no statement can be read"))?;
    let entries = pages
        .iter()
        .filter_map(|(_, page)| page.json["entries"].as_array());
    let mut count = 0;
    for entry in entries.flatten() {
        count += 1;
        // What an entry says is not shown: it is about customers' money.
        readable(entry, &day).map_err(|(field, what)| {
            Stop::failed(
                format!("{field}: {what}"),
                format!("another value in entry {count}"),
            )
        })?;
    }
    if count == 0 {
        let why = format!("the core has no bookings of {day}; name a day with --statement-day");
        return Err(Stop::skipped(why));
    }
    Ok(())
}

/// The field that is wrong, and what it must be.
pub(super) fn readable(entry: &Value, day: &str) -> Result<(), (&'static str, &'static str)> {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let rules = [
        (
            "type",
            "payment or refund",
            matches!(text("type"), "payment" | "refund"),
        ),
        ("id", "a text", !text("id").is_empty()),
        (
            "transaction_id",
            "a UUID, ours",
            Uuid::parse_str(text("transaction_id")).is_ok(),
        ),
        (
            "amount",
            "a whole number of VND, more than zero",
            entry["amount"].as_u64().is_some_and(|vnd| vnd > 0),
        ),
        (
            "at",
            "a time by RFC 3339 on that Vietnamese day",
            of_day(text("at"), day),
        ),
        (
            "rail_reference",
            "a text, or null",
            entry["rail_reference"].is_null() || entry["rail_reference"].is_string(),
        ),
    ];
    let wrong = rules.into_iter().find(|(_, _, right)| !right);
    wrong.map_or(Ok(()), |(field, what, _)| Err((field, what)))
}

/// Fifteen minutes before and after count as the day.
fn of_day(at: &str, day: &str) -> bool {
    let Some(at) = read_time(at) else {
        return false;
    };
    let near = 15 * 60 * 1000;
    [at - near, at, at + near]
        .into_iter()
        .any(|at| rfc3339(at).starts_with(day))
}

async fn unknown_cursor(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    let path = format!("/statements/{}?cursor=not-a-cursor", kit.past_day());
    let answer = kit.core.get(path).await?;
    ensure(
        (400..500).contains(&answer.status),
        "HTTP 4xx: never the first page again",
        || answer.shown(),
    )
}

async fn no_day(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    for text in ["2025-02-30", "yesterday", "20251122"] {
        let answer = kit.core.get(format!("/statements/{text}")).await?;
        let refused = (400..500).contains(&answer.status);
        ensure(refused, format!("HTTP 4xx for the day {text}"), || {
            answer.shown()
        })?;
    }
    Ok(())
}
