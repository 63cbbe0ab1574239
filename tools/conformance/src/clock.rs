//! The time of this machine, and how a report and a signature write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// A time on Vietnam's clock: `2026-11-22T10:00:00+07:00`.
pub(crate) fn rfc3339(at_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000));
    let vietnam = UtcOffset::from_hms(7, 0, 0).unwrap_or(UtcOffset::UTC);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(vietnam);
    at.format(&Rfc3339).unwrap_or_default()
}

/// The Vietnamese day so many days ago: `2026-11-22`.
pub(crate) fn day_ago(days: u64) -> String {
    let past = Duration::from_hours(24 * days).as_millis();
    let at_ms = now_ms() - i64::try_from(past).unwrap_or_default();
    rfc3339(at_ms).chars().take(10).collect()
}

/// The Unix milliseconds of a time in one of the forms that docs/core.md allows: RFC 3339, also with the offset `+0700`
/// or `+07`, or without one, which means Vietnam's time.
pub(crate) fn read_time(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once(['T', ' '])?;
    let at = clock.find(['Z', 'z', '+', '-']);
    let (clock, offset) = at.map_or((clock, "+07:00"), |at| clock.split_at(at));
    let offset = match offset.len() {
        1 => "Z".to_owned(),
        3 => format!("{offset}:00"),
        5 => format!("{}:{}", offset.get(..3)?, offset.get(3..)?),
        _ => offset.to_owned(),
    };
    let read = OffsetDateTime::parse(&format!("{date}T{clock}{offset}"), &Rfc3339).ok()?;
    i64::try_from(read.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Waits in real time.
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_time_are_read() {
        let at = Some(1_795_402_800_000);
        for text in [
            "2026-11-23T10:00:00+07:00",
            "2026-11-23T10:00:00+0700",
            "2026-11-23T10:00:00+07",
            "2026-11-23T10:00:00",
            "2026-11-23T03:00:00Z",
            "2026-11-23T03:00:00.000Z",
        ] {
            assert_eq!(read_time(text), at, "{text}");
        }
        for text in ["", "yesterday", "23/11/2026", "1795402800", "2026-11-23"] {
            assert_eq!(read_time(text), None, "{text}");
        }
        assert_eq!(rfc3339(1_795_402_800_000), "2026-11-23T10:00:00+07:00");
    }
}
