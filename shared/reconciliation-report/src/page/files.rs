//! The files of a day, both ways.

use std::fmt::{self, Display, Write};

use super::heading;
use crate::day::DayReport;
use crate::text::{Escaped, clock, grouped};
use crate::words::{Words, words};
use reconciliation::record::{Received, Sent};

pub(super) fn sent(page: &mut String, report: &DayReport) -> fmt::Result {
    heading(page, "Tệp gửi Tiki", "Files sent")?;
    if report.sent.is_empty() {
        return none(page);
    }
    for sent in &report.sent {
        one(page, sent, report.is_current(sent))?;
    }
    Ok(())
}

fn one(page: &mut String, sent: &Sent, current: bool) -> fmt::Result {
    let (class, state) = match (current, sent.delivered_at) {
        (false, Some(_)) => ("tag", words("Bản cũ, đã có tệp thay", "replaced")),
        (false, None) => ("tag", words("Không dùng", "not used")),
        (true, Some(_)) => ("tag good", words("Đã giao", "delivered")),
        (true, None) => ("tag bad", words("Chưa giao", "not delivered yet")),
    };
    open(page, &sent.name, class, state)?;
    fact(
        page,
        words("Dòng (có tiêu đề)", "lines"),
        grouped(sent.lines),
    )?;
    fact(page, words("Byte", "bytes"), grouped(sent.bytes))?;
    fact(page, words("Lập lúc", "planned"), clock(sent.planned_at))?;
    let delivered = sent.delivered_at.map_or_else(|| "—".to_owned(), clock);
    fact(page, words("Giao lúc", "delivered"), delivered)?;
    close(page, &sent.sha256)
}

pub(super) fn received(page: &mut String, received: &[Received]) -> fmt::Result {
    heading(page, "Kết quả từ Tiki", "Tiki's results")?;
    if received.is_empty() {
        return none(page);
    }
    for received in received {
        let (class, state) = match received.done_at {
            Some(_) => ("tag good", words("Đã đọc xong", "read")),
            None => ("tag wait", words("Đang đọc", "being read")),
        };
        open(page, &received.name, class, state)?;
        fact(
            page,
            words("Dòng (có tiêu đề)", "lines"),
            grouped(received.lines),
        )?;
        fact(page, words("Khớp", "agree"), grouped(received.matched))?;
        fact(
            page,
            words("Chênh lệch", "findings"),
            grouped(received.findings),
        )?;
        fact(
            page,
            words("Không đọc được", "unreadable"),
            grouped(received.unreadable),
        )?;
        fact(
            page,
            words("Nhận lúc", "received"),
            clock(received.received_at),
        )?;
        let done = received.done_at.map_or_else(|| "—".to_owned(), clock);
        fact(page, words("Đọc xong lúc", "read"), done)?;
        close(page, &received.sha256)?;
    }
    Ok(())
}

fn none(page: &mut String) -> fmt::Result {
    writeln!(
        page,
        "<p class=\"card\">{}</p>",
        words("Chưa có.", "None yet.")
    )
}

fn open(page: &mut String, name: &str, class: &str, state: Words) -> fmt::Result {
    writeln!(
        page,
        "<section class=\"card file\">\n<h3><code>{}</code> <span class=\"{class}\">{state}</span></h3>\n<dl>",
        Escaped(name),
    )
}

fn fact(page: &mut String, what: Words, value: impl Display) -> fmt::Result {
    writeln!(page, "<div><dt>{what}</dt><dd>{value}</dd></div>")
}

fn close(page: &mut String, sha256: &str) -> fmt::Result {
    writeln!(
        page,
        "</dl>\n<p class=\"soft\">SHA-256 <code>{}</code></p>\n</section>",
        Escaped(sha256)
    )
}
