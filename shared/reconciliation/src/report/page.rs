//! The page of a day: self-contained, Vietnamese first, readable on a phone and on paper.

use std::fmt::{self, Display, Write};

use domain::{Timestamp, Vnd};

use super::words::{self, Words};
use super::{DayReport, MOST_SHOWN};
use crate::file::Sum;
use crate::judge::Kind;
use crate::record::{Finding, Received, Sent, Values};

/// The page. Writing into a text does not fail.
pub(super) fn html(report: &DayReport) -> String {
    let mut page = String::new();
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &DayReport) -> fmt::Result {
    let day = report.day;
    write!(
        page,
        "<!doctype html>\n<html lang=\"vi\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>Đối soát Tiki VIP {day}</title>\n<style>\n{}</style>\n\
         </head>\n<body>\n<main>\n<h1>Đối soát Tiki VIP · {day} <span lang=\"en\">Reconciliation</span></h1>\n",
        include_str!("style.css"),
    )?;
    verdict(page, report)?;
    sums(page, report)?;
    sent(page, &report.sent)?;
    received(page, &report.received)?;
    findings(page, report)?;
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

/// At a glance: is all well?
fn verdict(page: &mut String, report: &DayReport) -> fmt::Result {
    let (persons, open) = (report.count(Kind::ForAPerson), report.open());
    let late = report.sent.iter().any(|sent| sent.delivered_at.is_none());
    let (class, vi, en) = if persons > 0 {
        (
            "verdict bad",
            format!("{persons} chênh lệch cần người xử lý"),
            format!("{persons} wait for a person"),
        )
    } else if report.exported.is_none() || late {
        (
            "verdict bad",
            "Tệp của ngày chưa tới Tiki".to_owned(),
            "The day's file is not at Tiki yet".to_owned(),
        )
    } else if open > 0 {
        (
            "verdict wait",
            format!("{open} chênh lệch đang tự xử lý"),
            format!("{open} are being settled"),
        )
    } else {
        (
            "verdict",
            "Không có chênh lệch".to_owned(),
            "Nothing differs".to_owned(),
        )
    };
    writeln!(
        page,
        "<p class=\"{class}\">{vi}<small lang=\"en\">{en}</small></p>"
    )
}

fn sums(page: &mut String, report: &DayReport) -> fmt::Result {
    heading(page, "Giao dịch trong ngày", "The day's transactions")?;
    let Some(exported) = &report.exported else {
        return page.write_str("<p class=\"card\">Ngày này chưa được xuất tệp. <span lang=\"en\">The day is not exported.</span></p>\n");
    };
    let totals = exported.totals;
    page.push_str("<div class=\"card\"><table><tbody>\n");
    sum(page, "SUCCESS", ("Thành công", "paid"), totals.success)?;
    sum(
        page,
        "FAILURE",
        ("Không thành công", "not paid"),
        totals.failure,
    )?;
    if totals.refunds != Sum::default() {
        sum(page, "REFUND", ("Hoàn tiền", "refunds"), totals.refunds)?;
    }
    let (success, failure) = (totals.success, totals.failure);
    writeln!(
        page,
        "</tbody><tfoot><tr><td>Tổng giao dịch <small lang=\"en\">all transactions</small></td>\
         <td class=\"number\">{}</td><td class=\"number\">{}</td></tr></tfoot></table></div>",
        thousands(success.count.saturating_add(failure.count)),
        money(success.amount_vnd.saturating_add(failure.amount_vnd)),
    )
}

fn sum(page: &mut String, status: &str, (vi, en): (&str, &str), sum: Sum) -> fmt::Result {
    writeln!(
        page,
        "<tr><td>{vi} <small lang=\"en\">{status}, {en}</small></td><td class=\"number\">{}</td>\
         <td class=\"number\">{}</td></tr>",
        thousands(sum.count),
        money(sum.amount_vnd),
    )
}

fn sent(page: &mut String, sent: &[Sent]) -> fmt::Result {
    heading(page, "Tệp gửi Tiki", "Files sent")?;
    if sent.is_empty() {
        return page
            .write_str("<p class=\"card\">Chưa có. <span lang=\"en\">None yet.</span></p>\n");
    }
    for sent in sent {
        let delivered = match sent.delivered_at {
            Some(at) => format!("Tới Tiki lúc {} <small lang=\"en\">at Tiki</small>", clock(at)),
            None => "<span class=\"late\">Chưa tới Tiki</span> <small lang=\"en\">not at Tiki yet</small>".to_owned(),
        };
        writeln!(
            page,
            "<div class=\"card\"><code>{}</code><br>{} dòng <small lang=\"en\">lines, header included</small> · \
             {} byte · {delivered}<br><small>SHA-256 <code>{}</code></small></div>",
            Escaped(&sent.name),
            thousands(sent.lines),
            thousands(sent.bytes),
            Escaped(&sent.sha256),
        )?;
    }
    Ok(())
}

fn received(page: &mut String, received: &[Received]) -> fmt::Result {
    heading(page, "Kết quả từ Tiki", "Tiki's results")?;
    if received.is_empty() {
        return page
            .write_str("<p class=\"card\">Chưa có. <span lang=\"en\">None yet.</span></p>\n");
    }
    for received in received {
        let done = match received.done_at {
            Some(at) => format!("Đọc xong lúc {} <small lang=\"en\">read</small>", clock(at)),
            None => "<span class=\"late\">Đang đọc</span> <small lang=\"en\">being read</small>"
                .to_owned(),
        };
        writeln!(
            page,
            "<div class=\"card\"><code>{}</code><br>{done}<br>{} khớp <small lang=\"en\">agree</small> · {} chênh lệch \
             <small lang=\"en\">findings</small> · {} không đọc được <small lang=\"en\">unreadable</small></div>",
            Escaped(&received.name),
            thousands(received.matched),
            thousands(received.findings),
            thousands(received.unreadable),
        )?;
    }
    Ok(())
}

fn findings(page: &mut String, report: &DayReport) -> fmt::Result {
    heading(page, "Chênh lệch", "Findings")?;
    if report.findings.is_empty() {
        return page.write_str("<p class=\"card\">Không có. <span lang=\"en\">None.</span></p>\n");
    }
    let counted = Kind::ALL.map(|kind| (report.count(kind), words::kind(kind)));
    let closed = (report.closed, words::CLOSED);
    page.push_str("<p>");
    let there = counted.into_iter().chain([closed]).filter(|(n, _)| *n > 0);
    for (place, (count, Words { vi, en })) in there.enumerate() {
        let between = if place > 0 { " · " } else { "" };
        let count = thousands(count);
        write!(
            page,
            "{between}{count} {vi} <small lang=\"en\">{en}</small>"
        )?;
    }
    page.push_str("</p>\n");
    for one in report.findings.iter().take(MOST_SHOWN) {
        finding(page, one)?;
    }
    let shown = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
    if report.all() > shown {
        writeln!(
            page,
            "<p class=\"card\">Còn {} chênh lệch khác trong report.csv. <span lang=\"en\">The others are in report.csv.</span></p>",
            thousands(report.all().saturating_sub(shown)),
        )?;
    }
    Ok(())
}

fn finding(page: &mut String, finding: &Finding) -> fmt::Result {
    let (class, state) = match (&finding.closed, finding.kind) {
        (Some(_), _) => ("tag good", words::CLOSED),
        (None, Kind::Settled) => ("tag good", words::kind(Kind::Settled)),
        (None, Kind::ForAPerson) => ("tag bad", words::kind(Kind::ForAPerson)),
        (None, kind) => ("tag", words::kind(kind)),
    };
    let (because, proposal) = words::ground(finding.ground);
    writeln!(
        page,
        "<section class=\"card finding\"><h3><code>{}</code> <span class=\"{class}\">{} <span lang=\"en\">{}</span></span></h3>",
        Escaped(&finding.id),
        state.vi,
        state.en,
    )?;
    if let Some(id) = &finding.transaction_id {
        writeln!(
            page,
            "<p><small>Mã bên ta <code>{}</code></small></p>",
            Escaped(id)
        )?;
    }
    for Words { vi, en } in [because, proposal] {
        writeln!(page, "<p>{vi} <span lang=\"en\">{en}</span></p>")?;
    }
    if finding.is_about_a_transaction() {
        sides(page, finding)?;
    }
    writeln!(
        page,
        "<p><small>Tệp <code>{}</code>, dòng {}{}{}</small></p>",
        Escaped(&finding.file),
        finding.line,
        after(", mã ", &finding.code),
        after(": ", &finding.reason),
    )?;
    page.push_str("<ol>");
    for step in &finding.history {
        let (because, _) = words::ground(step.ground);
        let kind = words::kind(step.kind).vi;
        write!(page, "<li>{} {kind}: {}</li>", clock(step.at), because.vi)?;
    }
    if let Some(closed) = &finding.closed {
        write!(
            page,
            "<li>{} Đóng bởi {}: {}</li>",
            clock(closed.at),
            Escaped(&closed.by),
            Escaped(&closed.reason),
        )?;
    }
    page.push_str("</ol></section>\n");
    Ok(())
}

/// Both sides' values, and what the file said.
fn sides(page: &mut String, finding: &Finding) -> fmt::Result {
    let asked = Values {
        status: Some(finding.tiki.to_uppercase()),
        amount_vnd: finding.tiki_amount_vnd,
    };
    page.push_str("<table class=\"sides\"><tbody>\n");
    for (vi, en, values) in [
        ("Bên ta", "ours", &finding.ours),
        ("Tiki trả lời", "Tiki, asked", &asked),
        ("Tệp của Tiki", "Tiki's file", &finding.in_file),
    ] {
        let status = values.status.as_deref().unwrap_or("—");
        let amount = values.amount_vnd.map_or_else(|| "—".to_owned(), money);
        writeln!(
            page,
            "<tr><th>{vi} <small lang=\"en\">{en}</small></th><td>{}</td><td class=\"number\">{amount}</td></tr>",
            Escaped(status),
        )?;
    }
    page.push_str("</tbody></table>\n");
    Ok(())
}

fn heading(page: &mut String, vi: &str, en: &str) -> fmt::Result {
    writeln!(page, "<h2>{vi} <span lang=\"en\">{en}</span></h2>")
}

fn after(before: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{before}{}", Escaped(text))
    }
}

