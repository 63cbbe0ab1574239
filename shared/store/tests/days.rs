//! The transactions of a day over a table with pages as in DynamoDB: entries of one millisecond in no order, fewer
//! entries than the limit, and an empty last page.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::testing::plain_payment;
use domain::{
    Clock, Day, FinalStatus, FinalTransaction, PaidDetails, PaymentResult, PaymentResultMessage,
    RefundAnswer, RefundCommand, Reservation, Timestamp, Transaction, TransactionId, Vnd,
};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;
use store::{
    Condition, Creation, DayIndex, DayPage, HourlyCount, IndexQuery, Indexed, Item, RandomWriteIds,
    StoreError, Table, TableError, Transactions, WriteOutcome,
};

/// A table in memory; a page has at most `most` entries.
struct Memory {
    items: Mutex<HashMap<String, Item>>,
    most: usize,
    /// The largest limit of a request.
    asked: Mutex<u16>,
    /// The items that are being read now, and the largest number of them.
    loading: AtomicUsize,
    most_loading: AtomicUsize,
}

#[async_trait]
impl Table for Memory {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        let loading = self.loading.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_loading.fetch_max(loading, Ordering::Relaxed);
        // Others begin before this answer comes.
        tokio::task::yield_now().await;
        self.loading.fetch_sub(1, Ordering::Relaxed);
        Ok(self.items.lock().unwrap().get(&id.to_string()).cloned())
    }

    async fn put(&self, item: Item, _: Condition) -> Result<WriteOutcome, TableError> {
        let id = text(&item, "transaction_id").unwrap();
        self.items.lock().unwrap().insert(id, item);
        Ok(WriteOutcome::Stored)
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        unreachable!("nothing is counted here")
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        Ok(Vec::new())
    }

    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError> {
        let mut asked = self.asked.lock().unwrap();
        *asked = limit.max(*asked);
        let index = index.index();
        let partition = format!("{day}#{shard:02}");
        // By the reversed id: a stable order without a meaning.
        let place = |item: &Item| {
            let id = text(item, "transaction_id").unwrap();
            let at = number(item, index.sort_key);
            (at, id.chars().rev().collect::<String>())
        };
        let items = self.items.lock().unwrap();
        let of_partition =
            |item: &&Item| text(item, index.partition_key).as_deref() == Some(partition.as_str());
        let mut entries: Vec<Item> = items.values().filter(of_partition).cloned().collect();
        entries.sort_by_key(place);
        if let Some(after) = after {
            assert_eq!(after.len(), 3, "the keys of the index and of the table");
            entries.retain(|item| place(item) > place(&after));
        }
        entries.truncate(self.most.min(limit.into()));
        let full = entries.len() == self.most.min(limit.into());
        let keys = ["transaction_id", index.partition_key, index.sort_key];
        let last = entries.last().filter(|_| full);
        Ok(DayPage {
            next: last.map(|last| {
                let key = keys.map(|name| (name.to_owned(), last.get(name).unwrap().clone()));
                HashMap::from(key).into()
            }),
            entries,
        })
    }
}

fn text(item: &Item, name: &str) -> Option<String> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    }
}

fn number(item: &Item, name: &str) -> i64 {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        panic!("a test has its own times")
    }

    async fn sleep(&self, _: Duration) {}
}

/// The transactions, and the table below them.
struct Store {
    table: Arc<Memory>,
    transactions: Transactions,
}

impl Store {
    fn with_pages_of(most: usize) -> Self {
        let table = Arc::new(Memory {
            items: Mutex::default(),
            most,
            asked: Mutex::default(),
            loading: AtomicUsize::default(),
            most_loading: AtomicUsize::default(),
        });
        let below = Arc::<Memory>::clone(&table);
        Self {
            table,
            transactions: Transactions::new(below, Arc::new(RandomWriteIds), Arc::new(Still)),
        }
    }

    async fn created(&self, name: &str) -> Transaction {
        let id = name.parse().unwrap();
        let amount = Vnd::new(100_000).unwrap();
        let created = plain_payment(&id, amount, Duration::ZERO, at("21T08:00:00"));
        match self.transactions.create(created.unwrap()).await.unwrap() {
            Creation::New(transaction) | Creation::Existing(transaction) => transaction,
        }
    }

