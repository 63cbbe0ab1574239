//! What each kind, reason and answer of Tiki means, and what the report proposes: Vietnamese, with English
//! beside it.

use domain::{LookUpAnswer, Status};
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::record::{CoreWord, Doubt};
use reconciliation::statement::InStatement;

/// The same text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    pub(crate) vi: &'static str,
    pub(crate) en: &'static str,
}

pub(crate) const fn phrase(vi: &'static str, en: &'static str) -> Phrase {
    Phrase { vi, en }
}

/// What the report says about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) meaning: Phrase,
    /// What to do about it.
    pub(crate) proposal: Phrase,
    /// The commands for it, if the finding needs review.
    pub(crate) commands: &'static [Command],
}

/// A command of `tikivip` about one transaction or one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Show,
    LookUp,
    ResendIpn,
    Resolve,
    CloseFinding,
}

/// The state of a finding that a person closed, or that a run closed because it read the file again.
pub(crate) const CLOSED: Phrase = phrase("Đã đóng", "Closed");

pub(crate) fn kind_label(kind: Kind) -> Phrase {
    match kind {
        Kind::OrderWithoutMoney => phrase("Tiki giữ đơn mà không có tiền", "Order without money"),
        Kind::NeedsReview => phrase("Chờ xử lý", "Needs review"),
        Kind::Reverse => phrase("Đang đảo giao dịch", "Being reversed"),
        Kind::Resent => phrase("Đang gửi lại thông báo cho Tiki", "Notification being sent"),
        Kind::Undecided => phrase("Chờ Tiki trả lời rõ", "Waiting for a clear answer"),
        Kind::Matched => phrase("Đã khớp", "Matched"),
    }
}

/// The answer of a look-up in words.
pub(crate) fn look_up_label(answer: LookUpAnswer) -> Phrase {
    match answer {
        LookUpAnswer::Found(Status::Pending, _) => phrase("PENDING", "waits for payment"),
        LookUpAnswer::Found(Status::Success, _) => phrase("SUCCESS", "paid"),
        LookUpAnswer::Found(Status::Failure, _) => phrase("FAILURE", "not paid"),
        LookUpAnswer::NotFound => phrase("Không tìm thấy", "not found"),
        LookUpAnswer::Cancelled => phrase("Đã hủy", "cancelled"),
        LookUpAnswer::InvalidRequest => phrase("Yêu cầu không hợp lệ", "invalid request"),
        LookUpAnswer::NotOfThisPartner => phrase("Của đối tác khác", "another partner's"),
        LookUpAnswer::SystemError => phrase("Lỗi hệ thống của Tiki", "system error"),
        LookUpAnswer::Unauthorized => phrase("Tiki từ chối chữ ký", "signature refused"),
        LookUpAnswer::Unclear => phrase("Không rõ", "no clear answer"),
    }
}

/// The status that the answer of a look-up stands for; `None` if it says nothing about the status.
pub(crate) fn look_up_status(answer: LookUpAnswer) -> Option<Status> {
    match answer {
        LookUpAnswer::Found(status, _) => Some(status),
        LookUpAnswer::NotFound | LookUpAnswer::Cancelled => Some(Status::Failure),
        LookUpAnswer::InvalidRequest
        | LookUpAnswer::NotOfThisPartner
        | LookUpAnswer::SystemError
        | LookUpAnswer::Unauthorized
        | LookUpAnswer::Unclear => None,
    }
}

/// The core's answer in words.
pub(crate) fn core_label(word: CoreWord) -> Phrase {
    match word {
        CoreWord::Paid => phrase("Đã thu", "paid"),
        CoreWord::PaidOtherAmount => phrase("Đã thu số tiền khác", "paid, another amount"),
        CoreWord::Failed => phrase("Không thu được", "failed"),
        CoreWord::NotPaid => phrase("Chưa thu", "not paid"),
        CoreWord::GivenBack => phrase("Đã hoàn", "given back"),
        CoreWord::Rejected => phrase("Từ chối hoàn", "rejected"),
        CoreWord::NeverSeen => phrase("Không có", "never seen"),
        CoreWord::Pending => phrase("Đang xử lý", "pending"),
        CoreWord::Unclear => phrase("Không rõ", "no clear answer"),
    }
}

