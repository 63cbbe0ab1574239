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
    AmountLimits, Change, Decision, DisputeReason, Ipn, IpnAnswer, LookUpAnswer,
    NotificationOutcome, OperatorWord, Order, PaidDetails, PaymentAnswer, PaymentResult,
    PaymentResultMessage, RefundAnswer, RefundCommand, Reservation, ReversalReason, Status,
    Timestamp, Transaction, Verdict, Vnd, after_look_up,
};
use reconciliation::classify::{Classification, Kind, classify};

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
    let report = PaymentResultMessage {
        amount: None,
        result,
    };
    let change = t.record_payment_result(&report, t.updated_at.after(Duration::from_secs(10)));
    change.unwrap().unwrap().into_transaction()
}

fn decided(t: &Transaction, decision: Decision) -> Transaction {
    let now = t.updated_at.after(Duration::from_hours(48));
    let (lease, change) = t.lease_ipn(now).unwrap();
    let told = NotificationOutcome {
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

fn refunded_by_core(t: &Transaction, refund: usize, answer: &RefundAnswer) -> Transaction {
    let id = t.refunds[refund].id;
    let change = t.record_refund_outcome(id, answer, t.updated_at);
    change.map(Change::into_transaction).unwrap()
}

fn asked_to_refund(t: &Transaction, request_id: &str, amount: u64) -> Transaction {
    let command = RefundCommand {
        request_id: request_id.parse().unwrap(),
        amount: vnd(amount),
        reason: "changed mind".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(_, change)) = t.reserve_refund(&command, t.updated_at) else {
        panic!("it is reserved");
    };
    change.into_transaction()
}

fn refunded(t: &Transaction, request_id: &str, amount: u64) -> Transaction {
    let t = asked_to_refund(t, request_id, amount);
    refunded_by_core(&t, t.refunds.len() - 1, &RefundAnswer::Succeeded)
}

fn resolved(t: &Transaction, verdict: Verdict) -> Transaction {
    let word = OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "Tiki said so by phone".parse().unwrap(),
    };
    let change = t.resolve(verdict, &word, t.updated_at);
    change.unwrap().into_transaction()
}

type State = (&'static str, Option<Transaction>);

fn states() -> Vec<State> {
    let pending = pending();
    let asked = pending.lease_expiry_check(at(960)).unwrap();
    let asked = asked.into_transaction();
    let core_says = |answer: PaymentAnswer| {
        let change = asked.conclude_expiry(&answer, at(961));
        change.unwrap().into_transaction()
    };
    let other_amount = PaymentAnswer::Paid {
        amount: vnd(AMOUNT - 1),
        details: PaidDetails::default(),
    };
    let paid = reported(&pending, PaymentResult::Paid(PaidDetails::default()));
    let declined = reported(&pending, PaymentResult::Declined { reason: None });
    let mut all = vec![
        ("nothing", None),
        ("pending", Some(pending)),
        (
            "pending, another amount at the core",
            Some(core_says(other_amount)),
        ),
    ];
    all.extend(paid_states(&paid));
    all.extend(reversed_states(&paid));
    all.push(("failed, expired", Some(core_says(PaymentAnswer::NotPaid))));
    all.extend(failed_states(&declined));
    all
}

/// Paid, and the payment stands.
fn paid_states(paid: &Transaction) -> Vec<State> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let leased = paid.lease_ipn(paid.updated_at).unwrap().1;
    let given_up_once = given_up(paid.clone());
    let mut worn = given_up_once.clone();
    for _ in 0..domain::MAX_REQUEUES {
        let again = worn.requeue_ipn(worn.updated_at).unwrap();
        worn = given_up(again.into_transaction());
    }
    let confirmed = decided(paid, Decision::Confirm);
    let asked = asked_to_refund(&confirmed, "A", AMOUNT);
    let disputed = decided(paid, Decision::Dispute(DisputeReason::AmountDiffers));
    [
        ("paid, to be reported", paid.clone()),
        ("paid, being reported", leased.into_transaction()),
        (
            "paid, reported in vain so far",
            decided(paid, Decision::Retry),
        ),
        (
            "paid, to be reported, refunded in full",
            refunded(paid, "A", AMOUNT),
        ),
        ("paid, given up", given_up_once.clone()),
        ("paid, given up as often as that is allowed", worn),
        (
            "paid, given up, refunded in part",
            refunded(&given_up_once, "A", 40_000),
        ),
        (
            "paid, given up, refunded in full",
            refunded(&given_up_once, "A", AMOUNT),
        ),
        ("paid, confirmed", confirmed.clone()),
        (
            "paid, confirmed by a person",
            resolved(&disputed, Verdict::Confirmed),
        ),
        (
            "paid, confirmed, refunded in part",
            refunded(&confirmed, "A", 40_000),
        ),
        ("paid, confirmed, to be refunded in full", asked.clone()),
        (
            "paid, confirmed, refunded in full or not: the core does not say",
            refunded_by_core(&asked, 0, &RefundAnswer::Unknown),
        ),
        (
            "paid, confirmed, the refund rejected",
            refunded_by_core(&asked, 0, &rejected),
        ),
        (
            "paid, confirmed, refunded in full",
            refunded_by_core(&asked, 0, &RefundAnswer::Succeeded),
        ),
        ("paid, disputed", disputed.clone()),
        (
            "paid, disputed, refunded in full",
            refunded(&disputed, "A", AMOUNT),
        ),
    ]
    .map(|(name, t)| (name, Some(t)))
    .into()
}

/// Paid, and the money goes back because Tiki does not have the order.
fn reversed_states(paid: &Transaction) -> Vec<State> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let reverse = Decision::Reverse(ReversalReason::NotFoundAtTiki);
    let reversing = decided(paid, reverse);
    let partly = asked_to_refund(paid, "A", 40_000);
    let partly = decided(&partly, reverse);
    let one_part = refunded_by_core(&partly, 1, &RefundAnswer::Succeeded);
    let disputed = decided(paid, Decision::Dispute(DisputeReason::AmountDiffers));
    let refused = refunded_by_core(&reversing, 0, &rejected);
    [
        ("reversing", reversing.clone()),
        (
            "reversing, the core does not say",
            refunded_by_core(&reversing, 0, &RefundAnswer::Unknown),
        ),
        (
            "reversing, by a person's word",
            resolved(&disputed, Verdict::Reverse),
        ),
        (
            "reversing, a part is back, a refund of Tiki's is not",
            one_part.clone(),
        ),
        (
            "reversed",
            refunded_by_core(&reversing, 0, &RefundAnswer::Succeeded),
        ),
        (
            "reversed, a part by a refund of Tiki's",
            refunded_by_core(&one_part, 0, &RefundAnswer::Succeeded),
        ),
        (
            "given back by other means",
            resolved(&refused, Verdict::Returned),
        ),
        ("reversal rejected", refused),
    ]
    .map(|(name, t)| (name, Some(t)))
    .into()
}

