//! The transactions over a table with DynamoDB's conditional semantics, in memory: what a lost answer, a
//! crowd and a damaged item come to. The real DynamoDB's wire protocol is met in the end-to-end stories.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    AmountLimits, AttemptHttp, Clock, Created, Day, Decision, HeardOutcome, HttpOutcome, IpnAnswer,
    IpnRefusal, LookUpAnswer, NotificationOutcome, OperatorRefusal, OperatorWord, Order,
    PaidDetails, PaymentAnswer, PaymentResult, PaymentResultMessage, ProposedAct, RefundAnswer,
    RefundCommand, Reservation, Resolution, ReversalReason, Status, Timestamp, Transaction,
    TransactionId, Vnd,
};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;
use store::{
    Condition, Creation, DayIndex, DayPage, HourlyCount, IndexQuery, Indexed, Item, RandomWriteIds,
    StoreError, Table, TableError, Transactions, Updated, WriteOutcome,
};

/// What a table does to the next write.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// As the SDK after a lost answer: the write has committed, and is tried again.
    TriedTwice,
    /// Somebody else writes first, each time.
    Crowd,
}

struct Memory {
    items: Mutex<HashMap<String, Item>>,
    trouble: Mutex<Trouble>,
    puts: AtomicU64,
    counts: Mutex<BTreeMap<(HourlyCount, i64), u32>>,
}

impl Memory {
    fn with(trouble: Trouble) -> Arc<Self> {
        Arc::new(Self {
            items: Mutex::default(),
            trouble: Mutex::new(trouble),
            puts: AtomicU64::new(0),
            counts: Mutex::default(),
        })
    }

    fn only(&self) -> Item {
        self.items.lock().unwrap().values().next().unwrap().clone()
    }

    fn put_once(&self, item: &Item, condition: Condition) -> WriteOutcome {
        self.puts.fetch_add(1, Ordering::Relaxed);
        let mut items = self.items.lock().unwrap();
        let key = text(item, "transaction_id");
        let found = items.get(&key);
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::VersionIs(version) => {
                found.is_some_and(|found| number(found, "version") == version)
            }
        };
        if holds {
            items.insert(key, item.clone());
            WriteOutcome::Stored
        } else {
            WriteOutcome::Conflict(found.cloned())
        }
    }
}

#[async_trait]
impl Table for Memory {
    async fn get(&self, id: TransactionId) -> Result<Option<Item>, TableError> {
        Ok(self.items.lock().unwrap().get(&id.to_string()).cloned())
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let trouble = *self.trouble.lock().unwrap();
        if trouble == Trouble::Crowd && condition != Condition::Absent {
            // Another writer, whose write has its own id.
            let mut items = self.items.lock().unwrap();
            let other = items.get_mut(&text(&item, "transaction_id")).unwrap();
            let version = number(other, "version") + 1;
            set(other, "version", AttributeValue::N(version.to_string()));
            set(other, "write_id", AttributeValue::S("another".to_owned()));
        }
        if trouble == Trouble::TriedTwice {
            self.put_once(&item, condition);
        }
        Ok(self.put_once(&item, condition))
    }

    async fn count_in_hour(
        &self,
        counted: HourlyCount,
        hour: i64,
        limit: u32,
    ) -> Result<bool, TableError> {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry((counted, hour)).or_default();
        let fits = *count < limit;
        *count += u32::from(fits);
        Ok(fits)
    }

    async fn oldest(&self, _: IndexQuery) -> Result<Vec<Indexed>, TableError> {
        Ok(Vec::new())
    }

    async fn on_day(
        &self,
        _: DayIndex,
        _: Day,
        _: u8,
        _: Option<Item>,
        _: u16,
    ) -> Result<DayPage, TableError> {
        Ok(DayPage::default())
    }
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn number(item: &Item, name: &str) -> u64 {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

fn set(item: &mut Item, name: &str, value: AttributeValue) {
    let mut attributes: HashMap<String, AttributeValue> = std::mem::take(item).into();
    attributes.insert(name.to_owned(), value);
    *item = attributes.into();
}

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000).unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

fn transactions(table: &Arc<Memory>) -> Transactions {
    Transactions::new(
        Arc::<Memory>::clone(table),
        Arc::new(RandomWriteIds),
        Arc::new(Still),
    )
}

fn created(amount: u64) -> Created {
    let order = Order {
        amount: Vnd::new(amount).unwrap(),
        webview_request_id: "webview".parse().ok(),
        identify_code: "customer".parse().ok(),
        order_code: None,
        description: "Đơn hàng".parse().ok(),
        expires_in_s: 900,
    };
    let limits = AmountLimits {
        min: Vnd::ZERO,
        max: Vnd::MAX,
    };
    let id = "T-1".parse().unwrap();
    Transaction::create(&id, order, limits, Duration::ZERO, Still.now()).unwrap()
}

fn paid() -> PaymentResultMessage {
    let details = PaidDetails {
        paid_at: None,
        banking_method: "CARD".parse().ok(),
        core_reference: "FT1".parse().ok(),
    };
    PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(details),
    }
}