fn clock(unix_ms: i64) -> String {
    let at = Timestamp::from_unix_ms(unix_ms);
    at.map(Timestamp::on_vietnams_clock).unwrap_or_default()
}

fn thousands(number: u64) -> String {
    money(number).trim_end_matches(" ₫").to_owned()
}

fn money(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| vnd.to_string(), Vnd::grouped)
}

/// A text from outside, that can be nothing but a text within the page.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::judge::Ground;
    use crate::record::Closed;

    fn report(findings: Vec<Finding>) -> DayReport {
        let mut kinds = BTreeMap::new();
        for finding in &findings {
            *kinds.entry(finding.kind).or_default() += 1;
        }
        DayReport {
            day: "2026-11-22".parse().unwrap(),
            exported: None,
            sent: Vec::new(),
            received: Vec::new(),
            kinds,
            closed: 0,
            findings,
        }
    }

    #[test]
    fn what_comes_from_outside_is_a_text_within_the_page() {
        let hostile = "<script>alert('x')</script>\"&amp;";
        let day = "2026-11-22".parse().unwrap();
        let mut finding = Finding::new(day, hostile.to_owned(), hostile, 1, 0);
        for text in [&mut finding.code, &mut finding.reason, &mut finding.tiki] {
            hostile.clone_into(text);
        }
        for values in [&mut finding.ours, &mut finding.in_file] {
            values.status = Some(hostile.to_owned());
        }
        finding.transaction_id = Some(hostile.to_owned());
        finding.look(0, Kind::ForAPerson, Ground::AmountDiffers);
        finding.closed = Some(Closed {
            at: 0,
            by: hostile.to_owned(),
            reason: hostile.to_owned(),
        });
        let page = html(&report(vec![finding]));
        assert!(!page.to_lowercase().contains("<script"), "{page}");
        assert!(!page.contains("alert('x')"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }

    #[test]
    fn the_same_records_give_the_same_page_and_every_ground_has_words() {
        let day = "2026-11-22".parse().unwrap();
        let grounds = ["agree", "goes_back", "unknown_here", "not_ours", "given_up"];
        let findings = grounds.map(|ground| {
            let mut finding = Finding::new(day, ground.to_owned(), "f", 2, 0);
            let ground = serde_json::from_value(ground.into()).unwrap();
            finding.look(1, Kind::ForAPerson, ground);
            finding
        });
        let report = report(findings.into());
        let page = html(&report);
        assert_eq!(page, html(&report));
        assert!(page.contains("5 chênh lệch cần người xử lý"), "{page}");
        let mut quiet = report;
        (quiet.kinds, quiet.findings) = (BTreeMap::new(), Vec::new());
        assert!(html(&quiet).contains("Tệp của ngày chưa tới Tiki"));
    }

    #[test]
    fn findings_beyond_what_is_shown_are_counted() {
        let day = "2026-11-22".parse().unwrap();
        let mut report = report(vec![Finding::new(day, "T-1".to_owned(), "f", 2, 0)]);
        report.kinds.insert(Kind::ForAPerson, 3_000);
        let page = html(&report);
        assert!(
            page.contains("Còn 3.000 chênh lệch khác trong report.csv"),
            "{page}"
        );
    }
}
