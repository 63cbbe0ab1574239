//! What the page and the table of a day show, whatever the records contain.
//!
//! `REPORT_PAGES=target/report cargo test -p tikivip-reconciliation-report --test report` writes sample pages
//! into that folder, for a look in a browser.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;

use domain::{Day, LookUpAnswer, Status, Timestamp, Vnd};
use proptest::prelude::*;
use reconciliation::classify::{Kind, MismatchReason};
use reconciliation::file::{Part, Sum, Totals};
use reconciliation::record::{
    Claim, Closed, ClosedBy, CoreWord, Exported, Finding, Ours, Received, Results, Sent,
    StatementRead, StatementWord, Subject, Values,
};
use reconciliation::statement::InStatement;
use reconciliation_report::{
    DayReport, Expected, FindingsTable, FindingsWorkbook, MAX_FINDINGS_ON_PAGE, page_html,
};

/// Every reason, and a kind that it occurs with.
const REASONS: [(MismatchReason, Kind); 38] = [
    (MismatchReason::AmountDiffers, Kind::NeedsReview),
    (MismatchReason::UnknownHere, Kind::OrderWithoutMoney),
    (MismatchReason::PaidAtTikiOnly, Kind::OrderWithoutMoney),
    (MismatchReason::NoAmountAtTiki, Kind::NeedsReview),
    (MismatchReason::ConfirmedAndForgotten, Kind::NeedsReview),
    (MismatchReason::ConfirmedAndGone, Kind::NeedsReview),
    (MismatchReason::ReversedAndPaid, Kind::OrderWithoutMoney),
    (MismatchReason::InReview, Kind::NeedsReview),
    (MismatchReason::GivenUp, Kind::NeedsReview),
    (MismatchReason::NotOurs, Kind::NeedsReview),
    (MismatchReason::OtherTransactionId, Kind::NeedsReview),
    (MismatchReason::RefundDiffers, Kind::NeedsReview),
    (MismatchReason::RefundOnlyHere, Kind::NeedsReview),
    (MismatchReason::RefundOnlyAtTiki, Kind::NeedsReview),
    (MismatchReason::UnreadableLine, Kind::NeedsReview),
    (MismatchReason::TakenAndUnknownHere, Kind::NeedsReview),
    (MismatchReason::TakenTwice, Kind::NeedsReview),
    (MismatchReason::TakenOtherAmount, Kind::NeedsReview),
    (MismatchReason::CoreContradictsStatement, Kind::NeedsReview),
    (MismatchReason::NotTakenAtCore, Kind::NeedsReview),
    (MismatchReason::StatementLacksPayment, Kind::NeedsReview),
    (MismatchReason::GivenBackWithoutUs, Kind::NeedsReview),
    (MismatchReason::GivenBackTwice, Kind::NeedsReview),
    (MismatchReason::GivenBackOtherAmount, Kind::NeedsReview),
    (MismatchReason::GivenBackThoughRejected, Kind::NeedsReview),
    (MismatchReason::RefundNotAtCore, Kind::NeedsReview),
    (MismatchReason::StatementLacksRefund, Kind::NeedsReview),
    (MismatchReason::PaymentUnreported, Kind::Undecided),
    (MismatchReason::NoClearAnswerOfCore, Kind::Undecided),
    (MismatchReason::RefundInProgress, Kind::Undecided),
    (MismatchReason::OnAnotherDay, Kind::Matched),
    (MismatchReason::BeingReversed, Kind::Reverse),
    (MismatchReason::NotificationInProgress, Kind::Resent),
    (MismatchReason::QueuedAgain, Kind::Resent),
    (MismatchReason::NoClearAnswer, Kind::Undecided),
    (MismatchReason::Agree, Kind::Matched),
    (MismatchReason::NobodyPaid, Kind::Matched),
    (MismatchReason::MoneyIsBack, Kind::Matched),
];

const NAME: &str = "tikivip_vnptmoney_20261122_1";

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    let text = format!("2026-11-{text}+07:00");
    Timestamp::parse_rfc3339(&text).unwrap()
}

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

fn sum(count: u64, amount_vnd: u64) -> Sum {
    Sum { count, amount_vnd }
}

fn sent(counter: u32, lines: u64) -> Sent {
    Sent {
        day: day(),
        counter,
        name: format!("tikivip_vnptmoney_20261122_{counter}"),
        content: Part {
            lines,
            bytes: lines * 129,
            sha256: format!(
                "{counter}2f1c9b07a5d4e8f3b6c0a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f"
            ),
            totals: Totals::default(),
        },
        run: "r".parse().unwrap(),
        planned_at: at("23T06:00:04"),
        archived_at: Some(at("23T06:00:09")),
        delivered_at: Some(at("23T06:00:12")),
        doubts: Vec::new(),
    }
}

