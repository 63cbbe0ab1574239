//! What a kind, a ground and an answer mean, and what is proposed: in Vietnamese, and in English beside it.

use std::fmt::{self, Display};

use domain::{LookUpAnswer, Status};

use reconciliation::classify::{Kind, MismatchReason};

/// The same in Vietnamese and in English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) vi: &'static str,
    pub(crate) en: &'static str,
}

pub(crate) const fn words(vi: &'static str, en: &'static str) -> Words {
    Words { vi, en }
}

/// Vietnamese, and English beside it.
impl Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vi, en } = self;
        write!(f, "{vi} <span lang=\"en\">{en}</span>")
    }
}

/// What is said of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// What was found.
    pub(crate) because: Words,
    /// What is to be done about it.
    pub(crate) proposal: Words,
    /// By what commands, where it is for a person.
    pub(crate) commands: &'static [Command],
}

/// A command of `tikivip`, of one transaction or finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Show,
    LookUp,
    ResendIpn,
    Resolve,
    CloseFinding,
}

/// What a person has closed, or a run that reads a file once more.
pub(crate) const CLOSED: Words = words("Đã đóng", "Closed");

/// How findings of this kind stand.
pub(crate) fn kind(kind: Kind) -> Words {
    match kind {
        Kind::NeedsReview => words("Cần người xử lý", "For a person"),
        Kind::Reverse => words("Đang hoàn tiền", "Being given back"),
        Kind::Resent => words("Đang báo lại cho Tiki", "Being reported to Tiki"),
        Kind::Undecided => words("Chờ Tiki trả lời rõ", "Waiting for a clear answer"),
        Kind::Matched => words("Đã khớp", "Matched"),
    }
}

/// What Tiki said when it was asked; `None` of a word that is none of its answers.
pub(crate) fn asked(word: &str) -> Option<Words> {
    let mut answers = LookUpAnswer::ALL.into_iter();
    let answer = answers.find(|answer| answer.as_str() == word)?;
    Some(match answer {
        LookUpAnswer::Found(Status::Pending, _) => words("PENDING", "waits for payment"),
        LookUpAnswer::Found(Status::Success, _) => words("SUCCESS", "paid"),
        LookUpAnswer::Found(Status::Failure, _) => words("FAILURE", "not paid"),
        LookUpAnswer::NotFound => words("Không tìm thấy", "not found"),
        LookUpAnswer::Cancelled => words("Đã huỷ", "cancelled"),
        LookUpAnswer::InvalidRequest => words("Yêu cầu không hợp lệ", "invalid request"),
        LookUpAnswer::NotOfThisPartner => words("Của đối tác khác", "another partner's"),
        LookUpAnswer::SystemError => words("Lỗi hệ thống của Tiki", "system error"),
        LookUpAnswer::Unauthorized => words("Tiki từ chối chữ ký", "signature refused"),
        LookUpAnswer::Unclear => words("Không rõ", "no clear answer"),
    })
}

/// The status that an answer of Tiki's comes to; `None` if it says nothing of one.
pub(crate) fn status(word: &str) -> Option<&'static str> {
    let mut answers = LookUpAnswer::ALL.into_iter();
    match answers.find(|answer| answer.as_str() == word)? {
        LookUpAnswer::Found(status, _) => Some(status.as_str()),
        LookUpAnswer::NotFound | LookUpAnswer::Cancelled => Some(Status::Failure.as_str()),
        LookUpAnswer::InvalidRequest
        | LookUpAnswer::NotOfThisPartner
        | LookUpAnswer::SystemError
        | LookUpAnswer::Unauthorized
        | LookUpAnswer::Unclear => None,
    }
}

