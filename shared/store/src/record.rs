//! A transaction as an item: what is kept, and what is derived for the indexes and the stream.

mod audit_trail;
mod kept;
mod parts;
mod proposal;

use domain::{
    AuditEntry, DueMarks, Inconsistent, Kept, Order, PaymentState, Proposal, Reversal, Snapshot,
    Timestamp, Transaction,
};
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;
use uuid::Uuid;

use self::audit_trail::AuditEntryRecord;
use self::parts::{
    DueRecord, FailureRecord, IpnRecord, PaymentRecord, RaisedRecord, RefundRecord, ReversalRecord,
    amount, named, optional, parsed, time,
};
use self::proposal::ProposalRecord;
use crate::error::StoreError;
use crate::keys::{OPEN_PROPOSAL, SHARDS, day_shard, shard_key};

/// The schema of the items that this version writes. It also reads the next one, which a newer version may write:
/// so a version can be taken back. What it does not know is kept, and written back as it was.
pub const SCHEMA: u32 = 1;

/// Reads an item back: from a table, or from a stream's image. What it says is checked again.
pub fn read(item: Item) -> Result<Transaction, StoreError> {
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

fn parse(item: Item) -> Result<Transaction, String> {
    let schema = item.get("schema").cloned();
    let schema: Option<u32> =
        schema.and_then(|value| serde_dynamo::from_attribute_value(value).ok());
    let known = SCHEMA..=SCHEMA.saturating_add(1);
    if !schema.is_some_and(|schema| known.contains(&schema)) {
        return Err(match schema {
            Some(schema) => format!("it has schema {schema}, and {SCHEMA} is known"),
            None => "it has no schema".to_owned(),
        });
    }
    let found = item.clone();
    let (trail, item) = audit_trail::take(item)?;
    let (proposal, item) = proposal::take(item);
    let record: Record = serde_dynamo::from_item(item).map_err(|error| error.to_string())?;
    let snapshot = record.into_snapshot(trail, proposal)?;
    let transaction = Transaction::restore(snapshot).map_err(|e| e.to_string())?;
    let ours = item_of(&transaction, DueMarks::default(), Uuid::nil())?;
    let kept = kept::unknown(&found, &ours)?;
    if kept == Kept::default() {
        return Ok(transaction);
    }
    let snapshot = Snapshot {
        kept,
        ..transaction.to_snapshot()
    };
    Transaction::restore(snapshot).map_err(|e| e.to_string())
}

/// The item of a transaction, with the id of the write that makes it.
pub(crate) fn write(
    transaction: &Transaction,
    due_marks: DueMarks,
    write_id: Uuid,
) -> Result<Item, StoreError> {
    let unreadable = |reason| StoreError::Unreadable {
        transaction_id: transaction.id().to_string(),
        reason,
    };
    let mut item = item_of(transaction, due_marks, write_id).map_err(unreadable)?;
    kept::put_back(transaction.kept(), &mut item).map_err(unreadable)?;
    Ok(item)
}

/// The item without what this version does not know.
fn item_of(transaction: &Transaction, due_marks: DueMarks, write_id: Uuid) -> Result<Item, String> {
    let record = Record::of(transaction, due_marks, write_id);
    serde_dynamo::to_item(record).map_err(|error| error.to_string())
}

/// The item. Attributes that are absent are left out: DynamoDB keeps no nulls of ours, and no empty maps.
#[derive(Serialize, Deserialize)]
struct Record {
    transaction_id: String,
    schema: u32,
    version: u64,
    write_id: String,
    tiki_transaction_id: String,
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
    /// Only of a transaction whose personal content is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiry_check: Option<DueRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentRecord>,
    /// Only of a payment that is reversed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reversal: Option<ReversalRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<RefundRecord>,
    /// Reviews that a clear answer or a person must end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    raised: Vec<RaisedRecord>,
    ipn: IpnRecord,
    /// When Tiki first said that it does not have the transaction; only of a payment whose notification is being
    /// sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_found_at: Option<i64>,
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    trail: Vec<AuditEntryRecord>,
    /// What a person has proposed, until it is approved or declined.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    proposal: Option<ProposalRecord>,
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
    refund_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_at: Option<i64>,
    /// The day of the last refund that succeeded; only refunded transactions are in the index `by_refund_day`.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_day_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_at: Option<i64>,
    /// The day on which it was decided to give back all the money, unasked; only such payments are in the index
    /// `by_reversal_day`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reversal_day_shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reversed_at: Option<i64>,
    /// What a person must act on; the index `needs_review` has these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_review: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_review_since: Option<i64>,
    /// That a proposal waits for another person; the index `proposed` has these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal_expires_at: Option<i64>,
    /// Only in the write that newly queues an IPN; the stream's filter goes by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ipn_due_mark: Option<&'static str>,
    /// Only in the write that newly reserves a refund of ours; the stream's filter goes by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_due_mark: Option<&'static str>,
}

impl Record {
    fn of(transaction: &Transaction, due_marks: DueMarks, write_id: Uuid) -> Self {
        let t = transaction;
        let (expiry_check, payment, reversal, failure) = match t.payment() {
            PaymentState::Pending { expiry_check } => (Some(expiry_check.into()), None, None, None),
            PaymentState::Paid { payment, .. } => (None, Some(payment.into()), None, None),
            PaymentState::Reversed { payment, reversal } => {
                (None, Some(payment.into()), Some(reversal.into()), None)
            }
            PaymentState::Failed { failure, .. } => (None, None, None, Some(failure.into())),
        };
        Self {
            transaction_id: t.id().to_string(),
            schema: SCHEMA,
            version: t.version(),
            write_id: write_id.to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            amount_vnd: t.order().amount.get(),
            created_at: t.created_at().unix_ms(),
            expires_at: t.expires_at().unix_ms(),
            updated_at: t.updated_at().unix_ms(),
            expires_in_s: t.order().expires_in_s,
            webview_request_id: text(t.order().webview_request_id.as_ref()),
            identify_code: text(t.order().identify_code.as_ref()),
            order_code: text(t.order().order_code.as_ref()),
            description: text(t.order().description.as_ref()),
            content_hash: t.content_hash().map(ToString::to_string),
            expiry_check,
            payment,
            reversal,
            failure,
            refunds: t.refunds().iter().map(RefundRecord::from).collect(),
            raised: t.raised().iter().map(RaisedRecord::from).collect(),
            ipn: t.ipn().into(),
            not_found_at: t.payment().not_found_at().map(Timestamp::unix_ms),
            trail: t.audit_trail().iter().map(AuditEntryRecord::from).collect(),
            proposal: t.proposal().map(ProposalRecord::from),
            derived: Derived::of(t, due_marks),
        }
    }

    fn into_snapshot(
        self,
        audit_trail: Vec<AuditEntry>,
        proposal: Option<Proposal>,
    ) -> Result<Snapshot, String> {
        let ipn = self.ipn.read()?;
        let inconsistent = |error: Inconsistent| error.to_string();
        let parts = (self.expiry_check, self.payment, self.reversal, self.failure);
        let payment = match parts {
            (Some(check), None, None, None) => {
                ipn.not_due().map_err(inconsistent)?;
                PaymentState::Pending {
                    expiry_check: check.read("expiry_check")?,
                }
            }
            (None, Some(payment), None, None) => {
                let not_found_at = self.not_found_at.map(|at| time(at, "not_found_at"));
                let notification = ipn.of_paid(not_found_at.transpose()?);
                PaymentState::Paid {
                    payment: payment.read()?,
                    notification: notification.map_err(inconsistent)?,
                }
            }
            (None, Some(payment), Some(reversal), None) => PaymentState::Reversed {
                payment: payment.read()?,
                reversal: Reversal {
                    at: time(reversal.at, "reversal.at")?,
                    reason: named(&reversal.reason, "reversal.reason")?,
                    notification: ipn.into_reversed().map_err(inconsistent)?,
                },
            },
            (None, None, None, Some(failure)) => PaymentState::Failed {
                failure: failure.read()?,
                notification: ipn.of_failed().map_err(inconsistent)?,
            },
            _ => return Err("not one of expiry_check, payment and failure".to_owned()),
        };
        let raised = self.raised.into_iter().map(RaisedRecord::read);
        let refunds = self.refunds.into_iter().map(RefundRecord::read);
        Ok(Snapshot {
            id: parsed(&self.transaction_id, "transaction_id")?,
            tiki_id: parsed(&self.tiki_transaction_id, "tiki_transaction_id")?,
            order: Order {
                amount: amount(self.amount_vnd)?,
                webview_request_id: optional(self.webview_request_id, "webview_request_id")?,
                identify_code: optional(self.identify_code, "identify_code")?,
                order_code: optional(self.order_code, "order_code")?,
                description: optional(self.description, "description")?,
                expires_in_s: self.expires_in_s,
            },
            content_hash: optional(self.content_hash, "content_hash")?,
            created_at: time(self.created_at, "created_at")?,
            expires_at: time(self.expires_at, "expires_at")?,
            updated_at: time(self.updated_at, "updated_at")?,
            payment,
            raised: raised.collect::<Result<_, _>>()?,
            refunds: refunds.collect::<Result<_, _>>()?,
            audit_trail,
            proposal,
            kept: Kept::default(),
            version: self.version,
        })
    }
}

fn text<T: AsRef<str>>(text: Option<&T>) -> Option<String> {
    text.map(|text| text.as_ref().to_owned())
}

impl Derived {
    fn of(t: &Transaction, due_marks: DueMarks) -> Self {
        let shard = shard_key(t.id().shard(SHARDS));
        let ipn_due_at = t.ipn_due_at().map(Timestamp::unix_ms);
        let refund_due_at = t.refund_due_at().map(Timestamp::unix_ms);
        let expiry_due_at = t.expiry_due_at().map(Timestamp::unix_ms);
        let final_at = t.final_at();
        let refund_at = t.last_refund_at();
        let reversed_at = t.given_back_at();
        let needs_review = t.needs_review();
        let on_day = |at: Timestamp| day_shard(at.vietnamese_day(), &shard);
        Self {
            status: t.status().as_str(),
            ipn_shard: ipn_due_at.map(|_| shard.clone()),
            ipn_due_at,
            refund_shard: refund_due_at.map(|_| shard.clone()),
            refund_due_at,
            expiry_shard: expiry_due_at.map(|_| shard.clone()),
            expiry_due_at,
            day_shard: final_at.map(on_day),
            final_at: final_at.map(Timestamp::unix_ms),
            refund_day_shard: refund_at.map(on_day),
            refund_at: refund_at.map(Timestamp::unix_ms),
            reversal_day_shard: reversed_at.map(on_day),
            reversed_at: reversed_at.map(Timestamp::unix_ms),
            needs_review: needs_review.map(|(alarm, _)| alarm.as_str()),
            needs_review_since: needs_review.map(|(_, since)| since.unix_ms()),
            proposed: t.proposal().map(|_| OPEN_PROPOSAL),
            proposal_expires_at: t.proposal().map(|open| open.expires_at.unix_ms()),
            ipn_due_mark: due_marks.ipn.then_some("now"),
            refund_due_mark: due_marks.refund.then_some("now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_derived_is_never_kept() {
        let text = || Some(String::new());
        let all = Derived {
            status: "",
            ipn_shard: text(),
            ipn_due_at: Some(0),
            refund_shard: text(),
            refund_due_at: Some(0),
            expiry_shard: text(),
            expiry_due_at: Some(0),
            day_shard: text(),
            final_at: Some(0),
            refund_day_shard: text(),
            refund_at: Some(0),
            reversal_day_shard: text(),
            reversed_at: Some(0),
            needs_review: Some(""),
            needs_review_since: Some(0),
            proposed: Some(""),
            proposal_expires_at: Some(0),
            ipn_due_mark: Some(""),
            refund_due_mark: Some(""),
        };
        let item: Item = serde_dynamo::to_item(all).unwrap();
        let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
        names.push("write_id");
        names.sort_unstable();
        let mut derived = kept::DERIVED;
        derived.sort_unstable();
        assert_eq!(names, derived);
    }
}
