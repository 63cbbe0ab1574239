//! The file of a day, byte for byte.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use domain::{Day, FinalStatus, FinalTransaction, Timestamp, TransactionId, Vnd};
use proptest::prelude::*;
use reconciliation::file::{
    MAX_FILE_LINES, Part, PartnerName, Parts, Refunded, Row, Sum, Totals, day_in, name,
};
use sha2::{Digest, Sha256};

const HEADER: &str =
    "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at";

/// The last second of a day in Vietnam, and the first of the next.
const TIMES: &str = "2026-11-21 23:59:59,2026-11-22 00:00:00";

fn transaction(n: u64, amount: u64, status: FinalStatus) -> FinalTransaction {
    let tiki_id = format!("T-{n}").parse().unwrap();
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    FinalTransaction {
        id: TransactionId::derive(&tiki_id),
        tiki_id,
        amount: Vnd::new(amount).unwrap(),
        status,
        created_at: at("2026-11-21T16:59:59.999Z"),
        final_at: at("2026-11-21T17:00:00Z"),
    }
}

fn refunded(paid: &FinalTransaction, request_id: Option<&str>, amount: u64) -> Refunded {
    Refunded {
        request_id: request_id.map(|id| id.parse().unwrap()),
        refund_id: "5a9db0c5-0000-4000-8000-7469746b6976".parse().unwrap(),
        amount: Vnd::new(amount).unwrap(),
        back_at: paid.final_at,
    }
}

/// A writer whose bytes the test can read afterwards.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Fewer bytes than requested, as a disk may do.
        let some = bytes.len().min(7);
        self.0.borrow_mut().extend_from_slice(&bytes[..some]);
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(refund_rows: bool, most: u64, rows: &[Row<'_>]) -> (Vec<Part>, Vec<String>) {
    let texts: RefCell<Vec<Shared>> = RefCell::default();
    let open = |place: usize| {
        assert_eq!(place, texts.borrow().len());
        texts.borrow_mut().push(Shared::default());
        Ok(texts.borrow()[place].clone())
    };
    let mut parts = Parts::new(refund_rows, open).of_at_most(most);
    for row in rows {
        parts.write(*row).unwrap();
    }
    let parts = parts.finish().unwrap();
    let texts = texts.into_inner().into_iter();
    let texts = texts.map(|text| String::from_utf8(text.0.take()).unwrap());
    (parts, texts.collect())
}

#[test]
fn a_day_without_transactions_is_only_a_header() {
    let (parts, texts) = written(false, MAX_FILE_LINES, &[]);
    assert_eq!(texts, [format!("{HEADER}\n")]);
    let (_, with_refunds) = written(true, MAX_FILE_LINES, &[]);
    let header = format!("{HEADER},type,request_id,refund_id,refund_amount\n");
    assert_eq!(with_refunds, [header]);
    assert_eq!((parts.len(), parts[0].lines), (1, 1));
}

#[test]
fn a_line_has_six_columns_whole_vnd_and_vietnams_time() {
    let (paid, failed) = (
        transaction(1, 100_000, FinalStatus::Success),
        transaction(2, 1, FinalStatus::Failure),
    );
    let rows = [Row::Payment(&paid), Row::Payment(&failed)];
    let (parts, texts) = written(false, MAX_FILE_LINES, &rows);
    let expected = format!(
        "{HEADER}\nT-1,{},100000,SUCCESS,{TIMES}\nT-2,{},1,FAILURE,{TIMES}\n",
        paid.id, failed.id
    );
    assert_eq!(texts, [expected]);
    let totals = parts[0].totals;
    assert_eq!(
        (totals.success.count, totals.success.amount_vnd),
        (1, 100_000)
    );
    assert_eq!((totals.failure.count, totals.failure.amount_vnd), (1, 1));
    assert_eq!(totals.refunds.count, 0);
}

#[test]
fn a_refund_row_has_its_columns_and_the_payments_status() {
    let paid = transaction(1, 100_000, FinalStatus::Success);
    let by_tiki = refunded(&paid, Some("R,\"1\""), 40_000);
    let by_us = refunded(&paid, None, 60_000);
    let rows = [
        Row::Payment(&paid),
        Row::Refund(&paid, &by_tiki),
        Row::Refund(&paid, &by_us),
    ];
    let (parts, texts) = written(true, MAX_FILE_LINES, &rows);
    let lines: Vec<&str> = texts[0].lines().collect();
    assert_eq!(
        lines[0],
        format!("{HEADER},type,request_id,refund_id,refund_amount")
    );
    assert!(lines[1].ends_with(",PAYMENT,,,"), "{}", lines[1]);
    let id = by_tiki.refund_id;
    let end = format!(",SUCCESS,{TIMES},REFUND,\"R,\"\"1\"\"\",{id},40000");
    assert!(lines[2].ends_with(&end), "{}", lines[2]);
    let end = format!(",SUCCESS,{TIMES},REFUND,,{id},60000");
    assert!(lines[3].ends_with(&end), "{}", lines[3]);
    assert_eq!(
        parts[0].totals.success.count, 1,
        "a refund is not a payment"
    );
    let refunds = parts[0].totals.refunds;
    assert_eq!((refunds.count, refunds.amount_vnd), (2, 100_000));
}

#[test]
fn a_refund_row_needs_its_columns() {
    let paid = transaction(1, 100_000, FinalStatus::Success);
    let refunded = refunded(&paid, None, 40_000);
    let mut parts = Parts::new(false, |_| Ok(Vec::new()));
    parts.write(Row::Payment(&paid)).unwrap();
    assert!(parts.write(Row::Refund(&paid, &refunded)).is_err());
    let parts = parts.finish().unwrap();
    assert_eq!((parts[0].lines, parts[0].totals.refunds.count), (2, 0));
}

#[test]
fn a_refused_row_leaves_nothing_in_the_file() {
    let rows = [
        transaction(1, 10, FinalStatus::Success),
        transaction(2, 10, FinalStatus::Success),
        transaction(3, 10, FinalStatus::Success),
    ];
    let text = Shared::default();
    let mut parts = Parts::new(false, |_| Ok(text.clone()));
    assert!(parts.write(Row::Payment(&rows[0])).is_ok());
    let refunded = refunded(&rows[1], None, 10);
    assert!(parts.write(Row::Refund(&rows[1], &refunded)).is_err());
    assert!(parts.write(Row::Payment(&rows[2])).is_ok());
    let parts = parts.finish().unwrap();
    let text = String::from_utf8(text.0.take()).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains("T-2"), "{text}");
    assert_eq!((parts[0].lines, parts[0].totals.success.count), (3, 2));
}

