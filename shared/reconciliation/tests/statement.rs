//! The core's statement beside our records: every cell of both tables, and statements of every shape.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::time::Duration;

use domain::testing::{AssumeCommitted, plain_payment};
use domain::{
    Day, LookUpAnswer, PaidDetails, PaymentAnswer, PaymentResult, PaymentResultMessage, Refund,
    RefundAnswer, RefundCommand, Reservation, Status, Timestamp, Transaction, Vnd,
};
use proptest::prelude::*;
use reconciliation::classify::{Kind, MismatchReason as M};
use reconciliation::result::{MAX_LINE_BYTES, Unreadable};
use reconciliation::statement::entry::{CsvEntries, Entry, EntryKind};
use reconciliation::statement::refund::CoreRefund;
use reconciliation::statement::{InStatement, payment, refund};

const AMOUNT: u64 = 100_000;

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

/// A time of the day that is compared.
fn at(time: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("2026-11-22T{time}+07:00")).unwrap()
}

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn pending() -> Transaction {
    let tiki_id = "T-1".parse().unwrap();
    let created = plain_payment(&tiki_id, vnd(AMOUNT), Duration::ZERO, at("09:00:00"));
    created.unwrap().assume_committed()
}

fn result(result: PaymentResult) -> PaymentResultMessage {
    let amount = Some(vnd(AMOUNT));
    PaymentResultMessage { amount, result }
}

fn paid_at(time: Timestamp) -> Transaction {
    let details = PaidDetails {
        paid_at: Some(time),
        ..PaidDetails::default()
    };
    let recorded = pending().record_payment_result(&result(PaymentResult::Paid(details)), time);
    recorded.change.unwrap().assume_committed()
}

fn failed() -> Transaction {
    let said = result(PaymentResult::Declined { reason: None });
    let recorded = pending().record_payment_result(&said, at("10:00:00"));
    recorded.change.unwrap().assume_committed()
}

/// It failed, and then the money came.
fn late() -> Transaction {
    let said = result(PaymentResult::Paid(PaidDetails::default()));
    let recorded = failed().record_payment_result(&said, at("11:00:00"));
    recorded.change.unwrap().assume_committed()
}

fn says_paid(amount: u64, at: Option<Timestamp>) -> PaymentAnswer {
    PaymentAnswer::Paid {
        amount: vnd(amount),
        details: PaidDetails {
            paid_at: at,
            ..PaidDetails::default()
        },
    }
}

const TWICE: InStatement = InStatement::Often {
    times: 2,
    total_vnd: 2 * AMOUNT,
};

/// What the core may answer, and its name in the table.
fn core_answers() -> Vec<(&'static str, Option<PaymentAnswer>)> {
    vec![
        ("not asked", None),
        ("paid", Some(says_paid(AMOUNT, Some(at("10:00:00"))))),
        (
            "paid near midnight",
            Some(says_paid(AMOUNT, Some(at("23:59:30")))),
        ),
        ("paid, another amount", Some(says_paid(AMOUNT + 1, None))),
        ("failed", Some(PaymentAnswer::Failed { reason: None })),
        ("not paid", Some(PaymentAnswer::NotPaid)),
        ("pending", Some(PaymentAnswer::Pending)),
        ("unreadable", Some(PaymentAnswer::Unreadable)),
        ("unknown", Some(PaymentAnswer::Unknown)),
    ]
}

