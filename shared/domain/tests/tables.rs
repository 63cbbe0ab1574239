//! The decision tables in every cell, and what must hold whatever happens.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test may panic"
)]

use std::time::Duration;

use domain::testing::AssumeCommitted;
use domain::{
    AmountLimits, Change, Decision, DisputeReason, FailedNotification, FinalStatus, Ipn, IpnAnswer,
    IpnLease, IpnRefusal, LookUpAnswer, NotificationOutcome, NotificationStep, OperatorRefusal,
    OperatorWord, Order, PaidDetails, PaidNotification, PaymentAnswer, PaymentResult,
    PaymentResultMessage, RefundAnswer, RefundCommand, RefundId, Refusal, Reservation,
    ReversalReason, Status, TikiTransactionId, Timestamp, Transaction, Verdict, Vnd, after_look_up,
    after_notification,
};
use proptest::prelude::*;

const AMOUNT: u64 = 100_000;

fn vnd(n: u64) -> Vnd {
    Vnd::new(n).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

/// After every lease, and after every delay of every schedule.
fn later(transaction: &Transaction) -> Timestamp {
    transaction.updated_at().after(Duration::from_hours(48))
}

fn order(amount: u64) -> Order {
    Order {
        amount: vnd(amount),
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        expires_in_s: 900,
    }
}

fn limits() -> AmountLimits {
    AmountLimits {
        min: vnd(1_000),
        max: vnd(500_000_000),
    }
}

fn create(amount: u64) -> Result<Transaction, Refusal> {
    let tiki_id: TikiTransactionId = "T-1".parse().unwrap();
    Transaction::create(
        &tiki_id,
        order(amount),
        limits(),
        Duration::from_mins(1),
        at(0),
    )
    .map(AssumeCommitted::assume_committed)
}

fn paid_message(amount: u64, reference: Option<&str>) -> PaymentResultMessage {
    PaymentResultMessage {
        amount: Some(vnd(amount)),
        result: PaymentResult::Paid(PaidDetails {
            core_reference: reference.map(|r| r.parse().unwrap()),
            ..PaidDetails::default()
        }),
    }
}

fn declined_message() -> PaymentResultMessage {
    PaymentResultMessage {
        amount: None,
        result: PaymentResult::Declined {
            reason: "no money".parse().ok(),
        },
    }
}

fn refund_command(request_id: &str, amount: u64) -> RefundCommand {
    RefundCommand {
        request_id: request_id.parse().unwrap(),
        amount: vnd(amount),
        reason: "changed mind".parse().unwrap(),
    }
}

/// A decision, by whatever answer.
fn notified(decision: Decision) -> NotificationOutcome {
    NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    }
}

fn person() -> OperatorWord {
    OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "Tiki said so by phone".parse().unwrap(),
    }
}

/// Carries a change out, as the store would, and checks what must hold of every change.
fn commit(before: &Transaction, change: Change) -> Transaction {
    assert_eq!(change.expected_version(), before.version());
    assert_trail(before, &change);
    let after = change.assume_committed();
    assert_eq!(after.version(), before.version() + 1);
    assert_lawful(before, &after);
    after
}

/// The audit trail keeps its entries, and has what happens now.
fn assert_trail(before: &Transaction, change: &Change) {
    let (old, new) = (before.audit_trail(), change.transaction().audit_trail());
    let happened =
        |trail: &[domain::AuditEntry]| trail.iter().map(|e| e.times as usize).sum::<usize>();
    assert_eq!(happened(new), happened(old) + change.events().len());
    for (old, new) in old.iter().zip(new) {
        assert_eq!(old.at, new.at);
        assert_eq!(
            old.event.as_str(),
            new.event.as_str(),
            "nothing is rewritten"
        );
    }
    let taken_up = matches!(change.transaction().ipn(), Ipn::Retrying { .. });
    let leased = before.refunds().len() == change.transaction().refunds().len()
        && before.status() == change.transaction().status()
        && before.balance() == change.transaction().balance();
    assert!(
        !change.events().is_empty() || taken_up || leased,
        "{change:?}"
    );
}

