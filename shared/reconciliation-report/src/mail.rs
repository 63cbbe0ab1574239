//! The mail about a day: the verdict in one line, the sums, and where the report is. Vietnamese first, then English.

use domain::Timestamp;
use reconciliation::file::Sum;
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
    /// What it says, in both languages.
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

/// The mail about a day. `others` are earlier days, the oldest first, of which those are named that are not in order.
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
            "Còn phải trả Tiki",
            "Chênh lệch đang mở",
        ],
        other_days: "Các ngày khác chưa xong",
        links: ["Báo cáo", "Bảng chi tiết (XLSX)", "Cả tháng"],
        until: "Ai có liên kết đều xem được, đến",
        no_links: "Báo cáo, nếu đã có, nằm trong kho lưu trữ đối soát.",
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
        no_links: "The report, if there is one yet, is in the bucket of reconciliation.",
    };
    let parts = [vietnamese, english].map(|words| words.part(day, &verdicts, &others, links));
    MailText {
        subject: subject(day, &verdicts, &others),
        body: parts.join("\n----------------------------------------\n\n"),
    }
}

/// Whether somebody or something has still to do its part about a day.
fn is_unfinished(day: &DaySummary) -> bool {
    day.open() > 0 || day.needs_somebody()
}

/// What waits for a person counts, of whatever day: results come after a day was mailed.
fn subject(day: &DaySummary, verdicts: &[Verdict], others: &[&DaySummary]) -> String {
    let all = || others.iter().copied().chain([day]);
    let to_review = all().map(DaySummary::for_review);
    let to_review = to_review.fold(0, u64::saturating_add);
    let mut words = Vec::new();
    if to_review > 0 {
        words.push(format!("{to_review} TO REVIEW"));
    }
    if all().any(|day| day.money.is_none() || !day.delivered) {
        words.push("NOT DELIVERED".to_owned());
    }
    if words.is_empty() {
        let is_good = verdicts.first().is_none_or(|v| v.urgency == Urgency::Good);
        let word = if is_good { "OK" } else { "nothing to do yet" };
        words.push(word.to_owned());
    }
    format!("Tiki VIP {}: {}", date(day.day), words.join(", "))
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
        let mut text = vec![format!("{} {}", self.title, date(day.day)), String::new()];
        text.extend(verdicts.iter().map(|v| format!("* {}", (self.verdict)(v))));
        text.push(String::new());
        if let Some(money) = day.money {
            let [success, refunded, net, _] = self.money;
            let counted = |sum: Sum| format!("{} · {}", grouped(sum.count), vnd(sum.amount_vnd));
            text.push(format!("{success}: {}", counted(money.success)));
            text.push(format!("{refunded}: {}", counted(money.refunded)));
            text.push(format!("{net}: {}", signed_vnd(money.net_vnd())));
        }
        let [.., open] = self.money;
        let apart = vnd(day.differences_vnd);
        text.push(format!("{open}: {} · {apart}", grouped(day.open())));
        if !others.is_empty() {
            text.push(String::new());
            text.push(format!("{}:", self.other_days));
            text.extend(self.days(others));
        }
        text.push(String::new());
        match links {
            Some(links) => text.extend(self.links(links)),
            None => text.push(self.no_links.to_owned()),
        }
        text.join("\n") + "\n"
    }

    fn links(&self, links: &Links) -> Vec<String> {
        let urls = [&links.page, &links.workbook, &links.month];
        let all = self.links.iter().zip(urls);
        // A link has a line of its own, so that no mail program breaks it.
        let mut text: Vec<String> = all.map(|(name, url)| format!("{name}:\n{url}\n")).collect();
        text.push(format!("{} {}.", self.until, vietnam_time(links.until)));
        text
    }

    /// `* 24/11/2026: 2 to review; 1 processed automatically`: a line for each day, with what makes it unfinished.
    fn days(&self, others: &[&DaySummary]) -> Vec<String> {
        let shown = others.iter().take(MAX_OTHER_DAYS).map(|day| {
            let open = verdict::of_day(day);
            let urgent = open.iter().filter(|v| v.urgency == Urgency::Bad);
            let urgent: Vec<&str> = urgent.map(self.verdict).collect();
            let said = match (urgent.as_slice(), open.first()) {
                ([], Some(first)) => (self.verdict)(first).to_owned(),
                (urgent, _) => urgent.join("; "),
            };
            format!("* {}: {said}", date(day.day))
        });
        let mut text: Vec<String> = shown.collect();
        if let Some(more @ 1..) = others.len().checked_sub(MAX_OTHER_DAYS) {
            text.push(format!("* … + {more}"));
        }
        text
    }
}
