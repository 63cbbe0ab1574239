//! The items of the table. One of each kind is written by the store; the others are the same with other ids, amounts
//! and times.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{
    AmountLimits, Change, Order, PaidDetails, PaymentResult, PaymentResultMessage, RefundAnswer,
    RefundCommand, Reservation, Transaction, Vnd,
};
use serde_dynamo::AttributeValue;
use store::{Creation, Item, RandomWriteIds, Transactions};

use crate::counterparties::Morning;
use crate::day::{Payment, PlayedDay, REFUND_VND, REQUEST_ID};
use crate::table::WriteTable;

/// A number of so many digits is a time in Unix milliseconds.
const DIGITS_OF_A_TIME: usize = 13;

pub(crate) struct Items {
    made: Pattern,
    declined: Pattern,
    refunded: Pattern,
}

/// An item, and the payment of which it is.
struct Pattern {
    of: Payment,
    item: Item,
}

impl Items {
    pub(crate) async fn of(day: PlayedDay) -> Self {
        Self {
            made: pattern(day.payment(0)).await,
            declined: pattern(day.payment(10)).await,
            refunded: pattern(day.payment(5)).await,
        }
    }

    pub(crate) fn item(&self, payment: &Payment) -> Item {
        let pattern = if payment.is_refunded() {
            &self.refunded
        } else if payment.is_made() {
            &self.made
        } else {
            &self.declined
        };
        let map: HashMap<_, _> = pattern.item.clone().into();
        changed(map, &pattern.of, payment).into()
    }
}

async fn pattern(payment: Payment) -> Pattern {
    let table = Arc::new(WriteTable::default());
    let below = Arc::<WriteTable>::clone(&table);
    let transactions = Transactions::new(below, Arc::new(RandomWriteIds), Arc::new(Morning));
    let created = Transaction::create(
        &payment.tiki_id,
        Order {
            amount: payment.amount(),
            webview_request_id: None,
            identify_code: Some("0901234567".parse().unwrap()),
            order_code: Some("261120-1".parse().unwrap()),
            description: Some("Thanh toán đơn hàng Tiki".parse().unwrap()),
            expires_in_s: 900,
        },
        AmountLimits {
            min: payment.amount(),
            max: payment.amount(),
        },
        Duration::from_mins(1),
        payment.created_at(),
    );
    let created = transactions.create(created.unwrap()).await.unwrap();
    let (Creation::New(t) | Creation::Existing(t)) = created;
    let message = PaymentResultMessage {
        amount: None,
        result: if payment.is_made() {
            PaymentResult::Paid(PaidDetails::default())
        } else {
            PaymentResult::Declined { reason: None }
        },
    };
    let t = apply(&transactions, t, |t| {
        t.record_payment_result(&message, payment.final_at).change
    });
    let t = t.await;
    if payment.is_refunded() {
        refund(&transactions, t, &payment).await;
    }
    Pattern {
        of: payment,
        item: table.written(),
    }
}

async fn refund(transactions: &Transactions, t: Transaction, payment: &Payment) {
    let command = RefundCommand {
        request_id: REQUEST_ID.parse().unwrap(),
        amount: Vnd::new(REFUND_VND).unwrap(),
        reason: "Khách hủy".parse().unwrap(),
    };
    let at = payment.refunded_at();
    let reserved = apply(transactions, t, |t| match t.reserve_refund(&command, at) {
        Ok(Reservation::Reserve(_, change)) => Some(change),
        _ => None,
    });
    let reserved = reserved.await;
    let id = reserved.refunds()[0].id;
    assert_eq!(id.to_string(), payment.refund_id().to_string());
    apply(transactions, reserved, |t| {
        t.record_refund_outcome(id, &RefundAnswer::Succeeded, at)
    })
    .await;
}

async fn apply(
    transactions: &Transactions,
    t: Transaction,
    decide: impl FnMut(&Transaction) -> Option<Change>,
) -> Transaction {
    let updated = transactions.apply(t, decide).await.unwrap();
    assert!(updated.written);
    updated.transaction
}

type Attributes = HashMap<String, AttributeValue>;

fn changed(mut attributes: Attributes, from: &Payment, to: &Payment) -> Attributes {
    let replaced = [
        (from.id.to_string(), to.id.to_string()),
        (from.tiki_id.to_string(), to.tiki_id.to_string()),
        (from.refund_id().to_string(), to.refund_id().to_string()),
    ];
    let change = Replace {
        texts: &replaced,
        amount: (from.amount_vnd, to.amount_vnd),
        later_ms: to.final_at.unix_ms() - from.final_at.unix_ms(),
    };
    for value in attributes.values_mut() {
        change.within(value);
    }
    attributes
}

struct Replace<'r> {
    texts: &'r [(String, String)],
    amount: (u64, u64),
    later_ms: i64,
}

impl Replace<'_> {
    fn within(&self, value: &mut AttributeValue) {
        match value {
            AttributeValue::S(text) => {
                let mut pairs = self.texts.iter();
                if let Some((_, new)) = pairs.find(|(old, _)| old == text) {
                    text.clone_from(new);
                }
            }
            AttributeValue::N(number) if number.len() == DIGITS_OF_A_TIME => {
                let at: i64 = number.parse().unwrap();
                *number = (at + self.later_ms).to_string();
            }
            AttributeValue::N(number) if *number == self.amount.0.to_string() => {
                *number = self.amount.1.to_string();
            }
            AttributeValue::L(values) => values.iter_mut().for_each(|value| self.within(value)),
            AttributeValue::M(map) => map.values_mut().for_each(|value| self.within(value)),
            _ => {}
        }
    }
}
