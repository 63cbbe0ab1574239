//! The file of a day, byte for byte.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use domain::{ClientId, Day, Settled, Status, Timestamp, TransactionId, Vnd};
use proptest::prelude::*;
use reconciliation::file::{Part, PartnerName, Parts, Refunded, Row, day_in, name};
use sha2::{Digest, Sha256};

const HEADER: &str =
    "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at";

fn settled(n: u64, amount: u64, status: Status) -> Settled {
    let client: ClientId = "client".parse().unwrap();
    let tiki_id = format!("T-{n}").parse().unwrap();
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    Settled {
        id: TransactionId::derive(&client, &tiki_id),
        tiki_id,
        amount: Vnd::new(amount).unwrap(),
        status,
        created_at: at("2026-11-21T16:59:59.999Z"),
        final_at: at("2026-11-21T17:00:00Z"),
    }
}

/// What is written into a part, to be looked at afterwards.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Fewer than were given, as a disk may.
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
fn a_day_without_transactions_is_a_header() {
    let (parts, texts) = written(false, 500_000, &[]);
    assert_eq!(texts, [format!("{HEADER}\n")]);
    assert_eq!((parts.len(), parts[0].lines), (1, 1));
}

#[test]
fn a_line_has_six_columns_whole_dong_and_vietnams_clock() {
    let (paid, failed) = (
        settled(1, 100_000, Status::Success),
        settled(2, 1, Status::Failure),
    );
    let rows = [Row::Payment(&paid), Row::Payment(&failed)];
    let (parts, texts) = written(false, 500_000, &rows);
    let times = "2026-11-21 23:59:59,2026-11-22 00:00:00";
    let expected = format!(
        "{HEADER}\nT-1,{},100000,SUCCESS,{times}\nT-2,{},1,FAILURE,{times}\n",
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
fn a_refund_has_columns_of_its_own_and_no_status() {
    let paid = settled(1, 100_000, Status::Success);
    let refunded = Refunded {
        request_id: Some("R,\"1\"".parse().unwrap()),
        refund_id: "5a9db0c5-0000-4000-8000-7469746b6976".parse().unwrap(),
        amount: Vnd::new(40_000).unwrap(),
        back_at: paid.final_at,
    };
    let rows = [Row::Payment(&paid), Row::Refund(&paid, &refunded)];
    let (parts, texts) = written(true, 500_000, &rows);
    let lines: Vec<&str> = texts[0].lines().collect();
    assert_eq!(
        lines[0],
        format!("{HEADER},type,request_id,refund_id,refund_amount")
    );
    assert!(lines[1].ends_with(",PAYMENT,,,"), "{}", lines[1]);
    let end = format!(",REFUND,\"R,\"\"1\"\"\",{},40000", refunded.refund_id);
    assert!(lines[2].ends_with(&end), "{}", lines[2]);
    assert_eq!(parts[0].totals.success.count, 1, "a refund is no payment");
    assert_eq!(parts[0].totals.refunds.amount_vnd, 40_000);
}

#[test]
fn what_is_not_final_is_never_written() {
    let pending = settled(1, 1, Status::Pending);
    let mut parts = Parts::new(false, |_| Ok(Vec::new()));
    assert!(parts.write(Row::Payment(&pending)).is_err());
}

proptest! {
    /// However many lines a part may have: together the parts have all, in order, and each is what it says.
    #[test]
    fn parts_are_the_day_in_pieces(count in 0_usize..60, most in 2_u64..25) {
        let day: Vec<Settled> = (0_u64..).take(count).map(|n| {
            settled(n, n + 1, if n % 3 == 0 { Status::Failure } else { Status::Success })
        }).collect();
        let rows: Vec<Row<'_>> = day.iter().map(Row::Payment).collect();
        let (parts, texts) = written(false, most, &rows);
        let whole = written(false, u64::MAX, &rows).1.remove(0);
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines().skip(1)).collect();
        prop_assert_eq!(lines, whole.lines().skip(1).collect::<Vec<_>>());
        prop_assert_eq!(parts.len(), count.div_ceil(usize::try_from(most - 1).unwrap()).max(1));
        let mut sum = 0;
        for (part, text) in parts.iter().zip(&texts) {
            prop_assert_eq!(text.lines().next(), Some(HEADER));
            let plain = text.starts_with("tiki") && text.ends_with('\n') && !text.contains('\r');
            prop_assert!(plain, "LF, and no mark before it");
            prop_assert_eq!(part.lines, u64::try_from(text.lines().count()).unwrap());
            prop_assert!(part.lines <= most);
            prop_assert_eq!(part.bytes, u64::try_from(text.len()).unwrap());
            prop_assert_eq!(&part.sha256, &hex::encode(Sha256::digest(text.as_bytes())));
            sum += part.totals.success.amount_vnd + part.totals.failure.amount_vnd;
        }
        prop_assert_eq!(sum, day.iter().map(|settled| settled.amount.get()).sum::<u64>());
    }

    #[test]
    fn a_name_is_read_back_and_no_text_panics(counter in 1_u32.., text in ".*") {
        let partner: PartnerName = "vnptmoney".parse().unwrap();
        let day: Day = "2023-04-14".parse().unwrap();
        let named = name(&partner, day, counter);
        prop_assert_eq!(day_in(&named, &partner), Some(day));
        prop_assert_eq!(day_in(&(named + "_result.csv"), &partner), Some(day));
        let _ = day_in(&text, &partner);
        let _ = day_in(&format!("tikivip_vnptmoney_{text}"), &partner);
    }
}

#[test]
fn a_file_is_named_as_tiki_wants_it_and_anothers_is_told_apart() {
    let partner: PartnerName = "vnptmoney".parse().unwrap();
    let day: Day = "2023-04-14".parse().unwrap();
    assert_eq!(name(&partner, day, 1), "tikivip_vnptmoney_20230414_1");
    for other in [
        "tikivip_vnpt_20230414_1",
        "tikivip_vnptmoney2_20230414_1",
        "tikivip_vnptmoney_20230432_1",
        "tikivip_vnptmoney_2023041_1",
        "tikivip_vnptmoney_20230414",
        "tikivip_vnptmoney_20230414_x",
        "x_tikivip_vnptmoney_20230414_1",
        "",
    ] {
        assert_eq!(day_in(other, &partner), None, "{other}");
    }
    let shorter: PartnerName = "vnpt".parse().unwrap();
    assert_eq!(day_in("tikivip_vnptmoney_20230414_1", &shorter), None);
    for bad in ["", "a_b", "a/b", "ngân", &"a".repeat(33)] {
        assert!(bad.parse::<PartnerName>().is_err(), "{bad}");
    }
}
