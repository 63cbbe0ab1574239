//! Every combination of our record and an answer of Tiki: its classification, and the rules for all of them.
//!
//! The table is a snapshot. After a deliberate change, write it again and review the difference line by line:
//! `INSTA_UPDATE=always cargo test -p tikivip-reconciliation --test classify`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test may panic"
)]

use std::time::Duration;

use domain::testing::{AssumeCommitted, plain_payment};
use domain::{
    Change, Decision, DisputeReason, Ipn, IpnAnswer, IpnLease, IpnSubject, LookUpAnswer,
    NotificationOutcome, OperatorWord, PaidDetails, PaymentAnswer, PaymentResult,
    PaymentResultMessage, PaymentState, RefundAnswer, RefundCommand, Reservation, Resolution,
    ReversalReason, Status, Timestamp, Transaction, Vnd, after_look_up,
};
use reconciliation::classify::{Classification, Kind, classify};
use reconciliation::compare::payment_matches;
use reconciliation::record::Values;
use reconciliation::result::ResultLine;

const CONFIRM_AFTER: Duration = Duration::from_mins(2);

const AMOUNT: u64 = 100_000;

fn vnd(n: u64) -> Vnd {
    Vnd::new(n).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn pending() -> Transaction {
    let tiki_id = "T-1".parse().unwrap();
    let created = plain_payment(&tiki_id, vnd(AMOUNT), Duration::from_mins(1), at(0));
    created.unwrap().assume_committed()
}

fn with_result(t: &Transaction, result: PaymentResult) -> Transaction {
    let message = PaymentResultMessage {
        amount: None,
        result,
    };
    let recorded = t.record_payment_result(&message, t.updated_at().after(Duration::from_secs(10)));
    recorded.change.unwrap().assume_committed()
}

fn decided(t: &Transaction, decision: Decision) -> Transaction {
    let now = t.updated_at().after(Duration::from_hours(48));
    let (lease, change) = t.lease_ipn(CONFIRM_AFTER, now).unwrap();
    let outcome = NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    };
    let leased = change.assume_committed();
    leased
        .record_ipn(lease, outcome, now)
        .unwrap()
        .assume_committed()
}

fn exhausted(mut t: Transaction) -> Transaction {
    while t.ipn_due_at().is_some() {
        t = decided(&t, Decision::Retry);
    }
    t
}

fn refunded_by_core(t: &Transaction, refund: usize, answer: &RefundAnswer) -> Transaction {
    let id = t.refunds()[refund].id;
    let change = t.record_refund_outcome(id, answer, t.updated_at());
    change.map(Change::assume_committed).unwrap()
}

fn asked_to_refund(t: &Transaction, request_id: &str, amount: u64) -> Transaction {
    let command = RefundCommand {
        request_id: request_id.parse().unwrap(),
        amount: vnd(amount),
        reason: "changed mind".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(_, change)) = t.reserve_refund(&command, t.updated_at()) else {
        panic!("the refund is reserved");
    };
    change.assume_committed()
}

fn refunded(t: &Transaction, request_id: &str, amount: u64) -> Transaction {
    let t = asked_to_refund(t, request_id, amount);
    refunded_by_core(&t, t.refunds().len() - 1, &RefundAnswer::Succeeded)
}

fn resolved(t: &Transaction, resolution: Resolution) -> Transaction {
    let word = OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "Tiki said so by phone".parse().unwrap(),
    };
    let change = t.resolve(resolution, &word, t.updated_at());
    change.unwrap().assume_committed()
}

/// All that remains was returned by hand.
fn returned(t: &Transaction) -> Transaction {
    let amount = t.remaining_amount();
    resolved(t, Resolution::Returned { amount })
}

/// The core says that the payment was not made, after it had said that it was.
fn charged_back(t: &Transaction) -> Transaction {
    with_result(t, PaymentResult::Declined { reason: None })
}

