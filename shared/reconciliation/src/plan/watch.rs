//! What went back is watched: for a month after the money of a payment was given back unasked, Tiki is asked once a day
//! whether it keeps an order for it. Status and amount in a file do not say that.

use domain::Day;

use crate::record::Watched;

/// The days for which a payment is watched, the day of the decision included.
pub const WATCHED_DAYS: usize = 30;

/// What is still to do about the payments that were given back on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The day on which it was decided to give them back.
    pub day: Day,
    /// The first shard that was not looked at today.
    pub from_shard: u8,
}

/// The days that are watched on `today`, the latest first: what went back yesterday is what Tiki most likely still
/// delivers. The day itself is not among them, because not all of it has happened yet.
#[must_use]
pub fn days(today: Day) -> Vec<Day> {
    let mut days = Vec::new();
    let mut day = today.previous();
    while days.len() < WATCHED_DAYS {
        days.push(day);
        let earlier = day.previous();
        if earlier == day {
            break;
        }
        day = earlier;
    }
    days
}

/// What is still to do about a day today, of so many shards; `None` if all are done.
#[must_use]
pub fn next(day: Day, known: Option<&Watched>, today: Day, shards: u8) -> Option<Watch> {
    let from_shard = match known {
        Some(known) if known.on == today => known.shards,
        _ => 0,
    };
    (from_shard < shards).then_some(Watch { day, from_shard })
}
