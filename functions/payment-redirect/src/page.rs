//! The page for a payment link that cannot be used: Vietnamese first, with a link back to the shop.

use askama::Template;

/// The text of a page, in both languages.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    title: &'static str,
    vietnamese: &'static str,
    english: &'static str,
}

/// The link is ours, but the time to pay is over.
pub(crate) const EXPIRED: Text = Text {
    title: "Liên kết thanh toán đã hết hạn",
    vietnamese: "Thời gian thanh toán cho đơn hàng này đã kết thúc. Nếu tiền đã bị trừ, đơn hàng sẽ được \
                 cập nhật hoặc tiền sẽ được hoàn lại tự động.",
    english: "The time to pay for this order is over. If you have been charged, the order will be \
              updated or the money returned automatically.",
};

/// We did not make the link, or it was changed on the way.
pub(crate) const UNKNOWN: Text = Text {
    title: "Liên kết thanh toán không hợp lệ",
    vietnamese: "Chúng tôi không tìm thấy giao dịch của liên kết này. \
                 Vui lòng quay lại Tiki VIP và thanh toán lại từ đơn hàng của Quý khách.",
    english: "We could not find the payment of this link. \
              Please go back to Tiki VIP and pay again from your order.",
};

/// An error of ours. Whether the customer has paid is not known here.
pub(crate) const FAILED: Text = Text {
    title: "Hệ thống đang gặp sự cố",
    vietnamese: "Quý khách vui lòng thử lại sau ít phút. Nếu Quý khách đã thanh toán, khoản thanh toán vẫn được \
                 ghi nhận: xin đừng thanh toán lần nữa.",
    english: "Something is broken on our side. Please try again in some minutes. If you have paid, your payment is \
              recorded all the same: please do not pay again.",
};

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'s> {
    text: Text,
    shop: &'s str,
}

/// Renders the page with a link back to `shop`. The template escapes what it prints.
pub(crate) fn render(text: Text, shop: &str) -> askama::Result<String> {
    Page { text, shop }.render()
}