fn received(name: &str, lines: u64, findings: u64) -> Received {
    Received {
        day: day(),
        name: name.to_owned(),
        sha256: Some("0e9f8d7c6b5a49382716f5e4d3c2b1a00f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned()),
        bytes: lines * 140,
        modified: Some(1),
        reading: 1,
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
        day: day(),
        totals,
        refunded: sum(41, 12_300_000),
        counters: counters.to_vec(),
        exported_at: at("23T06:00:10"),
        run: "r".parse().unwrap(),
    }
}

fn values(status: &str, amount: u64) -> Values {
    Values {
        status: Some(status.to_owned()),
        amount: Some(vnd(amount)),
    }
}

fn ours(status: Status, amount: u64) -> Ours {
    let amount = Some(vnd(amount));
    Ours { status, amount }
}

fn paid(amount: u64) -> LookUpAnswer {
    LookUpAnswer::Found(Status::Success, Some(vnd(amount)))
}

const WAITS: Option<LookUpAnswer> = Some(LookUpAnswer::Found(Status::Pending, None));

/// What the file says of a finding.
fn claim(finding: &mut Finding) -> &mut Claim {
    finding.claims.values_mut().next().unwrap()
}

fn finding(id: &str, kind: Kind, reason: MismatchReason) -> Finding {
    let tiki_id = id.parse().unwrap();
    let subject = Subject::Payment { tiki_id };
    let found_at = at("23T09:00:05");
    let mut finding = Finding::new(day(), subject, found_at);
    let id = "9e87ce51-4647-5d79-9155-19ee50d4d84e";
    finding.transaction_id = Some(id.parse().unwrap());
    let claim = Claim {
        reading: 1,
        heard_at: found_at,
        line: 17,
        code: "03".to_owned(),
        reason: "Sai số tiền".to_owned(),
        values: values("SUCCESS", 299_000),
        id: None,
        withdrawn: false,
    };
    finding.claims.insert(NAME.to_owned(), claim);
    finding.ours = Some(ours(Status::Success, 300_000));
    finding.tiki = Some(paid(299_000));
    finding.look(at("23T09:00:05"), kind, reason);
    finding
}

fn closed(by: &str, reason: &str) -> Closed {
    Closed {
        at: at("23T15:04:05"),
        by: ClosedBy::Person(by.parse().unwrap(), reason.parse().unwrap()),
    }
}

/// A day with these findings, and the counts that belong to them.
fn with(findings: Vec<Finding>) -> DayReport {
    let mut report = quiet();
    report.add(findings);
    report
}

fn statement() -> StatementRead {
    StatementRead {
        day: day(),
        reading: 1,
        payments: sum(12_409, 4_310_850_000),
        refunds: sum(42, 12_600_000),
        unreadable: 0,
        findings: 0,
        done_at: Some(at("23T07:00:03")),
    }
}

/// A day in order: delivered, and without findings.
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
        statement: Some(statement()),
        kinds: BTreeMap::new(),
        closed: 0,
        expected: Expected {
            results: true,
            statement: true,
        },
        differences_vnd: 0,
        findings: Vec::new(),
    }
}

/// A finding with a long history.
fn with_long_history() -> Finding {
    let id = "261122TIKIVIP-".to_owned() + &"2".repeat(50);
    let mut long = finding(&id, Kind::NeedsReview, MismatchReason::AmountDiffers);
    claim(&mut long).reason =
        "Số tiền không khớp với đơn hàng của khách; ".repeat(5) + &"x".repeat(60);
    for (hour, tiki, kind, reason) in [
        (
            10,
            Some(LookUpAnswer::Unclear),
            Kind::Undecided,
            MismatchReason::NoClearAnswer,
        ),
        (
            11,
            Some(paid(299_000)),
            Kind::NeedsReview,
            MismatchReason::AmountDiffers,
        ),
        (
            12,
            WAITS,
            Kind::NeedsReview,
            MismatchReason::ConfirmedAndForgotten,
        ),
        (
            13,
            Some(paid(299_000)),
            Kind::NeedsReview,
            MismatchReason::AmountDiffers,
        ),
    ] {
        long.tiki = tiki;
        long.look(at(&format!("23T{hour}:00:07")), kind, reason);
    }
    long
}

/// A finding whose reason is about the core is about a payment as the statement has it.
fn about_the_core(finding: &mut Finding) {
    let (has, core) = match finding.mismatch {
        MismatchReason::TakenAndUnknownHere => (InStatement::Once(vnd(50_000)), None),
        MismatchReason::TakenTwice => (twice(600_000), None),
        MismatchReason::TakenOtherAmount => (InStatement::Once(vnd(299_000)), None),
        MismatchReason::CoreContradictsStatement => {
            (InStatement::Once(vnd(300_000)), Some(CoreWord::NotPaid))
        }
        MismatchReason::NotTakenAtCore => (InStatement::Never, Some(CoreWord::NotPaid)),
        MismatchReason::StatementLacksPayment => (InStatement::Never, Some(CoreWord::Paid)),
        MismatchReason::GivenBackWithoutUs | MismatchReason::GivenBackOtherAmount => {
            (InStatement::Once(vnd(4_000)), None)
        }
        MismatchReason::GivenBackTwice => (twice(80_000), None),
        MismatchReason::RefundNotAtCore => (InStatement::Never, Some(CoreWord::NeverSeen)),
        MismatchReason::StatementLacksRefund => (InStatement::Never, Some(CoreWord::GivenBack)),
        MismatchReason::NoClearAnswerOfCore => (InStatement::Never, Some(CoreWord::Unclear)),
        _ => return,
    };
    let transaction = finding.transaction_id.unwrap();
    finding.subject = Subject::AtCore { transaction };
    finding.statement = Some(StatementWord { has, reading: 1 });
    (finding.core, finding.tiki) = (core, None);
    finding.claims.clear();
}