/// What is said of a finding that stands so for this reason.
#[expect(
    clippy::too_many_lines,
    reason = "a table of texts, with a row for each ground"
)]
pub(crate) fn ground(ground: MismatchReason) -> Said {
    use Command::{CloseFinding, LookUp, ResendIpn, Resolve, Show};
    match ground {
        MismatchReason::Agree => no_need(words("Hai bên đã khớp.", "The two sides agree.")),
        MismatchReason::NobodyPaid => no_need(words(
            "Cả hai bên đều không ghi nhận là đã thanh toán.",
            "Neither side counts it as paid.",
        )),
        MismatchReason::MoneyIsBack => no_need(words(
            "Tiki không ghi nhận thanh toán; toàn bộ tiền đã hoàn cho khách.",
            "Tiki does not count it as paid; the customer has all of the money back.",
        )),
        MismatchReason::BeingReported => no_need(words(
            "Tiki chờ kết quả; IPN đang được gửi.",
            "Tiki waits for the result; the IPN is being sent.",
        )),
        MismatchReason::QueuedAgain => no_need(words(
            "Tiki chưa nhận được IPN; IPN đã được xếp gửi lại.",
            "Tiki has not had the IPN; it is queued again.",
        )),
        MismatchReason::BeingReversed => no_need(words(
            "Khách đã trả tiền nhưng Tiki không ghi nhận; tiền hoàn cho khách theo quy tắc chung.",
            "Paid, and not at Tiki; the ordinary rule gives the money back.",
        )),
        MismatchReason::NoClearAnswer => Said {
            because: words(
                "Tiki không trả lời rõ khi được tra cứu.",
                "Tiki gave no clear answer to the look-up.",
            ),
            proposal: words(
                "Hệ thống tự hỏi lại mỗi giờ. Quá 24 giờ: chạy tikivip doctor, hỏi Tiki, rồi đóng khi hai bên đã thống nhất.",
                "It is asked again each hour. After 24 hours: run tikivip doctor, ask Tiki, and close it when both have agreed.",
            ),
            commands: &[LookUp, Show, CloseFinding],
        },
        MismatchReason::UnreadableLine => Said {
            because: words(
                "Không đọc được dòng này, hoặc cả tệp, của Tiki.",
                "This line of Tiki's, or its whole file, cannot be read.",
            ),
            proposal: words(
                "Yêu cầu Tiki gửi lại tệp, hoặc sửa cấu hình ReconciliationResultFormat rồi đọc lại tệp (docs/operations.md). Sau đó đóng dòng này.",
                "Have Tiki send it again, or mend ReconciliationResultFormat and have the file read once more (docs/operations.md). Then close this.",
            ),
            commands: &[CloseFinding],
        },
        MismatchReason::UnknownHere => Said {
            because: words(
                "Tiki ghi nhận đã thanh toán; phía chúng ta không có giao dịch này.",
                "Paid at Tiki; we have no such transaction.",
            ),
            proposal: words(
                "Đề nghị Tiki tạm dừng giao hàng và cho biết căn cứ; hỏi core xem khách có trả tiền không. Đóng khi hai bên đã thống nhất.",
                "Have Tiki hold the delivery and say on what ground; ask the core whether the customer paid. Close it when both have agreed.",
            ),
            commands: &[LookUp, CloseFinding],
        },
        MismatchReason::PaidAtTikiOnly => Said {
            because: words(
                "Tiki ghi nhận đã thanh toán; phía chúng ta thì không.",
                "Paid at Tiki; with us it is not.",
            ),
            proposal: words(
                "Đề nghị Tiki tạm dừng giao hàng; hỏi core xem khách có trả tiền không. Đóng khi hai bên đã thống nhất.",
                "Have Tiki hold the delivery; ask the core whether the customer paid. Close it when both have agreed.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::AmountDiffers => Said {
            because: words(
                "Hai bên đều ghi nhận đã thanh toán, nhưng số tiền khác nhau.",
                "Paid on both sides, and the amounts differ.",
            ),
            proposal: words(
                "Hỏi Tiki số tiền nào đúng. Nếu giao dịch còn chờ quyết định: resolve (confirmed nếu đơn giữ nguyên, reverse nếu huỷ). Rồi đóng.",
                "Ask Tiki which is right. If the transaction waits for a decision: resolve (confirmed if the order stands, reverse if not). Then close it.",
            ),
            commands: &[Show, LookUp, Resolve, CloseFinding],
        },
        MismatchReason::NoAmountAtTiki => Said {
            because: words(
                "Hai bên đều ghi nhận đã thanh toán, nhưng Tiki không cho biết số tiền.",
                "Paid on both sides, and Tiki gives no amount.",
            ),
            proposal: words(
                "Hỏi Tiki số tiền của đơn. Nếu giao dịch còn chờ quyết định: resolve. Rồi đóng.",
                "Ask Tiki for the order's amount. If the transaction waits for a decision: resolve. Then close it.",
            ),
            commands: &[LookUp, Show, Resolve, CloseFinding],
        },
        MismatchReason::ConfirmedAndForgotten => Said {
            because: words(
                "Tiki đã xác nhận IPN, nhưng khi tra cứu vẫn báo chờ kết quả.",
                "Tiki had confirmed the IPN, and says that it still waits for the result.",
            ),
            proposal: words(
                "Gửi Tiki thời điểm xác nhận IPN (tikivip show) để Tiki cập nhật đơn. Khi Tiki đã cập nhật, dòng này tự khớp.",
                "Give Tiki the moment of its confirmation (tikivip show), so that it corrects the order. This then settles itself.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::ConfirmedAndGone => Said {
            because: words(
                "Tiki đã xác nhận thanh toán, nay không còn đơn; tiền chưa hoàn hết cho khách.",
                "Tiki had confirmed the payment and does not have it now; not all of the money is back.",
            ),
            proposal: words(
                "Không có gì tự hoàn. Tiki gửi lệnh hoàn tiền (API hoàn tiền), hoặc hai bên thống nhất rồi đóng.",
                "Nothing goes back by itself. Tiki asks for a refund (by its API), or both agree and close it.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::ReversedAndPaid => Said {
            because: words(
                "Tiền đã hoặc đang hoàn cho khách vì Tiki không có đơn; nay Tiki báo đã thanh toán.",
                "The money is back or on its way, because Tiki did not have the order; now Tiki says that it is paid.",
            ),
            proposal: words(
                "Báo Tiki ngay để dừng giao hàng và huỷ đơn. Đóng khi hai bên đã thống nhất.",
                "Tell Tiki at once, so that it delivers nothing and cancels the order. Close it when both have agreed.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::InReview => Said {
            because: words(
                "Giao dịch đang chờ một người quyết định.",
                "The transaction itself waits for a person's decision.",
            ),
            proposal: words(
                "Xem lý do rồi quyết định theo docs/operations.md (Needs a person). Sau đó dòng này tự khớp, hoặc đóng.",
                "Look at the reason and decide by docs/operations.md (Needs a person). This then settles itself, or is closed.",
            ),
            commands: &[Show, LookUp, Resolve, CloseFinding],
        },
        MismatchReason::GivenUp => Said {
            because: words(
                "Đã báo lại đến mức tối đa mà Tiki vẫn không nhận kết quả.",
                "It was reported again as often as that is allowed, and Tiki still does not have the result.",
            ),
            proposal: words(
                "Hỏi Tiki. Khi Tiki nhận lại được: resend-ipn; nếu không: resolve. Rồi đóng.",
                "Ask Tiki. Once it takes the result: resend-ipn; else: resolve. Then close it.",
            ),
            commands: &[Show, LookUp, ResendIpn, Resolve, CloseFinding],
        },
        MismatchReason::NotOurs => Said {
            because: words(
                "Tiki nói mã giao dịch không hợp lệ, hoặc là của đối tác khác.",
                "Tiki calls the id invalid, or the transaction another partner's.",
            ),
            proposal: words(
                "Kiểm tra TikiClientId và môi trường với Tiki (tikivip doctor). Nếu giao dịch còn chờ quyết định: resolve. Rồi đóng.",
                "Compare TikiClientId and environment with Tiki (tikivip doctor). If the transaction waits for a decision: resolve. Then close it.",
            ),
            commands: &[LookUp, Show, Resolve, CloseFinding],
        },
    }
}

fn no_need(because: Words) -> Said {
    Said {
        because,
        proposal: words("Không cần làm gì.", "Nothing to do."),
        commands: &[],
    }
}
