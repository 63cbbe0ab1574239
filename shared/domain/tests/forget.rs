//! What a create call said of a customer is forgotten once nobody needs it, and a repeat of the call is still known.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use domain::testing::{AssumeCommitted, lease_now};
use domain::{
    Actor, AmountLimits, AuditEvent, ContentHash, Decision, IpnAnswer, NotificationOutcome,
    OperatorWord, Order, PaymentResult, PaymentResultMessage, Refusal, StillNeeded, Timestamp,
    Transaction, TransactionId, Vnd,
};

/// A day after the end of the order, in seconds.
const LINK_ENDS: i64 = 900 + 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000).unwrap()
}

fn order() -> Order {
    Order {
        amount: Vnd::new(100_000).unwrap(),
        webview_request_id: "W-1".parse().ok(),
        identify_code: "KH-1".parse().ok(),
        order_code: "221115".parse().ok(),
        description: "A kettle".parse().ok(),
        expires_in_s: 900,
    }
}

fn pending(order: Order) -> Transaction {
    let limits = AmountLimits {
        min: Vnd::new(1).unwrap(),
        max: Vnd::new(1_000_000).unwrap(),
    };
    let id = "T-1".parse().unwrap();
    Transaction::create(&id, order, limits, Duration::from_mins(1), at(0))
        .unwrap()
        .assume_committed()
}

/// Paid, and confirmed by Tiki.
fn confirmed(order: Order) -> Transaction {
    let paid = PaymentResultMessage {
        amount: Some(order.amount),
        result: PaymentResult::Paid(domain::PaidDetails::default()),
    };
    let paid = pending(order).record_payment_result(&paid, at(10)).change;
    let paid = paid.unwrap().assume_committed();
    let (lease, leased) = lease_now(&paid, Duration::from_mins(2), at(10)).unwrap();
    let outcome = NotificationOutcome {
        answer: IpnAnswer::Accepted,
        known: None,
        decision: Decision::Confirm,
    };
    let confirmed = leased.record_ipn(lease, outcome, at(11)).unwrap();
    confirmed.assume_committed()
}

fn hash(key: char, content: char) -> ContentHash {
    let (key, content) = (key.to_string(), content.to_string());
    let text = format!("{}.{}", key.repeat(16), content.repeat(64));
    text.parse().unwrap()
}

fn forgotten() -> Transaction {
    let change = confirmed(order()).forget_personal(&hash('a', '1'), None, at(LINK_ENDS));
    change.unwrap().unwrap().assume_committed()
}

#[test]
fn what_is_personal_goes_and_the_rest_stays() {
    let before = confirmed(order());
    let after = forgotten();
    let left = after.order();
    assert_eq!(left.webview_request_id, None);
    assert_eq!(left.identify_code, None);
    assert_eq!(left.order_code, None);
    assert_eq!(left.description, None);
    assert_eq!(left.amount, before.order().amount);
    assert_eq!(left.expires_in_s, 900);
    assert_eq!(after.payment(), before.payment());
    assert_eq!(after.version(), before.version() + 1);
    assert_eq!(after.content_hash(), Some(&hash('a', '1')));
    assert!(after.is_forgotten() && !before.is_forgotten());
    assert!(!format!("{after:?}").contains("KH-1"));
}

#[test]
fn the_trail_says_who_had_it_forgotten() {
    let by_run = forgotten();
    let last = by_run.audit_trail().last().unwrap();
    assert_eq!(last.event, AuditEvent::PersonalDataForgotten(None));
    assert_eq!(last.event.actor(), Actor::Ours);
    let word = OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "the customer asked".parse().unwrap(),
    };
    let change = confirmed(order()).forget_personal(&hash('a', '1'), Some(&word), at(LINK_ENDS));
    let by_person = change.unwrap().unwrap().assume_committed();
    let last = by_person.audit_trail().last().unwrap();
    assert_eq!(last.event, AuditEvent::PersonalDataForgotten(Some(word)));
    assert_eq!(last.event.actor(), Actor::Operator);
}

/// The customer may be on the way back, and the webview is part of what is forgotten.
#[test]
fn no_person_forgets_it_while_the_link_works() {
    let word = OperatorWord {
        by: "lan".parse().unwrap(),
        reason: "the customer asked".parse().unwrap(),
    };
    let (confirmed, hash) = (confirmed(order()), hash('a', '1'));
    let early = confirmed.forget_personal(&hash, Some(&word), at(LINK_ENDS - 1));
    assert_eq!(early, Err(StillNeeded::LinkOpen));
}