/// A full disk.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let paid = transaction(1, 100_000, FinalStatus::Success);
    let closed = |_| Err::<Vec<u8>, _>(io::Error::other("no room"));
    assert!(
        Parts::new(false, closed)
            .write(Row::Payment(&paid))
            .is_err()
    );
    assert!(Parts::new(false, closed).finish().is_err());
    let mut parts = Parts::new(false, |_| Ok(Full));
    // The line is buffered, and must not be lost at the end.
    parts.write(Row::Payment(&paid)).unwrap();
    assert!(parts.finish().is_err());
    let mut parts = Parts::new(false, |_| Ok(io::BufWriter::new(Full)));
    parts.write(Row::Payment(&paid)).unwrap();
    assert!(parts.finish().is_err());
}

#[test]
fn sums_that_overflow_are_an_error() {
    let most = Sum {
        count: 1,
        amount_vnd: u64::MAX,
    };
    let mut totals = Totals {
        success: most,
        ..Totals::default()
    };
    assert!(totals.add(&totals.clone()).is_err());
    let mut totals = Totals::default();
    let more = Totals {
        failure: Sum {
            count: 2,
            amount_vnd: 3,
        },
        ..Totals::default()
    };
    totals.add(&more).unwrap();
    totals.add(&more).unwrap();
    assert_eq!((totals.failure.count, totals.failure.amount_vnd), (4, 6));
    assert_eq!(totals.success, Sum::default());
}

/// The limit of protocol §7, exactly: the header counts as a line.
#[test]
fn one_line_more_than_half_a_million_starts_a_new_file() {
    let row = transaction(1, 1, FinalStatus::Success);
    let mut parts = Parts::new(false, |_| Ok(io::sink()));
    for _ in 0..500_000 {
        parts.write(Row::Payment(&row)).unwrap();
    }
    let parts = parts.finish().unwrap();
    let lines: Vec<u64> = parts.iter().map(|part| part.lines).collect();
    assert_eq!(lines, [500_000, 2]);
}

/// The sums of a file, computed by another reader.
fn summed(text: &str) -> Totals {
    let mut totals = Totals::default();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for record in reader.records() {
        let record = record.unwrap();
        let (sum, amount) = match (record.get(6), &record[3]) {
            (Some("REFUND"), _) => (&mut totals.refunds, &record[9]),
            (_, "SUCCESS") => (&mut totals.success, &record[2]),
            (_, "FAILURE") => (&mut totals.failure, &record[2]),
            other => unreachable!("{other:?}"),
        };
        sum.count += 1;
        sum.amount_vnd += amount.parse::<u64>().unwrap();
    }
    totals
}