fn assert_lawful(before: &Transaction, after: &Transaction) {
    Transaction::restore(after.to_snapshot()).expect("every change keeps the rules");
    if before.status() != Status::Pending {
        assert_eq!(
            before.status(),
            after.status(),
            "a final status never changes"
        );
        assert_eq!(before.final_at(), after.final_at());
    }
    assert_eq!(before.order(), after.order());
    for refund in before.refunds() {
        let now = after
            .refund_by_id(refund.id)
            .expect("no refund is forgotten");
        assert_eq!((refund.amount, &refund.origin), (now.amount, &now.origin));
        if refund.due().is_none() {
            assert_eq!(refund.state, now.state, "a final refund stays as it is");
        }
    }
}

fn reserve(transaction: &Transaction, request_id: &str, amount: u64) -> (RefundId, Transaction) {
    let command = refund_command(request_id, amount);
    match transaction.reserve_refund(&command, transaction.updated_at()) {
        Ok(Reservation::Reserve(id, change)) => (id, commit(transaction, change)),
        other => panic!("not reserved: {other:?}"),
    }
}

fn finish(transaction: &Transaction, id: RefundId, answer: &RefundAnswer) -> Transaction {
    let change = transaction.record_refund_outcome(id, answer, transaction.updated_at());
    commit(transaction, change.unwrap())
}

fn decided(transaction: &Transaction, decision: Decision) -> Transaction {
    let (lease, change) = transaction.lease_ipn(later(transaction)).unwrap();
    let leased = commit(transaction, change);
    let change = leased.record_ipn(lease, notified(decision), leased.updated_at());
    commit(&leased, change.unwrap())
}

fn exhausted(mut transaction: Transaction) -> Transaction {
    while transaction.ipn_due_at().is_some() {
        transaction = decided(&transaction, Decision::Retry);
    }
    transaction
}

/// Every state that differs to some command, by its name.
fn states() -> Vec<(&'static str, Transaction)> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let pending = create(AMOUNT).unwrap();
    let message = |message: PaymentResultMessage| {
        let change = pending.record_payment_result(&message, at(10)).unwrap();
        commit(&pending, change.unwrap())
    };
    let paid = message(paid_message(AMOUNT, Some("R1")));
    let declined = message(declined_message());
    let asked = commit(&pending, pending.lease_expiry_check(at(960)).unwrap());
    let other_amount = PaymentAnswer::Paid {
        amount: vnd(AMOUNT - 1),
        details: PaidDetails::default(),
    };
    let other_amount = commit(
        &asked,
        asked.conclude_expiry(&other_amount, at(961)).unwrap(),
    );
    let expired = asked.conclude_expiry(&PaymentAnswer::NotPaid, at(961));
    let expired = commit(&asked, expired.unwrap());
    let late = declined.record_payment_result(&paid_message(AMOUNT, Some("R1")), at(20));
    let late = commit(&declined, late.unwrap().unwrap());
    let leased = commit(&paid, paid.lease_ipn(later(&paid)).unwrap().1);
    let confirmed = decided(&paid, Decision::Confirm);
    let (id, reserved) = reserve(&confirmed, "A", 40_000);
    let unknown = finish(&reserved, id, &RefundAnswer::Unknown);
    let partly = finish(&reserved, id, &RefundAnswer::Succeeded);
    let refused = finish(&reserved, id, &rejected);
    let (rest, fully) = reserve(&partly, "B", 60_000);
    let reversing = decided(&paid, Decision::Reverse(ReversalReason::NotFoundAtTiki));
    let reversal = reversing.refunds()[0].id;
    vec![
        ("pending", pending.clone()),
        ("pending, another amount at the core", other_amount),
        ("paid", paid.clone()),
        ("paid, no reference", message(paid_message(AMOUNT, None))),
        ("paid, being sent", leased),
        ("paid, confirmed", confirmed),
        ("refund reserved", reserved),
        ("refund unknown", unknown),
        ("refunded in part", partly),
        ("refund rejected", refused),
        (
            "refunded in full",
            finish(&fully, rest, &RefundAnswer::Succeeded),
        ),
        (
            "reversed",
            finish(&reversing, reversal, &RefundAnswer::Succeeded),
        ),
        ("reversal rejected", finish(&reversing, reversal, &rejected)),
        ("reversing", reversing),
        (
            "disputed",
            decided(&paid, Decision::Dispute(DisputeReason::AmountDiffers)),
        ),
        ("exhausted", exhausted(paid)),
        ("declined", declined.clone()),
        ("declined, closed", decided(&declined, Decision::Abandon)),
        ("declined, given up", exhausted(declined)),
        ("expired", expired),
        ("paid late", late.clone()),
        (
            "paid late, and kept",
            finish(&late, late.refunds()[0].id, &rejected),
        ),
    ]
}