fn failed_states(declined: &Transaction) -> Vec<State> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let confirmed = decided(declined, Decision::Confirm);
    let pay = |t: &Transaction| reported(t, PaymentResult::Paid(PaidDetails::default()));
    let late = pay(declined);
    let late_confirmed = pay(&confirmed);
    let kept = refunded_by_core(&late_confirmed, 0, &rejected);
    let late_closed = pay(&decided(declined, Decision::Abandon));
    [
        ("failed, to be reported", declined.clone()),
        (
            "failed, reported in vain so far",
            decided(declined, Decision::Retry),
        ),
        ("failed, confirmed", confirmed),
        ("failed, closed", decided(declined, Decision::Abandon)),
        ("failed, given up", given_up(declined.clone())),
        ("failed, to be reported, paid late", late),
        ("failed, closed, paid late", late_closed),
        ("failed, confirmed, paid late", late_confirmed.clone()),
        (
            "failed, confirmed, paid late, back",
            refunded_by_core(&late_confirmed, 0, &RefundAnswer::Succeeded),
        ),
        (
            "failed, paid late, back by other means",
            resolved(&kept, Verdict::Returned),
        ),
        ("failed, paid late, and kept", kept),
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

fn found(ours: Option<&Transaction>, known: LookUpAnswer) -> Classification {
    classify(ours.map(|t| &**t), known)
}

/// Every cell: a record of ours, Tiki's word, and what is judged of the two.
fn cells() -> impl Iterator<Item = (String, Option<Transaction>, LookUpAnswer, Classification)> {
    states().into_iter().flat_map(|(name, ours)| {
        answers().into_iter().map(move |(word, known)| {
            let judged = found(ours.as_ref(), known);
            (format!("{name}: {word}"), ours.clone(), known, judged)
        })
    })
}

#[test]
fn every_record_beside_every_word_of_tikis_is_judged_as_the_table_says() {
    // Records of which the same is judged stand together.
    let mut alike: Vec<(Vec<&str>, String)> = Vec::new();
    for (name, ours) in states() {
        let mut column = String::new();
        for (word, known) in answers() {
            let judged = found(ours.as_ref(), known);
            let again = if judged.requeue { ", queued again" } else { "" };
            let (kind, ground) = (judged.kind.as_str(), judged.ground.as_str());
            column += &format!("    {word:<24} {kind}: {ground}{again}\n");
        }
        match alike.iter_mut().find(|(_, known)| *known == column) {
            Some((names, _)) => names.push(name),
            None => alike.push((vec![name], column)),
        }
    }
    let table = alike
        .iter()
        .map(|(names, column)| format!("{}\n{column}\n", names.join("\n")));
    let table: String = table.collect();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/classify_table.txt");
    if std::env::var_os("REWRITE_TABLES").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap();
    for (n, (found, expected)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "classify_table.txt:{}", n + 1);
    }
    assert_eq!(table, expected);
}

