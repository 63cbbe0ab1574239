//! The test cases of Tiki's sandbox phase, as data: the hand-over shows them, and `tikivip test-partner` plays them.

use serde::Serialize;

/// A row of the table of test cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TestCase {
    /// `TC-01`
    pub id: &'static str,
    pub title_en: &'static str,
    pub title_vi: &'static str,
    /// Method and path: `POST /tikivip/v1/refunds`.
    pub call: &'static str,
    pub send_en: &'static str,
    pub send_vi: &'static str,
    /// Of a notification it is Tiki's answer to us.
    pub expect_http: u16,
    /// The code in the body; `None` if the answer is a page or a redirect.
    pub expect_code: Option<u8>,
    pub needs: Needs,
}

impl TestCase {
    /// What is expected, in English.
    #[must_use]
    pub fn expected_en(&self) -> String {
        let answer = self.answer("code");
        match self.call {
            EVERY => "it holds for each answer, whatever its status".to_owned(),
            IPN if self.expect_code.is_none() => {
                format!("our notification comes again after Tiki's answer {answer}")
            }
            IPN => format!("our notification comes; Tiki answers {answer}"),
            _ => answer,
        }
    }

    /// What is expected, in Vietnamese.
    #[must_use]
    pub fn expected_vi(&self) -> String {
        let answer = self.answer("mã");
        match self.call {
            EVERY => "đúng với mọi câu trả lời, bất kể trạng thái HTTP".to_owned(),
            IPN if self.expect_code.is_none() => {
                format!("Tiki nhận lại thông báo của chúng tôi sau khi trả lời {answer}")
            }
            IPN => format!("Tiki nhận thông báo của chúng tôi và trả lời {answer}"),
            _ => answer,
        }
    }

    fn answer(&self, word: &str) -> String {
        let http = self.expect_http;
        match self.expect_code {
            Some(code) => format!("HTTP {http}, {word} {code}"),
            None => format!("HTTP {http}"),
        }
    }
}

/// What must be there before a case can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    Nothing,
    /// A payment that was created, and is not paid.
    Payment,
    /// A payment that a customer has paid.
    PaidPayment,
    /// A payment that a customer has cancelled.
    CancelledPayment,
    /// A payment that nobody has paid in time: more than five minutes of waiting.
    ExpiredPayment,
    /// A paid payment in a test environment: money goes back.
    TestEnvironment,
    /// A Tiki to which the partner sends its notifications.
    Tiki,
}

impl Needs {
    /// In English; empty for nothing.
    #[must_use]
    pub fn en(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Payment => "a created payment",
            Self::PaidPayment => "a paid payment",
            Self::CancelledPayment => "a cancelled payment",
            Self::ExpiredPayment => "an expired payment: more than 5 minutes of waiting",
            Self::TestEnvironment => "a paid payment in a test environment",
            Self::Tiki => "Tiki's API",
        }
    }

    /// In Vietnamese; empty for nothing.
    #[must_use]
    pub fn vi(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Payment => "một giao dịch đã tạo",
            Self::PaidPayment => "một giao dịch đã thanh toán",
            Self::CancelledPayment => "một giao dịch khách hàng đã hủy",
            Self::ExpiredPayment => "một giao dịch đã hết hạn: chờ hơn 5 phút",
            Self::TestEnvironment => "một giao dịch đã thanh toán trong môi trường thử nghiệm",
            Self::Tiki => "API của Tiki",
        }
    }
}

const CREATE: &str = "POST /tikivip/v1/transactions";
const CHECK: &str = "POST /tikivip/v1/transactions/query";
const GET: &str = "GET /tikivip/v1/transactions";
const REFUND: &str = "POST /tikivip/v1/refunds";
const LINK: &str = "GET payment_url";
const IPN: &str = "POST /payment/ipn";
const EVERY: &str = "*";

macro_rules! cases {
    ($($id:literal $call:ident $http:literal $code:expr, $needs:ident: $en:literal $vi:literal $send_en:literal $send_vi:literal)*) => {
        /// Every test case, in the order in which they are tried.
        pub const CASES: &[TestCase] = &[$(TestCase {
            id: $id,
            title_en: $en,
            title_vi: $vi,
            call: $call,
            send_en: $send_en,
            send_vi: $send_vi,
            expect_http: $http,
            expect_code: $code,
            needs: Needs::$needs,
        }),*];
    };
}