/// What the core's statement has, in words.
pub(crate) fn statement_label(has: InStatement) -> Phrase {
    match has {
        InStatement::Never => phrase("Không có", "nothing"),
        InStatement::Once(_) => phrase("Một khoản", "one entry"),
        InStatement::Often { .. } => phrase("Nhiều khoản", "several entries"),
    }
}

/// What could not be verified at a delivery.
pub(crate) fn doubt_label(doubt: Doubt) -> Phrase {
    match doubt {
        Doubt::LeftOvers => phrase(
            "Không xem hoặc không xoá được tệp tạm còn lại trong INBOUND.",
            "Temporary files in INBOUND could not be seen or removed.",
        ),
        Doubt::NameTaken => phrase(
            "Không xem được trước đó đã có tệp trùng tên hay chưa.",
            "Whether there was a file of this name before could not be seen.",
        ),
        Doubt::Size => phrase(
            "Máy chủ không cho biết kích thước tệp đã nhận.",
            "The server does not say how many bytes it has.",
        ),
        Doubt::Content => phrase(
            "Tệp đã có sẵn với đúng tên và kích thước, nhưng không đọc lại được nội dung.",
            "The file was there with this name and size, and could not be read back.",
        ),
        Doubt::Sync => phrase(
            "Máy chủ không xác nhận đã ghi tệp xuống đĩa.",
            "The server did not confirm that the file is on its disk.",
        ),
        Doubt::TakenAtClose => phrase(
            "Máy chủ nhận tệp ngay khi ghi xong nên không xem lại được.",
            "The server took the file when it was closed, so it cannot be seen any more.",
        ),
        Doubt::VisibleName => phrase(
            "Máy chủ không cho tên tệp tạm bắt đầu bằng dấu chấm.",
            "The server refuses temporary names that begin with a dot.",
        ),
    }
}

