//! Days of the Vietnamese calendar: reconciliation goes by them (protocol §7).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use time::Date;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::timestamp::{Timestamp, VIETNAM};

const LENGTH: Duration = Duration::from_hours(24);

const WITH_HYPHENS: StaticFormatDescription = format_description!("[year]-[month]-[day]");

const DIGITS: StaticFormatDescription = format_description!("[year][month][day]");

/// A day in Vietnam, from midnight to midnight, within the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// Not a day between the years 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a day between the years 1970 and 9999, as 2026-11-22")]
pub struct BadDay;

impl Day {
    /// The day of the protocol's file names: `20261122`.
    pub fn from_digits(digits: &str) -> Result<Self, BadDay> {
        Self::parse(digits, DIGITS)
    }

    /// The day without separators, as in the protocol's file names: `20261122`.
    #[must_use]
    pub fn digits(self) -> String {
        self.formatted(DIGITS)
    }

    fn formatted(self, description: StaticFormatDescription) -> String {
        // Cannot fail: a date has every part that the descriptions name.
        self.0.format(description).unwrap_or_default()
    }

    fn parse(text: &str, description: StaticFormatDescription) -> Result<Self, BadDay> {
        let day = Date::parse(text, description)
            .map(Self)
            .map_err(|_| BadDay)?;
        // The descriptions also read signs, and years before 1970.
        let known = day.0.year() >= 1970 && day.formatted(description) == text;
        known.then_some(day).ok_or(BadDay)
    }

    /// The first moment of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let midnight = self.0.midnight().assume_offset(VIETNAM).unix_timestamp();
        // The first seven hours of 1970 in Vietnam were before Unix began.
        Timestamp::from_unix_ms(midnight.saturating_mul(1000)).unwrap_or(Timestamp::MIN)
    }

    /// The first moment after the day.
    #[must_use]
    pub fn end_exclusive(self) -> Timestamp {
        let midnight = self.0.midnight().assume_offset(VIETNAM).unix_timestamp();
        let ms = midnight.saturating_mul(1000);
        let length = i64::try_from(LENGTH.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix_ms(ms.saturating_add(length)).unwrap_or(Timestamp::MAX)
    }

    /// The day before; the first day has itself.
    #[must_use]
    pub fn previous(self) -> Self {
        match self.0.previous_day() {
            Some(date) if date.year() >= 1970 => Self(date),
            _ => self,
        }
    }

    /// The day after; the last day has itself.
    #[must_use]
    pub fn next(self) -> Self {
        match self.0.next_day() {
            Some(date) if date.year() <= 9999 => Self(date),
            _ => self,
        }
    }
}

impl Timestamp {
    /// The Vietnamese day that the moment falls on (protocol §8).
    #[must_use]
    pub fn vietnamese_day(self) -> Day {
        Day::from(self.in_vietnam().date())
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self(date)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.formatted(WITH_HYPHENS))
    }
}

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        Self::parse(text, WITH_HYPHENS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_from_midnight_to_midnight_in_vietnam() {
        let d = day("2026-11-22");
        assert_eq!(d.start().to_rfc3339(), "2026-11-22T00:00:00+07:00");
        assert_eq!(d.end_exclusive(), d.next().start());
        assert_eq!(d.start().vietnamese_day(), d);
        let last = Timestamp::from_unix_ms(d.end_exclusive().unix_ms() - 1).unwrap();
        assert_eq!(last.vietnamese_day(), d);
        assert_eq!(d.end_exclusive().vietnamese_day(), day("2026-11-23"));
    }

    #[test]
    fn days_follow_each_other_over_months_years_and_leap_days() {
        for (before, after) in [
            ("2026-11-30", "2026-12-01"),
            ("2026-12-31", "2027-01-01"),
            ("2028-02-28", "2028-02-29"),
            ("2028-02-29", "2028-03-01"),
            ("2027-02-28", "2027-03-01"),
        ] {
            assert_eq!(day(before).next(), day(after));
            assert_eq!(day(after).previous(), day(before));
        }
        assert_eq!(day("1970-01-01").previous(), day("1970-01-01"));
        assert_eq!(day("9999-12-31").next(), day("9999-12-31"));
        assert_eq!(day("9999-12-31").end_exclusive(), Timestamp::MAX);
    }

    #[test]
    fn both_spellings_are_read_and_nothing_else() {
        assert_eq!(Day::from_digits("20261122"), Ok(day("2026-11-22")));
        assert_eq!(day("2026-11-22").digits(), "20261122");
        for bad in [
            "",
            "2026-11-2",
            "2026-11-31",
            "2026-13-01",
            "1969-12-31",
            "20261122",
            "2026-1-022",
            "+026-11-22",
            "2026-11-22 ",
            "2026/11/22",
            "2026-11-22-1",
            "二〇二六-1",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(BadDay), "{bad}");
        }
        for bad in [
            "",
            "2026112",
            "202611222",
            "20261131",
            "2026-1-2",
            "+2026112",
        ] {
            assert_eq!(Day::from_digits(bad), Err(BadDay), "{bad}");
        }
    }
}