async fn create(transactions: &Transactions) -> Transaction {
    match transactions.create(created(100_000)).await.unwrap() {
        Creation::New(transaction) | Creation::Existing(transaction) => transaction,
    }
}

async fn pay(transactions: &Transactions, found: Transaction) -> Result<Updated, StoreError> {
    let message = paid();
    let now = Still.now();
    transactions
        .update(found, |t| Ok(t.record_payment_result(&message, now).change))
        .await
}

#[tokio::test]
async fn a_creation_finds_what_is_there_already() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let first = transactions.create(created(100_000)).await.unwrap();
    let second = transactions.create(created(200_000)).await.unwrap();
    match (first, second) {
        (Creation::New(first), Creation::Existing(second)) => assert_eq!(first, second),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_the_sdk_tried_twice_is_ours() {
    let table = Memory::with(Trouble::TriedTwice);
    let transactions = transactions(&table);
    let creation = transactions.create(created(100_000)).await.unwrap();
    let Creation::New(transaction) = creation else {
        panic!("our own write was taken for another's");
    };
    let updated = pay(&transactions, transaction).await.unwrap();
    assert!(updated.written);
    assert_eq!(updated.transaction.version(), 2);
}

#[tokio::test]
async fn a_stale_read_is_decided_anew() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let stale = create(&transactions).await;
    assert!(pay(&transactions, stale.clone()).await.unwrap().written);
    let again = pay(&transactions, stale).await.unwrap();
    assert!(!again.written, "it is a repeat of what is there");
    assert_eq!(again.transaction.version(), 2);
}

#[tokio::test]
async fn a_crowd_is_given_up_to_after_a_bounded_number_of_rounds() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let transaction = create(&transactions).await;
    *table.trouble.lock().unwrap() = Trouble::Crowd;
    let before = table.puts.load(Ordering::Relaxed);
    let refused = pay(&transactions, transaction).await;
    assert!(
        matches!(refused, Err(StoreError::Contended(_))),
        "{refused:?}"
    );
    assert_eq!(table.puts.load(Ordering::Relaxed) - before, 64);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a step for each state")]
async fn every_state_is_read_back_as_it_was_written() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let mut transaction = create(&transactions).await;
    let now = Still.now();
    let later = now.after(Duration::from_hours(1));
    let mut id = None;
    let PaymentResult::Paid(details) = paid().result else {
        unreachable!("it is paid")
    };
    // The same debit by its reference, so the right amount explains it.
    let other_amount = PaymentAnswer::Paid {
        amount: Vnd::new(1).unwrap(),
        details,
    };
    for step in 0..8 {
        let updated: Result<_, StoreError> = transactions
            .update(transaction.clone(), |t| {
                Ok(match step {
                    0 => t.lease_expiry_check(later),
                    1 => t.conclude_expiry(&other_amount, now),
                    2 => t.record_payment_result(&paid(), now).change,
                    3 => {
                        let due = t.ipn_due_at().unwrap();
                        t.lease_ipn(Duration::ZERO, due).map(|(_, change)| change)
                    }
                    4 => {
                        let command = RefundCommand {
                            request_id: "R1".parse().unwrap(),
                            amount: Vnd::new(40_000).unwrap(),
                            reason: "Khách hủy".parse().unwrap(),
                        };
                        match t.reserve_refund(&command, now).unwrap() {
                            Reservation::Reserve(refund, change) => {
                                id = Some(refund);
                                Some(change)
                            }
                            Reservation::Known(_) => None,
                        }
                    }
                    5 => t.record_refund_outcome(id.unwrap(), &RefundAnswer::Unknown, now),
                    6 => {
                        let reason = "no such account".parse().ok();
                        t.record_refund_outcome(
                            id.unwrap(),
                            &RefundAnswer::Rejected { reason },
                            now,
                        )
                    }
                    _ => {
                        let lease = domain::IpnLease {
                            attempt: 2,
                            failures: 0,
                            subject: t.ipn_subject().unwrap(),
                            not_found_at: t.payment().not_found_at(),
                            confirm_after: Duration::ZERO,
                        };
                        let outcome = NotificationOutcome {
                            answer: IpnAnswer::Refused(IpnRefusal::NotFound),
                            known: Some(LookUpAnswer::NotFound),
                            decision: Decision::Reverse(ReversalReason::NotFoundAtTiki),
                        };
                        let http = AttemptHttp {
                            ipn: Some(HttpOutcome::Status(404)),
                            look_up: Some(HttpOutcome::TimedOut),
                        };
                        t.record_ipn(lease, HeardOutcome { outcome, http }, now)
                    }
                })
            })
            .await;
        let updated = updated.unwrap();
        assert!(updated.written, "step {step}");
        let read = transactions.load(transaction.id()).await.unwrap().unwrap();
        assert_eq!(read, updated.transaction, "step {step}");
        let item = table.only();
        assert_eq!(item.contains_key("ipn_due_at"), read.ipn_due_at().is_some());
        assert_eq!(
            item.contains_key("refund_due_at"),
            read.refund_due_at().is_some()
        );
        assert_eq!(
            item.contains_key("expiry_due_at"),
            read.expiry_due_at().is_some()
        );
        assert_eq!(item.contains_key("day_shard"), read.final_at().is_some());
        assert_eq!(
            item.contains_key("ipn_due_mark"),
            step == 2,
            "only a newly queued notification has the mark"
        );
        assert_eq!(
            item.contains_key("refund_due_mark"),
            step == 7,
            "only a newly reserved refund has the mark"
        );
        transaction = read;
    }
}

