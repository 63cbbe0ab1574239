//! Each line of a result file beside our record: every code, with each kind of values.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::time::Duration;

use domain::testing::AssumeCommitted;
use domain::{
    AmountLimits, Order, PaidDetails, PaymentResult, PaymentResultMessage, RefundAnswer,
    RefundCommand, Reservation, Timestamp, Transaction, Vnd,
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
    let order = Order {
        amount: vnd(100_000),
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        expires_in_s: 900,
    };
    let limits = AmountLimits {
        min: vnd(1_000),
        max: vnd(500_000_000),
    };
    let tiki_id = "T-1".parse().unwrap();
    let created = Transaction::create(&tiki_id, order, limits, Duration::ZERO, at(0));
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
        refund: None,
        verdict,
        code: String::new(),
        values: Values {
            status: status.map(str::to_owned),
            amount_vnd,
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
    assert_eq!(agree.kind, Kind::Matched);
    let id = ours.id().to_string();
    for (t, in_file, kind, mismatch) in [
        (Some(&ours), None, Kind::Matched, MismatchReason::Agree),
        (
            Some(&ours),
            Some(id.as_str()),
            Kind::Matched,
            MismatchReason::Agree,
        ),
        (
            Some(&ours),
            Some("x"),
            Kind::NeedsReview,
            MismatchReason::OtherTransactionId,
        ),
        // Tiki's own word for what we do not have.
        (None, Some("x"), Kind::Matched, MismatchReason::Agree),
    ] {
        let seen = with_id_in_file(agree, t, in_file);
        assert_eq!((seen.kind, seen.mismatch), (kind, mismatch), "{in_file:?}");
    }
    // What needs review for another reason keeps it.
    let differs = Classification {
        kind: Kind::NeedsReview,
        mismatch: MismatchReason::AmountDiffers,
        requeue: false,
    };
    assert_eq!(with_id_in_file(differs, Some(&ours), Some("x")), differs);
}

#[test]
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
            let line = says(amount);
            refund(our_refund(Some(t), &line), &line, verdict)
        };
        assert_eq!(beside(&back, Some(40_000)), same, "{verdict:?}");
        assert_eq!(beside(&back, None), none, "{verdict:?}");
        assert_eq!(beside(&back, Some(4_000)), other, "{verdict:?}");
        assert_eq!(beside(&open, Some(40_000)), not_back, "{verdict:?}");
        assert_eq!(beside(&paid(), Some(70_000)), unknown, "{verdict:?}");
        assert_eq!(refund(None, &says(Some(1)), verdict), unknown);
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
        assert_eq!(our_refund(Some(&t), &line).is_some(), found, "{line:?}");
        assert_eq!(our_refund(None, &line), None);
    }
}
