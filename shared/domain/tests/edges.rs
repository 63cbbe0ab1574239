//! Edges that the tables do not show: names that others rely on, times that must not be early, limits.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use domain::testing::{AssumeCommitted, lease_now, plain_payment};
use domain::{
    Alarm, AuditEvent, Balance, CoreAnswer, Decision, DisputeReason, Due, DueMarks,
    FailedNotification, Failure, FailureCause, IPN_DELIVERY, IPN_LEASE, IpnAnswer, LookUpAnswer,
    MAX_CONTRADICTIONS, MAX_OPERATOR_ACTS, NotificationOutcome, OperatorRefusal, OperatorWord,
    Origin, PaidDetails, PaidNotification, Payment, PaymentAnswer, PaymentResult,
    PaymentResultMessage, PaymentState, RaisedReason, RecordedResult, Refund, RefundAnswer,
    RefundCommand, RefundId, RefundReason, RefundState, Refusal, Reservation, Resolution,
    ReversalReason, ReviewReason, Snapshot, Status, TikiTransactionId, Timestamp, Transaction,
    TransactionId, Verdict, Vnd,
};
use uuid::Uuid;

const CONFIRM_AFTER: Duration = Duration::from_mins(2);

const ID: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn notified(decision: Decision) -> NotificationOutcome {
    NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    }
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
        reason: "the core's people say so".parse().unwrap(),
    }
}

fn taken(t: &Transaction, message: &PaymentResultMessage, second: i64) -> Transaction {
    let change = t.record_payment_result(message, at(second)).change;
    change.unwrap().assume_committed()
}

/// The transaction after a notification that led to this decision.
fn sent(t: &Transaction, decision: Decision, now: Timestamp) -> Transaction {
    let (lease, leased) = lease_now(t, CONFIRM_AFTER, now).unwrap();
    let recorded = leased.record_ipn(lease, notified(decision), now);
    recorded.unwrap().assume_committed()
}

fn restored(snapshot: Snapshot) -> Transaction {
    Transaction::restore(snapshot).unwrap()
}

/// So many of Tiki's refunds and so many of ours, all refused, with the ids that they must have: the namespace
/// is the transaction, and the name the cause.
fn refused(mut snapshot: Snapshot, tikis: usize, ours: usize, origin: &Origin) -> Snapshot {
    let tikis = (0..tikis).map(|n| {
        let request_id = format!("R{n}").parse().unwrap();
        (format!("tiki\nR{n}"), Origin::Tiki { request_id })
    });
    let ours = (0..ours).map(|n| (format!("{}\n{n}", origin.as_str()), origin.clone()));
    let namespace = Uuid::parse_str(&snapshot.id.to_string()).unwrap();
    let balance = Balance {
        refunded: Vnd::ZERO,
        remaining: Vnd::ZERO,
    };
    let refunds = tikis.chain(ours).map(|(cause, origin)| Refund {
        id: Uuid::new_v5(&namespace, cause.as_bytes())
            .to_string()
            .parse()
            .unwrap(),
        origin,
        amount: Vnd::new(1).unwrap(),
        reason: RefundReason::truncated("x").unwrap(),
        created_at: at(1),
        state: RefundState::Rejected {
            at: at(2),
            reason: None,
            balance,
        },
    });
    snapshot.refunds = refunds.collect();
    snapshot
}

#[test]
fn names_that_items_logs_and_the_core_rely_on_stay_as_they_are() {
    let grounds = ReversalReason::ALL
        .iter()
        .map(|reason| reason.as_str())
        .collect::<Vec<_>>();
    assert_eq!(
        grounds,
        [
            "failed_at_tiki",
            "not_found_at_tiki",
            "cancelled_at_tiki",
            "by_operator"
        ]
    );
    let payments = [
        PaymentAnswer::Paid {
            amount: Vnd::ZERO,
            details: PaidDetails::default(),
        },
        PaymentAnswer::Failed { reason: None },
        PaymentAnswer::NotPaid,
        PaymentAnswer::Pending,
        PaymentAnswer::Unreadable,
        PaymentAnswer::Unknown,
    ];
    let payments = payments.map(|answer| answer.as_str());
    assert_eq!(
        payments,
        [
            "paid",
            "failed",
            "not_paid",
            "pending",
            "unreadable",
            "unknown"
        ]
    );
    let refunds = [
        RefundAnswer::Succeeded,
        RefundAnswer::Rejected { reason: None },
        RefundAnswer::Pending,
        RefundAnswer::Unknown,
    ];
    let refunds = refunds.map(|answer| answer.as_str());
    assert_eq!(refunds, ["succeeded", "rejected", "pending", "unknown"]);
    let request_id = "A".parse().unwrap();
    let origins = [
        Origin::Tiki { request_id },
        Origin::Reversal,
        Origin::LatePayment,
    ];
    let origins = origins.map(|origin| origin.as_str());
    assert_eq!(origins, ["tiki", "reversal", "late_payment"]);
}

