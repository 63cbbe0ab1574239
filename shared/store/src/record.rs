//! A transaction as an item: what is kept, and what is derived for the indexes and the stream.

use domain::{
    Balance, DisputeGround, Due, Failure, FailureCause, Ipn, Order, Origin, Payment, PaymentState,
    Refund, RefundState, ReversalGround, Snapshot, Timestamp, Transaction, Vnd, Wakes,
};
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;
use uuid::Uuid;

use crate::dynamo::shard_key;
use crate::{SHARDS, StoreError};

/// The schema of the items that this version writes. It reads this one alone: there is no older yet.
pub const SCHEMA: u32 = 1;

/// An item, and the stamp of the write that made it.
pub(crate) struct Stamped {
    pub(crate) transaction: Transaction,
    pub(crate) write_id: String,
}

/// Reads an item back: from a table, or from a stream's image. What it says is checked again.
pub fn read(item: Item) -> Result<Transaction, StoreError> {
    Ok(read_stamped(item)?.transaction)
}

pub(crate) fn read_stamped(item: Item) -> Result<Stamped, StoreError> {
    let key = item.get("transaction_id");
    let transaction_id = match key {
        Some(serde_dynamo::AttributeValue::S(id)) => id.chars().take(64).collect(),
        _ => "?".to_owned(),
    };
    parse(item).map_err(|reason| StoreError::Unreadable {
        transaction_id,
        reason,
    })
}

fn parse(item: Item) -> Result<Stamped, String> {
    let schema = item.get("schema").cloned();
    let schema: Option<u32> =
        schema.and_then(|value| serde_dynamo::from_attribute_value(value).ok());
    if schema != Some(SCHEMA) {
        return Err(match schema {
            Some(schema) => format!("it has schema {schema}, and {SCHEMA} is known"),
            None => "it has no schema".to_owned(),
        });
    }
    let record: Record = serde_dynamo::from_item(item).map_err(|error| error.to_string())?;
    let write_id = record.write_id.clone();
    let transaction = Transaction::restore(record.into_snapshot()?).map_err(|e| e.to_string())?;
    Ok(Stamped {
        transaction,
        write_id,
    })
}

/// The item of a transaction, stamped with the id of the write that makes it.
pub(crate) fn write(
    transaction: &Transaction,
    wakes: Wakes,
    write_id: Uuid,
) -> Result<Item, StoreError> {
    serde_dynamo::to_item(Record::of(transaction, wakes, write_id)).map_err(|error| {
        StoreError::Unreadable {
            transaction_id: transaction.id.to_string(),
            reason: error.to_string(),
        }
    })
}

/// The item. Attributes that are absent are left out: DynamoDB keeps no nulls of ours, and no empty maps.
#[derive(Serialize, Deserialize)]
struct Record {
    transaction_id: String,
    schema: u32,
    version: u64,
    write_id: String,
    tiki_transaction_id: String,
    client_id: String,
    amount_vnd: u64,
    created_at: i64,
    expires_at: i64,
    updated_at: i64,
    expires_in_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    webview_request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identify_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiry_check: Option<DueRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<RefundRecord>,
    ipn: IpnRecord,
    #[serde(flatten, skip_deserializing)]
    derived: Derived,
}

/// Attributes that follow from the others: the keys of the sparse indexes, and the stream's marks.
#[derive(Default, Serialize)]
struct Derived {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipn_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipn_due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rail_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rail_due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_at: Option<i64>,
    /// What a person must act on; the index `attention` has these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    attention: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attention_since: Option<i64>,
    /// Only in the write that newly queues an IPN; the stream's filter goes by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    wakes_ipn: Option<&'static str>,
    /// Only in the write that newly reserves a refund of ours; the stream's filter goes by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    wakes_rail: Option<&'static str>,
}

#[derive(Serialize, Deserialize)]
struct DueRecord {
    due_at: i64,
    attempts: u32,
}

