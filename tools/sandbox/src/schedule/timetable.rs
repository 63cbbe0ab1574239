//! When a schedule of EventBridge fires: `rate(1 minute)`, or `cron(0 6 * * ? *)` in a time zone.

use std::str::FromStr;

use anyhow::{Context, bail};
use chrono::{DateTime, FixedOffset};

/// When a schedule fires.
#[derive(Clone, Debug)]
pub(crate) enum Timetable {
    /// `rate(…)`: again and again. The sandbox has an interval of its own.
    Sweeps,
    /// `cron(…)`: at times of the day.
    Cron(Box<Cron>),
}

/// Times of the day.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    times: cron::Schedule,
    zone: FixedOffset,
}

impl Timetable {
    /// Reads `ScheduleExpression` and `ScheduleExpressionTimezone`. Without a time zone the times are in UTC.
    pub(crate) fn read(expression: &str, zone: &str) -> anyhow::Result<Self> {
        if expression.starts_with("rate(") {
            return Ok(Self::Sweeps);
        }
        let fields = expression.strip_prefix("cron(");
        let fields = fields.and_then(|fields| fields.strip_suffix(')'));
        let Some(fields) = fields else {
            bail!("the sandbox does not support the schedule {expression}");
        };
        if fields.split_whitespace().count() != 6 {
            bail!("{expression} must have six fields");
        }
        // EventBridge has no seconds; otherwise the fields and the numbers of the days are the same.
        let times = cron::Schedule::from_str(&format!("0 {fields}"));
        let times = times.with_context(|| format!("the sandbox cannot read {expression}"))?;
        let hours = match zone {
            "" | "UTC" => 0,
            // It has had one offset since 1975 (protocol §8), so no table of time zones is needed.
            "Asia/Ho_Chi_Minh" => 7,
            other => bail!("the sandbox does not know the time zone {other}"),
        };
        let zone = FixedOffset::east_opt(hours * 3600).context("the offset is too large")?;
        Ok(Self::Cron(Box::new(Cron { times, zone })))
    }
}

impl Cron {
    /// The firings after the first time until the second one, which counts; in Unix milliseconds.
    pub(crate) fn between(&self, after_ms: i64, until_ms: i64) -> impl Iterator<Item = i64> {
        self.after(after_ms).take_while(move |at| *at <= until_ms)
    }

    /// The next firing after this time, in Unix milliseconds.
    pub(crate) fn next(&self, after_ms: i64) -> Option<i64> {
        self.after(after_ms).next()
    }

    fn after(&self, after_ms: i64) -> impl Iterator<Item = i64> {
        let after = DateTime::from_timestamp_millis(after_ms);
        let after = after.map(|after| after.with_timezone(&self.zone));
        let firings = after.into_iter().flat_map(|after| self.times.after(&after));
        firings.map(|at| at.timestamp_millis())
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn ms(at: &str) -> i64 {
        Timestamp::parse_rfc3339(at).unwrap().unix_ms()
    }

    fn firings(expression: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
        let Timetable::Cron(cron) = Timetable::read(expression, zone).unwrap() else {
            panic!("{expression} is a rate");
        };
        let firings = cron.between(ms(after), ms(until));
        let text = |at| Timestamp::from_unix_ms(at).unwrap().to_rfc3339();
        firings.map(text).collect()
    }

    #[test]
    fn a_daily_schedule_fires_by_the_clock_of_its_zone() {
        let day = |zone| {
            firings(
                "cron(0 6 * * ? *)",
                zone,
                "2026-11-28T00:00:00Z",
                "2026-11-30T00:00:00Z",
            )
        };
        // 06:00 in Vietnam is 23:00 in UTC, the day before.
        assert_eq!(
            day("Asia/Ho_Chi_Minh"),
            ["2026-11-29T06:00:00+07:00", "2026-11-30T06:00:00+07:00"]
        );
        assert_eq!(
            day("UTC"),
            ["2026-11-28T13:00:00+07:00", "2026-11-29T13:00:00+07:00"]
        );
        assert_eq!(day(""), day("UTC"));
    }

    #[test]
    fn the_first_time_does_not_count_and_the_last_does() {
        let firings =
            |after, until| firings("cron(0 0-5,7-23 * * ? *)", "Asia/Ho_Chi_Minh", after, until);
        assert_eq!(
            firings("2026-11-29T05:00:00+07:00", "2026-11-29T08:00:00+07:00"),
            ["2026-11-29T07:00:00+07:00", "2026-11-29T08:00:00+07:00"],
            "at six it does not fire"
        );
        let day = firings("2026-11-29T00:00:00+07:00", "2026-11-30T00:00:00+07:00");
        assert_eq!(day.len(), 23);
    }

    #[test]
    fn days_of_the_week_have_the_numbers_of_eventbridge() {
        let sundays = |expression| {
            firings(
                expression,
                "Asia/Ho_Chi_Minh",
                "2026-11-23T00:00:00+07:00",
                "2026-11-30T00:00:00+07:00",
            )
        };
        for expression in ["cron(30 8 ? * 1 *)", "cron(30 8 ? * SUN *)"] {
            assert_eq!(sundays(expression), ["2026-11-29T08:30:00+07:00"]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for (expression, zone, says) in [
            ("cron(0 6 * * ?)", "", "six fields"),
            ("cron(0 6 * * ? * *)", "", "six fields"),
            ("cron(0 25 * * ? *)", "", "cannot read"),
            ("cron(0 6 L * ? *)", "", "cannot read"),
            ("cron(0 6 * * ? *", "", "does not support"),
            ("at(2026-11-29T06:00:00)", "", "does not support"),
            ("cron(0 6 * * ? *)", "Asia/Bangkok", "Asia/Bangkok"),
        ] {
            let error = Timetable::read(expression, zone).unwrap_err().to_string();
            assert!(error.contains(says), "{expression} {zone}: {error}");
        }
        assert!(matches!(
            Timetable::read("rate(1 minute)", "").unwrap(),
            Timetable::Sweeps
        ));
    }
}
