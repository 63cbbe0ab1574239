//! What a look-up at Tiki means: in every state, and for every answer, each sentence is true.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use domain::testing::{
    AssumeCommitted, answered, given_up, pending_payment, said, tried, with_refund,
};
use domain::{
    Decision, DisputeReason, Ipn, LookUpAnswer, OperatorWord, PaidDetails, PaymentResult,
    PaymentState, RefundAnswer, Resolution, ReversalReason, Status, Timestamp, Transaction, Vnd,
};
use operator_api::look_up::LookUpView;

fn vnd(amount: u64) -> Vnd {
    Vnd::new(amount).unwrap()
}

fn word() -> OperatorWord {
    OperatorWord {
        by: "operators/lan".parse().unwrap(),
        reason: "ticket 4711".parse().unwrap(),
    }
}

fn pending() -> Transaction {
    pending_payment(Timestamp::from_unix_ms(1_800_000_000_000).unwrap())
}

fn said_paid(t: &Transaction, amount: u64) -> Transaction {
    said(t, PaymentResult::Paid(PaidDetails::default()), Some(amount))
}

fn refunded(t: &Transaction) -> Transaction {
    answered(&with_refund(t, 100_000), &RefundAnswer::Succeeded)
}

fn states() -> Vec<(&'static str, Transaction)> {
    let paid = said_paid(&pending(), 100_000);
    let confirmed = tried(&paid, Decision::Confirm);
    let disputed = tried(&paid, Decision::Dispute(DisputeReason::TooManyReversals));
    let exhausted = given_up(&paid);
    let reversing = tried(&paid, Decision::Reverse(ReversalReason::FailedAtTiki));
    let rejected = answered(&reversing, &RefundAnswer::Rejected { reason: None });
    let reversed = answered(&reversing, &RefundAnswer::Succeeded);
    let failed = said(&pending(), PaymentResult::Declined { reason: None }, None);
    let late = said_paid(&failed, 100_000);
    let by_hand = {
        let kept = Resolution::Returned {
            amount: vnd(100_000),
        };
        let change = disputed.resolve(kept, &word(), disputed.updated_at());
        change.unwrap().assume_committed()
    };
    vec![
        ("pending", pending()),
        ("other amount", said_paid(&pending(), 99_999)),
        ("paid", paid.clone()),
        ("contradicted", said_paid(&paid, 99_999)),
        ("retrying", tried(&paid, Decision::Retry)),
        ("confirmed", confirmed.clone()),
        ("refunded", refunded(&confirmed)),
        ("exhausted", exhausted),
        ("disputed", disputed),
        ("reversing", reversing),
        ("reversal rejected", rejected),
        ("reversed", reversed.clone()),
        ("reversed, contradicted", said_paid(&reversed, 99_999)),
        ("returned by hand", by_hand),
        ("failed", failed.clone()),
        ("failed, contradicted", said_paid(&failed, 99_999)),
        ("failed, abandoned", given_up(&failed)),
        ("failed, confirmed", tried(&failed, Decision::Confirm)),
        ("late", late.clone()),
        ("late, back", answered(&late, &RefundAnswer::Succeeded)),
    ]
}

fn answers() -> Vec<LookUpAnswer> {
    let mut all = vec![
        LookUpAnswer::NotFound,
        LookUpAnswer::Cancelled,
        LookUpAnswer::SystemError,
        LookUpAnswer::Unclear,
        LookUpAnswer::Unauthorized,
        LookUpAnswer::InvalidRequest,
        LookUpAnswer::NotOfThisPartner,
    ];
    for status in [Status::Pending, Status::Success, Status::Failure] {
        for amount in [None, Some(100_000), Some(99_999)] {
            all.push(LookUpAnswer::Found(status, amount.map(vnd)));
        }
    }
    all
}

