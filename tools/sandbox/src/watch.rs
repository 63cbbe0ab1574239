//! The page to watch everything happen: `GET /_sandbox`.
//!
//! Each call as it goes over the wire, with what was signed and whether it holds; the payments as the three sides have
//! them; the queues; the files; a switch for every fault. Without script the page loads itself again. With it, new calls
//! come as server-sent events, and the rest of the page is read again when something has happened.

mod board;
mod call;
mod calls;
mod payment;
mod signature;
mod switches;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use self::board::Board;
use self::payment::PaymentPage;
use self::switches::{CallSwitch, Chosen};
use crate::cloudwatch::AlarmState;
use crate::handles::{Handles, Pages};
use crate::scenarios::Scenario;

pub(crate) use self::call::Call;
pub(crate) use self::calls::Calls;
pub(crate) use self::signature::KnownKeys;

/// The page loads from its own address only, and stands in no frame.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                   form-action 'self'; frame-ancestors 'none'";

/// The page, and what it shows.
#[derive(Clone)]
pub(crate) struct Watch {
    handles: Handles,
    calls: Calls,
}

#[derive(Template)]
#[template(path = "watch.html")]
struct Page<'p> {
    addresses: &'p Pages,
    still: bool,
    scenarios: Vec<Choice>,
    board: BoardPart,
    calls: Vec<Arc<Call>>,
}

/// A scenario that the page offers.
struct Choice {
    name: &'static str,
    vietnamese: &'static str,
}

/// What is read again when something has happened.
#[derive(Template)]
#[template(path = "watch-board.html")]
struct BoardPart {
    /// The time of the sandbox, and how far it is ahead.
    now: String,
    board: Board,
    alarms: Vec<AlarmState>,
    switches: Vec<CallSwitch>,
}

impl Choice {
    fn of(scenario: Scenario) -> Self {
        let (vietnamese, _) = scenario.title();
        Self {
            name: scenario.name(),
            vietnamese,
        }
    }
}

impl BoardPart {
    fn any_alarm(&self) -> bool {
        self.alarms.iter().any(|alarm| alarm.is_on)
    }

    fn any_fault(&self) -> bool {
        self.switches.iter().any(|switch| switch.on.is_some())
    }
}

impl Watch {
    pub(crate) fn new(handles: Handles, calls: Calls) -> Self {
        Self { handles, calls }
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/_sandbox", get(page))
            .route("/_sandbox/board", get(board))
            .route("/_sandbox/calls", get(calls))
            .route("/_sandbox/alarms", get(alarms))
            .route("/_sandbox/events", get(events))
            .route("/_sandbox/payments/{id}", get(payment))
            .route("/_sandbox/faults", post(switch))
            .route("/_sandbox/clock/page", post(forward))
            .route("/_sandbox/watch.js", get(script))
            .route("/_sandbox/watch.css", get(style))
            .layer(from_fn(with_headers))
            .with_state(self)
    }

    /// `09:00:00, 29/11, trước 2 giờ`.
    fn now(&self) -> String {
        let clock = &self.handles.clock;
        let now = board::moment(clock.now_ms());
        let ahead = u64::try_from(clock.ahead().as_millis()).unwrap_or(u64::MAX);
        match ahead {
            0 => now,
            ahead => format!("{now} (đã tua tới {})", board::span(ahead)),
        }
    }

    /// The alarms of the template now, those that are on first.
    fn alarms(&self) -> Vec<AlarmState> {
        let (clock, plan) = (&self.handles.clock, &self.handles.gateway.plan);
        self.handles.logs.metrics().alarms(plan, clock.now_ms())
    }

    async fn board(&self) -> anyhow::Result<BoardPart> {
        Ok(BoardPart {
            now: self.now(),
            alarms: self.alarms(),
            board: Board::read(&self.handles, self.handles.clock.now_ms()).await?,
            switches: switches::all(&self.handles),
        })
    }
}

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CSP),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `?still=yes`: without script the page does not load itself again.
#[derive(Deserialize)]
struct Still {
    still: Option<String>,
}

impl Still {
    fn is_wanted(&self) -> bool {
        self.still.is_some()
    }
}

async fn page(State(watch): State<Watch>, Query(still): Query<Still>) -> Response {
    let board = match watch.board().await {
        Ok(board) => board,
        Err(error) => return unreadable(&error),
    };
    html(&Page {
        addresses: &watch.handles.pages,
        still: still.is_wanted(),
        scenarios: Scenario::ALL
            .iter()
            .map(|scenario| Choice::of(*scenario))
            .collect(),
        board,
        calls: watch.calls.newest(),
    })
}

async fn board(State(watch): State<Watch>) -> Response {
    match watch.board().await {
        Ok(board) => html(&board),
        Err(error) => unreadable(&error),
    }
}

/// `GET /_sandbox/calls`: the newest calls as JSON, the newest first.
async fn calls(State(watch): State<Watch>) -> Response {
    let calls = watch.calls.newest();
    Json(calls.iter().map(AsRef::as_ref).collect::<Vec<&Call>>()).into_response()
}

/// `GET /_sandbox/alarms`: the alarms as JSON, those that are on first.
async fn alarms(State(watch): State<Watch>) -> Response {
    Json(watch.alarms()).into_response()
}

/// `GET /_sandbox/events`: each call from now on, as the page shows it.
async fn events(State(watch): State<Watch>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let calls = stream::unfold(watch.calls.live(), async |mut live| {
        loop {
            match live.recv().await {
                Ok(call) => {
                    // A line of an event ends at a line end: the fragment has none outside of its texts, which are escaped.
                    let fragment = call.render().unwrap_or_default();
                    return Some((Ok(Event::default().data(fragment)), live));
                }
                // A slow reader misses some. The page shows them when it is loaded again.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(calls).keep_alive(KeepAlive::default())
}

async fn payment(
    State(watch): State<Watch>,
    Path(id): Path<String>,
    Query(still): Query<Still>,
) -> Response {
    match PaymentPage::read(&watch, &id, still.is_wanted()).await {
        Ok(page) => html(&page),
        Err(error) => (StatusCode::NOT_FOUND, format!("{error:#}\n")).into_response(),
    }
}

/// `POST /_sandbox/faults`, a form of the page.
async fn switch(State(watch): State<Watch>, Form(chosen): Form<Chosen>) -> Response {
    let switched = switches::choose(&watch.handles, &chosen);
    if switched.status().is_success() {
        Redirect::to("/_sandbox#faults").into_response()
    } else {
        switched
    }
}

/// So far the page moves the time at once.
#[derive(Deserialize)]
struct Forward {
    hours: u16,
}

/// `POST /_sandbox/clock/page`, a form of the page.
async fn forward(State(watch): State<Watch>, Form(Forward { hours }): Form<Forward>) -> Response {
    let time = watch.handles.time.clone();
    let by = Duration::from_hours(hours.into());
    // In its own task: who disconnects does not leave the time half way.
    match tokio::spawn(async move { time.forward(by).await }).await {
        Ok(Ok(_)) => Redirect::to("/_sandbox").into_response(),
        Ok(Err(error)) => (StatusCode::CONFLICT, format!("{error:#}\n")).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn script() -> impl IntoResponse {
    let script = include_str!("../assets/watch.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], script)
}

async fn style() -> impl IntoResponse {
    let style = include_str!("../assets/watch.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], style)
}

fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn unreadable(error: &anyhow::Error) -> Response {
    let problem = format!("The table cannot be read: {error:#}\n");
    (StatusCode::BAD_GATEWAY, problem).into_response()
}
