//! Stored items: damaged, combined from several states, and made up.

mod damage;
mod states;

use std::collections::HashMap;

use domain::{
    AuditEvent, Contradiction, Decision, DisputeReason, Ipn, IpnLease, Kept, PaymentAnswer,
    RefundAnswer, RefundCommand, Refusal, Reservation, ReversalReason, Snapshot, Status, Timestamp,
    Transaction, Vnd,
};
use serde_dynamo::AttributeValue;
use store::{Item, StoreError};

use self::damage::{arbitrary, damaged};
use self::states::{REAL, written};
use crate::Marks;
use crate::data::Data;
use crate::fixtures::{AMOUNT, CONFIRM_AFTER, now, outcome, paid_report};
use crate::samples::Sample;

/// The derived attributes of an item: its index keys, and its marks for the stream.
const DERIVED: &[&str] = &[
    "status",
    "ipn_shard",
    "ipn_due_at",
    "refund_shard",
    "refund_due_at",
    "expiry_shard",
    "expiry_due_at",
    "day_shard",
    "final_at",
    "refund_day_shard",
    "refund_at",
    "reversal_day_shard",
    "reversed_at",
    "needs_review",
    "needs_review_since",
    "ipn_due_mark",
    "refund_due_mark",
];

/// Reads a damaged item of the store, a made-up item, or an item in DynamoDB's JSON.
///
/// An accepted item follows the domain's rules, and never refunds more than was paid. It is read the same twice, and
/// also without its derived attributes. After every command it is written, read back unchanged, and in the indexes with
/// all its obligations.
pub fn item(data: &[u8]) -> Marks {
    let mut data = Data::new(data);
    let item = match data.byte() {
        1 => arbitrary(&mut data),
        2 => serde_json::from_slice(data.rest()).unwrap_or_default(),
        _ => damaged(&mut data),
    };
    let transaction = match (store::read(item.clone()), store::read(item.clone())) {
        (Ok(transaction), Ok(again)) => {
            assert_eq!(transaction, again, "read twice");
            transaction
        }
        (Err(refused), Err(_)) => {
            names_the_item(&refused);
            return vec!["unreadable"];
        }
        twice => unreachable!("read twice: {twice:?}"),
    };
    check_invariants(&transaction);

    let mut attributes: HashMap<String, AttributeValue> = item.into();
    attributes.retain(|name, _| !DERIVED.contains(&name.as_str()));
    let bare = store::read(attributes.into()).ok();
    assert_eq!(
        bare.as_ref(),
        Some(&transaction),
        "without the derived attributes"
    );

    let mut marks = vec!["readable"];
    for (mark, change) in changes(&transaction) {
        let expected = change.transaction().clone();
        status_holds(&transaction, &expected, mark);
        let (after, item) = written(&transaction, change);
        assert_eq!(after, expected);
        is_in_its_indexes(&item, &after);
        let read = store::read(item);
        assert!(read.is_ok(), "{mark}: {read:?}");
        assert_eq!(
            read.ok().map(|read| known(&read)),
            Some(known(&after)),
            "{mark}"
        );
        marks.push(mark);
    }
    marks
}

/// The transaction without what this version does not know: a name that is unknown in one state can be known in
/// another.
fn known(t: &Transaction) -> Snapshot {
    Snapshot {
        kept: Kept::default(),
        ..t.to_snapshot()
    }
}

fn names_the_item(refused: &StoreError) {
    match refused {
        StoreError::Unreadable {
            transaction_id,
            reason,
        } => {
            assert!(transaction_id.chars().count() <= 64);
            assert!(!reason.is_empty());
        }
        other => unreachable!("{other}"),
    }
}

/// Checks the rules of a transaction, and computes its balance independently.
fn check_invariants(transaction: &Transaction) {
    let restored = Transaction::restore(transaction.to_snapshot());
    assert_eq!(restored.as_ref(), Ok(transaction));

    let sum = |refunds: &mut dyn Iterator<Item = &domain::Refund>| -> u128 {
        refunds.map(|refund| u128::from(refund.amount.get())).sum()
    };
    let amount = u128::from(transaction.order().amount.get());
    assert!((1..=1 << 53).contains(&amount), "an amount of {amount}");
    let paid = transaction.money_taken().map_or(0, |_| amount);
    let held = sum(&mut transaction.refunds().iter().filter(|r| r.holds()));
    let back = |refund: &&domain::Refund| refund.holds() && refund.due().is_none();
    let back = sum(&mut transaction.refunds().iter().filter(back));
    assert!(held <= paid, "{held} of {paid} is refunded or reserved");
    assert_eq!(u128::from(transaction.refunded_amount().get()), back);
    assert_eq!(
        u128::from(transaction.remaining_amount().get()),
        paid - held
    );
}

