//! Why a handler does not answer with success, and what the caller then gets.

use domain::Refusal;
use http::StatusCode;
use json_fields::InvalidField;
use signing::{KeyError, SignatureRefusal};
use store::{StoreError, TableError};

use crate::handler::MAX_BODY_BYTES;
use crate::{Code, Handler};

/// What the caller may do after an error of ours.
const SAFE_TO_REPEAT: &str = "system error, safe to repeat";

/// Why a handler does not answer with success.
#[derive(Debug)]
pub enum ApiError {
    /// The body is larger than any message of the protocol.
    TooLarge,
    /// The signature is missing, wrong or outside the window of time.
    Signature(SignatureRefusal),
    /// The message is malformed.
    Invalid(InvalidField),
    /// The state of the transaction does not allow what was asked for.
    Refusal(Refusal),
    /// The time of the function is over: what it was doing may or may not be done.
    Late,
    /// The answer needs a counterparty, here by its name, and the counterparty does not answer.
    Unavailable(&'static str),
    /// The same signed bytes came before, and there is no answer to give again.
    Repeated,
    /// An internal error. It is logged once, where the answer is made, and the caller gets a generic message.
    Internal(anyhow::Error),
}

impl ApiError {
    /// The code, the status and the message of the answer. An internal error is counted and logged here, with
    /// all its causes.
    pub(crate) fn answer(&self, handler: &dyn Handler) -> (Code, StatusCode, String) {
        let (code, message) = match self {
            Self::TooLarge => {
                let message = format!("the body is larger than {MAX_BODY_BYTES} bytes");
                return (Code::InvalidRequest, handler.status_too_large(), message);
            }
            Self::Unavailable(counterparty) => {
                let message = format!("{counterparty} does not answer, repeat later");
                return (Code::SystemError, handler.status_unavailable(), message);
            }
            Self::Repeated => {
                let message = "this call came before, and its answer is not kept: sign it anew";
                let status = handler.status_unavailable();
                return (Code::SystemError, status, message.to_owned());
            }
            Self::Late => {
                metrics::INTERNAL_ERRORS.count(&[]);
                tracing::error!("the time of the function is over");
                (Code::SystemError, SAFE_TO_REPEAT.to_owned())
            }
            Self::Signature(SignatureRefusal::Stale) => {
                (Code::Stale, SignatureRefusal::Stale.to_string())
            }
            Self::Signature(refusal) => (Code::SignatureRefused, refusal.to_string()),
            Self::Invalid(invalid) => (Code::from(invalid), invalid.to_string()),
            Self::Refusal(refusal) => (Code::from(refusal), refusal.to_string()),
            Self::Internal(error) => {
                metrics::INTERNAL_ERRORS.count(&[]);
                tracing::error!(error = format!("{error:#}"), "internal error");
                (Code::SystemError, SAFE_TO_REPEAT.to_owned())
            }
        };
        (code, handler.status(code), message)
    }
}

impl From<SignatureRefusal> for ApiError {
    fn from(refusal: SignatureRefusal) -> Self {
        Self::Signature(refusal)
    }
}

impl From<InvalidField> for ApiError {
    fn from(invalid: InvalidField) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
