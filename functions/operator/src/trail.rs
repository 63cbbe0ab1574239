//! Who asked for what, and what came of it. These lines are written whatever `LOG_LEVEL` is, and each has the request's
//! id in it: at a higher level the lines of the runtime, which have it too, are not there.

use api::{ApiError, Code, Inbound, Reply};
use domain::{Day, OperatorName, TransactionId};
use lambda::telemetry::TRAIL_OF_OPERATORS as TRAIL;

/// A person asks.
pub(crate) fn asked(by: &OperatorName, request: &Inbound) {
    let route = format!("{} {}", request.method, request.resource);
    // A text that is no id of ours may be anything, and is not logged.
    let transaction_id: Option<TransactionId> =
        request.path_parameter("transaction_id").parse().ok();
    let transaction_id = transaction_id.map(|id| id.to_string());
    tracing::info!(
        target: TRAIL, request_id = request.request_id, operator = %by, route, transaction_id, "asked"
    );
}

/// What the question was about: a state, a day or a period.
pub(crate) fn asked_with(request: &Inbound, name: &str, value: &str) {
    tracing::info!(target: TRAIL, request_id = request.request_id, name, value, "asked with");
}

/// Which finding was closed.
pub(crate) fn closed_finding(request: &Inbound, day: Day, id: &str) {
    tracing::info!(
        target: TRAIL, request_id = request.request_id, %day, id, "a finding is closed"
    );
}

/// A message is signed for a person: `sha256` is that of the bytes.
pub(crate) fn signed(by: &OperatorName, request: &Inbound, with: &str, (sha256, at): (&str, &str)) {
    tracing::warn!(
        target: TRAIL, request_id = request.request_id, operator = %by, with, sha256, timestamp = at,
        "a message is signed for a person"
    );
}

/// Somebody whom AWS knows, and who is none that may act.
pub(crate) fn refused(request: &Inbound, arn: &str, problem: &str) {
    tracing::info!(
        target: TRAIL, request_id = request.request_id, caller = arn, problem, "a caller is refused"
    );
}

/// What came of it: a code, or nothing, because the call was not understood or something broke.
pub(crate) fn answered(by: &OperatorName, request: &Inbound, result: &Result<Reply, ApiError>) {
    let code = match result {
        Ok(Reply::Json { code, .. }) => Some(code.number()),
        Err(ApiError::Refusal(refusal)) => Some(Code::from(refusal).number()),
        Ok(Reply::Redirect { .. } | Reply::Page { .. }) | Err(_) => None,
    };
    let failed = code.is_none();
    tracing::info!(
        target: TRAIL, request_id = request.request_id, operator = %by, code, failed,
        "answered a person"
    );
}
