//! When to try again: data, not code.

use std::time::Duration;

use crate::ids::TransactionId;
use crate::time::Timestamp;

const fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

const fn minutes(m: u64) -> Duration {
    Duration::from_mins(m)
}

const fn hours(h: u64) -> Duration {
    Duration::from_hours(h)
}

/// Something that is to be done at a time, and how often it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Not before this time.
    pub due_at: Timestamp,
    /// How many times it was begun.
    pub attempts: u32,
}

/// The tries of a notification: each is due this long after the one before has failed (protocol §3). Only the first
/// is sent at once, by the stream; a later one is sent by the first sweep after it is due.
const IPN: [Duration; 10] = [
    Duration::ZERO,
    seconds(5),
    seconds(30),
    minutes(1),
    minutes(5),
    minutes(30),
    hours(1),
    hours(6),
    hours(12),
    hours(24),
];

/// How many tries of an IPN may fail before it is exhausted.
pub const IPN_BUDGET: u32 = 10;

/// From this failure on, each failed try is followed by a look-up at Tiki (protocol §3).
pub const LOOK_UP_FROM_FAILURE: u32 = 3;

/// The delays between questions to the core about a refund. The last one repeats, because a refund must become
/// final one day.
const REFUND: [Duration; 6] = [
    seconds(5),
    seconds(15),
    minutes(1),
    minutes(5),
    minutes(15),
    hours(1),
];

/// The delays between questions to the core about an expired payment. The last one repeats.
const EXPIRY: [Duration; 4] = [seconds(30), minutes(1), minutes(5), minutes(15)];

/// How long a sender holds the lease of a notification: a notification and a look-up of 15 s each, and the writes
/// around them. If a sender dies, its notification waits this long for the next one.
pub const IPN_LEASE: Duration = seconds(40);

/// How long the stream may take to bring a newly queued notification to its sender. A sender that gets it within this
/// time holds the first lease without a write.
pub const IPN_DELIVERY: Duration = seconds(20);

/// How long a newly queued notification is left to the stream, before a sweep takes it up: a sender that got it in
/// time is done by then.
pub const IPN_HEAD_START: Duration = IPN_DELIVERY.saturating_add(IPN_LEASE);

/// How long a worker holds the lease of a question to the core: a question and a posting of 10 s each, and the
/// writes around them. A request of Tiki that asks the core itself, for at most 20 s, has the same time. It is longer
/// than the function or API Gateway may take, so a request is over before core-worker asks about its refund.
pub const CORE_LEASE: Duration = seconds(35);

/// When the next try of an IPN is due, or `None` if the budget is used up.
pub(crate) fn next_ipn(id: TransactionId, failures: u32, now: Timestamp) -> Option<Timestamp> {
    let delay = *IPN.get(usize::try_from(failures).ok()?)?;
    Some(now.after(jittered(delay, id, failures)))
}

/// When to ask the core again about a refund.
pub(crate) fn next_refund(id: TransactionId, attempts: u32, now: Timestamp) -> Timestamp {
    now.after(jittered(step(&REFUND, attempts), id, attempts))
}

/// When to ask the core again about an expired payment.
pub(crate) fn next_expiry(id: TransactionId, attempts: u32, now: Timestamp) -> Timestamp {
    now.after(jittered(step(&EXPIRY, attempts), id, attempts))
}

/// The delay after so many attempts, counted from one.
fn step(delays: &[Duration], attempts: u32) -> Duration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let last = delays.last().copied().unwrap_or_default();
    delays.get(index).copied().unwrap_or(last)
}

/// ±20 %, taken from the id: transactions spread out as with a random number, and nothing else needs one.
fn jittered(delay: Duration, id: TransactionId, attempt: u32) -> Duration {
    let bytes = id.to_bytes();
    let index = usize::try_from(attempt)
        .unwrap_or(0)
        .checked_rem(bytes.len());
    let byte = index.and_then(|i| bytes.get(i)).copied().unwrap_or(0);
    // 0..=255 becomes 80 % ..= 120 %.
    let percent = 80_u32.saturating_add(u32::from(byte).saturating_mul(40).div_euclid(255));
    delay
        .saturating_mul(percent)
        .checked_div(100)
        .unwrap_or(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(at: Timestamp) -> u64 {
        at.since(Timestamp::MIN).as_secs()
    }

    #[test]
    fn the_ipn_schedule_is_that_of_the_protocol_within_a_fifth() {
        let whole = [0, 5, 30, 60, 300, 1800, 3600, 21_600, 43_200, 86_400];
        for byte in [0, 1, 127, 128, 255] {
            let id = TransactionId::from_bytes([byte; 16]);
            for (failures, seconds) in (0..).zip(whole) {
                let due = delay(next_ipn(id, failures, Timestamp::MIN).unwrap());
                assert!(
                    due * 10 >= seconds * 8 && due * 10 <= seconds * 12,
                    "{failures}: {due}"
                );
            }
            assert_eq!(next_ipn(id, IPN_BUDGET, Timestamp::MIN), None);
            assert_eq!(next_ipn(id, u32::MAX, Timestamp::MIN), None);
        }
    }

    #[test]
    fn the_core_is_asked_for_ever_at_a_bounded_distance() {
        let id = TransactionId::from_bytes([128; 16]);
        assert_eq!(delay(next_refund(id, 0, Timestamp::MIN)), 5);
        assert_eq!(delay(next_refund(id, 1, Timestamp::MIN)), 5);
        for attempts in [6, 7, 1000, u32::MAX] {
            assert_eq!(delay(next_refund(id, attempts, Timestamp::MIN)), 3600);
            assert_eq!(delay(next_expiry(id, attempts, Timestamp::MIN)), 900);
        }
    }
}
