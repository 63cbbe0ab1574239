//! The end of personal data in an item: what goes, what stays, and how a repeat is then known.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::testing::lease_now;
use domain::{
    AmountLimits, AuditEvent, Clock, Day, Decision, IpnAnswer, NotificationOutcome, OperatorWord,
    Order, PaidDetails, PaymentResult, PaymentResultMessage, Refusal, StillNeeded, Timestamp,
    Transaction, TransactionId, Vnd,
};
use serde_dynamo::AttributeValue;
use signing::{ClientSecret, Keyring};
use store::{
    Condition, Creation, CustomerHash, DayIndex, DayPage, ForgetError, HourlyCount, IndexQuery,
    Indexed, Item, RandomWriteIds, Table, TableError, Transactions, WriteOutcome, content_hashes,
};

const PERSONAL: [&str; 4] = [
    "identify_code",
    "order_code",
    "description",
    "webview_request_id",
];

/// A table in memory. Its index by day has all items in pages of two, whatever the day.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Item>>);

impl Memory {
    fn item(&self, id: TransactionId) -> Item {
        self.0.lock().unwrap().get(&id.to_string()).unwrap().clone()
    }

    /// Puts an item as it is, as another version may have written it.
    fn plant(&self, id: TransactionId, item: Item) {
        self.0.lock().unwrap().insert(id.to_string(), item);
    }
}

#[async_trait]
impl Table for Memory {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        Ok(self.0.lock().unwrap().get(&id.to_string()).cloned())
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let Some(AttributeValue::S(key)) = item.get("transaction_id").cloned() else {
            panic!("an item has a key");
        };
        let mut items = self.0.lock().unwrap();
        let found = items.get(&key);
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::VersionIs(version) => {
                let version = Some(AttributeValue::N(version.to_string()));
                found.and_then(|found| found.get("version").cloned()) == version
            }
        };
        if !holds {
            return Ok(WriteOutcome::Conflict(found.cloned()));
        }
        items.insert(key, item);
        Ok(WriteOutcome::Stored)
    }

    async fn count_in_hour(&self, _: HourlyCount, _: i64, _: u32) -> Result<bool, TableError> {
        unreachable!("nothing is reversed here")
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        Ok(Vec::new())
    }

    async fn on_day(
        &self,
        index: DayIndex,
        _: Day,
        _: u8,
        after: Option<Item>,
        _: u16,
    ) -> Result<DayPage, TableError> {
        assert_eq!(index, DayIndex::Final);
        let items = self.0.lock().unwrap();
        let after = after.map(|after| after.get("transaction_id").cloned());
        let later = items.values().filter(|item| match &after {
            Some(after) => item.get("transaction_id").cloned().map(sort) > after.clone().map(sort),
            None => true,
        });
        let entries: Vec<Item> = later.take(2).cloned().collect();
        let next = entries.last().filter(|_| entries.len() == 2).cloned();
        Ok(DayPage { entries, next })
    }
}

fn sort(value: AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => text,
        other => panic!("{other:?}"),
    }
}

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000).unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

fn transactions() -> (Arc<Memory>, Transactions) {
    let table = Arc::new(Memory::default());
    let shared = Arc::<Memory>::clone(&table);
    let transactions = Transactions::new(shared, Arc::new(RandomWriteIds), Arc::new(Still));
    (table, transactions)
}

fn keys(secret: &str) -> Keyring {
    Keyring::new("payment-link", ClientSecret::new(secret))
}

fn order() -> Order {
    Order {
        amount: Vnd::new(100_000).unwrap(),
        webview_request_id: "webview".parse().ok(),
        identify_code: "KH-0001".parse().ok(),
        order_code: "221115".parse().ok(),
        description: "Ấm đun nước".parse().ok(),
        expires_in_s: 900,
    }
}