/// Closed is a finding only if both sides count the payment alike, or the customer has all of the money back.
#[test]
fn nothing_is_settled_while_the_sides_differ_about_money() {
    let mut settled = 0;
    for (cell, ours, known, judged) in cells() {
        if judged.kind != Kind::Matched {
            continue;
        }
        settled += 1;
        let paid_here = ours.as_ref().is_some_and(|t| t.status() == Status::Success);
        let paid_at_tiki = matches!(known, LookUpAnswer::Found(Status::Success, _));
        match (&ours, paid_here, paid_at_tiki) {
            (Some(t), true, true) => {
                let same = LookUpAnswer::Found(Status::Success, Some(t.order.amount));
                assert_eq!(known, same, "{cell}");
                assert!(
                    !t.has_active_reversal(),
                    "{cell}: Tiki delivers what was given back"
                );
            }
            (Some(t), true, false) => {
                assert_eq!(t.refunded_amount(), t.paid_amount(), "{cell}");
            }
            // Whatever was paid late is back, or a worker is at it.
            (Some(t), false, false) => assert_eq!(t.remaining_amount(), Vnd::ZERO, "{cell}"),
            (None, false, false) => {}
            (_, false, true) => panic!("{cell}: paid at Tiki only"),
            (None, true, _) => unreachable!("{cell}"),
        }
    }
    assert!(settled > 50, "{settled}");
}

/// Protocol §4, for a payment whose report is not confirmed: what is judged is what its table decides.
#[test]
fn a_payment_that_is_not_confirmed_is_judged_as_the_protocol_decides() {
    for (cell, ours, known, judged) in cells() {
        let waits = |t: &&Transaction| {
            let paid = t.status() == Status::Success;
            let reporting = t.ipn_due_at().is_some() || matches!(t.ipn, Ipn::Exhausted { .. });
            paid && reporting && t.refunds.is_empty()
        };
        let Some(t) = ours.as_ref().filter(waits) else {
            continue;
        };
        let expected: &[Kind] = match after_look_up(t.order.amount, known) {
            Decision::Confirm => &[Kind::Matched],
            Decision::Dispute(_) => &[Kind::NeedsReview],
            Decision::Reverse(_) => &[Kind::Reverse],
            // No amount, which the sender asks for again; here a person does.
            Decision::Retry if known == LookUpAnswer::Found(Status::Success, None) => {
                &[Kind::NeedsReview]
            }
            Decision::Retry => &[Kind::Resent, Kind::Undecided],
            Decision::RetryUnauthorized => &[Kind::Undecided],
            Decision::Abandon | Decision::LookUp => panic!("{cell}"),
        };
        assert!(expected.contains(&judged.kind), "{cell}");
    }
}

#[test]
fn only_a_report_that_was_given_up_is_queued_again_and_only_by_a_clear_word() {
    for (cell, ours, known, judged) in cells() {
        let unclear = matches!(
            known,
            LookUpAnswer::SystemError | LookUpAnswer::Unauthorized | LookUpAnswer::Unclear
        );
        assert_eq!(judged.kind == Kind::Undecided, unclear, "{cell}");
        if !judged.requeue {
            continue;
        }
        let t = ours.unwrap();
        let given_up = matches!(t.ipn, Ipn::Exhausted { .. } | Ipn::Abandoned { .. });
        assert!(given_up && !unclear, "{cell}");
        assert_ne!(
            judged.kind,
            Kind::NeedsReview,
            "{cell}: a person is not overtaken"
        );
        let worn = cell.contains("as often as that is allowed");
        assert_eq!(t.requeue_ipn(t.updated_at).is_none(), worn, "{cell}");
    }
}

/// Money that went back, or goes, is nobody's to report as paid.
#[test]
fn nothing_that_goes_back_is_reported_again() {
    for (cell, ours, _, judged) in cells() {
        if ours.is_some_and(|t| t.has_active_reversal()) {
            assert!(!judged.requeue && judged.kind != Kind::Resent, "{cell}");
        }
    }
}

#[test]
fn only_of_a_payment_does_tikis_amount_matter() {
    for (name, ours) in states() {
        for status in [Status::Pending, Status::Failure] {
            let of = |amount| found(ours.as_ref(), LookUpAnswer::Found(status, amount));
            for amount in [AMOUNT, AMOUNT - 1] {
                assert_eq!(of(Some(vnd(amount))), of(None), "{name}");
            }
        }
    }
}

#[test]
fn kinds_and_grounds_have_one_name_each_everywhere() {
    for kind in Kind::ALL {
        assert_eq!(serde_json::json!(kind), kind.as_str());
    }
    for (_, _, _, judged) in cells() {
        let ground = judged.ground;
        assert_eq!(serde_json::json!(ground), ground.as_str());
    }
}
