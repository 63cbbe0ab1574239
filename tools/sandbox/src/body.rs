//! The body of a call that a person makes by hand.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

/// A body of JSON, whatever the call says that it is: `curl -d` calls it a form. What is wrong with it is said in words.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = (StatusCode, String);

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| (error.status(), format!("{}\n", error.body_text())))?;
        match serde_json::from_slice(&body) {
            Ok(read) => Ok(Self(read)),
            Err(error) => {
                let problem = format!("the body is not what this call takes: {error}\n");
                Err((StatusCode::UNPROCESSABLE_ENTITY, problem))
            }
        }
    }
}