#[derive(Serialize, Deserialize)]
struct PaymentRecord {
    recorded_at: i64,
    paid_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    banking_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rail_reference: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct FailureRecord {
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
struct RefundRecord {
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
    settled_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejected_because: Option<String>,
    /// What had gone back when it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refunded_vnd: Option<u64>,
    /// What could still be given back when it was settled.
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
enum IpnRecord {
    None,
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
    Closed {
        at: i64,
    },
    Reversing {
        at: i64,
        ground: String,
    },
    Disputed {
        at: i64,
        ground: String,
    },
    Exhausted {
        at: i64,
    },
}

impl Record {
    fn of(transaction: &Transaction, wakes: Wakes, write_id: Uuid) -> Self {
        let t = transaction;
        let text = |text: &Option<_>| text.as_ref().map(ToString::to_string);
        let (expiry_check, payment, failure) = match &t.payment {
            PaymentState::Pending { expiry_check } => (Some(expiry_check.into()), None, None),
            PaymentState::Paid(payment) => (None, Some(payment.into()), None),
            PaymentState::Failed(failure) => (None, None, Some(failure.into())),
        };
        Self {
            transaction_id: t.id.to_string(),
            schema: SCHEMA,
            version: t.version,
            write_id: write_id.to_string(),
            tiki_transaction_id: t.tiki_id.to_string(),
            client_id: t.client_id.to_string(),
            amount_vnd: t.order.amount.get(),
            created_at: t.created_at.unix_ms(),
            expires_at: t.expires_at.unix_ms(),
            updated_at: t.updated_at.unix_ms(),
            expires_in_s: t.order.expires_in_s,
            webview_request_id: text(&t.order.webview_request_id),
            identify_code: text(&t.order.identify_code),
            order_code: text(&t.order.order_code),
            description: t.order.description.as_ref().map(ToString::to_string),
            expiry_check,
            payment,
            failure,
            refunds: t.refunds.iter().map(RefundRecord::from).collect(),
            ipn: (&t.ipn).into(),
            derived: Derived::of(t, wakes),
        }
    }

    fn into_snapshot(self) -> Result<Snapshot, String> {
        let payment = match (self.expiry_check, self.payment, self.failure) {
            (Some(check), None, None) => PaymentState::Pending {
                expiry_check: check.read("expiry_check")?,
            },
            (None, Some(payment), None) => PaymentState::Paid(payment.read()?),
            (None, None, Some(failure)) => PaymentState::Failed(failure.read()?),
            _ => return Err("not one of expiry_check, payment and failure".to_owned()),
        };
        let refunds = self.refunds.into_iter().map(RefundRecord::read);
        Ok(Snapshot {
            id: parsed(&self.transaction_id, "transaction_id")?,
            tiki_id: parsed(&self.tiki_transaction_id, "tiki_transaction_id")?,
            client_id: parsed(&self.client_id, "client_id")?,
            order: Order {
                amount: amount(self.amount_vnd)?,
                webview_request_id: optional(self.webview_request_id, "webview_request_id")?,
                identify_code: optional(self.identify_code, "identify_code")?,
                order_code: optional(self.order_code, "order_code")?,
                description: optional(self.description, "description")?,
                expires_in_s: self.expires_in_s,
            },
            created_at: time(self.created_at, "created_at")?,
            expires_at: time(self.expires_at, "expires_at")?,
            updated_at: time(self.updated_at, "updated_at")?,
            payment,
            refunds: refunds.collect::<Result<_, _>>()?,
            ipn: self.ipn.read()?,
            version: self.version,
        })
    }
}

impl Derived {
    fn of(t: &Transaction, wakes: Wakes) -> Self {
        let shard = shard_key(t.id.shard(SHARDS));
        let ipn_due_at = t.ipn_due_at().map(Timestamp::unix_ms);
        let rail_due_at = t.rail_due_at().map(Timestamp::unix_ms);
        let final_at = t.final_at();
        let attention = t.attention();
        Self {
            status: t.status().as_str(),
            ipn_shard: ipn_due_at.map(|_| shard.clone()),
            ipn_due_at,
            rail_shard: rail_due_at.map(|_| shard.clone()),
            rail_due_at,
            day_shard: final_at.map(|at| format!("{}#{shard}", at.vietnamese_day())),
            final_at: final_at.map(Timestamp::unix_ms),
            attention: attention.map(|(alarm, _)| alarm.as_str()),
            attention_since: attention.map(|(_, since)| since.unix_ms()),
            wakes_ipn: wakes.ipn.then_some("now"),
            wakes_rail: wakes.rail.then_some("now"),
        }
    }
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
    fn read(&self, name: &str) -> Result<Due, String> {
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
            rail_reference: payment.rail_reference.as_ref().map(ToString::to_string),
        }
    }
}

impl PaymentRecord {
    fn read(self) -> Result<Payment, String> {
        Ok(Payment {
            recorded_at: time(self.recorded_at, "payment.recorded_at")?,
            paid_at: time(self.paid_at, "payment.paid_at")?,
            banking_method: optional(self.banking_method, "payment.banking_method")?,
            rail_reference: optional(self.rail_reference, "payment.rail_reference")?,
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
    fn read(self) -> Result<Failure, String> {
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
        let (state, settled, rejected_because) = match &refund.state {
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
            settled_at: settled.map(|(at, _)| at.unix_ms()),
            rejected_because: rejected_because.map(ToString::to_string),
            refunded_vnd: settled.map(|(_, balance)| balance.refunded.get()),
            remaining_vnd: settled.map(|(_, balance)| balance.remaining.get()),
        }
    }
}

impl RefundRecord {
    fn read(self) -> Result<Refund, String> {
        let due = || match &self.due {
            Some(due) => due.read("refund.due"),
            None => Err("refund.due is missing".to_owned()),
        };
        let settled = || match (self.settled_at, self.refunded_vnd, self.remaining_vnd) {
            (Some(at), Some(refunded), Some(remaining)) => {
                let (refunded, remaining) = (amount(refunded)?, amount(remaining)?);
                let balance = Balance {
                    refunded,
                    remaining,
                };
                Ok((time(at, "refund.settled_at")?, balance))
            }
            _ => Err("refund.settled_at or its balance is missing".to_owned()),
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
                    let (at, balance) = settled()?;
                    RefundState::Succeeded { at, balance }
                }
                StateRecord::Rejected => {
                    let (at, balance) = settled()?;
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

impl From<&Ipn> for IpnRecord {
    fn from(ipn: &Ipn) -> Self {
        let ms = |at: &Timestamp| at.unix_ms();
        match ipn {
            Ipn::None => Self::None,
            Ipn::Queued { due_at } => Self::Queued { due_at: ms(due_at) },
            Ipn::Retrying {
                attempt,
                failures,
                due_at,
            } => Self::Retrying {
                attempt: *attempt,
                failures: *failures,
                due_at: ms(due_at),
            },
            Ipn::Confirmed { at } => Self::Confirmed { at: ms(at) },
            Ipn::Closed { at } => Self::Closed { at: ms(at) },
            Ipn::Reversing { at, ground } => Self::Reversing {
                at: ms(at),
                ground: ground.as_str().to_owned(),
            },
            Ipn::Disputed { at, ground } => Self::Disputed {
                at: ms(at),
                ground: ground.as_str().to_owned(),
            },
            Ipn::Exhausted { at } => Self::Exhausted { at: ms(at) },
        }
    }
}

impl IpnRecord {
    fn read(self) -> Result<Ipn, String> {
        let at = |ms| time(ms, "ipn.at");
        let due = |ms| time(ms, "ipn.due_at");
        Ok(match self {
            Self::None => Ipn::None,
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
            Self::Closed { at: ms } => Ipn::Closed { at: at(ms)? },
            Self::Reversing { at: ms, ground } => Ipn::Reversing {
                at: at(ms)?,
                ground: named(&ReversalGround::ALL, ReversalGround::as_str, &ground)?,
            },
            Self::Disputed { at: ms, ground } => Ipn::Disputed {
                at: at(ms)?,
                ground: named(&DisputeGround::ALL, DisputeGround::as_str, &ground)?,
            },
            Self::Exhausted { at: ms } => Ipn::Exhausted { at: at(ms)? },
        })
    }
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|&ground| name(ground) == text);
    found.ok_or_else(|| "ipn.ground is not known".to_owned())
}

fn parsed<T: std::str::FromStr>(text: &str, name: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} is malformed"))
}

fn optional<T: std::str::FromStr>(text: Option<String>, name: &str) -> Result<Option<T>, String> {
    text.map(|text| parsed(&text, name)).transpose()
}

fn time(ms: i64, name: &str) -> Result<Timestamp, String> {
    Timestamp::from_unix_ms(ms).map_err(|_| format!("{name} is no time"))
}

fn amount(vnd: u64) -> Result<Vnd, String> {
    Vnd::new(vnd).map_err(|_| "amount_vnd is too large".to_owned())
}
