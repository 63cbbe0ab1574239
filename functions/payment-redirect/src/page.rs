//! The page for a link that cannot be followed: in Vietnamese first, with a link back to the shop.

/// The text of a page, in both languages.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    title: &'static str,
    vietnamese: &'static str,
    english: &'static str,
}

/// The link is ours and has expired.
pub(crate) const EXPIRED: Text = Text {
    title: "Liên kết thanh toán đã hết hạn",
    vietnamese: "Thời gian thanh toán cho đơn hàng này đã kết thúc. Nếu tiền đã bị trừ, đơn hàng sẽ được \
                 cập nhật hoặc tiền sẽ được hoàn lại tự động.",
    english: "The time to pay for this order is over. If you have been charged, the order will be \
              updated or the money returned automatically.",
};

/// The link is not ours, or was changed.
pub(crate) const UNKNOWN: Text = Text {
    title: "Liên kết thanh toán không hợp lệ",
    vietnamese: "Chúng tôi không tìm thấy giao dịch của liên kết này. \
                 Vui lòng quay lại Tiki VIP và thử thanh toán lại từ đơn hàng của bạn.",
    english: "We could not find the payment of this link. \
              Please go back to Tiki VIP and pay again from your order.",
};

/// The page, with a link to `shop`, which is a URL of our own configuration.
pub(crate) fn render(text: Text, shop: &str) -> String {
    include_str!("page.html")
        .replace("{title}", text.title)
        .replace("{vietnamese}", text.vietnamese)
        .replace("{english}", text.english)
        .replace("{shop}", &shop.replace('&', "&amp;").replace('"', "&quot;"))
}
