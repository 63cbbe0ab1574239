//! At a glance: is all well?

use std::fmt::{self, Write};

use reconciliation::classify::Kind;

use crate::day::DayReport;
use crate::text::grouped;

/// Something that is so, what it means for the whole, and where on the page it is told.
struct Line {
    class: &'static str,
    anchor: Option<&'static str>,
    vi: String,
    en: String,
}

/// What needs somebody most stands first, and gives the whole its colour.
pub(super) fn write(page: &mut String, report: &DayReport) -> fmt::Result {
    let lines = lines(report);
    let class = lines.first().map_or("good", |line| line.class);
    writeln!(page, "<div class=\"verdict {class}\">")?;
    for Line { anchor, vi, en, .. } in &lines {
        let vi = match anchor {
            Some(anchor) => format!("<a href=\"#{anchor}\">{vi}</a>"),
            None => vi.clone(),
        };
        writeln!(page, "<p>{vi} <span lang=\"en\">{en}</span></p>")?;
    }
    writeln!(page, "</div>")
}

fn lines(report: &DayReport) -> Vec<Line> {
    let persons = report.count(Kind::NeedsReview);
    let by_rules = report.open().saturating_sub(persons);
    let mut lines = Vec::new();
    let mut say = |class, anchor, vi: String, en: String| {
        lines.push(Line {
            class,
            anchor,
            vi,
            en,
        });
    };
    if persons > 0 {
        let n = grouped(persons);
        let vi = format!("{n} chênh lệch cần người xử lý");
        let en = format!("{n} for a person");
        say("bad", Some("needs_review"), vi, en);
    }
    if report.exported.is_none() {
        let (vi, en) = ("Ngày này chưa có tệp", "The day has no file yet");
        say("bad", None, vi.to_owned(), en.to_owned());
    } else if !report.is_delivered() {
        let (vi, en) = ("Chưa giao hết tệp cho Tiki", "Not all files are delivered");
        say("bad", None, vi.to_owned(), en.to_owned());
    }
    if by_rules > 0 {
        let n = grouped(by_rules);
        let vi = format!("{n} chênh lệch đang được hệ thống xử lý");
        let en = format!("{n} are settled by the rules");
        say("wait", Some("findings"), vi, en);
    }
    if report.received.iter().any(|read| read.done_at.is_none()) {
        let (vi, en) = ("Đang đọc kết quả của Tiki", "Tiki's results are being read");
        say("wait", None, vi.to_owned(), en.to_owned());
    }
    if report.open() == 0 {
        let (vi, en) = ("Không có chênh lệch nào đang mở", "No open findings");
        say("good", None, vi.to_owned(), en.to_owned());
    }
    lines
}