#[test]
fn ids_and_times_are_written_as_they_were_read() {
    let tiki_id: TikiTransactionId = "221115TIKIVIP-1".parse().unwrap();
    assert_eq!(tiki_id.to_string(), "221115TIKIVIP-1");
    let id: TransactionId = ID.parse().unwrap();
    assert_eq!(id.to_string(), ID);
    assert_eq!(format!("{id:?}"), format!("TransactionId({ID})"));
    assert_eq!(ID.parse::<RefundId>().unwrap().to_string(), ID);
    assert_eq!(Timestamp::from_unix_ms(1_234).unwrap().unix_ms(), 1_234);
    assert_eq!(at(0).to_string(), at(0).to_rfc3339());
}

#[test]
fn ids_spread_over_all_shards_and_stay_where_they_are() {
    // 0xed is 237: another shard would lose what was written there.
    assert_eq!(ID.parse::<TransactionId>().unwrap().shard(16), 13);
    let shards = (0..=255).map(|last| {
        let mut bytes = [7; 16];
        bytes[15] = last;
        TransactionId::from_bytes(bytes).shard(16)
    });
    let different: std::collections::BTreeSet<u8> = shards.collect();
    assert_eq!(different, (0..16).collect());
}

#[test]
fn nothing_is_taken_up_before_it_is_due() {
    let early = |t: Timestamp| Timestamp::from_unix_ms(t.unix_ms() - 1).unwrap();
    let retried = sent(&paid(), Decision::Retry, at(20));
    let due = retried.ipn_due_at().unwrap();
    assert!(retried.lease_ipn(CONFIRM_AFTER, early(due)).is_none());
    assert!(retried.lease_ipn(CONFIRM_AFTER, due).is_some());

    let pending = pending();
    let due = pending.expiry_due_at().unwrap();
    assert!(pending.lease_expiry_check(early(due)).is_none());
    assert!(pending.lease_expiry_check(due).is_some());
}

#[test]
fn who_got_no_clear_answer_asks_again_later_and_not_at_once() {
    let leased = pending()
        .lease_expiry_check(at(960))
        .unwrap()
        .assume_committed();
    for answer in [PaymentAnswer::Unknown, PaymentAnswer::Pending] {
        let asked = leased
            .conclude_expiry(&answer, at(985))
            .unwrap()
            .assume_committed();
        let wait = asked.expiry_due_at().unwrap().since(at(985));
        assert!((24..=36).contains(&wait.as_secs()), "{answer:?}: {wait:?}");
    }

    let command = RefundCommand {
        request_id: "A".parse().unwrap(),
        amount: Vnd::new(1).unwrap(),
        reason: "x".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(id, change)) = paid().reserve_refund(&command, at(20)) else {
        unreachable!("a paid transaction can be refunded")
    };
    let reserved = change.assume_committed();
    for answer in [RefundAnswer::Unknown, RefundAnswer::Pending] {
        let unknown = reserved
            .record_refund_outcome(id, &answer, at(21))
            .unwrap()
            .assume_committed();
        let wait = unknown.refund_due_at().unwrap().since(at(21));
        assert!((4..=6).contains(&wait.as_secs()), "{answer:?}: {wait:?}");
    }
}

#[test]
fn a_status_is_final_from_the_moment_we_learned_of_it() {
    assert_eq!(pending().final_at(), None);
    assert_eq!(paid().final_at(), Some(at(10)));
}

#[test]
fn the_review_queue_keeps_it_until_a_person_has_acted() {
    assert_eq!(paid().needs_review(), None);
    let reason = DisputeReason::NotOfThisPartner;
    let disputed = sent(&paid(), Decision::Dispute(reason), at(21));
    assert_eq!(
        disputed.needs_review(),
        Some((ReviewReason::Disputed(reason), at(21)))
    );

    let mut exhausted = paid().to_snapshot();
    let PaymentState::Paid { notification, .. } = &mut exhausted.payment else {
        panic!("it is paid");
    };
    *notification = PaidNotification::Exhausted { at: at(30) };
    assert_eq!(
        restored(exhausted).needs_review(),
        Some((ReviewReason::IpnExhausted, at(30)))
    );

    let kept = refused(late(), 0, 1, &Origin::LatePayment);
    assert_eq!(
        restored(kept).needs_review(),
        Some((ReviewReason::SystemRefundRejected, at(2)))
    );
    // Tiki's own refund that the core refuses is Tiki's to act on.
    let tikis = refused(paid().to_snapshot(), 1, 0, &Origin::LatePayment);
    assert_eq!(restored(tikis).needs_review(), None);
}