#[test]
fn each_sentence_is_true_in_its_state() {
    for (name, t) in states() {
        for answer in answers() {
            let LookUpView { means, agrees, .. } = LookUpView::of(&t, answer);
            let case = format!("{name}, {answer:?}: {means}");
            let says = |words: &str| means.contains(words);
            let is_tried = matches!(t.ipn(), Ipn::Queued { .. } | Ipn::Retrying { .. });
            let is_kept = matches!(t.payment(), PaymentState::Paid { .. });
            let in_review = t.needs_review().is_some();

            assert!(!(agrees && in_review), "{case}");
            if says("sent by itself at") {
                assert!(is_tried, "{case}");
            }
            if says("resend-ipn") {
                assert!(t.resend_ipn(&word(), t.updated_at()).is_ok(), "{case}");
            }
            if says("the money is returned") {
                assert!(is_tried && is_kept && !in_review, "{case}");
                assert!(t.amount_at_stake() > Vnd::ZERO, "{case}");
            }
            if says("all the money back") {
                assert_eq!(t.amount_at_stake(), Vnd::ZERO, "{case}");
            }
            if says("not back at the customer") {
                assert!(t.amount_at_stake() > Vnd::ZERO && !is_kept, "{case}");
            } else if says("neither side") {
                assert_eq!(t.amount_at_stake(), Vnd::ZERO, "{case}");
            }
            if says("both sides agree: paid") {
                assert!(is_kept, "{case}");
            }
        }
    }
}

/// The state, Tiki's answer, whether all is well, and what it means.
const AT_NIGHT: &[(&str, &str, bool, &str)] = &[
    ("paid", "paid", true, "both sides agree: paid"),
    (
        "paid",
        "other",
        false,
        "Tiki's order is of 99.999 ₫, and ours of 100.000 ₫: ask Tiki",
    ),
    (
        "paid",
        "not found",
        false,
        "Tiki does not have the order: if it says so at the next attempts, too, the money is returned",
    ),
    (
        "contradicted",
        "not found",
        false,
        "Tiki does not have the order: the payment is kept here, and nothing is returned by itself. Needs review (paid_amount_differs:1): see `tikivip show`",
    ),
    (
        "exhausted",
        "waits",
        false,
        "Tiki still waits for the notification of the SUCCESS: it was given up: send it again with `tikivip resend-ipn`. Needs review (ipn_exhausted): see `tikivip show`",
    ),
    (
        "disputed",
        "not found",
        false,
        "Tiki does not have the order: the payment is kept here, and nothing is returned by itself. Needs review (too_many_reversals): see `tikivip show`",
    ),
    (
        "refunded",
        "not found",
        true,
        "Tiki does not have the order, and the customer has all the money back",
    ),
    (
        "reversing",
        "not found",
        true,
        "neither side has it as paid, and 100.000 ₫ are not back at the customer yet",
    ),
    ("failed", "not found", true, "neither side has it as paid"),
    (
        "failed, contradicted",
        "not found",
        false,
        "neither side has it as paid. Needs review (paid_amount_differs:1): see `tikivip show`",
    ),
    (
        "failed, confirmed",
        "paid",
        false,
        "Tiki has it as paid, and here it is a failure: ask Tiki to cancel the order",
    ),
    ("pending", "waits", true, "both sides wait for the customer"),
];

#[test]
fn the_question_that_is_asked_at_night_has_these_answers() {
    let states = states();
    for (name, answer, agrees, means) in AT_NIGHT {
        let (_, t) = states.iter().find(|(known, _)| known == name).unwrap();
        let answer = match *answer {
            "paid" => LookUpAnswer::Found(Status::Success, Some(vnd(100_000))),
            "other" => LookUpAnswer::Found(Status::Success, Some(vnd(99_999))),
            "waits" => LookUpAnswer::Found(Status::Pending, Some(vnd(100_000))),
            _ => LookUpAnswer::NotFound,
        };
        let view = LookUpView::of(t, answer);
        let found = (view.agrees, view.means.as_str());
        assert_eq!(found, (*agrees, *means), "{name}");
    }
}
