//! A moment, and the clock that handlers and workers read it from.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, UtcOffset};

/// Vietnam has no daylight saving (protocol §8).
pub(super) const VIETNAM: UtcOffset = offset!(+7);

const RFC3339_TO_THE_SECOND: StaticFormatDescription = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory]:[offset_minute]"
);

const ON_VIETNAMS_CLOCK: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// A moment: Unix time in milliseconds, within the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Not a moment between the years 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time by RFC 3339 between the years 1970 and 9999")]
pub struct BadTimestamp;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59Z, less the offset of Vietnam, so that each moment has a Vietnamese day.
    pub const MAX: Self = Self(253_402_275_599_000);

    /// A moment from Unix milliseconds.
    pub fn from_unix_ms(ms: i64) -> Result<Self, BadTimestamp> {
        if (Self::MIN.0..=Self::MAX.0).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(BadTimestamp)
        }
    }

    /// A moment from RFC 3339 text, in any offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, BadTimestamp> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| BadTimestamp)?;
        let ms = i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000));
        Self::from_unix_ms(ms.map_err(|_| BadTimestamp)?)
    }

    /// A moment from a time of the partner's core, where RFC 3339 is not the only form: the colon of the offset may be
    /// missing (`+0700`), its minutes too (`+07`), and without an offset it is Vietnam's time (docs/decisions/0013).
    pub fn parse_from_core(text: &str) -> Result<Self, BadTimestamp> {
        const DATE_AND_T: usize = "2026-11-23T".len();
        let (date, time) = text.split_at_checked(DATE_AND_T).ok_or(BadTimestamp)?;
        let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
        let (time, offset) = time.split_at_checked(at).ok_or(BadTimestamp)?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let offset = match offset.split_at_checked(3) {
            None if offset.is_empty() => "+07:00".to_owned(),
            Some((hour, "")) => format!("{hour}:00"),
            Some((hour, minute)) if minute.len() == 2 && digits(minute) => {
                format!("{hour}:{minute}")
            }
            _ => offset.to_owned(),
        };
        Self::parse_rfc3339(&format!("{date}{time}{offset}"))
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// The moment `later` after this one, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        let ms = i64::try_from(later.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms).min(Self::MAX.0))
    }

    /// How long before `self` the moment `earlier` was; zero if it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let ms = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// RFC 3339 to the second, with Vietnam's offset: `2026-11-23T16:30:00+07:00`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.formatted(RFC3339_TO_THE_SECOND)
    }

    /// To the second on Vietnam's clock, without its offset: `2026-11-23 16:30:00` (protocol §7).
    #[must_use]
    pub fn on_vietnams_clock(self) -> String {
        self.formatted(ON_VIETNAMS_CLOCK)
    }

    fn formatted(self, description: StaticFormatDescription) -> String {
        // Cannot fail: a date and time with an offset has every part that the descriptions name.
        self.in_vietnam().format(description).unwrap_or_default()
    }

    pub(super) fn in_vietnam(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(VIETNAM)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// How handlers and workers get the time, and wait. The domain takes a [`Timestamp`] as an argument.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now, by this machine's clock.
    fn now(&self) -> Timestamp;

    /// Returns after about this long.
    async fn sleep(&self, duration: Duration);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn days_are_vietnamese_days() {
        for (moment, day) in [
            (at("2026-11-22T16:59:59.999Z"), "2026-11-22"),
            (at("2026-11-22T17:00:00Z"), "2026-11-23"),
            (Timestamp::MAX, "9999-12-31"),
        ] {
            assert_eq!(moment.vietnamese_day().to_string(), day);
        }
        let moment = at("2026-11-22T16:59:59.999Z").on_vietnams_clock();
        assert_eq!(moment, "2026-11-22 23:59:59");
    }

    #[test]
    fn times_are_written_with_vietnams_offset() {
        assert_eq!(
            at("2026-11-22T17:00:00Z").to_rfc3339(),
            "2026-11-23T00:00:00+07:00"
        );
        assert_eq!(
            at("2026-02-03T04:05:06+07:00").to_rfc3339(),
            "2026-02-03T04:05:06+07:00"
        );
    }

    #[test]
    fn a_time_of_the_core_has_several_forms() {
        for text in [
            "2026-11-23T03:00:00Z",
            "2026-11-23T03:00:00z",
            "2026-11-23T10:00:00+07:00",
            "2026-11-23T10:00:00+0700",
            "2026-11-23T10:00:00+07",
            "2026-11-23T10:00:00",
            "2026-11-23T10:00:00.000",
            "2026-11-23T10:00:00.000+0700",
            "2026-11-22T22:00:00-0500",
            "2026-11-23T08:30:00+0530",
        ] {
            let read = Timestamp::parse_from_core(text);
            assert_eq!(read, Ok(at("2026-11-23T03:00:00Z")), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-11-23T",
            "2026-11-23T10",
            "20261123T100000",
            "23/11/2026 10:00:00",
            "2026-11-23T10:00:00+",
            "2026-11-23T10:00:00+7",
            "2026-11-23T10:00:00+070",
            "2026-11-23T10:00:00+07000",
            "2026-11-23T10:00:00+7:00",
            "2026-11-23T10:00:00+99",
            "2026-11-23T10:00:00 +0700",
            "2026-11-23T10:00:00ICT",
            "2026-11-23T10:00:00Z+07:00",
            "2026-11-23Tđđ",
            "1795402800",
        ] {
            assert_eq!(
                Timestamp::parse_from_core(text),
                Err(BadTimestamp),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_moment_of_ours_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "2026-11-22T17:00:00",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Err(BadTimestamp), "{text}");
        }
        assert_eq!(Timestamp::from_unix_ms(i64::MAX), Err(BadTimestamp));
        assert_eq!(Timestamp::from_unix_ms(-1), Err(BadTimestamp));
    }

    #[test]
    fn arithmetic_stays_within_bounds() {
        assert_eq!(Timestamp::MAX.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(
            Timestamp::MIN
                .after(Duration::from_secs(2))
                .since(Timestamp::MIN),
            Duration::from_secs(2)
        );
    }

    proptest! {
        /// What RFC 3339 can read means the same; without its offset it is Vietnam's time.
        #[test]
        fn a_time_of_the_core_is_never_another_moment(ms in 0..=Timestamp::MAX.0, text in any::<String>()) {
            let moment = Timestamp(ms.div_euclid(1000) * 1000);
            let written = moment.to_rfc3339();
            prop_assert_eq!(Timestamp::parse_from_core(&written), Ok(moment));
            let without = written.trim_end_matches("+07:00");
            prop_assert_eq!(Timestamp::parse_from_core(without), Ok(moment));
            prop_assert_eq!(Timestamp::parse_from_core(&format!("{without}+0700")), Ok(moment));
            if let Ok(read) = Timestamp::parse_rfc3339(&text) {
                prop_assert_eq!(Timestamp::parse_from_core(&text), Ok(read));
            }
            let _ = Timestamp::parse_from_core(&text);
        }
    }
}
