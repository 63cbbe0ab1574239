//! The data of several days.

use std::io;

use domain::Day;
use reconciliation::period::Period;
use reconciliation::record::{DayMoney, DaySummary};

use crate::text::date;

/// Everything that the page of several days shows.
#[derive(Clone, Debug)]
pub struct PeriodReport {
    /// The days that it is about.
    pub period: Period,
    /// Those of them that are over, each once, the first one first.
    pub days: Vec<DayOfPeriod>,
    /// Whether the pages of the days lie beside this one, under [`PeriodReport::page_name`], so that it can link to
    /// them.
    pub pages_beside: bool,
}

/// One day of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayOfPeriod {
    /// The day in Vietnam, which is over.
    pub day: Day,
    /// What became of it; `None` if there is no report of it.
    pub summary: Option<DaySummary>,
}

impl PeriodReport {
    /// The file name of a day's page.
    #[must_use]
    pub fn page_name(day: Day) -> String {
        format!("{day}.html")
    }

    /// `Tháng 11/2026`, or `20/11/2026 – 22/11/2026`.
    #[must_use]
    pub fn title(&self) -> String {
        if let Some(month) = self.period.single_month() {
            let (year, month) = month.split_once('-').unwrap_or((&month, ""));
            return format!("Tháng {month}/{year}");
        }
        let (first, last) = (self.period.first(), self.period.last());
        format!("{} – {}", date(first), date(last))
    }

    /// The days of which there is a report.
    #[must_use]
    pub fn known(&self) -> Vec<DaySummary> {
        let known = self.days.iter().filter_map(|day| day.summary.clone());
        known.collect()
    }

    /// What moved on all days together; a sum that is too large is an error.
    pub fn money(&self) -> io::Result<DayMoney> {
        let mut all = DayMoney::default();
        for money in self.known().iter().filter_map(|day| day.money) {
            all.add(&money)?;
        }
        Ok(all)
    }
}