type State = (&'static str, Option<Transaction>);

fn states() -> Vec<State> {
    let pending = pending();
    let asked = pending.lease_expiry_check(at(960)).unwrap();
    let asked = asked.assume_committed();
    let core_answers = |answer: PaymentAnswer| {
        let change = asked.conclude_expiry(&answer, at(961));
        change.unwrap().assume_committed()
    };
    let other_amount = PaymentAnswer::Paid {
        amount: vnd(AMOUNT - 1),
        details: PaidDetails::default(),
    };
    let paid = with_result(&pending, PaymentResult::Paid(PaidDetails::default()));
    let declined = with_result(&pending, PaymentResult::Declined { reason: None });
    let mut all = vec![
        ("no record", None),
        ("pending", Some(pending)),
        (
            "pending, another amount at the core",
            Some(core_answers(other_amount)),
        ),
    ];
    all.extend(paid_states(&paid));
    all.extend(reversed_states(&paid));
    all.push((
        "failed, expired",
        Some(core_answers(PaymentAnswer::NotPaid)),
    ));
    all.extend(failed_states(&declined));
    all
}

/// Paid, and not reversed.
fn paid_states(paid: &Transaction) -> Vec<State> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let leased = paid
        .lease_ipn(CONFIRM_AFTER, paid.ipn_due_at().unwrap())
        .unwrap()
        .1;
    let exhausted_once = exhausted(paid.clone());
    let mut used_up = exhausted_once.clone();
    for _ in 0..domain::MAX_REQUEUES {
        let again = used_up.requeue_ipn(used_up.updated_at()).unwrap();
        used_up = exhausted(again.assume_committed());
    }
    let confirmed = decided(paid, Decision::Confirm);
    let asked = asked_to_refund(&confirmed, "A", AMOUNT);
    let disputed = decided(paid, Decision::Dispute(DisputeReason::AmountDiffers));
    [
        ("paid, notification queued", paid.clone()),
        ("paid, notification being sent", leased.assume_committed()),
        (
            "paid, notification to be sent again",
            decided(paid, Decision::Retry),
        ),
        (
            "paid, notification queued, refunded in full",
            refunded(paid, "A", AMOUNT),
        ),
        ("paid, notification exhausted", exhausted_once.clone()),
        ("paid, notification exhausted, no requeue left", used_up),
        (
            "paid, notification exhausted, refunded in part",
            refunded(&exhausted_once, "A", 40_000),
        ),
        (
            "paid, notification exhausted, refunded in full",
            refunded(&exhausted_once, "A", AMOUNT),
        ),
        ("paid, confirmed", confirmed.clone()),
        (
            "paid, confirmed by a person",
            resolved(&disputed, Resolution::Confirmed),
        ),
        (
            "paid, confirmed, refunded in part",
            refunded(&confirmed, "A", 40_000),
        ),
        ("paid, confirmed, full refund queued", asked.clone()),
        (
            "paid, confirmed, full refund without a clear answer",
            refunded_by_core(&asked, 0, &RefundAnswer::Unknown),
        ),
        (
            "paid, confirmed, refund rejected",
            refunded_by_core(&asked, 0, &rejected),
        ),
        (
            "paid, confirmed, refunded in full",
            refunded_by_core(&asked, 0, &RefundAnswer::Succeeded),
        ),
        ("paid, confirmed, charged back", charged_back(&confirmed)),
        ("paid, not found once", decided(paid, Decision::LookAgain)),
        ("paid, disputed", disputed.clone()),
        (
            "paid, disputed, refunded in full",
            refunded(&disputed, "A", AMOUNT),
        ),
    ]
    .map(|(name, t)| (name, Some(t)))
    .into()
}

/// Paid, and reversed because Tiki does not have the order.
fn reversed_states(paid: &Transaction) -> Vec<State> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let reverse = Decision::Reverse(ReversalReason::NotFoundAtTiki);
    let reversing = decided(paid, reverse);
    let in_part = asked_to_refund(paid, "A", 40_000);
    let in_part = decided(&in_part, reverse);
    let one_part = refunded_by_core(&in_part, 1, &RefundAnswer::Succeeded);
    let disputed = decided(paid, Decision::Dispute(DisputeReason::AmountDiffers));
    let refused = refunded_by_core(&reversing, 0, &rejected);
    let reversed = refunded_by_core(&reversing, 0, &RefundAnswer::Succeeded);
    let known_as_paid = Decision::Dispute(DisputeReason::KnownAsPaid);
    [
        ("reversing", reversing.clone()),
        (
            "reversing, without a clear answer",
            refunded_by_core(&reversing, 0, &RefundAnswer::Unknown),
        ),
        (
            "reversing, by a person",
            resolved(&disputed, Resolution::Reverse),
        ),
        (
            "reversing, one part returned, Tiki's refund open",
            one_part.clone(),
        ),
        ("reversed, notification queued", reversed.clone()),
        (
            "reversed, notification to be sent again",
            decided(&reversed, Decision::Retry),
        ),
        ("reversed, confirmed", decided(&reversed, Decision::Confirm)),
        (
            "reversed, notification exhausted",
            exhausted(reversed.clone()),
        ),
        ("reversed, paid at Tiki", decided(&reversed, known_as_paid)),
        ("reversed, charged back", charged_back(&reversed)),
        (
            "reversed, one part by Tiki's refund",
            refunded_by_core(&one_part, 0, &RefundAnswer::Succeeded),
        ),
        ("reversed, by other means", returned(&refused)),
        ("reversal rejected", refused),
    ]
    .map(|(name, t)| (name, Some(t)))
    .into()
}

