//! The codes that we answer with (docs/decisions/0006).

use domain::Refusal;
use json_fields::InvalidField;

/// A result code. It has the same meaning in every API that we offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The request was carried out.
    Success = 0,
    /// The request is malformed; the message names the field.
    InvalidRequest = 1,
    /// An internal error. The request is safe to repeat.
    SystemError = 2,
    /// No transaction has this id.
    NotFound = 3,
    /// The transaction belongs to another partner.
    NotOfThisPartner = 4,
    /// The amount is malformed, or outside the accepted limits.
    InvalidAmount = 5,
    /// The payment was declined or cancelled.
    Failed = 6,
    /// The payment was not made in time.
    Expired = 7,
    /// The id was used before with other content, or its order is paid at Tiki already.
    IdReused = 8,
    /// Not refundable in this state.
    NotRefundable = 9,
    /// More than what remains to be refunded.
    ExceedsRemaining = 10,
    /// The `request_id` was used before with other content.
    RequestIdReused = 11,
    /// The refund is in progress. The request is to be repeated with the same id.
    InProgress = 12,
    /// The signature is missing or wrong.
    SignatureRefused = 97,
    /// The timestamp is outside the accepted window.
    Stale = 98,
}

impl Code {
    /// Every code, by its number.
    pub const ALL: [Self; 15] = [
        Self::Success,
        Self::InvalidRequest,
        Self::SystemError,
        Self::NotFound,
        Self::NotOfThisPartner,
        Self::InvalidAmount,
        Self::Failed,
        Self::Expired,
        Self::IdReused,
        Self::NotRefundable,
        Self::ExceedsRemaining,
        Self::RequestIdReused,
        Self::InProgress,
        Self::SignatureRefused,
        Self::Stale,
    ];

    /// The number in the body of an answer.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl From<&Refusal> for Code {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::IdsDisagree => Self::InvalidRequest,
            Refusal::NotFound => Self::NotFound,
            Refusal::NotOfThisPartner => Self::NotOfThisPartner,
            Refusal::InvalidAmount { .. } => Self::InvalidAmount,
            Refusal::Failed => Self::Failed,
            Refusal::Expired => Self::Expired,
            Refusal::PaidAtTiki | Refusal::IdReused | Refusal::ResultDiffers => Self::IdReused,
            Refusal::NotPaidYet
            | Refusal::UnderReview
            | Refusal::TooManyRefunds(_)
            | Refusal::RejectedByCore { .. } => Self::NotRefundable,
            Refusal::ExceedsRemaining { .. } => Self::ExceedsRemaining,
            Refusal::RequestIdReused => Self::RequestIdReused,
            Refusal::InProgress => Self::InProgress,
        }
    }
}

impl From<&InvalidField> for Code {
    fn from(invalid: &InvalidField) -> Self {
        match invalid {
            InvalidField::NotAnObject(_) | InvalidField::Field { .. } => Self::InvalidRequest,
            InvalidField::Amount { .. } => Self::InvalidAmount,
        }
    }
}
