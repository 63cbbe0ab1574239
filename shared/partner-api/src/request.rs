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
pub const ALL_PARTNER: &[&str] = &[
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

/// A payment result, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentResultRequest {
    /// What the core says.
    pub message: PaymentResultMessage,
    /// Why `paid_at` is left out although the core sent one. It refuses nothing: the money was taken all the same, and
    /// no balance depends on that time (docs/decisions/0013).
    pub left_out: Option<InvalidField>,
}

/// Reads a payment result of the core about the transaction that the path names:
/// `POST /partner/v1/payments/{transaction_id}/result`. The signature does not cover the path, so the body must name the
/// same transaction: otherwise one captured body could be sent for any other.
pub fn payment_result(
    verified: Verified<'_>,
    id: TransactionId,
) -> Result<PaymentResultRequest, InvalidField> {
    let fields = Fields::read(verified.body())?;
    fields.reject_foreign_fields(ALL_PARTNER, PAYMENT_RESULT)?;
    let named: TransactionId = fields.text("transaction_id")?;
    if named != id {
        return Err(InvalidField::field(
            "transaction_id",
            "is not the one of the path",
        ));
    }
    let amount = fields.optional_amount("amount")?;
    let mut left_out = None;
    let result = match fields.text::<String>("status")?.as_str() {
        "SUCCESS" => {
            if amount.is_none() {
                return Err(InvalidField::field("amount", "is required with SUCCESS"));
            }
            // The reference decides whether a second debit is a repeat, so an unreadable one refuses the message.
            PaymentResult::Paid(PaidDetails {
                paid_at: fields
                    .optional_time("paid_at")
                    .unwrap_or_else(|unreadable| {
                        left_out = Some(unreadable);
                        None
                    }),
                banking_method: fields.optional_text("partner_banking_method")?,
                core_reference: fields.optional_text("rail_reference")?,
            })
        }
        "FAILURE" => PaymentResult::Declined {
            reason: fields.optional_reason("reason", FailureReason::truncated)?,
        },
        _ => return Err(InvalidField::field("status", "must be SUCCESS or FAILURE")),
    };
    let message = PaymentResultMessage { amount, result };
    Ok(PaymentResultRequest { message, left_out })
}

#[cfg(test)]
mod tests {
    use domain::{PaymentResult, Timestamp, TransactionId};
    use json_fields::InvalidField;
    use proptest::prelude::*;
    use signing::{ClientSecret, Keyring, SignatureHeaders, Window};

    const ID: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";

    fn read(body: &str) -> Result<super::PaymentResultRequest, InvalidField> {
        let keys = Keyring::new("client", ClientSecret::new("secret"));
        let signed = keys.sign(0, body.as_bytes());
        let headers = SignatureHeaders {
            timestamp: Some(&signed.timestamp),
            client_id: Some(&signed.client_id),
            signature: Some(&signed.signature),
        };
        let verified = keys.verify(&headers, body.as_bytes(), 0, Window::default());
        let id: TransactionId = ID.parse().unwrap();
        super::payment_result(verified.unwrap(), id)
    }

    #[test]
    fn a_result_names_the_transaction_of_the_path() {
        let another = "5a9db0c5-0000-4000-8000-7469746b6976";
        for (id, refusal) in [
            (format!(r#""{ID}""#), None),
            (format!(r#""{}""#, ID.to_uppercase()), None),
            (
                format!(r#""{another}""#),
                Some("transaction_id is not the one of the path"),
            ),
            (r#""""#.to_owned(), Some("transaction_id is required")),
            ("null".to_owned(), Some("transaction_id is required")),
            ("7".to_owned(), Some("transaction_id must be a string")),
        ] {
            let body = format!(r#"{{"transaction_id":{id},"status":"FAILURE"}}"#);
            let problem = read(&body).err().map(|problem| problem.to_string());
            assert_eq!(problem.as_deref(), refusal, "{body}");
        }
        let missing = read(r#"{"status":"SUCCESS","amount":100000}"#).unwrap_err();
        assert_eq!(missing.to_string(), "transaction_id is required");
    }

    #[test]
    fn no_detail_that_is_empty_refuses_money_that_was_taken() {
        let read = |details: &str| {
            let body = format!(
                r#"{{"transaction_id":"{ID}","status":"SUCCESS","amount":"100000"{details}}}"#
            );
            read(&body).map(|request| match request.message.result {
                PaymentResult::Paid(details) => (details, request.left_out),
                PaymentResult::Declined { .. } => panic!("{body}"),
            })
        };
        let nothing = read("").unwrap();
        for details in [
            r#","rail_reference":"","partner_banking_method":" ","paid_at":"","reason":"""#,
            r#","rail_reference":null,"partner_banking_method":null,"paid_at":null,"reason":null"#,
            r#","rail_reference":"\n","paid_at":"   ""#,
        ] {
            assert_eq!(read(details).unwrap(), nothing, "{details}");
        }
        let at = Timestamp::parse_rfc3339("2026-11-23T10:00:00+07:00").ok();
        for (paid_at, read_as) in [
            (r#""2026-11-23T10:00:00+07:00""#, at),
            (r#""2026-11-23T10:00:00+0700""#, at),
            (r#""2026-11-23T10:00:00""#, at),
            (r#""2026-11-23T03:00:00Z""#, at),
            (r#""yesterday""#, None),
            (r#""23/11/2026""#, None),
            ("1795402800", None),
            ("{}", None),
        ] {
            let (details, left_out) = read(&format!(r#","paid_at":{paid_at}"#)).unwrap();
            assert_eq!(details.paid_at, read_as, "{paid_at}");
            let left_out = left_out.map(|problem| problem.to_string());
            assert_eq!(left_out.is_some(), read_as.is_none(), "{paid_at}");
            assert!(left_out.is_none_or(|problem| problem.starts_with("paid_at ")));
        }
        let money = read(r#","amount":"100.000""#).unwrap_err();
        assert!(money.to_string().contains("a name twice"), "{money}");
        assert!(read(r#","rail_reference":7"#).is_err());
    }

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