fn failed_states(declined: &Transaction) -> Vec<State> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let confirmed = decided(declined, Decision::Confirm);
    let pay = |t: &Transaction| with_result(t, PaymentResult::Paid(PaidDetails::default()));
    let late = pay(declined);
    let late_confirmed = pay(&confirmed);
    let kept = refunded_by_core(&late_confirmed, 0, &rejected);
    let late_closed = pay(&decided(declined, Decision::Abandon));
    [
        ("failed, notification queued", declined.clone()),
        (
            "failed, notification to be sent again",
            decided(declined, Decision::Retry),
        ),
        ("failed, confirmed", confirmed),
        (
            "failed, notification abandoned",
            decided(declined, Decision::Abandon),
        ),
        (
            "failed, notification retries used up",
            exhausted(declined.clone()),
        ),
        ("failed, notification queued, paid late", late),
        ("failed, notification abandoned, paid late", late_closed),
        ("failed, confirmed, paid late", late_confirmed.clone()),
        (
            "failed, confirmed, paid late, returned",
            refunded_by_core(&late_confirmed, 0, &RefundAnswer::Succeeded),
        ),
        (
            "failed, paid late, returned by other means",
            returned(&kept),
        ),
        (
            "failed, paid late, charged back",
            charged_back(&late_confirmed),
        ),
        ("failed, paid late, return rejected", kept),
    ]
    .map(|(name, t)| (name, Some(t)))
    .into()
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

fn classified(ours: Option<&Transaction>, known: LookUpAnswer) -> Classification {
    classify(ours, known)
}

/// Every combination of our record and an answer of Tiki, with its name and its classification.
fn cells() -> impl Iterator<Item = (String, Option<Transaction>, LookUpAnswer, Classification)> {
    states().into_iter().flat_map(|(name, ours)| {
        answers().into_iter().map(move |(answer, known)| {
            let result = classified(ours.as_ref(), known);
            (format!("{name}: {answer}"), ours.clone(), known, result)
        })
    })
}

#[test]
fn every_combination_is_classified_as_in_the_table() {
    // Records with the same results share one block.
    let mut blocks: Vec<(Vec<&str>, String)> = Vec::new();
    for (name, ours) in states() {
        let mut results = String::new();
        for (answer, known) in answers() {
            let result = classified(ours.as_ref(), known);
            let requeue = if result.requeue { ", queued again" } else { "" };
            let (kind, reason) = (result.kind.as_str(), result.mismatch.as_str());
            results += &format!("    {answer:<24} {kind}: {reason}{requeue}\n");
        }
        match blocks.iter_mut().find(|(_, known)| *known == results) {
            Some((names, _)) => names.push(name),
            None => blocks.push((vec![name], results)),
        }
    }
    let table = blocks
        .iter()
        .map(|(names, results)| format!("{}\n{results}\n", names.join("\n")));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("classify_table", table.collect::<String>());
    });
}

/// A finding matches only if the payment is the same on both sides, or the customer has all the money back.
#[test]
fn nothing_matches_while_the_sides_differ_about_money() {
    let mut matched = 0;
    for (cell, ours, known, result) in cells() {
        if result.kind != Kind::Matched {
            continue;
        }
        matched += 1;
        let paid_here = ours.as_ref().is_some_and(|t| t.status() == Status::Success);
        let paid_at_tiki = matches!(known, LookUpAnswer::Found(Status::Success, _));
        match (&ours, paid_here, paid_at_tiki) {
            (Some(t), true, true) => {
                let same = LookUpAnswer::Found(Status::Success, Some(t.order().amount));
                assert_eq!(known, same, "{cell}");
            }
            (Some(t), true, false) => {
                assert_eq!(t.refunded_amount(), t.paid_amount(), "{cell}");
            }
            // A late payment is returned, or its return is queued.
            (Some(t), false, false) => assert_eq!(t.remaining_amount(), Vnd::ZERO, "{cell}"),
            (None, false, false) => {}
            (_, false, true) => panic!("{cell}: paid at Tiki only"),
            (None, true, _) => unreachable!("{cell}"),
        }
    }
    assert!(matched > 50, "{matched}");
}

