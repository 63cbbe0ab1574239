//! Personal data of old payments are forgotten day by day, and no outage, open payment or lack of time loses one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    AmountLimits, Clock, Day, Decision, IpnAnswer, NotificationOutcome, Order, PaidDetails,
    PaymentResult, PaymentResultMessage, Timestamp, Transaction, TransactionId, Vnd,
};
use files::ObjectStore;
use files::object_store::ObjectError;
use reconcile::{Event, Reconcile};
use reconciliation::plan::forget::MAX_LEFT_PAYMENTS;
use reconciliation::record::{DaySummary, Forgetting, Reported, Results};
use reconciliation::result::ResultFormat;
use serde_dynamo::AttributeValue;
use signed_http::{Answer, Outgoing, SignedClient, Transport, TransportError};
use signing::{ClientSecret, GetSigning, HeaderNames, KeyError, KeyProvider, Keyring};
use store::{
    Condition, Creation, DayIndex, DayPage, HourlyCount, IndexQuery, Indexed, Item, Key,
    RandomWriteIds, ReconciliationRecords, RecordPage, RecordTable, StoreError, StoredKey, Table,
    TableError, Transactions, WriteIds, WriteOutcome,
};
use tiki_api::{PhoneFormat, TikiClient};

const KEPT_FOR: Duration = Duration::from_hours(90 * 24);

/// A clock that a test sets.
struct Watch(AtomicI64);

impl Watch {
    fn set(&self, time: &str) {
        let at = at(time).unix_ms();
        self.0.store(at, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::Relaxed)).unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

fn at(time: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{time}+07:00")).unwrap()
}

fn text(item: &Item, name: &str) -> Option<String> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    }
}

fn is_as_expected(found: Option<&Item>, condition: Condition) -> bool {
    match condition {
        Condition::Absent => found.is_none(),
        Condition::VersionIs(version) => {
            let version = Some(AttributeValue::N(version.to_string()));
            found.and_then(|found| found.get("version").cloned()) == version
        }
    }
}

/// The table of transactions in memory, which may answer only so many writes more.
struct Payments {
    items: Mutex<BTreeMap<String, Item>>,
    writes: AtomicI64,
}

#[async_trait]
impl Table for Payments {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        Ok(self.items.lock().unwrap().get(&id.to_string()).cloned())
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        if self.writes.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(TableError {
                operation: "PutItem",
                source: "an outage".into(),
            });
        }
        let key = text(&item, "transaction_id").unwrap();
        let mut items = self.items.lock().unwrap();
        let found = items.get(&key);
        if !is_as_expected(found, condition) {
            return Ok(WriteOutcome::Conflict(found.cloned()));
        }
        items.insert(key, item);
        Ok(WriteOutcome::Stored)
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        unreachable!("nothing is reversed here")
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        unreachable!("no worker is here")
    }

    async fn on_day(
        &self,
        index: DayIndex,
        day: Day,
        shard: u8,
        after: Option<Item>,
        limit: u16,
    ) -> Result<DayPage, TableError> {
        if index != DayIndex::Final {
            return Ok(DayPage::default());
        }
        let items = self.items.lock().unwrap();
        let shard = format!("{day}#{shard:02}");
        let after = after.and_then(|after| text(&after, "transaction_id"));
        let found = items.iter().filter(|(id, item)| {
            text(item, "day_shard").as_ref() == Some(&shard)
                && after.as_ref().is_none_or(|after| *id > after)
        });
        let entries: Vec<Item> = found
            .take(limit.into())
            .map(|(_, item)| item.clone())
            .collect();
        let is_full = entries.len() == usize::from(limit);
        let next = entries.last().filter(|_| is_full).cloned();
        Ok(DayPage { entries, next })
    }
}

/// The table of reconciliation in memory.
#[derive(Default)]
struct Records(Mutex<BTreeMap<StoredKey, Item>>);