/// What DynamoDB counts: names and texts in UTF-8, a number by its digits, and a little for each part.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size(value)).sum::<usize>(),
        AttributeValue::M(map) => {
            let entries = map.iter();
            3 + entries
                .map(|(name, value)| 1 + name.len() + size(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}

/// Changes a transaction, as a function would.
async fn change(
    transactions: &Transactions,
    t: Transaction,
    decide: impl Fn(&Transaction) -> domain::Change,
) -> Transaction {
    let updated = transactions.apply(t, |t| Some(decide(t))).await.unwrap();
    updated.transaction
}

/// Takes an IPN up and records what came of it.
async fn notified(transactions: &Transactions, t: Transaction, decision: Decision) -> Transaction {
    let (lease, taken_up) = t
        .lease_ipn(Duration::ZERO, t.ipn_due_at().unwrap())
        .unwrap();
    let t = change(transactions, t, |_| taken_up.clone()).await;
    let outcome = NotificationOutcome {
        answer: IpnAnswer::Refused(IpnRefusal::NotOfThisPartner),
        known: Some(LookUpAnswer::Found(Status::Success, Vnd::new(1 << 50).ok())),
        decision,
    };
    let http = AttemptHttp {
        ipn: Some(HttpOutcome::NoConnection),
        look_up: Some(HttpOutcome::NoConnection),
    };
    let heard = HeardOutcome { outcome, http };
    change(transactions, t, |t| {
        t.record_ipn(lease, heard, Still.now()).unwrap()
    })
    .await
}

/// Asks the core in vain, and is refused in the longest words.
async fn refused(transactions: &Transactions, t: Transaction, place: usize) -> Transaction {
    let (id, now) = (t.refunds().get(place).unwrap().id, Still.now());
    let unknown = RefundAnswer::Unknown;
    let t = change(transactions, t, |t| {
        t.record_refund_outcome(id, &unknown, now).unwrap()
    })
    .await;
    let reason = Some("😀".repeat(255).parse().unwrap());
    let rejected = RefundAnswer::Rejected { reason };
    change(transactions, t, |t| {
        t.record_refund_outcome(id, &rejected, now).unwrap()
    })
    .await
}

/// The longest word of one of two persons.
fn longest_word(person: char) -> OperatorWord {
    let part = |ascii| "đ".repeat(58) + &String::from(person).repeat(ascii);
    let by: domain::OperatorName = format!("{}/{}", part(12), part(11)).parse().unwrap();
    assert_eq!((by.as_str().chars().count(), by.as_str().len()), (140, 256));
    OperatorWord {
        by,
        reason: "đ".repeat(255).parse().unwrap(),
    }
}

/// Proposes an act in the longest words.
async fn proposed(
    transactions: &Transactions,
    t: Transaction,
    act: ProposedAct,
    now: Timestamp,
) -> Transaction {
    change(transactions, t, |t| {
        t.propose(act, &longest_word('a'), now).unwrap().unwrap()
    })
    .await
}

/// Proposes an act, and has another person approve it.
async fn approved(
    transactions: &Transactions,
    t: Transaction,
    act: ProposedAct,
    now: Timestamp,
) -> Transaction {
    let t = proposed(transactions, t, act, now).await;
    let number = t.proposal().unwrap().number;
    change(transactions, t, |t| {
        t.approve(number, &longest_word('b'), now).unwrap()
    })
    .await
}

/// The core contradicts itself again, long after a person has dealt with it.
async fn raised(transactions: &Transactions, t: Transaction, now: Timestamp) -> Transaction {
    let said = PaymentResultMessage {
        amount: Vnd::new((1 << 50) + 1).ok(),
        ..paid()
    };
    let raised = transactions.apply(t, |t| t.record_payment_result(&said, now).change);
    raised.await.unwrap().transaction
}

/// The most that can ever happen to one transaction, in the longest words: within DynamoDB's 400 KB.
#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "a step for each thing that can happen"
)]
async fn the_longest_life_fits_into_one_item() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let now = Still.now();
    let t = create(&transactions).await;
    let mut t = change(&transactions, t, |t| {
        t.record_payment_result(&paid(), now).change.unwrap()
    })
    .await;
    // As many rejected refunds as are allowed before one more, and then as many as hold.
    let rejected = domain::MAX_REJECTED_REFUNDS - 1;
    for refund in 0..rejected + domain::MAX_TIKI_REFUNDS {
        let command = RefundCommand {
            request_id: format!("{refund:0>4}{}", "😀".repeat(124)).parse().unwrap(),
            amount: Vnd::new(1_000).unwrap(),
            reason: "😀".repeat(255).parse().unwrap(),
        };
        t = change(&transactions, t, |t| {
            match t.reserve_refund(&command, now).unwrap() {
                Reservation::Reserve(_, change) => change,
                Reservation::Known(_) => panic!("it is new"),
            }
        })
        .await;
        if refund < rejected {
            t = refused(&transactions, t, refund).await;
        }
    }
    for _ in 0..domain::MAX_RESENDS {
        while t.ipn_due_at().is_some() {
            t = notified(&transactions, t, Decision::Retry).await;
        }
        t = approved(&transactions, t, ProposedAct::Resend, now).await;
    }
    for _ in 0..domain::MAX_REQUEUES {
        while t.ipn_due_at().is_some() {
            t = notified(&transactions, t, Decision::Retry).await;
        }
        t = change(&transactions, t, |t| t.requeue_ipn(now).unwrap()).await;
    }
    assert_eq!(t.requeue_ipn(now), None);
    // Tiki does not have it: each refund that the core refuses becomes a reversal of its own.
    let reverse = Decision::Reverse(ReversalReason::NotFoundAtTiki);
    t = notified(&transactions, t, reverse).await;
    for said in 0..domain::MAX_CONTRADICTIONS {
        let said = PaymentResultMessage {
            amount: Vnd::new((1 << 50) + said as u64).ok(),
            result: PaymentResult::Paid(PaidDetails {
                core_reference: "x".repeat(128).parse().ok(),
                ..PaidDetails::default()
            }),
        };
        t = change(&transactions, t, |t| {
            t.record_payment_result(&said, now).change.unwrap()
        })
        .await;
    }
    for place in 0..domain::MAX_TIKI_REFUNDS {
        t = refused(&transactions, t, rejected + place).await;
    }
    while let Some(place) = t.refunds().iter().position(|refund| refund.due().is_some()) {
        t = refused(&transactions, t, place).await;
    }
    let resolve = ProposedAct::Resolve;
    for _ in domain::MAX_RESENDS..domain::MAX_OPEN_ACTS {
        t = approved(&transactions, t, resolve(Resolution::Reverse), now).await;
        let place = t.refunds().len() - 1;
        t = refused(&transactions, t, place).await;
    }
    // A contradiction is raised again each day. Before each decision that ends it, a proposal is declined.
    let handled = resolve(Resolution::Handled);
    for day in (2..)
        .step_by(2)
        .take(domain::MAX_OPERATOR_ACTS - domain::MAX_OPEN_ACTS)
    {
        let later = now.after(Duration::from_hours(24 * day));
        t = raised(&transactions, t, later).await;
        t = proposed(&transactions, t, handled, later).await;
        let number = t.proposal().unwrap().number;
        t = change(&transactions, t, |t| {
            t.decline_proposal(number, &longest_word('b'), later)
                .unwrap()
        })
        .await;
        t = approved(&transactions, t, handled, later).await;
    }
    let later = now.after(Duration::from_hours(24 * 99));
    t = raised(&transactions, t, later).await;
    let refused = t.propose(handled, &longest_word('a'), later);
    let acts = domain::MAX_OPERATOR_ACTS;
    assert_eq!(refused, Err(OperatorRefusal::TooManyActs(acts)));
    let bytes = size(&AttributeValue::M(table.only().into()));
    let entries = t.audit_trail().len();
    println!(
        "{entries} entries, {} refunds, {bytes} bytes",
        t.refunds().len()
    );
    assert!(
        t.refunds().len() > 220 && entries > 700,
        "{entries} entries"
    );
    assert!(bytes < 350 * 1024, "{bytes} bytes");
    assert_eq!(transactions.load(t.id()).await.unwrap(), Some(t));
}