/// For a payment whose notification is not confirmed, the result is what the table of protocol §4 decides.
#[test]
fn an_unconfirmed_payment_follows_the_protocol() {
    for (cell, ours, known, result) in cells() {
        let unconfirmed = |t: &&Transaction| {
            let paid = t.status() == Status::Success;
            let notifying = t.ipn_due_at().is_some() || matches!(t.ipn(), Ipn::Exhausted { .. });
            paid && notifying && t.refunds().is_empty()
        };
        let Some(t) = ours.as_ref().filter(unconfirmed) else {
            continue;
        };
        let lease = IpnLease {
            attempt: 1,
            failures: 0,
            subject: IpnSubject::Paid,
            not_found_at: None,
            confirm_after: CONFIRM_AFTER,
        };
        let decision = after_look_up(t.order().amount, known, lease, t.updated_at());
        let expected: &[Kind] = match decision {
            Decision::Confirm => &[Kind::Matched],
            Decision::Dispute(_) => &[Kind::NeedsReview],
            Decision::Reverse(_) | Decision::LookAgain => &[Kind::Reverse],
            // Without an amount the sender looks up again; here a person must look.
            Decision::Retry if known == LookUpAnswer::Found(Status::Success, None) => {
                &[Kind::NeedsReview]
            }
            Decision::Retry => &[Kind::Resent, Kind::Undecided],
            Decision::RetryUnauthorized => &[Kind::Undecided],
            Decision::Abandon => panic!("{cell}"),
        };
        assert!(expected.contains(&result.kind), "{cell}");
    }
}

#[test]
fn only_a_notification_given_up_is_queued_again() {
    for (cell, ours, known, result) in cells() {
        let unclear = matches!(
            known,
            LookUpAnswer::SystemError | LookUpAnswer::Unauthorized | LookUpAnswer::Unclear
        );
        assert_eq!(result.kind == Kind::Undecided, unclear, "{cell}");
        if !result.requeue {
            continue;
        }
        let t = ours.unwrap();
        let given_up = matches!(t.ipn(), Ipn::Exhausted { .. } | Ipn::Abandoned { .. });
        assert!(given_up && !unclear, "{cell}");
        assert_ne!(
            result.kind,
            Kind::NeedsReview,
            "{cell}: a person decides first"
        );
        let used_up = cell.contains("no requeue left");
        assert_eq!(t.requeue_ipn(t.updated_at()).is_none(), used_up, "{cell}");
    }
}

/// A payment that is reversed and paid at Tiki is an order without money, whatever else is known of it.
#[test]
fn a_reversed_payment_that_tiki_has_as_paid_is_an_order_without_money() {
    let mut reversed = 0;
    for (cell, ours, known, result) in cells() {
        let is_reversed = |t: &Transaction| matches!(t.payment(), PaymentState::Reversed { .. });
        let paid_at_tiki = matches!(known, LookUpAnswer::Found(Status::Success, _));
        let money_is_here = ours.as_ref().is_some_and(|t| {
            let disputed = |reason| reason != DisputeReason::KnownAsPaid;
            matches!(t.ipn(), Ipn::Disputed { reason, .. } if disputed(reason))
        });
        if ours.is_some_and(|t| is_reversed(&t)) && paid_at_tiki {
            reversed += 1;
            if money_is_here {
                assert_eq!(result.kind, Kind::NeedsReview, "{cell}");
                continue;
            }
            assert_eq!(
                (result.kind, result.requeue),
                (Kind::OrderWithoutMoney, false),
                "{cell}"
            );
        }
    }
    assert!(reversed > 20, "{reversed}");
}

#[test]
fn tikis_amount_only_matters_if_tiki_says_paid() {
    for (name, ours) in states() {
        for status in [Status::Pending, Status::Failure] {
            let of = |amount| classified(ours.as_ref(), LookUpAnswer::Found(status, amount));
            for amount in [AMOUNT, AMOUNT - 1] {
                assert_eq!(of(Some(vnd(amount))), of(None), "{name}");
            }
        }
    }
}

#[test]
fn each_kind_and_reason_has_one_name() {
    for &kind in Kind::ALL {
        assert_eq!(serde_json::json!(kind), kind.as_str());
    }
    for (_, _, _, result) in cells() {
        let reason = result.mismatch;
        assert_eq!(serde_json::json!(reason), reason.as_str());
    }
}

/// Status and amount do not say whether Tiki keeps an order for money that went back: Tiki is asked. Of everything else
/// that is final a line with the same values matches.
#[test]
fn only_a_payment_without_a_reversal_matches_a_line_unasked() {
    let mut reversed = 0;
    for (name, ours) in states() {
        let Some(ours) = ours else {
            continue;
        };
        let says = ResultLine {
            line: 2,
            tiki_id: ours.tiki_id().clone(),
            transaction_id: None,
            lacks_transaction_id: false,
            times: [None, None],
            refund: None,
            verdict: None,
            code: String::new(),
            values: Values {
                status: Some(ours.status().to_string()),
                amount: Some(ours.order().amount),
            },
            reason: String::new(),
        };
        let went_back = matches!(ours.payment(), PaymentState::Reversed { .. });
        reversed += usize::from(went_back);
        let matches = payment_matches(Some(&ours), &says);
        assert_eq!(matches, ours.final_at().is_some() && !went_back, "{name}");
    }
    assert!(reversed > 5);
}