fn paid_state() -> Transaction {
    let found = states().into_iter().find(|(name, _)| *name == "paid");
    found.unwrap().1
}

/// A transaction in few words, to read a table by.
fn words(t: &Transaction) -> String {
    let ipn = match t.ipn() {
        Ipn::NotDue => "not due".to_owned(),
        Ipn::Queued { .. } => "queued".to_owned(),
        Ipn::Retrying { failures, .. } => format!("retrying after {failures}"),
        Ipn::Confirmed { .. } => "confirmed".to_owned(),
        Ipn::Abandoned { .. } => "abandoned".to_owned(),
        Ipn::Reversing { .. } => "reversing".to_owned(),
        Ipn::Disputed { .. } => "disputed".to_owned(),
        Ipn::Exhausted { .. } => "exhausted".to_owned(),
    };
    let back = t.refunded_amount();
    let left = t.remaining_amount();
    format!("{} ipn {ipn} back {back} left {left}", t.status().as_str())
}

fn outcome(before: &Transaction, change: Option<Change>) -> String {
    let Some(change) = change else {
        return "nothing".to_owned();
    };
    let due_marks = change.due_marks();
    let alarm = change.alarm();
    let mut text = words(&commit(before, change));
    if due_marks.ipn {
        text += ", marks ipn due";
    }
    if due_marks.refund {
        text += ", marks refund due";
    }
    if let Some(alarm) = alarm {
        text = format!("{text}, alarm {}", alarm.as_str());
    }
    text
}

fn answered(before: &Transaction, result: Result<Option<Change>, Refusal>) -> String {
    match result {
        Ok(change) => outcome(before, change),
        Err(refusal) => format!("refused: {refusal:?}"),
    }
}