fn twice(total_vnd: u64) -> InStatement {
    let times = 2;
    InStatement::Often { times, total_vnd }
}

/// One finding of each reason, and one that a person closed.
fn one_of_each() -> Vec<Finding> {
    let of_reason = |(n, (reason, kind)): (usize, (MismatchReason, Kind))| {
        finding(
            &format!("261122TIKIVIP-3001{n:02}-1795305900"),
            kind,
            reason,
        )
    };
    let mut findings: Vec<Finding> = REASONS.into_iter().enumerate().map(of_reason).collect();
    let unknown_here = &mut findings[1];
    (unknown_here.ours, unknown_here.transaction_id) = (None, None);
    "Chỉ có ở Tiki".clone_into(&mut claim(unknown_here).reason);
    "02".clone_into(&mut claim(unknown_here).code);
    for (n, tiki) in [
        (5, Some(LookUpAnswer::NotFound)),
        (9, Some(LookUpAnswer::NotOfThisPartner)),
        (11, Some(LookUpAnswer::Cancelled)),
        (12, WAITS),
        (14, Some(LookUpAnswer::Unclear)),
    ] {
        findings[n].tiki = tiki;
    }
    let unreadable = &mut findings[10];
    unreadable.subject = Subject::Line {
        file: format!("{NAME}_ket_qua_doi_soat_lan_2_$(reboot).csv"),
        line: 18,
    };
    let mut word = unreadable.claims.remove(NAME).unwrap();
    "transaction_amount must be a whole number of VND".clone_into(&mut word.reason);
    word.code.clear();
    let file = format!("{NAME}_ket_qua_doi_soat_lan_2_$(reboot).csv");
    unreadable.claims.insert(file, word);
    unreadable.transaction_id = None;
    let failed = &mut findings[2];
    failed.ours = Some(ours(Status::Failure, 300_000));
    claim(failed).values = values("SUCCESS", 300_000);
    failed.tiki = Some(paid(300_000));
    findings[0] = with_long_history();
    for finding in &mut findings {
        about_the_core(finding);
    }
    let to_close = finding(
        "261122TIKIVIP-300118-1795305900",
        Kind::NeedsReview,
        MismatchReason::AmountDiffers,
    );
    findings.push(Finding {
        closed: Some(closed("lan", "Tiki đã hủy đơn, phiếu 4713")),
        ..to_close
    });
    findings
}

/// A day with everything that the page can show, and long texts.
fn full() -> DayReport {
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
        ..with(one_of_each())
    }
}

