//! What follows from our record and Tiki's word, in every cell; and what must hold of each.
//!
//! `REWRITE_TABLES=1 cargo test -p reconciliation` writes the table anew; read its difference.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test may panic"
)]

use std::path::PathBuf;
use std::time::Duration;

use domain::{
    AmountLimits, Change, Decision, DisputeGround, IpnAnswer, LookUpAnswer, Order, PaidDetails,
    PaymentReport, PaymentResult, RailPayment, RailRefund, RefundCommand, Reservation,
    ReversalGround, Status, Timestamp, Told, Transaction, Vnd,
};
use reconciliation::judge::{Judgement, Kind, judge};

const AMOUNT: u64 = 100_000;

fn vnd(n: u64) -> Vnd {
    Vnd::new(n).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn pending() -> Transaction {
    let order = Order {
        amount: vnd(AMOUNT),
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
    let (client, tiki_id) = ("client".parse().unwrap(), "T-1".parse().unwrap());
    let grace = Duration::from_mins(1);
    let created = Transaction::create(&client, &tiki_id, order, limits, grace, at(0));
    created.unwrap().transaction().clone()
}

fn reported(t: &Transaction, result: PaymentResult) -> Transaction {
    let report = PaymentReport {
        amount: None,
        result,
    };
    let change = t.report_payment(&report, t.updated_at.after(Duration::from_secs(10)));
    change.unwrap().unwrap().into_transaction()
}

fn decided(t: &Transaction, decision: Decision) -> Transaction {
    let now = t.updated_at.after(Duration::from_hours(48));
    let (lease, change) = t.lease_ipn(now).unwrap();
    let told = Told {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    };
    let leased = change.into_transaction();
    leased
        .record_ipn(lease, told, now)
        .unwrap()
        .into_transaction()
}

fn given_up(mut t: Transaction) -> Transaction {
    while t.ipn_due_at().is_some() {
        t = decided(&t, Decision::Retry);
    }
    t
}

fn settled(t: &Transaction, refund: usize, answer: &RailRefund) -> Transaction {
    let id = t.refunds[refund].id;
    let change = t.settle_refund(id, answer, t.updated_at);
    change.map(Change::into_transaction).unwrap()
}

fn refunded(t: &Transaction, request_id: &str, amount: u64) -> Transaction {
    let command = RefundCommand {
        request_id: request_id.parse().unwrap(),
        amount: vnd(amount),
        reason: "changed mind".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(_, change)) = t.reserve_refund(&command, t.updated_at) else {
        panic!("it is reserved");
    };
    let t = change.into_transaction();
    settled(&t, t.refunds.len() - 1, &RailRefund::Succeeded)
}

fn states() -> Vec<(&'static str, Option<Transaction>)> {
    let rejected = RailRefund::Rejected { reason: None };
    let pending = pending();
    let asked = pending
        .lease_expiry_check(at(960))
        .unwrap()
        .into_transaction();
    let other_amount = RailPayment::Paid {
        amount: vnd(AMOUNT - 1),
        details: PaidDetails::default(),
    };
    let other_amount = asked.conclude_expiry(&other_amount, at(961)).unwrap();
    let paid = reported(&pending, PaymentResult::Paid(PaidDetails::default()));
    let declined = reported(&pending, PaymentResult::Declined { reason: None });
    let confirmed = decided(&paid, Decision::Confirm);
    let reversing = decided(&paid, Decision::Reverse(ReversalGround::NotFoundAtTiki));
    let late = reported(&declined, PaymentResult::Paid(PaidDetails::default()));
    let disputed = Decision::Dispute(DisputeGround::AmountDiffers);
    let mut worn = given_up(paid.clone());
    for _ in 0..domain::MAX_REQUEUES {
        worn = given_up(
            worn.requeue_ipn(worn.updated_at)
                .unwrap()
                .into_transaction(),
        );
    }
    assert_eq!(worn.requeue_ipn(worn.updated_at), None);
    let state = |name, t: &Transaction| (name, Some(t.clone()));
    vec![
        ("nothing", None),
        state("pending", &pending),
        state(
            "pending, another amount at the core",
            other_amount.transaction(),
        ),
        state("paid, to be reported", &paid),
        state(
            "paid, reported in vain so far",
            &decided(&paid, Decision::Retry),
        ),
        state("paid, given up", &given_up(paid.clone())),
        state(
            "paid, given up, refunded in full",
            &refunded(&given_up(paid.clone()), "A", AMOUNT),
        ),
        state("paid, confirmed", &confirmed),
        state(
            "paid, confirmed, refunded in part",
            &refunded(&confirmed, "A", 40_000),
        ),
        state(
            "paid, confirmed, refunded in full",
            &refunded(&confirmed, "A", AMOUNT),
        ),
        state("paid, disputed", &decided(&paid, disputed)),
        state("reversing", &reversing),
        state("reversed", &settled(&reversing, 0, &RailRefund::Succeeded)),
        state("reversal rejected", &settled(&reversing, 0, &rejected)),
        state("failed, to be reported", &declined),
        state("failed, confirmed", &decided(&declined, Decision::Confirm)),
        state("failed, closed", &decided(&declined, Decision::Close)),
        state("failed, given up", &given_up(declined.clone())),
        state("failed, paid late", &late),
        state("failed, paid late, kept", &settled(&late, 0, &rejected)),
    ]
}

fn answers() -> Vec<(&'static str, LookUpAnswer)> {
    let success = |amount| LookUpAnswer::Found(Status::Success, amount);
    vec![
        ("SUCCESS, same amount", success(Some(vnd(AMOUNT)))),
        ("SUCCESS, other amount", success(Some(vnd(AMOUNT - 1)))),
        ("SUCCESS, no amount", success(None)),
        ("PENDING", LookUpAnswer::Found(Status::Pending, None)),
        ("FAILURE", LookUpAnswer::Found(Status::Failure, None)),
        ("not found", LookUpAnswer::NotFound),
        ("cancelled", LookUpAnswer::Cancelled),
        ("invalid request", LookUpAnswer::InvalidRequest),
        ("not of this partner", LookUpAnswer::NotOfThisPartner),
        ("system error", LookUpAnswer::SystemError),
        ("unauthorized", LookUpAnswer::Unauthorized),
        ("unclear", LookUpAnswer::Unclear),
    ]
}

fn found(ours: Option<&Transaction>, known: LookUpAnswer) -> Judgement {
    judge(ours.map(|t| &**t), known)
}

#[test]
fn every_record_beside_every_word_of_tikis_is_judged_as_the_table_says() {
    let mut table = String::new();
    for (name, ours) in states() {
        table += name;
        table.push('\n');
        for (word, known) in answers() {
            let judged = found(ours.as_ref(), known);
            let again = if judged.requeue { ", queued again" } else { "" };
            let (kind, ground) = (judged.kind.as_str(), judged.ground.as_str());
            table += &format!("    {word:<24} {kind}: {ground}{again}\n");
        }
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/judge_table.txt");
    if std::env::var_os("REWRITE_TABLES").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap();
    for (n, (found, expected)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "judge_table.txt:{}", n + 1);
    }
    assert_eq!(table, expected);
}

/// Whoever has the money must not differ where the finding is closed.
#[test]
fn nothing_is_settled_while_the_sides_differ_about_money() {
    for (name, ours) in states() {
        let kept = ours.as_ref().map_or(Vnd::ZERO, |t| {
            t.paid_amount().checked_sub(t.refunded_amount()).unwrap()
        });
        for (word, known) in answers() {
            if found(ours.as_ref(), known).kind != Kind::Settled {
                continue;
            }
            let paid_at_tiki = matches!(known, LookUpAnswer::Found(Status::Success, _));
            let paid_here = ours.as_ref().is_some_and(|t| t.status() == Status::Success);
            if paid_at_tiki {
                let same = known == LookUpAnswer::Found(Status::Success, Some(vnd(AMOUNT)));
                assert!(paid_here && same, "{name}, {word}");
            } else {
                let underway = ours.as_ref().is_some_and(|t| t.rail_due_at().is_some());
                let going_back = !paid_here && underway;
                assert!(kept == Vnd::ZERO || going_back, "{name}, {word}");
            }
        }
    }
}

#[test]
fn only_a_report_that_was_given_up_is_queued_again_and_only_by_a_clear_word() {
    for (name, ours) in states() {
        for (word, known) in answers() {
            let judged = found(ours.as_ref(), known);
            let unclear = [
                LookUpAnswer::SystemError,
                LookUpAnswer::Unauthorized,
                LookUpAnswer::Unclear,
            ];
            let is_unclear = unclear.contains(&known);
            assert_eq!(judged.kind == Kind::Undecided, is_unclear, "{name}, {word}");
            if judged.requeue {
                let given_up = name.contains("given up") || name.contains("closed");
                assert!(given_up && !is_unclear, "{name}, {word}");
            }
        }
    }
}