/// Each cell: our record × the statement × the core's answer. Tiki's word only makes one of them more urgent.
#[test]
fn every_cell_of_a_payment() {
    let ours = [
        ("none", None),
        ("pending", Some(pending())),
        ("failed", Some(failed())),
        ("paid", Some(paid_at(at("10:00:00")))),
        ("late", Some(late())),
    ];
    let statements = [
        ("never", InStatement::Never),
        ("once", InStatement::Once(vnd(AMOUNT))),
        ("another amount", InStatement::Once(vnd(1))),
        ("twice", TWICE),
    ];
    for (name, t) in &ours {
        for (has, statement) in statements {
            for (said, core) in core_answers() {
                let taken = ["paid", "late"].contains(name);
                let (kind, mismatch) = match (*name, has, said) {
                    ("none", "never", _) => (Kind::Matched, M::NobodyPaid),
                    ("none", _, _) => (Kind::NeedsReview, M::TakenAndUnknownHere),
                    (_, "twice", _) => (Kind::NeedsReview, M::TakenTwice),
                    (_, "another amount", _) => (Kind::NeedsReview, M::TakenOtherAmount),
                    (_, "once", _) if taken => (Kind::Matched, M::Agree),
                    (_, "never", _) if !taken => (Kind::Matched, M::NobodyPaid),
                    (_, _, "paid, another amount") => (Kind::NeedsReview, M::TakenOtherAmount),
                    (_, "once", "paid" | "paid near midnight") => {
                        (Kind::Undecided, M::PaymentUnreported)
                    }
                    (_, "once", "failed" | "not paid") => {
                        (Kind::NeedsReview, M::CoreContradictsStatement)
                    }
                    (_, "never", "paid") => (Kind::NeedsReview, M::StatementLacksPayment),
                    (_, "never", "paid near midnight") => (Kind::Matched, M::OnAnotherDay),
                    (_, "never", "failed" | "not paid") => (Kind::NeedsReview, M::NotTakenAtCore),
                    _ => (Kind::Undecided, M::NoClearAnswerOfCore),
                };
                let judge =
                    |tiki| payment::judge(t.as_ref(), statement, core.as_ref(), tiki, day());
                let judged = judge(None);
                let cell = format!("{name}, {has}, {said}");
                assert_eq!((judged.kind, judged.mismatch), (kind, mismatch), "{cell}");
                let success = LookUpAnswer::Found(Status::Success, Some(vnd(AMOUNT)));
                let urgent = mismatch == M::NotTakenAtCore;
                let expected = if urgent {
                    Kind::OrderWithoutMoney
                } else {
                    kind
                };
                assert_eq!(judge(Some(success)).kind, expected, "{cell}");
                assert_eq!(judge(Some(LookUpAnswer::NotFound)).kind, kind, "{cell}");
            }
            // The core is asked exactly where its word decides.
            let asks = payment::asks_core(t.as_ref(), statement);
            let taken = t.as_ref().is_some_and(|t| t.money_taken().is_some());
            let decides = t.is_some() && matches!((has, taken), ("once", false) | ("never", true));
            assert_eq!(asks, decides, "{name}, {has}");
        }
    }
}

/// Without a time of the core, our own record of it says whether it is near midnight.
#[test]
fn a_payment_near_midnight_may_be_in_the_statement_of_the_day_beside() {
    for (time, on_this_day) in [
        ("00:14:59", false),
        ("00:15:00", true),
        ("12:00:00", true),
        ("23:44:59", true),
        ("23:45:00", false),
    ] {
        for core_says_when in [true, false] {
            let ours = paid_at(at(time));
            let said = says_paid(AMOUNT, core_says_when.then(|| at(time)));
            let never = InStatement::Never;
            let judged = payment::judge(Some(&ours), never, Some(&said), None, day());
            assert_eq!(!judged.is_matched(), on_this_day, "{time} {core_says_when}");
        }
    }
}

/// What is booked on a later day than we have it is another booking: it was taken, or given back, twice. On an earlier
/// day it may be the booking that we heard of late.
#[test]
fn a_booking_on_a_later_day_is_another_one() {
    let back = with_refund(Some(RefundAnswer::Succeeded), "23:40:00");
    for (ours, statement_of, twice) in [
        ("12:00:00", "2026-11-21", false),
        ("12:00:00", "2026-11-22", false),
        ("12:00:00", "2026-11-23", true),
        ("23:44:59", "2026-11-23", true),
        // So near midnight it is the same booking.
        ("23:45:00", "2026-11-23", false),
        ("23:45:00", "2026-11-24", true),
    ] {
        let paid = paid_at(at(ours));
        let day = statement_of.parse().unwrap();
        let once = InStatement::Once(vnd(AMOUNT));
        let judged = payment::judge(Some(&paid), once, None, None, day);
        let expected = if twice { M::TakenTwice } else { M::Agree };
        assert_eq!(judged.mismatch, expected, "{ours} {statement_of}");
        assert_eq!(judged.is_matched(), !twice);
    }
    for (statement_of, twice) in [("2026-11-22", false), ("2026-11-23", true)] {
        let once = InStatement::Once(vnd(40_000));
        let refund = back.refunds().first();
        let judged = refund::judge(refund, once, None, statement_of.parse().unwrap());
        let expected = if twice { M::GivenBackTwice } else { M::Agree };
        assert_eq!(judged.mismatch, expected, "{statement_of}");
    }
}