fn by_person(before: &Transaction, result: Result<Change, OperatorRefusal>) -> String {
    match result {
        Ok(change) => outcome(before, Some(change)),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

fn refunded(before: &Transaction, command: &RefundCommand) -> String {
    match before.reserve_refund(command, later(before)) {
        Ok(Reservation::Known(id)) => {
            let refund = before.refund_by_id(id).unwrap();
            format!("known: {}", refund.status().as_str())
        }
        Ok(Reservation::Reserve(_, change)) => outcome(before, Some(change)),
        Err(refusal) => format!("refused: {refusal:?}"),
    }
}

/// Every command in every state. A row that changes is a change of what happens to somebody's money.
#[expect(clippy::too_many_lines, reason = "a row for each command")]
fn table() -> String {
    let rejected = RefundAnswer::Rejected { reason: None };
    let lease = |attempt| IpnLease {
        attempt,
        failures: 0,
        status: FinalStatus::Success,
    };
    let mut text = String::new();
    for (name, t) in states() {
        let now = later(&t);
        let finish = |answer: &RefundAnswer| match t.refunds().last() {
            Some(refund) => outcome(&t, t.record_refund_outcome(refund.id, answer, now)),
            None => "no refund".to_owned(),
        };
        let expiry = |answer: PaymentAnswer| outcome(&t, t.conclude_expiry(&answer, now));
        let paid_at_core = |amount| PaymentAnswer::Paid {
            amount: vnd(amount),
            details: PaidDetails::default(),
        };
        let message =
            |message: &PaymentResultMessage| answered(&t, t.record_payment_result(message, now));
        let record =
            |attempt, decision| outcome(&t, t.record_ipn(lease(attempt), notified(decision), now));
        let rows = [
            ("core: paid", message(&paid_message(AMOUNT, Some("R1")))),
            (
                "core: paid, no reference",
                message(&paid_message(AMOUNT, None)),
            ),
            (
                "core: paid a second time",
                message(&paid_message(AMOUNT, Some("R2"))),
            ),
            (
                "core: paid another amount",
                message(&paid_message(AMOUNT + 1, Some("R1"))),
            ),
            ("core: declined", message(&declined_message())),
            ("refund 10000", refunded(&t, &refund_command("N", 10_000))),
            ("refund 100000", refunded(&t, &refund_command("N", AMOUNT))),
            (
                "refund 100001",
                refunded(&t, &refund_command("N", AMOUNT + 1)),
            ),
            ("refund A again", refunded(&t, &refund_command("A", 40_000))),
            (
                "refund A, other amount",
                refunded(&t, &refund_command("A", 40_001)),
            ),
            ("lease expiry", outcome(&t, t.lease_expiry_check(now))),
            ("expiry: paid", expiry(paid_at_core(AMOUNT))),
            (
                "expiry: paid another amount",
                expiry(paid_at_core(AMOUNT - 1)),
            ),
            (
                "expiry: failed",
                expiry(PaymentAnswer::Failed { reason: None }),
            ),
            ("expiry: not paid", expiry(PaymentAnswer::NotPaid)),
            ("expiry: pending", expiry(PaymentAnswer::Pending)),
            ("expiry: unknown", expiry(PaymentAnswer::Unknown)),
            ("last refund: succeeded", finish(&RefundAnswer::Succeeded)),
            ("last refund: rejected", finish(&rejected)),
            ("last refund: pending", finish(&RefundAnswer::Pending)),
            ("last refund: unknown", finish(&RefundAnswer::Unknown)),
            ("lease refunds", {
                let leases = t.due_refunds(now).filter_map(|id| t.lease_refund(id, now));
                leases
                    .map(|change| outcome(&t, Some(change)))
                    .collect::<Vec<_>>()
                    .join("; ")
            }),
            (
                "lease ipn",
                outcome(&t, t.lease_ipn(now).map(|(_, change)| change)),
            ),
            ("ipn: confirm", record(1, Decision::Confirm)),
            ("ipn: close", record(1, Decision::Abandon)),
            ("ipn: retry", record(1, Decision::Retry)),
            (
                "ipn: retry, unauthorized",
                record(1, Decision::RetryUnauthorized),
            ),
            (
                "ipn: reverse",
                record(1, Decision::Reverse(ReversalReason::FailedAtTiki)),
            ),
            (
                "ipn: dispute",
                record(1, Decision::Dispute(DisputeReason::AmountDiffers)),
            ),
            ("ipn: confirm, lease lost", record(0, Decision::Confirm)),
            (
                "reconciliation: send again",
                outcome(&t, t.requeue_ipn(now)),
            ),
            (
                "person: send again",
                by_person(&t, t.resend_ipn(&person(), now)),
            ),
            (
                "person: confirmed",
                by_person(&t, t.resolve(Verdict::Confirmed, &person(), now)),
            ),
            (
                "person: reverse",
                by_person(&t, t.resolve(Verdict::Reverse, &person(), now)),
            ),
            (
                "person: returned",
                by_person(&t, t.resolve(Verdict::Returned, &person(), now)),
            ),
            (
                "ipn: reverse, lease lost",
                record(2, Decision::Reverse(ReversalReason::FailedAtTiki)),
            ),
        ];
        text += &format!("{name}: {}\n", words(&t));
        for (command, outcome) in rows {
            text += &format!("    {command:<28} {outcome}\n");
        }
    }
    text
}

#[test]
fn every_command_in_every_state_does_what_the_table_says() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("state_table", table());
    });
}

