//! `GET` and `POST {url}/_sandbox/scenarios`, and the page of a scenario that was played.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::{Played, Scenario};
use crate::body::JsonBody;
use crate::handles::Handles;

/// Plays one scenario after the other: two would change the same switches.
#[derive(Clone)]
pub(crate) struct Scenarios {
    handles: Handles,
    turn: Arc<Mutex<()>>,
}

/// `{"scenario": "tiki-down"}`, or with `"end": true` to take back what it changed at Tiki or at the core.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    scenario: String,
    #[serde(default)]
    end: bool,
}

#[derive(Template)]
#[template(path = "scenario.html")]
struct PlayedPage {
    title: &'static str,
    english: &'static str,
    /// How it went, or why it did not.
    played: Result<Played, String>,
}

impl Scenarios {
    pub(crate) fn new(handles: Handles) -> Self {
        Self {
            handles,
            turn: Arc::default(),
        }
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/_sandbox/scenarios", get(list).post(play))
            .route("/_sandbox/scenarios/page", axum::routing::post(page))
            .with_state(self)
    }

    /// Plays a scenario, or takes back what it changed. In its own task: who disconnects does not leave it half way.
    pub(crate) async fn play(&self, scenario: Scenario, end: bool) -> anyhow::Result<Played> {
        let scenarios = self.clone();
        let playing = tokio::spawn(async move {
            let _turn = scenarios.turn.lock().await;
            if end {
                scenario.end(&scenarios.handles)
            } else {
                scenario.play(&scenarios.handles).await
            }
        });
        playing.await?
    }
}

/// `GET /_sandbox/scenarios`: what there is.
async fn list() -> Response {
    let all = Scenario::ALL.iter().map(|scenario| {
        let (vietnamese, english) = scenario.title();
        json!({
            "scenario": scenario.name(),
            "vi": vietnamese,
            "en": english,
            "alarms": scenario.alarms(),
        })
    });
    Json(all.collect::<Vec<_>>()).into_response()
}

async fn play(State(scenarios): State<Scenarios>, JsonBody(asked): JsonBody<Asked>) -> Response {
    let problem =
        |status, message: String| (status, Json(json!({ "message": message }))).into_response();
    let scenario = match Scenario::named(&asked.scenario) {
        Ok(scenario) => scenario,
        Err(error) => return problem(StatusCode::UNPROCESSABLE_ENTITY, error),
    };
    match scenarios.play(scenario, asked.end).await {
        Ok(played) => Json(played).into_response(),
        Err(error) => problem(StatusCode::CONFLICT, format!("{error:#}")),
    }
}

/// A form of the page to watch.
async fn page(State(scenarios): State<Scenarios>, Form(asked): Form<Asked>) -> Response {
    let scenario = match Scenario::named(&asked.scenario) {
        Ok(scenario) => scenario,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, error).into_response(),
    };
    let (title, english) = scenario.title();
    let played = scenarios.play(scenario, asked.end).await;
    let page = PlayedPage {
        title,
        english,
        played: played.map_err(|error| format!("{error:#}")),
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