cases! {
    "TC-01" CREATE 200 Some(0), Nothing: "A payment is created" "Tạo giao dịch"
        "a new tiki_transaction_id, transaction_amount 100000" "tiki_transaction_id mới, transaction_amount 100000"
    "TC-02" CREATE 200 Some(0), Payment: "A repeat gets the same answer" "Gửi lại nhận cùng câu trả lời"
        "the body of TC-01 again" "gửi lại nội dung của TC-01"
    "TC-03" CREATE 200 Some(0), Nothing: "Two creates at the same time make one payment" "Hai yêu cầu tạo cùng lúc chỉ tạo một giao dịch"
        "the same body twice at once" "cùng một nội dung hai lần cùng lúc"
    "TC-04" CREATE 200 Some(8), Payment: "The same id with another amount is refused" "Cùng mã với số tiền khác bị từ chối"
        "the id of TC-01, transaction_amount + 1000" "mã của TC-01, transaction_amount + 1000"
    "TC-05" CREATE 200 Some(0), Nothing: "An amount as a text of digits is accepted" "Số tiền dạng chuỗi chữ số được chấp nhận"
        "transaction_amount \"100000\"" "transaction_amount \"100000\""
    "TC-06" CREATE 200 Some(5), Nothing: "A grouped amount is refused" "Số tiền có dấu phân cách bị từ chối"
        "transaction_amount \"100.000\"" "transaction_amount \"100.000\""
    "TC-07" CREATE 200 Some(5), Nothing: "An amount of zero is refused" "Số tiền bằng 0 bị từ chối"
        "transaction_amount 0" "transaction_amount 0"
    "TC-08" CREATE 200 Some(5), Nothing: "A negative amount is refused" "Số tiền âm bị từ chối"
        "transaction_amount -100000" "transaction_amount -100000"
    "TC-09" CREATE 200 Some(5), Nothing: "A fraction is refused" "Số tiền lẻ bị từ chối"
        "transaction_amount 100000.5" "transaction_amount 100000.5"
    "TC-10" CREATE 200 Some(5), Nothing: "An amount below the limit is refused" "Số tiền dưới hạn mức bị từ chối"
        "transaction_amount 1" "transaction_amount 1"
    "TC-11" CREATE 200 Some(5), Nothing: "An amount above the limit is refused" "Số tiền trên hạn mức bị từ chối"
        "transaction_amount 9000000000000" "transaction_amount 9000000000000"
    "TC-12" CREATE 400 Some(1), Nothing: "A missing tiki_transaction_id is named" "Thiếu tiki_transaction_id thì được nêu tên"
        "no tiki_transaction_id" "không có tiki_transaction_id"
    "TC-13" CREATE 400 Some(1), Nothing: "A missing transaction_amount is named" "Thiếu transaction_amount thì được nêu tên"
        "no transaction_amount" "không có transaction_amount"
    "TC-14" CREATE 400 Some(1), Nothing: "A malformed tiki_transaction_id is named" "tiki_transaction_id sai định dạng thì được nêu tên"
        "tiki_transaction_id with a blank" "tiki_transaction_id có dấu cách"
    "TC-15" CREATE 400 Some(1), Nothing: "An amount that is no number is refused" "Số tiền không phải là số bị từ chối"
        "transaction_amount true" "transaction_amount true"
    "TC-16" CREATE 400 Some(1), Nothing: "A field of another message is refused" "Trường của thông điệp khác bị từ chối"
        "also reference_transaction_id" "thêm reference_transaction_id"
    "TC-17" CREATE 200 Some(0), Nothing: "A new field is ignored" "Trường mới được bỏ qua"
        "also x_new" "thêm x_new"
    "TC-18" CREATE 200 Some(0), Nothing: "An empty optional text is as absent" "Chuỗi tùy chọn rỗng coi như không có"
        "order_code \"\", description null" "order_code \"\", description null"
    "TC-19" CREATE 200 Some(0), Nothing: "The shortest expires_in is accepted" "expires_in ngắn nhất được chấp nhận"
        "expires_in 300" "expires_in 300"
    "TC-20" CREATE 400 Some(1), Nothing: "A shorter expires_in is refused" "expires_in ngắn hơn bị từ chối"
        "expires_in 299" "expires_in 299"
    "TC-21" CREATE 400 Some(1), Nothing: "An expires_in of more than a day is refused" "expires_in hơn một ngày bị từ chối"
        "expires_in 86401" "expires_in 86401"
    "TC-22" CREATE 200 Some(0), Nothing: "The longest description is accepted" "description dài nhất được chấp nhận"
        "description of 255 characters" "description 255 ký tự"
    "TC-23" CREATE 400 Some(1), Nothing: "A longer description is refused" "description dài hơn bị từ chối"
        "description of 256 characters" "description 256 ký tự"
    "TC-24" CREATE 400 Some(1), Nothing: "A body that is no JSON is refused" "Nội dung không phải JSON bị từ chối"
        "{\"tiki_transaction_id\":" "{\"tiki_transaction_id\":"
    "TC-25" CREATE 400 Some(1), Nothing: "A field that comes twice is refused" "Trường xuất hiện hai lần bị từ chối"
        "transaction_amount twice" "transaction_amount hai lần"
    "TC-26" CREATE 413 Some(1), Nothing: "A body of more than 64 KiB is refused" "Nội dung hơn 64 KiB bị từ chối"
        "a body of 65 KiB" "nội dung 65 KiB"
    "TC-30" CREATE 401 Some(97), Nothing: "A call without one of the three headers is refused" "Thiếu một trong ba tiêu đề chữ ký bị từ chối"
        "without the timestamp, the client id, the signature" "thiếu timestamp, client id, signature"
    "TC-31" CREATE 401 Some(97), Nothing: "A wrong signature is refused" "Chữ ký sai bị từ chối"
        "the first digit of the signature changed" "đổi chữ số đầu của chữ ký"
    "TC-32" CREATE 401 Some(97), Nothing: "A signature of another body is refused" "Chữ ký của nội dung khác bị từ chối"
        "transaction_amount changed after signing" "đổi transaction_amount sau khi ký"
    "TC-33" CREATE 401 Some(97), Nothing: "A signature that is no hex is refused" "Chữ ký không phải hex bị từ chối"
        "a signature of 64 letters z" "chữ ký gồm 64 chữ z"
    "TC-34" CREATE 401 Some(97), Nothing: "Another client id is refused" "Mã client khác bị từ chối"
        "another client id, signed right" "mã client khác, ký đúng"
    "TC-35" CREATE 401 Some(98), Nothing: "A timestamp of 6 minutes ago is refused" "Timestamp cũ 6 phút bị từ chối"
        "signed 6 minutes ago" "ký cách đây 6 phút"
    "TC-36" CREATE 401 Some(98), Nothing: "A timestamp 2 minutes ahead is refused" "Timestamp ở tương lai 2 phút bị từ chối"
        "signed 2 minutes ahead" "thời điểm ký ở tương lai 2 phút"
    "TC-37" CREATE 200 Some(0), Nothing: "A timestamp of 4 minutes ago is accepted" "Timestamp cũ 4 phút được chấp nhận"
        "signed 4 minutes ago" "ký cách đây 4 phút"
    "TC-38" CHECK 401 Some(97), Payment: "A look-up with a wrong signature is refused" "Tra cứu có chữ ký sai bị từ chối"
        "the first digit of the signature changed" "đổi chữ số đầu của chữ ký"
    "TC-39" REFUND 401 Some(97), Payment: "A refund with a wrong signature is refused" "Hoàn tiền có chữ ký sai bị từ chối"
        "the first digit of the signature changed" "đổi chữ số đầu của chữ ký"
    "TC-40" CHECK 200 Some(0), Payment: "A payment is found by Tiki's id" "Tra cứu theo mã của Tiki"
        "tiki_transaction_id" "tiki_transaction_id"
    "TC-41" CHECK 200 Some(0), Payment: "A payment is found by the partner's id" "Tra cứu theo mã của đối tác"
        "transaction_id" "transaction_id"
    "TC-42" CHECK 200 Some(0), Payment: "A payment is found by both ids" "Tra cứu theo cả hai mã"
        "tiki_transaction_id and transaction_id" "tiki_transaction_id và transaction_id"
    "TC-43" CHECK 200 Some(3), Nothing: "An unknown id is not found" "Mã không có thì không tìm thấy"
        "a new tiki_transaction_id" "tiki_transaction_id mới"
    "TC-44" CHECK 400 Some(1), Nothing: "A look-up without an id is refused" "Tra cứu không có mã bị từ chối"
        "{}" "{}"
    "TC-45" CHECK 400 Some(1), Payment: "Ids of two payments are refused" "Hai mã của hai giao dịch khác nhau bị từ chối"
        "transaction_id of TC-01, another tiki_transaction_id" "transaction_id của TC-01, tiki_transaction_id khác"
    "TC-46" CHECK 400 Some(1), Payment: "A field of another message is refused" "Trường của thông điệp khác bị từ chối"
        "also request_id" "thêm request_id"
    "TC-47" GET 200 Some(0), Payment: "A GET signed over the path after the base address" "GET ký theo đường dẫn sau địa chỉ gốc"
        "signed: /transactions?tiki_transaction_id=…" "ký: /transactions?tiki_transaction_id=…"
    "TC-48" GET 200 Some(0), Payment: "A GET signed over the whole path" "GET ký theo toàn bộ đường dẫn"
        "signed: /tikivip/v1/transactions?tiki_transaction_id=…" "ký: /tikivip/v1/transactions?tiki_transaction_id=…"
    "TC-49" GET 401 Some(97), Payment: "A GET with a signature of another query is refused" "GET có chữ ký của truy vấn khác bị từ chối"
        "signed: the query of another id" "ký: truy vấn của mã khác"
    "TC-50" GET 401 Some(97), Payment: "A GET with a signature of an empty body is refused" "GET ký nội dung rỗng bị từ chối"
        "signed: nothing, and {}" "ký: rỗng, và {}"
    "TC-51" LINK 302 None, Payment: "The payment link leads to the payment screen" "Liên kết thanh toán dẫn đến màn hình thanh toán"
        "payment_url of TC-01" "payment_url của TC-01"
    "TC-52" LINK 404 None, Payment: "An unknown link is answered with a page" "Liên kết lạ được trả lời bằng một trang"
        "payment_url with another token" "payment_url với mã khác"
    "TC-60" REFUND 500 Some(9), Payment: "A payment that is not paid cannot be refunded" "Giao dịch chưa thanh toán không thể hoàn tiền"
        "the ids of TC-01, transaction_amount 1000" "mã của TC-01, transaction_amount 1000"
    "TC-61" REFUND 500 Some(3), Nothing: "A refund of an unknown payment is not found" "Hoàn tiền của giao dịch không có thì không tìm thấy"
        "a new transaction_id" "transaction_id mới"
    "TC-62" REFUND 500 Some(1), Payment: "A refund with ids of two payments is refused" "Hoàn tiền với mã của hai giao dịch bị từ chối"
        "transaction_id of TC-01, another tiki_transaction_id" "transaction_id của TC-01, tiki_transaction_id khác"
    "TC-63" REFUND 500 Some(1), Payment: "A refund without request_id is refused" "Hoàn tiền không có request_id bị từ chối"
        "no request_id" "không có request_id"
    "TC-64" REFUND 500 Some(1), Payment: "A refund without reason is refused" "Hoàn tiền không có reason bị từ chối"
        "no reason" "không có reason"
    "TC-65" REFUND 500 Some(5), Payment: "A refund of a grouped amount is refused" "Hoàn tiền có dấu phân cách bị từ chối"
        "transaction_amount \"1.000\"" "transaction_amount \"1.000\""
    "TC-66" REFUND 500 Some(1), Payment: "A refund with a field of another message is refused" "Hoàn tiền có trường của thông điệp khác bị từ chối"
        "also reference_transaction_id" "thêm reference_transaction_id"
    "TC-70" CHECK 200 Some(0), PaidPayment: "A paid payment is SUCCESS" "Giao dịch đã thanh toán có trạng thái SUCCESS"
        "tiki_transaction_id of a paid payment" "tiki_transaction_id của giao dịch đã thanh toán"
    "TC-71" LINK 302 None, PaidPayment: "The link of a paid payment leads to Tiki, and not to the screen" "Liên kết của giao dịch đã thanh toán dẫn về Tiki, không về màn hình"
        "payment_url of a paid payment" "payment_url của giao dịch đã thanh toán"
    "TC-72" CREATE 200 Some(0), PaidPayment: "A create repeated after the payment gets the first answer" "Gửi lại yêu cầu tạo sau khi thanh toán nhận câu trả lời đầu"
        "the create body of the paid payment" "nội dung tạo của giao dịch đã thanh toán"
    "TC-73" CHECK 200 Some(0), CancelledPayment: "A cancelled payment is FAILURE" "Giao dịch khách hàng đã hủy có trạng thái FAILURE"
        "tiki_transaction_id of a cancelled payment" "tiki_transaction_id của giao dịch đã hủy"
    "TC-74" REFUND 500 Some(6), CancelledPayment: "A cancelled payment cannot be refunded" "Giao dịch đã hủy không thể hoàn tiền"
        "the ids of the cancelled payment" "mã của giao dịch đã hủy"
    "TC-75" CHECK 200 Some(0), ExpiredPayment: "An expired payment is FAILURE" "Giao dịch hết hạn có trạng thái FAILURE"
        "a create with expires_in 300 that nobody pays, then tiki_transaction_id" "tạo với expires_in 300, không ai thanh toán, sau đó tiki_transaction_id"
    "TC-80" REFUND 200 Some(0), TestEnvironment: "A part of a payment goes back" "Hoàn một phần giao dịch"
        "40 % of the payment" "40 % giao dịch"
    "TC-81" REFUND 200 Some(0), TestEnvironment: "A refund repeated with its request_id gets the same answer" "Gửi lại hoàn tiền cùng request_id nhận cùng câu trả lời"
        "the body of TC-80 again" "gửi lại nội dung của TC-80"
    "TC-82" REFUND 500 Some(11), TestEnvironment: "The same request_id with another amount is refused" "Cùng request_id với số tiền khác bị từ chối"
        "the request_id of TC-80, another amount" "request_id của TC-80, số tiền khác"
    "TC-83" REFUND 500 Some(10), TestEnvironment: "A refund of more than what remains is refused" "Hoàn nhiều hơn số còn lại bị từ chối"
        "a new request_id, 70 % of the payment" "request_id mới, 70 % giao dịch"
    "TC-84" REFUND 500 Some(1), TestEnvironment: "Two amounts that differ are refused" "Hai số tiền khác nhau bị từ chối"
        "request_amount differs from transaction_amount" "request_amount khác transaction_amount"
    "TC-85" REFUND 200 Some(0), TestEnvironment: "The rest of a payment goes back" "Hoàn phần còn lại của giao dịch"
        "60 % of the payment" "60 % giao dịch"
    "TC-86" REFUND 500 Some(10), TestEnvironment: "After a full refund nothing remains" "Sau khi hoàn hết thì không còn gì để hoàn"
        "a new request_id, 1000" "request_id mới, 1000"
    "TC-87" CHECK 200 Some(0), TestEnvironment: "A look-up shows the refunds" "Tra cứu hiển thị các khoản hoàn tiền"
        "tiki_transaction_id of the refunded payment" "tiki_transaction_id của giao dịch đã hoàn"
    "TC-88" REFUND 200 Some(0), TestEnvironment: "The first refund repeated after later ones gets its first answer" "Gửi lại lần hoàn đầu sau các lần khác vẫn nhận câu trả lời đầu"
        "the body of TC-80 again, after TC-85" "gửi lại nội dung của TC-80, sau TC-85"
    "TC-89" REFUND 200 Some(0), TestEnvironment: "The same refund twice at the same time goes back once" "Cùng một yêu cầu hoàn gửi hai lần cùng lúc chỉ hoàn một lần"
        "30 % of another paid payment, the same body twice at once" "30 % của giao dịch đã thanh toán khác, cùng nội dung hai lần cùng lúc"
    "TC-90" IPN 200 Some(0), Tiki: "A payment's result is notified, signed right" "Kết quả thanh toán được thông báo, ký đúng"
        "the partner notifies SUCCESS" "đối tác thông báo SUCCESS"
    "TC-91" IPN 200 Some(0), Tiki: "The notification names both ids and the amount" "Thông báo nêu cả hai mã và số tiền"
        "reference_transaction_id, transaction_id, transaction_amount, status" "reference_transaction_id, transaction_id, transaction_amount, status"
    "TC-92" IPN 500 None, Tiki: "A notification that was answered with 500 is sent again, signed anew" "Thông báo bị trả lời 500 được gửi lại với chữ ký mới"
        "Tiki answers the first notification with HTTP 500" "Tiki trả lời HTTP 500 cho thông báo đầu"
    "TC-93" IPN 200 Some(0), Tiki: "A notification that was accepted is not sent again" "Thông báo đã được chấp nhận không gửi lại"
        "Tiki answers code 0" "Tiki trả lời mã 0"
    "TC-98" EVERY 200 None, Nothing: "Every answer has the fields of docs/openapi.yaml" "Mọi câu trả lời có các trường đúng theo docs/openapi.yaml"
        "all calls of this list" "mọi lời gọi của danh sách này"
    "TC-99" EVERY 200 None, Nothing: "Every answer has an X-Request-Id" "Mọi câu trả lời đều có X-Request-Id"
        "all calls of this list, except those that the firewall answers" "mọi lời gọi của danh sách này, trừ lời gọi do tường lửa trả lời"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_and_no_text_is_missing() {
        assert!(CASES.len() >= 35);
        assert!(CASES.is_sorted_by(|one, next| one.id < next.id));
        for case in CASES {
            let has_status = case.expected_en().contains("HTTP ");
            assert_eq!(has_status, case.call != EVERY, "{}", case.id);
            let texts = [case.title_en, case.title_vi, case.send_en, case.send_vi];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", case.id);
            assert!(case.title_en != case.title_vi, "{}", case.id);
        }
    }
}