    /// A payment whose status becomes final at this time.
    async fn final_payment(&self, name: &str, when: Timestamp, status: FinalStatus) -> Transaction {
        let message = PaymentResultMessage {
            amount: None,
            result: match status {
                FinalStatus::Success => PaymentResult::Paid(PaidDetails::default()),
                FinalStatus::Failure => PaymentResult::Declined { reason: None },
            },
        };
        let found = self.created(name).await;
        self.changed(found, |t| t.record_payment_result(&message, when).change)
            .await
    }

    /// A refund that was back at this time.
    async fn refunded(&self, found: Transaction, request: &str, when: Timestamp) -> Transaction {
        let command = RefundCommand {
            request_id: request.parse().unwrap(),
            amount: Vnd::new(30_000).unwrap(),
            reason: "Khách hủy".parse().unwrap(),
        };
        let reserved = self.changed(found, |t| match t.reserve_refund(&command, when) {
            Ok(Reservation::Reserve(_, change)) => Some(change),
            other => panic!("{other:?}"),
        });
        let reserved = reserved.await;
        let id = reserved.refunds().last().unwrap().id;
        self.changed(reserved, |t| {
            t.record_refund_outcome(id, &RefundAnswer::Succeeded, when)
        })
        .await
    }

    async fn changed(
        &self,
        found: Transaction,
        decide: impl FnMut(&Transaction) -> Option<domain::Change>,
    ) -> Transaction {
        let updated = self.transactions.apply(found, decide).await.unwrap();
        assert!(updated.written);
        updated.transaction
    }

    /// A day, as it is read.
    async fn read(&self, day: Day) -> Result<Vec<FinalTransaction>, StoreError> {
        let mut payments = self.transactions.final_on_day(day);
        let mut all = Vec::new();
        while let Some(next) = payments.next().await? {
            all.push(next);
        }
        assert_eq!(payments.next().await?, None, "and nothing after its end");
        Ok(all)
    }

    /// A day, as it is by what is stored.
    fn stored(&self, day: Day) -> Vec<FinalTransaction> {
        let items = self.table.items.lock().unwrap();
        let all = items
            .values()
            .map(|item| store::read(item.clone()).unwrap());
        let payments = all.filter_map(|t| FinalTransaction::of(&t));
        let mut all: Vec<_> = payments
            .filter(|payment| {
                payment.final_at >= day.start() && payment.final_at < day.end_exclusive()
            })
            .collect();
        all.sort_by_key(FinalTransaction::place);
        all
    }

    /// The refunds of a day, each by its transaction and its request.
    async fn refunds(&self, day: Day, until: Day) -> Vec<(String, String)> {
        let mut refunded = self.transactions.refunded_on_day(day, until);
        let mut all = Vec::new();
        let mut shards = 0;
        while let Some(refunds) = refunded.next().await.unwrap() {
            assert!(refunds.is_sorted_by_key(|(t, refund)| (refund.back_at(), t.id)));
            all.extend(refunds.into_iter().map(|(t, refund)| {
                let request = refund.origin.request_id().unwrap();
                (t.tiki_id.to_string(), request.to_string())
            }));
            shards += 1;
        }
        assert_eq!(shards, store::SHARDS);
        all.sort();
        all
    }
}

/// A time in Vietnam in November 2026: `22T23:59:59.999`.
fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("2026-11-{text}+07:00")).unwrap()
}

fn day(day: u8) -> Day {
    format!("2026-11-{day}").parse().unwrap()
}

fn names(payments: &[FinalTransaction]) -> Vec<&str> {
    payments
        .iter()
        .map(|payment| payment.tiki_id.as_str())
        .collect()
}

#[tokio::test]
async fn a_day_without_payments_has_none() {
    let store = Store::with_pages_of(400);
    assert_eq!(store.read(day(22)).await.unwrap(), []);
    store.created("pending").await;
    store
        .final_payment("later", at("23T12:00:00"), FinalStatus::Success)
        .await;
    assert_eq!(store.read(day(22)).await.unwrap(), []);
    assert_eq!(store.refunds(day(22), day(23)).await, []);
}