const IPN_ANSWERS: [IpnAnswer; 9] = [
    IpnAnswer::Accepted,
    IpnAnswer::Refused(IpnRefusal::InvalidRequest),
    IpnAnswer::SystemError,
    IpnAnswer::Refused(IpnRefusal::NotFound),
    IpnAnswer::Refused(IpnRefusal::NotOfThisPartner),
    IpnAnswer::Refused(IpnRefusal::InvalidAmount),
    IpnAnswer::Refused(IpnRefusal::Cancelled),
    IpnAnswer::Unauthorized,
    IpnAnswer::Unclear,
];

const CONFIRM: NotificationStep = NotificationStep::Decide(Decision::Confirm);
const ABANDON: NotificationStep = NotificationStep::Decide(Decision::Abandon);
const RETRY: NotificationStep = NotificationStep::Decide(Decision::Retry);
const UNAUTHORIZED: NotificationStep = NotificationStep::Decide(Decision::RetryUnauthorized);

#[test]
fn every_ipn_answer_is_decided_by_protocol_3() {
    use NotificationStep::LookUp;

    let rows: [(FinalStatus, [NotificationStep; 9], [NotificationStep; 9]); 2] = [
        (
            FinalStatus::Success,
            [
                CONFIRM,
                LookUp,
                RETRY,
                LookUp,
                LookUp,
                LookUp,
                LookUp,
                UNAUTHORIZED,
                RETRY,
            ],
            [
                CONFIRM,
                LookUp,
                LookUp,
                LookUp,
                LookUp,
                LookUp,
                LookUp,
                UNAUTHORIZED,
                LookUp,
            ],
        ),
        (
            FinalStatus::Failure,
            [
                CONFIRM,
                RETRY,
                RETRY,
                ABANDON,
                RETRY,
                RETRY,
                ABANDON,
                UNAUTHORIZED,
                RETRY,
            ],
            [
                CONFIRM,
                RETRY,
                RETRY,
                ABANDON,
                RETRY,
                RETRY,
                ABANDON,
                UNAUTHORIZED,
                RETRY,
            ],
        ),
    ];
    for (status, at_first, from_the_third) in rows {
        for failures in 0..12 {
            let expected = if failures < 2 {
                at_first
            } else {
                from_the_third
            };
            for (answer, expected) in IPN_ANSWERS.into_iter().zip(expected) {
                let found = after_notification(status, answer, failures);
                assert_eq!(
                    found, expected,
                    "{status:?} {answer:?} after {failures} failures"
                );
            }
        }
    }
}

#[test]
fn every_look_up_is_decided_by_protocol_4() {
    use LookUpAnswer as L;
    use ReversalReason as R;
    let other = vnd(AMOUNT + 1);
    let rows = [
        (
            L::Found(Status::Success, Some(vnd(AMOUNT))),
            Decision::Confirm,
        ),
        (
            L::Found(Status::Success, Some(other)),
            Decision::Dispute(DisputeReason::AmountDiffers),
        ),
        (
            L::Found(Status::Pending, Some(vnd(AMOUNT))),
            Decision::Retry,
        ),
        (L::Found(Status::Pending, Some(other)), Decision::Retry),
        (
            L::Found(Status::Failure, Some(vnd(AMOUNT))),
            Decision::Reverse(R::FailedAtTiki),
        ),
        (
            L::Found(Status::Failure, Some(other)),
            Decision::Reverse(R::FailedAtTiki),
        ),
        (L::Found(Status::Success, None), Decision::Retry),
        (L::Found(Status::Pending, None), Decision::Retry),
        (
            L::Found(Status::Failure, None),
            Decision::Reverse(R::FailedAtTiki),
        ),
        (L::NotFound, Decision::Reverse(R::NotFoundAtTiki)),
        (L::Cancelled, Decision::Reverse(R::CancelledAtTiki)),
        (
            L::InvalidRequest,
            Decision::Dispute(DisputeReason::InvalidRequest),
        ),
        (
            L::NotOfThisPartner,
            Decision::Dispute(DisputeReason::NotOfThisPartner),
        ),
        (L::SystemError, Decision::Retry),
        (L::Unauthorized, Decision::RetryUnauthorized),
        (L::Unclear, Decision::Retry),
    ];
    for (answer, expected) in rows {
        assert_eq!(after_look_up(vnd(AMOUNT), answer), expected, "{answer:?}");
    }
}

