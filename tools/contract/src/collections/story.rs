//! The requests, in an order that works.

use super::step::{Special, Step};
use crate::document::DocumentError;
use crate::{Document, Text};

/// Requests that belong together.
pub(super) struct Chapter {
    pub(super) title: Text,
    pub(super) steps: Vec<Step>,
}

/// The whole story.
pub(super) fn story(document: &Document) -> Result<Vec<Chapter>, DocumentError> {
    let calls = Calls { document };
    let chapter = |vi: &str, en: &str, steps| Chapter {
        title: Text::new(vi, en),
        steps,
    };
    Ok(vec![
        chapter("1. Tạo giao dịch", "1. Create", calls.order()?),
        chapter(
            "2. Trước khi thanh toán",
            "2. Before the payment",
            calls.before_the_payment()?,
        ),
        chapter("3. Thanh toán", "3. Payment", calls.payment()?),
        chapter("4. Hoàn tiền", "4. Refunds", calls.refunds()?),
        chapter(
            "5. Thanh toán do ứng dụng chuyển đến",
            "5. Handed over by the app",
            calls.handed_over()?,
        ),
        chapter("6. Chữ ký", "6. Signature", calls.signatures()?),
        chapter(
            "7. Các lời gọi khác",
            "7. Other calls",
            calls.other_calls()?,
        ),
        // They put the payment into review, so they are the end.
        chapter(
            "8. Kết quả mâu thuẫn",
            "8. Contradicting results",
            calls.contradictions()?,
        ),
    ])
}

struct Calls<'d> {
    document: &'d Document,
}

impl Calls<'_> {
    fn call(&self, id: &str) -> Result<Step, DocumentError> {
        Step::call(self.document, id)
    }

    fn example(&self, id: &str, name: &str) -> Result<Step, DocumentError> {
        Step::example(self.document, id, name)
    }

    fn order(&self) -> Result<Vec<Step>, DocumentError> {
        let create = |name| self.example("createTransaction", name);
        let mut start = Step::order_at_tiki("tiki_id_paid", 150_000);
        start.special = Special::Starts;
        Ok(vec![
            start,
            create("order")?
                .having("data.status", "'PENDING'")
                .keeping("data.transaction_id", "transaction_id_paid")
                .keeping("data.payment_url", "payment_url"),
            create("order")?
                .titled(
                    "Gửi lại cùng nội dung: cùng trả lời",
                    "The same content again: the same answer",
                )
                .having("data.transaction_id", "value('transaction_id_paid')")
                .having("data.payment_url", "value('payment_url')"),
            Step::order_at_tiki("tiki_id_pending", 100_000),
            create("least")?.keeping("data.transaction_id", "transaction_id_pending"),
            create("other_amount")?,
            create("too_small")?,
            create("grouped_amount")?,
            create("foreign_field")?,
            create("without_amount")?,
        ])
    }

    fn before_the_payment(&self) -> Result<Vec<Step>, DocumentError> {
        let check = |name| self.example("checkTransaction", name);
        Ok(vec![
            self.call("paymentDetails")?
                .expecting(200, &[0])
                .having("data.status", "'PENDING'"),
            check("by_tiki_id")?.having("status", "'PENDING'"),
            check("by_both_ids")?.expecting(200, &[0]),
            check("unknown")?,
            self.call("checkTransactionByGet")?
                .expecting(200, &[0])
                .having("transaction_id", "value('transaction_id_paid')"),
            self.example("refundTransaction", "not_paid")?,
        ])
    }

    fn payment(&self) -> Result<Vec<Step>, DocumentError> {
        let title = Text::new("Màn hình thanh toán", "The payment screen");
        let mut screen = Step::browser(title, "GET", "{{screen_url}}", 200);
        screen.special = Special::ReadsForm;
        let title = Text::new("Khách hàng bấm thanh toán", "The customer pays");
        let mut pay = Step::browser(title, "POST", "{{form_url}}", 303);
        // Without the charset Bruno expects a list of fields, and not a text.
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let form = ("Content-Type", form);
        pay.headers.push(form);
        pay.body = Some("{{form_body}}".to_owned());
        Ok(vec![
            self.call("openPayment")?
                .at("{{payment_url}}")
                .expecting(302, &[])
                .keeping("Location", "screen_url"),
            screen,
            pay,
            // The core has sent its result with a reference of its own. Another reference would be a second debit.
            self.example("paymentResult", "paid")?
                .without("rail_reference")
                .having("data.status", "'SUCCESS'"),
            self.example("checkTransaction", "by_tiki_id")?
                .titled("Tra cứu: đã thanh toán", "Look-up: it is paid")
                .having("status", "'SUCCESS'"),
            self.call("returnFromPayment")?
                .at("{{payment_url}}/return")
                .expecting(302, &[]),
            self.example("paymentResult", "failed")?
                .having("data.status", "'FAILURE'"),
            self.example("paymentResult", "another_id")?
                .expecting(400, &[1]),
        ])
    }

    fn refunds(&self) -> Result<Vec<Step>, DocumentError> {
        let refund = |name| self.example("refundTransaction", name);
        Ok(vec![
            refund("refund")?
                .having("data.remaining_amount", "110000")
                .keeping("data.refund_id", "refund_id"),
            refund("refund")?
                .titled(
                    "Gửi lại cùng request_id: tiền chỉ hoàn một lần",
                    "The same request_id again: the money moves once",
                )
                .having("data.refund_id", "value('refund_id')")
                .having("data.remaining_amount", "110000"),
            refund("other_amount")?,
            refund("too_much")?,
            self.example("checkTransaction", "by_tiki_id")?
                .titled(
                    "Tra cứu: đã hoàn một phần",
                    "Look-up: it is refunded in part",
                )
                .having("status", "'SUCCESS'")
                .having("refunded_amount", "40000"),
            refund("unknown")?,
            refund("without_request_id")?,
        ])
    }

    fn handed_over(&self) -> Result<Vec<Step>, DocumentError> {
        let hand_over = |name| self.example("handOverTransaction", name);
        let steps = vec![
            Step::order_at_tiki("tiki_id_handed", 150_000),
            hand_over("order")?,
            Step::order_at_tiki("tiki_id_handed_other", 150_000),
            hand_over("other_amount")?,
            hand_over("unknown")?,
        ];
        Ok(steps.into_iter().map(Step::only_in_a_sandbox).collect())
    }

    fn signatures(&self) -> Result<Vec<Step>, DocumentError> {
        let check = || self.example("checkTransaction", "by_tiki_id");
        Ok(vec![
            check()?
                .titled("Chữ ký sai", "A wrong signature")
                .mistaken("wrong")
                .expecting(401, &[97]),
            check()?
                .titled("Thiếu chữ ký", "No signature")
                .mistaken("missing")
                .expecting(401, &[97]),
            check()?
                .titled("Dấu thời gian quá cũ", "A stale timestamp")
                .mistaken("stale")
                .expecting(401, &[98]),
        ])
    }

    fn other_calls(&self) -> Result<Vec<Step>, DocumentError> {
        Ok(vec![
            self.example("openWebview", "customer")?,
            self.example("openWebview", "bad_phone")?,
            // Whether there is a file depends on the day.
            self.call("reconciliationDay")?.expecting(200, &[0, 3]),
            self.call("openReport")?
                .titled("Liên kết không tồn tại", "A link that is not known")
                .expecting(404, &[]),
        ])
    }

    fn contradictions(&self) -> Result<Vec<Step>, DocumentError> {
        Ok(vec![
            self.example("paymentResult", "second_debit")?,
            self.example("paymentResult", "other_amount")?,
        ])
    }
}
