//! What a kind and a ground mean, and what is proposed: in Vietnamese, and in English beside it.

use crate::judge::{Ground, Kind};

/// The same in Vietnamese and in English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) vi: &'static str,
    pub(super) en: &'static str,
}

const fn words(vi: &'static str, en: &'static str) -> Words {
    Words { vi, en }
}

/// What a person has closed.
pub(super) const CLOSED: Words = words("Đã đóng", "Closed");

/// How findings of this kind stand.
pub(super) fn kind(kind: Kind) -> Words {
    match kind {
        Kind::ForAPerson => words("Cần người xử lý", "For a person"),
        Kind::Reverse => words("Đang hoàn tiền", "Being given back"),
        Kind::Resent => words("Đang báo lại cho Tiki", "Being reported to Tiki"),
        Kind::Undecided => words("Chờ Tiki trả lời", "Waiting for Tiki's word"),
        Kind::Settled => words("Đã khớp", "Settled"),
    }
}

/// What was found, and what is to be done about it.
#[expect(
    clippy::too_many_lines,
    reason = "a table of texts, with a row for each ground"
)]
pub(super) fn ground(ground: Ground) -> (Words, Words) {
    let nothing = words("Không cần làm gì.", "Nothing to do.");
    let ask_and_settle = words(
        "Thống nhất với Tiki, rồi đóng bằng: tikivip settle.",
        "Agree on it with Tiki, then close it: tikivip settle.",
    );
    match ground {
        Ground::Agree => (words("Hai bên đã khớp.", "The two sides agree."), nothing),
        Ground::NobodyPaid => (
            words(
                "Cả hai bên đều không ghi nhận thanh toán.",
                "Neither side has a payment.",
            ),
            nothing,
        ),
        Ground::MoneyIsBack => (
            words(
                "Tiki không có đơn; tiền đã hoàn cho khách.",
                "Tiki does not have the order; the customer has the money back.",
            ),
            nothing,
        ),
        Ground::BeingReported => (
            words(
                "Tiki chờ kết quả; IPN đang được gửi.",
                "Tiki waits; the IPN is being sent.",
            ),
            nothing,
        ),
        Ground::QueuedAgain => (
            words(
                "Tiki chưa nhận được IPN; đã xếp gửi lại.",
                "Tiki has not had the IPN; it is queued again.",
            ),
            nothing,
        ),
        Ground::GoesBack => (
            words(
                "Tiki không có đơn đã thanh toán; báo lại lần nữa, rồi tiền tự hoàn theo quy tắc.",
                "Tiki does not have the order that was paid; reported once more, the rule gives it back.",
            ),
            nothing,
        ),
        Ground::NoClearAnswer => (
            words(
                "Tiki không trả lời rõ khi tra cứu.",
                "Tiki's look-up gave no clear answer.",
            ),
            words(
                "Tự hỏi lại mỗi giờ; quá 24 giờ thì hỏi Tiki.",
                "Asked again each hour; after 24 hours ask Tiki.",
            ),
        ),
        Ground::UnreadableLine => (
            words(
                "Không đọc được dòng trong tệp của Tiki.",
                "The line of Tiki's file cannot be read.",
            ),
            words(
                "Yêu cầu Tiki gửi lại tệp, hoặc sửa cấu hình định dạng; rồi đóng bằng: tikivip settle.",
                "Have Tiki send it again, or mend the format that is set; then close it: tikivip settle.",
            ),
        ),
        Ground::UnknownHere => (
            words(
                "Tiki ghi nhận đã thanh toán; bên ta không có giao dịch.",
                "Paid at Tiki; we have no such transaction.",
            ),
            ask_and_settle,
        ),
        Ground::PaidAtTikiOnly => (
            words(
                "Tiki ghi nhận đã thanh toán; bên ta thì không.",
                "Paid at Tiki; with us it is not.",
            ),
            words(
                "Hỏi core ngân hàng có thu tiền không (tikivip show), báo Tiki dừng giao hàng.",
                "Ask the core whether it was paid (tikivip show), and have Tiki stop the delivery.",
            ),
        ),
        Ground::AmountDiffers => (
            words("Số tiền hai bên khác nhau.", "The amounts differ."),
            ask_and_settle,
        ),
        Ground::NoAmountAtTiki => (
            words("Tiki không cho biết số tiền.", "Tiki gives no amount."),
            ask_and_settle,
        ),
        Ground::ConfirmedAndForgotten => (
            words(
                "Tiki đã xác nhận IPN nhưng vẫn báo đang chờ.",
                "Tiki had confirmed the IPN, and says that it still waits.",
            ),
            ask_and_settle,
        ),
        Ground::ConfirmedAndGone => (
            words(
                "Tiki đã xác nhận, nay không còn đơn; tiền chưa hoàn hết.",
                "Tiki had confirmed it and does not have it now; not all of the money is back.",
            ),
            words(
                "Không tự hoàn. Tiki gửi lệnh hoàn tiền, hoặc thống nhất rồi đóng: tikivip settle.",
                "Nothing goes back by itself. Tiki asks for a refund, or agree and close it: tikivip settle.",
            ),
        ),
        Ground::ReversedAndPaid => (
            words(
                "Đã hoàn tiền vì Tiki không có đơn; nay Tiki báo đã thanh toán.",
                "Given back because Tiki did not have it; now Tiki says that it is paid.",
            ),
            words(
                "Báo Tiki ngay để dừng giao hàng.",
                "Tell Tiki at once, so that nothing is delivered.",
            ),
        ),
        Ground::OnTheDesk => (
            words(
                "Giao dịch đang chờ quyết định.",
                "The transaction waits for a decision.",
            ),
            words(
                "Quyết định bằng: tikivip show, tikivip resolve.",
                "Decide it: tikivip show, tikivip resolve.",
            ),
        ),
        Ground::GivenUp => (
            words(
                "Đã báo lại nhiều lần mà Tiki vẫn không nhận.",
                "It was reported again as often as that is allowed.",
            ),
            words(
                "Hỏi Tiki, rồi: tikivip resend-ipn hoặc tikivip resolve.",
                "Ask Tiki, then: tikivip resend-ipn or tikivip resolve.",
            ),
        ),
        Ground::NotOurs => (
            words(
                "Tiki nói mã giao dịch không hợp lệ hoặc của đối tác khác.",
                "Tiki calls the id invalid, or another partner's.",
            ),
            ask_and_settle,
        ),
    }
}