#[async_trait]
impl RecordTable for Records {
    async fn get(&self, key: &StoredKey) -> Result<Option<Item>, TableError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let key = StoredKey {
            partition: text(&item, "partition").unwrap(),
            sort: text(&item, "sort").unwrap(),
        };
        let mut items = self.0.lock().unwrap();
        let found = items.get(&key);
        if !is_as_expected(found, condition) {
            return Ok(WriteOutcome::Conflict(found.cloned()));
        }
        items.insert(key, item);
        Ok(WriteOutcome::Stored)
    }

    async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<RecordPage, TableError> {
        assert_eq!(after, None, "few records are in a partition here");
        let items = self.0.lock().unwrap();
        let found = items
            .iter()
            .filter(|(key, _)| key.partition == partition && key.sort.starts_with(prefix));
        let items: Vec<Item> = found.map(|(_, item)| item.clone()).collect();
        assert!(items.len() < usize::from(limit));
        Ok(RecordPage { items, next: None })
    }

    async fn with_status(&self, _: &str, _: u16) -> Result<Vec<StoredKey>, TableError> {
        Ok(Vec::new())
    }

    async fn count_with_status(&self, _: &str) -> Result<i64, TableError> {
        Ok(0)
    }
}

/// The bucket: it takes everything, and nobody reads it.
struct Bucket;

#[async_trait]
impl ObjectStore for Bucket {
    async fn put(&self, _: &str, _: &Path, _: &str, _: &str) -> Result<(), ObjectError> {
        Ok(())
    }

    async fn get(&self, _: &str, _: &Path) -> Result<bool, ObjectError> {
        Ok(false)
    }

    async fn link(&self, _: &str, _: Duration) -> Result<String, ObjectError> {
        unreachable!("nobody opens a report here")
    }
}

/// Tiki, which nobody asks here.
struct NoTiki;

#[async_trait]
impl Transport for NoTiki {
    async fn send(&self, _: Outgoing, _: Duration) -> Result<Answer, TransportError> {
        unreachable!("nothing is looked up here")
    }
}

struct Keys;

#[async_trait]
impl KeyProvider for Keys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        Ok(Keyring::new("client", ClientSecret::new("a secret")))
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        self.keys().await
    }
}

struct Stack {
    clock: Arc<Watch>,
    payments: Arc<Payments>,
    transactions: Transactions,
    records: ReconciliationRecords,
}

impl Stack {
    fn at(time: &str) -> Self {
        let clock = Arc::new(Watch(AtomicI64::new(0)));
        clock.set(time);
        let payments = Arc::new(Payments {
            items: Mutex::default(),
            writes: AtomicI64::new(i64::MAX),
        });
        let table: Arc<dyn Table> = Arc::<Payments>::clone(&payments);
        let of_transactions: Arc<dyn Clock> = Arc::<Watch>::clone(&clock);
        Self {
            transactions: Transactions::new(table, Arc::new(RandomWriteIds), of_transactions),
            records: ReconciliationRecords::new(
                Arc::new(Records::default()),
                Arc::new(RandomWriteIds),
            ),
            clock,
            payments,
        }
    }

    fn reconcile(&self) -> Reconcile {
        let clock: Arc<dyn Clock> = Arc::<Watch>::clone(&self.clock);
        let write_ids: Arc<dyn WriteIds> = Arc::new(RandomWriteIds);
        let tiki = SignedClient {
            base: "https://tiki.test/vip".parse().unwrap(),
            headers: HeaderNames::TIKI,
            get_signing: GetSigning::default(),
            keys: Arc::new(Keys),
            clock: Arc::clone(&clock),
            transport: Arc::new(NoTiki),
        };
        Reconcile {
            transactions: self.transactions.clone(),
            records: self.records.clone(),
            objects: Arc::new(Bucket),
            file_drop: None,
            tiki: TikiClient::new(tiki, PhoneFormat::default()),
            core_books: None,
            daily_mail: None,
            link_keys: Arc::new(Keys),
            personal_data_kept_for: KEPT_FOR,
            partner: "test".parse().unwrap(),
            refund_rows: false,
            format: ResultFormat::default(),
            unchanged_for: Duration::ZERO,
            clock,
            write_ids,
        }
    }

    /// A run that may last so long; whether all of it succeeded.
    async fn handle(&self, event: Event, time: Duration) -> bool {
        let deadline = self.clock.now().after(time);
        self.reconcile().handle(event, deadline).await.is_ok()
    }

    /// A run of the schedule.
    async fn run(&self) -> bool {
        self.handle(Event::Scheduled, Duration::from_mins(15)).await
    }

