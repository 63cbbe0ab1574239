//! The audit trail: complete, in order, bounded; and what a person's word does.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use domain::testing::{AssumeCommitted, lease_now, plain_payment};
use domain::{
    Actor, AuditEvent, CoreAnswer, Decision, DisputeReason, Ipn, IpnAnswer, LookUpAnswer,
    MAX_OPEN_ACTS, MAX_RESENDS, NotificationOutcome, OperatorRefusal, OperatorWord, PaidDetails,
    PaymentAnswer, PaymentResult, PaymentResultMessage, RefundAnswer, RefundCommand, Reservation,
    Resolution, Status, Timestamp, Transaction, Vnd,
};

const CONFIRM_AFTER: Duration = Duration::from_mins(2);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn pending() -> Transaction {
    let amount = Vnd::new(100_000).unwrap();
    let tiki_id = "T-1".parse().unwrap();
    let created = plain_payment(&tiki_id, amount, Duration::from_mins(1), at(0));
    created.unwrap().assume_committed()
}

fn paid() -> Transaction {
    let message = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let recorded = pending().record_payment_result(&message, at(10));
    recorded.change.unwrap().assume_committed()
}

fn person() -> OperatorWord {
    OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "Tiki said so by phone".parse().unwrap(),
    }
}

fn tried(t: &Transaction, decision: Decision) -> Transaction {
    let now = t.ipn_due_at().unwrap().max(at(20));
    let (lease, leased) = lease_now(t, CONFIRM_AFTER, at(20))
        .or_else(|| lease_now(t, CONFIRM_AFTER, now))
        .unwrap();
    let outcome = NotificationOutcome {
        answer: IpnAnswer::SystemError,
        known: Some(LookUpAnswer::Found(Status::Pending, None)),
        decision,
    };
    let change = leased.record_ipn(lease, outcome, at(20));
    change.unwrap().assume_committed()
}

fn names(t: &Transaction) -> Vec<&'static str> {
    t.audit_trail()
        .iter()
        .map(|entry| entry.event.as_str())
        .collect()
}

#[test]
fn the_audit_trail_has_all_events_in_order_with_their_actors() {
    let notified = tried(&tried(&paid(), Decision::Retry), Decision::Confirm);
    let command = RefundCommand {
        request_id: "R1".parse().unwrap(),
        amount: Vnd::new(40_000).unwrap(),
        reason: "changed mind".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(id, change)) = notified.reserve_refund(&command, at(30)) else {
        panic!("not reserved")
    };
    let reserved = change.assume_committed();
    let succeeded = reserved.record_refund_outcome(id, &RefundAnswer::Succeeded, at(31));
    let t = succeeded.unwrap().assume_committed();
    let expected = [
        "created",
        "paid",
        "notification_attempt",
        "notification_attempt",
        "refund_reserved",
        "refund_succeeded",
    ];
    assert_eq!(names(&t), expected);
    let words: Vec<_> = t
        .audit_trail()
        .iter()
        .map(|entry| entry.event.actor())
        .collect();
    let expected = [
        Actor::Tiki,
        Actor::Core,
        Actor::Tiki,
        Actor::Tiki,
        Actor::Ours,
        Actor::Core,
    ];
    assert_eq!(words, expected);
    let attempts = t
        .audit_trail()
        .iter()
        .filter_map(|entry| match entry.event {
            AuditEvent::NotificationAttempt {
                attempt, outcome, ..
            } => Some((attempt, outcome.decision)),
            _ => None,
        });
    let attempts: Vec<_> = attempts.collect();
    assert_eq!(attempts, [(1, Decision::Retry), (2, Decision::Confirm)]);
}

#[test]
fn what_has_no_end_of_its_own_is_one_entry_that_counts() {
    let mut t = pending();
    for second in 0..1000 {
        let answer = match second % 2 {
            0 => PaymentAnswer::Unknown,
            _ => PaymentAnswer::Pending,
        };
        let asked = t.conclude_expiry(&answer, at(1000 + second)).unwrap();
        t = asked.assume_committed();
    }
    assert_eq!(names(&t), ["created", "core_asked"]);
    let asked = t.audit_trail().last().unwrap();
    assert_eq!(
        (asked.at, asked.last_at, asked.times),
        (at(1000), at(1999), 1000)
    );
    assert_eq!(asked.event, AuditEvent::CoreAsked(CoreAnswer::Pending));
}

