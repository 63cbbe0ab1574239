//! Tiki's requests. They are read from verified bytes, never before.

use api::TIKI_FIELDS;
use domain::{Order, RefundCommand, Refusal, TikiTransactionId, TransactionId};
use json_fields::{Fields, InvalidField};
use signing::Verified;

const CREATE: &[&str] = &[
    "tiki_transaction_id",
    "transaction_amount",
    "request_id",
    "identify_code",
    "order_code",
    "description",
    "expires_in",
];
const CHECK: &[&str] = &["tiki_transaction_id", "transaction_id"];
const REFUND: &[&str] = &[
    "tiki_transaction_id",
    "transaction_amount",
    "transaction_id",
    "reason",
    "request_id",
    "request_amount",
];

/// How long a customer has to pay if the request does not say it.
const DEFAULT_EXPIRES_IN_S: u32 = 900;
const EXPIRES_IN_S: std::ops::RangeInclusive<i64> = 300..=86_400;

/// `POST /tikivip/v1/transactions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// The id that Tiki gave the transaction.
    pub tiki_id: TikiTransactionId,
    /// The amount, and what it is for.
    pub order: Order,
}

/// A text that Tiki sends as our id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenId {
    /// It can be an id of ours.
    Ours(TransactionId),
    /// It cannot, so no transaction has it.
    NotOurs,
}

/// The transaction that Tiki looks up, by one id or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRequest {
    /// The id that Tiki gave it.
    pub tiki_id: Option<TikiTransactionId>,
    /// Our id, if Tiki sent one.
    pub id: Option<GivenId>,
}

/// `POST /tikivip/v1/refunds` (protocol §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    /// The id that Tiki gave the transaction.
    pub tiki_id: TikiTransactionId,
    /// Our id of it; `None` if the text cannot be an id of ours.
    pub id: Option<TransactionId>,
    /// The request id, the amount and the reason.
    pub command: RefundCommand,
}

/// Why a refund request cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidRefund {
    /// A field is missing or malformed.
    Field(InvalidField),
    /// `request_amount` differs from `transaction_amount`. A person must ask Tiki which one counts.
    AmountsDiffer,
}

impl From<InvalidField> for InvalidRefund {
    fn from(invalid: InvalidField) -> Self {
        Self::Field(invalid)
    }
}

impl From<InvalidRefund> for InvalidField {
    fn from(invalid: InvalidRefund) -> Self {
        match invalid {
            InvalidRefund::Field(invalid) => invalid,
            InvalidRefund::AmountsDiffer => {
                Self::field("request_amount", "differs from transaction_amount")
            }
        }
    }
}

/// Reads a create request.
pub fn create(verified: Verified<'_>) -> Result<CreateRequest, InvalidField> {
    let fields = message(verified, CREATE)?;
    Ok(CreateRequest {
        tiki_id: fields.text("tiki_transaction_id")?,
        order: Order {
            amount: fields.amount("transaction_amount")?,
            webview_request_id: fields.optional_text("request_id")?,
            identify_code: fields.optional_text("identify_code")?,
            order_code: fields.optional_text("order_code")?,
            description: fields.optional_text("description")?,
            expires_in_s: expires_in(&fields)?,
        },
    })
}

/// Reads a look-up by POST.
pub fn check(verified: Verified<'_>) -> Result<CheckRequest, InvalidField> {
    check_fields(&message(verified, CHECK)?)
}

/// Reads a look-up by GET, whose query was verified.
pub fn check_query<'q>(
    _verified: Verified<'_>,
    query: impl IntoIterator<Item = (&'q str, &'q str)>,
) -> Result<CheckRequest, InvalidField> {
    let fields = Fields::of_texts(query)?;
    fields.reject_foreign_fields(TIKI_FIELDS, CHECK)?;
    check_fields(&fields)
}

fn check_fields(fields: &Fields) -> Result<CheckRequest, InvalidField> {
    let tiki_id = fields.optional_text("tiki_transaction_id")?;
    let id: Option<TikiTransactionId> = fields.optional_text("transaction_id")?;
    if tiki_id.is_none() && id.is_none() {
        return Err(InvalidField::field(
            "tiki_transaction_id",
            "or transaction_id is required",
        ));
    }
    Ok(CheckRequest {
        tiki_id,
        id: id.map(|id| id.as_str().parse().map_or(GivenId::NotOurs, GivenId::Ours)),
    })
}

/// Reads a refund request.
pub fn refund(verified: Verified<'_>) -> Result<RefundRequest, InvalidRefund> {
    let fields = message(verified, REFUND)?;
    let amount = fields.amount("transaction_amount")?;
    // Tiki's diagram has this field, and its table has not. We do not guess between two amounts (protocol §5).
    let agrees = match fields.optional_amount("request_amount") {
        Ok(other) => other.is_none_or(|other| other == amount),
        Err(_) => false,
    };
    if !agrees {
        return Err(InvalidRefund::AmountsDiffer);
    }
    // The text must have the form of an id (protocol §8). Whether it is one of ours is found out later.
    let id: TikiTransactionId = fields.text("transaction_id")?;
    Ok(RefundRequest {
        tiki_id: fields.text("tiki_transaction_id")?,
        id: id.as_str().parse().ok(),
        command: RefundCommand {
            request_id: fields.text("request_id")?,
            amount,
            reason: fields.text("reason")?,
        },
    })
}

fn message(verified: Verified<'_>, own: &[&str]) -> Result<Fields, InvalidField> {
    let fields = Fields::read(verified.body())?;
    fields.reject_foreign_fields(TIKI_FIELDS, own)?;
    Ok(fields)
}

fn expires_in(fields: &Fields) -> Result<u32, InvalidField> {
    let Some(seconds) = fields.optional_integer("expires_in")? else {
        return Ok(DEFAULT_EXPIRES_IN_S);
    };
    u32::try_from(seconds)
        .ok()
        .filter(|_| EXPIRES_IN_S.contains(&seconds))
        .ok_or_else(|| {
            let (least, most) = (EXPIRES_IN_S.start(), EXPIRES_IN_S.end());
            InvalidField::field(
                "expires_in",
                format!("must be from {least} to {most} seconds"),
            )
        })
}

impl CheckRequest {
    /// The key of the transaction in the table.
    pub fn key(&self) -> Result<TransactionId, Refusal> {
        match (self.id, &self.tiki_id) {
            (Some(GivenId::Ours(id)), _) => Ok(id),
            (Some(GivenId::NotOurs), _) => Err(Refusal::NotFound),
            (None, Some(tiki_id)) => Ok(TransactionId::derive(tiki_id)),
            (None, None) => Err(Refusal::NotFound),
        }
    }
}
