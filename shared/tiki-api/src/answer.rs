//! What Tiki's answers mean (protocol §3, §4, §6). Pure functions of an HTTP status and a body.

use domain::{
    IpnAnswer, IpnRefusal, LookUpAnswer, Status, TikiTransactionId, Transaction, TransactionId,
    WebviewRequestId,
};
use json_fields::Fields;

/// The webview that Tiki has opened (protocol §6).
#[derive(Clone, PartialEq, Eq)]
pub struct Webview {
    /// The URL that opens the webview. Opaque.
    pub url_open: String,
    /// The URL of Tiki's result screen for this customer. Opaque.
    pub url_checkout_result: String,
    /// The id of the session.
    pub request_id: WebviewRequestId,
}

/// The meaning of an answer to a webview request.
#[derive(Clone, PartialEq, Eq)]
pub enum WebviewReading {
    /// Code 0, with everything that the app needs.
    Opened(Webview),
    /// Code 1: the request is malformed.
    InvalidRequest,
    /// Everything else: code 2, an HTTP error, an unreadable answer.
    Unclear,
}

/// The code in an answer, whatever number it is.
#[must_use]
pub fn code(body: &[u8]) -> Option<i64> {
    Fields::read(body).ok()?.optional_integer("code").ok()?
}

/// The meaning of an answer to our IPN.
#[must_use]
pub fn ipn(status: u16, body: &[u8], transaction: &Transaction) -> IpnAnswer {
    match status {
        200..=299 => {}
        401 | 403 => return IpnAnswer::Unauthorized,
        _ => return IpnAnswer::Unclear,
    }
    match code(body) {
        Some(0) if echoes(body, transaction) => IpnAnswer::Accepted,
        Some(0) => IpnAnswer::AcceptedUnnamed,
        Some(1) => IpnAnswer::Refused(IpnRefusal::InvalidRequest),
        Some(2) => IpnAnswer::SystemError,
        Some(3) => IpnAnswer::Refused(IpnRefusal::NotFound),
        Some(4) => IpnAnswer::Refused(IpnRefusal::NotOfThisPartner),
        Some(5) => IpnAnswer::Refused(IpnRefusal::InvalidAmount),
        Some(6) => IpnAnswer::Refused(IpnRefusal::Cancelled),
        Some(_) | None => IpnAnswer::Unclear,
    }
}

/// Whether an accepting answer names this transaction, by our id or by Tiki's (protocol §3).
fn echoes(body: &[u8], transaction: &Transaction) -> bool {
    let echoed = || {
        let data = Fields::read(body).ok()?.optional_object("data").ok()??;
        data.optional_text::<String>("transaction_id").ok()?
    };
    echoed().is_some_and(|id| {
        id.eq_ignore_ascii_case(&transaction.id().to_string())
            || id == transaction.tiki_id().as_str()
    })
}

/// The meaning of an answer to our look-up, flat or nested in `data`. `ours` is our id of the transaction, if we have
/// it.
#[must_use]
pub fn look_up(
    status: u16,
    body: &[u8],
    tiki_id: &TikiTransactionId,
    ours: Option<TransactionId>,
) -> LookUpAnswer {
    match status {
        200..=299 => {}
        401 | 403 => return LookUpAnswer::Unauthorized,
        _ => return LookUpAnswer::Unclear,
    }
    if names_another(body, tiki_id, ours) {
        return LookUpAnswer::Unclear;
    }
    match code(body) {
        Some(0) => found(body).unwrap_or(LookUpAnswer::Unclear),
        Some(1) => LookUpAnswer::InvalidRequest,
        Some(2) => LookUpAnswer::SystemError,
        Some(3) => LookUpAnswer::NotFound,
        Some(4) => LookUpAnswer::NotOfThisPartner,
        Some(6) => LookUpAnswer::Cancelled,
        Some(_) | None => LookUpAnswer::Unclear,
    }
}

/// Whether an answer, in one of its two shapes or in both, has the id of another transaction. Money moves on an
/// answer, so such an answer counts for nothing. An empty id names nothing. Upper and lower case differ in Tiki's ids, and not in ours.
fn names_another(body: &[u8], tiki_id: &TikiTransactionId, ours: Option<TransactionId>) -> bool {
    let Ok(flat) = Fields::read(body) else {
        return false;
    };
    let nested = flat.optional_object("data").ok().flatten();
    let id = ours.map(|id| id.to_string());
    let another = |fields: &Fields, field, same: &dyn Fn(&str) -> bool| {
        let named = fields.optional_text::<String>(field);
        named.map_or(true, |named| named.is_some_and(|named| !same(&named)))
    };
    [Some(&flat), nested.as_ref()]
        .into_iter()
        .flatten()
        .any(|fields| {
            another(fields, "tiki_transaction_id", &|named| {
                named == tiki_id.as_str()
            }) || another(fields, "partner_transaction_id", &|named| {
                id.as_ref().is_none_or(|id| named.eq_ignore_ascii_case(id))
            })
        })
}

/// `None` if the answer does not say it clearly.
fn found(body: &[u8]) -> Option<LookUpAnswer> {
    let flat = Fields::read(body).ok()?;
    let fields = flat.optional_object("data").ok()?.unwrap_or(flat);
    let status = match fields.text::<String>("status").ok()?.as_str() {
        "PENDING" => Status::Pending,
        "SUCCESS" => Status::Success,
        "FAILURE" => Status::Failure,
        _ => return None,
    };
    let amount = match fields.optional_amount("amount") {
        Ok(amount) => amount,
        Err(_) if status == Status::Success => return None,
        Err(_) => None,
    };
    Some(LookUpAnswer::Found(status, amount))
}

/// The meaning of an answer to our webview request.
#[must_use]
pub fn webview(status: u16, body: &[u8]) -> WebviewReading {
    if !(200..=299).contains(&status) {
        return WebviewReading::Unclear;
    }
    match code(body) {
        Some(0) => opened(body).map_or(WebviewReading::Unclear, WebviewReading::Opened),
        Some(1) => WebviewReading::InvalidRequest,
        Some(_) | None => WebviewReading::Unclear,
    }
}

fn opened(body: &[u8]) -> Option<Webview> {
    let data = Fields::read(body).ok()?.optional_object("data").ok()??;
    Some(Webview {
        url_open: data.text("url_open").ok()?,
        url_checkout_result: data.text("url_checkout_result").ok()?,
        request_id: data.text("request_id").ok()?,
    })
}
