//! The mail about a day: the verdict in one line, the sums, and where the report is. Vietnamese first, then English.

use std::fmt::Write as _;

use domain::Timestamp;
use reconciliation::record::DaySummary;

use crate::text::{date, grouped, signed_vnd, vietnam_time, vnd};
use crate::verdict::{self, Urgency, Verdict};

/// A mail names at most this many other days.
const MAX_OTHER_DAYS: usize = 10;

/// What a mail says, before it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailText {
    /// The subject, in ASCII.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// The links to a report. Whoever has one can open what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The day's page.
    pub page: String,
    /// The day's workbook.
    pub workbook: String,
    /// The page of the month.
    pub month: String,
    /// Until when the links work.
    pub until: Timestamp,
}

/// The mail about a day. `others` are earlier days, of which those are named that are not in order.
#[must_use]
pub fn daily_mail(day: &DaySummary, others: &[DaySummary], links: Option<&Links>) -> MailText {
    let verdicts = verdict::of_day(day);
    let others: Vec<&DaySummary> = others.iter().filter(|day| is_unfinished(day)).collect();
    let vietnamese = Words {
        title: "Đối soát Tiki VIP ngày",
        verdict: |verdict| &verdict.vi,
        money: [
            "Thành công",
            "Tiki yêu cầu hoàn",
            "Còn phải quyết toán với Tiki",
            "Chênh lệch đang mở",
        ],
        other_days: "Các ngày khác chưa xong",
        links: ["Báo cáo", "Bảng chi tiết (XLSX)", "Cả tháng"],
        until: "Ai có liên kết đều xem được, đến",
        no_links: "Báo cáo nằm trong kho lưu trữ đối soát.",
    };
    let english = Words {
        title: "Reconciliation of Tiki VIP of",
        verdict: |verdict| &verdict.en,
        money: [
            "SUCCESS",
            "Refunded for Tiki",
            "Net amount due to Tiki",
            "Open differences",
        ],
        other_days: "Other days that are not finished",
        links: ["Report", "All findings (XLSX)", "The month"],
        until: "Whoever has a link can open it, until",
        no_links: "The report is in the bucket of reconciliation.",
    };
    let parts = [vietnamese, english].map(|words| words.part(day, &verdicts, &others, links));
    MailText {
        subject: subject(day, &verdicts),
        body: parts.join("\n----------------------------------------\n\n"),
    }
}

/// Whether somebody or something has still to do its part about a day.
fn is_unfinished(day: &DaySummary) -> bool {
    day.open() > 0 || day.money.is_none() || !day.delivered
}

fn subject(day: &DaySummary, verdicts: &[Verdict]) -> String {
    let first = verdicts.first().map_or(Urgency::Good, |first| first.urgency);
    let word = match (first, day.for_review()) {
        (Urgency::Good, _) => "OK".to_owned(),
        (Urgency::Wait, _) => "nothing to do yet".to_owned(),
        (Urgency::Bad, 0) => "NOT DELIVERED".to_owned(),
        (Urgency::Bad, n) => format!("{n} TO REVIEW"),
    };
    format!("Tiki VIP {}: {word}", date(day.day))
}

/// The words of one language.
struct Words {
    title: &'static str,
    verdict: fn(&Verdict) -> &str,
    money: [&'static str; 4],
    other_days: &'static str,
    links: [&'static str; 3],
    until: &'static str,
    no_links: &'static str,
}

impl Words {
    fn part(
        &self,
        day: &DaySummary,
        verdicts: &[Verdict],
        others: &[&DaySummary],
        links: Option<&Links>,
    ) -> String {
        let mut lines = vec![format!("{} {}", self.title, date(day.day)), String::new()];
        lines.extend(verdicts.iter().map(|v| format!("* {}", (self.verdict)(v))));
        lines.push(String::new());
        if let Some(money) = day.money {
            let [success, refunded, net, _] = self.money;
            let counted = |sum: reconciliation::file::Sum| {
                format!("{} · {}", grouped(sum.count), vnd(sum.amount_vnd))
            };
            lines.push(format!("{success}: {}", counted(money.success)));
            lines.push(format!("{refunded}: {}", counted(money.refunded)));
            lines.push(format!("{net}: {}", signed_vnd(money.net_vnd())));
        }
        let [.., open] = self.money;
        let apart = vnd(day.differences_vnd);
        lines.push(format!("{open}: {} · {apart}", grouped(day.open())));
        if !others.is_empty() {
            lines.push(String::new());
            lines.push(format!("{}: {}", self.other_days, days(others)));
        }
        lines.push(String::new());
        match links {
            Some(links) => lines.extend(self.links(links)),
            None => lines.push(self.no_links.to_owned()),
        }
        lines.join("\n") + "\n"
    }

    fn links(&self, links: &Links) -> Vec<String> {
        let urls = [&links.page, &links.workbook, &links.month];
        let all = self.links.iter().zip(urls);
        // A link has a line of its own, so that no mail program breaks it.
        let mut lines: Vec<String> = all.map(|(name, url)| format!("{name}:\n{url}\n")).collect();
        lines.push(format!("{} {}.", self.until, vietnam_time(links.until)));
        lines
    }
}

/// `24/11/2026 (2), 20/11/2026 (1)`: the days, each with its open findings.
fn days(others: &[&DaySummary]) -> String {
    let mut text = String::new();
    for (n, day) in others.iter().take(MAX_OTHER_DAYS).enumerate() {
        let separator = if n > 0 { ", " } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{} ({})", date(day.day), grouped(day.open()));
    }
    if others.len() > MAX_OTHER_DAYS {
        text.push_str(", …");
    }
    text
}