#[tokio::test]
async fn a_damaged_item_or_another_schema_is_an_error_that_names_it() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let transaction = create(&transactions).await;
    let good = table.only();
    for (name, value, word) in [
        ("schema", AttributeValue::N("3".to_owned()), "schema 3"),
        ("schema", AttributeValue::Null(true), "no schema"),
        (
            "tiki_transaction_id",
            AttributeValue::S(String::new()),
            "tiki_transaction_id",
        ),
        (
            "amount_vnd",
            AttributeValue::N("0".to_owned()),
            "the amount is zero",
        ),
        (
            "created_at",
            AttributeValue::N("-1".to_owned()),
            "created_at",
        ),
        ("ipn", AttributeValue::S("confirmed".to_owned()), ""),
        ("expiry_check", AttributeValue::Null(true), ""),
    ] {
        let mut item = good.clone();
        set(&mut item, name, value);
        match store::read(item) {
            Err(StoreError::Unreadable {
                transaction_id,
                reason,
            }) => {
                assert_eq!(transaction_id, transaction.id().to_string());
                assert!(reason.contains(word), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

async fn item_with(result: PaymentResult) -> Item {
    let message = PaymentResultMessage {
        amount: None,
        result,
    };
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let t = create(&transactions).await;
    let now = t.updated_at();
    change(&transactions, t, |t| {
        t.record_payment_result(&message, now).change.unwrap()
    })
    .await;
    table.only()
}

/// The layout can write down what the types cannot: such an item is refused with the reason.
#[tokio::test]
async fn a_notification_state_that_the_payment_cannot_have_is_refused() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let pending = create(&transactions).await;
    let pending_item = table.only();
    let paid = item_with(PaymentResult::Paid(PaidDetails::default())).await;
    let failed = item_with(PaymentResult::Declined { reason: None }).await;
    let reversing = [("state", "reversing"), ("reason", "not_found_at_tiki")];
    let disputed = [("state", "disputed"), ("reason", "amount_differs")];
    for (item, state, words) in [
        (
            &pending_item,
            &[("state", "queued")][..],
            "a notification without a result",
        ),
        (
            &pending_item,
            &[("state", "confirmed")],
            "a notification without a result",
        ),
        (
            &pending_item,
            &[("state", "abandoned")],
            "whose notification was abandoned",
        ),
        (&pending_item, &reversing, "without a payment"),
        (
            &paid,
            &[("state", "not_due")],
            "a result without a notification",
        ),
        (
            &paid,
            &[("state", "abandoned")],
            "whose notification was abandoned",
        ),
        (
            &failed,
            &[("state", "not_due")],
            "a result without a notification",
        ),
        (&failed, &reversing, "without a payment"),
        (&failed, &disputed, "without a payment"),
        (&failed, &[("state", "exhausted")], "without a payment"),
    ] {
        let text =
            |(name, value): &(&str, &str)| (name.to_string(), AttributeValue::S(value.to_string()));
        let mut ipn: std::collections::HashMap<_, _> = state.iter().map(text).collect();
        for time in ["at", "due_at"] {
            ipn.insert(time.to_owned(), AttributeValue::N("1".to_owned()));
        }
        let mut item = item.clone();
        set(&mut item, "ipn", AttributeValue::M(ipn));
        match store::read(item) {
            Err(StoreError::Unreadable {
                transaction_id,
                reason,
            }) => {
                assert_eq!(transaction_id, pending.id().to_string());
                assert!(reason.contains(words), "{state:?}: {reason}");
            }
            other => panic!("{state:?}: {other:?}"),
        }
    }
}

fn any_attribute() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(AttributeValue::S),
        any::<i64>().prop_map(|n| AttributeValue::N(n.to_string())),
        any::<String>().prop_map(AttributeValue::N),
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<bool>().prop_map(AttributeValue::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = prop::sample::select(vec!["state", "due_at", "attempts", "at", "reason", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(AttributeValue::L),
            prop::collection::hash_map(name.prop_map(str::to_owned), inner, 0..4)
                .prop_map(AttributeValue::M),
        ]
    })
}

proptest! {
    #[test]
    fn no_item_panics(changes in prop::collection::vec((0usize..30, any_attribute()), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let table = Memory::with(Trouble::None);
        let transaction = runtime.block_on(create(&transactions(&table)));
        let mut item = table.only();
        let names: Vec<String> = item.keys().cloned().collect();
        for (index, value) in changes {
            if let Some(name) = names.get(index) {
                set(&mut item, name, value);
            }
        }
        if let Ok(read) = store::read(item) {
            prop_assert!(read.refunded_amount() <= read.paid_amount());
        }
        drop(transaction);
    }
}

/// Items as versions of this software have written them. A file is never changed, and never taken away: what a
/// deployed version has written must be readable for ever. Those of schema 2 are as a newer version may write them.
fn items_of_all_versions() -> Vec<(String, Item)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/items");
    let files = std::fs::read_dir(folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        let item = serde_json::from_str(&std::fs::read_to_string(&path).unwrap());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, item.unwrap())
    });
    files.collect()
}

