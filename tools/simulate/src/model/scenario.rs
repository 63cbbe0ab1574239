//! The small configurations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::testing::AssumeCommitted;
use domain::{
    AmountLimits, Decision, DisputeReason, LookUpAnswer, Order, PaidDetails, PaymentResult,
    PaymentResultMessage, RefundCommand, Resolution, Timestamp, Transaction, Vnd,
};

use super::actor::{CONFIRM_AFTER, Doing, LAN, MINH, NOW, outcome};
use super::{State, due_at_once};

/// A configuration and its actors.
pub struct Scenario {
    pub name: &'static str,
    /// Whether it takes seconds, not minutes.
    pub quick: bool,
    pub(super) start: State,
}

/// The amount of each payment, in VND.
const AMOUNT: u64 = 100;

/// How many actors may die in a scenario.
const DEATHS: u8 = 2;

/// All scenarios. The numbers say how many of each actor may start, and how many may run at the same time.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a row for each configuration")]
pub fn scenarios() -> Vec<Scenario> {
    let pending = pending();
    let paid = write(
        &pending,
        pending.record_payment_result(&report_paid(), NOW).change,
    );
    let disputed = disputed(&paid);
    let not_found = not_found(&paid);
    let declined = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Declined { reason: None },
    };
    let failed = write(
        &pending,
        pending.record_payment_result(&declined, NOW).change,
    );
    vec![
        Scenario {
            name: "two refunds that exceed the payment, one repeated, and two workers",
            quick: true,
            start: state(
                &paid,
                true,
                vec![
                    (Doing::Reserve(refund("A", 60)), 2),
                    (Doing::Reserve(refund("B", 50)), 1),
                    (Doing::Work, 2),
                ],
            ),
        },
        Scenario {
            name: "two refunds, a reversal, and a worker",
            quick: false,
            start: state(
                &not_found,
                true,
                vec![
                    (Doing::Reserve(refund("A", 60)), 1),
                    (Doing::Reserve(refund("B", 40)), 1),
                    (Doing::LeaseIpn, 1),
                    (Doing::Work, 1),
                ],
            ),
        },
        Scenario {
            name: "a late payment with two results, a refund, and two workers",
            quick: true,
            start: state(
                &failed,
                true,
                vec![
                    (Doing::SendResult(report_paid()), 2),
                    (Doing::Reserve(refund("A", 60)), 1),
                    (Doing::Work, 2),
                ],
            ),
        },
        Scenario {
            name: "paid at expiry: a result, two questions, a refund and a worker",
            quick: true,
            start: state(
                &pending,
                false,
                vec![
                    (Doing::Pay, 1),
                    (Doing::SendResult(report_paid()), 1),
                    (Doing::LeaseExpiry, 2),
                    (Doing::Reserve(refund("A", 60)), 1),
                    (Doing::Work, 1),
                ],
            ),
        },
        Scenario {
            name: "a dispute, two operators who resolve it, one of them twice, a refund and a worker",
            quick: true,
            start: state(
                &disputed,
                true,
                vec![
                    (Doing::Resolve(Resolution::Reverse), 2),
                    (Doing::Resolve(Resolution::Confirmed), 1),
                    (Doing::Reserve(refund("A", 60)), 1),
                    (Doing::Work, 1),
                ],
            ),
        },
        Scenario {
            name: "a dispute, two operators who propose, each of them reads and answers, and a refund",
            quick: true,
            start: State {
                two_persons: true,
                ..state(
                    &disputed,
                    true,
                    vec![
                        (Doing::Propose(Resolution::Reverse, LAN), 1),
                        (Doing::Propose(Resolution::Confirmed, MINH), 1),
                        (Doing::ReadProposal(LAN), 1),
                        (Doing::ReadProposal(MINH), 1),
                        (Doing::Expire, 1),
                        (Doing::Reserve(refund("A", 60)), 1),
                    ],
                )
            },
        },
        Scenario {
            name: "an IPN, an operator who resends it and one who reverses, a refund and a worker",
            quick: false,
            start: state(
                &paid,
                true,
                vec![
                    (Doing::LeaseIpn, 2),
                    (Doing::Resend, 1),
                    (Doing::Resolve(Resolution::Reverse), 1),
                    (Doing::Reserve(refund("A", 60)), 1),
                    (Doing::Work, 1),
                ],
            ),
        },
        Scenario {
            name: "not found for the second time: two IPNs at once, and a refund",
            quick: true,
            start: state(
                &not_found,
                true,
                vec![(Doing::LeaseIpn, 2), (Doing::Reserve(refund("A", 60)), 1)],
            ),
        },
        Scenario {
            name: "the core contradicts itself twice, an operator, a refund and a worker",
            quick: true,
            start: state(
                &paid,
                true,
                vec![
                    (Doing::SendResult(declined.clone()), 1),
                    (Doing::SendResult(report_other_amount()), 1),
                    (Doing::Resolve(Resolution::Handled), 1),
                    (Doing::Reserve(refund("A", 60)), 1),
                    (Doing::Work, 1),
                ],
            ),
        },
        Scenario {
            name: "never paid: two questions at expiry, and an IPN of failure",
            quick: true,
            start: state(
                &pending,
                false,
                vec![
                    (Doing::LeaseExpiry, 2),
                    (Doing::LeaseIpn, 2),
                    (Doing::Reserve(refund("A", 60)), 1),
                ],
            ),
        },
    ]
}

