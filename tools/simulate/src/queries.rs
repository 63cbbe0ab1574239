//! Queries of an index: page by page, with the SDK's own repeats.

use domain::{Day, Timestamp};
use store::{DayPage, Index, Indexed, Item, TableError};

use crate::fault::Fault;
use crate::indexes::{Page, Query};
use crate::table::{ATTEMPT_TIMEOUT_MS, MAX_ATTEMPTS, failed, number};
use crate::world::{Waiting, World};

type DueAnswer = Result<Vec<Indexed>, TableError>;
type DayAnswer = Result<DayPage, TableError>;

/// The partition of a shard.
pub(crate) fn shard_key(shard: u8) -> String {
    assert!(shard < store::SHARDS, "the shard does not exist");
    format!("{shard:02}")
}

/// The partition of a shard of a day.
pub(crate) fn day_shard(day: Day, shard: u8) -> String {
    format!("{day}#{}", shard_key(shard))
}

/// Answers with the first entries of a partition.
pub(crate) fn oldest(
    world: &mut World,
    waiting: Waiting<DueAnswer>,
    query: Query,
    limit: u16,
    tried: u32,
) {
    let keys = query.keys;
    ask(world, waiting, query, limit, tried, move |page| {
        let entries = page.entries.iter().map(|item| indexed(item, keys));
        let entries: Option<Vec<Indexed>> = entries.collect();
        entries.ok_or_else(|| failed("Query"))
    });
}

/// Answers with a page. It can have fewer entries than requested, as in DynamoDB.
pub(crate) fn on_day(world: &mut World, waiting: Waiting<DayAnswer>, query: Query, limit: u16) {
    let most = world.choices.one_of(waiting.lane, &[limit, 1, 2, 5]);
    ask(world, waiting, query, most.min(limit), 1, |page| {
        Ok(DayPage {
            entries: page.entries,
            next: page.next,
        })
    });
}

fn ask<T: Send + 'static>(
    world: &mut World,
    waiting: Waiting<Result<T, TableError>>,
    query: Query,
    limit: u16,
    tried: u32,
    read: impl FnOnce(Page) -> Result<T, TableError> + Send + 'static,
) {
    let index = query.keys.name;
    let throttled = world.is_throttled(index);
    if throttled {
        world.coverage.count("throttled index", "a query", index);
    }
    let fails = throttled || world.inject(waiting.lane, Fault::ReadFails);
    if fails && tried < MAX_ATTEMPTS - 1 {
        let pause = if throttled { 50 } else { ATTEMPT_TIMEOUT_MS };
        return world.after(pause, move |world| {
            if !waiting.gone() {
                ask(world, waiting, query, limit, tried + 1, read);
            }
        });
    }
    world.after(5, move |world| {
        let answer = match world.rows.indexes.query(&query, limit.into()) {
            _ if fails => Err(failed("Query")),
            Ok(page) => read(page),
            Err(text) => {
                world.audit_query(text);
                Err(failed("Query"))
            }
        };
        waiting.answer(world, answer);
    });
}

/// An entry as the store reads it; `None` if an attribute is missing.
fn indexed(item: &Item, keys: Index) -> Option<Indexed> {
    let time = |name: &str| Timestamp::from_unix_ms(number(item, name)?).ok();
    Some(Indexed {
        id: crate::indexes::key_of(item),
        at: time(keys.sort_key)?,
        final_at: time("final_at"),
    })
}
