//! What the partner's app and core send us. It is read from verified bytes, never before.

use api::{ApiError, Inbound, TIKI_FIELDS};
use domain::{
    Customer, FailureReason, PaidDetails, PaymentResult, PaymentResultMessage, PhoneNumber,
    Refusal, TikiTransactionId, TransactionId,
};
use json_fields::{Fields, InvalidField};
use signing::Verified;

const WEBVIEW: &[&str] = &["identify_code", "identify_phone", "identify_fullname"];

const PAYMENT_RESULT: &[&str] = &[
    "transaction_id",
    "status",
    "amount",
    "paid_at",
    "partner_banking_method",
    "rail_reference",
    "reason",
];

/// Every field of a request between the partner's systems and us, in either direction.
const ALL_PARTNER: &[&str] = &[
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

/// Reads the app's request to open a webview: `POST /partner/v1/webview`. The phone may be a text or a number.
pub fn webview(verified: Verified<'_>) -> Result<Customer, InvalidField> {
    let fields = Fields::read(verified.body())?;
    fields.reject_foreign_fields(TIKI_FIELDS, WEBVIEW)?;
    let phone = match fields.optional_text::<PhoneNumber>("identify_phone") {
        Ok(phone) => phone,
        // A text that is no phone number is refused. Only a number is read as a number.
        Err(refused) if fields.optional_text::<String>("identify_phone").is_ok() => {
            return Err(refused);
        }
        Err(_) => fields
            .optional_integer("identify_phone")?
            .map(|number| number.to_string().parse())
            .transpose()
            .map_err(|problem| InvalidField::field("identify_phone", problem))?,
    };
    Ok(Customer {
        identify_code: fields.text("identify_code")?,
        identify_phone: phone
            .ok_or_else(|| InvalidField::field("identify_phone", "is required"))?,
        identify_fullname: fields.optional_text("identify_fullname")?,
    })
}

/// The id of the path. A text without the form of an id is malformed; one that cannot be ours is not found.
pub fn transaction_id(request: &Inbound) -> Result<TransactionId, ApiError> {
    let text = request.path_parameter("transaction_id");
    text.parse::<TikiTransactionId>()
        .map_err(|problem| InvalidField::field("transaction_id", problem))?;
    Ok(text.parse().map_err(|_| Refusal::NotFound)?)
}

/// Reads a payment result of the core about the transaction that the path names:
/// `POST /partner/v1/payments/{transaction_id}/result`. The signature does not cover the path, so a
/// `transaction_id` in the body must be the same one. The core should send it.
pub fn payment_result(
    verified: Verified<'_>,
    id: TransactionId,
) -> Result<PaymentResultMessage, InvalidField> {
    let fields = Fields::read(verified.body())?;
    fields.reject_foreign_fields(ALL_PARTNER, PAYMENT_RESULT)?;
    let named: Option<TransactionId> = fields.optional_text("transaction_id")?;
    if named.is_some_and(|named| named != id) {
        return Err(InvalidField::field(
            "transaction_id",
            "is not the one of the path",
        ));
    }
    let amount = fields.optional_amount("amount")?;
    let result = match fields.text::<String>("status")?.as_str() {
        "SUCCESS" => {
            if amount.is_none() {
                return Err(InvalidField::field("amount", "is required with SUCCESS"));
            }
            PaymentResult::Paid(paid_details(&fields)?)
        }
        "FAILURE" => PaymentResult::Declined {
            reason: fields.optional_reason("reason", FailureReason::truncated)?,
        },
        _ => return Err(InvalidField::field("status", "must be SUCCESS or FAILURE")),
    };
    Ok(PaymentResultMessage { amount, result })
}

/// A malformed detail refuses the message: the core can still correct it.
fn paid_details(fields: &Fields) -> Result<PaidDetails, InvalidField> {
    Ok(PaidDetails {
        paid_at: fields.optional_time("paid_at")?,
        banking_method: fields.optional_text("partner_banking_method")?,
        core_reference: fields.optional_text("rail_reference")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signing::{ClientSecret, Keyring, SignatureHeaders, Window};

    proptest! {
        #[test]
        fn no_request_panics(
            body in prop::collection::vec(any::<u8>(), 0..200),
            json in r#"\{("(transaction_id|status|amount|paid_at|reason|identify_code|identify_phone)":("[A-Za-z0-9.-]{0,9}"|[0-9.eE+-]{1,9}|null|\{\}|\[\]),?){0,5}\}"#,
        ) {
            let keys = Keyring::new("client", ClientSecret::new("secret"));
            let id = domain::TransactionId::from_bytes([0; 16]);
            for body in [&body[..], json.as_bytes()] {
                let signed = keys.sign(0, body);
                let headers = SignatureHeaders {
                    timestamp: Some(&signed.timestamp),
                    client_id: Some(&signed.client_id),
                    signature: Some(&signed.signature),
                };
                let verified = keys.verify(&headers, body, 0, Window::default()).unwrap();
                let _ = super::webview(verified);
                let _ = super::payment_result(verified, id);
            }
        }
    }
}