#[test]
fn the_items_of_all_versions_are_read() {
    let items = items_of_all_versions();
    assert!(items.len() >= 12);
    for (name, item) in items {
        let read = store::read(item).unwrap_or_else(|error| panic!("{name}: {error}"));
        let newer = name.starts_with("schema-2");
        assert_eq!(read.kept() == &domain::Kept::default(), !newer, "{name}");
    }
}

/// The first version wrote a decision without what it was about.
#[test]
fn a_decision_is_read_with_what_was_in_review_or_without() {
    let mut items = items_of_all_versions().into_iter();
    let (_, resolved) = items.find(|(name, _)| name == "schema-1-resolved").unwrap();
    let read = store::read(resolved).unwrap();
    let entries = read.audit_trail().iter();
    let reviews = entries.filter_map(|entry| match entry.event {
        domain::AuditEvent::Resolved { review, .. } => Some(review),
        _ => None,
    });
    let differs = domain::ReviewReason::Raised(domain::RaisedReason::PaidAmountDiffers);
    assert_eq!(reviews.collect::<Vec<_>>(), [None, Some(differs)]);
}

#[test]
fn a_stored_proposal_and_its_approval_are_read() {
    let items: BTreeMap<_, _> = items_of_all_versions().into_iter().collect();
    let read = |name: &str| store::read(items.get(name).unwrap().clone()).unwrap();
    let proposed = read("schema-1-proposed");
    let proposal = proposed.proposal().unwrap();
    let act = ProposedAct::Resolve(Resolution::Reverse);
    assert_eq!((proposal.number, proposal.act), (2, act));
    assert_eq!(proposal.word.by.as_str(), "operators/lan@bank.vn");
    assert_eq!(proposal.remaining, Vnd::new(100_000).unwrap());
    let approved = read("schema-1-approved");
    assert_eq!(approved.proposal(), None);
    let entries = approved.audit_trail().iter();
    let names: Vec<_> = entries.map(|entry| entry.event.as_str()).collect();
    let acts = [
        "proposed",
        "proposal_declined",
        "proposed",
        "approved",
        "resolved",
        "refund_reserved",
    ];
    assert_eq!(names[names.len() - acts.len()..], acts);
}