    /// A payment that is paid now, and whose notification is still to be sent.
    async fn paid(&self, number: usize) -> Transaction {
        let limits = AmountLimits {
            min: Vnd::ZERO,
            max: Vnd::MAX,
        };
        let order = Order {
            amount: Vnd::new(100_000).unwrap(),
            webview_request_id: None,
            identify_code: "KH-0001".parse().ok(),
            order_code: format!("ORDER-{number}").parse().ok(),
            description: "Ấm đun nước".parse().ok(),
            expires_in_s: 900,
        };
        let id = format!("T-{number}").parse().unwrap();
        let now = self.clock.now();
        let created = Transaction::create(&id, order, limits, Duration::ZERO, now).unwrap();
        let Creation::New(created) = self.transactions.create(created).await.unwrap() else {
            panic!("it is new");
        };
        let paid = PaymentResultMessage {
            amount: None,
            result: PaymentResult::Paid(PaidDetails::default()),
        };
        let paid = self
            .transactions
            .apply(created, |t| t.record_payment_result(&paid, now).change);
        paid.await.unwrap().transaction
    }

    /// Tiki confirms a payment.
    async fn confirm(&self, paid: &Transaction) {
        let now = self.clock.now();
        let outcome = NotificationOutcome {
            answer: IpnAnswer::Accepted,
            known: None,
            decision: Decision::Confirm,
        };
        let mut lease = paid.first_ipn_lease(Duration::ZERO, now);
        let mut found = paid.clone();
        if lease.is_none() {
            let leased = self.transactions.apply(found, |t| {
                let (its_lease, change) = t.lease_ipn(Duration::ZERO, now)?;
                lease = Some(its_lease);
                Some(change)
            });
            found = leased.await.unwrap().transaction;
        }
        let lease = lease.unwrap();
        let confirmed = self
            .transactions
            .apply(found, |t| t.record_ipn(lease, outcome, now));
        assert!(confirmed.await.unwrap().written);
    }

    async fn confirmed(&self, number: usize) -> Transaction {
        let paid = self.paid(number).await;
        self.confirm(&paid).await;
        paid
    }

    async fn load(&self, t: &Transaction) -> Transaction {
        self.transactions.load(t.id()).await.unwrap().unwrap()
    }

    async fn is_forgotten(&self, t: &Transaction) -> bool {
        self.load(t).await.is_forgotten()
    }

    async fn progress(&self) -> Option<Forgetting> {
        let known = self.records.get(&Key::forgetting()).await.unwrap();
        known.map(|known| known.record)
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_day_is_forgotten_when_its_time_is_over() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let payment = stack.confirmed(1).await;
    stack.clock.set("2026-11-23T07:00:00");
    let later = stack.confirmed(2).await;
    assert!(stack.run().await);
    stack.clock.set("2026-11-24T07:00:00");
    assert!(stack.run().await);
    assert_eq!(stack.progress().await, None, "nothing is old enough");

    stack.clock.set("2027-02-20T23:00:00");
    assert!(stack.run().await);
    assert!(!stack.is_forgotten(&payment).await);
    stack.clock.set("2027-02-21T00:00:00");
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&payment).await);
    assert!(!stack.is_forgotten(&later).await);
    let progress = stack.progress().await.unwrap();
    assert_eq!(progress, Forgetting::from(day("2026-11-23")));

    let version = stack.load(&payment).await.version();
    stack.clock.set("2027-02-22T00:00:00");
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&later).await);
    assert_eq!(
        stack.load(&payment).await.version(),
        version,
        "written once"
    );
}

#[tokio::test]
async fn what_is_open_is_forgotten_in_the_hour_in_which_it_ends() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let (open, other) = (stack.paid(1).await, stack.confirmed(2).await);
    stack.clock.set("2026-11-23T07:00:00");
    assert!(stack.run().await);
    stack.clock.set("2027-03-01T00:00:00");
    assert!(stack.run().await);
    assert!(!stack.is_forgotten(&open).await);
    assert!(stack.is_forgotten(&other).await);
    assert_eq!(stack.progress().await.unwrap().payments, [open.id()]);

    stack.confirm(&open).await;
    stack.clock.set("2027-03-01T01:00:00");
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&open).await);
    assert_eq!(stack.progress().await.unwrap().payments, []);
}

