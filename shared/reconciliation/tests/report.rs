//! The page and the table of a day: what is on them, whatever stands in the records.
//!
//! `REPORT_PAGES=target/report cargo test -p reconciliation --test report` writes the pages, to be looked at.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;

use domain::{Day, LookUpAnswer, Timestamp};
use proptest::prelude::*;
use reconciliation::file::{Sum, Totals};
use reconciliation::judge::{Ground, Kind};
use reconciliation::record::{Closed, Exported, Finding, Received, Sent, Values};
use reconciliation::report::{DayReport, FindingsTable, MOST_SHOWN};

/// Every ground, and a kind that it is found with.
const GROUNDS: [(Ground, Kind); 18] = [
    (Ground::AmountDiffers, Kind::ForAPerson),
    (Ground::UnknownHere, Kind::ForAPerson),
    (Ground::PaidAtTikiOnly, Kind::ForAPerson),
    (Ground::NoAmountAtTiki, Kind::ForAPerson),
    (Ground::ConfirmedAndForgotten, Kind::ForAPerson),
    (Ground::ConfirmedAndGone, Kind::ForAPerson),
    (Ground::ReversedAndPaid, Kind::ForAPerson),
    (Ground::OnTheDesk, Kind::ForAPerson),
    (Ground::GivenUp, Kind::ForAPerson),
    (Ground::NotOurs, Kind::ForAPerson),
    (Ground::UnreadableLine, Kind::ForAPerson),
    (Ground::GoesBack, Kind::Reverse),
    (Ground::BeingReported, Kind::Resent),
    (Ground::QueuedAgain, Kind::Resent),
    (Ground::NoClearAnswer, Kind::Undecided),
    (Ground::Agree, Kind::Settled),
    (Ground::NobodyPaid, Kind::Settled),
    (Ground::MoneyIsBack, Kind::Settled),
];

const NAME: &str = "tikivip_vnptmoney_20261122_1";

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn at(text: &str) -> i64 {
    let text = format!("2026-11-{text}+07:00");
    Timestamp::parse_rfc3339(&text).unwrap().unix_ms()
}

fn sum(count: u64, amount_vnd: u64) -> Sum {
    Sum { count, amount_vnd }
}

fn sent(counter: u32, lines: u64) -> Sent {
    Sent {
        day: day().to_string(),
        counter,
        name: format!("tikivip_vnptmoney_20261122_{counter}"),
        lines,
        bytes: lines * 129,
        sha256: format!("{counter}2f1c9b07a5d4e8f3b6c0a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f"),
        totals: Totals::default(),
        run: "r".to_owned(),
        planned_at: at("23T06:00:04"),
        archived_at: Some(at("23T06:00:09")),
        delivered_at: Some(at("23T06:00:12")),
    }
}

fn received(name: &str, lines: u64, findings: u64) -> Received {
    Received {
        day: day().to_string(),
        name: name.to_owned(),
        sha256: "0e9f8d7c6b5a49382716f5e4d3c2b1a00f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
        bytes: lines * 140,
        modified: Some(1),
        received_at: at("23T09:00:03"),
        lines,
        matched: lines.saturating_sub(findings + 3),
        findings,
        unreadable: 2,
        done_at: Some(at("23T09:00:41")),
    }
}

fn exported(totals: Totals, counters: &[u32]) -> Exported {
    Exported {
        day: day().to_string(),
        totals,
        counters: counters.to_vec(),
        exported_at: at("23T06:00:10"),
        run: "r".to_owned(),
    }
}

fn values(status: &str, amount_vnd: u64) -> Values {
    Values {
        status: Some(status.to_owned()),
        amount_vnd: Some(amount_vnd),
    }
}

fn finding(id: &str, kind: Kind, ground: Ground) -> Finding {
    let mut finding = Finding::new(day(), id.to_owned(), NAME, 17, at("23T09:00:05"));
    finding.transaction_id = Some("9e87ce51-4647-5d79-9155-19ee50d4d84e".to_owned());
    finding.code = "03".to_owned();
    finding.reason = "Sai số tiền".to_owned();
    finding.in_file = values("SUCCESS", 299_000);
    finding.ours = values("SUCCESS", 300_000);
    finding.tiki = "success".to_owned();
    finding.tiki_amount_vnd = Some(299_000);
    finding.look(at("23T09:00:05"), kind, ground);
    finding
}

fn closed(by: &str, reason: &str) -> Closed {
    Closed {
        at: at("23T15:04:05"),
        by: by.to_owned(),
        reason: reason.to_owned(),
    }
}

/// A day with these findings, counted.
fn with(findings: Vec<Finding>) -> DayReport {
    let mut kinds = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.closed.is_none()) {
        *kinds.entry(finding.kind).or_default() += 1;
    }
    let closed = findings.iter().filter(|finding| finding.closed.is_some());
    DayReport {
        closed: closed.count().try_into().unwrap(),
        kinds,
        findings,
        ..quiet()
    }
}

