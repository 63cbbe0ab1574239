//! Is a day, or are several days, in order? A few lines say it, on a page, in a mail and in a terminal.

use reconciliation::record::{DaySummary, Results, Statement};

use crate::period::PeriodReport;
use crate::text::{date, grouped};

/// One statement about a day, or about several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether somebody must do something.
    pub urgency: Urgency,
    /// The place on the day's page that has the details.
    pub(crate) anchor: Option<&'static str>,
    /// The statement in Vietnamese.
    pub vi: String,
    /// The statement in English.
    pub en: String,
}

/// Whether somebody must do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing: all is in order.
    Good,
    /// Nothing yet: a company or a run has still to do its part.
    Wait,
    /// A person must act.
    Bad,
}

impl Urgency {
    /// `good`, `wait` or `bad`: also the CSS class that gives a statement its colour.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
        }
    }
}

/// What there is to say about a day, the most urgent first. There is always at least one statement.
#[must_use]
pub fn of_day(day: &DaySummary) -> Vec<Verdict> {
    let mut all = for_persons(std::slice::from_ref(day));
    if day.money.is_none() {
        all.push(bad("Ngày này chưa có tệp", "The day has no file yet"));
    } else if !day.delivered {
        all.push(bad(
            "Chưa gửi đủ tệp cho Tiki",
            "Not all files are delivered",
        ));
    }
    all.extend(in_progress(std::slice::from_ref(day)));
    match day.results {
        Results::None => all.push(wait(
            "Chưa có tệp kết quả nào của Tiki cho ngày này",
            "No result file of Tiki for this day",
        )),
        Results::BeingRead => all.push(wait(
            "Đang đọc kết quả của Tiki",
            "Tiki's results are being read",
        )),
        Results::Partly => all.push(wait(
            "Tiki chưa trả kết quả cho mọi tệp của ngày này",
            "Tiki has not answered every file of this day",
        )),
        Results::Read | Results::NotAsked => {}
    }
    if day.statement == Statement::Missing {
        all.push(wait(
            "Chưa đối chiếu với sao kê của hệ thống lõi",
            "Not compared with the core's statement yet",
        ));
    }
    if day.open() == 0 {
        all.push(nothing_open(&all));
    }
    all
}

/// What there is to say about a period: of its days, and of those that are no part of its sums.
#[must_use]
pub fn of_period(report: &PeriodReport) -> Vec<Verdict> {
    let known = report.known();
    let mut all = if known.is_empty() {
        Vec::new()
    } else {
        of_days(&known)
    };
    let (listed, of) = (report.days.len(), report.period.days().count());
    if listed < of {
        let between = match (report.days.first(), report.days.last()) {
            (Some(first), Some(last)) => format!(": {} – {}", date(first.day), date(last.day)),
            _ => String::new(),
        };
        all.push(wait(
            format!("Mới có {listed} trong số {of} ngày{between}"),
            format!("{listed} of {of} days{between}"),
        ));
    }
    // The latest day may not be due yet.
    let unreported = report.days.iter().filter(|day| day.summary.is_none());
    let n = unreported.clone().count();
    let is_late = unreported
        .clone()
        .any(|day| Some(day) != report.days.last());
    if n > 0 {
        let (have, are) = if n == 1 {
            ("day has", "is")
        } else {
            ("days have", "are")
        };
        let vi = format!("{n} ngày chưa có báo cáo, và không có trong tổng");
        let en = format!("{n} {have} no report yet, and {are} not part of the sums");
        all.push(if is_late { bad(vi, en) } else { wait(vi, en) });
    }
    if all.len() > 1 {
        for verdict in &mut all {
            // Not good any more, with what else there is to say.
            verdict.urgency = verdict.urgency.max(Urgency::Wait);
        }
    }
    all.sort_by_key(|verdict| std::cmp::Reverse(verdict.urgency));
    all
}

