//! Tiki's answers to a notification and to a look-up (protocol §3 and §4).

use std::fmt;
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

/// What came back over HTTP, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpOutcome {
    /// An answer with this status.
    Status(u16),
    /// No complete answer in time.
    TimedOut,
    /// No connection was made.
    NoConnection,
    /// The connection broke before the answer was complete.
    BrokenOff,
    /// Nothing was sent: the keys to sign with could not be read.
    NotSent,
}

/// What came back over HTTP on one attempt of a notification; what an older version has recorded has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptHttp {
    /// On the notification.
    pub ipn: Option<HttpOutcome>,
    /// On the look-up after it.
    pub look_up: Option<HttpOutcome>,
}

const TIMED_OUT: &str = "timeout";
const NO_CONNECTION: &str = "no_connection";
const BROKEN_OFF: &str = "broken_off";
const NOT_SENT: &str = "not_sent";

impl fmt::Display for HttpOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::TimedOut => f.write_str(TIMED_OUT),
            Self::NoConnection => f.write_str(NO_CONNECTION),
            Self::BrokenOff => f.write_str(BROKEN_OFF),
            Self::NotSent => f.write_str(NOT_SENT),
        }
    }
}

impl FromStr for HttpOutcome {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            TIMED_OUT => Ok(Self::TimedOut),
            NO_CONNECTION => Ok(Self::NoConnection),
            BROKEN_OFF => Ok(Self::BrokenOff),
            NOT_SENT => Ok(Self::NotSent),
            status => {
                let status = status.parse().map_err(|_| ParseError::VariantNotFound)?;
                Ok(Self::Status(status))
            }
        }
    }
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
