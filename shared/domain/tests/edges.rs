//! Edges that the tables do not show: names that others rely on, times that must not be early, limits.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use domain::testing::AssumeCommitted;
use domain::{
    AmountLimits, Balance, CoreAnswer, Decision, DisputeReason, Due, DueMarks, FailedNotification,
    Failure, FailureCause, IpnAnswer, LookUpAnswer, MAX_OPERATOR_ACTS, NotificationOutcome, Order,
    Origin, PaidDetails, PaidNotification, Payment, PaymentAnswer, PaymentResult,
    PaymentResultMessage, PaymentState, Refund, RefundAnswer, RefundCommand, RefundId,
    RefundReason, RefundState, Refusal, Reservation, ReversalReason, ReviewReason, Snapshot,
    Status, TikiTransactionId, Timestamp, Transaction, TransactionId, Verdict, Vnd,
};
use uuid::Uuid;

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
    let order = Order {
        amount,
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        expires_in_s: 900,
    };
    let limits = AmountLimits {
        min: amount,
        max: amount,
    };
    let tiki_id = "T-1".parse().unwrap();
    let grace = Duration::from_mins(1);
    let created = Transaction::create(&tiki_id, order, limits, grace, at(0));
    created.unwrap().assume_committed()
}

fn paid() -> Transaction {
    let message = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(PaidDetails::default()),
    };
    let change = pending()
        .record_payment_result(&message, at(10))
        .unwrap()
        .unwrap();
    change.assume_committed()
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
        PaymentAnswer::Unknown,
    ];
    let payments = payments.map(|answer| answer.as_str());
    assert_eq!(
        payments,
        ["paid", "failed", "not_paid", "pending", "unknown"]
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
    let paid = paid();
    let due = paid.ipn_due_at().unwrap();
    assert!(paid.lease_ipn(early(due)).is_none());
    assert!(paid.lease_ipn(due).is_some());

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
    let (lease, change) = paid().lease_ipn(at(20)).unwrap();
    let leased = change.assume_committed();
    let reason = DisputeReason::NotOfThisPartner;
    let disputed = leased
        .record_ipn(lease, notified(Decision::Dispute(reason)), at(21))
        .unwrap();
    let disputed = disputed.assume_committed();
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
    let tikis = refused(paid().to_snapshot(), 1, 0, &Origin::Reversal);
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
    let review = Some((ReviewReason::PaidAmountDiffers, at(961)));
    let differs = said(&leased, &paid(99_999), at(961));
    assert_eq!(differs.needs_review(), review);
    let leased = differs
        .lease_expiry_check(at(3_000))
        .unwrap()
        .assume_committed();
    assert_eq!(leased.needs_review(), review);
    for answer in [paid(99_998), PaymentAnswer::Pending, PaymentAnswer::Unknown] {
        assert_eq!(
            said(&leased, &answer, at(3_001)).needs_review(),
            review,
            "{answer:?}"
        );
    }
    for answer in [
        paid(100_000),
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
    for unnamed in [paid(), restored(late())] {
        assert_eq!(
            unnamed.record_payment_result(&message(None), at(50)),
            Ok(None)
        );
        let change = unnamed
            .record_payment_result(&message(Some("D1")), at(50))
            .unwrap()
            .unwrap();
        assert_eq!(
            (change.due_marks(), change.alarm()),
            (DueMarks::default(), None)
        );
        let named = change.assume_committed();
        assert_eq!(named.payment().clone(), {
            let mut expected = unnamed.payment().clone();
            match &mut expected {
                PaymentState::Paid { payment: p, .. } => p.core_reference = "D1".parse().ok(),
                PaymentState::Failed { failure: f, .. } => {
                    f.late_payment.as_mut().unwrap().core_reference = "D1".parse().ok();
                }
                PaymentState::Pending { .. } => unreachable!("it is paid"),
            }
            expected
        });
        for again in [None, Some("D1")] {
            assert_eq!(
                named.record_payment_result(&message(again), at(60)),
                Ok(None)
            );
        }
        let second = named.record_payment_result(&message(Some("D2")), at(60));
        assert_eq!(second, Err(Refusal::ResultDiffers));
    }
}

#[test]
fn a_transaction_of_nothing_is_none() {
    let mut nothing = pending().to_snapshot();
    nothing.order.amount = Vnd::ZERO;
    assert!(Transaction::restore(nothing).is_err());
}

#[test]
fn there_is_room_for_tikis_hundred_refunds_and_all_of_ours() {
    let with = |tikis, ours| {
        Transaction::restore(refused(
            paid().to_snapshot(),
            tikis,
            ours,
            &Origin::Reversal,
        ))
    };
    // A reversal for each that is refused, a late payment's, the first, and one for each act of a person.
    let ours = 100 + 2 + MAX_OPERATOR_ACTS;
    assert!(with(100, ours).is_ok());
    assert!(with(101, 0).is_err());
    assert!(with(100, ours + 1).is_err());
    assert!(with(0, 100 + ours + 1).is_err());
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
    let reversed = refused(paid().to_snapshot(), 1, 2, &Origin::Reversal);
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
    check(Status::ALL.iter().copied(), Status::as_str);
    assert!("refused".parse::<IpnAnswer>().is_err());
    assert!("found".parse::<LookUpAnswer>().is_err());
    let names: BTreeSet<_> = ReviewReason::all().map(ReviewReason::as_str).collect();
    assert_eq!(names.len(), 7);
}
