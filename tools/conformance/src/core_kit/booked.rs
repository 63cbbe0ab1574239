//! What the statement of the run's own day says of the run.

use std::collections::HashSet;

use futures::FutureExt;
use serde_json::Value;

use super::bench::no_payment;
use super::statements::readable;
use super::{Check, CoreKit, rules};
use crate::clock::{now_ms, rfc3339};
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const CHECKS: &[Check] = &[Check {
    id: "end-statement",
    title: "What was paid and went back stands in the statement of its day, each once",
    title_vi: "Mọi khoản bị ghi nợ và khoản hoàn có đúng một dòng trong sao kê của ngày",
    cites: rules::STATEMENT,
    run: |kit| statement(kit).boxed(),
}];

/// What a statement must say of one id, and how often.
struct Booking {
    kind: &'static str,
    /// The field by which it is found, and its value.
    by: (&'static str, String),
    transaction: Value,
    amount: Value,
    times: usize,
}

async fn statement(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    let first = kit.first().await.map_err(no_payment)?;
    let mut days = [first.payment.created_at_ms, now_ms()].map(day_of).to_vec();
    days.dedup();
    let mut entries = Vec::new();
    for day in days {
        // A core may give no day before it is over.
        if kit.is_not_there(&day).await? {
            return Ok(());
        }
        for page in kit.statement(&day).await? {
            let of_page = page.1.json["entries"].as_array().cloned();
            let of_day = of_page.into_iter().flatten();
            entries.extend(of_day.map(|entry| (day.clone(), entry)));
        }
    }
    // What comes twice in exactly the same words counts once.
    let mut words = HashSet::new();
    entries.retain(|(_, entry)| words.insert(entry.to_string()));
    let mut ids = HashSet::new();
    for booking in bookings(kit) {
        let found: Vec<_> = entries.iter().filter(|(_, e)| booking.is_of(e)).collect();
        booking.is_right(&found)?;
        for (_, entry) in found {
            let is_new = ids.insert(entry["id"].to_string());
            ensure(is_new, "an id of its own for each entry", || {
                "two entries with one id".to_owned()
            })?;
        }
    }
    Ok(())
}

fn day_of(at_ms: i64) -> String {
    rfc3339(at_ms).chars().take(10).collect()
}

fn bookings(kit: &CoreKit) -> Vec<Booking> {
    let payments = kit
        .api
        .decided()
        .into_iter()
        .map(|(payment, result)| Booking {
            kind: "payment",
            by: ("transaction_id", payment.id.clone()),
            transaction: payment.id.into(),
            amount: payment.amount.into(),
            times: usize::from(result.body["status"] == "SUCCESS"),
        });
    let refunds = kit
        .refunds
        .all()
        .into_iter()
        .map(|(refund, status)| Booking {
            kind: "refund",
            transaction: refund.body["transaction_id"].clone(),
            amount: refund.body["amount"].clone(),
            by: ("id", refund.id),
            times: usize::from(status == "succeeded"),
        });
    payments.chain(refunds).collect()
}

impl Booking {
    fn is_of(&self, entry: &Value) -> bool {
        let (field, value) = &self.by;
        entry["type"] == self.kind && entry[*field] == **value
    }

    /// What an entry says is not shown: a statement is about customers' money.
    fn is_right(&self, found: &[&(String, Value)]) -> Verdict {
        let Self {
            kind, by, times, ..
        } = self;
        let expected = format!("{times} entries of type {kind} with {} {}", by.0, by.1);
        ensure(found.len() == *times, &*expected, || {
            format!("{} of them", found.len())
        })?;
        for (day, entry) in found {
            readable(entry, day).map_err(|(field, what)| {
                Stop::failed(format!("{expected}, {field}: {what}"), "another value")
            })?;
            let right =
                entry["transaction_id"] == self.transaction && entry["amount"] == self.amount;
            let expected = format!("{expected}, with its transaction and {} VND", self.amount);
            ensure(right, expected, || {
                "another transaction or another amount".to_owned()
            })?;
        }
        Ok(())
    }
}