#[test]
fn an_entry_belongs_to_its_day_in_everybodys_clock() {
    for (time, is_of) in [
        ("2026-11-21T23:44:59+07:00", false),
        ("2026-11-21T23:45:00+07:00", true),
        ("2026-11-22T00:00:00+07:00", true),
        ("2026-11-22T16:59:59Z", true),
        ("2026-11-23T00:14:59+07:00", true),
        ("2026-11-23T00:15:00+07:00", false),
        ("2025-11-22T12:00:00+07:00", false),
    ] {
        let text = format!("{HEADER}payment,B,{ID},1,{time},\n");
        let entry = read(&text)[0].clone().unwrap();
        assert_eq!(entry.is_of(day()), is_of, "{time}");
    }
}

fn with_refund(answer: Option<RefundAnswer>, time: &str) -> Transaction {
    let command = RefundCommand {
        request_id: "R1".parse().unwrap(),
        amount: vnd(40_000),
        reason: "changed mind".parse().unwrap(),
    };
    let paid = paid_at(at("10:00:00"));
    let Ok(Reservation::Reserve(_, change)) = paid.reserve_refund(&command, at("10:30:00")) else {
        panic!("the refund is reserved");
    };
    let reserved = change.assume_committed();
    let Some(answer) = answer else {
        return reserved;
    };
    let id = reserved.refunds()[0].id;
    let change = reserved.record_refund_outcome(id, &answer, at(time));
    change.unwrap().assume_committed()
}

#[test]
fn every_cell_of_a_refund() {
    let rejected = RefundAnswer::Rejected { reason: None };
    let ours = [
        ("none", paid_at(at("10:00:00"))),
        ("reserved", with_refund(None, "")),
        (
            "unknown",
            with_refund(Some(RefundAnswer::Unknown), "11:00:00"),
        ),
        ("rejected", with_refund(Some(rejected), "11:00:00")),
        (
            "back",
            with_refund(Some(RefundAnswer::Succeeded), "11:00:00"),
        ),
        (
            "back near midnight",
            with_refund(Some(RefundAnswer::Succeeded), "23:59:00"),
        ),
    ];
    let statements = [
        ("never", InStatement::Never),
        ("once", InStatement::Once(vnd(40_000))),
        ("another amount", InStatement::Once(vnd(4_000))),
        ("twice", TWICE),
    ];
    let answers = [
        ("not asked", None),
        ("succeeded", Some(CoreRefund::Succeeded)),
        ("rejected", Some(CoreRefund::Rejected)),
        ("pending", Some(CoreRefund::Pending)),
        ("never seen", Some(CoreRefund::NeverSeen)),
        ("unknown", Some(CoreRefund::Unknown)),
    ];
    for (name, t) in &ours {
        let of_ours: Option<&Refund> = t.refunds().first();
        for (has, statement) in statements {
            for (said, core) in answers {
                let is_back = name.starts_with("back");
                let (kind, mismatch) = match (*name, has, said) {
                    ("none", "never", _) => (Kind::Matched, M::Agree),
                    ("none", _, _) => (Kind::NeedsReview, M::GivenBackWithoutUs),
                    (_, "twice", _) => (Kind::NeedsReview, M::GivenBackTwice),
                    (_, "another amount", _) => (Kind::NeedsReview, M::GivenBackOtherAmount),
                    (_, "once", _) if is_back => (Kind::Matched, M::Agree),
                    ("rejected", "once", _) => (Kind::NeedsReview, M::GivenBackThoughRejected),
                    (_, "once", _) => (Kind::Undecided, M::RefundInProgress),
                    (_, "never", _) if !is_back => (Kind::Matched, M::Agree),
                    ("back", _, "succeeded") => (Kind::NeedsReview, M::StatementLacksRefund),
                    (_, _, "succeeded") => (Kind::Matched, M::OnAnotherDay),
                    (_, _, "rejected" | "never seen") => (Kind::NeedsReview, M::RefundNotAtCore),
                    _ => (Kind::Undecided, M::NoClearAnswerOfCore),
                };
                let judged = refund::judge(of_ours, statement, core, day());
                let cell = format!("{name}, {has}, {said}");
                assert_eq!((judged.kind, judged.mismatch), (kind, mismatch), "{cell}");
            }
            let asks = refund::asks_core(of_ours, statement);
            assert_eq!(
                asks,
                name.starts_with("back") && has == "never",
                "{name}, {has}"
            );
        }
    }
}

