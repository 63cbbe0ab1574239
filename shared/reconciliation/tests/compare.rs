//! Each line of a result file beside our record: every code, with each kind of values.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::time::Duration;

use domain::testing::{AssumeCommitted, plain_payment};
use domain::{
    PaidDetails, PaymentResult, PaymentResultMessage, RefundAnswer, RefundCommand, Reservation,
    Timestamp, Transaction, Vnd,
};
use reconciliation::classify::{Classification, Kind, MismatchReason, classify};
use reconciliation::compare::{our_refund, payment_matches, refund, with_id_in_file};
use reconciliation::record::Values;
use reconciliation::result::{RefundLine, ResultLine, Verdict};

const CODES: [Option<Verdict>; 5] = [
    None,
    Some(Verdict::Match),
    Some(Verdict::OnlyPartner),
    Some(Verdict::OnlyTiki),
    Some(Verdict::Differs),
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

fn pending() -> Transaction {
    let tiki_id = "T-1".parse().unwrap();
    let created = plain_payment(&tiki_id, vnd(100_000), Duration::ZERO, at(0));
    created.unwrap().assume_committed()
}

fn paid() -> Transaction {
    let result = PaymentResultMessage {
        amount: Some(vnd(100_000)),
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let recorded = pending().record_payment_result(&result, at(10));
    recorded.change.unwrap().assume_committed()
}

/// With a refund of 40.000 that Tiki asked for; its money is back if the core has said so.
fn with_refund(is_back: bool) -> Transaction {
    let command = RefundCommand {
        request_id: "R1".parse().unwrap(),
        amount: vnd(40_000),
        reason: "changed mind".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(_, change)) = paid().reserve_refund(&command, at(20)) else {
        panic!("the refund is reserved");
    };
    let reserved = change.assume_committed();
    if !is_back {
        return reserved;
    }
    let id = reserved.refunds()[0].id;
    let change = reserved.record_refund_outcome(id, &RefundAnswer::Succeeded, at(30));
    change.unwrap().assume_committed()
}

fn line(verdict: Option<Verdict>, status: Option<&str>, amount_vnd: Option<u64>) -> ResultLine {
    ResultLine {
        line: 2,
        tiki_id: "T-1".parse().unwrap(),
        transaction_id: None,
        lacks_transaction_id: false,
        times: [None, None],
        refund: None,
        verdict,
        code: String::new(),
        values: Values {
            status: status.map(str::to_owned),
            amount: amount_vnd.map(vnd),
        },
        reason: String::new(),
    }
}

#[test]
fn a_line_about_a_payment_matches_only_if_all_that_it_says_is_what_we_have() {
    let statuses = [None, Some("SUCCESS"), Some("FAILURE"), Some("success")];
    let amounts = [None, Some(100_000), Some(99_999)];
    let ours = paid();
    for verdict in CODES {
        for status in statuses {
            for amount in amounts {
                let says = line(verdict, status, amount);
                let same_status = [None, Some("SUCCESS")].contains(&status);
                let same_amount = [None, Some(100_000)].contains(&amount);
                let expected = match verdict {
                    Some(Verdict::Match) => same_status && same_amount,
                    // Without a code its values are all that it says.
                    None => status == Some("SUCCESS") && amount == Some(100_000),
                    Some(_) => false,
                };
                assert_eq!(payment_matches(Some(&ours), &says), expected, "{says:?}");
                // What is not final, and what we do not have, agrees with nothing.
                assert!(!payment_matches(Some(&pending()), &says), "{says:?}");
                assert!(!payment_matches(None, &says), "{says:?}");
            }
        }
        // The id must be ours for that payment.
        for (id, is_ours) in [
            (Some(ours.id().to_string()), true),
            (Some(ours.id().to_string().to_uppercase()), true),
            (
                Some("1f8e4a1d-fde6-5772-9201-f372c17b8388".to_owned()),
                false,
            ),
            (Some("x".to_owned()), false),
        ] {
            let says = ResultLine {
                transaction_id: id,
                ..line(verdict, Some("SUCCESS"), Some(100_000))
            };
            let may_match = matches!(verdict, None | Some(Verdict::Match));
            let matches = payment_matches(Some(&ours), &says);
            assert_eq!(matches, is_ours && may_match, "{says:?}");
        }
    }
}

#[test]
fn another_id_in_the_file_is_not_closed_by_a_look_up() {
    let ours = paid();
    let success = domain::LookUpAnswer::Found(domain::Status::Success, Some(vnd(100_000)));
    let agree = classify(Some(&ours), success);
    let nobody_paid = classify(None, domain::LookUpAnswer::NotFound);
    let (id, other) = (ours.id(), "1f8e4a1d-fde6-5772-9201-f372c17b8388");
    let own = id.to_string();
    for (beside, in_files, is_other) in [
        (agree, vec![], false),
        (agree, vec![own.as_str()], false),
        (agree, vec!["x"], true),
        (agree, vec![own.as_str(), other], true),
        // Of what nobody has paid Tiki may have its own word, but not an id of another payment of ours.
        (nobody_paid, vec!["x"], false),
        (nobody_paid, vec![other], true),
    ] {
        let seen = with_id_in_file(beside, id, &in_files);
        assert_eq!(seen.kind == Kind::NeedsReview, is_other, "{in_files:?}");
        let other = seen.mismatch == MismatchReason::OtherTransactionId;
        assert_eq!(other, is_other, "{in_files:?}");
    }
    // What needs review for another reason keeps it.
    let differs = Classification {
        kind: Kind::NeedsReview,
        mismatch: MismatchReason::AmountDiffers,
        requeue: false,
    };
    assert_eq!(with_id_in_file(differs, id, &["x"]), differs);
}

/// Without a code, all that a line says is what stands in it.
#[test]
fn a_line_without_a_code_matches_only_if_nothing_in_it_says_otherwise() {
    let ours = paid();
    let created = ours.created_at().on_vietnams_clock();
    let became_final = ours.final_at().unwrap().on_vietnams_clock();
    let plain = line(None, Some("SUCCESS"), Some(100_000));
    let with = |times: [Option<&str>; 2], reason: &str, lacks: bool| ResultLine {
        times: times.map(|time| time.map(str::to_owned)),
        reason: reason.to_owned(),
        lacks_transaction_id: lacks,
        ..plain.clone()
    };
    for (says, matches) in [
        (with([Some(&created), Some(&became_final)], "", false), true),
        (with([Some("22/11/2026 10:00"), None], "", false), true),
        (with([None, Some("2026-11-22 10:00:00")], "", false), false),
        (with([Some(&became_final), None], "", false), false),
        (with([None, None], "Tiki không có đơn", false), false),
        (with([None, None], "", true), false),
    ] {
        assert_eq!(payment_matches(Some(&ours), &says), matches, "{says:?}");
        let coded = ResultLine {
            verdict: Some(Verdict::Match),
            ..says
        };
        assert!(payment_matches(Some(&ours), &coded), "{coded:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each code")]
fn a_line_about_a_refund_is_compared_with_our_refund() {
    use MismatchReason::{Agree, RefundDiffers, RefundOnlyAtTiki, RefundOnlyHere};
    let (back, open) = (with_refund(true), with_refund(false));
    let says = |amount: Option<u64>| RefundLine {
        request_id: "R1".parse().ok(),
        refund_id: None,
        amount: amount.map(vnd),
    };
    // Each row: the code, then what it means beside a refund whose money is back with the amount, without an amount,
    // with another one; beside one whose money is not back; and beside none.
    for (verdict, same, none, other, not_back, unknown) in [
        (
            None,
            Agree,
            RefundDiffers,
            RefundDiffers,
            RefundDiffers,
            RefundOnlyAtTiki,
        ),
        (
            Some(Verdict::Match),
            Agree,
            Agree,
            RefundDiffers,
            RefundDiffers,
            RefundOnlyAtTiki,
        ),
        (
            Some(Verdict::OnlyPartner),
            RefundOnlyHere,
            RefundOnlyHere,
            RefundOnlyHere,
            RefundOnlyHere,
            RefundDiffers,
        ),
        (
            Some(Verdict::OnlyTiki),
            Agree,
            RefundDiffers,
            RefundDiffers,
            RefundDiffers,
            RefundOnlyAtTiki,
        ),
        (
            Some(Verdict::Differs),
            RefundDiffers,
            RefundDiffers,
            RefundDiffers,
            RefundDiffers,
            RefundOnlyAtTiki,
        ),
    ] {
        let beside = |t: &Transaction, amount| {
            let says = says(amount);
            refund(Some(t), &line(verdict, None, None), &says)
        };
        assert_eq!(beside(&back, Some(40_000)), same, "{verdict:?}");
        assert_eq!(beside(&back, None), none, "{verdict:?}");
        assert_eq!(beside(&back, Some(4_000)), other, "{verdict:?}");
        assert_eq!(beside(&open, Some(40_000)), not_back, "{verdict:?}");
        assert_eq!(beside(&paid(), Some(70_000)), unknown, "{verdict:?}");
        let in_file = line(verdict, None, None);
        assert_eq!(refund(None, &in_file, &says(Some(1))), unknown);
        // What stands beside the refund must be ours, too.
        let other_id = ResultLine {
            transaction_id: Some("x".to_owned()),
            ..in_file.clone()
        };
        let other_status = line(verdict, Some("FAILURE"), Some(100_000));
        for says_more in [other_id, other_status] {
            let says_more = refund(Some(&back), &says_more, &says(Some(40_000)));
            let expected = match verdict {
                Some(Verdict::OnlyPartner) => RefundOnlyHere,
                _ => RefundDiffers,
            };
            assert_eq!(says_more, expected, "{verdict:?}");
        }
    }
}

#[test]
fn a_refund_is_found_by_each_id_that_the_line_has() {
    let t = with_refund(true);
    let ours = t.refunds()[0].id;
    let other = "6d2fe96c-c0f2-5447-97e6-8bf156962918".parse().unwrap();
    for (request_id, refund_id, found) in [
        (Some("R1"), None, true),
        (None, Some(ours), true),
        (Some("R1"), Some(ours), true),
        (Some("R2"), None, false),
        (None, Some(other), false),
        (Some("R2"), Some(ours), false),
        (Some("R1"), Some(other), false),
    ] {
        let line = RefundLine {
            request_id: request_id.map(|id| id.parse().unwrap()),
            refund_id,
            amount: None,
        };
        assert_eq!(our_refund(&t, &line).is_some(), found, "{line:?}");
        // Two ids of two refunds: a refund that only Tiki has would be requested once more.
        if let (Some(_), Some(_), false) = (request_id, refund_id, found) {
            let plain = self::line(Some(Verdict::OnlyTiki), None, None);
            let seen = refund(Some(&t), &plain, &line);
            assert_eq!(seen, MismatchReason::RefundDiffers);
        }
    }
}