async fn paid(transactions: &Transactions, tiki_id: &str) -> Transaction {
    let limits = AmountLimits {
        min: Vnd::ZERO,
        max: Vnd::MAX,
    };
    let id = tiki_id.parse().unwrap();
    let created = Transaction::create(&id, order(), limits, Duration::ZERO, Still.now()).unwrap();
    let Creation::New(transaction) = transactions.create(created).await.unwrap() else {
        panic!("it is new");
    };
    let paid = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let updated = transactions.apply(transaction, |t| {
        t.record_payment_result(&paid, Still.now()).change
    });
    updated.await.unwrap().transaction
}

/// Paid, and confirmed by Tiki.
async fn confirmed(transactions: &Transactions, tiki_id: &str) -> Transaction {
    let paid = paid(transactions, tiki_id).await;
    let outcome = NotificationOutcome {
        answer: IpnAnswer::Accepted,
        known: None,
        decision: Decision::Confirm,
    };
    let confirmed = transactions.apply(paid, |t| {
        let (lease, _) = lease_now(t, Duration::ZERO, Still.now())?;
        t.record_ipn(lease, outcome, Still.now())
    });
    confirmed.await.unwrap().transaction
}

/// When no payment link works any more.
fn days_later() -> Timestamp {
    Still.now().after(Duration::from_hours(48))
}

#[tokio::test]
async fn nothing_personal_stays_in_the_item() {
    let (table, transactions) = transactions();
    let found = confirmed(&transactions, "T-1").await;
    let before = table.item(found.id());
    for name in PERSONAL {
        assert!(before.get(name).is_some(), "{name}");
    }
    let keys = keys("link secret");
    let updated = transactions.forget_personal(found, &keys, None, days_later());
    let updated = updated.await.unwrap();
    assert!(updated.written);
    let after = table.item(updated.transaction.id());
    for name in PERSONAL {
        assert!(after.get(name).is_none(), "{name}");
    }
    let text = format!("{after:?}");
    for value in ["webview\"", "KH-0001", "221115", "Ấm"] {
        assert!(!text.contains(value), "{value}: {text}");
    }
    assert_eq!(
        after.get("tiki_transaction_id"),
        before.get("tiki_transaction_id")
    );
    assert_eq!(after.get("day_shard"), before.get("day_shard"));
    let read = transactions.load(updated.transaction.id()).await.unwrap();
    assert_eq!(read, Some(updated.transaction.clone()));

    let again = updated.transaction;
    let again = transactions.forget_personal(again, &keys, None, days_later());
    assert!(!again.await.unwrap().written, "there is nothing to forget");
}

#[tokio::test]
async fn a_repeat_is_known_as_long_as_its_key_is() {
    let (_, transactions) = transactions();
    let found = confirmed(&transactions, "T-1").await;
    let (old, new) = (keys("old secret"), keys("new secret"));
    let forgotten = transactions.forget_personal(found, &old, None, days_later());
    let t = forgotten.await.unwrap().transaction;
    let other = Order {
        order_code: "221116".parse().ok(),
        ..order()
    };
    let both = new.clone().accepting(Some(ClientSecret::new("old secret")));
    for keys in [&old, &both] {
        let hashes = content_hashes(keys, t.id(), &order());
        assert_eq!(t.repeated_by(&order(), &hashes), Ok(()));
        let hashes = content_hashes(keys, t.id(), &other);
        let refused = t.repeated_by(&other, &hashes);
        assert_eq!(refused, Err(Refusal::IdReused));
    }
    // The secret was replaced twice: the amount is all that can be compared.
    let hashes = content_hashes(&new, t.id(), &other);
    assert_eq!(t.repeated_by(&other, &hashes), Ok(()));
}

#[tokio::test]
async fn what_is_open_is_not_forgotten() {
    let (table, transactions) = transactions();
    let found = paid(&transactions, "T-1").await;
    let id = found.id();
    let keys = keys("link secret");
    let refused = transactions.forget_personal(found, &keys, None, days_later());
    let refused = refused.await.unwrap_err();
    let ForgetError::StillNeeded(StillNeeded::NotificationOpen) = refused else {
        panic!("{refused:?}");
    };
    assert!(table.item(id).get("identify_code").is_some());
}