#[test]
fn a_reversal_gives_back_what_remains_and_no_more() {
    let confirmed = &paid_state();
    let (id, reserved) = reserve(confirmed, "A", 40_000);
    let reversing = decided(&reserved, Decision::Reverse(ReversalReason::FailedAtTiki));
    assert_eq!(reversing.refunds()[1].amount, vnd(60_000));
    assert_eq!(reversing.remaining_amount(), Vnd::ZERO);

    // Tiki's own refund is refused by the core: its amount is the customer's too.
    let freed = finish(&reversing, id, &RefundAnswer::Rejected { reason: None });
    assert_eq!(freed.refunds()[2].amount, vnd(40_000));
    assert_eq!(freed.remaining_amount(), Vnd::ZERO);
    assert!(matches!(freed.ipn(), Ipn::Reversing { .. }));
}

#[test]
fn the_hundredth_refund_is_the_last() {
    let mut transaction = paid_state();
    for i in 0..100 {
        let (id, reserved) = reserve(&transaction, &format!("R{i}"), 1);
        transaction = finish(&reserved, id, &RefundAnswer::Succeeded);
    }
    let refused = transaction.reserve_refund(&refund_command("R100", 1), at(99));
    assert_eq!(refused, Err(Refusal::TooManyRefunds(100)));
    let known = transaction.reserve_refund(&refund_command("R0", 1), at(99));
    assert!(
        matches!(known, Ok(Reservation::Known(_))),
        "a repeat is still answered"
    );
    // The money that is left can still be reversed.
    let reversing = decided(
        &transaction,
        Decision::Reverse(ReversalReason::FailedAtTiki),
    );
    assert_eq!(reversing.refunds()[100].amount, vnd(AMOUNT - 100));
}

#[test]
fn payments_are_bound_by_the_limits_and_refunds_are_not() {
    assert!(create(999).is_err());
    assert!(create(1_000).is_ok());
    assert!(create(500_000_000).is_ok());
    assert!(create(500_000_001).is_err());
    let (_, refunded) = reserve(&paid_state(), "A", 1);
    assert_eq!(refunded.refunds()[0].amount, vnd(1));
}

#[test]
fn a_lease_keeps_others_away_until_it_runs_out() {
    let paid = &paid_state();
    let now = paid.updated_at();
    let (_, change) = paid.lease_ipn(now).unwrap();
    let leased = commit(paid, change);
    assert!(
        leased
            .lease_ipn(
                now.after(
                    domain::IPN_LEASE
                        .checked_sub(Duration::from_millis(1))
                        .unwrap()
                )
            )
            .is_none()
    );
    let (second, _) = leased.lease_ipn(now.after(domain::IPN_LEASE)).unwrap();
    assert_eq!(
        (second.attempt, second.failures),
        (2, 0),
        "a death costs no try"
    );
}

