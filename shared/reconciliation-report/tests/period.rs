//! What is said of a day in a few words, of several days as one, and in a mail.
//!
//! `REPORT_PAGES=target/report cargo test -p tikivip-reconciliation-report --test period` writes the sample page into
//! that folder, for a look in a browser.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use domain::{Day, Timestamp};
use reconciliation::file::Sum;
use reconciliation::record::{DayMoney, DaySummary, Results, Statement};
use reconciliation_report::mail::{Links, daily_mail};
use reconciliation_report::verdict::{self, Urgency};
use reconciliation_report::{DayOfPeriod, PeriodReport, period_html};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn sum(count: u64, amount_vnd: u64) -> Sum {
    Sum { count, amount_vnd }
}

/// A day in order.
fn quiet(text: &str) -> DaySummary {
    DaySummary {
        day: day(text),
        money: Some(DayMoney {
            success: sum(12_408, 4_310_550_000),
            failure: sum(731, 288_400_000),
            refunded: sum(41, 12_300_000),
        }),
        delivered: true,
        results: Results::Read,
        statement: Statement::Compared,
        orders_without_money: 0,
        needs_review: 0,
        automatic: 0,
        differences_vnd: 0,
    }
}

fn is_in_order(day: &DaySummary) -> bool {
    let answered = matches!(day.results, Results::Read | Results::NotAsked);
    day.delivered && answered && day.statement != Statement::Missing && day.open() == 0
}

/// A day on which more went back than came in, with findings.
fn bad(text: &str) -> DaySummary {
    DaySummary {
        money: Some(DayMoney {
            success: sum(1, 50_000),
            failure: sum(0, 0),
            refunded: sum(2, 80_000),
        }),
        orders_without_money: 1,
        needs_review: 2,
        automatic: 4,
        differences_vnd: 1_234_567,
        results: Results::BeingRead,
        ..quiet(text)
    }
}

fn unexported(text: &str) -> DaySummary {
    DaySummary {
        money: None,
        delivered: false,
        results: Results::None,
        ..quiet(text)
    }
}

/// Every combination of what a summary can say.
fn all_summaries() -> Vec<DaySummary> {
    let mut all = Vec::new();
    for cell in 0..320_u64 {
        let bit = |n: u64| cell >> n & 1;
        let results = [
            Results::None,
            Results::BeingRead,
            Results::Partly,
            Results::Read,
            Results::NotAsked,
        ];
        let statement = [Statement::Missing, Statement::Compared];
        let money = quiet("2026-11-22").money.filter(|_| bit(0) == 0);
        all.push(DaySummary {
            delivered: money.is_some() && bit(1) == 0,
            money,
            orders_without_money: bit(2),
            needs_review: bit(3),
            automatic: bit(4),
            statement: *statement.get(usize::try_from(bit(5)).unwrap()).unwrap(),
            results: *results.get(usize::try_from(cell >> 6).unwrap()).unwrap(),
            ..quiet("2026-11-22")
        });
    }
    all
}

#[test]
fn only_a_day_in_order_is_called_good() {
    for day in all_summaries() {
        let in_order = is_in_order(&day);
        let expected = match (in_order, day.needs_somebody()) {
            (true, _) => Urgency::Good,
            (false, true) => Urgency::Bad,
            (false, false) => Urgency::Wait,
        };
        let one = period("2026-11-22", vec![known(day.clone())]);
        let two = vec![known(quiet("2026-11-21")), known(day.clone())];
        for verdicts in [
            verdict::of_day(&day),
            verdict::of_period(&one),
            verdict::of_period(&period("2026-11-21..2026-11-22", two)),
        ] {
            let first = verdicts.first().unwrap();
            assert_eq!(first.urgency, expected, "{day:?}: {verdicts:?}");
            let order: Vec<Urgency> = verdicts.iter().map(|v| v.urgency).collect();
            assert!(order.iter().rev().is_sorted(), "{verdicts:?}");
            let says_nothing_open = verdicts.iter().any(|v| v.en == "No open findings");
            assert_eq!(says_nothing_open, day.open() == 0, "{day:?}");
        }
    }
}

