//! The answers of this function, in the envelope of every API of ours.

use api::{Code, Reply, envelope, refusal};
use serde::Serialize;

/// What was asked for.
pub(crate) fn shown(data: &impl Serialize) -> Reply {
    Reply::Json {
        code: Code::Success,
        body: envelope(Code::Success, "success", Some(data)),
    }
}

/// What does not exist: `transaction T-1`.
pub(crate) fn not_found(what: &str) -> Reply {
    refused(
        Code::NotFound,
        &format!("{what} does not exist. Check the id."),
    )
}

/// There is nothing about what was asked for, and why.
pub(crate) fn nothing(why: &str) -> Reply {
    refused(Code::NotFound, why)
}

/// Why the rules refuse it.
pub(crate) fn against_the_rules(why: &str) -> Reply {
    refused(Code::NotRefundable, why)
}

/// The template and this function differ.
pub(crate) fn no_such_route() -> Reply {
    refused(Code::InvalidRequest, "there is no such method and path")
}

fn refused(code: Code, message: &str) -> Reply {
    Reply::Json {
        code,
        body: refusal(code, message),
    }
}
