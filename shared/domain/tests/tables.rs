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

use domain::testing::{AssumeCommitted, lease_now};
use domain::{
    AmountLimits, ApprovalRule, AuditEvent, Change, ContentHash, Decision, DisputeReason, Ipn,
    IpnAnswer, IpnLease, IpnRefusal, IpnSubject, LookUpAnswer, NotificationOutcome,
    NotificationStep, OperatorRefusal, OperatorWord, Order, PaidDetails, PaymentAnswer,
    PaymentResult, PaymentResultMessage, PaymentState, Principal, ProposedAct, RecordedResult,
    RefundAnswer, RefundCommand, RefundId, Refusal, Reservation, Resolution, ReversalReason,
    Status, TikiTransactionId, Timestamp, Transaction, Vnd, after_look_up, after_notification,
    after_reversal_look_up,
};
use proptest::prelude::*;

const AMOUNT: u64 = 100_000;

/// How far apart two look-ups must be before "not found" is believed.
const CONFIRM_AFTER: Duration = Duration::from_mins(2);

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
        identify_code: "KH-1".parse().ok(),
        order_code: None,
        description: "A kettle".parse().ok(),
        expires_in_s: 900,
    }
}

fn content_hash() -> ContentHash {
    let text = format!("{}.{}", "a".repeat(16), "b".repeat(64));
    text.parse().unwrap()
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

fn said_by(name: &str) -> OperatorWord {
    OperatorWord {
        by: name.parse().unwrap(),
        ..person()
    }
}

/// Every act of a person.
fn every_act(t: &Transaction) -> [ProposedAct; 7] {
    let amount = t.remaining_amount();
    let more = vnd(amount.get() + 1);
    [
        ProposedAct::Resend,
        ProposedAct::Resolve(Resolution::Confirmed),
        ProposedAct::Resolve(Resolution::Reverse),
        ProposedAct::Resolve(Resolution::Returned { amount }),
        ProposedAct::Resolve(Resolution::Returned { amount: more }),
        ProposedAct::Resolve(Resolution::Handled),
        ProposedAct::Resolve(Resolution::NotPaid),
    ]
}

/// What one person does alone.
fn alone(
    t: &Transaction,
    act: ProposedAct,
    word: &OperatorWord,
    now: Timestamp,
) -> Result<Change, OperatorRefusal> {
    match act {
        ProposedAct::Resolve(resolution) => t.resolve(resolution, word, now),
        ProposedAct::Resend => t.resend_ipn(word, now),
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
        let reversed = matches!(before.payment(), PaymentState::Paid { .. })
            && matches!(after.payment(), PaymentState::Reversed { .. });
        assert!(
            before.status() == after.status() || reversed,
            "only a reversal changes a final status, and only once"
        );
        assert_eq!(before.final_at(), after.final_at(), "nor its day");
    }
    assert!(before.updated_at() <= after.updated_at(), "time goes on");
    if after.is_forgotten() {
        assert_eq!(before.order().amount, after.order().amount);
        assert_eq!(before.order().expires_in_s, after.order().expires_in_s);
    } else {
        assert_eq!(before.order(), after.order());
    }
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
    let (lease, change) = transaction
        .lease_ipn(CONFIRM_AFTER, later(transaction))
        .unwrap();
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

/// The transaction after a payment result, refused or not.
fn taken(before: &Transaction, message: &PaymentResultMessage, now: Timestamp) -> Transaction {
    let recorded = before.record_payment_result(message, now);
    commit(before, recorded.change.unwrap())
}

/// Every state that differs to some command, by its name.
#[expect(clippy::too_many_lines, reason = "a row for each state")]
fn states() -> Vec<(&'static str, Transaction)> {
    let rejected = RefundAnswer::Rejected { reason: None };
    let pending = create(AMOUNT).unwrap();
    let message = |message: PaymentResultMessage| taken(&pending, &message, at(10));
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
    let late = taken(&declined, &paid_message(AMOUNT, Some("R1")), at(20));
    let leased = commit(
        &paid,
        paid.lease_ipn(CONFIRM_AFTER, later(&paid)).unwrap().1,
    );
    let confirmed = decided(&paid, Decision::Confirm);
    let (id, reserved) = reserve(&confirmed, "A", 40_000);
    let unknown = finish(&reserved, id, &RefundAnswer::Unknown);
    let partly = finish(&reserved, id, &RefundAnswer::Succeeded);
    let refused = finish(&reserved, id, &rejected);
    let (rest, fully) = reserve(&partly, "B", 60_000);
    let reversing = decided(&paid, Decision::Reverse(ReversalReason::NotFoundAtTiki));
    let reversal = reversing.refunds()[0].id;
    let reversed = finish(&reversing, reversal, &RefundAnswer::Succeeded);
    let after_a_day = at(960 + 86_400);
    let undecided = asked.conclude_expiry(&PaymentAnswer::Unreadable, after_a_day);
    let undecided = commit(&asked, undecided.unwrap());
    let charged_back = taken(&paid, &declined_message(), at(20));
    let twice = taken(&paid, &paid_message(AMOUNT, Some("R2")), at(20));
    vec![
        ("pending", pending.clone()),
        ("pending, another amount at the core", other_amount),
        ("pending, a day after expiry", undecided),
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
        ("paid, not found once", decided(&paid, Decision::LookAgain)),
        (
            "charged back, and Tiki has no order",
            decided(
                &charged_back,
                Decision::Reverse(ReversalReason::FailedAtTiki),
            ),
        ),
        ("paid, then charged back", charged_back),
        ("paid twice", twice),
        ("reversed", reversed.clone()),
        ("reversed, confirmed", decided(&reversed, Decision::Confirm)),
        (
            "reversed, and paid at Tiki",
            decided(&reversed, Decision::Dispute(DisputeReason::KnownAsPaid)),
        ),
        ("reversed, exhausted", exhausted(reversed)),
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
            "paid late, then charged back",
            taken(&late, &declined_message(), at(30)),
        ),
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
    let review = match t.needs_review() {
        Some((reason, _)) => format!(" review {}", reason.as_str()),
        None => String::new(),
    };
    format!(
        "{} ipn {ipn} back {back} left {left}{review}",
        t.status().as_str()
    )
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

fn answered(before: &Transaction, recorded: RecordedResult) -> String {
    let text = outcome(before, recorded.change);
    match recorded.refusal {
        None => text,
        Some(refusal) => format!("refused: {refusal:?}; {text}"),
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

fn lease_of(t: &Transaction, attempt: u32) -> IpnLease {
    IpnLease {
        attempt,
        failures: 0,
        subject: t.ipn_subject().unwrap_or(IpnSubject::Paid),
        not_found_at: t.payment().not_found_at(),
        confirm_after: CONFIRM_AFTER,
    }
}

/// The number of the lease that may record an outcome in this state.
fn held(t: &Transaction) -> u32 {
    match t.ipn() {
        Ipn::Retrying { attempt, .. } => attempt,
        _ => 1,
    }
}

/// The number of a lease that may not.
fn lost(held: u32) -> u32 {
    if held == 1 { 2 } else { 1 }
}

/// Every command in every state. A row that changes is a change of what happens to somebody's money.
#[expect(clippy::too_many_lines, reason = "a row for each command")]
fn table() -> String {
    let rejected = RefundAnswer::Rejected { reason: None };
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
        let held = held(&t);
        let record = |attempt, decision| {
            let lease = lease_of(&t, attempt);
            outcome(&t, t.record_ipn(lease, notified(decision), now))
        };
        let resolve = |resolution| by_person(&t, t.resolve(resolution, &person(), now));
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
            ("expiry: unreadable", expiry(PaymentAnswer::Unreadable)),
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
            ("first lease of the ipn", {
                let first = t.first_ipn_lease(CONFIRM_AFTER, t.updated_at());
                first.map_or_else(|| "none".to_owned(), |lease| format!("{:?}", lease.subject))
            }),
            (
                "lease ipn",
                outcome(
                    &t,
                    t.lease_ipn(CONFIRM_AFTER, now).map(|(_, change)| change),
                ),
            ),
            ("ipn: confirm", record(held, Decision::Confirm)),
            ("ipn: close", record(held, Decision::Abandon)),
            ("ipn: retry", record(held, Decision::Retry)),
            (
                "ipn: retry, unauthorized",
                record(held, Decision::RetryUnauthorized),
            ),
            ("ipn: look again", record(held, Decision::LookAgain)),
            (
                "ipn: reverse",
                record(held, Decision::Reverse(ReversalReason::FailedAtTiki)),
            ),
            (
                "ipn: dispute",
                record(held, Decision::Dispute(DisputeReason::AmountDiffers)),
            ),
            (
                "ipn: confirm, lease lost",
                record(lost(held), Decision::Confirm),
            ),
            (
                "reconciliation: send again",
                outcome(&t, t.requeue_ipn(now)),
            ),
            (
                "personal data: forget",
                match t.forget_personal(&content_hash(), None, now) {
                    Ok(change) => outcome(&t, change),
                    Err(needed) => format!("kept: {needed}"),
                },
            ),
            (
                "person: send again",
                by_person(&t, t.resend_ipn(&person(), now)),
            ),
            ("person: confirmed", resolve(Resolution::Confirmed)),
            ("person: reverse", resolve(Resolution::Reverse)),
            (
                "person: returned",
                resolve(Resolution::Returned {
                    amount: t.remaining_amount(),
                }),
            ),
            (
                "person: returned too much",
                resolve(Resolution::Returned {
                    amount: vnd(AMOUNT + 1),
                }),
            ),
            ("person: handled", resolve(Resolution::Handled)),
            ("person: not paid", resolve(Resolution::NotPaid)),
            (
                "ipn: reverse, lease lost",
                record(lost(held), Decision::Reverse(ReversalReason::FailedAtTiki)),
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

const IPN_ANSWERS: [IpnAnswer; 10] = [
    IpnAnswer::Accepted,
    IpnAnswer::AcceptedUnnamed,
    IpnAnswer::Refused(IpnRefusal::InvalidRequest),
    IpnAnswer::SystemError,
    IpnAnswer::Refused(IpnRefusal::NotFound),
    IpnAnswer::Refused(IpnRefusal::NotOfThisPartner),
    IpnAnswer::Refused(IpnRefusal::InvalidAmount),
    IpnAnswer::Refused(IpnRefusal::Cancelled),
    IpnAnswer::Unauthorized,
    IpnAnswer::Unclear,
];

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each subject")]
fn every_ipn_answer_is_decided_by_protocol_3() {
    const CONFIRM: NotificationStep = NotificationStep::Decide(Decision::Confirm);
    const ABANDON: NotificationStep = NotificationStep::Decide(Decision::Abandon);
    const RETRY: NotificationStep = NotificationStep::Decide(Decision::Retry);
    const UNAUTHORIZED: NotificationStep = NotificationStep::Decide(Decision::RetryUnauthorized);
    const LOOK: NotificationStep = NotificationStep::LookUp;
    // In the order of IPN_ANSWERS: at first, and from the third failure on.
    let paid = [
        CONFIRM,
        LOOK,
        LOOK,
        RETRY,
        LOOK,
        LOOK,
        LOOK,
        LOOK,
        UNAUTHORIZED,
        RETRY,
    ];
    let paid_later = [
        CONFIRM,
        LOOK,
        LOOK,
        LOOK,
        LOOK,
        LOOK,
        LOOK,
        LOOK,
        UNAUTHORIZED,
        LOOK,
    ];
    let failed = [
        CONFIRM,
        CONFIRM,
        RETRY,
        RETRY,
        ABANDON,
        RETRY,
        RETRY,
        ABANDON,
        UNAUTHORIZED,
        RETRY,
    ];
    let reversed = [
        LOOK,
        LOOK,
        LOOK,
        RETRY,
        LOOK,
        LOOK,
        LOOK,
        LOOK,
        UNAUTHORIZED,
        RETRY,
    ];
    for (subject, at_first, from_the_third) in [
        (IpnSubject::Paid, paid, paid_later),
        (IpnSubject::Failed, failed, failed),
        (IpnSubject::Reversed, reversed, reversed),
    ] {
        for failures in 0..12 {
            let expected = if failures < 2 {
                at_first
            } else {
                from_the_third
            };
            for (answer, expected) in IPN_ANSWERS.into_iter().zip(expected) {
                let lease = IpnLease {
                    attempt: 1,
                    failures,
                    subject,
                    not_found_at: None,
                    confirm_after: CONFIRM_AFTER,
                };
                let found = after_notification(lease, answer);
                assert_eq!(
                    found, expected,
                    "{subject:?} {answer:?} after {failures} failures"
                );
            }
        }
    }
}

/// Each look-up answer: the decision on a paid payment, and on a reversed one whose money is back.
fn look_ups() -> Vec<(LookUpAnswer, Decision, Decision)> {
    use LookUpAnswer as L;
    use ReversalReason as R;
    let (same, other) = (Some(vnd(AMOUNT)), Some(vnd(AMOUNT + 1)));
    let disputed = Decision::Dispute;
    let (failed, cancelled) = (
        Decision::Reverse(R::FailedAtTiki),
        Decision::Reverse(R::CancelledAtTiki),
    );
    let (confirm, retry) = (Decision::Confirm, Decision::Retry);
    let known = disputed(DisputeReason::KnownAsPaid);
    let mut rows = vec![
        (L::Found(Status::Success, same), confirm, known),
        (
            L::Found(Status::Success, other),
            disputed(DisputeReason::AmountDiffers),
            known,
        ),
        (L::Found(Status::Success, None), retry, known),
        (L::Cancelled, cancelled, confirm),
        (
            L::InvalidRequest,
            disputed(DisputeReason::InvalidRequest),
            confirm,
        ),
        (
            L::NotOfThisPartner,
            disputed(DisputeReason::NotOfThisPartner),
            confirm,
        ),
        (L::SystemError, retry, retry),
        (
            L::Unauthorized,
            Decision::RetryUnauthorized,
            Decision::RetryUnauthorized,
        ),
        (L::Unclear, retry, retry),
    ];
    for amount in [same, other, None] {
        rows.push((L::Found(Status::Pending, amount), retry, confirm));
        rows.push((L::Found(Status::Failure, amount), failed, confirm));
    }
    rows
}

#[test]
fn every_look_up_is_decided_by_protocol_4() {
    let first = lease_of(&paid_state(), 1);
    let again = IpnLease {
        not_found_at: Some(at(0)),
        ..first
    };
    for (answer, paid, reversed) in look_ups() {
        for lease in [first, again] {
            let decision = after_look_up(vnd(AMOUNT), answer, lease, at(1_000));
            assert_eq!(decision, paid, "{answer:?}");
        }
        assert_eq!(after_reversal_look_up(answer), reversed, "{answer:?}");
    }
    let not_found = |lease, now| after_look_up(vnd(AMOUNT), LookUpAnswer::NotFound, lease, now);
    assert_eq!(not_found(first, at(1_000)), Decision::LookAgain);
    assert_eq!(not_found(again, at(119)), Decision::LookAgain);
    let reversed = Decision::Reverse(ReversalReason::NotFoundAtTiki);
    assert_eq!(not_found(again, at(120)), reversed);
    let closed = after_reversal_look_up(LookUpAnswer::NotFound);
    assert_eq!(closed, Decision::Confirm);
}

/// A replica that lags says "not found" once. Only two looks that agree, far enough apart, return the money.
#[test]
fn not_found_is_believed_on_a_second_look() {
    let paid = &paid_state();
    let look = |t: &Transaction, known: LookUpAnswer, now| {
        let (lease, leased) = lease_now(t, CONFIRM_AFTER, now).unwrap();
        let outcome = NotificationOutcome {
            answer: IpnAnswer::Refused(IpnRefusal::NotFound),
            known: Some(known),
            decision: after_look_up(vnd(AMOUNT), known, lease, now),
        };
        commit(&leased, leased.record_ipn(lease, outcome, now).unwrap())
    };
    let once = look(paid, LookUpAnswer::NotFound, at(20));
    assert_eq!(once.status(), Status::Success);
    assert_eq!(
        once.ipn_due_at(),
        Some(at(140)),
        "and nothing of the budget is used"
    );
    assert!(once.lease_ipn(CONFIRM_AFTER, at(139)).is_none());
    let twice = look(&once, LookUpAnswer::NotFound, at(140));
    assert_eq!(twice.status(), Status::Failure);
    assert_eq!(twice.refunds()[0].amount, vnd(AMOUNT));

    // Tiki has it meanwhile: the first look counts no more.
    let pending = LookUpAnswer::Found(Status::Pending, None);
    let found = look(&once, pending, at(140));
    assert_eq!(found.payment().not_found_at(), None);
    let again = look(&found, LookUpAnswer::NotFound, later(&found));
    assert_eq!(again.status(), Status::Success);
    // It was accepted in between, whoever said so.
    let (lease, change) = once.lease_ipn(CONFIRM_AFTER, at(140)).unwrap();
    let leased = commit(&once, change);
    let outcome = NotificationOutcome {
        answer: IpnAnswer::AcceptedUnnamed,
        known: Some(LookUpAnswer::Unclear),
        decision: Decision::Retry,
    };
    let accepted = leased.record_ipn(lease, outcome, at(140)).unwrap();
    let accepted = commit(&leased, accepted);
    assert_eq!(accepted.payment().not_found_at(), None);
    // Also if the second look comes right after that: it is the first again.
    let (answer, known) = (IpnAnswer::AcceptedUnnamed, LookUpAnswer::NotFound);
    let heard = lease.heard(answer);
    let outcome = NotificationOutcome {
        answer,
        known: Some(known),
        decision: after_look_up(vnd(AMOUNT), known, heard, at(140)),
    };
    assert_eq!(outcome.decision, Decision::LookAgain);
    let looked = leased.record_ipn(lease, outcome, at(140)).unwrap();
    let looked = commit(&leased, looked);
    assert_eq!(looked.payment().not_found_at(), Some(at(140)));
    // No answer says nothing.
    let unclear = look(&once, LookUpAnswer::Unclear, at(140));
    assert_eq!(unclear.payment().not_found_at(), Some(at(20)));
}

/// It is a failure from the decision on, and Tiki is notified when the money is back.
#[test]
fn a_reversed_payment_is_a_failure_for_ever() {
    let (tikis, reserved) = reserve(&paid_state(), "A", 40_000);
    let reversing = decided(&reserved, Decision::Reverse(ReversalReason::FailedAtTiki));
    assert_eq!(
        (reversing.status(), reversing.ipn_due_at()),
        (Status::Failure, None)
    );
    let refused = reversing.reserve_refund(&refund_command("B", 1), at(99));
    assert_eq!(refused, Err(Refusal::Failed));
    let ours = reversing.refunds()[1].id;
    let half = finish(&reversing, ours, &RefundAnswer::Succeeded);
    assert_eq!(half.ipn_due_at(), None, "a part is still on its way");
    let change = half.record_refund_outcome(tikis, &RefundAnswer::Succeeded, half.updated_at());
    let change = change.unwrap();
    assert!(change.due_marks().ipn);
    let back = commit(&half, change);
    let (lease, _) = lease_now(&back, CONFIRM_AFTER, later(&back)).unwrap();
    assert_eq!(lease.subject, IpnSubject::Reversed);
    for decision in [
        Decision::Confirm,
        Decision::Dispute(DisputeReason::KnownAsPaid),
    ] {
        assert_eq!(decided(&back, decision).status(), Status::Failure);
    }
}

/// The core refuses to return the money: a person returns it, and no refund of Tiki may come in between.
#[test]
fn tikis_refunds_wait_while_money_is_returned_by_hand() {
    let rejected = RefundAnswer::Rejected { reason: None };
    let reversing = decided(
        &paid_state(),
        Decision::Reverse(ReversalReason::FailedAtTiki),
    );
    let kept = finish(&reversing, reversing.refunds()[0].id, &rejected);
    assert_eq!(kept.status(), Status::Failure);
    let waits = Err(Refusal::UnderReview);
    assert_eq!(kept.reserve_refund(&refund_command("B", 1), at(99)), waits);
    for doubtful in [
        "paid, then charged back",
        "charged back, and Tiki has no order",
        "paid twice",
    ] {
        let t = states().into_iter().find(|(name, _)| *name == doubtful);
        let refused = t.unwrap().1.reserve_refund(&refund_command("B", 1), at(99));
        assert_eq!(refused, waits, "{doubtful}");
    }
    let returned = |amount| {
        let amount = vnd(amount);
        kept.resolve(Resolution::Returned { amount }, &person(), at(100))
    };
    let remaining = vnd(AMOUNT);
    let differs = Err(OperatorRefusal::AmountDiffers { remaining });
    assert_eq!(returned(AMOUNT - 1), differs);
    let back = commit(&kept, returned(AMOUNT).unwrap());
    assert_eq!(back.refunded_amount(), remaining);
    assert!(matches!(back.ipn(), Ipn::Queued { .. }));
}

#[test]
fn rejected_refunds_lock_nothing_in_and_a_person_learns_of_them() {
    let rejected = RefundAnswer::Rejected { reason: None };
    let mut t = paid_state();
    for i in 0..domain::MAX_REJECTED_REFUNDS {
        assert_eq!(t.needs_review(), None);
        let (id, reserved) = reserve(&t, &format!("R{i}"), 1);
        t = finish(&reserved, id, &rejected);
    }
    let reason = domain::ReviewReason::Raised(domain::RaisedReason::RefundsRejected);
    assert_eq!(t.needs_review().map(|(reason, _)| reason), Some(reason));
    let refused = t.reserve_refund(&refund_command("N", 1), at(99));
    assert!(matches!(refused, Err(Refusal::TooManyRefunds(_))));
    assert_eq!(t.remaining_amount(), vnd(AMOUNT));
    let handled = t.resolve(Resolution::Handled, &person(), at(100));
    assert_eq!(commit(&t, handled.unwrap()).needs_review(), None);
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
    let now = paid.ipn_due_at().unwrap();
    let (_, change) = paid.lease_ipn(CONFIRM_AFTER, now).unwrap();
    let leased = commit(paid, change);
    assert!(
        leased
            .lease_ipn(
                CONFIRM_AFTER,
                now.after(
                    domain::IPN_LEASE
                        .checked_sub(Duration::from_millis(1))
                        .unwrap()
                )
            )
            .is_none()
    );
    let (second, _) = leased
        .lease_ipn(CONFIRM_AFTER, now.after(domain::IPN_LEASE))
        .unwrap();
    assert_eq!(
        (second.attempt, second.failures),
        (3, 0),
        "a death costs no try"
    );
}

#[test]
fn only_a_repeat_with_the_same_content_is_a_repeat() {
    let pending = create(AMOUNT).unwrap();
    assert_eq!(pending.repeated_by(&order(AMOUNT), &[]), Ok(()));
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
            pending.repeated_by(&other, &[]),
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

/// The two ways to an act: alone, and by a proposal that another person approves.
#[test]
fn an_approved_act_does_what_one_person_would_have_done() {
    let (lan, binh) = (said_by("user/lan"), said_by("user/binh"));
    let mut done = 0;
    for (name, t) in states() {
        let now = later(&t);
        for act in every_act(&t) {
            let about = format!("{name}: {act:?}");
            let proposed = t.propose(act, &lan, now);
            let expected = match alone(&t, act, &lan, now) {
                Ok(change) => change,
                Err(refusal) => {
                    assert_eq!(proposed, Err(refusal), "{about}");
                    continue;
                }
            };
            done += 1;
            let proposed = proposed.unwrap().unwrap();
            assert_eq!((proposed.due_marks(), proposed.alarm()), Default::default());
            let proposed = commit(&t, proposed);
            let unchanged = domain::Snapshot {
                proposal: None,
                audit_trail: t.audit_trail().to_vec(),
                version: t.version(),
                updated_at: t.updated_at(),
                ..proposed.to_snapshot()
            };
            assert_eq!(
                unchanged,
                t.to_snapshot(),
                "{about}: a proposal does nothing"
            );

            let approved = proposed.approve(1, &binh, now).unwrap();
            assert_eq!(approved.due_marks(), expected.due_marks(), "{about}");
            assert_eq!(approved.alarm(), expected.alarm(), "{about}");
            let approval = AuditEvent::Approved {
                number: 1,
                word: binh.clone(),
            };
            let events = [&[approval], expected.events()].concat();
            assert_eq!(approved.events(), events, "{about}");
            let approved = commit(&proposed, approved).to_snapshot();
            let expected = expected.assume_committed().to_snapshot();
            let same = domain::Snapshot {
                audit_trail: expected.audit_trail.clone(),
                version: expected.version,
                ..approved
            };
            assert_eq!(same, expected, "{about}");
        }
    }
    assert!(done > 40, "{done} acts were done");
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
    let of_reversed = |reason| Ipn::Disputed { at, reason };
    // Of a pending payment, of one that was paid, of one that is reversed, of one that has failed.
    for (ipn, pending, paid, reversed, failed) in [
        (Ipn::NotDue, true, false, false, false),
        (Ipn::Queued { due_at }, false, true, true, true),
        (retrying, false, true, true, true),
        (Ipn::Confirmed { at }, false, true, true, true),
        (Ipn::Abandoned { at }, false, false, false, true),
        (reversing, false, false, true, false),
        (disputed, false, true, false, false),
        (
            of_reversed(DisputeReason::TooManyReversals),
            false,
            true,
            false,
            false,
        ),
        (
            of_reversed(DisputeReason::ReversalRejected),
            false,
            false,
            true,
            false,
        ),
        (
            of_reversed(DisputeReason::ReversalHeld),
            false,
            false,
            true,
            false,
        ),
        (
            of_reversed(DisputeReason::KnownAsPaid),
            false,
            false,
            true,
            false,
        ),
        (Ipn::Exhausted { at }, false, true, true, false),
    ] {
        assert_eq!(ipn.not_due().is_ok(), pending, "pending, {ipn:?}");
        let of_paid = ipn.of_paid(None).map(Ipn::from).ok();
        assert_eq!(of_paid, paid.then_some(ipn), "{ipn:?}");
        assert_eq!(ipn.into_reversed().is_ok(), reversed, "reversed, {ipn:?}");
        let of_failed = ipn.of_failed().map(Ipn::from).ok();
        assert_eq!(of_failed, failed.then_some(ipn), "{ipn:?}");
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
    Resolve(Resolution),
    Propose(ProposedAct, usize),
    Approve(u32, usize),
    DeclineProposal(u32, usize),
    Forget,
}

/// The first and the second are one person.
const PERSONS: [&str; 4] = ["operators/lan", "heads/lan", "user/binh", "heads/minh"];

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
        Just(PaymentAnswer::Unreadable),
        Just(PaymentAnswer::Unknown),
    ];
    let resolution = prop_oneof![
        Just(Resolution::Confirmed),
        Just(Resolution::Reverse),
        (0..=AMOUNT).prop_map(|amount| Resolution::Returned {
            amount: vnd(amount)
        }),
        Just(Resolution::Returned {
            amount: vnd(AMOUNT)
        }),
        Just(Resolution::Handled),
        Just(Resolution::NotPaid),
    ];
    let proposed = prop_oneof![
        3 => resolution.clone().prop_map(ProposedAct::Resolve),
        1 => Just(ProposedAct::Resend),
    ];
    let decision = prop_oneof![
        Just(Decision::LookAgain),
        Just(Decision::Confirm),
        Just(Decision::Abandon),
        Just(Decision::Retry),
        prop::sample::select(ReversalReason::ALL).prop_map(Decision::Reverse),
        prop::sample::select(DisputeReason::ALL).prop_map(Decision::Dispute),
    ];
    prop_oneof![
        Just(Act::PaymentResult(paid_message(AMOUNT, None))),
        (AMOUNT - 1..=AMOUNT, 0..3_u8).prop_map(|(amount, reference)| {
            let reference = format!("R{reference}");
            Act::PaymentResult(paid_message(amount, Some(&reference)))
        }),
        Just(Act::PaymentResult(declined_message())),
        (any::<u8>(), 1..=AMOUNT).prop_map(|(id, amount)| Act::Reserve(id, amount)),
        (any::<prop::sample::Index>(), refund).prop_map(|(i, a)| Act::Finish(i, a)),
        Just(Act::LeaseRefunds),
        payment.prop_map(Act::Expiry),
        Just(Act::LeaseIpn),
        Just(Act::Requeue),
        Just(Act::Resend),
        Just(Act::Forget),
        resolution.prop_map(Act::Resolve),
        (proposed, 0..4_usize).prop_map(|(act, by)| Act::Propose(act, by)),
        (1..4_u32, 0..4_usize).prop_map(|(number, by)| Act::Approve(number, by)),
        (1..4_u32, 0..4_usize).prop_map(|(number, by)| Act::DeclineProposal(number, by)),
        (0u32..4, decision).prop_map(|(attempt, decision)| Act::Record(attempt, decision)),
    ]
}

fn carry_out(t: &Transaction, act: &Act, now: Timestamp) -> Option<Change> {
    match act {
        Act::PaymentResult(message) => t.record_payment_result(message, now).change,
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
        Act::Resolve(resolution) => t.resolve(*resolution, &person(), now).ok(),
        Act::Propose(act, by) => t.propose(*act, &said_by(PERSONS[*by]), now).ok().flatten(),
        Act::Approve(number, by) => t.approve(*number, &said_by(PERSONS[*by]), now).ok(),
        Act::DeclineProposal(number, by) => t
            .decline_proposal(*number, &said_by(PERSONS[*by]), now)
            .ok(),
        Act::Forget => t
            .forget_personal(&content_hash(), Some(&person()), now)
            .ok()?,
        Act::LeaseIpn => t.lease_ipn(CONFIRM_AFTER, now).map(|(_, change)| change),
        Act::Record(attempt, decision) => {
            t.record_ipn(lease_of(t, *attempt), notified(*decision), now)
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
            // A reversed payment is notified, in review, or still waits for the core.
            if let PaymentState::Reversed { .. } = transaction.payment() {
                prop_assert_eq!(transaction.status(), Status::Failure);
                let confirmed = matches!(transaction.ipn(), Ipn::Confirmed { .. });
                prop_assert!(
                    transaction.ipn_due_at().is_some()
                        || transaction.refund_due_at().is_some()
                        || transaction.needs_review().is_some()
                        || confirmed
                );
            }
            // Nothing is owed that no worker would find.
            if transaction.status() == Status::Pending {
                prop_assert!(transaction.expiry_due_at().is_some());
            }
            if transaction.refunds().iter().any(|refund| refund.due().is_some()) {
                prop_assert!(transaction.refund_due_at().is_some());
            }
        }
    }

    #[test]
    fn no_person_moves_money_alone(
        acts in prop::collection::vec((acts(), 0i64..50_000), 1..60),
        above in prop_oneof![Just(0), Just(AMOUNT - 1), Just(AMOUNT)],
    ) {
        let rule = ApprovalRule { above: vnd(above), one_person: false };
        let mut t = create(AMOUNT).unwrap();
        let mut now = 0;
        for (act, wait) in acts {
            now += wait;
            let alone = match &act {
                Act::Resolve(resolution) => Some(ProposedAct::Resolve(*resolution)),
                Act::Resend => Some(ProposedAct::Resend),
                _ => None,
            };
            // As whoever serves a person asks.
            if alone.is_some_and(|act| t.needs_approval(act, rule, true)) {
                continue;
            }
            let Some(change) = carry_out(&t, &act, at(now)) else {
                continue;
            };
            let remained = t.remaining_amount();
            let proposal = t.proposal().cloned();
            let events = change.events().to_vec();
            t = commit(&t, change);
            let acted = events.iter().find_map(|event| match event {
                AuditEvent::Resolved { word, .. } | AuditEvent::Resent(word) => Some(word),
                _ => None,
            });
            let Some(acted) = acted else {
                continue;
            };
            if let Some(AuditEvent::Approved { number, word }) = events.first() {
                let proposal = proposal.expect("what is approved was proposed");
                prop_assert_eq!((proposal.number, &proposal.word), (*number, acted));
                prop_assert_eq!(proposal.remaining, remained, "nothing has moved since");
                let who = |word: &OperatorWord| Principal::of_name(&word.by).unwrap();
                prop_assert!(who(word).is_another_person(&who(acted)));
                prop_assert!(at(now) < proposal.expires_at);
                prop_assert_eq!(t.proposal(), None);
            } else {
                prop_assert!(alone.is_some());
                prop_assert!(remained <= rule.above, "{} alone", remained);
            }
        }
    }
}