/// A newer version was deployed and taken back: what it has written is not erased by this one's writes.
#[tokio::test]
async fn what_a_newer_version_has_written_is_written_back() {
    let mut items = items_of_all_versions().into_iter();
    let (_, newer) = items
        .find(|(name, _)| name == "schema-2-reversing")
        .unwrap();
    let table = Memory::with(Trouble::None);
    table
        .items
        .lock()
        .unwrap()
        .insert(text(&newer, "transaction_id"), newer.clone());
    let transactions = transactions(&table);
    let found = store::read(newer.clone()).unwrap();
    assert_eq!(
        (found.status(), found.refunds().len()),
        (Status::Failure, 2)
    );
    let unknown = |t: &Transaction| {
        let entries = t.audit_trail().iter();
        entries
            .filter(|entry| entry.event == domain::AuditEvent::Unknown)
            .count()
    };
    assert_eq!(unknown(&found), 3);

    // The money is back: a refund, the trail, the notification and the indexes change.
    let (id, now) = (found.refunds().last().unwrap().id, found.updated_at());
    let changed = change(&transactions, found, |t| {
        t.record_refund_outcome(id, &RefundAnswer::Succeeded, now)
            .unwrap()
    })
    .await;
    let written = table.only();
    assert_eq!(store::read(written.clone()).unwrap(), changed);
    assert_eq!(unknown(&changed), 3);
    for name in ["schema", "loyalty", "loyalty_shard"] {
        assert_eq!(written.get(name), newer.get(name), "{name}");
    }
    let inner = |item: &Item, list: &str, at: usize| match item.get(list) {
        Some(AttributeValue::L(values)) => values.get(at).cloned().unwrap(),
        other => panic!("{list}: {other:?}"),
    };
    assert_eq!(inner(&written, "refunds", 0), inner(&newer, "refunds", 0));
    for at in 0..11 {
        assert_eq!(
            inner(&written, "trail", at),
            inner(&newer, "trail", at),
            "{at}"
        );
    }
    assert_eq!(written.get("payment"), newer.get("payment"));
    // The mark of one write is not written again: it would start a worker for ever.
    assert!(newer.contains_key("refund_due_mark") && !written.contains_key("refund_due_mark"));
    assert!(written.contains_key("ipn_due_mark"));
}