#[test]
fn only_a_repeat_with_the_same_content_is_a_repeat() {
    let pending = create(AMOUNT).unwrap();
    assert_eq!(pending.repeated_by(&order(AMOUNT)), Ok(()));
    let others = [
        order(AMOUNT + 1),
        Order {
            order_code: "x".parse().ok(),
            ..order(AMOUNT)
        },
        Order {
            description: "x".parse().ok(),
            ..order(AMOUNT)
        },
        Order {
            identify_code: "x".parse().ok(),
            ..order(AMOUNT)
        },
        Order {
            webview_request_id: "x".parse().ok(),
            ..order(AMOUNT)
        },
        Order {
            expires_in_s: 901,
            ..order(AMOUNT)
        },
    ];
    for other in others {
        assert_eq!(
            pending.repeated_by(&other),
            Err(Refusal::IdReused),
            "{other:?}"
        );
    }
    let mut same_reason = refund_command("A", 1);
    let (_, reserved) = reserve(&paid_state(), "A", 1);
    same_reason.reason = "another".parse().unwrap();
    let refused = reserved.reserve_refund(&same_reason, at(99));
    assert_eq!(refused, Err(Refusal::RequestIdReused));
}

#[test]
fn a_transaction_is_found_only_by_its_own_ids() {
    let pending = create(AMOUNT).unwrap();
    let other: TikiTransactionId = "T-2".parse().unwrap();
    assert_eq!(pending.is_of(None), Ok(()));
    assert_eq!(pending.is_of(Some(pending.tiki_id())), Ok(()));
    assert_eq!(pending.is_of(Some(&other)), Err(Refusal::IdsDisagree));
}

#[test]
fn what_no_command_can_have_made_is_not_taken() {
    for (name, transaction) in states() {
        Transaction::restore(transaction.to_snapshot()).expect(name);
    }
    let (_, reserved) = reserve(&paid_state(), "A", 40_000);
    let damaged = |damage: &dyn Fn(&mut domain::Snapshot)| {
        let mut snapshot = reserved.to_snapshot();
        damage(&mut snapshot);
        Transaction::restore(snapshot)
    };
    let twice = |s: &mut domain::Snapshot| s.refunds.push(s.refunds[0].clone());
    assert!(damaged(&twice).is_err());
    assert!(damaged(&|s| s.refunds[0].amount = vnd(AMOUNT + 1)).is_err());
    assert!(damaged(&|s| s.refunds[0].amount = Vnd::ZERO).is_err());
    assert!(damaged(&|s| s.order.amount = Vnd::ZERO).is_err());
}

/// What a stored payment and a stored notification state may come to together.
#[test]
fn a_notification_state_fits_its_payment_or_is_damage() {
    let (at, due_at) = (at(1), at(2));
    let retrying = Ipn::Retrying {
        attempt: 1,
        failures: 0,
        due_at,
    };
    let reversing = Ipn::Reversing {
        at,
        reason: ReversalReason::NotFoundAtTiki,
    };
    let disputed = Ipn::Disputed {
        at,
        reason: DisputeReason::AmountDiffers,
    };
    // Of a pending payment, of one that was paid, of one that has failed.
    for (ipn, pending, paid, failed) in [
        (Ipn::NotDue, true, false, false),
        (Ipn::Queued { due_at }, false, true, true),
        (retrying, false, true, true),
        (Ipn::Confirmed { at }, false, true, true),
        (Ipn::Abandoned { at }, false, false, true),
        (reversing, false, true, false),
        (disputed, false, true, false),
        (Ipn::Exhausted { at }, false, true, false),
    ] {
        assert_eq!(ipn.not_due().is_ok(), pending, "pending, {ipn:?}");
        let of_paid = PaidNotification::try_from(ipn);
        assert_eq!(of_paid.map(Ipn::from).ok(), paid.then_some(ipn), "{ipn:?}");
        let of_failed = FailedNotification::try_from(ipn);
        assert_eq!(
            of_failed.map(Ipn::from).ok(),
            failed.then_some(ipn),
            "{ipn:?}"
        );
    }
}

/// One thing that the world may do to a transaction.
#[derive(Clone, Debug)]
enum Act {
    PaymentResult(PaymentResultMessage),
    Reserve(u8, u64),
    Finish(prop::sample::Index, RefundAnswer),
    LeaseRefunds,
    Expiry(PaymentAnswer),
    LeaseIpn,
    Record(u32, Decision),
    Requeue,
    Resend,
    Resolve(Verdict),
}

