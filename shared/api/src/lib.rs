//! What an API call of Tiki and one of the partner have in common: the request as a handler sees it, the
//! signature check, the envelope and the codes of every answer, and what becomes of a refusal or of an internal
//! error. Each function behind API Gateway uses it, and so do `tiki-api` and `partner-api`, which add the
//! messages of their counterparty. It must not depend on Lambda, nor on either of these two: `lambda` turns
//! events into an [`Inbound`], and the simulation calls [`answer`] without it.
//!
//! | module | what is there |
//! |---|---|
//! | `inbound` | [`Inbound`]: the request |
//! | `verifier` | [`Verifier`]: the signature check, before anything is parsed |
//! | `payload_candidates` | [`payload_candidates`]: what the sender of a GET may have signed |
//! | `handler` | [`Handler`], and [`answer`], which runs one and turns its result into a response |
//! | `error` | [`ApiError`]: why a handler does not answer with success |
//! | `code` | [`Code`]: the result codes |
//! | `tiki_fields` | [`TIKI_FIELDS`]: the fields that only their own messages may have |
//! | `envelope` | [`envelope`] and [`refusal`]: the body of an answer |

mod code;
mod envelope;
mod error;
mod handler;
mod inbound;
mod payload_candidates;
mod response;
mod tiki_fields;
mod verifier;

pub use code::Code;
pub use envelope::{envelope, refusal, to_json};
pub use error::ApiError;
pub use handler::{
    Handler, MAX_BODY_BYTES, Reply, TIME_TO_ANSWER, answer, record_transaction_in_span,
};
pub use inbound::{IamCaller, Inbound};
pub use payload_candidates::payload_candidates;
pub use tiki_fields::TIKI_FIELDS;
pub use verifier::Verifier;