fn late() -> Snapshot {
    let payment = Payment {
        recorded_at: at(30),
        paid_at: at(30),
        banking_method: None,
        core_reference: None,
    };
    let mut late = paid().to_snapshot();
    late.payment = PaymentState::Failed {
        failure: Failure {
            recorded_at: at(10),
            cause: FailureCause::Expired,
            late_payment: Some(payment),
        },
        notification: FailedNotification::Abandoned { at: at(40) },
    };
    late
}

#[test]
fn another_amount_at_the_core_needs_review_until_it_is_clear() {
    let leased = pending()
        .lease_expiry_check(at(960))
        .unwrap()
        .assume_committed();
    let said = |t: &Transaction, answer: &PaymentAnswer, now| {
        t.conclude_expiry(answer, now).unwrap().assume_committed()
    };
    let paid = |amount| PaymentAnswer::Paid {
        amount: Vnd::new(amount).unwrap(),
        details: PaidDetails::default(),
    };
    let reason = ReviewReason::Raised(RaisedReason::PaidAmountDiffers);
    let review = Some((reason, at(961)));
    let differs = said(&leased, &paid(99_999), at(961));
    assert_eq!(differs.needs_review(), review);
    let leased = differs
        .lease_expiry_check(at(3_000))
        .unwrap()
        .assume_committed();
    assert_eq!(leased.needs_review(), review);
    for answer in [
        paid(99_998),
        // Neither names a reference, so both may have been taken.
        paid(100_000),
        PaymentAnswer::Pending,
        PaymentAnswer::Unreadable,
        PaymentAnswer::Unknown,
    ] {
        assert_eq!(
            said(&leased, &answer, at(3_001)).needs_review(),
            review,
            "{answer:?}"
        );
    }
    for answer in [
        PaymentAnswer::NotPaid,
        PaymentAnswer::Failed { reason: None },
    ] {
        assert_eq!(
            said(&leased, &answer, at(3_001)).needs_review(),
            None,
            "{answer:?}"
        );
    }
}

/// Found by reading the simulation: with none known, any number of debits passed for the same one.
#[test]
fn the_first_reference_that_comes_is_the_one_that_counts() {
    let message = |reference: Option<&str>| PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails {
            core_reference: reference.map(|r| r.parse().unwrap()),
            ..PaidDetails::default()
        }),
    };
    let nothing = RecordedResult {
        change: None,
        refusal: None,
    };
    for unnamed in [paid(), restored(late())] {
        assert_eq!(
            unnamed.record_payment_result(&message(None), at(50)),
            nothing
        );
        let recorded = unnamed.record_payment_result(&message(Some("D1")), at(50));
        let change = recorded.change.unwrap();
        assert_eq!(
            (change.due_marks(), change.alarm()),
            (DueMarks::default(), None)
        );
        let named = change.assume_committed();
        let reference = |t: &Transaction| t.money_taken().unwrap().core_reference.clone();
        assert_eq!(reference(&named), "D1".parse().ok());
        for again in [None, Some("D1")] {
            assert_eq!(
                named.record_payment_result(&message(again), at(60)),
                nothing
            );
        }
        let second = named.record_payment_result(&message(Some("D2")), at(60));
        assert_eq!(second.refusal, Some(Refusal::ResultDiffers));
        let reason = ReviewReason::Raised(RaisedReason::SecondDebit);
        let kept = second.change.unwrap().assume_committed();
        assert_eq!(kept.needs_review(), Some((reason, at(60))));
    }
}