#[test]
fn the_subject_of_a_mail_says_whether_somebody_must_act() {
    for day in all_summaries() {
        let subject = daily_mail(&day, &[], None).subject;
        let word = subject.strip_prefix("Tiki VIP 22/11/2026: ").unwrap();
        let expected = match day.for_review() {
            _ if day.for_review() > 0 => format!("{} TO REVIEW", day.for_review()),
            _ if day.money.is_none() || !day.delivered => "NOT DELIVERED".to_owned(),
            _ if is_in_order(&day) => "OK".to_owned(),
            _ => "nothing to do yet".to_owned(),
        };
        let undelivered = day.money.is_none() || !day.delivered;
        let expected = if day.for_review() > 0 && undelivered {
            expected + ", NOT DELIVERED"
        } else {
            expected
        };
        assert_eq!(word, expected, "{day:?}");
        assert!(subject.is_ascii() && subject.len() < 100);
    }
}

/// Tiki's results come after a day was mailed: what they bring is in the subject of the next day.
#[test]
fn the_subject_of_a_mail_does_not_hide_earlier_days() {
    let subject = |others: &[DaySummary]| daily_mail(&quiet("2026-11-22"), others, None).subject;
    assert_eq!(subject(&[quiet("2026-11-21")]), "Tiki VIP 22/11/2026: OK");
    assert_eq!(
        subject(&[bad("2026-11-20"), unexported("2026-11-21")]),
        "Tiki VIP 22/11/2026: 3 TO REVIEW, NOT DELIVERED"
    );
    let automatic = DaySummary {
        automatic: 1,
        ..quiet("2026-11-21")
    };
    assert_eq!(subject(&[automatic]), "Tiki VIP 22/11/2026: OK");
    let many: Vec<DaySummary> = (1..=13).map(|n| bad(&format!("2026-11-{n:02}"))).collect();
    let body = daily_mail(&quiet("2026-11-22"), &many, None).body;
    assert!(body.contains("* 01/11/2026: "), "the oldest first: {body}");
    assert!(body.contains("* … + 3"), "{body}");
}

#[test]
fn a_mail_has_the_verdict_the_sums_and_the_links() {
    let links = Links {
        page: "https://pay.example.vn/report/p".to_owned(),
        workbook: "https://pay.example.vn/report/w".to_owned(),
        month: "https://pay.example.vn/report/m".to_owned(),
        until: Timestamp::parse_rfc3339("2026-11-24T08:00:05+07:00").unwrap(),
    };
    let others = [
        unexported("2026-11-19"),
        quiet("2026-11-20"),
        bad("2026-11-21"),
    ];
    let mail = daily_mail(&bad("2026-11-22"), &others, Some(&links));
    assert_eq!(
        mail.subject,
        "Tiki VIP 22/11/2026: 6 TO REVIEW, NOT DELIVERED"
    );
    assert_eq!(
        mail.body,
        "\
Đối soát Tiki VIP ngày 22/11/2026

* 1 đơn Tiki đang giữ mà phía chúng tôi không có tiền: yêu cầu Tiki dừng giao hàng
* 2 chênh lệch chờ xử lý
* 4 chênh lệch đang được hệ thống tự xử lý
* Đang đọc kết quả của Tiki

Thành công: 1 · 50.000 ₫
Tiki yêu cầu hoàn: 2 · 80.000 ₫
Còn phải trả Tiki: −30.000 ₫
Chênh lệch đang mở: 7 · 1.234.567 ₫

Các ngày khác chưa xong:
* 19/11/2026: Ngày này chưa có tệp
* 21/11/2026: 1 đơn Tiki đang giữ mà phía chúng tôi không có tiền: yêu cầu Tiki dừng giao hàng; 2 chênh lệch chờ xử lý

Báo cáo:
https://pay.example.vn/report/p

Bảng chi tiết (XLSX):
https://pay.example.vn/report/w

Cả tháng:
https://pay.example.vn/report/m

Ai có liên kết đều xem được, đến 24/11/2026 08:00:05.

----------------------------------------

Reconciliation of Tiki VIP of 22/11/2026

* 1 order that Tiki keeps without our money: ask Tiki to stop the delivery
* 2 to review
* 4 processed automatically
* Tiki's results are being read

SUCCESS: 1 · 50.000 ₫
Refunded for Tiki: 2 · 80.000 ₫
Net amount due to Tiki: −30.000 ₫
Open differences: 7 · 1.234.567 ₫

Other days that are not finished:
* 19/11/2026: The day has no file yet
* 21/11/2026: 1 order that Tiki keeps without our money: ask Tiki to stop the delivery; 2 to review

Report:
https://pay.example.vn/report/p

All findings (XLSX):
https://pay.example.vn/report/w

The month:
https://pay.example.vn/report/m

Whoever has a link can open it, until 24/11/2026 08:00:05.
"
    );
    let without = daily_mail(&unexported("2026-11-22"), &[], None).body;
    assert!(without.contains("* Ngày này chưa có tệp"), "{without}");
    assert!(
        without.contains("is in the bucket of reconciliation"),
        "{without}"
    );
    assert!(!without.contains("Thành công"), "no sums without a file");
}

