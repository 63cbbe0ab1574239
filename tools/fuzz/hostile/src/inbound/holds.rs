//! The properties of an accepted message, checked with a second reader of its body.

use domain::{
    BankingMethod, CoreReference, Customer, CustomerName, IdentifyCode, OrderCode, PaymentResult,
    TransactionId, WebviewRequestId,
};
use partner_api::request::PaymentResultRequest;
use tiki_api::request::{CheckRequest, CreateRequest, GivenId, RefundRequest};

use crate::json::{Object, acts};

/// A type of message in the protocol.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The required fields.
    pub(super) required: &'static [&'static str],
    optional: &'static [&'static str],
    /// All fields of messages with the same counterparty.
    all: &'static [&'static str],
}

impl Kind {
    /// The fields of other messages.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &'static str> {
        let own = |name: &&str| self.required.contains(name) || self.optional.contains(name);
        self.all.iter().copied().filter(move |name| !own(name))
    }
}

/// All fields of all messages.
pub(super) const MOST_FIELDS: u8 = 22;

const TIKI: &[&str] = &[
    "tiki_transaction_id",
    "transaction_amount",
    "request_id",
    "identify_code",
    "order_code",
    "description",
    "expires_in",
    "transaction_id",
    "reason",
    "request_amount",
    "reference_transaction_id",
    "status",
    "partner_banking_method",
    "identify_phone",
    "identify_fullname",
    "partner_transaction_id",
    "amount",
    "code",
    "message",
    "data",
    "url_open",
    "url_checkout_result",
];

const CORE: &[&str] = &[
    "transaction_id",
    "status",
    "amount",
    "paid_at",
    "partner_banking_method",
    "rail_reference",
    "reason",
    "refund_id",
    "tiki_transaction_id",
    "identify_code",
    "identify_phone",
    "identify_fullname",
];

pub(super) const CREATE: Kind = Kind {
    name: "create",
    required: &["tiki_transaction_id", "transaction_amount"],
    optional: &[
        "request_id",
        "identify_code",
        "order_code",
        "description",
        "expires_in",
    ],
    all: TIKI,
};

/// One of the two ids is enough, so neither is required.
pub(super) const CHECK: Kind = Kind {
    name: "check",
    required: &[],
    optional: &["tiki_transaction_id", "transaction_id"],
    all: TIKI,
};

pub(super) const REFUND: Kind = Kind {
    name: "refund",
    required: &[
        "tiki_transaction_id",
        "transaction_amount",
        "transaction_id",
        "reason",
        "request_id",
    ],
    optional: &["request_amount"],
    all: TIKI,
};

pub(super) const WEBVIEW: Kind = Kind {
    name: "webview",
    required: &["identify_code", "identify_phone"],
    optional: &["identify_fullname"],
    all: TIKI,
};

pub(super) const REPORT: Kind = Kind {
    name: "report",
    required: &["status", "transaction_id"],
    optional: &[
        "amount",
        "paid_at",
        "partner_banking_method",
        "rail_reference",
        "reason",
    ],
    all: CORE,
};

pub(super) fn create(message: &CreateRequest, body: &Object) {
    an_id(message.tiki_id.as_str(), body);
    let order = &message.order;
    an_amount(order.amount.get(), body, "transaction_amount");
    let webview = order.webview_request_id.as_ref();
    let webview = webview.map(WebviewRequestId::as_str);
    let customer = order.identify_code.as_ref().map(IdentifyCode::as_str);
    let order_code = order.order_code.as_ref().map(OrderCode::as_str);
    for (text, name) in [
        (webview, "request_id"),
        (customer, "identify_code"),
        (order_code, "order_code"),
    ] {
        a_code(text, 128, body, name);
    }
    match &order.description {
        Some(text) => a_text(Some(text.as_str()), 255, body, "description"),
        None => assert_eq!(body.text("description"), None),
    }
    let seconds = i128::from(order.expires_in_s);
    assert!((300..=86_400).contains(&seconds), "{seconds} s to pay");
    let asked = body.has("expires_in").then(|| body.whole("expires_in"));
    assert_eq!(asked.unwrap_or(Some(900)), Some(seconds), "expires_in");
}

pub(super) fn check(message: &CheckRequest, body: &Object) {
    assert_eq!(message.tiki_id.is_some(), body.has("tiki_transaction_id"));
    assert_eq!(message.id.is_some(), body.has("transaction_id"));
    assert!(message.tiki_id.is_some() || message.id.is_some());
    if let Some(id) = &message.tiki_id {
        an_id(id.as_str(), body);
    }
    match message.id {
        Some(GivenId::Ours(id)) => our_id(Some(id), body),
        Some(GivenId::NotOurs) => our_id(None, body),
        None => {}
    }
}

