//! Which payments are watched after their money went back, and how far.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use domain::Day;
use reconciliation::plan::watch::{WATCHED_DAYS, Watch, days, next};
use reconciliation::record::Watched;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn the_last_month_is_watched_without_today() {
    let today = day("2026-11-22");
    let watched = days(today);
    assert_eq!(watched.len(), WATCHED_DAYS);
    assert_eq!(watched.first(), Some(&day("2026-11-21")));
    assert_eq!(watched.last(), Some(&day("2026-10-23")));
    assert!(watched.windows(2).all(|two| two.first() > two.last()));
    // At the beginning of the calendar it ends.
    assert_eq!(days(day("1970-01-02")), [day("1970-01-01")]);
}

#[test]
fn each_shard_is_looked_at_once_a_day() {
    let (back, today) = (day("2026-11-20"), day("2026-11-22"));
    let known = |on, shards| Watched {
        day: back,
        on,
        shards,
    };
    let from = |from_shard| {
        Some(Watch {
            day: back,
            from_shard,
        })
    };
    for (known, due) in [
        (None, from(0)),
        (Some(known(today, 0)), from(0)),
        (Some(known(today, 7)), from(7)),
        (Some(known(today, 16)), None),
        (Some(known(today.previous(), 16)), from(0)),
        (Some(known(today.previous(), 3)), from(0)),
    ] {
        assert_eq!(next(back, known.as_ref(), today, 16), due, "{known:?}");
    }
}
