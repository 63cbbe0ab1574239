//! Who may come in: with a signature in a header, or in a presigned link.

use axum::http::{HeaderMap, StatusCode, Uri};
use domain::Timestamp;

use super::Refusal;
use crate::aws::Grant;
use crate::caller::now_ms;

/// The longest that a link may live.
const WEEK_S: i64 = 7 * 24 * 60 * 60;

/// What is asked, in IAM's words.
pub(crate) fn asked(method: &str, bucket: &str, key: &str) -> Option<Grant> {
    let action = match method {
        "PUT" => "s3:PutObject",
        "GET" | "HEAD" => "s3:GetObject",
        _ => return None,
    };
    Some(Grant {
        action: action.to_owned(),
        resource: format!("arn:aws:sandbox:{bucket}:Arn/{key}"),
    })
}

pub(crate) fn denied(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
}

/// Whose credentials presigned a link with this query.
pub(crate) fn linked_by(query: &str) -> Option<String> {
    let credential = value(query, "X-Amz-Credential")?;
    let key = credential.split('/').next()?;
    Some(key.to_owned())
}

/// Every request is signed, in one way or the other. Whose signature it is, the door looks at; what it is over,
/// nobody: whoever reaches the sandbox is on this machine.
pub(super) fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if headers.contains_key("authorization") {
        return Ok(());
    }
    link_lives(uri.query().unwrap_or_default(), now_ms())
}

/// Whether a presigned link with this query is one, and not over yet.
pub(super) fn link_lives(query: &str, now_ms: i64) -> Result<(), Refusal> {
    let part = |name| value(query, name).filter(|value| !value.is_empty());
    let parts = (
        part("X-Amz-Signature"),
        part("X-Amz-Credential"),
        part("X-Amz-Date"),
        part("X-Amz-Expires"),
    );
    let (Some(_), Some(_), Some(date), Some(lives)) = parts else {
        return Err(denied("Access Denied"));
    };
    let lives = lives.parse::<i64>().ok();
    let lives = lives.filter(|lives| (1..=WEEK_S).contains(lives));
    let over = moment(&date)
        .zip(lives)
        .map(|(signed, lives)| signed.saturating_add(lives.saturating_mul(1000)));
    match over {
        None => Err(denied("X-Amz-Date or X-Amz-Expires is malformed")),
        Some(over) if now_ms >= over => Err(denied("Request has expired")),
        Some(_) => Ok(()),
    }
}

/// The moment in a signature, like `20261122T100000Z`, in Unix milliseconds.
fn moment(date: &str) -> Option<i64> {
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