pub(super) fn refund(message: &RefundRequest, body: &Object) {
    an_id(message.tiki_id.as_str(), body);
    our_id(message.id, body);
    let command = &message.command;
    an_amount(command.amount.get(), body, "transaction_amount");
    if body.has("request_amount") {
        an_amount(command.amount.get(), body, "request_amount");
    }
    a_code(Some(command.request_id.as_str()), 128, body, "request_id");
    a_text(Some(command.reason.as_str()), 255, body, "reason");
}

pub(super) fn webview(message: &Customer, body: &Object) {
    a_code(
        Some(message.identify_code.as_str()),
        128,
        body,
        "identify_code",
    );
    let name = message.identify_fullname.as_ref();
    a_text(
        name.map(CustomerName::as_str),
        255,
        body,
        "identify_fullname",
    );
    let phone = match body.text("identify_phone") {
        Some(text) => text,
        None => body.whole("identify_phone").unwrap_or(0).to_string(),
    };
    let digits = phone.strip_prefix('+').unwrap_or(&phone);
    assert!(
        (9..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "not a phone number"
    );
    assert_eq!(Ok(message.identify_phone.clone()), phone.parse());
    // Personal data must not appear in a log.
    if let Some(name) = name {
        assert_eq!(format!("{name:?}"), "CustomerName(redacted)");
    }
    assert_eq!(
        format!("{:?}", message.identify_phone),
        "PhoneNumber(redacted)"
    );
}

pub(super) fn report(read: &PaymentResultRequest, body: &Object, id: TransactionId) {
    let message = &read.message;
    our_id(Some(id), body);
    assert_eq!(message.amount.is_some(), body.has("amount"));
    if let Some(amount) = message.amount {
        an_amount(amount.get(), body, "amount");
    }
    let status = body.text("status").unwrap_or_default();
    match &message.result {
        PaymentResult::Paid(details) => {
            assert_eq!(status, "SUCCESS");
            assert!(message.amount.is_some(), "paid without an amount");
            let method = details.banking_method.as_ref().map(BankingMethod::as_str);
            a_code(method, 64, body, "partner_banking_method");
            let reference = details.core_reference.as_ref().map(CoreReference::as_str);
            a_code(reference, 128, body, "rail_reference");
            // A time that cannot be read is left out, and said.
            assert_eq!(
                details.paid_at.is_some() || read.left_out.is_some(),
                body.has("paid_at")
            );
            assert!(details.paid_at.is_none() || read.left_out.is_none());
        }
        PaymentResult::Declined { reason } => {
            assert_eq!(status, "FAILURE");
            let cut = body.text_for_people("reason").unwrap_or_default();
            let cut: String = cut.chars().take(255).collect();
            assert_eq!(reason.as_ref().map_or("", |reason| reason.as_str()), cut);
        }
    }
}

/// Tiki's id of a transaction: 1 to 64 of `[A-Za-z0-9._-]` (protocol §8).
fn an_id(id: &str, body: &Object) {
    assert_eq!(body.text("tiki_transaction_id").as_deref(), Some(id));
    let allowed = |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-');
    assert!(
        (1..=64).contains(&id.len()) && id.chars().all(allowed),
        "{id}"
    );
}

/// Our id is the text in the body, in any spelling. Without an id the text is not a UUID.
fn our_id(id: Option<TransactionId>, body: &Object) {
    let given = body.text("transaction_id").unwrap_or_default();
    let digits = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.replace("urn:uuid:", "").replace(['-', '{', '}'], "")
    };
    if let Some(id) = id {
        assert_eq!(digits(&id.to_string()), digits(&given));
    } else {
        let hyphens: Vec<_> = given.match_indices('-').map(|(at, _)| at).collect();
        let spelt = match given.len() {
            32 => hyphens.is_empty(),
            36 => hyphens == [8, 13, 18, 23],
            _ => false,
        };
        let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
        assert!(!spelt || !given.chars().all(hex), "{given} is a UUID");
    }
}

/// An amount is at least 1, at most 2^53, and exactly the one in the body (protocol §8).
fn an_amount(amount: u64, body: &Object, name: &str) {
    assert!((1..=1 << 53).contains(&amount), "{name} is {amount}");
    assert_eq!(body.whole(name), Some(i128::from(amount)), "{name}");
}

fn a_text(text: Option<&str>, most: usize, body: &Object, name: &str) {
    if let Some(text) = text {
        let length = text.chars().count();
        assert!((1..=most).contains(&length), "{name} of {length}");
    }
    assert_eq!(body.text_for_people(name).as_deref(), text, "{name}");
}

/// A text that two sides compare: it is as it came, and nothing in it acts on whoever reads it.
fn a_code(text: Option<&str>, most: usize, body: &Object, name: &str) {
    a_text(text, most, body, name);
    assert_eq!(body.text(name).as_deref(), text, "{name}");
    assert!(!text.is_some_and(|text| text.contains(acts)), "{name}");
}
