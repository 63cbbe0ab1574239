//! The first lines of the page: is the day in order?

use reconciliation::classify::Kind;

use crate::day::DayReport;
use crate::text::grouped;

/// One statement about the day.
pub(super) struct Line {
    /// The CSS class that gives the statement its colour.
    pub(super) class: &'static str,
    /// The place on the page that has the details.
    pub(super) anchor: Option<&'static str>,
    pub(super) vi: String,
    pub(super) en: String,
}

/// The most urgent line is first, and gives the whole summary its colour. There is always at least one.
pub(super) fn lines(report: &DayReport) -> Vec<Line> {
    let needs_review = report.count(Kind::NeedsReview);
    let without_money = report.count(Kind::OrderWithoutMoney);
    let for_review = needs_review.saturating_add(without_money);
    let automatic = report.open().saturating_sub(for_review);
    let mut lines = Vec::new();
    let mut add = |class, anchor, vi: String, en: String| {
        lines.push(Line {
            class,
            anchor,
            vi,
            en,
        });
    };
    if without_money > 0 {
        let n = grouped(without_money);
        let vi = format!(
            "{n} đơn Tiki đang giữ mà phía đối tác không có tiền: yêu cầu Tiki dừng giao hàng"
        );
        let en =
            format!("{n} orders that Tiki keeps without our money: ask Tiki to stop the delivery");
        add("bad", Some("order_without_money"), vi, en);
    }
    if needs_review > 0 {
        let n = grouped(needs_review);
        let vi = format!("{n} chênh lệch chờ xử lý");
        let en = format!("{n} to review");
        add("bad", Some("needs_review"), vi, en);
    }
    if report.exported.is_none() {
        let (vi, en) = ("Ngày này chưa có tệp", "The day has no file yet");
        add("bad", None, vi.to_owned(), en.to_owned());
    } else if !report.is_delivered() {
        let (vi, en) = ("Chưa gửi đủ tệp cho Tiki", "Not all files are delivered");
        add("bad", None, vi.to_owned(), en.to_owned());
    }
    if automatic > 0 {
        let n = grouped(automatic);
        let vi = format!("{n} chênh lệch đang được hệ thống tự xử lý");
        let en = format!("{n} processed automatically");
        add("wait", Some("findings"), vi, en);
    }
    if report.received.iter().any(|file| file.done_at.is_none()) {
        let (vi, en) = ("Đang đọc kết quả của Tiki", "Tiki's results are being read");
        add("wait", None, vi.to_owned(), en.to_owned());
    }
    if report.received.is_empty() {
        let vi = "Chưa có tệp kết quả nào của Tiki cho ngày này";
        let en = "No result file of Tiki for this day";
        add("wait", None, vi.to_owned(), en.to_owned());
    }
    if report.open() == 0 {
        let (vi, en) = ("Không có chênh lệch nào đang mở", "No open findings");
        let class = if lines.is_empty() { "good" } else { "wait" };
        lines.push(Line {
            class,
            anchor: None,
            vi: vi.to_owned(),
            en: en.to_owned(),
        });
    }
    lines
}
