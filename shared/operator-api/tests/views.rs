//! What a person reads of a transaction is true, and a program reads the same in fields.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use domain::testing::{AssumeCommitted, lease_now, plain_payment};
use domain::{
    ApprovalRule, AttemptHttp, Decision, HeardOutcome, HttpOutcome, IpnAnswer, IpnRefusal,
    LookUpAnswer, NotificationOutcome, OperatorWord, PaidDetails, PaymentResult,
    PaymentResultMessage, RefundAnswer, ReversalReason, Timestamp, Transaction, Vnd,
};
use operator_api::transaction::TransactionView;

const RULE: ApprovalRule = ApprovalRule {
    above: Vnd::ZERO,
    one_person: false,
};

fn paid() -> Transaction {
    let now = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let amount = Vnd::new(100_000).unwrap();
    let created = plain_payment(&"T-1".parse().unwrap(), amount, Duration::from_mins(1), now);
    let pending = created.unwrap().assume_committed();
    let message = PaymentResultMessage {
        amount: Some(amount),
        result: PaymentResult::Paid(PaidDetails {
            core_reference: Some("FT-42".parse().unwrap()),
            ..PaidDetails::default()
        }),
    };
    let recorded = pending.record_payment_result(&message, now);
    recorded.change.unwrap().assume_committed()
}

fn tried(
    t: &Transaction,
    (answer, known, decision): (IpnAnswer, Option<LookUpAnswer>, Decision),
    http: HttpOutcome,
) -> Transaction {
    let now = t.ipn_due_at().unwrap();
    let (lease, leased) = lease_now(t, Duration::from_mins(2), now).unwrap();
    let heard = HeardOutcome {
        outcome: NotificationOutcome {
            answer,
            known,
            decision,
        },
        http: AttemptHttp {
            ipn: Some(http),
            look_up: None,
        },
    };
    leased
        .record_ipn(lease, heard, now)
        .unwrap()
        .assume_committed()
}

fn failed(t: &Transaction, http: HttpOutcome) -> Transaction {
    tried(t, (IpnAnswer::Unclear, None, Decision::Retry), http)
}

fn exhausted() -> Transaction {
    let mut t = paid();
    while t.ipn_due_at().is_some() {
        t = failed(&t, HttpOutcome::Status(503));
    }
    t
}

fn resent(t: &Transaction) -> Transaction {
    let word = OperatorWord {
        by: "tikivip-operator/lan".parse().unwrap(),
        reason: "ticket 4711".parse().unwrap(),
    };
    t.resend_ipn(&word, t.updated_at())
        .unwrap()
        .assume_committed()
}

fn view(t: &Transaction) -> TransactionView {
    TransactionView::of(t, RULE, t.updated_at())
}

#[test]
fn the_trail_tells_how_each_answer_came() {
    for (http, says, field) in [
        (HttpOutcome::Status(503), "unclear (HTTP 503)", "503"),
        (HttpOutcome::Status(200), "unclear →", "200"),
        (
            HttpOutcome::TimedOut,
            "unclear (no answer in time)",
            "timeout",
        ),
        (
            HttpOutcome::NoConnection,
            "unclear (no connection)",
            "no_connection",
        ),
        (
            HttpOutcome::BrokenOff,
            "unclear (the answer broke off)",
            "broken_off",
        ),
        (HttpOutcome::NotSent, "unclear (not sent", "not_sent"),
    ] {
        assert_eq!(http.to_string().parse(), Ok(http));
        let view = view(&failed(&paid(), http));
        let entry = view.trail.last().unwrap();
        assert!(entry.what.contains(says), "{}", entry.what);
        assert_eq!(entry.fields.http.as_deref(), Some(field));
        assert_eq!(entry.fields.decision.as_deref(), Some("again"));
    }
    assert!("timeouts".parse::<HttpOutcome>().is_err());
}

#[test]
fn attempts_are_counted_in_all() {
    let given_up = exhausted();
    let seen = view(&given_up);
    assert_eq!(seen.ipn.text(), "exhausted: all attempts failed (10)");
    let queued = resent(&given_up);
    let seen = view(&queued);
    assert_eq!((seen.ipn.state.as_str(), seen.ipn.attempts), ("queued", 10));
    assert!(
        seen.ipn.text().ends_with("failed attempts before: 10"),
        "{}",
        seen.ipn.text()
    );
    assert!(seen.ipn.resent_at.is_some());
    let said = &seen.trail.last().unwrap().what;
    assert_eq!(said, "queued the notification again: ticket 4711");
    let again = view(&failed(&queued, HttpOutcome::TimedOut));
    let text = again.ipn.text();
    assert!(
        text.starts_with("failed attempts: 11, 1 of them since it was queued again"),
        "{text}"
    );
}

#[test]
fn what_tiki_refused_is_not_called_confirmed() {
    let gone = (
        IpnAnswer::Refused(IpnRefusal::NotFound),
        Some(LookUpAnswer::NotFound),
        Decision::Reverse(ReversalReason::NotFoundAtTiki),
    );
    let reversing = tried(&paid(), gone, HttpOutcome::Status(200));
    let id = reversing.refunds().last().unwrap().id;
    let now = reversing.updated_at();
    let back = reversing.record_refund_outcome(id, &RefundAnswer::Succeeded, now);
    let back = back.unwrap().assume_committed();
    for (answer, state, says) in [
        (
            IpnAnswer::Refused(IpnRefusal::NotFound),
            "not_accepted",
            "not accepted by Tiki (not_found)",
        ),
        (IpnAnswer::Accepted, "confirmed", "confirmed"),
    ] {
        let outcome = (answer, Some(LookUpAnswer::NotFound), Decision::Confirm);
        let view = view(&tried(&back, outcome, HttpOutcome::Status(200)));
        assert_eq!(view.ipn.state, state);
        assert!(view.ipn.text().starts_with(says), "{}", view.ipn.text());
        assert_eq!(view.payment.state, "reversed");
        assert_eq!(view.next_step, None, "nothing is open");
    }
}

#[test]
fn only_what_can_be_done_now_is_offered() {
    let seen = view(&exhausted());
    assert_eq!(seen.payment.core_reference.as_deref(), Some("FT-42"));
    let offered: Vec<String> = seen
        .choices
        .iter()
        .map(operator_api::next::Choice::typed)
        .collect();
    assert_eq!(
        offered,
        ["confirmed", "reverse", "returned --amount 100000"]
    );
    assert!(seen.choices.iter().all(|choice| choice.needs_approval));
    assert!(seen.may_resend && !seen.resend_needs_approval);
    let confirmed = tried(
        &paid(),
        (IpnAnswer::Accepted, None, Decision::Confirm),
        HttpOutcome::Status(200),
    );
    let seen = view(&confirmed);
    assert!(!seen.may_resend && seen.choices.is_empty() && seen.next_step.is_none());
}