/// Each was refused and forgotten: a bank could not find it again.
#[test]
#[expect(clippy::too_many_lines, reason = "a row for each contradiction")]
fn what_contradicts_the_record_is_refused_and_kept() {
    let amount = |n| Vnd::new(n).unwrap();
    let says_paid = |n, reference: &str| PaymentResultMessage {
        amount: Some(amount(n)),
        result: PaymentResult::Paid(PaidDetails {
            core_reference: reference.parse().ok(),
            ..PaidDetails::default()
        }),
    };
    let says_failed = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Declined { reason: None },
    };
    let expired = pending().conclude_expiry(&PaymentAnswer::NotPaid, at(1_000));
    let expired = expired.unwrap().assume_committed();
    let other_amount = Refusal::InvalidAmount {
        field: "amount",
        problem: "is not the amount of the transaction".to_owned(),
    };
    let differs = RaisedReason::PaidAmountDiffers;
    let after = RaisedReason::FailedAfterPaid;
    let reversed = sent(
        &paid(),
        Decision::Reverse(ReversalReason::FailedAtTiki),
        at(20),
    );
    for (t, message, refusal, reason) in [
        (pending(), says_paid(90_000, "D"), &other_amount, differs),
        (expired, says_paid(90_000, "D"), &other_amount, differs),
        (paid(), says_paid(90_000, "D"), &other_amount, differs),
        (
            restored(late()),
            says_paid(90_000, "D"),
            &other_amount,
            differs,
        ),
        (paid(), says_failed.clone(), &Refusal::ResultDiffers, after),
        (
            reversed,
            says_failed.clone(),
            &Refusal::ResultDiffers,
            after,
        ),
        (
            restored(late()),
            says_failed.clone(),
            &Refusal::ResultDiffers,
            after,
        ),
    ] {
        let recorded = t.record_payment_result(&message, at(2_000));
        assert_eq!(recorded.refusal.as_ref(), Some(refusal), "{t:?}");
        let change = recorded.change.unwrap();
        let raised = ReviewReason::Raised(reason);
        assert_eq!(change.alarm(), Some(Alarm::Review(raised)));
        let kept = change.assume_committed();
        assert_eq!(kept.needs_review(), Some((raised, at(2_000))));
        assert_eq!((kept.status(), kept.balance()), (t.status(), t.balance()));
        // The core repeats it for days: refused, and nothing is written.
        let again = kept.record_payment_result(&message, at(3_000));
        assert_eq!(
            (again.change, again.refusal.as_ref()),
            (None, Some(refusal))
        );
        // A person has dealt with it: the same words do not bring it back, others do.
        let handled = kept
            .resolve(Resolution::Handled, &person(), at(4_000))
            .unwrap();
        let handled = handled.assume_committed();
        assert_eq!(handled.needs_review(), None);
        assert_eq!(
            handled.record_payment_result(&message, at(5_000)).change,
            None
        );
        let other = handled.record_payment_result(&says_paid(80_000, "E"), at(5_000));
        assert!(other.change.unwrap().alarm().is_some());
        // A day later the core still says so.
        let still = handled.record_payment_result(&message, at(4_000 + 86_400));
        let still = still.change.unwrap().assume_committed();
        assert!(still.needs_review().is_some());
    }
}

/// A person's decision on something else does not deal with it (seeds 1330 and 2236 of the simulation).
#[test]
fn a_decision_deals_with_what_was_in_review_and_nothing_else() {
    let says = |n, reference: &str| PaymentResultMessage {
        amount: Vnd::new(n).ok(),
        result: PaymentResult::Paid(PaidDetails {
            core_reference: reference.parse().ok(),
            ..PaidDetails::default()
        }),
    };
    let other_amount = says(90_000, "D");
    let asked_back = pending().record_payment_result(&other_amount, at(10));
    let asked_back = asked_back.change.unwrap().assume_committed();
    // The right amount under the same reference explains it.
    let paid = asked_back.record_payment_result(&says(100_000, "D"), at(20));
    let paid = paid.change.unwrap().assume_committed();
    assert_eq!(paid.needs_review(), None);

    let dispute = Decision::Dispute(DisputeReason::AmountDiffers);
    let disputed = sent(&paid, dispute, at(30));
    let debited_twice = paid.record_payment_result(&says(100_000, "E"), at(30));
    let debited_twice = debited_twice.change.unwrap().assume_committed();
    for (t, resolution) in [
        (disputed.clone(), Resolution::Confirmed),
        (disputed, Resolution::Reverse),
        (debited_twice, Resolution::Handled),
    ] {
        let resolved = t.resolve(resolution, &person(), at(40)).unwrap();
        let resolved = resolved.assume_committed();
        assert_eq!(resolved.needs_review(), None);
        // The core says once more what it has itself explained.
        let again = resolved.record_payment_result(&other_amount, at(50));
        let again = again.change.expect("it is news").assume_committed();
        let differs = ReviewReason::Raised(RaisedReason::PaidAmountDiffers);
        assert_eq!(again.needs_review(), Some((differs, at(50))));
    }
}

