//! The reconciliation records: their keys, their place in the index `by_status`, and their form in the table, over a
//! table in memory that keeps to the conditions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{Day, LookUpAnswer, Status, Timestamp, TransactionId, Vnd};
use proptest::prelude::*;
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::file::{Part, Sum, Totals};
use reconciliation::record::{
    Began, Claim, Closed, ClosedBy, ComparedFrom, DayMoney, DaySummary, Doubt, Exported, Finding,
    Forgetting, Lease, Mailed, Ours, Received, Reported, Results, Sent, Statement, StatementRead,
    Subject, Unrecognised, Values, Watched,
};
use serde_dynamo::{AttributeValue, Item};
use store::{
    CLOSED, Condition, RandomWriteIds, ReconciliationRecords, Record, RecordPage, RecordTable,
    StoreError, StoredKey, TableError, WriteOutcome, Written, day_partition,
};

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms).unwrap()
}

fn finding() -> Finding {
    let tiki_id = "T-1".parse().unwrap();
    Finding::new(day(), Subject::Payment { tiki_id }, at(1_000))
}

fn by_person() -> Closed {
    Closed {
        at: at(3_000),
        by: ClosedBy::Person("lan".parse().unwrap(), "Tiki, ticket 4713".parse().unwrap()),
    }
}

/// A finding that a person has closed, and that the report shows as closed.
fn closed() -> Finding {
    let mut finding = finding();
    finding.look(at(2_000), Kind::NeedsReview, MismatchReason::AmountDiffers);
    finding.closed = Some(by_person());
    finding.reported = true;
    finding
}

#[test]
fn a_finding_is_indexed_until_it_matches_or_is_published() {
    let mut finding = finding();
    for &kind in Kind::ALL {
        finding.look(at(5_000), kind, MismatchReason::Agree);
        let status = (kind != Kind::Matched).then_some((kind.as_str(), at(5_000)));
        assert_eq!(
            (finding.status(), finding.is_open()),
            (status, status.is_some())
        );
    }
    let mut closed = closed();
    assert_eq!(closed.status(), None);
    closed.reported = false;
    let until_reported = Some((CLOSED, at(3_000)));
    assert_eq!(closed.status(), until_reported, "until the report says so");
    closed.kind = Kind::Matched;
    assert_eq!(closed.status(), until_reported);
    assert!(Kind::ALL.iter().all(|kind| kind.as_str() != CLOSED));
}

fn sent(counter: u32) -> Sent {
    Sent {
        day: day(),
        counter,
        name: "tikivip_acme_20261122_1".to_owned(),
        content: Part {
            lines: 3,
            bytes: 300,
            sha256: "ab".to_owned(),
            totals: Totals {
                success: Sum {
                    count: 2,
                    amount_vnd: 300_000,
                },
                ..Totals::default()
            },
        },
        run: "r1".parse().unwrap(),
        planned_at: at(1),
        archived_at: Some(at(2)),
        delivered_at: None,
        doubts: Doubt::ALL.to_vec(),
    }
}

fn received(name: &str) -> Received {
    Received {
        day: day(),
        name: name.to_owned(),
        sha256: None,
        bytes: 7,
        modified: Some(8),
        reading: 1,
        received_at: at(9),
        lines: 10,
        matched: 11,
        findings: 12,
        unreadable: 13,
        done_at: Some(at(14)),
    }
}

fn exported() -> Exported {
    Exported {
        day: day(),
        totals: Totals::default(),
        refunded: Sum::default(),
        counters: vec![1, 3],
        exported_at: at(4),
        run: "r1".parse().unwrap(),
    }
}

fn reported() -> Reported {
    Reported {
        day: day(),
        html_sha256: "a".to_owned(),
        csv_sha256: "b".to_owned(),
        summary: Some(DaySummary {
            day: day(),
            money: Some(DayMoney::default()),
            delivered: true,
            results: Results::BeingRead,
            statement: Statement::Compared,
            orders_without_money: 1,
            needs_review: 2,
            automatic: 3,
            differences_vnd: 4,
        }),
    }
}

fn key<R: Record>(record: &R) -> String {
    let StoredKey { partition, sort } = record.key().stored().clone();
    assert!(sort.starts_with(R::PREFIX), "{sort}");
    format!("{partition} {sort}")
}

#[test]
fn each_record_has_its_own_key() {
    let keys = [
        key(&sent(1)),
        key(&sent(10)),
        key(&exported()),
        key(&received("f")),
        key(&received("g")),
        key(&finding()),
        key(&reported()),
    ];
    let expected = [
        "sent#000001",
        "sent#000010",
        "exported",
        "received#f",
        "received#g",
        "finding#T-1",
        "reported",
    ]
    .map(|sort| format!("{} {sort}", day_partition(day())));
    assert_eq!(keys, expected);
    assert_eq!(day_partition(day()), "day#2026-11-22");
    assert!(finding().key().is_of(day()) && !finding().key().is_of(day().next()));
    let (of, mailed_at) = (day(), at(0));
    let mailed = Mailed { day: of, mailed_at };
    assert_eq!(key(&mailed), "day#2026-11-22 mailed");
    let (run, until) = ("r1".parse().unwrap(), at(0));
    assert_eq!(key(&Lease { run, until }), "runs lease");
    assert_eq!(key(&Began { first_day: day() }), "runs began");
    let compared_from = ComparedFrom { first_day: day() };
    assert_eq!(key(&compared_from), "runs compared_from");
    assert_eq!(key(&Forgetting::from(day())), "runs forgetting");
    let (name, day) = ("f".to_owned(), day());
    assert_eq!(key(&Unrecognised { name, day }), "runs unrecognised#f");
}