/// Found by fuzzing: what is damage in one state came to mean something in the next one.
#[tokio::test]
async fn what_belongs_to_another_state_is_not_kept() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let mut item = {
        create(&transactions).await;
        table.only()
    };
    let stray = AttributeValue::N("1800000000000".to_owned());
    set(&mut item, "not_found_at", stray);
    let found = store::read(item.clone()).unwrap();
    table
        .items
        .lock()
        .unwrap()
        .insert(text(&item, "transaction_id"), item);
    let paid = pay(&transactions, found).await.unwrap().transaction;
    assert_eq!(paid.payment().not_found_at(), None);
    assert_eq!(store::read(table.only()).unwrap(), paid);
}

/// What waits for a decision: Tiki's amount and ours differ.
async fn disputed(transactions: &Transactions) -> Transaction {
    let t = create(transactions).await;
    let t = pay(transactions, t).await.unwrap().transaction;
    let differs = Decision::Dispute(domain::DisputeReason::AmountDiffers);
    notified(transactions, t, differs).await
}

#[tokio::test]
async fn a_proposal_is_read_back_as_it_was_written() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let mut t = disputed(&transactions).await;
    let now = t.updated_at();
    let amount = t.remaining_amount();
    let resolve = ProposedAct::Resolve;
    for (number, act, word) in [
        (1, resolve(Resolution::Confirmed), "confirmed"),
        (2, resolve(Resolution::Returned { amount }), "returned"),
        (3, ProposedAct::Resend, "resend"),
        (4, resolve(Resolution::Reverse), "reverse"),
    ] {
        t = proposed(&transactions, t, act, now).await;
        assert_eq!(transactions.load(t.id()).await.unwrap(), Some(t.clone()));
        let proposal = t.proposal().unwrap();
        assert_eq!((proposal.number, proposal.act), (number, act));
        match table.only().get("proposal") {
            Some(AttributeValue::M(map)) => {
                assert_eq!(map.get("act"), Some(&AttributeValue::S(word.to_owned())));
                let review = AttributeValue::S("amount_differs".to_owned());
                assert_eq!(map.get("review"), Some(&review));
            }
            other => panic!("{other:?}"),
        }
        if number < 4 {
            t = change(&transactions, t, |t| {
                t.decline_proposal(number, &longest_word('a'), now).unwrap()
            })
            .await;
        } else {
            t = change(&transactions, t, |t| {
                t.approve(number, &longest_word('b'), now).unwrap()
            })
            .await;
        }
        assert_eq!(transactions.load(t.id()).await.unwrap(), Some(t.clone()));
        assert!(!table.only().contains_key("proposal"));
    }
}

/// Of a notification that is still tried, nothing is in review.
#[tokio::test]
async fn a_proposal_without_a_review_is_read_back() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let t = create(&transactions).await;
    let t = pay(&transactions, t).await.unwrap().transaction;
    let now = t.updated_at();
    let t = proposed(&transactions, t, ProposedAct::Resend, now).await;
    assert_eq!(t.proposal().unwrap().review, None);
    assert_eq!(store::read(table.only()).unwrap(), t);
}