#[test]
fn questions_about_two_refunds_are_counted_apart() {
    let mut t = paid();
    let mut ids = Vec::new();
    for request in ["A", "B"] {
        let command = RefundCommand {
            request_id: request.parse().unwrap(),
            amount: Vnd::new(10_000).unwrap(),
            reason: "changed mind".parse().unwrap(),
        };
        let Ok(Reservation::Reserve(id, change)) = t.reserve_refund(&command, at(30)) else {
            panic!("not reserved")
        };
        ids.push(id);
        t = change.assume_committed();
    }
    for second in 0..10 {
        for id in &ids {
            let asked = t.record_refund_outcome(*id, &RefundAnswer::Unknown, at(40 + second));
            t = asked.unwrap().assume_committed();
        }
    }
    let asked: Vec<_> = t
        .audit_trail()
        .iter()
        .filter(|entry| matches!(entry.event, AuditEvent::RefundAsked { .. }))
        .map(|entry| (entry.event.refund(), entry.times))
        .collect();
    assert_eq!(asked, [(Some(0), 10), (Some(1), 10)]);
}

#[test]
fn a_resent_notification_has_the_whole_budget_and_an_entry() {
    let mut t = paid();
    while t.ipn_due_at().is_some() {
        t = tried(&t, Decision::Retry);
    }
    assert!(matches!(t.ipn(), Ipn::Exhausted { .. }));
    let again = t.resend_ipn(&person(), at(50)).unwrap();
    assert!(again.due_marks().ipn);
    t = again.assume_committed();
    assert_eq!(
        t.audit_trail().last().unwrap().event,
        AuditEvent::Resent(person())
    );
    // Who held a lease before it was given up can record nothing under the new ones.
    let (lease, _) = t.lease_ipn(CONFIRM_AFTER, at(50)).unwrap();
    assert_eq!((lease.attempt, lease.failures), (12, 0));
    let mut tries = 0;
    while t.ipn_due_at().is_some() {
        t = tried(&t, Decision::Retry);
        tries += 1;
    }
    assert_eq!(tries, domain::IPN_BUDGET);
}

#[test]
fn a_person_who_cannot_wait_sends_at_once_and_uses_up_nothing() {
    let t = tried(&tried(&paid(), Decision::Retry), Decision::Retry);
    let Ipn::Retrying { attempt, .. } = t.ipn() else {
        panic!("it is tried again")
    };
    let sooner = t.resend_ipn(&person(), at(21)).unwrap().assume_committed();
    let expected = Ipn::Retrying {
        attempt,
        failures: 1,
        due_at: at(21),
    };
    assert_eq!(sooner.ipn(), expected);
}

#[test]
fn a_person_resolves_a_dispute_and_the_one_balance_holds() {
    let disputed = tried(&paid(), Decision::Dispute(DisputeReason::AmountDiffers));
    let stands = disputed.resolve(Resolution::Confirmed, &person(), at(60));
    let stands = stands.unwrap().assume_committed();
    assert_eq!(stands.ipn(), Ipn::Confirmed { at: at(60) });
    assert_eq!(stands.needs_review(), None);

    let back = disputed.resolve(Resolution::Reverse, &person(), at(60));
    let back = back.unwrap();
    assert!(back.due_marks().refund);
    let back = back.assume_committed();
    assert_eq!(
        names(&back)[2..],
        ["notification_attempt", "resolved", "refund_reserved"]
    );
    assert_eq!(back.remaining_amount(), Vnd::ZERO);
    // The core refuses: it comes back to the review queue, and may be reversed again.
    let refused = RefundAnswer::Rejected { reason: None };
    let refused = back.record_refund_outcome(back.refunds()[0].id, &refused, at(61));
    let refused = refused.unwrap().assume_committed();
    assert!(refused.needs_review().is_some());
    let once_more = refused.resolve(Resolution::Reverse, &person(), at(62));
    let once_more = once_more.unwrap().assume_committed();
    assert_ne!(once_more.refunds()[0].id, once_more.refunds()[1].id);
    assert_eq!(once_more.needs_review(), None);
}

