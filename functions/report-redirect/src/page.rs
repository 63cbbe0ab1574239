//! The page for a link that cannot be used: Vietnamese first.

use askama::Template;

/// The text of a page, in both languages.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    title: &'static str,
    vietnamese: &'static str,
    english: &'static str,
}

/// The link is ours, but its day is over.
pub(crate) const EXPIRED: Text = Text {
    title: "Liên kết báo cáo đã hết hạn",
    vietnamese: "Mỗi liên kết chỉ dùng được trong một ngày. \
                 Vui lòng mở thư mới nhất, hoặc hỏi bộ phận vận hành để nhận báo cáo của ngày cần xem.",
    english: "Each link works for one day. \
              Please open the latest mail, or ask the operations team for the report of the day you need.",
};

/// We did not make the link, or it was changed on the way.
pub(crate) const UNKNOWN: Text = Text {
    title: "Liên kết báo cáo không hợp lệ",
    vietnamese: "Liên kết có thể đã bị ngắt dòng khi sao chép. Vui lòng mở lại từ thư.",
    english: "The link may have been broken when it was copied. Please open it from the mail again.",
};

/// An error of ours.
pub(crate) const FAILED: Text = Text {
    title: "Hệ thống đang gặp sự cố",
    vietnamese: "Chưa mở được báo cáo. Vui lòng thử lại sau ít phút.",
    english: "The report cannot be opened now. Please try again in some minutes.",
};

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    text: Text,
}

/// Renders the page. The template escapes what it prints.
pub(crate) fn render(text: Text) -> askama::Result<String> {
    Page { text }.render()
}