/// A day on which all is well.
fn quiet() -> DayReport {
    let totals = Totals {
        success: sum(12_408, 4_310_550_000),
        failure: sum(731, 288_400_000),
        refunds: Sum::default(),
    };
    DayReport {
        day: day(),
        exported: Some(exported(totals, &[1])),
        sent: vec![sent(1, 13_140)],
        received: vec![Received {
            unreadable: 0,
            matched: 13_139,
            ..received(NAME, 13_140, 0)
        }],
        kinds: BTreeMap::new(),
        closed: 0,
        findings: Vec::new(),
    }
}

/// A day with everything that there is, and long.
fn full() -> DayReport {
    let mut findings: Vec<Finding> = GROUNDS
        .into_iter()
        .enumerate()
        .map(|(n, (ground, kind))| {
            finding(
                &format!("261122TIKIVIP-3001{n:02}-1795305900"),
                kind,
                ground,
            )
        })
        .collect();
    let unheard = &mut findings[1];
    (unheard.ours, unheard.transaction_id) = (Values::default(), None);
    "Chỉ có ở Tiki".clone_into(&mut unheard.reason);
    "02".clone_into(&mut unheard.code);
    for (n, tiki) in [
        (5, "not_found"),
        (9, "not_of_this_partner"),
        (11, "cancelled"),
        (12, "pending"),
        (14, "unclear"),
    ] {
        (findings[n].tiki, findings[n].tiki_amount_vnd) = (tiki.to_owned(), None);
    }
    let unreadable = &mut findings[10];
    unreadable.id = format!("{NAME}_ket_qua_doi_soat_lan_2_$(reboot).csv:18");
    unreadable.file = format!("{NAME}_ket_qua_doi_soat_lan_2_$(reboot).csv");
    "transaction_amount must be a whole number of VND".clone_into(&mut unreadable.reason);
    unreadable.code.clear();
    unreadable.transaction_id = None;
    let failed = &mut findings[2];
    (failed.ours, failed.in_file) = (values("FAILURE", 300_000), values("SUCCESS", 300_000));
    failed.tiki_amount_vnd = Some(300_000);
    let long = &mut findings[0];
    long.id = "261122TIKIVIP-".to_owned() + &"2".repeat(50);
    long.reason = "Số tiền không khớp với đơn hàng của khách; ".repeat(5) + &"x".repeat(60);
    for (hour, tiki) in [
        (10, "unclear"),
        (11, "success"),
        (12, "pending"),
        (13, "success"),
    ] {
        tiki.clone_into(&mut long.tiki);
        let (kind, ground) = match tiki {
            "unclear" => (Kind::Undecided, Ground::NoClearAnswer),
            "pending" => (Kind::ForAPerson, Ground::ConfirmedAndForgotten),
            _ => (Kind::ForAPerson, Ground::AmountDiffers),
        };
        long.look(at(&format!("23T{hour}:00:07")), kind, ground);
    }
    let agreed = finding(
        "261122TIKIVIP-300118-1795305900",
        Kind::ForAPerson,
        Ground::AmountDiffers,
    );
    findings.push(Finding {
        closed: Some(closed("lan", "Tiki đã huỷ đơn, phiếu 4713")),
        ..agreed
    });
    let totals = Totals {
        success: sum(1_204_080, 431_055_000_000),
        failure: sum(73_110, 28_840_000_000),
        refunds: sum(310, 91_200_000),
    };
    let late = Sent {
        delivered_at: None,
        ..sent(4, 277_191)
    };
    let unread = Received {
        done_at: None,
        ..received(
            &format!("{NAME}_ket_qua_doi_soat_lan_2_$(reboot).csv"),
            4_000,
            12,
        )
    };
    DayReport {
        exported: Some(exported(totals, &[2, 3, 4])),
        sent: vec![sent(1, 400_000), sent(2, 500_000), sent(3, 500_000), late],
        received: vec![received(&format!("{NAME}_result"), 500_000, 18), unread],
        ..with(findings)
    }
}

#[test]
fn pages_to_look_at() {
    let Some(folder) = std::env::var_os("REPORT_PAGES") else {
        return;
    };
    // A test runs in its crate's folder.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let early = DayReport {
        exported: None,
        sent: Vec::new(),
        received: Vec::new(),
        ..quiet()
    };
    for (name, report) in [("quiet", quiet()), ("full", full()), ("early", early)] {
        std::fs::write(folder.join(format!("{name}.html")), report.html()).unwrap();
        std::fs::write(folder.join(format!("{name}.csv")), table(&report.findings)).unwrap();
    }
}

fn table(findings: &[Finding]) -> String {
    let mut table = FindingsTable::new(Vec::new()).unwrap();
    for finding in findings {
        table.write(finding).unwrap();
    }
    String::from_utf8(table.finish().unwrap()).unwrap()
}
