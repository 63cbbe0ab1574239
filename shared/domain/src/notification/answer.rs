//! Tiki's answers to a notification and to a look-up (protocol §3 and §4).

use std::str::FromStr;

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, ParseError, VariantArray};

use crate::money::Vnd;
use crate::status::Status;

/// Tiki's answer to a notification (IPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(IpnAnswerKind),
    derive(EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "An answer to an IPN, without what it holds.",
    vis(pub(crate))
)]
pub enum IpnAnswer {
    /// Code 0, and the echoed transaction id is one of this transaction's two.
    Accepted,
    /// Code 0 with another transaction id, or with none: a look-up decides.
    AcceptedUnnamed,
    /// A code by which Tiki refuses it.
    Refused(IpnRefusal),
    /// Code 2.
    SystemError,
    /// HTTP 401 or 403, although the secret was loaded again and the message signed again.
    Unauthorized,
    /// Any other HTTP error, no answer, or one that we cannot read.
    Unclear,
}

/// The codes by which Tiki refuses an IPN (protocol §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum IpnRefusal {
    /// Code 1.
    InvalidRequest,
    /// Code 3.
    NotFound,
    /// Code 4.
    NotOfThisPartner,
    /// Code 5.
    InvalidAmount,
    /// Code 6.
    Cancelled,
}

/// Tiki's answer to a look-up (protocol §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(LookUpAnswerKind),
    derive(EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case"),
    doc = "An answer to a look-up, without what it holds.",
    vis(pub(crate))
)]
pub enum LookUpAnswer {
    /// Code 0: Tiki's status of the transaction, and its amount if it gave one.
    Found(Status, Option<Vnd>),
    /// Code 1.
    InvalidRequest,
    /// Code 2.
    SystemError,
    /// Code 3.
    NotFound,
    /// Code 4.
    NotOfThisPartner,
    /// Code 6.
    Cancelled,
    /// HTTP 401 or 403, although the secret was loaded again and the message signed again.
    Unauthorized,
    /// Any other HTTP error, no answer, or one that we cannot read.
    Unclear,
}

impl IpnRefusal {
    /// All refusals, for a test of every cell of the table.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl IpnAnswer {
    /// All answers to a notification, for reading stored names.
    pub fn all() -> impl Iterator<Item = Self> {
        let refused = IpnRefusal::ALL.iter().copied().map(Self::Refused);
        let kinds = IpnAnswerKind::VARIANTS.iter().copied();
        kinds.filter_map(Self::of_kind).chain(refused)
    }

    /// The name in the item and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::Accepted
            | Self::AcceptedUnnamed
            | Self::SystemError
            | Self::Unauthorized
            | Self::Unclear => IpnAnswerKind::from(self).into(),
        }
    }

    /// `None` for a refusal: which one, its own name says.
    fn of_kind(kind: IpnAnswerKind) -> Option<Self> {
        match kind {
            IpnAnswerKind::Accepted => Some(Self::Accepted),
            IpnAnswerKind::AcceptedUnnamed => Some(Self::AcceptedUnnamed),
            IpnAnswerKind::Refused => None,
            IpnAnswerKind::SystemError => Some(Self::SystemError),
            IpnAnswerKind::Unauthorized => Some(Self::Unauthorized),
            IpnAnswerKind::Unclear => Some(Self::Unclear),
        }
    }
}

impl FromStr for IpnAnswer {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        if let Ok(refusal) = name.parse() {
            return Ok(Self::Refused(refusal));
        }
        Self::of_kind(name.parse()?).ok_or(ParseError::VariantNotFound)
    }
}

impl LookUpAnswer {
    /// Every answer, without amounts.
    pub fn all() -> impl Iterator<Item = Self> {
        let found = Status::ALL.iter().map(|&status| Self::Found(status, None));
        let kinds = LookUpAnswerKind::VARIANTS.iter().copied();
        found.chain(kinds.filter_map(Self::of_kind))
    }

    /// The name in the item and in logs, without the amount.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found(Status::Pending, _) => "pending",
            Self::Found(Status::Success, _) => "success",
            Self::Found(Status::Failure, _) => "failure",
            Self::InvalidRequest
            | Self::SystemError
            | Self::NotFound
            | Self::NotOfThisPartner
            | Self::Cancelled
            | Self::Unauthorized
            | Self::Unclear => LookUpAnswerKind::from(self).into(),
        }
    }

    /// The same answer with Tiki's amount, if it is one that has an amount.
    #[must_use]
    pub fn with_amount(self, amount: Option<Vnd>) -> Self {
        match self {
            Self::Found(status, _) => Self::Found(status, amount),
            other => other,
        }
    }

    /// `None` for a transaction that was found: with which status, the status's name says.
    fn of_kind(kind: LookUpAnswerKind) -> Option<Self> {
        match kind {
            LookUpAnswerKind::Found => None,
            LookUpAnswerKind::InvalidRequest => Some(Self::InvalidRequest),
            LookUpAnswerKind::SystemError => Some(Self::SystemError),
            LookUpAnswerKind::NotFound => Some(Self::NotFound),
            LookUpAnswerKind::NotOfThisPartner => Some(Self::NotOfThisPartner),
            LookUpAnswerKind::Cancelled => Some(Self::Cancelled),
            LookUpAnswerKind::Unauthorized => Some(Self::Unauthorized),
            LookUpAnswerKind::Unclear => Some(Self::Unclear),
        }
    }
}

/// Without the amount.
impl FromStr for LookUpAnswer {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        let found = Self::all().find(|answer| answer.as_str() == name);
        found.ok_or(ParseError::VariantNotFound)
    }
}
