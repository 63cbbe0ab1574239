//! The core's report of a payment's result: `POST /partner/v1/payments/{transaction_id}/result`.

use domain::{FailureReason, PaidDetails, PaymentReport, PaymentResult, TransactionId};
use json_fields::{Fields, InvalidField};
use signing::Verified;

const OWN: &[&str] = &[
    "transaction_id",
    "status",
    "amount",
    "paid_at",
    "partner_banking_method",
    "rail_reference",
    "reason",
];

/// Every field that any message between the core and us has, in either direction.
const ALL: &[&str] = &[
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

/// Reads a report about the transaction that the path names. The signature does not cover the path, so a
/// report that names its transaction in the body too must name this one; the core had better do so.
pub fn read(verified: Verified<'_>, id: TransactionId) -> Result<PaymentReport, InvalidField> {
    let fields = Fields::read(verified.body())?;
    fields.reject_foreign_fields(ALL, OWN)?;
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
            reason: reason(&fields, FailureReason::truncated)?,
        },
        _ => return Err(InvalidField::field("status", "must be SUCCESS or FAILURE")),
    };
    Ok(PaymentReport { amount, result })
}

/// The details of a report: each as it must be, since the core can still mend it.
fn paid_details(fields: &Fields) -> Result<PaidDetails, InvalidField> {
    Ok(PaidDetails {
        paid_at: fields.optional_time("paid_at")?,
        banking_method: fields.optional_text("partner_banking_method")?,
        core_reference: fields.optional_text("rail_reference")?,
    })
}

/// An explanation: cut to what we keep, since no result may fail for its length.
pub(crate) fn reason<T>(
    fields: &Fields,
    truncated: fn(&str) -> Option<T>,
) -> Result<Option<T>, InvalidField> {
    let text: Option<String> = fields.optional_text("reason")?;
    Ok(text.as_deref().and_then(truncated))
}
