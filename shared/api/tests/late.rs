//! A function that has no time left answers, instead of being ended without an answer. And a person gets a page.

use std::future::{pending, ready};

use api::{ApiError, Code, Handler, Inbound, Reply, answer};
use async_trait::async_trait;
use futures::FutureExt;
use http::StatusCode;

/// A handler whose table answers, or does not.
struct Waits {
    for_ever: bool,
}

#[async_trait]
impl Handler for Waits {
    async fn handle(&self, _: &Inbound) -> Result<Reply, ApiError> {
        if self.for_ever {
            pending::<()>().await;
        }
        Ok(Reply::Json {
            code: Code::Success,
            body: b"{}".to_vec(),
        })
    }
}

/// A handler whose callers are people.
struct ForPeople;

#[async_trait]
impl Handler for ForPeople {
    async fn handle(&self, _: &Inbound) -> Result<Reply, ApiError> {
        Err(ApiError::Unavailable("Tiki"))
    }

    fn error_page(&self) -> Option<String> {
        Some("<p>Try again</p>".to_owned())
    }
}

#[test]
fn a_person_gets_a_page_instead_of_an_error() {
    let request = Inbound::default();
    let shown = answer(&ForPeople, &request, pending()).now_or_never();
    let shown = shown.unwrap();
    assert_eq!(shown.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(shown.body(), "<p>Try again</p>");
    assert_eq!(shown.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(shown.headers()["cache-control"], "no-store");
}

#[test]
fn what_is_late_is_answered_as_safe_to_repeat() {
    let hangs = Waits { for_ever: true };
    let request = Inbound::default();
    assert!(answer(&hangs, &request, pending()).now_or_never().is_none());
    let late = answer(&hangs, &request, ready(())).now_or_never().unwrap();
    assert_eq!(late.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body: serde_json::Value = serde_json::from_str(late.body()).unwrap();
    assert_eq!(body["code"], 2, "{body}");
    assert_eq!(body["message"], "system error, safe to repeat", "{body}");

    // What is done is answered, also at the last moment.
    let works = Waits { for_ever: false };
    let done = answer(&works, &request, ready(())).now_or_never().unwrap();
    assert_eq!(done.status(), StatusCode::OK);
}