/// Two reasons need two decisions, and the one that may move money comes last.
#[test]
fn a_contradiction_comes_before_what_moves_money() {
    let says_failed = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Declined { reason: None },
    };
    let disputed = sent(
        &paid(),
        Decision::Dispute(DisputeReason::AmountDiffers),
        at(20),
    );
    let both = disputed.record_payment_result(&says_failed, at(30)).change;
    let both = both.unwrap().assume_committed();
    let first = ReviewReason::Raised(RaisedReason::FailedAfterPaid);
    assert_eq!(both.needs_review(), Some((first, at(30))));
    let handled = both
        .resolve(Resolution::Handled, &person(), at(40))
        .unwrap();
    let next = ReviewReason::Disputed(DisputeReason::AmountDiffers);
    assert_eq!(
        handled.assume_committed().needs_review(),
        Some((next, at(20)))
    );
    // A reversal that is held because of it is one decision.
    let doubtful = paid().record_payment_result(&says_failed, at(20)).change;
    let doubtful = doubtful.unwrap().assume_committed();
    let held = sent(
        &doubtful,
        Decision::Reverse(ReversalReason::FailedAtTiki),
        at(90),
    );
    let next = ReviewReason::Disputed(DisputeReason::ReversalHeld);
    assert_eq!(held.needs_review(), Some((next, at(90))));
    let reversed = held
        .resolve(Resolution::Reverse, &person(), at(100))
        .unwrap();
    let reversed = reversed.assume_committed();
    assert!(!reversed.is_doubtful() && reversed.refund_due_at().is_some());
    // But a second debit is other money: it is next, and until then nothing is requested at the core.
    let second = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails {
            core_reference: "B".parse().ok(),
            ..PaidDetails::default()
        }),
    };
    let first = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails {
            core_reference: "A".parse().ok(),
            ..PaidDetails::default()
        }),
    };
    let twice = taken(&taken(&pending(), &first, 10), &second, 20);
    let decision = Decision::Reverse(ReversalReason::FailedAtTiki);
    let held = sent(&twice, decision, at(90));
    let reversed = held
        .resolve(Resolution::Reverse, &person(), at(100))
        .unwrap()
        .assume_committed();
    let next = ReviewReason::Raised(RaisedReason::SecondDebit);
    assert_eq!(reversed.needs_review(), Some((next, at(20))));
    assert!(reversed.is_doubtful());
}