/// A final status stays, but for the one way from `SUCCESS` to `FAILURE`: a reversal.
fn status_holds(before: &Transaction, after: &Transaction, mark: &str) {
    let stays = before.status() == Status::Pending || before.status() == after.status();
    let reversed = mark == "reversed" && after.status() == Status::Failure;
    assert!(stays || reversed, "{mark}: {:?}", after.payment());
    assert!(before.final_at().is_none() || before.final_at() == after.final_at());
}

/// The changes of all commands on this transaction.
fn changes(transaction: &Transaction) -> Vec<(&'static str, domain::Change)> {
    let t = transaction;
    let late = Timestamp::MAX;
    let unpaid = t.conclude_expiry(&PaymentAnswer::NotPaid, late);
    let reason = "not enough money".parse().ok();
    let declined = t.conclude_expiry(&PaymentAnswer::Failed { reason }, late);
    let mut changes = vec![
        ("expiry leased", t.lease_expiry_check(late)),
        ("expired", unpaid),
        ("declined", declined),
        (
            "undecided",
            t.conclude_expiry(&PaymentAnswer::Unreadable, late),
        ),
        (
            "paid",
            t.record_payment_result(&paid_report(), now()).change,
        ),
        ("contradicted", contradicted(t)),
        (
            "ipn leased",
            t.lease_ipn(CONFIRM_AFTER, late).map(|(_, change)| change),
        ),
        ("refund reserved", reserved(t)),
    ];
    if let (
        Ipn::Retrying {
            attempt, failures, ..
        },
        Some(subject),
    ) = (t.ipn(), t.ipn_subject())
    {
        let lease = IpnLease {
            attempt,
            failures,
            subject,
            not_found_at: t.payment().not_found_at(),
            confirm_after: CONFIRM_AFTER,
        };
        let decide = |decision| t.record_ipn(lease, outcome(decision), now());
        changes.extend([
            ("confirmed", decide(Decision::Confirm)),
            ("abandoned", decide(Decision::Abandon)),
            ("retried", decide(Decision::Retry)),
            ("looked up again", decide(Decision::LookAgain)),
            (
                "reversed",
                decide(Decision::Reverse(ReversalReason::CancelledAtTiki)),
            ),
            (
                "disputed",
                decide(Decision::Dispute(DisputeReason::AmountDiffers)),
            ),
        ]);
    }
    if let Some(id) = t.due_refunds(late).next() {
        let record = |answer| t.record_refund_outcome(id, &answer, now());
        let reason = "no such account".parse().ok();
        let rejected = RefundAnswer::Rejected { reason };
        changes.extend([
            ("refund leased", t.lease_refund(id, late)),
            ("refund unknown", record(RefundAnswer::Unknown)),
            ("refund succeeded", record(RefundAnswer::Succeeded)),
            ("refund rejected", record(rejected)),
        ]);
    }
    let made = |(mark, change): (_, Option<_>)| change.map(|change| (mark, change));
    changes.into_iter().filter_map(made).collect()
}

/// The core says that another amount was paid. The result is refused in every state, and what is written of it is in
/// the trail and in review.
fn contradicted(transaction: &Transaction) -> Option<domain::Change> {
    let mut other = paid_report();
    other.amount = Vnd::new(AMOUNT + 7).ok();
    let asked = transaction.order().amount;
    if other.amount == Some(asked) {
        return None;
    }
    let recorded = transaction.record_payment_result(&other, now());
    assert!(
        matches!(recorded.refusal, Some(Refusal::InvalidAmount { .. })),
        "another amount was taken"
    );
    let change = recorded.change?;
    let noted = |entry: &domain::AuditEntry| {
        matches!(&entry.event,
            AuditEvent::Contradicted(Contradiction::OtherAmount { amount, .. }) if Some(*amount) == other.amount)
    };
    let after = change.transaction();
    assert!(after.audit_trail().iter().any(noted), "not in the trail");
    assert!(after.needs_review().is_some(), "not in review");
    assert_eq!(after.status(), transaction.status());
    Some(change)
}