#[tokio::test]
async fn a_day_ends_at_midnight_in_vietnam() {
    let store = Store::with_pages_of(1);
    store
        .final_payment("first", at("22T00:00:00.000"), FinalStatus::Failure)
        .await;
    store
        .final_payment("last", at("22T23:59:59.999"), FinalStatus::Success)
        .await;
    store
        .final_payment("next", at("23T00:00:00.000"), FinalStatus::Success)
        .await;
    store
        .final_payment("before", at("21T23:59:59.999"), FinalStatus::Failure)
        .await;
    let payments = store.read(day(22)).await.unwrap();
    assert_eq!(names(&payments), ["first", "last"]);
    assert_eq!(names(&store.read(day(21)).await.unwrap()), ["before"]);
    assert_eq!(names(&store.read(day(23)).await.unwrap()), ["next"]);
    let [first, last] = payments.try_into().unwrap();
    assert_eq!(
        (first.status, last.status),
        (FinalStatus::Failure, FinalStatus::Success)
    );
    assert_eq!(last.amount, Vnd::new(100_000).unwrap());
    assert_eq!(last.created_at, at("21T08:00:00"));
    assert_eq!(last.final_at, at("22T23:59:59.999"));
}

/// What is written later to a payment moves it to no other day, and to no other place in its own.
#[tokio::test]
async fn a_payment_keeps_its_place_whatever_happens_to_it_later() {
    let store = Store::with_pages_of(3);
    let mut all = Vec::new();
    for i in 0..20 {
        let when = at("22T12:00:00").after(Duration::from_secs(i));
        all.push(
            store
                .final_payment(&format!("T-{i}"), when, FinalStatus::Success)
                .await,
        );
    }
    let before = store.read(day(22)).await.unwrap();
    for t in all {
        store.refunded(t, "R", at("25T01:00:00")).await;
    }
    assert_eq!(store.read(day(22)).await.unwrap(), before);
    assert_eq!(store.read(day(25)).await.unwrap(), []);
}

#[tokio::test]
async fn more_of_one_moment_than_a_page_has_come_in_order() {
    let store = Store::with_pages_of(usize::MAX);
    let (before, moment) = (at("22T11:59:59.999"), at("22T12:00:00"));
    let mut of_one_shard = (0..).map(|i| format!("T-{i}")).filter(|name| {
        let id = TransactionId::derive(&name.parse().unwrap());
        id.shard(store::SHARDS) == 7
    });
    // The moment begins on the first page of its shard, and ends on the fourth.
    for name in of_one_shard.by_ref().take(390) {
        store
            .final_payment(&name, before, FinalStatus::Success)
            .await;
    }
    for name in of_one_shard.by_ref().take(900) {
        store
            .final_payment(&name, moment, FinalStatus::Success)
            .await;
    }
    for name in of_one_shard.take(30) {
        store
            .final_payment(&name, at("22T12:00:00.001"), FinalStatus::Success)
            .await;
    }
    for i in 0..40 {
        store
            .final_payment(&format!("other-{i}"), moment, FinalStatus::Failure)
            .await;
    }
    let read = store.read(day(22)).await.unwrap();
    assert_eq!(read.len(), 1_360);
    assert!(read.is_sorted_by_key(FinalTransaction::place));
    assert_eq!(read, store.stored(day(22)));
    assert_eq!(*store.table.asked.lock().unwrap(), 400);
}

#[tokio::test]
async fn a_full_day_comes_in_order() {
    let store = Store::with_pages_of(usize::MAX);
    for i in 0..8_000_u64 {
        let when = at("22T00:00:00").after(Duration::from_millis(i * 7_919 % 86_400_000));
        store
            .final_payment(&format!("T-{i}"), when, FinalStatus::Success)
            .await;
    }
    let read = store.read(day(22)).await.unwrap();
    assert_eq!(read.len(), 8_000);
    assert_eq!(read, store.stored(day(22)));
}