#[test]
fn what_is_forgotten_is_not_forgotten_twice() {
    let again = forgotten().forget_personal(&hash('b', '2'), None, at(200));
    assert_eq!(again, Ok(None));
    let nothing_personal = confirmed(order_without_personal());
    let nothing = nothing_personal.forget_personal(&hash('a', '1'), None, at(99));
    assert_eq!(nothing, Ok(None));
    assert!(!nothing_personal.is_forgotten());
}

fn order_without_personal() -> Order {
    Order {
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        ..order()
    }
}

#[test]
fn a_payment_that_is_open_keeps_its_data() {
    let refused = pending(order()).forget_personal(&hash('a', '1'), None, at(99));
    assert_eq!(refused, Err(StillNeeded::NotFinal));
}

#[test]
fn a_repeat_is_known_by_its_hash() {
    let t = forgotten();
    let (same, other) = (hash('a', '1'), hash('a', '2'));
    assert_eq!(t.repeated_by(&order(), std::slice::from_ref(&same)), Ok(()));
    let refused = t.repeated_by(&order(), &[other]);
    assert_eq!(refused, Err(Refusal::IdReused), "other content");
    let more = Order {
        amount: Vnd::new(100_001).unwrap(),
        ..order()
    };
    let refused = t.repeated_by(&more, std::slice::from_ref(&same));
    assert_eq!(refused, Err(Refusal::IdReused), "another amount");
    let longer = Order {
        expires_in_s: 901,
        ..order()
    };
    let refused = t.repeated_by(&longer, &[same]);
    assert_eq!(refused, Err(Refusal::IdReused), "another time");
}

#[test]
fn a_replaced_key_leaves_the_amount_to_compare() {
    let t = forgotten();
    // The current key is new, and the previous one is that of the hash.
    let hashes = [hash('c', '7'), hash('a', '1')];
    assert_eq!(t.repeated_by(&order(), &hashes), Ok(()));
    let hashes = [hash('c', '7'), hash('a', '2')];
    assert_eq!(t.repeated_by(&order(), &hashes), Err(Refusal::IdReused));
    // Neither is.
    let hashes = [hash('c', '7'), hash('d', '8')];
    assert_eq!(t.repeated_by(&order(), &hashes), Ok(()));
    let more = Order {
        amount: Vnd::new(100_001).unwrap(),
        ..order()
    };
    assert_eq!(t.repeated_by(&more, &hashes), Err(Refusal::IdReused));
}

#[test]
fn a_hash_changes_nothing_of_what_is_not_forgotten() {
    let mut snapshot = confirmed(order()).to_snapshot();
    snapshot.content_hash = Some(hash('a', '1'));
    let t = Transaction::restore(snapshot).unwrap();
    assert_eq!(t.repeated_by(&order(), &[]), Ok(()));
    let other = Order {
        order_code: None,
        ..order()
    };
    let refused = t.repeated_by(&other, &[hash('a', '1')]);
    assert_eq!(refused, Err(Refusal::IdReused));
}

#[test]
fn no_two_contents_are_hashed_as_the_same_bytes() {
    let id = TransactionId::derive(&"T-1".parse().unwrap());
    let other_id = TransactionId::derive(&"T-2".parse().unwrap());
    let all = [
        order().personal_content(id),
        order().personal_content(other_id),
        order_without_personal().personal_content(id),
        Order {
            identify_code: "K".parse().ok(),
            order_code: "H-1221115".parse().ok(),
            ..order()
        }
        .personal_content(id),
        Order {
            identify_code: None,
            order_code: "KH-1".parse().ok(),
            ..order()
        }
        .personal_content(id),
        Order {
            identify_code: "KH-1".parse().ok(),
            order_code: None,
            ..order()
        }
        .personal_content(id),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn a_hash_is_a_key_id_and_a_hash() {
    let made = ContentHash::new([0x0a; 8], [0xf0; 32]).to_string();
    assert_eq!(made, format!("{}.{}", "0a".repeat(8), "f0".repeat(32)));
    let good = format!("{}.{}", "0".repeat(16), "f".repeat(64));
    assert_eq!(good.parse::<ContentHash>().unwrap().to_string(), good);
    for bad in [
        String::new(),
        "f".repeat(64),
        format!("{}.{}", "0".repeat(15), "f".repeat(64)),
        format!("{}.{}", "0".repeat(16), "f".repeat(63)),
        format!("{}.{}", "0".repeat(16), "F".repeat(64)),
        format!("{}.{}", "g".repeat(16), "f".repeat(64)),
    ] {
        assert!(bad.parse::<ContentHash>().is_err(), "{bad}");
    }
}