/// A refund of the remaining amount. A larger one is refused.
fn reserved(transaction: &Transaction) -> Option<domain::Change> {
    let remaining = transaction.remaining_amount();
    let command = |amount| {
        Some(RefundCommand {
            request_id: "one more".parse().ok()?,
            amount,
            reason: "fuzz".parse().ok()?,
        })
    };
    let more = Vnd::new(remaining.get().saturating_add(1)).ok();
    if let Some(command) = more.and_then(command) {
        let reservation = transaction.reserve_refund(&command, now());
        assert!(
            !matches!(reservation, Ok(Reservation::Reserve(..))),
            "{reservation:?}"
        );
    }
    if remaining == Vnd::ZERO {
        return None;
    }
    match transaction
        .reserve_refund(&command(remaining)?, now())
        .ok()?
    {
        Reservation::Reserve(_, change) => Some(change),
        Reservation::Known(_) => None,
    }
}

/// Checks that a transaction's obligations are in the indexes that the sweeps read, and nothing else is. A sweep would
/// never find a missing one.
fn is_in_its_indexes(item: &Item, t: &Transaction) {
    let number = |name| match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse::<i64>().ok(),
        _ => None,
    };
    let text = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.as_str()),
        _ => None,
    };
    let shard = format!("{:02}", t.id().shard(store::SHARDS));
    for (index, due) in [
        (store::DueIndex::Ipn, t.ipn_due_at()),
        (store::DueIndex::Refund, t.refund_due_at()),
        (store::DueIndex::Expiry, t.expiry_due_at()),
    ] {
        let due = due.map(Timestamp::unix_ms);
        let index = index.index();
        assert_eq!(number(index.sort_key), due, "{}", index.name);
        let expected = due.map(|_| shard.as_str());
        assert_eq!(text(index.partition_key), expected, "{}", index.name);
    }
    for (index, at) in [
        (store::DayIndex::Final, t.final_at()),
        (store::DayIndex::Refund, t.last_refund_at()),
        (store::DayIndex::Reversal, t.given_back_at()),
    ] {
        let index = index.index();
        let day = at.map(|at| format!("{}#{shard}", at.vietnamese_day()));
        assert_eq!(text(index.partition_key), day.as_deref());
        assert_eq!(number(index.sort_key), at.map(Timestamp::unix_ms));
    }
    assert_eq!(text("status"), Some(t.status().as_str()));
    let needs_review = t.needs_review().map(|(alarm, _)| alarm.as_str());
    assert_eq!(text("needs_review"), needs_review);
}

/// This item was accepted, but the next command made it unreadable.
const TWO_REFUNDS_OF_ONE_ID: &[u8] = include_bytes!("../regressions/item-two-refunds-of-one-id");

/// Every state unchanged, damaged, and combined with another; the samples' items; and earlier findings.
pub(crate) fn seeds(samples: &[Sample]) -> Vec<Vec<u8>> {
    let images = samples.iter().flat_map(|sample| sample.event.images());
    let images = images.map(|json| [&[2][..], json.as_bytes()].concat());
    let states = 0..u8::try_from(REAL.len()).unwrap_or(u8::MAX);
    let one = |state: u8| {
        let kinds = (0..8).map(move |kind: u8| {
            let place = state.wrapping_mul(5).wrapping_add(kind);
            vec![
                0,
                state,
                place,
                kind,
                place,
                state.wrapping_add(3),
                1,
                2,
                3,
                4,
            ]
        });
        [vec![0, state]].into_iter().chain(kinds)
    };
    let regressions = [TWO_REFUNDS_OF_ONE_ID.to_vec()];
    images
        .chain(states.flat_map(one))
        .chain(regressions)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn an_item_that_is_missing_in_an_index_is_detected() {
        for item in states::REAL.iter() {
            let transaction = store::read(item.clone()).unwrap();
            let missing = |name: &str| {
                let mut attributes: HashMap<String, AttributeValue> = item.clone().into();
                let was_there = attributes.remove(name).is_some();
                let item = attributes.into();
                let is_detected = catch_unwind(|| is_in_its_indexes(&item, &transaction)).is_err();
                assert_eq!(is_detected, was_there, "{name}");
            };
            missing("no attribute");
            missing("ipn_due_at");
            missing("ipn_shard");
            missing("refund_due_at");
            missing("refund_shard");
            missing("expiry_due_at");
            missing("expiry_shard");
            missing("day_shard");
            missing("refund_day_shard");
            missing("reversal_day_shard");
            missing("needs_review");
        }
    }
}
