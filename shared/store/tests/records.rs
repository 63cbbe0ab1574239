//! The keys of the reconciliation records, and their place in the index `by_status`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use domain::Day;
use proptest::prelude::*;
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::file::Totals;
use reconciliation::record::{
    Began, Closed, Exported, Finding, Lease, Received, Reported, Sent, Subject,
};
use store::{CLOSED, Record, day_partition};

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn finding() -> Finding {
    let tiki_id = "T-1".parse().unwrap();
    Finding::new(day(), Subject::Payment { tiki_id }, "f", 2, 1_000)
}

/// A finding that a person has closed, and that the report shows as closed.
fn closed() -> Finding {
    let mut finding = finding();
    finding.look(2_000, Kind::NeedsReview, MismatchReason::AmountDiffers);
    finding.closed = Some(Closed {
        at: 3_000,
        by: "lan".to_owned(),
        reason: "Tiki, ticket 4713".to_owned(),
        by_run: false,
    });
    finding.reported = true;
    finding
}

#[test]
fn a_finding_is_indexed_until_it_matches_or_is_published() {
    let mut finding = finding();
    for &kind in Kind::ALL {
        finding.look(5_000, kind, MismatchReason::Agree);
        let status = (kind != Kind::Matched).then_some((kind.as_str(), 5_000));
        assert_eq!(
            (finding.status(), finding.is_open()),
            (status, status.is_some())
        );
    }
    let mut closed = closed();
    assert_eq!(closed.status(), None);
    closed.reported = false;
    assert_eq!(
        closed.status(),
        Some((CLOSED, 3_000)),
        "until the report says so"
    );
    closed.kind = Kind::Matched;
    assert_eq!(closed.status(), Some((CLOSED, 3_000)));
    assert!(Kind::ALL.iter().all(|kind| kind.as_str() != CLOSED));
}

fn sent(counter: u32) -> Sent {
    Sent {
        day: day().to_string(),
        counter,
        name: String::new(),
        lines: 1,
        bytes: 1,
        sha256: String::new(),
        totals: Totals::default(),
        run: String::new(),
        planned_at: 0,
        archived_at: None,
        delivered_at: None,
    }
}

fn received(name: &str, sha256: &str) -> Received {
    Received {
        day: day().to_string(),
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        bytes: 0,
        modified: None,
        reading: 1,
        received_at: 0,
        lines: 0,
        matched: 0,
        findings: 0,
        unreadable: 0,
        done_at: None,
    }
}

fn key<R: Record>(record: &R) -> String {
    let (partition, sort) = (record.partition(), record.sort());
    assert!(sort.starts_with(R::PREFIX), "{sort}");
    format!("{partition} {sort}")
}

#[test]
fn each_record_of_a_day_has_its_own_key_in_the_partition() {
    let exported = Exported {
        day: day().to_string(),
        totals: Totals::default(),
        counters: Vec::new(),
        exported_at: 0,
        run: String::new(),
    };
    let reported = Reported {
        day: day().to_string(),
        html_sha256: String::new(),
        csv_sha256: String::new(),
    };
    let keys = [
        key(&sent(1)),
        key(&sent(10)),
        key(&exported),
        key(&received("f", "a")),
        key(&received("g", "a")),
        key(&finding()),
        key(&reported),
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
    let run = "r".to_owned();
    assert_eq!(key(&Lease { run, until: 0 }), "runs lease");
    let first_day = day().to_string();
    assert_eq!(key(&Began { first_day }), "runs began");
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
        Began::PREFIX,
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

proptest! {
    #[test]
    fn files_are_listed_in_the_order_of_their_counters(one in 1_u32..1_000_000, other in 1_u32..1_000_000) {
        let keys = (sent(one).sort(), sent(other).sort());
        prop_assert_eq!(keys.0.cmp(&keys.1), one.cmp(&other));
    }
}