const ID: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";
const HEADER: &str = "type,id,transaction_id,amount,at,rail_reference\n";

fn read(text: &str) -> Vec<Result<Entry, Unreadable>> {
    let mut entries = CsvEntries::new(text.as_bytes());
    let mut all = Vec::new();
    while let Some(entry) = entries.read().unwrap() {
        all.push(entry);
    }
    all
}

#[test]
fn a_statement_as_csv_is_read_in_the_order_of_its_header() {
    let text = format!(
        "\u{feff}amount,at,ID,rail_reference,type,transaction_id,note\r\n100000,2026-11-22 10:00,B,,payment,{ID},x\r\n"
    );
    let entries = read(&text);
    assert_eq!(entries.len(), 1);
    // A time without a T is no time.
    assert_eq!(
        entries[0].as_ref().unwrap_err().column.as_deref(),
        Some("at")
    );
    let text = text.replace("2026-11-22 10:00", "2026-11-22T10:00:00");
    let entry = read(&text)[0].clone().unwrap();
    let expected = Entry {
        kind: EntryKind::Payment,
        id: "B".to_owned(),
        transaction_id: ID.parse().unwrap(),
        amount: vnd(100_000),
        at: at("10:00:00"),
        reference: None,
    };
    assert_eq!(entry, expected);
}

#[test]
fn what_cannot_be_read_is_named_and_the_next_entry_is_read() {
    for (line, column) in [
        (
            format!("payment,B,{ID},100,000,2026-11-22T10:00:00Z,"),
            None,
        ),
        (
            format!("payment,B,{ID},100.000,2026-11-22T10:00:00Z,"),
            Some("amount"),
        ),
        (
            format!("payment,B,{ID},0,2026-11-22T10:00:00Z,"),
            Some("amount"),
        ),
        (format!("fee,B,{ID},1,2026-11-22T10:00:00Z,"), Some("type")),
        (format!("payment,,{ID},1,2026-11-22T10:00:00Z,"), Some("id")),
        (
            "payment,B,x,1,2026-11-22T10:00:00Z,".to_owned(),
            Some("transaction_id"),
        ),
        (format!("payment,B,{ID},1,22/11/2026,"), Some("at")),
        (format!("payment,B,{ID},1,2026-11-22T10:00:00Z,\"x"), None),
        ("x".repeat(20_000), None),
        // The rest of a line that is too long is no entry.
        (
            "x".repeat(MAX_LINE_BYTES) + &format!("refund,S,{ID},1,2026-11-22T10:00:00Z,"),
            None,
        ),
    ] {
        let good = format!("refund,R,{ID},1,2026-11-22T10:00:00Z,FT\n");
        let entries = read(&format!("{HEADER}{line}\n\n{good}"));
        let unreadable = entries[0].as_ref().unwrap_err();
        assert_eq!(
            (unreadable.line, unreadable.column.as_deref()),
            (2, column),
            "{line}"
        );
        assert!(entries.last().unwrap().is_ok(), "{line}");
        assert_eq!(entries.len(), 2, "{line}");
    }
    for (text, line) in [("", 0), ("\u{feff}", 0), ("a,b\nc,d\n", 1)] {
        let entries = read(text);
        assert_eq!(entries.len(), 1, "{text:?}");
        assert_eq!(entries[0].as_ref().unwrap_err().line, line, "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_statement_panics(text in ".{0,300}", entry in "(payment|refund|x),.{0,20},.{0,40},[0-9.,]{0,9},.{0,30}") {
        let _ = read(&text);
        let _ = read(&format!("{HEADER}{entry}\n"));
    }

    #[test]
    fn entries_are_counted(amounts in prop::collection::vec(1_u64..1_000, 0..6)) {
        let has = amounts.iter().fold(InStatement::Never, |has, a| has.and(vnd(*a)));
        let expected = match amounts.as_slice() {
            [] => InStatement::Never,
            [one] => InStatement::Once(vnd(*one)),
            many => InStatement::Often {
                times: u32::try_from(many.len()).unwrap(),
                total_vnd: many.iter().sum(),
            },
        };
        prop_assert_eq!(has, expected);
    }
}