/// All records of a type are listed by the prefix of their sort keys.
#[test]
fn no_type_of_record_is_listed_with_another() {
    let prefixes = [
        Sent::PREFIX,
        Exported::PREFIX,
        Received::PREFIX,
        Finding::PREFIX,
        Reported::PREFIX,
        Mailed::PREFIX,
        StatementRead::PREFIX,
        Watched::PREFIX,
        Unrecognised::PREFIX,
        Began::PREFIX,
        ComparedFrom::PREFIX,
        Forgetting::PREFIX,
        Lease::PREFIX,
    ];
    for (n, one) in prefixes.iter().enumerate() {
        let others = prefixes.iter().enumerate().filter(|(other, _)| *other != n);
        assert!(
            others.into_iter().all(|(_, other)| !other.starts_with(one)),
            "{one}"
        );
    }
}

/// A table in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<StoredKey, Item>>);

impl Memory {
    /// Puts another value into a stored record.
    fn damage(&self, key: &StoredKey, attribute: &str, damaged: AttributeValue) {
        let mut rows = self.0.lock().unwrap();
        let item = rows.remove(key).unwrap();
        let mut item: HashMap<String, AttributeValue> = item.into();
        let Some(AttributeValue::M(record)) = item.get_mut("record") else {
            panic!("a record is a map");
        };
        record.insert(attribute.to_owned(), damaged);
        rows.insert(key.clone(), item.into());
    }
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

#[async_trait]
impl RecordTable for Memory {
    async fn get(&self, key: &StoredKey) -> Result<Option<Item>, TableError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, item: Item, condition: Condition) -> Result<WriteOutcome, TableError> {
        let key = StoredKey {
            partition: text(&item, "partition"),
            sort: text(&item, "sort"),
        };
        let mut rows = self.0.lock().unwrap();
        let version = |item: &Item| match item.get("version") {
            Some(AttributeValue::N(version)) => version.parse::<u64>().ok(),
            _ => None,
        };
        let found = rows.get(&key);
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::VersionIs(wanted) => found.and_then(version) == Some(wanted),
        };
        if !holds {
            return Ok(WriteOutcome::Conflict(found.cloned()));
        }
        rows.insert(key, item);
        Ok(WriteOutcome::Stored)
    }

    async fn page(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<String>,
        limit: u16,
    ) -> Result<RecordPage, TableError> {
        let rows = self.0.lock().unwrap();
        let wanted = rows.iter().filter(|(key, _)| {
            key.partition == partition
                && key.sort.starts_with(prefix)
                && after.as_ref().is_none_or(|after| key.sort > *after)
        });
        let page: Vec<_> = wanted.take(limit.into()).collect();
        let full = page.len() == usize::from(limit);
        Ok(RecordPage {
            next: page
                .last()
                .filter(|_| full)
                .map(|(key, _)| key.sort.clone()),
            items: page.into_iter().map(|(_, item)| item.clone()).collect(),
        })
    }

    async fn with_status(&self, status: &str, limit: u16) -> Result<Vec<StoredKey>, TableError> {
        let rows = self.0.lock().unwrap();
        let with = rows
            .iter()
            .filter(|(_, item)| item.get("status") == Some(&AttributeValue::S(status.to_owned())));
        Ok(with
            .take(limit.into())
            .map(|(key, _)| key.clone())
            .collect())
    }

    async fn count_with_status(&self, status: &str) -> Result<i64, TableError> {
        let keys = self.with_status(status, u16::MAX).await?;
        Ok(i64::try_from(keys.len()).unwrap())
    }
}

fn records() -> (Arc<Memory>, ReconciliationRecords) {
    let table = Arc::new(Memory::default());
    let records = ReconciliationRecords::new(
        Arc::clone(&table) as Arc<dyn RecordTable>,
        Arc::new(RandomWriteIds),
    );
    (table, records)
}

/// Stores a record, and reads it back.
async fn round_trip<R: Record + PartialEq + std::fmt::Debug>(record: R) {
    let (_, records) = records();
    let put = records.put(record.clone(), None).await.unwrap();
    assert!(matches!(put, Written::Stored(_)), "{put:?}");
    let read = records.get(&record.key()).await.unwrap().unwrap();
    assert_eq!((read.record, read.version), (record, 1));
}