/// The attributes of the proposal, changed.
fn with_proposal(
    item: &Item,
    change: impl Fn(&mut HashMap<String, AttributeValue>),
) -> (Item, AttributeValue) {
    let Some(AttributeValue::M(map)) = item.get("proposal") else {
        panic!("nothing is proposed")
    };
    let mut map = map.clone();
    change(&mut map);
    let (mut item, proposal) = (item.clone(), AttributeValue::M(map));
    set(&mut item, "proposal", proposal.clone());
    (item, proposal)
}

/// A newer version has proposals that this one does not know. The payment goes on, and nobody approves it here.
#[tokio::test]
async fn a_proposal_that_cannot_be_read_is_none_and_is_kept() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let t = disputed(&transactions).await;
    let now = t.updated_at();
    let act = ProposedAct::Resolve(Resolution::Reverse);
    let t = proposed(&transactions, t, act, now).await;
    let good = table.only();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let (name, attribute) = ("proposal".to_owned(), AttributeValue::Null(true));
    let mut broken = good.clone();
    set(&mut broken, &name, attribute.clone());
    let mut items = vec![(broken, attribute)];
    for (name, value) in [
        ("act", Some(text("escalate"))),
        ("act", None),
        ("review", Some(text("who_knows"))),
        ("review", None),
        ("by", Some(text(""))),
        ("reason", None),
        ("number", Some(AttributeValue::N("-1".to_owned()))),
        ("remaining_vnd", Some(AttributeValue::N("1e30".to_owned()))),
        ("expires_at", Some(text("tomorrow"))),
    ] {
        items.push(with_proposal(&good, |map| {
            match value.clone() {
                Some(value) => map.insert(name.to_owned(), value),
                None => map.remove(name),
            };
        }));
    }
    for (item, attribute) in items {
        let read = store::read(item.clone()).unwrap();
        assert_eq!(read.proposal(), None, "{attribute:?}");
        assert_eq!(read.audit_trail(), t.audit_trail());
        let key = t.id().to_string();
        table.items.lock().unwrap().insert(key, item);
        let resent = change(&transactions, read, |t| {
            t.resend_ipn(&longest_word('a'), now).unwrap()
        })
        .await;
        assert_eq!(table.only().get("proposal"), Some(&attribute));
        // One of this version takes its place.
        let read = store::read(table.only()).unwrap();
        assert_eq!(read, resent);
        let own = proposed(&transactions, read, ProposedAct::Resend, now).await;
        assert_eq!(own.proposal().unwrap().number, 2);
        assert_eq!(
            store::read(table.only()).unwrap().proposal(),
            own.proposal()
        );
    }
}

/// A newer version may write more into a proposal. In the next proposal it would say something that is not so.
#[tokio::test]
async fn what_is_unknown_within_a_proposal_does_not_pass_to_another() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let t = disputed(&transactions).await;
    let now = t.updated_at();
    let act = ProposedAct::Resolve(Resolution::Reverse);
    let t = proposed(&transactions, t, act, now).await;
    let (item, _) = with_proposal(&table.only(), |map| {
        let half = AttributeValue::S("user/minh".to_owned());
        map.insert("first_approval".to_owned(), half);
    });
    let found = store::read(item.clone()).unwrap();
    assert_eq!(found.proposal(), t.proposal());
    let key = t.id().to_string();
    table.items.lock().unwrap().insert(key, item);
    let expired = now.after(Duration::from_hours(24));
    proposed(&transactions, found, act, expired).await;
    match table.only().get("proposal") {
        Some(AttributeValue::M(map)) => assert!(!map.contains_key("first_approval"), "{map:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_hour_and_each_kind_has_a_count_of_its_own() {
    let table = Memory::with(Trouble::None);
    let transactions = transactions(&table);
    let now = Still.now();
    for expected in [true, true, false] {
        assert_eq!(transactions.may_reverse(2).await.unwrap(), expected);
        assert_eq!(transactions.count_resend(now, 2).await.unwrap(), expected);
    }
    let next = now.after(Duration::from_hours(1));
    assert!(transactions.count_resend(next, 2).await.unwrap());
    let hour = now.unix_ms() / 3_600_000;
    let counts = table.counts.lock().unwrap().clone();
    let expected = BTreeMap::from([
        ((HourlyCount::Reversals, hour), 2),
        ((HourlyCount::Resends, hour), 2),
        ((HourlyCount::Resends, hour + 1), 1),
    ]);
    assert_eq!(counts, expected);
}