#[test]
fn persons_may_act_so_often_and_no_more() {
    let mut t = tried(&paid(), Decision::Dispute(DisputeReason::AmountDiffers));
    for _ in 0..MAX_RESENDS {
        t = t.resend_ipn(&person(), at(70)).unwrap().assume_committed();
    }
    let refused = t.resend_ipn(&person(), at(70));
    assert_eq!(refused, Err(OperatorRefusal::TooManyActs(MAX_RESENDS)));
    // What is left is for decisions.
    t = tried(&t, Decision::Dispute(DisputeReason::AmountDiffers));
    let rejected = RefundAnswer::Rejected { reason: None };
    for _ in MAX_RESENDS..MAX_OPEN_ACTS {
        let reversed = t.resolve(Resolution::Reverse, &person(), at(70)).unwrap();
        t = reversed.assume_committed();
        let id = t.refunds().last().unwrap().id;
        t = t
            .record_refund_outcome(id, &rejected, at(71))
            .unwrap()
            .assume_committed();
    }
    let refused = t.resolve(Resolution::Reverse, &person(), at(70));
    assert_eq!(refused, Err(OperatorRefusal::TooManyActs(MAX_OPEN_ACTS)));
    // The last are kept for what ends it.
    let amount = t.remaining_amount();
    let returned = t.resolve(Resolution::Returned { amount }, &person(), at(72));
    assert_eq!(returned.unwrap().assume_committed().needs_review(), None);
}

#[test]
fn money_that_went_back_by_hand_goes_back_no_second_time() {
    let disputed = tried(&paid(), Decision::Dispute(DisputeReason::AmountDiffers));
    let returned = disputed.resolve(
        Resolution::Returned {
            amount: Vnd::new(100_000).unwrap(),
        },
        &person(),
        at(60),
    );
    let returned = returned.unwrap();
    assert!(!returned.due_marks().refund, "the core is not asked");
    let returned = returned.assume_committed();
    let all = returned.paid_amount();
    assert_eq!(
        (returned.refunded_amount(), returned.remaining_amount()),
        (all, Vnd::ZERO)
    );
    assert_eq!(
        (returned.refund_due_at(), returned.needs_review()),
        (None, None)
    );
    assert_eq!(names(&returned).last(), Some(&"refund_returned"));
}

/// A payment of which a part is on its way back to the customer cannot be said to stand.
#[test]
fn what_is_going_back_can_only_go_back() {
    let command = RefundCommand {
        request_id: "R1".parse().unwrap(),
        amount: Vnd::new(40_000).unwrap(),
        reason: "changed mind".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(tikis, change)) = paid().reserve_refund(&command, at(15)) else {
        panic!("not reserved")
    };
    let reason = Decision::Reverse(domain::ReversalReason::NotFoundAtTiki);
    let reversing = tried(&change.assume_committed(), reason);
    let ours = reversing.refunds()[1].id;
    let rejected = RefundAnswer::Rejected { reason: None };
    // Tiki's is refused, so its amount is the customer's too; then the first reversal is refused.
    let both = reversing
        .record_refund_outcome(tikis, &rejected, at(30))
        .unwrap();
    let both = both.assume_committed();
    let disputed = both.record_refund_outcome(ours, &rejected, at(31)).unwrap();
    let disputed = disputed.assume_committed();
    assert!(disputed.refunds()[2].holds() && disputed.needs_review().is_some());

    assert_eq!(
        disputed.resolve(Resolution::Confirmed, &person(), at(40)),
        Err(OperatorRefusal::OnlyReversible)
    );
    assert_eq!(
        disputed.resend_ipn(&person(), at(40)),
        Err(OperatorRefusal::Reversing)
    );
    assert!(
        disputed
            .resolve(Resolution::Reverse, &person(), at(40))
            .is_ok()
    );
}