fn state(row: &Transaction, paid: bool, to_come: Vec<(Doing, u8)>) -> State {
    let (to_come, left): (Vec<Doing>, Vec<u8>) = to_come.into_iter().unzip();
    State {
        row: Arc::new(due_at_once(row)),
        core: BTreeMap::new(),
        paid,
        said_not_paid: false,
        denials: u8::from(row.payment().not_found_at().is_some()),
        reversed: false,
        two_persons: false,
        actors: Vec::new(),
        adrift: None,
        to_come: to_come.into(),
        left,
        deaths: DEATHS,
    }
}

/// A paid transaction that Tiki did not have at the first look.
fn not_found(paid: &Transaction) -> Transaction {
    let (lease, taken_up) = paid
        .lease_ipn(CONFIRM_AFTER, Timestamp::MAX)
        .expect("it is due");
    let again = outcome(Decision::LookAgain, Some(LookUpAnswer::NotFound));
    let taken_up = write(paid, Some(taken_up));
    write(&taken_up, taken_up.record_ipn(lease, again, NOW))
}

/// A paid transaction for which Tiki has another amount.
fn disputed(paid: &Transaction) -> Transaction {
    let (lease, taken_up) = paid
        .lease_ipn(CONFIRM_AFTER, Timestamp::MAX)
        .expect("it is due");
    let reason = Decision::Dispute(DisputeReason::AmountDiffers);
    let taken_up = write(paid, Some(taken_up));
    write(
        &taken_up,
        taken_up.record_ipn(lease, outcome(reason, None), NOW),
    )
}

fn pending() -> Transaction {
    let amount = Vnd::new(AMOUNT).expect("an amount");
    let order = Order {
        amount,
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        expires_in_s: 300,
    };
    let limits = AmountLimits {
        min: amount,
        max: amount,
    };
    let tiki_id = "MODEL".parse().expect("an id");
    let created = Transaction::create(&tiki_id, order, limits, Duration::ZERO, NOW);
    created.expect("within the limits").assume_committed()
}

fn write(before: &Transaction, change: Option<domain::Change>) -> Transaction {
    change.map_or_else(|| before.clone(), domain::Change::assume_committed)
}

fn report_paid() -> PaymentResultMessage {
    PaymentResultMessage {
        amount: Some(Vnd::new(AMOUNT).expect("an amount")),
        result: PaymentResult::Paid(PaidDetails::default()),
    }
}

fn report_other_amount() -> PaymentResultMessage {
    PaymentResultMessage {
        amount: Some(Vnd::new(AMOUNT - 10).expect("an amount")),
        ..report_paid()
    }
}

fn refund(request_id: &str, amount: u64) -> RefundCommand {
    RefundCommand {
        request_id: request_id.parse().expect("an id"),
        amount: Vnd::new(amount).expect("an amount"),
        reason: "modelled".parse().expect("a reason"),
    }
}
