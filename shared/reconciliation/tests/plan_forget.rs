//! Which day's personal data are forgotten next, and what is tried again.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use domain::{Day, Timestamp, TransactionId};
use reconciliation::file::Sum;
use reconciliation::plan::forget::{MAX_LEFT_PAYMENTS, is_old_enough, is_reconciled};
use reconciliation::record::{DayMoney, DaySummary, Forgetting, Results, Statement};

const KEPT_FOR: Duration = Duration::from_hours(90 * 24);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn at(time: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{time}+07:00")).unwrap()
}

fn payment(number: u16) -> TransactionId {
    let [a, b] = number.to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&[a, b]);
    TransactionId::from_bytes(bytes)
}

fn summary() -> DaySummary {
    DaySummary {
        day: day("2026-11-22"),
        money: Some(DayMoney {
            success: Sum {
                count: 1,
                amount_vnd: 100_000,
            },
            ..DayMoney::default()
        }),
        delivered: true,
        results: Results::Read,
        statement: Statement::NotAsked,
        orders_without_money: 0,
        needs_review: 0,
        automatic: 0,
        differences_vnd: 0,
    }
}

#[test]
fn a_day_is_old_enough_so_long_after_its_last_payment() {
    let (day, last) = (day("2026-11-22"), at("2027-02-20T23:59:59"));
    assert!(!is_old_enough(day, KEPT_FOR, last));
    assert!(is_old_enough(day, KEPT_FOR, at("2027-02-21T00:00:00")));
}

#[test]
fn a_day_is_reconciled_when_nothing_of_it_is_open() {
    assert!(is_reconciled(&summary()));
    let not_asked = DaySummary {
        results: Results::NotAsked,
        ..summary()
    };
    assert!(is_reconciled(&not_asked), "there is no file server");
    let empty = DaySummary {
        money: Some(DayMoney::default()),
        results: Results::None,
        ..summary()
    };
    assert!(is_reconciled(&empty), "nothing was paid");
    let open = [
        DaySummary {
            money: None,
            ..summary()
        },
        DaySummary {
            delivered: false,
            ..summary()
        },
        DaySummary {
            results: Results::None,
            ..summary()
        },
        DaySummary {
            results: Results::Partly,
            ..summary()
        },
        DaySummary {
            results: Results::BeingRead,
            ..summary()
        },
        DaySummary {
            statement: Statement::Missing,
            ..summary()
        },
        DaySummary {
            orders_without_money: 1,
            ..summary()
        },
        DaySummary {
            needs_review: 1,
            ..summary()
        },
        DaySummary {
            automatic: 1,
            ..summary()
        },
    ];
    for summary in open {
        assert!(!is_reconciled(&summary), "{summary:?}");
    }
}

#[test]
fn days_are_taken_up_once_and_in_order() {
    let mut forgetting = Forgetting::from(day("2026-11-22"));
    let now = at("2027-02-22T12:00:00");
    let taken: Vec<Day> = std::iter::from_fn(|| forgetting.turn_to_next(KEPT_FOR, now)).collect();
    assert_eq!(taken, [day("2026-11-22"), day("2026-11-23")]);
    assert_eq!(forgetting.next, day("2026-11-24"));
    let mut last = Forgetting::from(day("9999-12-31"));
    assert_eq!(last.turn_to_next(Duration::ZERO, Timestamp::MAX), None);
}

#[test]
fn a_day_that_was_put_off_is_tried_again_until_it_is_swept() {
    let mut forgetting = Forgetting::from(day("2026-11-24"));
    for late in ["2026-11-23", "2026-11-22", "2026-11-23"] {
        forgetting.put_off(day(late));
    }
    let both = [day("2026-11-23"), day("2026-11-22")];
    assert_eq!(forgetting.to_try_again(), both);
    forgetting.sweep(day("2026-11-23"));
    assert_eq!(forgetting.day, Some(day("2026-11-23")));
    assert_eq!(forgetting.to_try_again(), both[1..]);
    // It was not done: the other one comes first in the next run.
    forgetting.put_off(day("2026-11-23"));
    let turned = [day("2026-11-22"), day("2026-11-23")];
    assert_eq!(forgetting.to_try_again(), turned);
}

#[test]
fn the_lateness_is_that_of_the_oldest_day() {
    let kept_for = Duration::from_hours(48);
    let first = day("2026-11-23");
    let due = first.end_exclusive().after(kept_for);
    let hour = |hours| due.after(Duration::from_hours(hours));
    let mut forgetting = Forgetting::from(first);
    assert_eq!(forgetting.lateness(kept_for, hour(0)), Duration::ZERO);
    let two = Duration::from_hours(2);
    assert_eq!(forgetting.lateness(kept_for, hour(2)), two, "its turn");
    forgetting.turn_to_next(kept_for, hour(2));
    assert_eq!(forgetting.lateness(kept_for, hour(2)), Duration::ZERO);
    forgetting.put_off(first);
    assert_eq!(forgetting.lateness(kept_for, hour(2)), two, "put off");
    forgetting.sweep(first);
    assert_eq!(forgetting.lateness(kept_for, hour(2)), two, "being swept");
    forgetting.shard_is_done(1);
    assert_eq!(forgetting.lateness(kept_for, hour(2)), Duration::ZERO);
}

#[test]
fn a_sweep_ends_after_its_last_shard() {
    let mut forgetting = Forgetting::from(day("2026-11-24"));
    forgetting.sweep(day("2026-11-23"));
    for done in 1..16 {
        forgetting.shard_is_done(16);
        assert_eq!(forgetting.shards, done);
        assert_eq!(forgetting.day, Some(day("2026-11-23")));
    }
    forgetting.shard_is_done(16);
    assert_eq!((forgetting.day, forgetting.shards), (None, 0));
}

#[test]
fn what_is_left_is_bounded_and_nothing_is_lost() {
    let swept = day("2026-11-22");
    let mut forgetting = Forgetting::from(day("2026-11-23"));
    forgetting.leave(swept, payment(0));
    forgetting.leave(swept, payment(0));
    assert_eq!(forgetting.payments, [payment(0)], "once");
    let most = u16::try_from(MAX_LEFT_PAYMENTS).unwrap();
    for number in 1..most {
        forgetting.leave(swept, payment(number));
    }
    assert_eq!(forgetting.payments.len(), MAX_LEFT_PAYMENTS);
    assert_eq!(forgetting.days, [], "there was room for each");
    forgetting.leave(swept, payment(most));
    assert_eq!(forgetting.payments.len(), MAX_LEFT_PAYMENTS);
    assert_eq!(forgetting.days, [swept], "the day is tried again");
    assert_eq!(
        forgetting.to_try_again(),
        [swept],
        "though there is no room"
    );
}