#[tokio::test]
async fn a_day_without_a_report_is_put_off_and_holds_up_no_other() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let first = stack.confirmed(1).await;
    stack.clock.set("2026-11-23T07:00:00");
    assert!(stack.run().await, "this run begins");
    let second = stack.confirmed(2).await;
    // No run for longer than the schedule exports by itself.
    stack.clock.set("2027-03-01T07:00:00");
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&first).await);
    assert!(!stack.is_forgotten(&second).await, "it is not at Tiki");
    let progress = stack.progress().await.unwrap();
    assert!(progress.days.contains(&day("2026-11-23")));

    let by_name = Event::Day(day("2026-11-23"));
    assert!(stack.handle(by_name, Duration::from_mins(15)).await);
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&second).await);
    let progress = stack.progress().await.unwrap();
    assert!(!progress.days.contains(&day("2026-11-23")));
}

/// The way out of the alarm `PersonalDataIsLate`: results of Tiki, or statements of the core, that never come are not
/// asked for any more, and then the day is run again.
#[tokio::test]
async fn a_day_that_waits_in_vain_goes_once_it_is_run_again() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let payment = stack.confirmed(1).await;
    stack.clock.set("2026-11-23T07:00:00");
    assert!(stack.run().await);
    // As the report was while Tiki was to send results.
    let key = Key::reported(day("2026-11-22"));
    let waits = stack.records.update::<Reported, StoreError>(&key, |known| {
        let known = known.unwrap();
        let summary = known.summary.map(|summary| DaySummary {
            results: Results::None,
            ..summary
        });
        Ok(Some(Reported { summary, ..known }))
    });
    waits.await.unwrap();
    stack.clock.set("2027-03-01T00:00:00");
    for _ in 0..2 {
        assert!(stack.run().await);
        assert!(!stack.is_forgotten(&payment).await);
    }
    let by_name = Event::Day(day("2026-11-22"));
    assert!(stack.handle(by_name, Duration::from_mins(15)).await);
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&payment).await);
}

#[tokio::test]
async fn an_outage_in_the_middle_loses_nothing() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let mut payments = Vec::new();
    for number in 0..100 {
        payments.push(stack.confirmed(number).await);
    }
    stack.clock.set("2026-11-23T07:00:00");
    assert!(stack.run().await);
    stack.clock.set("2027-03-01T00:00:00");
    stack.payments.writes.store(40, Ordering::Relaxed);
    assert!(!stack.run().await, "the run says that something failed");
    let progress = stack.progress().await.unwrap();
    assert_eq!(progress.day, Some(day("2026-11-22")));
    assert!(progress.shards > 0, "what was done is not done again");
    stack.payments.writes.store(i64::MAX, Ordering::Relaxed);
    assert!(stack.run().await);
    for payment in &payments {
        let now = stack.load(payment).await;
        assert!(now.is_forgotten());
        assert_eq!(now.version(), payment.version() + 2, "confirmed, forgotten");
    }
}

#[tokio::test]
async fn a_run_without_time_leaves_it_to_the_next() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let payment = stack.confirmed(1).await;
    stack.clock.set("2026-11-23T07:00:00");
    assert!(stack.run().await);
    stack.clock.set("2027-03-01T00:00:00");
    assert!(
        stack
            .handle(Event::Scheduled, Duration::from_secs(60))
            .await
    );
    assert!(!stack.is_forgotten(&payment).await);
    assert!(stack.run().await);
    assert!(stack.is_forgotten(&payment).await);
}

#[tokio::test]
async fn more_open_payments_than_can_be_noted_are_not_lost() {
    let stack = Stack::at("2026-11-22T12:00:00");
    let mut open = Vec::new();
    for number in 0..MAX_LEFT_PAYMENTS + 5 {
        open.push(stack.paid(number).await);
    }
    stack.clock.set("2026-11-23T07:00:00");
    assert!(stack.run().await);
    stack.clock.set("2027-03-01T00:00:00");
    assert!(stack.run().await);
    let progress = stack.progress().await.unwrap();
    assert_eq!(progress.payments.len(), MAX_LEFT_PAYMENTS);
    assert!(progress.days.contains(&day("2026-11-22")));
    for payment in &open {
        stack.confirm(payment).await;
    }
    assert!(stack.run().await);
    for payment in &open {
        assert!(stack.is_forgotten(payment).await);
    }
    let progress = stack.progress().await.unwrap();
    assert_eq!(progress.payments, []);
    assert!(!progress.days.contains(&day("2026-11-22")));
}