fn acts() -> impl Strategy<Value = Act> {
    let refund = prop_oneof![
        Just(RefundAnswer::Succeeded),
        Just(RefundAnswer::Rejected { reason: None }),
        Just(RefundAnswer::Pending),
        Just(RefundAnswer::Unknown),
    ];
    let payment = prop_oneof![
        (AMOUNT - 1..=AMOUNT).prop_map(|amount| PaymentAnswer::Paid {
            amount: vnd(amount),
            details: PaidDetails::default(),
        }),
        Just(PaymentAnswer::Failed { reason: None }),
        Just(PaymentAnswer::NotPaid),
        Just(PaymentAnswer::Unknown),
    ];
    let decision = prop_oneof![
        Just(Decision::Confirm),
        Just(Decision::Abandon),
        Just(Decision::Retry),
        prop::sample::select(ReversalReason::ALL).prop_map(Decision::Reverse),
        prop::sample::select(DisputeReason::ALL).prop_map(Decision::Dispute),
    ];
    prop_oneof![
        Just(Act::PaymentResult(paid_message(AMOUNT, None))),
        Just(Act::PaymentResult(declined_message())),
        (any::<u8>(), 1..=AMOUNT).prop_map(|(id, amount)| Act::Reserve(id, amount)),
        (any::<prop::sample::Index>(), refund).prop_map(|(i, a)| Act::Finish(i, a)),
        Just(Act::LeaseRefunds),
        payment.prop_map(Act::Expiry),
        Just(Act::LeaseIpn),
        Just(Act::Requeue),
        Just(Act::Resend),
        prop::sample::select(Verdict::ALL).prop_map(Act::Resolve),
        (0u32..4, decision).prop_map(|(attempt, decision)| Act::Record(attempt, decision)),
    ]
}

fn carry_out(t: &Transaction, act: &Act, now: Timestamp) -> Option<Change> {
    match act {
        Act::PaymentResult(message) => t.record_payment_result(message, now).ok().flatten(),
        Act::Reserve(id, amount) => {
            match t.reserve_refund(&refund_command(&id.to_string(), *amount), now) {
                Ok(Reservation::Reserve(_, change)) => Some(change),
                Ok(Reservation::Known(_)) | Err(_) => None,
            }
        }
        Act::Finish(_, _) if t.refunds().is_empty() => None,
        Act::Finish(index, answer) => {
            t.record_refund_outcome(index.get(t.refunds()).id, answer, now)
        }
        Act::LeaseRefunds => {
            let due = t.due_refunds(now).next()?;
            t.lease_refund(due, now)
        }
        Act::Expiry(answer) => t.conclude_expiry(answer, now),
        Act::Requeue => t.requeue_ipn(now),
        Act::Resend => t.resend_ipn(&person(), now).ok(),
        Act::Resolve(verdict) => t.resolve(*verdict, &person(), now).ok(),
        Act::LeaseIpn => t.lease_ipn(now).map(|(_, change)| change),
        Act::Record(attempt, decision) => {
            let lease = IpnLease {
                attempt: *attempt,
                failures: 0,
                status: t.final_status().unwrap_or(FinalStatus::Success),
            };
            t.record_ipn(lease, notified(*decision), now)
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_a_rule(acts in prop::collection::vec((acts(), 0i64..200_000), 1..60)) {
        let mut transaction = create(AMOUNT).unwrap();
        let mut now = 0;
        for (act, wait) in acts {
            now += wait;
            if let Some(change) = carry_out(&transaction, &act, at(now)) {
                transaction = commit(&transaction, change);
            }
            prop_assert!(transaction.refunded_amount() <= transaction.paid_amount());
            // Nothing is owed that no worker would find.
            if transaction.status() == Status::Pending {
                prop_assert!(transaction.expiry_due_at().is_some());
            }
            if transaction.refunds().iter().any(|refund| refund.due().is_some()) {
                prop_assert!(transaction.refund_due_at().is_some());
            }
        }
    }
}
