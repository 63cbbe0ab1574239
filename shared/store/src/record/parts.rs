//! The parts of an item, each with its way there and back.

use domain::{
    Balance, Due, Failure, FailureCause, Ipn, Origin, Payment, Raised, Refund, RefundState,
    Reversal, Timestamp, Vnd,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct DueRecord {
    due_at: i64,
    attempts: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PaymentRecord {
    recorded_at: i64,
    paid_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    banking_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    core_reference: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReversalRecord {
    pub(super) at: i64,
    pub(super) reason: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RaisedRecord {
    reason: String,
    since: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FailureRecord {
    recorded_at: i64,
    cause: Cause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_payment: Option<PaymentRecord>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cause {
    Declined,
    Expired,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RefundRecord {
    refund_id: String,
    origin: OriginRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    amount_vnd: u64,
    reason: String,
    created_at: i64,
    state: StateRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<DueRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejected_because: Option<String>,
    /// What had gone back when it got its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refunded_vnd: Option<u64>,
    /// What could still be given back when it got its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remaining_vnd: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OriginRecord {
    Tiki,
    Reversal,
    LatePayment,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateRecord {
    Reserved,
    Unknown,
    Succeeded,
    Rejected,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum IpnRecord {
    NotDue,
    Queued {
        due_at: i64,
    },
    Retrying {
        attempt: u32,
        failures: u32,
        due_at: i64,
    },
    Confirmed {
        at: i64,
    },
    Abandoned {
        at: i64,
    },
    Reversing {
        at: i64,
        reason: String,
    },
    Disputed {
        at: i64,
        reason: String,
    },
    Exhausted {
        at: i64,
    },
}

impl From<&Due> for DueRecord {
    fn from(due: &Due) -> Self {
        Self {
            due_at: due.due_at.unix_ms(),
            attempts: due.attempts,
        }
    }
}

impl DueRecord {
    pub(super) fn read(&self, name: &str) -> Result<Due, String> {
        Ok(Due {
            due_at: time(self.due_at, name)?,
            attempts: self.attempts,
        })
    }
}

impl From<&Payment> for PaymentRecord {
    fn from(payment: &Payment) -> Self {
        Self {
            recorded_at: payment.recorded_at.unix_ms(),
            paid_at: payment.paid_at.unix_ms(),
            banking_method: payment.banking_method.as_ref().map(ToString::to_string),
            core_reference: payment.core_reference.as_ref().map(ToString::to_string),
        }
    }
}

impl PaymentRecord {
    pub(super) fn read(self) -> Result<Payment, String> {
        Ok(Payment {
            recorded_at: time(self.recorded_at, "payment.recorded_at")?,
            paid_at: time(self.paid_at, "payment.paid_at")?,
            banking_method: optional(self.banking_method, "payment.banking_method")?,
            core_reference: optional(self.core_reference, "payment.core_reference")?,
        })
    }
}

impl From<&Reversal> for ReversalRecord {
    fn from(reversal: &Reversal) -> Self {
        Self {
            at: reversal.at.unix_ms(),
            reason: reversal.reason.as_str().to_owned(),
        }
    }
}

impl From<&Raised> for RaisedRecord {
    fn from(raised: &Raised) -> Self {
        Self {
            reason: raised.reason.as_str().to_owned(),
            since: raised.since.unix_ms(),
        }
    }
}

impl RaisedRecord {
    pub(super) fn read(self) -> Result<Raised, String> {
        Ok(Raised {
            reason: named(&self.reason, "raised.reason")?,
            since: time(self.since, "raised.since")?,
        })
    }
}

impl From<&Failure> for FailureRecord {
    fn from(failure: &Failure) -> Self {
        let (cause, reason) = match &failure.cause {
            FailureCause::Declined { reason } => (Cause::Declined, reason.as_ref()),
            FailureCause::Expired => (Cause::Expired, None),
        };
        Self {
            recorded_at: failure.recorded_at.unix_ms(),
            cause,
            reason: reason.map(ToString::to_string),
            late_payment: failure.late_payment.as_ref().map(PaymentRecord::from),
        }
    }
}

impl FailureRecord {
    pub(super) fn read(self) -> Result<Failure, String> {
        Ok(Failure {
            recorded_at: time(self.recorded_at, "failure.recorded_at")?,
            cause: match self.cause {
                Cause::Declined => FailureCause::Declined {
                    reason: optional(self.reason, "failure.reason")?,
                },
                Cause::Expired => FailureCause::Expired,
            },
            late_payment: self.late_payment.map(PaymentRecord::read).transpose()?,
        })
    }
}

impl From<&Refund> for RefundRecord {
    fn from(refund: &Refund) -> Self {
        let (state, finished, rejected_because) = match &refund.state {
            RefundState::Reserved(_) => (StateRecord::Reserved, None, None),
            RefundState::Unknown(_) => (StateRecord::Unknown, None, None),
            RefundState::Succeeded { at, balance } => {
                (StateRecord::Succeeded, Some((*at, *balance)), None)
            }
            RefundState::Rejected {
                at,
                reason,
                balance,
            } => (
                StateRecord::Rejected,
                Some((*at, *balance)),
                reason.as_ref(),
            ),
        };
        Self {
            refund_id: refund.id.to_string(),
            origin: match refund.origin {
                Origin::Tiki { .. } => OriginRecord::Tiki,
                Origin::Reversal => OriginRecord::Reversal,
                Origin::LatePayment => OriginRecord::LatePayment,
            },
            request_id: refund.origin.request_id().map(ToString::to_string),
            amount_vnd: refund.amount.get(),
            reason: refund.reason.to_string(),
            created_at: refund.created_at.unix_ms(),
            state,
            due: refund.due().as_ref().map(DueRecord::from),
            outcome_at: finished.map(|(at, _)| at.unix_ms()),
            rejected_because: rejected_because.map(ToString::to_string),
            refunded_vnd: finished.map(|(_, balance)| balance.refunded.get()),
            remaining_vnd: finished.map(|(_, balance)| balance.remaining.get()),
        }
    }
}

impl RefundRecord {
    pub(super) fn read(self) -> Result<Refund, String> {
        let due = || match &self.due {
            Some(due) => due.read("refund.due"),
            None => Err("refund.due is missing".to_owned()),
        };
        let finished = || match (self.outcome_at, self.refunded_vnd, self.remaining_vnd) {
            (Some(at), Some(refunded), Some(remaining)) => {
                let (refunded, remaining) = (amount(refunded)?, amount(remaining)?);
                let balance = Balance {
                    refunded,
                    remaining,
                };
                Ok((time(at, "refund.outcome_at")?, balance))
            }
            _ => Err("refund.outcome_at or its balance is missing".to_owned()),
        };
        Ok(Refund {
            id: parsed(&self.refund_id, "refund.refund_id")?,
            origin: match (self.origin, &self.request_id) {
                (OriginRecord::Tiki, Some(request_id)) => Origin::Tiki {
                    request_id: parsed(request_id, "refund.request_id")?,
                },
                (OriginRecord::Reversal, None) => Origin::Reversal,
                (OriginRecord::LatePayment, None) => Origin::LatePayment,
                _ => return Err("refund.request_id does not go with refund.origin".to_owned()),
            },
            amount: amount(self.amount_vnd)?,
            reason: parsed(&self.reason, "refund.reason")?,
            created_at: time(self.created_at, "refund.created_at")?,
            state: match self.state {
                StateRecord::Reserved => RefundState::Reserved(due()?),
                StateRecord::Unknown => RefundState::Unknown(due()?),
                StateRecord::Succeeded => {
                    let (at, balance) = finished()?;
                    RefundState::Succeeded { at, balance }
                }
                StateRecord::Rejected => {
                    let (at, balance) = finished()?;
                    RefundState::Rejected {
                        at,
                        reason: optional(self.rejected_because, "refund.rejected_because")?,
                        balance,
                    }
                }
            },
        })
    }
}

impl From<Ipn> for IpnRecord {
    fn from(ipn: Ipn) -> Self {
        let ms = Timestamp::unix_ms;
        match ipn {
            Ipn::NotDue => Self::NotDue,
            Ipn::Queued { due_at } => Self::Queued { due_at: ms(due_at) },
            Ipn::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt,
                failures,
                due_at: ms(due_at),
            },
            Ipn::Confirmed { at } => Self::Confirmed { at: ms(at) },
            Ipn::Abandoned { at } => Self::Abandoned { at: ms(at) },
            Ipn::Reversing { at, reason } => Self::Reversing {
                at: ms(at),
                reason: reason.as_str().to_owned(),
            },
            Ipn::Disputed { at, reason } => Self::Disputed {
                at: ms(at),
                reason: reason.as_str().to_owned(),
            },
            Ipn::Exhausted { at } => Self::Exhausted { at: ms(at) },
        }
    }
}

impl IpnRecord {
    pub(super) fn read(self) -> Result<Ipn, String> {
        let at = |ms| time(ms, "ipn.at");
        let due = |ms| time(ms, "ipn.due_at");
        Ok(match self {
            Self::NotDue => Ipn::NotDue,
            Self::Queued { due_at } => Ipn::Queued {
                due_at: due(due_at)?,
            },
            Self::Retrying {
                attempt,
                failures,
                due_at,
            } => Ipn::Retrying {
                attempt,
                failures,
                due_at: due(due_at)?,
            },
            Self::Confirmed { at: ms } => Ipn::Confirmed { at: at(ms)? },
            Self::Abandoned { at: ms } => Ipn::Abandoned { at: at(ms)? },
            Self::Reversing { at: ms, reason } => Ipn::Reversing {
                at: at(ms)?,
                reason: named(&reason, "ipn.reason")?,
            },
            Self::Disputed { at: ms, reason } => Ipn::Disputed {
                at: at(ms)?,
                reason: named(&reason, "ipn.reason")?,
            },
            Self::Exhausted { at: ms } => Ipn::Exhausted { at: at(ms)? },
        })
    }
}

/// What has this name.
pub(super) fn named<T: std::str::FromStr>(name: &str, field: &str) -> Result<T, String> {
    name.parse().map_err(|_| format!("{field} is not known"))
}

pub(super) fn parsed<T: std::str::FromStr>(text: &str, name: &str) -> Result<T, String> {
    // An older version stored a code as it came, and a payment must stay readable.
    let text = domain::printable(text);
    text.parse().map_err(|_| format!("{name} is malformed"))
}

pub(super) fn optional<T: std::str::FromStr>(
    text: Option<String>,
    name: &str,
) -> Result<Option<T>, String> {
    text.map(|text| parsed(&text, name)).transpose()
}

pub(super) fn time(ms: i64, name: &str) -> Result<Timestamp, String> {
    Timestamp::from_unix_ms(ms).map_err(|_| format!("{name} is no time"))
}

pub(super) fn amount(vnd: u64) -> Result<Vnd, String> {
    Vnd::new(vnd).map_err(|_| "amount_vnd is too large".to_owned())
}