proptest! {
    /// Few moments and small pages: moments begin and end within pages and between them.
    #[test]
    fn each_payment_comes_once_and_in_order_whatever_the_pages(
        most in 1_usize..12,
        times in prop::collection::vec((0_u64..8, any::<bool>()), 0..160),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Store::with_pages_of(most);
            for (i, (ms, paid)) in times.iter().enumerate() {
                // The last of them are the next day's.
                let when = at("22T23:59:59.994").after(Duration::from_millis(*ms));
                let status = if *paid { FinalStatus::Success } else { FinalStatus::Failure };
                store.final_payment(&format!("T-{i}"), when, status).await;
            }
            for day in [day(22), day(23)] {
                prop_assert_eq!(store.read(day).await.unwrap(), store.stored(day));
            }
            let both = store.stored(day(22)).len() + store.stored(day(23)).len();
            prop_assert_eq!(both, times.len());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_an_error_that_names_it() {
    let wrong = |text: &str| AttributeValue::S(text.to_owned());
    for (name, value, word) in [
        ("status", wrong("PENDING"), "status"),
        ("amount_vnd", AttributeValue::N("-1".to_owned()), ""),
        (
            "amount_vnd",
            AttributeValue::N(u64::MAX.to_string()),
            "amount_vnd",
        ),
        ("created_at", wrong("yesterday"), ""),
        (
            "created_at",
            AttributeValue::N("-1".to_owned()),
            "created_at",
        ),
        ("tiki_transaction_id", wrong(""), "tiki_transaction_id"),
        ("tiki_transaction_id", AttributeValue::Null(true), ""),
    ] {
        let store = Store::with_pages_of(2);
        for i in 0..30 {
            let when = at("22T12:00:00").after(Duration::from_secs(i));
            store
                .final_payment(&format!("T-{i}"), when, FinalStatus::Success)
                .await;
        }
        let damaged = store.stored(day(22)).swap_remove(20).id.to_string();
        {
            let mut items = store.table.items.lock().unwrap();
            let item = items.get_mut(&damaged).unwrap();
            let mut attributes: HashMap<_, _> = std::mem::take(item).into();
            attributes.insert(name.to_owned(), value);
            *item = attributes.into();
        }
        match store.read(day(22)).await {
            Err(StoreError::Unreadable {
                transaction_id,
                reason,
            }) => {
                assert_eq!(transaction_id, damaged);
                assert!(reason.contains(word), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_refund_stays_on_its_day_when_a_later_one_follows() {
    let store = Store::with_pages_of(2);
    let final_payment = |name| store.final_payment(name, at("22T09:00:00"), FinalStatus::Success);
    // Of one day alone, of the days around it, and twice of one.
    let once = final_payment("once").await;
    store.refunded(once, "R-1", at("22T23:59:59.999")).await;
    let moved = final_payment("moved").await;
    let moved = store.refunded(moved, "R-1", at("22T10:00:00")).await;
    let moved = store.refunded(moved, "R-2", at("23T00:00:00")).await;
    store.refunded(moved, "R-3", at("25T00:00:00")).await;
    let twice = final_payment("twice").await;
    let twice = store.refunded(twice, "R-1", at("24T10:00:00")).await;
    store.refunded(twice, "R-2", at("24T10:00:00")).await;

    let of = async |from, until| store.refunds(day(from), day(until)).await;
    let row = |name: &str, request: &str| (name.to_owned(), request.to_owned());
    let expected = [row("moved", "R-1"), row("once", "R-1")];
    assert_eq!(of(22, 25).await, expected);
    assert_eq!(of(22, 27).await, expected);
    assert_eq!(of(23, 25).await, [row("moved", "R-2")]);
    assert_eq!(of(24, 25).await, [row("twice", "R-1"), row("twice", "R-2")]);
    assert_eq!(of(25, 25).await, [row("moved", "R-3")]);
    assert_eq!(of(26, 27).await, []);
}

#[tokio::test]
async fn each_refund_comes_once_whatever_the_pages() {
    for most in [1, 3, 1_000] {
        let store = Store::with_pages_of(most);
        let mut expected = Vec::new();
        for i in 0..120 {
            let (name, when) = (format!("T-{i:03}"), at("22T09:00:00"));
            let t = store.final_payment(&name, when, FinalStatus::Success).await;
            let t = store.refunded(t, "R-1", when).await;
            expected.push((name, "R-1".to_owned()));
            if i % 3 == 0 {
                store.refunded(t, "R-2", at("24T00:00:00")).await;
            }
        }
        assert_eq!(store.refunds(day(22), day(25)).await, expected);
    }
}

#[tokio::test]
async fn refunded_payments_are_loaded_side_by_side_but_not_all() {
    let store = Store::with_pages_of(usize::MAX);
    let when = at("22T09:00:00");
    let of_one_shard = (0..).map(|i| format!("T-{i}")).filter(|name| {
        let id = TransactionId::derive(&name.parse().unwrap());
        id.shard(store::SHARDS) == 7
    });
    for name in of_one_shard.take(100) {
        let t = store.final_payment(&name, when, FinalStatus::Success).await;
        store.refunded(t, "R-1", when).await;
    }
    assert_eq!(store.refunds(day(22), day(22)).await.len(), 100);
    assert_eq!(store.table.most_loading.load(Ordering::Relaxed), 16);
}