#[tokio::test]
async fn the_entry_of_a_person_is_read_back() {
    let (_, transactions) = transactions();
    let word = OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "the customer asked".parse().unwrap(),
    };
    for word in [None, Some(&word)] {
        let tiki_id = if word.is_some() { "T-1" } else { "T-2" };
        let found = confirmed(&transactions, tiki_id).await;
        let id = found.id();
        let keys = keys("link secret");
        let forgotten = transactions.forget_personal(found, &keys, word, days_later());
        assert!(forgotten.await.unwrap().written);
        let read = transactions.load(id).await.unwrap().unwrap();
        let event = AuditEvent::PersonalDataForgotten(word.cloned());
        assert_eq!(read.audit_trail().last().unwrap().event, event);
    }
}

#[tokio::test]
async fn what_a_newer_version_knows_stays() {
    let (table, transactions) = transactions();
    let found = confirmed(&transactions, "T-1").await;
    let mut attributes: std::collections::HashMap<_, _> = table.item(found.id()).into();
    let newer = AttributeValue::S("of a newer version".to_owned());
    attributes.insert("of_a_newer_version".to_owned(), newer.clone());
    table.plant(found.id(), attributes.into());
    let found = transactions.load(found.id()).await.unwrap().unwrap();
    let id = found.id();
    let keys = keys("link secret");
    let forgotten = transactions.forget_personal(found, &keys, None, days_later());
    assert!(forgotten.await.unwrap().written);
    assert_eq!(table.item(id).get("of_a_newer_version"), Some(&newer));
    assert!(table.item(id).get("identify_code").is_none());
}

#[tokio::test]
async fn a_shard_is_read_page_by_page_and_damage_hides_nothing() {
    let (table, transactions) = transactions();
    for n in 1..=5 {
        confirmed(&transactions, &format!("T-{n}")).await;
    }
    let damaged = TransactionId::derive(&"T-3".parse().unwrap());
    let mut attributes: std::collections::HashMap<_, _> = table.item(damaged).into();
    attributes.insert("amount_vnd".to_owned(), AttributeValue::N("0".to_owned()));
    table.plant(damaged, attributes.into());
    let day = Still.now().vietnamese_day();
    let mut pages = transactions.final_in_shard(day, 0);
    let (mut read, mut unreadable) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.len() <= 2);
        for (id, found) in page {
            match found {
                Ok(found) => read.push(found.id()),
                Err(_) => unreadable.push(id),
            }
        }
    }
    assert_eq!(read.len(), 4);
    assert_eq!(unreadable, [damaged]);

    // Whoever was interrupted goes on behind the last one.
    let third = transactions.load(read[2]).await.unwrap().unwrap();
    let behind = (third.final_at().unwrap(), third.id());
    let mut pages = transactions.final_in_shard_after(day, 0, behind);
    let mut rest = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        rest.extend(
            page.into_iter()
                .filter_map(|(id, found)| found.is_ok().then_some(id)),
        );
    }
    assert_eq!(rest, read[3..]);
}

#[test]
fn a_customer_is_looked_for_under_each_key_and_in_clear() {
    let code = "KH-0001".parse().unwrap();
    let (old, new) = (keys("old secret"), keys("new secret"));
    let both = new.clone().accepting(Some(ClientSecret::new("old secret")));
    let candidates = CustomerHash::candidates(&both, &code);
    assert_eq!(candidates.len(), 3);
    assert_eq!(candidates[0], CustomerHash::new(&new, &code));
    assert_eq!(candidates[1], CustomerHash::new(&old, &code));
    assert!(format!("{:?}", candidates[2]).contains("KH-0001"));
    assert!(!format!("{:?}", CustomerHash::new(&new, &code)).contains("KH-0001"));
}
