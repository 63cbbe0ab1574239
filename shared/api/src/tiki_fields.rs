//! The fields of all messages between Tiki and us.

/// Every field of any message between Tiki and us, in either direction: one secret signs both directions, and the
/// signature covers neither method nor path (protocol §2). So no request may have a field of another message. The
/// app's webview request goes on to Tiki, so it is held to the same list.
pub const TIKI_FIELDS: &[&str] = &[
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
