//! The days that a report is about: one, a month, or several as one, such as holidays.

use std::fmt;
use std::str::FromStr;

use domain::Day;

/// A report is about at most so many days: a quarter.
const MAX_DAYS: usize = 100;

/// One day, or several days that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    first: Day,
    last: Day,
}

/// Why a text is not a [`Period`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPeriod {
    /// It has another form, or names a day that does not exist.
    #[error(
        "must be a day as 2026-11-22, a month as 2026-11, or the first and the last day as 2026-11-20..2026-11-22, \
         and these days must exist"
    )]
    Form,
    /// The last day is before the first.
    #[error("must have the first day before the last")]
    Order,
    /// More days than one report is about.
    #[error("must be {MAX_DAYS} days at most")]
    TooLong,
}

impl Period {
    /// The month that a day is in.
    #[must_use]
    pub fn month_of(day: Day) -> Self {
        let same = |other: Day| month(other) == month(day);
        let mut period = Self::from(day);
        while period.first.previous() != period.first && same(period.first.previous()) {
            period.first = period.first.previous();
        }
        while period.last.next() != period.last && same(period.last.next()) {
            period.last = period.last.next();
        }
        period
    }

    /// The days, the first one first.
    pub fn days(self) -> impl Iterator<Item = Day> {
        let following = move |day: &Day| (*day < self.last).then(|| day.next());
        std::iter::successors(Some(self.first), following)
    }

    /// The first day.
    #[must_use]
    pub fn first(self) -> Day {
        self.first
    }

    /// The last day, which may be the first.
    #[must_use]
    pub fn last(self) -> Day {
        self.last
    }

    /// The day, if the period is only one.
    #[must_use]
    pub fn single_day(self) -> Option<Day> {
        (self.first == self.last).then_some(self.first)
    }

    /// The month, `2026-11`, if the period is exactly one.
    #[must_use]
    pub fn single_month(self) -> Option<String> {
        (self == Self::month_of(self.first)).then(|| month(self.first))
    }
}

impl From<Day> for Period {
    fn from(day: Day) -> Self {
        Self {
            first: day,
            last: day,
        }
    }
}

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        if let Ok(day) = text.parse::<Day>() {
            return Ok(day.into());
        }
        if let Ok(first) = format!("{text}-01").parse() {
            return Ok(Self::month_of(first));
        }
        let (first, last) = text.split_once("..").ok_or(BadPeriod::Form)?;
        let first: Day = first.parse().map_err(|_| BadPeriod::Form)?;
        let last: Day = last.parse().map_err(|_| BadPeriod::Form)?;
        if last < first {
            return Err(BadPeriod::Order);
        }
        let period = Self { first, last };
        // An iterator's count would go on for centuries.
        if period.days().nth(MAX_DAYS).is_some() {
            return Err(BadPeriod::TooLong);
        }
        Ok(period)
    }
}

/// As it is parsed: the shortest of the three forms.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(day) = self.single_day() {
            return write!(f, "{day}");
        }
        match self.single_month() {
            Some(month) => f.write_str(&month),
            None => write!(f, "{}..{}", self.first, self.last),
        }
    }
}

fn month(day: Day) -> String {
    let text = day.to_string();
    text.rsplit_once('-')
        .map_or(String::new(), |(month, _)| month.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Result<Period, BadPeriod> {
        text.parse()
    }

    #[test]
    fn a_period_is_a_day_a_month_or_two_days() {
        for (text, first, last, days) in [
            ("2026-11-22", "2026-11-22", "2026-11-22", 1),
            ("2026-11", "2026-11-01", "2026-11-30", 30),
            ("2026-12", "2026-12-01", "2026-12-31", 31),
            ("2028-02", "2028-02-01", "2028-02-29", 29),
            ("2026-12-31..2027-01-02", "2026-12-31", "2027-01-02", 3),
            ("2026-11-22..2026-11-22", "2026-11-22", "2026-11-22", 1),
            ("1970-01", "1970-01-01", "1970-01-31", 31),
            ("9999-12", "9999-12-01", "9999-12-31", 31),
        ] {
            let read = period(text).unwrap();
            assert_eq!(
                (read.first().to_string(), read.last().to_string()),
                (first.into(), last.into()),
                "{text}"
            );
            let all: Vec<Day> = read.days().collect();
            assert_eq!(all.len(), days, "{text}");
            assert!(all.windows(2).all(|two| two[0].next() == two[1]), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn the_shortest_form_is_shown() {
        let shown = |text| period(text).unwrap().to_string();
        assert_eq!(shown("2026-11-01..2026-11-30"), "2026-11");
        assert_eq!(shown("2026-11-22..2026-11-22"), "2026-11-22");
        assert_eq!(shown("2026-11-01..2026-11-29"), "2026-11-01..2026-11-29");
    }

    #[test]
    fn what_is_not_a_period_is_refused() {
        use BadPeriod::{Form, Order, TooLong};

        for (bad, why) in [
            ("", Form),
            ("2026", Form),
            ("2026-13", Form),
            ("2026-11-31", Form),
            ("2026-11-22..", Form),
            ("..2026-11-22", Form),
            ("2026-11-22..2026-11-21", Order),
            ("2026-11..2026-12", Form),
            ("22/11/2026", Form),
            ("2026-11-22...2026-11-23", Form),
            ("2026-01-01..2026-04-11", TooLong),
            ("1970-01-01..9999-12-31", TooLong),
            ("1969-12", Form),
        ] {
            assert_eq!(period(bad), Err(why), "{bad}");
        }
        assert!(period("2026-01-01..2026-04-10").is_ok(), "100 days");
    }
}