fn month(days: Vec<DayOfPeriod>) -> PeriodReport {
    period("2026-11", days)
}

fn period(period: &str, days: Vec<DayOfPeriod>) -> PeriodReport {
    PeriodReport {
        period: period.parse().unwrap(),
        days,
        pages_beside: true,
    }
}

fn known(summary: DaySummary) -> DayOfPeriod {
    DayOfPeriod {
        day: summary.day,
        summary: Some(summary),
    }
}

#[test]
fn several_days_are_added_up_and_each_has_its_row() {
    let unreported = DayOfPeriod {
        day: day("2026-11-23"),
        summary: None,
    };
    let report = month(vec![
        known(quiet("2026-11-20")),
        known(bad("2026-11-21")),
        known(unexported("2026-11-22")),
        unreported,
    ]);
    assert_eq!(report.title(), "Tháng 11/2026");
    assert_eq!(report.money().unwrap().net_vnd(), 4_298_220_000);
    let page = period_html(&report).unwrap();
    if let Some(folder) = std::env::var_os("REPORT_PAGES") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join("period.html"), &page).unwrap();
    }
    for part in [
        "<title>Đối soát Tiki VIP Tháng 11/2026</title>",
        "1 ngày chưa có báo cáo, và không có trong tổng",
        "1 ngày chưa có tệp, và không có trong tổng",
        "Mới có 4 trong số 30 ngày: 20/11/2026 – 23/11/2026",
        "4.298.220.000 ₫",
        "−30.000 ₫",
        "href=\"2026-11-20.html\"",
        "12.408 · 4.310.550.000 ₫",
        "Chưa có báo cáo",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("href=\"#"), "the details are on other pages");
    let published = PeriodReport {
        pages_beside: false,
        ..report
    };
    assert!(!period_html(&published).unwrap().contains("href"));
}

#[test]
fn a_period_without_a_day_that_is_over_says_so() {
    let page = period_html(&month(Vec::new())).unwrap();
    assert!(page.contains("Chưa có ngày nào đã kết thúc"));
    let holidays = period("2026-12-31..2027-01-02", Vec::new());
    assert_eq!(holidays.title(), "31/12/2026 – 02/01/2027");
}

#[test]
fn a_sum_that_is_too_large_is_an_error_and_no_number() {
    let huge = DaySummary {
        money: Some(DayMoney {
            success: sum(1, u64::MAX),
            ..DayMoney::default()
        }),
        ..quiet("2026-11-20")
    };
    let report = month(vec![known(huge), known(quiet("2026-11-21"))]);
    assert!(report.money().is_err());
    assert!(period_html(&report).is_err());
}
