//! Each request carries a signature: in a header, or in a presigned link.

use axum::http::{HeaderMap, StatusCode, Uri};
use domain::Timestamp;

use super::Refusal;

/// The longest lifetime of a presigned link, in seconds.
const MAX_LINK_LIFETIME_S: i64 = 7 * 24 * 60 * 60;

pub(crate) fn denied(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
}

/// The access key that signed a presigned link with this query.
pub(crate) fn link_signer(query: &str) -> Option<String> {
    let credential = value(query, "X-Amz-Credential")?;
    let key = credential.split('/').next()?;
    Some(key.to_owned())
}

/// Requires a signature. The IAM proxy checks who signed. Nobody checks what was signed: every caller of the
/// sandbox is on this machine.
pub(super) fn check(headers: &HeaderMap, uri: &Uri, now_ms: i64) -> Result<(), Refusal> {
    if headers.contains_key("authorization") {
        return Ok(());
    }
    check_link(uri.query().unwrap_or_default(), now_ms)
}

/// Requires a presigned link that has not expired.
pub(super) fn check_link(query: &str, now_ms: i64) -> Result<(), Refusal> {
    let part = |name| value(query, name).filter(|value| !value.is_empty());
    let parts = (
        part("X-Amz-Signature"),
        part("X-Amz-Credential"),
        part("X-Amz-Date"),
        part("X-Amz-Expires"),
    );
    let (Some(_), Some(_), Some(date), Some(lifetime)) = parts else {
        return Err(denied("Access Denied"));
    };
    let lifetime_s = lifetime.parse::<i64>().ok();
    let lifetime_s = lifetime_s.filter(|s| (1..=MAX_LINK_LIFETIME_S).contains(s));
    let expires_at = moment(&date)
        .zip(lifetime_s)
        .map(|(signed_at, s)| signed_at.saturating_add(s.saturating_mul(1000)));
    match expires_at {
        None => Err(denied("X-Amz-Date or X-Amz-Expires is malformed")),
        Some(expires_at) if now_ms >= expires_at => Err(denied("Request has expired")),
        Some(_) => Ok(()),
    }
}

/// The time in a signature, like `20261122T100000Z`, in Unix milliseconds.
pub(crate) fn moment(date: &str) -> Option<i64> {
    let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
    if day.len() != 8 || time.len() != 6 {
        return None;
    }
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    let moment = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let moment = Timestamp::parse_rfc3339(&moment).ok()?;
    Some(moment.unix_ms())
}

fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(given, _)| given == name)?;
    Some(value.into_owned())
}
