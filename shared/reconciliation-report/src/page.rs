//! The page of a day: self-contained, Vietnamese first, readable on a phone and on paper.

mod files;
mod findings;
mod verdict;

use std::fmt::{self, Write};

use reconciliation::file::Sum;

use crate::day::DayReport;
use crate::text::{grouped, money};
use crate::words::words;

/// The page. Writing into a text does not fail.
pub fn page_html(report: &DayReport) -> String {
    let mut page = String::new();
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &DayReport) -> fmt::Result {
    let day = report.day;
    let name = words("Đối soát Tiki VIP", "Reconciliation");
    write!(
        page,
        "<!doctype html>\n<html lang=\"vi\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{} {day}</title>\n<style>\n{}</style>\n\
         </head>\n<body>\n<main>\n<h1>{name}<time>{day}</time></h1>\n",
        name.vi,
        include_str!("page/style.css"),
    )?;
    verdict::write(page, report)?;
    sums(page, report)?;
    files::sent(page, report)?;
    files::received(page, &report.received)?;
    findings::all(page, report)?;
    let footer = words(
        "Giờ Việt Nam (GMT+7). Đối soát không tự chuyển tiền.",
        "Vietnam's time. Reconciliation moves no money.",
    );
    writeln!(page, "<footer>{footer}</footer>\n</main>\n</body>\n</html>")
}

fn sums(page: &mut String, report: &DayReport) -> fmt::Result {
    heading(page, "Giao dịch trong ngày", "The day's transactions")?;
    let Some(exported) = &report.exported else {
        let none = words("Ngày này chưa được xuất tệp.", "The day is not exported.");
        return writeln!(page, "<p class=\"card\">{none}</p>");
    };
    let totals = exported.totals;
    writeln!(
        page,
        "<div class=\"card\"><table class=\"sums\">\n<thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>",
        words("Trạng thái", "Status"),
        words("Số lượng", "Count"),
        words("Số tiền", "Amount"),
    )?;
    let (success, failure) = (totals.success, totals.failure);
    sum(page, words("Thành công", "SUCCESS"), success)?;
    sum(page, words("Không thành công", "FAILURE"), failure)?;
    writeln!(page, "</tbody>\n<tbody class=\"total\">")?;
    let all = Sum {
        count: success.count.saturating_add(failure.count),
        amount_vnd: success.amount_vnd.saturating_add(failure.amount_vnd),
    };
    sum(page, words("Tổng giao dịch", "All transactions"), all)?;
    writeln!(page, "</tbody>")?;
    if totals.refunds != Sum::default() {
        writeln!(page, "<tbody>")?;
        sum(page, words("Hoàn tiền", "Refunds"), totals.refunds)?;
        writeln!(page, "</tbody>")?;
    }
    writeln!(page, "</table></div>")
}

fn sum(page: &mut String, what: impl fmt::Display, sum: Sum) -> fmt::Result {
    writeln!(
        page,
        "<tr><th scope=\"row\">{what}</th><td>{}</td><td>{}</td></tr>",
        grouped(sum.count),
        money(sum.amount_vnd),
    )
}

fn heading(page: &mut String, vi: &'static str, en: &'static str) -> fmt::Result {
    writeln!(page, "<h2>{}</h2>", words(vi, en))
}