/// What the report says about a finding with this reason.
#[expect(
    clippy::too_many_lines,
    reason = "a table of texts, one row for each reason"
)]
pub(crate) fn explain(reason: MismatchReason) -> Explanation {
    use Command::{CloseFinding, LookUp, ResendIpn, Resolve, Show};
    match reason {
        MismatchReason::Agree => nothing_to_do(phrase("Hai bên đã khớp.", "Both sides agree.")),
        MismatchReason::NobodyPaid => nothing_to_do(phrase(
            "Cả hai bên đều không ghi nhận là đã thanh toán.",
            "On neither side is it paid.",
        )),
        MismatchReason::MoneyIsBack => nothing_to_do(phrase(
            "Tiki không ghi nhận thanh toán; toàn bộ tiền đã hoàn cho khách.",
            "At Tiki it is not paid; the customer has all the money back.",
        )),
        MismatchReason::NotificationInProgress => nothing_to_do(phrase(
            "Tiki đang chờ kết quả; thông báo (IPN) đang được gửi.",
            "Tiki waits for the result; the notification (IPN) is being sent.",
        )),
        MismatchReason::QueuedAgain => nothing_to_do(phrase(
            "Tiki chưa nhận được thông báo (IPN); thông báo đã được đưa vào hàng đợi gửi lại.",
            "Tiki does not have the notification (IPN); it is queued again.",
        )),
        MismatchReason::BeingReversed => nothing_to_do(phrase(
            "Khách đã trả tiền nhưng Tiki không ghi nhận; giao dịch được đảo, tiền trả lại cho khách.",
            "Paid here, not at Tiki; the payment is reversed and the money goes back to the customer.",
        )),
        MismatchReason::NoClearAnswer => Explanation {
            meaning: phrase(
                "Tiki không trả lời rõ khi được tra cứu.",
                "Tiki gave no clear answer to the look-up.",
            ),
            proposal: phrase(
                "Hệ thống tự tra cứu lại mỗi giờ. Quá 24 giờ: chạy tikivip doctor, hỏi Tiki, rồi đóng khi hai bên đã thống nhất.",
                "The system looks it up again every hour. After 24 hours: run tikivip doctor and ask Tiki. Close the finding when both companies agree.",
            ),
            commands: &[LookUp, Show, CloseFinding],
        },
        MismatchReason::UnreadableLine => Explanation {
            meaning: phrase(
                "Không đọc được dòng này, hoặc cả tệp (kết quả của Tiki, hoặc sao kê của hệ thống lõi).",
                "This line, or the whole file, cannot be read: of Tiki's results, or of the core's statement.",
            ),
            proposal: phrase(
                "Yêu cầu bên lập tệp (Tiki, hoặc bộ phận vận hành hệ thống lõi) gửi lại; với tệp của Tiki cũng có thể sửa cấu hình ReconciliationResultFormat. Rồi đọc lại tệp (docs/operations.md). Sau đó đóng chênh lệch này.",
                "Ask whoever made the file, Tiki or the core's operators, to send it again; for a file of Tiki ReconciliationResultFormat may be wrong. Read it again (docs/operations.md). Then close this finding.",
            ),
            commands: &[CloseFinding],
        },
        MismatchReason::UnknownHere => Explanation {
            meaning: phrase(
                "Tiki ghi nhận đã thanh toán; phía chúng tôi không có giao dịch này.",
                "Paid at Tiki; we do not have this transaction.",
            ),
            proposal: phrase(
                "Đề nghị Tiki tạm dừng giao hàng và cho biết căn cứ; hỏi hệ thống lõi xem khách có trả tiền không. Đóng khi hai bên đã thống nhất.",
                "Ask Tiki to stop the delivery and to give its reason; ask the core whether the customer paid. Close the finding when both companies agree.",
            ),
            commands: &[LookUp, CloseFinding],
        },
        MismatchReason::PaidAtTikiOnly => Explanation {
            meaning: phrase(
                "Tiki ghi nhận đã thanh toán; phía chúng tôi thì không.",
                "Paid at Tiki, not here.",
            ),
            proposal: phrase(
                "Đề nghị Tiki tạm dừng giao hàng; hỏi hệ thống lõi xem khách có trả tiền không. Đóng khi hai bên đã thống nhất.",
                "Ask Tiki to stop the delivery; ask the core whether the customer paid. Close the finding when both companies agree.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::AmountDiffers => Explanation {
            meaning: phrase(
                "Hai bên đều ghi nhận đã thanh toán, nhưng số tiền khác nhau.",
                "Paid on both sides, but the amounts differ.",
            ),
            proposal: phrase(
                "Hỏi Tiki số tiền nào đúng. Nếu giao dịch còn chờ xử lý: resolve (confirmed nếu đơn giữ nguyên, reverse nếu hủy). Rồi đóng.",
                "Ask Tiki which amount is right. If the transaction needs review: resolve (confirmed if Tiki keeps the order, reverse if not). Then close the finding.",
            ),
            commands: &[Show, LookUp, Resolve, CloseFinding],
        },
        MismatchReason::NoAmountAtTiki => Explanation {
            meaning: phrase(
                "Hai bên đều ghi nhận đã thanh toán, nhưng Tiki không cho biết số tiền.",
                "Paid on both sides, but Tiki gives no amount.",
            ),
            proposal: phrase(
                "Hỏi Tiki số tiền của đơn. Nếu giao dịch còn chờ xử lý: resolve. Rồi đóng.",
                "Ask Tiki for the amount of the order. If the transaction needs review: resolve. Then close the finding.",
            ),
            commands: &[LookUp, Show, Resolve, CloseFinding],
        },
        MismatchReason::ConfirmedAndForgotten => Explanation {
            meaning: phrase(
                "Tiki đã xác nhận thông báo (IPN), nhưng khi tra cứu vẫn báo chờ kết quả.",
                "Tiki confirmed the notification (IPN), but the look-up says that Tiki still waits for the result.",
            ),
            proposal: phrase(
                "Gửi Tiki thời điểm xác nhận IPN (tikivip show) để Tiki cập nhật đơn. Khi Tiki đã cập nhật, chênh lệch này tự khớp.",
                "Send Tiki the time of its confirmation (tikivip show) so that Tiki corrects the order. The next look-up then matches.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::ConfirmedAndGone => Explanation {
            meaning: phrase(
                "Tiki đã xác nhận thanh toán, nay không còn đơn; tiền chưa hoàn hết cho khách.",
                "Tiki confirmed the payment, and now does not have the order; the customer does not have all the money back.",
            ),
            proposal: phrase(
                "Hệ thống không tự hoàn tiền. Tiki gửi lệnh hoàn tiền (API hoàn tiền), hoặc hai bên thống nhất rồi đóng.",
                "The system returns no money by itself. Tiki sends a refund (refund API), or both companies agree and you close the finding.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::ReversedAndPaid => Explanation {
            meaning: phrase(
                "Giao dịch đã hoặc đang được đảo vì Tiki không có đơn; nay Tiki báo đã thanh toán.",
                "The payment is reversed, or being reversed, because Tiki did not have the order; now Tiki says that it is paid.",
            ),
            proposal: phrase(
                "Báo Tiki ngay để dừng giao hàng và hủy đơn. Đóng khi hai bên đã thống nhất.",
                "Ask Tiki at once to stop the delivery and to cancel the order. Close the finding when both companies agree.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::InReview => Explanation {
            meaning: phrase(
                "Giao dịch này đang chờ xử lý.",
                "The transaction itself needs review.",
            ),
            proposal: phrase(
                "Xem lý do rồi quyết định theo docs/operations.md (Review queue). Sau đó chênh lệch này tự khớp, hoặc đóng.",
                "Read the reason and decide as docs/operations.md says (Review queue). The next look-up then matches, or you close the finding.",
            ),
            commands: &[Show, LookUp, Resolve, CloseFinding],
        },
        MismatchReason::GivenUp => Explanation {
            meaning: phrase(
                "Đã gửi lại thông báo (IPN) đến mức tối đa mà Tiki vẫn chưa nhận kết quả.",
                "The notification (IPN) was sent again as often as allowed, and Tiki still does not have the result.",
            ),
            proposal: phrase(
                "Hỏi Tiki. Khi Tiki nhận lại được: resend-ipn; nếu không: resolve. Rồi đóng.",
                "Ask Tiki. When Tiki can receive the result: resend-ipn; if it cannot: resolve. Then close the finding.",
            ),
            commands: &[Show, LookUp, ResendIpn, Resolve, CloseFinding],
        },
        MismatchReason::NotOurs => Explanation {
            meaning: phrase(
                "Tiki nói mã giao dịch không hợp lệ, hoặc là của đối tác khác.",
                "Tiki says that the id is invalid, or that the transaction is another partner's.",
            ),
            proposal: phrase(
                "Kiểm tra TikiClientId và môi trường với Tiki (tikivip doctor). Nếu giao dịch còn chờ xử lý: resolve. Rồi đóng.",
                "Check TikiClientId and the environment with Tiki (tikivip doctor). If the transaction needs review: resolve. Then close the finding.",
            ),
            commands: &[LookUp, Show, Resolve, CloseFinding],
        },
        MismatchReason::OtherTransactionId => Explanation {
            meaning: phrase(
                "Trạng thái và số tiền khớp, nhưng tệp của Tiki ghi mã giao dịch nội bộ khác.",
                "Status and amount agree, but Tiki's file has another id of ours.",
            ),
            proposal: phrase(
                "Hỏi Tiki đơn này được thanh toán bằng giao dịch nào. Đóng khi hai bên đã thống nhất.",
                "Ask Tiki by which transaction the order was paid. Close the finding when both companies agree.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::RefundDiffers => Explanation {
            meaning: phrase(
                "Khoản hoàn tiền trong tệp của Tiki khác với khoản ở phía chúng tôi.",
                "The refund in Tiki's file differs from ours.",
            ),
            proposal: phrase(
                "So sánh với lịch sử giao dịch (tikivip show) rồi hỏi Tiki. Tra cứu không cho biết về khoản hoàn, nên chênh lệch này không tự khớp: đóng khi hai bên đã thống nhất.",
                "Compare it with the trail (tikivip show) and ask Tiki. A look-up says nothing about refunds, so this finding does not end by itself: close it when both companies agree.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::RefundOnlyHere => Explanation {
            meaning: phrase(
                "Phía chúng tôi có khoản hoàn tiền này; Tiki nói là không có.",
                "We have this refund; Tiki says that it does not.",
            ),
            proposal: phrase(
                "Gửi Tiki mã hoàn tiền và thời điểm (tikivip show). Đóng khi Tiki đã ghi nhận.",
                "Send Tiki the refund's id and time (tikivip show). Close the finding when Tiki has it.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::RefundOnlyAtTiki => Explanation {
            meaning: phrase(
                "Tiki có một khoản hoàn tiền mà phía chúng tôi không có: khách chưa nhận được tiền này.",
                "Tiki has a refund that we do not have: we gave no money back for it.",
            ),
            proposal: phrase(
                "Đề nghị Tiki gửi lệnh hoàn tiền (API hoàn tiền), hoặc bỏ khoản này. Đóng khi hai bên đã thống nhất.",
                "Ask Tiki to send the refund (refund API), or to take it out. Close the finding when both companies agree.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::TakenAndUnknownHere => Explanation {
            meaning: phrase(
                "Hệ thống lõi đã thu tiền cho một giao dịch mà phía chúng tôi không có.",
                "The core took money for a transaction that we do not have.",
            ),
            proposal: phrase(
                "Hỏi hệ thống lõi khoản này là gì. Nếu không phải của Tiki VIP thì hoàn cho khách ở hệ thống lõi. Đóng khi đã rõ.",
                "Ask the core what it is. If it is not Tiki VIP's, the core gives it back. Close the finding when that is clear.",
            ),
            commands: &[CloseFinding],
        },
        MismatchReason::TakenTwice => Explanation {
            meaning: phrase(
                "Sao kê của hệ thống lõi ghi thu tiền nhiều lần cho giao dịch này.",
                "The core's statement has the money taken more than once.",
            ),
            proposal: phrase(
                "Kiểm tra ở hệ thống lõi; nếu khách bị trừ tiền hai lần thì hoàn lại lần thừa ở đó. Hệ thống không tự hoàn. Đóng khi đã hoàn.",
                "Check it in the core; if the customer was debited twice, the core gives the second debit back. Nothing goes back by itself. Close the finding then.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::TakenOtherAmount => Explanation {
            meaning: phrase(
                "Hệ thống lõi đã thu một số tiền khác với đơn hàng.",
                "The core took another amount than the order's.",
            ),
            proposal: phrase(
                "So sánh với hệ thống lõi và Tiki; trả lại phần chênh cho khách, hoặc thống nhất với Tiki. Rồi đóng.",
                "Compare it with the core and with Tiki; give the difference back, or agree with Tiki. Then close the finding.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::PaymentUnreported => Explanation {
            meaning: phrase(
                "Hệ thống lõi đã thu tiền mà chưa từng báo kết quả; nay hệ thống ghi nhận và xử lý theo quy tắc chung.",
                "The core took the money and never reported it; it is recorded now, and the ordinary rules decide.",
            ),
            proposal: phrase(
                "Hệ thống tự xử lý. Quá 24 giờ: xem giao dịch, rồi đóng.",
                "The system processes it. After 24 hours: look at the transaction, then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::CoreContradictsStatement => Explanation {
            meaning: phrase(
                "Sao kê ghi đã thu tiền, nhưng khi được hỏi hệ thống lõi nói là chưa.",
                "The statement has the payment, but the core says that nobody has paid.",
            ),
            proposal: phrase(
                "Hệ thống lõi tự mâu thuẫn: yêu cầu kiểm tra khoản này và trả lời lại. Rồi đóng.",
                "The core contradicts itself: ask its operators to look at this payment, then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::NotTakenAtCore => Explanation {
            meaning: phrase(
                "Phía chúng tôi ghi nhận đã thanh toán, nhưng hệ thống lõi nói không thu tiền.",
                "Paid here, and the core says that nobody has paid.",
            ),
            proposal: phrase(
                "Kiểm tra ngay ở hệ thống lõi. Nếu đúng là chưa thu: yêu cầu Tiki dừng giao hàng và hủy đơn. Rồi đóng.",
                "Check it in the core at once. If the money was not taken: ask Tiki to stop the delivery and to cancel the order. Then close the finding.",
            ),
            commands: &[Show, LookUp, CloseFinding],
        },
        MismatchReason::StatementLacksPayment => Explanation {
            meaning: phrase(
                "Hệ thống lõi nói đã thu tiền trong ngày, nhưng sao kê không có khoản này.",
                "The core says that it was paid on this day, but its statement does not have it.",
            ),
            proposal: phrase(
                "Yêu cầu hệ thống lõi xuất lại sao kê, rồi đối chiếu lại (docs/operations.md). Rồi đóng.",
                "Ask the core for the statement once more, and compare it again (docs/operations.md). Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::NoClearAnswerOfCore => Explanation {
            meaning: phrase(
                "Hệ thống lõi không trả lời rõ về khoản này.",
                "The core gave no clear answer.",
            ),
            proposal: phrase(
                "Hệ thống tự hỏi lại mỗi giờ. Quá 24 giờ: hỏi người vận hành hệ thống lõi, rồi đóng.",
                "The system asks again every hour. After 24 hours ask the core's operators, then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::GivenBackWithoutUs => Explanation {
            meaning: phrase(
                "Hệ thống lõi đã hoàn tiền mà không theo lệnh nào của chúng tôi.",
                "The core gave money back under none of our ids.",
            ),
            proposal: phrase(
                "Hỏi hệ thống lõi ai đã hoàn và vì sao. Nếu khoản hoàn là đúng: báo Tiki để hai bên trừ vào doanh thu. Rồi đóng.",
                "Ask the core who gave it back, and why. If it is right, notify Tiki, so that both sides deduct it. Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::GivenBackTwice => Explanation {
            meaning: phrase(
                "Sao kê ghi cùng một khoản hoàn nhiều lần.",
                "The statement has the same refund more than once.",
            ),
            proposal: phrase(
                "Kiểm tra ở hệ thống lõi: mã hoàn tiền là khóa chống lặp. Thu lại phần thừa. Rồi đóng.",
                "Check it in the core: the refund's id is the idempotency key. Recover what was paid twice. Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::GivenBackOtherAmount => Explanation {
            meaning: phrase(
                "Hệ thống lõi đã hoàn một số tiền khác với lệnh của chúng tôi.",
                "The core gave another amount back than we asked for.",
            ),
            proposal: phrase(
                "So sánh ở hệ thống lõi; hoàn nốt hoặc thu lại phần chênh. Rồi đóng.",
                "Compare it in the core; give the rest, or recover the difference. Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::GivenBackThoughRejected => Explanation {
            meaning: phrase(
                "Hệ thống lõi từng từ chối khoản hoàn này, nay sao kê ghi đã hoàn.",
                "The core had rejected this refund, and now its statement has it.",
            ),
            proposal: phrase(
                "Hỏi hệ thống lõi. Nếu đã hoàn: báo Tiki, và không hoàn lần nữa. Rồi đóng.",
                "Ask the core. If the money is back, notify Tiki, and do not give it back again. Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::RefundInProgress => Explanation {
            meaning: phrase(
                "Hệ thống lõi đã hoàn; phía chúng tôi đang chờ hệ thống lõi trả lời.",
                "The core has given the money back; our record waits for its answer.",
            ),
            proposal: phrase(
                "Hệ thống tự hỏi lại. Quá 24 giờ: xem giao dịch, rồi đóng.",
                "The system asks again. After 24 hours look at the transaction, then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::RefundNotAtCore => Explanation {
            meaning: phrase(
                "Phía chúng tôi ghi nhận đã hoàn tiền, nhưng hệ thống lõi không có khoản hoàn này.",
                "Our record says that the money is back, and the core does not have this refund.",
            ),
            proposal: phrase(
                "Kiểm tra ngay ở hệ thống lõi: khách có thể chưa nhận tiền. Rồi đóng.",
                "Check it in the core at once: the customer may not have the money. Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::StatementLacksRefund => Explanation {
            meaning: phrase(
                "Hệ thống lõi nói đã hoàn tiền, nhưng sao kê không có khoản này.",
                "The core says that the money is back, but its statement does not have it.",
            ),
            proposal: phrase(
                "Yêu cầu hệ thống lõi xuất lại sao kê, rồi đối chiếu lại (docs/operations.md). Rồi đóng.",
                "Ask the core for the statement once more, and compare it again (docs/operations.md). Then close the finding.",
            ),
            commands: &[Show, CloseFinding],
        },
        MismatchReason::OnAnotherDay => nothing_to_do(phrase(
            "Khoản này sát nửa đêm nên nằm trong sao kê của ngày kế bên.",
            "It is so near to midnight that it is in the statement of the day before or after.",
        )),
    }
}

fn nothing_to_do(meaning: Phrase) -> Explanation {
    Explanation {
        meaning,
        proposal: phrase("Không cần làm gì.", "Nothing to do."),
        commands: &[],
    }
}