/// A person who says that nobody has paid was not shown that the core names money.
#[test]
fn not_paid_ends_only_what_is_undecided() {
    let says_paid = PaymentResultMessage {
        amount: Vnd::new(90_000).ok(),
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let named = pending().record_payment_result(&says_paid, at(10)).change;
    let named = named.unwrap().assume_committed();
    let refused = named.resolve(Resolution::NotPaid, &person(), at(20));
    assert_eq!(refused, Err(OperatorRefusal::DoesNotFit));
    let day = at(960 + 86_400);
    let asked = named.lease_expiry_check(day).unwrap().assume_committed();
    let asked = asked.conclude_expiry(&PaymentAnswer::Pending, day).unwrap();
    let both = asked.assume_committed();
    let handled = both.resolve(Resolution::Handled, &person(), day).unwrap();
    let undecided = handled.assume_committed();
    let refused = undecided.resolve(Resolution::Handled, &person(), day);
    assert_eq!(
        refused,
        Err(OperatorRefusal::DoesNotFit),
        "it would come back"
    );
    let failed = undecided
        .resolve(Resolution::NotPaid, &person(), day)
        .unwrap();
    assert_eq!(failed.assume_committed().needs_review(), None);
}

/// The first debit is not explained by a second one of the right amount.
#[test]
fn money_under_another_reference_stays_in_review() {
    let says = |n, reference: Option<&str>| PaymentResultMessage {
        amount: Some(Vnd::new(n).unwrap()),
        result: PaymentResult::Paid(PaidDetails {
            core_reference: reference.map(|r| r.parse().unwrap()),
            ..PaidDetails::default()
        }),
    };
    let differs = pending().record_payment_result(&says(90_000, Some("A")), at(10));
    let differs = differs.change.unwrap().assume_committed();
    for (reference, stays) in [(Some("A"), false), (Some("B"), true), (None, true)] {
        let paid = differs.record_payment_result(&says(100_000, reference), at(20));
        let paid = paid.change.unwrap().assume_committed();
        assert_eq!(paid.status(), Status::Success);
        assert_eq!(paid.needs_review().is_some(), stays, "{reference:?}");
        // The core says it once more, although a clear answer had ended it: that is news.
        let again = paid.record_payment_result(&says(90_000, Some("A")), at(30));
        assert_eq!(again.change.is_some(), !stays);
        if let Some(change) = again.change {
            assert!(change.alarm().is_some());
            let raised = change.assume_committed();
            assert!(raised.needs_review().is_some());
            let entries = raised.audit_trail().iter();
            let counted = entries.filter(|e| matches!(e.event, AuditEvent::Contradicted(_)));
            assert_eq!(counted.map(|e| e.times).collect::<Vec<_>>(), [2]);
        }
    }
}

#[test]
fn different_contradictions_are_kept_up_to_a_bound() {
    let mut t = paid();
    for n in 0..100 {
        let message = PaymentResultMessage {
            amount: Vnd::new(200_000 + n).ok(),
            result: PaymentResult::Paid(PaidDetails::default()),
        };
        let recorded = t.record_payment_result(&message, at(20));
        t = recorded.change.unwrap().assume_committed();
    }
    let kept = t.audit_trail().iter();
    let kept = kept.filter(|entry| matches!(entry.event, AuditEvent::Contradicted(_)));
    let times: Vec<u32> = kept.map(|entry| entry.times).collect();
    assert_eq!(times.len(), MAX_CONTRADICTIONS);
    assert_eq!(times.iter().sum::<u32>(), 100);
}

#[test]
fn undecided_for_a_day_needs_review_until_the_core_or_a_person_has_spoken() {
    let ask = |t: &Transaction, answer: &PaymentAnswer, now| {
        t.conclude_expiry(answer, now).unwrap().assume_committed()
    };
    let day = at(900 + 86_400);
    let early = Timestamp::from_unix_ms(day.unix_ms() - 1).unwrap();
    for answer in [
        PaymentAnswer::Pending,
        PaymentAnswer::Unreadable,
        PaymentAnswer::Unknown,
    ] {
        assert_eq!(ask(&pending(), &answer, early).needs_review(), None);
        let undecided = ask(&pending(), &answer, day);
        let reason = ReviewReason::Raised(RaisedReason::Undecided);
        assert_eq!(undecided.needs_review(), Some((reason, day)));
        let again = undecided.conclude_expiry(&answer, day.after(CONFIRM_AFTER));
        assert_eq!(again.unwrap().alarm(), None, "it is raised once");
        let decided = ask(&undecided, &PaymentAnswer::NotPaid, day);
        assert_eq!(decided.needs_review(), None);
        let failed = undecided
            .resolve(Resolution::NotPaid, &person(), day)
            .unwrap();
        let failed = failed.assume_committed();
        assert_eq!(
            (failed.status(), failed.needs_review()),
            (Status::Failure, None)
        );
        assert!(failed.ipn_due_at().is_some());
    }
}

/// A clock that is a day ahead queues a notification: it waits for nobody's clock.
#[test]
fn what_is_queued_is_due_and_time_never_goes_back() {
    let ahead = at(86_400);
    let message = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let queued = pending().record_payment_result(&message, ahead).change;
    let queued = queued.unwrap().assume_committed();
    assert!(queued.ipn_due_at().unwrap() > ahead);
    let looked_at = pending()
        .lease_expiry_check(ahead)
        .unwrap()
        .assume_committed();
    let in_time = looked_at
        .record_payment_result(&message, at(10))
        .change
        .unwrap();
    let in_time = in_time.assume_committed();
    assert_eq!(
        (in_time.updated_at(), in_time.ipn_due_at()),
        (ahead, Some(at(10).after(IPN_DELIVERY).after(IPN_LEASE))),
        "by the clock of who queues it"
    );
    let first = queued.first_ipn_lease(CONFIRM_AFTER, at(10)).unwrap();
    let retried = queued.record_ipn(first, notified(Decision::Retry), at(12));
    let retried = retried.unwrap().assume_committed();
    assert_eq!(retried.updated_at(), ahead, "not before the last change");
    let by_the_clock_of_who_waits = at(12).after(Duration::from_mins(1));
    assert!(retried.ipn_due_at().unwrap() < by_the_clock_of_who_waits);
}

/// Whoever the stream brings a notification to in time writes no lease, and the sweep waits until that one is done.
#[test]
fn a_newly_queued_notification_has_a_head_start() {
    let queued = paid();
    let in_time = at(10).after(IPN_DELIVERY);
    let first = queued.first_ipn_lease(CONFIRM_AFTER, in_time).unwrap();
    let too_late = Timestamp::from_unix_ms(in_time.unix_ms() + 1).unwrap();
    assert_eq!(queued.first_ipn_lease(CONFIRM_AFTER, too_late), None);
    let swept_at = queued.ipn_due_at().unwrap();
    let before = Timestamp::from_unix_ms(swept_at.unix_ms() - 1).unwrap();
    assert_eq!(queued.lease_ipn(CONFIRM_AFTER, before), None);
    assert_eq!(
        swept_at,
        in_time.after(IPN_LEASE),
        "then its holder is done"
    );

    let record = |t: &Transaction, decision| {
        let change = t.record_ipn(first, notified(decision), at(40));
        change.map(AssumeCommitted::assume_committed)
    };
    // The stream brings it to two senders: the outcome of the first counts.
    let retried = record(&queued, Decision::Retry).unwrap();
    assert_eq!(record(&retried, Decision::Confirm), None);
    assert_eq!(retried.first_ipn_lease(CONFIRM_AFTER, at(40)), None);
    // A sweep or a person has taken it up meanwhile.
    let (swept, change) = queued.lease_ipn(CONFIRM_AFTER, swept_at).unwrap();
    assert_eq!((swept.attempt, swept.failures), (2, 0));
    assert_eq!(record(&change.assume_committed(), Decision::Confirm), None);
    let by_person = queued
        .resend_ipn(&person(), at(20))
        .unwrap()
        .assume_committed();
    let (second, change) = by_person.lease_ipn(CONFIRM_AFTER, at(20)).unwrap();
    assert_eq!(second.attempt, 2);
    assert_eq!(record(&by_person, Decision::Confirm), None);
    assert_eq!(record(&change.assume_committed(), Decision::Confirm), None);
}

/// A sender was frozen while another had the payment reversed: what it learned is not about the failure.
#[test]
fn the_outcome_of_a_success_is_not_recorded_over_a_failure() {
    let queued = paid();
    let success = queued.first_ipn_lease(CONFIRM_AFTER, at(11)).unwrap();
    let reversing = sent(
        &queued,
        Decision::Reverse(ReversalReason::FailedAtTiki),
        at(90),
    );
    let id = reversing.refunds()[0].id;
    let returned = reversing.record_refund_outcome(id, &RefundAnswer::Succeeded, at(91));
    let returned = returned.unwrap().assume_committed();
    assert!(returned.first_ipn_lease(CONFIRM_AFTER, at(92)).is_some());
    let confirmed = returned.record_ipn(success, notified(Decision::Confirm), at(92));
    assert_eq!(confirmed, None);
}

#[test]
fn a_transaction_of_nothing_is_none() {
    let mut nothing = pending().to_snapshot();
    nothing.order.amount = Vnd::ZERO;
    assert!(Transaction::restore(nothing).is_err());
}

#[test]
fn there_is_room_for_tikis_hundred_refunds_and_all_of_ours() {
    let reversed = sent(
        &paid(),
        Decision::Reverse(ReversalReason::FailedAtTiki),
        at(20),
    );
    let with = |tikis, ours| {
        let snapshot = Snapshot {
            audit_trail: Vec::new(),
            ..reversed.to_snapshot()
        };
        Transaction::restore(refused(snapshot, tikis, ours, &Origin::Reversal))
    };
    // A reversal for each that is refused, a late payment's, the first, and one for each act of a person.
    let ours = 100 + 2 + MAX_OPERATOR_ACTS;
    assert!(with(120, ours).is_ok());
    assert!(with(121, 0).is_err());
    assert!(with(120, ours + 1).is_err());
    assert!(with(0, 120 + ours + 1).is_err());
}

#[test]
fn an_attempt_counts_itself() {
    let leased = pending()
        .lease_expiry_check(at(960))
        .unwrap()
        .assume_committed();
    let PaymentState::Pending { expiry_check, .. } = leased.payment() else {
        unreachable!("only a question was begun")
    };
    let expected = Due {
        due_at: at(960).after(domain::CORE_LEASE),
        attempts: 1,
    };
    assert_eq!(*expiry_check, expected);
}

/// Found by fuzzing the stored item: such a one was taken, and the next command's own refund got the id
/// that was there already, so that nobody could read the transaction any more.
#[test]
fn a_refund_that_its_payment_cannot_have_come_to_is_damage() {
    let request_id = || "R0".parse().unwrap();
    let restored = |snapshot: &Snapshot| Transaction::restore(snapshot.clone()).is_ok();
    let kept = refused(late(), 0, 1, &Origin::LatePayment);
    let reversing = sent(
        &paid(),
        Decision::Reverse(ReversalReason::FailedAtTiki),
        at(20),
    );
    let reversed = Snapshot {
        audit_trail: Vec::new(),
        ..refused(reversing.to_snapshot(), 1, 2, &Origin::Reversal)
    };
    let kept_payment = refused(paid().to_snapshot(), 1, 1, &Origin::Reversal);
    assert!(
        !restored(&kept_payment),
        "a reversal of a payment that stands"
    );
    assert!(restored(&kept) && restored(&reversed));

    let with = |snapshot: &Snapshot, change: &dyn Fn(&mut Snapshot)| {
        let mut changed = snapshot.clone();
        change(&mut changed);
        restored(&changed)
    };
    assert!(!with(&kept, &|s| s.refunds[0].origin = Origin::Reversal));
    assert!(!with(&kept, &|s| s.refunds[0].origin = Origin::Tiki {
        request_id: request_id()
    }));
    assert!(!with(&kept, &|s| {
        if let PaymentState::Failed { failure, .. } = &mut s.payment {
            failure.late_payment = None;
        }
    }));
    assert!(!with(&reversed, &|s| s.refunds[1].origin = Origin::LatePayment));
    assert!(
        !with(&reversed, &|s| s.refunds.swap(1, 2)),
        "the second cannot be before the first"
    );
    assert!(!with(&reversed, &|s| s.refunds[0].id = ID.parse().unwrap()));
    assert!(!with(&reversed, &|s| s.refunds[2].id = s.refunds[1].id));
}

/// A stored name that is read as another thing, or as nothing, would lose or change what happened.
#[test]
fn every_stored_name_is_read_back_as_what_it_names() {
    fn check<T>(all: impl Iterator<Item = T>, name: fn(T) -> &'static str)
    where
        T: Copy + std::fmt::Debug + PartialEq + std::str::FromStr,
    {
        let mut names = BTreeSet::new();
        for one in all {
            assert_eq!(name(one).parse().ok(), Some(one));
            assert!(names.insert(name(one)), "{one:?} has another's name");
        }
        assert!(names.len() > 1 && "".parse::<T>().is_err());
    }
    check(IpnAnswer::all(), IpnAnswer::as_str);
    check(LookUpAnswer::all(), LookUpAnswer::as_str);
    check(ReversalReason::ALL.iter().copied(), ReversalReason::as_str);
    check(DisputeReason::ALL.iter().copied(), DisputeReason::as_str);
    check(CoreAnswer::ALL.iter().copied(), CoreAnswer::as_str);
    check(Verdict::ALL.iter().copied(), Verdict::as_str);
    check(RaisedReason::ALL.iter().copied(), RaisedReason::as_str);
    check(Status::ALL.iter().copied(), Status::as_str);
    assert!("refused".parse::<IpnAnswer>().is_err());
    assert!("found".parse::<LookUpAnswer>().is_err());
    let names: BTreeSet<_> = ReviewReason::all().map(ReviewReason::as_str).collect();
    assert_eq!(names.len(), 14);
}

/// The item has room for the reasons of all refunds, whatever their characters are.
#[test]
fn of_a_rejection_the_beginning_of_its_reason_is_kept() {
    let command = RefundCommand {
        request_id: "R1".parse().unwrap(),
        amount: Vnd::new(1).unwrap(),
        reason: "r".parse().unwrap(),
    };
    let Ok(Reservation::Reserve(id, change)) = paid().reserve_refund(&command, at(20)) else {
        unreachable!("a paid transaction can be refunded")
    };
    let reserved = change.assume_committed();
    let vietnamese = "Tài khoản thụ hưởng đã bị phong tỏa theo yêu cầu của cơ quan có thẩm quyền";
    for (reason, kept) in [
        ("x".repeat(255), "x".repeat(64)),
        ("đ".repeat(255), "đ".repeat(48)),
        ("€".repeat(255), "€".repeat(32)),
        ("😀".repeat(255), "😀".repeat(24)),
        (vietnamese.to_owned(), vietnamese.chars().take(64).collect()),
    ] {
        let rejected = RefundAnswer::Rejected {
            reason: reason.parse().ok(),
        };
        let change = reserved.record_refund_outcome(id, &rejected, at(21));
        let state = change.unwrap().assume_committed().refunds()[0]
            .state
            .clone();
        let RefundState::Rejected { reason, .. } = state else {
            unreachable!("it is rejected")
        };
        assert_eq!(reason.unwrap().as_str(), kept);
    }
}

#[test]
fn only_an_open_refund_of_the_same_amount_is_like_another() {
    let command = |request_id: &str, vnd| RefundCommand {
        request_id: request_id.parse().unwrap(),
        amount: Vnd::new(vnd).unwrap(),
        reason: "r".parse().unwrap(),
    };
    let first = command("R1", 40_000);
    let Ok(Reservation::Reserve(id, change)) = paid().reserve_refund(&first, at(20)) else {
        unreachable!("a paid transaction can be refunded")
    };
    let reserved = change.assume_committed();
    let after = |answer| {
        let change = reserved.record_refund_outcome(id, &answer, at(21));
        change.unwrap().assume_committed()
    };
    let like = |t: &Transaction, request_id, vnd| {
        let like = t.open_refund_like(&command(request_id, vnd));
        like.map(ToString::to_string)
    };
    let first = Some("R1".to_owned());
    for (what, t, found) in [
        ("reserved", reserved.clone(), first.clone()),
        ("unknown", after(RefundAnswer::Unknown), first.clone()),
        ("pending", after(RefundAnswer::Pending), first),
        ("succeeded", after(RefundAnswer::Succeeded), None),
        (
            "rejected",
            after(RefundAnswer::Rejected { reason: None }),
            None,
        ),
        ("none", paid(), None),
    ] {
        assert_eq!(like(&t, "R2", 40_000), found, "{what}");
        assert_eq!(like(&t, "R2", 40_001), None, "{what}: another amount");
        assert_eq!(like(&t, "R1", 40_000), None, "{what}: a repeat");
    }
}