#[tokio::test]
async fn each_record_is_read_as_it_was_written() {
    round_trip(sent(1)).await;
    round_trip(exported()).await;
    round_trip(Forgetting::from(day())).await;
    round_trip(Forgetting {
        day: Some(day()),
        shards: 7,
        days: vec![day().previous()],
        payments: vec![TransactionId::from_bytes([7; 16])],
        ..Forgetting::from(day())
    })
    .await;
    for name in ["f", "=1;\"x\""] {
        round_trip(received(name)).await;
    }
    round_trip(reported()).await;
    round_trip(Began { first_day: day() }).await;
    round_trip(ComparedFrom { first_day: day() }).await;
    let lease = Lease {
        run: "r1".parse().unwrap(),
        until: Timestamp::MIN,
    };
    round_trip(lease).await;
    round_trip(Unrecognised {
        name: "x".to_owned(),
        day: day(),
    })
    .await;
    for answer in LookUpAnswer::all() {
        let answer = match answer {
            LookUpAnswer::Found(status, _) => LookUpAnswer::Found(status, Vnd::new(7).ok()),
            other => other,
        };
        let mut finding = closed();
        finding.tiki = Some(answer);
        finding.look(at(4_000), Kind::NeedsReview, MismatchReason::AmountDiffers);
        round_trip(finding).await;
    }
}

#[tokio::test]
async fn a_record_is_changed_on_what_is_stored() {
    let (_, records) = records();
    let key = finding().key();
    let mut asked = 0;
    let change = |records: ReconciliationRecords| async move {
        // Another writer is faster, once.
        let mut faster = Some(records.clone());
        let mut seen = Vec::new();
        let key = finding().key();
        let stored = records
            .update::<Finding, StoreError>(&key, |known| {
                seen.push(known.as_ref().map(|known| known.looked_at));
                if let Some(records) = faster.take() {
                    let mut other = known.clone().unwrap_or_else(finding);
                    other.looked_at = at(7_000);
                    let version = known.as_ref().map(|_| 1);
                    let put = futures_executor(records.put(other, version));
                    assert!(matches!(put, Written::Stored(_)));
                }
                let mut finding = known.unwrap_or_else(finding);
                finding.reported = true;
                Ok(Some(finding))
            })
            .await;
        (stored.unwrap().unwrap(), seen)
    };
    let (stored, seen) = change(records.clone()).await;
    assert_eq!(seen, [None, Some(at(7_000))], "it decides again");
    assert!(stored.reported && stored.looked_at == at(7_000));
    let nothing = records
        .update::<Finding, StoreError>(&key, |_| {
            asked += 1;
            Ok(None)
        })
        .await;
    assert_eq!((nothing.unwrap(), asked), (None, 1));
}

/// Waits for a future of the table in memory, which never waits itself.
fn futures_executor<T>(future: impl Future<Output = Result<T, StoreError>>) -> T {
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(done) => done.unwrap(),
        std::task::Poll::Pending => panic!("the table in memory answers at once"),
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error_that_names_it() {
    for (attribute, damaged) in [
        ("day", AttributeValue::S("2026-11-31".to_owned())),
        ("found_at", AttributeValue::N("-1".to_owned())),
        ("transaction_id", AttributeValue::S("x".to_owned())),
        ("kind", AttributeValue::S("x".to_owned())),
        ("history", AttributeValue::Null(true)),
    ] {
        let (table, records) = records();
        records.put(finding(), None).await.unwrap();
        let key = finding().key();
        table.damage(key.stored(), attribute, damaged);
        let error = records.get(&key).await.unwrap_err().to_string();
        assert!(error.contains("finding#T-1"), "{attribute}: {error}");
    }
}

proptest! {
    #[test]
    fn files_are_listed_in_the_order_of_their_counters(one in 1_u32..1_000_000, other in 1_u32..1_000_000) {
        let sort = |counter| sent(counter).key().stored().sort.clone();
        prop_assert_eq!(sort(one).cmp(&sort(other)), one.cmp(&other));
    }

    #[test]
    fn a_finding_is_read_as_it_was_written(texts in prop::collection::vec(".*", 5), amounts: [Option<u32>; 3], withdrawn: bool) {
        let mut finding = closed();
        let [code, reason, file, id, status]: [String; 5] = texts.try_into().unwrap();
        let [here, there, in_file] = amounts.map(|amount| amount.map(|a| Vnd::new(u64::from(a) + 1).unwrap()));
        finding.subject = match here {
            None => Subject::Line { file: file.clone(), line: 7 },
            Some(_) => Subject::Refund { tiki_id: "T-1".parse().unwrap(), refund: id.clone() },
        };
        finding.ours = Some(Ours { status: Status::Failure, amount: here });
        finding.tiki = Some(LookUpAnswer::Found(Status::Success, there));
        let claim = Claim {
            reading: 3,
            heard_at: at(5),
            line: 6,
            code,
            reason,
            values: Values { status: Some(status), amount: in_file },
            id: Some(id),
            withdrawn,
        };
        finding.claims.insert(file, claim);
        finding.look(at(9_000), Kind::NeedsReview, MismatchReason::RefundDiffers);
        finding.closed = Some(Closed { at: at(1), by: ClosedBy::Run });
        futures_executor(async { round_trip(finding).await; Ok(()) });
    }
}