/// What there is to say about several days.
fn of_days(days: &[DaySummary]) -> Vec<Verdict> {
    let mut all = for_persons(days);
    let of = |holds: fn(&DaySummary) -> bool| {
        let days = days.iter().filter(|day| holds(day)).count();
        u64::try_from(days).unwrap_or(u64::MAX)
    };
    let mut days_that = |count: u64, bad_news: bool, vi: &str, (one, many): (&str, &str)| {
        if count > 0 {
            let n = grouped(count);
            let en = if count == 1 { one } else { many };
            let (vi, en) = (format!("{n} ngày {vi}"), format!("{n} {en}"));
            all.push(if bad_news { bad(vi, en) } else { wait(vi, en) });
        }
    };
    days_that(
        of(|day| day.money.is_none()),
        true,
        "chưa có tệp, và không có trong tổng",
        (
            "day has no file yet, and is not part of the sums",
            "days have no file yet, and are not part of the sums",
        ),
    );
    days_that(
        of(|day| day.money.is_some() && !day.delivered),
        true,
        "chưa gửi đủ tệp cho Tiki",
        ("day is not delivered", "days are not delivered"),
    );
    days_that(
        of(|day| !matches!(day.results, Results::Read | Results::NotAsked)),
        false,
        "chưa có đủ kết quả của Tiki",
        (
            "day has no complete results of Tiki",
            "days have no complete results of Tiki",
        ),
    );
    days_that(
        of(|day| day.statement == Statement::Missing),
        false,
        "chưa đối chiếu với sao kê của hệ thống lõi",
        (
            "day is not compared with the core's statement",
            "days are not compared with the core's statement",
        ),
    );
    all.extend(in_progress(days));
    if days.iter().all(|day| day.open() == 0) {
        all.push(nothing_open(&all));
    }
    all.sort_by_key(|verdict| std::cmp::Reverse(verdict.urgency));
    all
}

/// What waits for a person.
fn for_persons(days: &[DaySummary]) -> Vec<Verdict> {
    let mut all = Vec::new();
    let without_money = total(days, |day| day.orders_without_money);
    if without_money > 0 {
        let n = grouped(without_money);
        let orders = if without_money == 1 {
            "order"
        } else {
            "orders"
        };
        all.push(Verdict {
            anchor: Some("order_without_money"),
            ..bad(
                format!(
                    "{n} đơn Tiki đang giữ mà phía chúng tôi không có tiền: yêu cầu Tiki dừng giao hàng"
                ),
                format!(
                    "{n} {orders} that Tiki keeps without our money: ask Tiki to stop the delivery"
                ),
            )
        });
    }
    let needs_review = total(days, |day| day.needs_review);
    if needs_review > 0 {
        let n = grouped(needs_review);
        all.push(Verdict {
            anchor: Some("needs_review"),
            ..bad(
                format!("{n} chênh lệch chờ xử lý"),
                format!("{n} to review"),
            )
        });
    }
    all
}

/// What runs process by themselves.
fn in_progress(days: &[DaySummary]) -> Option<Verdict> {
    let automatic = total(days, |day| day.automatic);
    let n = grouped(automatic);
    (automatic > 0).then(|| Verdict {
        anchor: Some("findings"),
        ..wait(
            format!("{n} chênh lệch đang được hệ thống tự xử lý"),
            format!("{n} processed automatically"),
        )
    })
}

/// Nothing is open, which is good news only if there is no other.
fn nothing_open(all: &[Verdict]) -> Verdict {
    let urgency = if all.is_empty() {
        Urgency::Good
    } else {
        Urgency::Wait
    };
    verdict(
        urgency,
        "Không có chênh lệch nào đang mở",
        "No open findings",
    )
}

fn total(days: &[DaySummary], of: fn(&DaySummary) -> u64) -> u64 {
    days.iter().map(of).fold(0, u64::saturating_add)
}

fn bad(vi: impl Into<String>, en: impl Into<String>) -> Verdict {
    verdict(Urgency::Bad, vi, en)
}

fn wait(vi: impl Into<String>, en: impl Into<String>) -> Verdict {
    verdict(Urgency::Wait, vi, en)
}

fn verdict(urgency: Urgency, vi: impl Into<String>, en: impl Into<String>) -> Verdict {
    Verdict {
        urgency,
        anchor: None,
        vi: vi.into(),
        en: en.into(),
    }
}
