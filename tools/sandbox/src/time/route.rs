//! `/_sandbox/clock`: shows the time, and moves it.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{Time, on_vietnams_clock, words};
use crate::body::JsonBody;

/// `{"forward": "2h"}`: units are `s`, `m`, `h` and `d`, and `1d 12h` is both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    #[serde(deserialize_with = "duration")]
    forward: Duration,
}

fn duration<'de, D: Deserializer<'de>>(given: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(given)?;
    humantime::parse_duration(&text).map_err(|error| {
        let problem = format!("{text:?} is no time such as 2h, 90m or 1d 12h: {error}");
        serde::de::Error::custom(problem)
    })
}

impl Time {
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/_sandbox/clock", get(show).post(forward))
            .with_state(self.clone())
    }

    fn shown(&self) -> Value {
        let clock = self.clock();
        // Seconds are exact enough for a person.
        let ahead = Duration::from_secs((clock.ahead() + Duration::from_millis(500)).as_secs());
        json!({
            "now": on_vietnams_clock(clock.now_ms()),
            "ahead": words(ahead),
        })
    }
}

/// `GET /_sandbox/clock`: the time, and how far it is ahead of this machine's.
async fn show(State(time): State<Time>) -> Json<Value> {
    Json(time.shown())
}

/// `POST /_sandbox/clock`: `{"forward": "2h"}`. The answer has also what the schedules fired on the way.
async fn forward(State(time): State<Time>, JsonBody(Move { forward }): JsonBody<Move>) -> Response {
    // In its own task: a caller that disconnects does not leave the time half way.
    let moving = time.clone();
    let moved = tokio::spawn(async move { moving.moved(forward).await });
    match moved.await {
        Ok(Ok(fired)) => {
            let mut shown = time.shown();
            shown["fired"] = json!(fired);
            Json(shown).into_response()
        }
        Ok(Err(refused)) => {
            let message = json!({ "message": refused.to_string() });
            (refused.status(), Json(message)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_read_or_its_problem_is_said() {
        let read = |text: &str| serde_json::from_str::<Move>(text).map(|read| read.forward);
        for (text, hours) in [("2h", 2), ("1d", 24), ("1d 12h", 36), ("1d12h", 36)] {
            let read = read(&format!(r#"{{"forward":"{text}"}}"#)).unwrap();
            assert_eq!(read, Duration::from_hours(hours), "{text}");
        }
        for bad in [
            r#"{"forward":"-2h"}"#,
            r#"{"forward":"2"}"#,
            r#"{"forward":""}"#,
            r#"{"forward":7200}"#,
            r#"{"back":"2h"}"#,
            "{}",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let error = read(r#"{"forward":"-2h"}"#).unwrap_err().to_string();
        assert!(error.contains("such as 2h"), "{error}");
    }
}