#[test]
fn sample_pages_are_written_on_request() {
    let Some(folder) = std::env::var_os("REPORT_PAGES") else {
        return;
    };
    // Relative to the workspace: a test runs in the folder of its crate.
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
        std::fs::write(
            folder.join(format!("{name}.html")),
            page_html(&report).unwrap(),
        )
        .unwrap();
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

fn with_one(finding: Finding) -> String {
    page_html(&with(vec![finding])).unwrap()
}

/// The class and the lines of the summary, without markup.
fn summary(report: &DayReport) -> Vec<String> {
    let page = page_html(report).unwrap();
    let (_, rest) = page.split_once("<div class=\"summary ").unwrap();
    let (class, rest) = rest.split_once("\">\n").unwrap();
    let (lines, _) = rest.split_once("</div>").unwrap();
    let text = |line: &str| {
        let mut tags = 0;
        let text = line.chars().filter(|c| {
            tags += i32::from(*c == '<') - i32::from(*c == '>');
            tags == 0 && *c != '>'
        });
        text.collect::<String>().replace("&#39;", "'")
    };
    [class.to_owned()]
        .into_iter()
        .chain(lines.lines().map(text))
        .collect()
}

/// Checks that each opened tag is closed in its place; returns the number of tags.
fn tags(page: &str) -> usize {
    let mut open = Vec::new();
    let mut count = 0;
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap();
        count += 1;
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if ["!doctype", "meta"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
    count
}

#[test]
fn the_page_is_self_contained_and_runs_no_script() {
    for page in [page_html(&quiet()).unwrap(), page_html(&full()).unwrap()] {
        tags(&page);
        let csp = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">";
        assert!(page.contains(csp));
        assert!(page.starts_with("<!doctype html>\n<html lang=\"vi\">"));
        let elsewhere = [
            "<script", "<link", "<img", "<iframe", "<form", "src=", "url(", "@import",
        ];
        let elsewhere = elsewhere
            .into_iter()
            .chain(["://", "onclick", "onload", "javascript:"]);
        for from_elsewhere in elsewhere {
            assert!(!page.contains(from_elsewhere), "{from_elsewhere}");
        }
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    assert_eq!(page_html(&full()).unwrap(), page_html(&full()).unwrap());
    assert_eq!(table(&full().findings), table(&full().findings));
    // The time of the last look-up and the name of a run are not shown.
    let mut again = full();
    for finding in &mut again.findings {
        finding.looked_at = at("24T00:00:00");
    }
    for sent in &mut again.sent {
        sent.run = "another".parse().unwrap();
    }
    assert_eq!(page_html(&again).unwrap(), page_html(&full()).unwrap());
    assert_eq!(table(&again.findings), table(&full().findings));
}

#[test]
fn the_summary_says_whether_the_day_is_in_order() {
    let says = |report: &DayReport, expected: &[&str]| assert_eq!(summary(report), expected);
    says(
        &quiet(),
        &["good", "Không có chênh lệch nào đang mở No open findings"],
    );
    // Matched and closed findings are in order, too.
    let mut done = quiet();
    (done.kinds, done.closed) = (BTreeMap::from([(Kind::Matched, 7)]), 3);
    says(
        &done,
        &["good", "Không có chênh lệch nào đang mở No open findings"],
    );

    let mut waits = quiet();
    waits.kinds = BTreeMap::from([(Kind::Resent, 1_000), (Kind::Undecided, 2)]);
    let automatic = "1.002 chênh lệch đang được hệ thống tự xử lý 1.002 processed automatically";
    says(&waits, &["wait", automatic]);
    waits.kinds.insert(Kind::NeedsReview, 1);
    let review = "1 chênh lệch chờ xử lý 1 to review";
    says(&waits, &["bad", review, automatic]);

    let mut late = quiet();
    late.sent[0].delivered_at = None;
    let undelivered = "Chưa gửi đủ tệp cho Tiki Not all files are delivered";
    let none_open = "Không có chênh lệch nào đang mở No open findings";
    says(&late, &["bad", undelivered, none_open]);
    late.sent.push(sent(2, 5));
    late.exported = Some(exported(Totals::default(), &[1, 2]));
    says(&late, &["bad", undelivered, none_open]);
    late.sent.clear();
    says(&late, &["bad", undelivered, none_open]);
    late.exported = None;
    says(
        &late,
        &[
            "bad",
            "Ngày này chưa có tệp The day has no file yet",
            none_open,
        ],
    );

    let mut unread = quiet();
    unread.received[0].done_at = None;
    says(
        &unread,
        &[
            "wait",
            "Đang đọc kết quả của Tiki Tiki's results are being read",
            none_open,
        ],
    );
}

#[test]
fn files_of_earlier_exports_do_not_count_as_undelivered() {
    let mut report = quiet();
    report.exported = Some(exported(Totals::default(), &[2]));
    let never = Sent {
        delivered_at: None,
        ..sent(3, 5)
    };
    report.sent = vec![sent(1, 5), sent(2, 6), never];
    assert_eq!(summary(&report)[0], "good");
    let page = page_html(&report).unwrap();
    let states = ["Bản cũ, đã có tệp thay", "Đã gửi", "Không dùng"];
    let places: Vec<usize> = states
        .iter()
        .map(|state| page.find(state).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!page.contains("Chưa gửi"), "{page}");
}

#[test]
fn each_file_is_shown_with_its_hash_and_times() {
    let page = page_html(&full()).unwrap();
    for sent in full().sent {
        for text in [sent.name, sent.content.sha256] {
            assert!(page.contains(&text), "{text}");
        }
    }
    for text in [
        "64.500.000",
        "23/11/2026 06:00:04",
        "23/11/2026 06:00:12",
        "Chưa gửi <span lang=\"en\">not delivered yet</span>",
        "499.979",
        "Đang đọc <span lang=\"en\">being read</span>",
        "23/11/2026 09:00:03",
        "23/11/2026 09:00:41",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn findings_are_grouped_by_kind_the_most_urgent_first() {
    let mut report = full();
    report.findings.reverse();
    let page = page_html(&report).unwrap();
    let anchors = Kind::ALL.iter().map(|kind| kind.as_str()).chain(["closed"]);
    let places: Vec<usize> = anchors
        .map(|anchor| {
            assert!(page.contains(&format!("href=\"#{anchor}\"")), "{anchor}");
            page.find(&format!("<h3 id=\"{anchor}\">")).unwrap()
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    for finding in &report.findings {
        let subject = finding.subject.to_string();
        assert!(page.contains(&subject.replace('&', "&#38;")), "{subject}");
    }
    let quiet = page_html(&quiet()).unwrap();
    assert!(
        !quiet.contains("<h3 id") && !quiet.contains("href"),
        "{quiet}"
    );
}

#[test]
fn a_finding_shows_both_sides_and_marks_what_differs() {
    let mut finding = finding("T-1", Kind::NeedsReview, MismatchReason::AmountDiffers);
    claim(&mut finding).values = values("SUCCESS", 300_000);
    let page = with_one(finding.clone());
    assert!(
        page.contains("SUCCESS</td><td>300.000 ₫</td>"),
        "our values: {page}"
    );
    assert!(page.contains("<i>≠</i> 299.000 ₫</b>"), "{page}");
    assert!(
        !page.contains("<i>≠</i> 300.000 ₫"),
        "the file has our amount"
    );
    assert!(
        page.contains("“") || page.contains("<q>Sai số tiền</q>"),
        "{page}"
    );
    assert!(page.contains("<code>03</code>"), "{page}");

    // Each answer of Tiki is shown in words, and marked if its status is not ours.
    for answer in LookUpAnswer::all() {
        finding.tiki = Some(answer);
        let page = with_one(finding.clone());
        assert!(
            !page.contains(&format!("<td>{}", answer.as_str())),
            "{answer:?}"
        );
        let contradicts =
            ["pending", "failure", "not_found", "cancelled"].contains(&answer.as_str());
        assert_eq!(page.contains("<i>≠</i>"), contradicts, "{answer:?}");
    }
    (finding.ours, finding.transaction_id) = (None, None);
    let page = with_one(finding);
    assert!(
        page.contains("không có") && !page.contains("<i>≠</i>"),
        "{page}"
    );
}

#[test]
fn every_reason_is_explained_and_review_has_commands() {
    let mut meanings = BTreeMap::new();
    for (reason, kind) in REASONS {
        let page = with_one(finding("T-1", kind, reason));
        let (_, meaning) = page.split_once("<p class=\"meaning\">").unwrap();
        let (vi, rest) = meaning.split_once(" <span lang=\"en\">").unwrap();
        let (en, rest) = rest.split_once("</span></p>").unwrap();
        assert!(
            vi.ends_with('.') && en.ends_with('.') && !vi.is_ascii(),
            "{vi} {en}"
        );
        let before = meanings.insert(vi.to_owned(), reason);
        assert_eq!(before, None, "{vi}");
        let close = rest.contains("tikivip close-finding T-1 <span>--day 2026-11-22</span>");
        assert_eq!(close, kind.is_for_review(), "{reason:?}");
        assert_eq!(rest.contains("<li><code>tikivip "), close, "{reason:?}");
        assert_eq!(
            rest.contains("Không cần làm gì."),
            !kind.is_for_review() && kind != Kind::Undecided
        );
        let row = table(&[finding("T-1", kind, reason)]);
        assert_eq!(
            row.contains("tikivip close-finding T-1 --day 2026-11-22"),
            close,
            "{row}"
        );
    }
    assert_eq!(meanings.len(), REASONS.len());
    // Tiki gave no clear answer for a day.
    let page = with_one(finding(
        "T-1",
        Kind::NeedsReview,
        MismatchReason::NoClearAnswer,
    ));
    assert!(
        page.contains("tikivip lookup T-1") && page.contains("tikivip close-finding T-1"),
        "{page}"
    );
}

#[test]
fn only_possible_commands_are_proposed() {
    // A transaction that we do not have cannot be shown, looked up or resolved.
    for reason in [
        MismatchReason::UnknownHere,
        MismatchReason::NotOurs,
        MismatchReason::NoClearAnswer,
    ] {
        let mut unknown = finding("T-1", Kind::NeedsReview, reason);
        unknown.transaction_id = None;
        let page = with_one(unknown);
        assert_eq!(page.matches("<code>tikivip ").count(), 1, "{reason:?}");
        assert!(page.contains("tikivip close-finding T-1"), "{reason:?}");
    }
    // A closed finding needs nothing more.
    let mut done = finding("T-1", Kind::NeedsReview, MismatchReason::AmountDiffers);
    done.closed = Some(closed("lan", "Tiki, ticket 4713"));
    let page = with_one(done.clone());
    assert!(!page.contains("<code>tikivip "), "{page}");
    for text in ["lan", "23/11/2026 15:04:05", "Tiki, ticket 4713"] {
        assert!(page.contains(text), "{text}");
        assert!(table(&[done.clone()]).contains(text), "{text}");
    }
    assert!(!table(&[done]).contains("tikivip "));
}

/// People copy the commands into a shell, and a file may have any name.
#[test]
fn a_hostile_file_name_is_one_word_in_a_command() {
    let mut unreadable = finding("T-1", Kind::NeedsReview, MismatchReason::UnreadableLine);
    unreadable.subject = Subject::Line {
        file: "x'; $(reboot) `id` & \"y\" --day 1.csv".to_owned(),
        line: 3,
    };
    let page = with_one(unreadable);
    let quoted = "tikivip close-finding &#39;x&#39;\\&#39;&#39;; $(reboot) `id` &#38; &#34;y&#34;";
    assert!(page.contains(quoted), "{page}");
}

#[test]
fn a_page_with_too_many_findings_names_the_table() {
    let many = (0..MAX_FINDINGS_ON_PAGE + 7)
        .map(|n| finding(&format!("T-{n}"), Kind::Matched, MismatchReason::Agree));
    let mut report = with(many.collect());
    report.findings[0].kind = Kind::NeedsReview;
    report.kinds.insert(Kind::NeedsReview, 9_000);
    let page = page_html(&report).unwrap();
    assert_eq!(
        page.matches("<section class=\"card finding").count(),
        MAX_FINDINGS_ON_PAGE
    );
    let all = "11.007";
    assert!(
        page.contains(&format!(
            "hiển thị 2.000 trong số {all} chênh lệch; report.xlsx và report.csv có đủ"
        )),
        "{page}"
    );
    assert!(
        page.contains(&format!(
            "2.000 of {all} are shown; report.xlsx and report.csv have all"
        )),
        "{page}"
    );
    assert!(
        !page_html(&full()).unwrap().contains("report.csv"),
        "all are shown"
    );
}

/// The part of a finding's id that comes from outside. Tiki's id of a payment is checked, so it becomes a refund's.
fn subject_text(finding: &mut Finding) -> &mut String {
    let refund = String::new();
    match finding.subject.clone() {
        Subject::Payment { tiki_id } => finding.subject = Subject::Refund { tiki_id, refund },
        Subject::AtCore { transaction } => {
            finding.subject = Subject::RefundAtCore {
                transaction,
                refund,
            };
        }
        _ => {}
    }
    match &mut finding.subject {
        Subject::Refund { refund, .. } => refund,
        Subject::RefundAtCore { refund, .. } => refund,
        Subject::Line { file, .. } => file,
        Subject::Payment { .. } | Subject::AtCore { .. } => {
            unreachable!("it has become a refund")
        }
    }
}

/// Puts the texts into each field that Tiki, a file name or a person can fill.
fn overwrite(report: &mut DayReport, texts: &[String]) {
    let mut texts = texts.iter().cycle();
    let mut put = |field: &mut String| field.clone_from(texts.next().unwrap());
    for sent in &mut report.sent {
        put(&mut sent.name);
        put(&mut sent.content.sha256);
    }
    for received in &mut report.received {
        put(&mut received.name);
        put(received.sha256.get_or_insert_default());
    }
    for finding in &mut report.findings {
        put(subject_text(finding));
        let Some(mut word) = finding.claims.values().next().cloned() else {
            continue;
        };
        put(&mut word.code);
        put(&mut word.reason);
        put(word.values.status.get_or_insert_default());
        put(word.id.get_or_insert_default());
        let mut file = String::new();
        put(&mut file);
        finding.claims = BTreeMap::from([(file, word)]);
        if let Some(closed) = &mut finding.closed {
            let (mut by, mut reason) = (String::new(), String::new());
            put(&mut by);
            put(&mut reason);
            // What a person types is checked, too: no text without a letter, and none too long.
            let by = by.parse().unwrap_or("lan".parse().unwrap());
            let reason = reason.parse().unwrap_or("a".parse().unwrap());
            closed.by = ClosedBy::Person(by, reason);
        }
    }
}

#[test]
fn text_from_outside_stays_text() {
    let mut report = full();
    let hostile =
        "</code></style><script>alert('x')</script><img src=x onerror=\"y()\">&amp;\u{202e}";
    overwrite(&mut report, &[hostile.to_owned()]);
    let page = page_html(&report).unwrap();
    tags(&page);
    for markup in ["<script", "<img", "alert('x')", "onerror=\"", "\u{202e}"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&#60;/code&#62;&#60;/style&#62;&#60;script&#62;alert(&#39;x&#39;)"));
    assert!(page.contains("&#38;amp;\u{fffd}"));
}

#[test]
fn the_table_has_a_line_per_finding_and_plain_amounts() {
    let report = full();
    let text = table(&report.findings);
    assert!(
        text.starts_with("\u{feff}Ngày / Day,"),
        "the mark by which a spreadsheet recognises UTF-8"
    );
    assert!(!text.contains('\r') && text.ends_with('\n'));
    assert_eq!(text.lines().count(), report.findings.len() + 1);
    let rows = rows(&text);
    let header = &rows[0];
    let cell = |row: &[String], name: &str| {
        let place = header.iter().position(|head| head.ends_with(name));
        row[place.unwrap()].clone()
    };
    let long = with_long_history().subject;
    let place = report.findings.iter().position(|f| f.subject == long);
    let place = place.unwrap();
    let first = &rows[place + 1];
    let finding = &report.findings[place];
    let (_, claim) = finding.last_word().unwrap();
    for (name, expected) in [
        ("/ Day", "22/11/2026"),
        ("/ Tiki's id", &finding.subject.to_string()),
        ("/ Our id", "9e87ce51-4647-5d79-9155-19ee50d4d84e"),
        ("/ State", "Chờ xử lý / Needs review"),
        ("/ Our status", "SUCCESS"),
        ("/ Our amount", "300000"),
        ("/ Look-up at Tiki", "SUCCESS / paid"),
        ("/ Tiki's amount", "299000"),
        ("/ Status in the file", "SUCCESS"),
        ("/ Amount in the file", "299000"),
        ("/ Code", "03"),
        ("/ Reason", &claim.reason),
        ("/ File", NAME),
        ("/ Line", "17"),
        ("/ Found at", "23/11/2026 09:00:05"),
        ("/ Closed by", ""),
        ("/ Closed at", ""),
    ] {
        assert_eq!(cell(first, name), expected, "{name}");
    }
    let history = cell(first, "/ History");
    assert_eq!(history.split(" | ").count(), 5, "{history}");
    assert!(
        history.starts_with("23/11/2026 09:00:05 Chờ xử lý: "),
        "{history}"
    );
    let closed = report.findings.iter().position(|f| f.closed.is_some());
    let last = &rows[closed.unwrap() + 1];
    assert_eq!(cell(last, "/ State"), "Đã đóng / Closed");
    assert_eq!(cell(last, "/ Closed by"), "lan");
    assert_eq!(cell(last, "/ Closed at"), "23/11/2026 15:04:05");
    assert_eq!(
        cell(last, "/ Reason for closing"),
        "Tiki đã hủy đơn, phiếu 4713"
    );
    assert_eq!(
        rows_of_empty_table(),
        1,
        "a day without findings is a header"
    );
}

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

fn rows_of_empty_table() -> usize {
    rows(&table(&[])).len()
}

#[test]
fn a_table_that_cannot_be_written_is_an_error() {
    let mut room = [0_u8; 600];
    let mut table = FindingsTable::new(&mut room[..]).unwrap();
    for finding in full().findings {
        if table.write(&finding).is_err() {
            return;
        }
    }
    assert!(table.finish().is_err());
}

/// Texts of somebody who wants a browser or a spreadsheet to run them.
fn hostile() -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        Just("=cmd|' /C calc'!A0".to_owned()),
        Just("<script>".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just(";".to_owned()),
        Just(",".to_owned()),
        Just("\r\n".to_owned()),
        Just("\t".to_owned()),
        "[=+@＝＋－＠ -]",
        ".{0,5}",
    ];
    let text = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop::collection::vec(text, 13)
}

proptest! {
    #[test]
    fn text_from_outside_does_not_change_the_tags(texts in hostile()) {
        let plain: Vec<String> = texts.iter().map(|text| if text.is_empty() { String::new() } else { "x".to_owned() }).collect();
        let count = |texts: &[String]| {
            // Whatever adds markup of our own is left out: marks of differences, and options of commands.
            let mut report = full();
            report.findings.truncate(2);
            overwrite(&mut report, texts);
            for finding in &mut report.findings {
                finding.ours = None;
                let subject = subject_text(finding);
                *subject = subject.replace(" --", "");
                finding.tiki = None;
            }
            tags(&page_html(&report).unwrap())
        };
        prop_assert_eq!(count(&texts), count(&plain));
    }

    #[test]
    fn no_cell_is_a_formula_and_each_finding_is_one_line(texts in hostile(), amounts: [Option<u32>; 3]) {
        let mut report = full();
        overwrite(&mut report, &texts);
        let [here, there, in_file] = amounts.map(|amount| amount.map(|a| vnd(u64::from(a) + 1)));
        for finding in &mut report.findings {
            finding.ours = Some(Ours { status: Status::Success, amount: here });
            finding.tiki = Some(LookUpAnswer::Found(Status::Success, there));
            if let Some(word) = finding.claims.values_mut().next() {
                word.values.amount = in_file;
            }
        }
        let text = table(&report.findings);
        prop_assert_eq!(text.lines().count(), report.findings.len() + 1);
        let rows = rows(&text);
        prop_assert_eq!(rows.len(), report.findings.len() + 1);
        for row in &rows[1..] {
            prop_assert_eq!(row.len(), rows[0].len());
            for cell in row.iter().flat_map(|cell| cell.split(';')) {
                let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                prop_assert!(!bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{}", cell);
            }
            // What has no file has no amount in a file.
            let in_file = in_file.filter(|_| !row[16].is_empty() || !row[17].is_empty());
            let numbers = [&row[7], &row[9], &row[11]];
            for (number, amount) in numbers.into_iter().zip([here, there, in_file]) {
                prop_assert_eq!(number, &amount.map(|vnd| vnd.get().to_string()).unwrap_or_default());
            }
        }
    }
}

/// A workbook is a zip of XML: what it says is looked for in its parts.
#[test]
fn the_workbook_has_ids_as_texts_and_amounts_as_numbers() {
    let workbook = |findings: &[Finding]| {
        let mut workbook = FindingsWorkbook::new(day().into()).unwrap();
        for finding in findings {
            workbook.write(finding).unwrap();
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        workbook.finish(&mut bytes).unwrap();
        bytes.into_inner()
    };
    let mut findings = full().findings;
    claim(&mut findings[0]).code = "00".to_owned();
    let bytes = workbook(&findings);
    assert!(bytes.starts_with(b"PK"), "a zip");
    assert_eq!(bytes, workbook(&findings), "the same bytes each time");
    assert_ne!(bytes, workbook(&[]));
}

#[test]
fn each_company_that_must_be_asked_gets_a_letter() {
    let page = page_html(&full()).unwrap();
    for text in [
        "Thư gửi Tiki",
        "Thư gửi bộ phận vận hành hệ thống lõi",
        "Khi đối soát Tiki VIP ngày 22/11/2026, có",
        "Phía chúng tôi: SUCCESS, 300.000 ₫",
        "Kính gửi Quý Công ty,",
        "Phía Tiki: ",
        "Kính đề nghị Quý Công ty kiểm tra",
        "Kính gửi bộ phận vận hành hệ thống lõi,",
        "Phía hệ thống lõi: sao kê",
        "sao kê ghi 2 lần, tổng 600.000 ₫",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let quiet = page_html(&quiet()).unwrap();
    assert!(
        !quiet.contains("Thư gửi") && !quiet.contains("Việc của kế toán"),
        "{quiet}"
    );
    // What the system processes by itself is in no letter.
    let automatic = finding("T-1", Kind::Resent, MismatchReason::QueuedAgain);
    assert!(!with_one(automatic).contains("Thư gửi"));
}

/// Whoever found it, only Tiki can stop the delivery.
#[test]
fn an_order_without_money_is_in_the_letter_to_tiki() {
    let mut kept = finding(
        "T-1",
        Kind::OrderWithoutMoney,
        MismatchReason::NotTakenAtCore,
    );
    about_the_core(&mut kept);
    let page = with_one(kept);
    assert!(page.contains("Thư gửi Tiki"), "{page}");
    assert!(page.contains("Thư gửi bộ phận vận hành"), "{page}");
}

/// What the core's statement has of a refund of ours.
fn refund_at_core(
    mismatch: MismatchReason,
    of_payment: Status,
    amount: u64,
    has: InStatement,
) -> Finding {
    let mut finding = finding("T-1", Kind::NeedsReview, mismatch);
    finding.subject = Subject::RefundAtCore {
        transaction: finding.transaction_id.unwrap(),
        refund: "R1".to_owned(),
    };
    finding.statement = Some(StatementWord { has, reading: 1 });
    (finding.tiki, finding.ours) = (None, Some(ours(of_payment, amount)));
    finding.claims.clear();
    finding
}

#[test]
fn a_difference_is_what_the_sides_are_apart() {
    use MismatchReason::{
        AmountDiffers, GivenBackOtherAmount, GivenBackThoughRejected, GivenBackTwice,
        RefundNotAtCore, ReversedAndPaid,
    };
    use Status::{Failure, Success};

    let apart = |finding: Finding| with(vec![finding]).differences_vnd;
    let amounts = finding("T-1", Kind::NeedsReview, AmountDiffers);
    assert_eq!(apart(amounts), 1_000);
    let once = |amount| InStatement::Once(vnd(amount));
    for (reason, of_payment, amount, has, expected) in [
        // The payment has failed, and what the customer misses is the refund.
        (
            RefundNotAtCore,
            Failure,
            100_000,
            InStatement::Never,
            100_000,
        ),
        (GivenBackTwice, Failure, 100_000, twice(200_000), 100_000),
        (GivenBackTwice, Success, 100_000, once(100_000), 100_000),
        (
            GivenBackThoughRejected,
            Success,
            40_000,
            once(40_000),
            40_000,
        ),
        (GivenBackOtherAmount, Success, 40_000, once(4_000), 36_000),
    ] {
        let finding = refund_at_core(reason, of_payment, amount, has);
        assert_eq!(apart(finding), expected, "{reason:?}");
    }
    // Tiki keeps the order, and does not say of how much.
    let mut kept = finding("T-1", Kind::OrderWithoutMoney, ReversedAndPaid);
    kept.ours = Some(ours(Failure, 100_000));
    kept.tiki = Some(LookUpAnswer::Found(Success, None));
    kept.claims.clear();
    assert_eq!(apart(kept), 100_000);
}

/// A part of the results is not all of them.
#[test]
fn results_are_read_when_each_file_of_ours_is_answered() {
    let name = |counter: u32| format!("tikivip_vnptmoney_20261122_{counter}");
    let of = |received: Vec<Received>| {
        let mut report = quiet();
        report.exported.as_mut().unwrap().counters = vec![1, 2, 11];
        report.sent = vec![sent(1, 10), sent(2, 10), sent(11, 10)];
        report.received = received;
        report.summary().results
    };
    let refused = Received {
        sha256: None,
        ..received(&name(1), 0, 0)
    };
    let being_read = Received {
        done_at: None,
        ..received(&name(1), 10, 0)
    };
    let result = |counter| received(&(name(counter) + "_result"), 10, 0);
    for (files, expected) in [
        (Vec::new(), Results::None),
        (vec![refused], Results::BeingRead),
        (vec![being_read], Results::BeingRead),
        (vec![result(1)], Results::Partly),
        (vec![result(1), result(11)], Results::Partly),
        (vec![result(1), result(2), result(11)], Results::Read),
        // Tiki's own name for all of the day.
        (vec![received("ket_qua_20261122.csv", 30, 0)], Results::Read),
    ] {
        assert_eq!(of(files.clone()), expected, "{files:?}");
    }
    let mut api = quiet();
    (api.received, api.expected.results) = (Vec::new(), false);
    assert_eq!(api.summary().results, Results::NotAsked);
}

#[test]
fn what_is_due_is_what_succeeded_without_what_tiki_had_refunded() {
    let page = page_html(&quiet()).unwrap();
    for text in [
        "12.408</td><td>4.310.550.000 ₫",
        "41</td><td>−12.300.000 ₫",
        "<td></td><td>4.298.250.000 ₫",
        "Không thành công, không phải trả",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let mut negative = quiet();
    negative.exported.as_mut().unwrap().refunded = sum(1, 5_000_000_000);
    let page = page_html(&negative).unwrap();
    assert!(page.contains("−689.450.000 ₫"), "{page}");
}
