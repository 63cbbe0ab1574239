//! The time of this machine, and how a report and a signature write it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Gives each call a time of its own: two tries of one call are never the same bytes.
#[derive(Default)]
pub(crate) struct CallClock(Mutex<HashSet<i64>>);

impl CallClock {
    /// The last Unix millisecond that no other call has got. It is never ahead, also if this machine's clock is set back.
    pub(crate) fn next_ms(&self) -> i64 {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ms = now_ms();
        while !used.insert(ms) {
            ms -= 1;
        }
        ms
    }
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
    fn no_time_comes_twice() {
        let clock = CallClock::default();
        let ask = || (0..500).map(|_| clock.next_ms()).collect::<Vec<_>>();
        let all = std::thread::scope(|scope| {
            let threads = [ask, ask, ask, ask].map(|ask| scope.spawn(ask));
            threads.map(|thread| thread.join().unwrap())
        });
        let mut all = all.concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2_000);
    }

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