proptest! {
    /// For every limit: the parts together have all lines in order, and each record of a part is right.
    #[test]
    fn parts_together_are_the_day(
        kinds in prop::collection::vec(0_u8..3, 0..60),
        most in 0_u64..25,
        refund_rows: bool,
        request_id in "[ -~]{1,9}",
    ) {
        let day: Vec<(FinalTransaction, Option<Refunded>)> = (0_u64..).zip(&kinds).map(|(n, kind)| {
            let status = if *kind == 0 { FinalStatus::Failure } else { FinalStatus::Success };
            let payment = transaction(n, n + 1, status);
            let refund = (*kind == 2 && refund_rows).then(|| refunded(&payment, Some(&request_id), n + 1));
            (payment, refund)
        }).collect();
        let rows: Vec<Row<'_>> = day.iter().map(|(payment, refund)| match refund {
            Some(refund) => Row::Refund(payment, refund),
            None => Row::Payment(payment),
        }).collect();
        let (parts, texts) = written(refund_rows, most, &rows);
        let whole = written(refund_rows, u64::MAX, &rows).1.remove(0);
        let (header, body) = whole.split_once('\n').unwrap();
        let bodies = texts.iter().map(|text| text.strip_prefix(header).unwrap().strip_prefix('\n').unwrap());
        prop_assert_eq!(bodies.collect::<String>(), body);
        let room = usize::try_from(most.max(2) - 1).unwrap();
        prop_assert_eq!(parts.len(), rows.len().div_ceil(room).max(1), "no more parts than necessary");

        let mut totals = Totals::default();
        for (part, text) in parts.iter().zip(&texts) {
            let plain = text.starts_with("tiki") && text.ends_with('\n') && !text.contains('\r');
            prop_assert!(plain, "line feeds, and no byte order mark");
            prop_assert_eq!(part.lines, u64::try_from(text.lines().count()).unwrap());
            prop_assert!(part.lines <= most.max(2));
            prop_assert_eq!(part.bytes, u64::try_from(text.len()).unwrap());
            prop_assert_eq!(&part.sha256, &hex::encode(Sha256::digest(text.as_bytes())));
            prop_assert_eq!(part.totals, summed(text));
            totals.add(&part.totals).unwrap();
        }
        prop_assert_eq!(totals, summed(&whole));
    }

    #[test]
    fn a_name_is_split_again_and_no_text_panics(counter in 1_u32.., text in ".*") {
        let partner: PartnerName = "vnptmoney".parse().unwrap();
        let day: Day = "2023-04-14".parse().unwrap();
        let named = name(&partner, day, counter);
        prop_assert_eq!(day_in(&named, &partner), Some(day));
        for tail in ["_result.csv", " (1)", ".csv.gpg", "đã đối soát"] {
            prop_assert_eq!(day_in(&format!("{named}{tail}"), &partner), Some(day));
        }
        let _ = day_in(&text, &partner);
        let _ = day_in(&format!("tikivip_vnptmoney_{text}"), &partner);
    }
}

#[test]
fn a_file_name_is_recognised_and_another_partners_is_not() {
    let partner: PartnerName = "vnptmoney".parse().unwrap();
    let day: Day = "2023-04-14".parse().unwrap();
    assert_eq!(name(&partner, day, 1), "tikivip_vnptmoney_20230414_1");
    for other in [
        "tikivip_vnpt_20230414_1",
        "tikivip_vnptmoney2_20230414_1",
        "tikivip_vnptmoney_20230432_1",
        "tikivip_vnptmoney_2023041_1",
        "tikivip_vnptmoney_20230414",
        "tikivip_vnptmoney_20230414_",
        "tikivip_vnptmoney_20230414_x",
        "tikivip_vnptmoney_20230414_-1",
        "tikivip_vnptmoney_20230414_١",
        "tikivip_vnptmoney_20230414_1/../../2023-04-13/report.html",
        "tikivip_vnptmoney_20230414_1\\x",
        "tikivip_vnptmoney_20230414_1\n",
        "tikivip_vnptmoney_20230414_1\0",
        "tikivip_vnptmoney__20230414_1",
        "tikivip_vnptmoney_+0230414_1",
        "tikivip_vnptmoney_２０２３０４１４_1",
        "tikivip_VNPTMONEY_20230414_1",
        " tikivip_vnptmoney_20230414_1",
        "tikivip_vnptmoney_\u{1f600}\u{1f600}_1",
        "x_tikivip_vnptmoney_20230414_1",
        "",
    ] {
        assert_eq!(day_in(other, &partner), None, "{other}");
    }
    // A partner whose name starts with another's must not take the other's file, and the reverse.
    for (mine, others) in [
        ("vnpt", "vnptmoney"),
        ("vnptmoney", "vnpt"),
        ("a", "a20230414"),
    ] {
        let mine: PartnerName = mine.parse().unwrap();
        let others: PartnerName = others.parse().unwrap();
        assert_eq!(day_in(&name(&others, day, 1), &mine), None);
        assert_eq!(day_in(&name(&mine, day, 1), &mine), Some(day));
    }
    // Tiki chooses the name, and it may have more than letters.
    for mine in ["vnpt-money", "vnpt_money", "vnpt.money2"] {
        let mine: PartnerName = mine.parse().unwrap();
        assert_eq!(day_in(&name(&mine, day, 7), &mine), Some(day));
        let csv = format!("{}.csv", name(&mine, day, 7));
        assert_eq!(day_in(&csv, &mine), Some(day));
        let vnpt: PartnerName = "vnpt".parse().unwrap();
        assert_eq!(day_in(&name(&mine, day, 7), &vnpt), None);
    }
    for bad in [
        "",
        "_a",
        "a_",
        ".",
        "-a",
        "a/b",
        "a b",
        "ngân",
        "a\n",
        &"a".repeat(33),
    ] {
        assert!(bad.parse::<PartnerName>().is_err(), "{bad}");
    }
    assert!("a".repeat(32).parse::<PartnerName>().is_ok());
}
