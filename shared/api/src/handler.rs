//! A handler, and the way from its result to a response.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{Either, select};
use http::{Response, StatusCode};

use crate::response::{json, page, redirect};
use crate::{ApiError, Code, Inbound, refusal};

/// A larger body is refused before anything else is looked at.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// So long before a function is ended, `late` comes: DynamoDB may need seven seconds for each of several calls, and a
/// function that is ended answers nothing.
pub const TIME_TO_ANSWER: Duration = Duration::from_millis(250);

/// The answer of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer of an API. Its code decides the HTTP status.
    Json {
        /// The code that stands in the body.
        code: Code,
        /// The exact bytes of the body.
        body: Vec<u8>,
    },
    /// Sends the customer's browser to another URL.
    Redirect {
        /// The URL, byte for byte.
        location: String,
    },
    /// A page for a customer.
    Page {
        /// The HTTP status of the page.
        status: StatusCode,
        /// The whole page, which loads nothing else.
        html: String,
    },
}

/// A function behind API Gateway.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Answers one request.
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError>;

    /// The HTTP status of an answer: 200 for an answer with a code of ours, whatever the code.
    fn status(&self, code: Code) -> StatusCode {
        match code {
            Code::InvalidRequest => StatusCode::BAD_REQUEST,
            Code::SystemError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::SignatureRefused | Code::Stale => StatusCode::UNAUTHORIZED,
            _ => StatusCode::OK,
        }
    }

    /// The HTTP status of the answer to a body that is too large.
    fn status_too_large(&self) -> StatusCode {
        StatusCode::PAYLOAD_TOO_LARGE
    }

    /// The HTTP status when a counterparty that is needed for the answer does not answer.
    fn status_unavailable(&self) -> StatusCode {
        StatusCode::BAD_GATEWAY
    }

    /// The whole page that a person gets instead of the JSON of an error. `None` for an API.
    fn error_page(&self) -> Option<String> {
        None
    }
}

/// Adds the id of the transaction to every later log line of this request.
pub fn record_transaction_in_span(transaction_id: domain::TransactionId) {
    tracing::Span::current().record("transaction_id", tracing::field::display(transaction_id));
}

/// Runs a handler, and turns its answer or its error into a response. When `late` comes first, the handler is dropped
/// where it waits, as if the function had died there, but the caller gets an answer.
pub async fn answer(
    handler: &dyn Handler,
    request: &Inbound,
    late: impl Future<Output = ()>,
) -> Response<String> {
    let result = if request.body.len() > MAX_BODY_BYTES {
        Err(ApiError::TooLarge)
    } else {
        match select(handler.handle(request), pin!(late)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(ApiError::Late),
        }
    };
    let (response, code) = match result {
        Ok(Reply::Json { code, body }) => (json(handler.status(code), body), Some(code)),
        Ok(Reply::Redirect { location }) => (redirect(&location), None),
        Ok(Reply::Page { status, html }) => (page(status, html), None),
        Err(error) => {
            let (code, status, message) = error.answer(handler);
            let response = match handler.error_page() {
                Some(html) => page(status, html),
                None => json(status, refusal(code, &message)),
            };
            (response, Some(code))
        }
    };
    if let Some(refused) = code.filter(|code| *code != Code::Success) {
        metrics::REFUSALS.count(&[&refused.number().to_string()]);
    }
    let http_status = response.status().as_u16();
    tracing::info!(http_status, code = code.map(Code::number), "answered");
    response
}
