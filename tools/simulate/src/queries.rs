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
pub(crate) fn oldest(world: &mut World, waiting: Waiting<DueAnswer>, query: Query, limit: u16) {
    next_page(world, waiting, query, limit.into(), Vec::new());
}

/// Reads on until there are enough entries, as the store does.
fn next_page(
    world: &mut World,
    waiting: Waiting<DueAnswer>,
    mut query: Query,
    limit: usize,
    mut entries: Vec<Indexed>,
) {
    let keys = query.keys;
    let left = limit - entries.len();
    let most = left.min(world.size.page);
    ask(
        world,
        waiting,
        query.clone(),
        most,
        1,
        move |world, waiting, page| {
            let page = match page {
                Ok(page) => page,
                Err(error) => return waiting.answer(world, Err(error)),
            };
            for item in &page.entries {
                let Some(entry) = indexed(item, keys) else {
                    return waiting.answer(world, Err(failed("Query")));
                };
                entries.push(entry);
            }
            if page.next.is_none() || entries.len() >= limit {
                return waiting.answer(world, Ok(entries));
            }
            if !waiting.gone() {
                world.coverage.count("pages", "a query", keys.name);
                query.after = page.next;
                next_page(world, waiting, query, limit, entries);
            }
        },
    );
}

/// Answers with a page. It can have fewer entries than requested, as in DynamoDB.
pub(crate) fn on_day(world: &mut World, waiting: Waiting<DayAnswer>, query: Query, limit: u16) {
    let most = usize::from(limit).min(world.size.page);
    ask(world, waiting, query, most, 1, |world, waiting, page| {
        let answer = page.map(|page| DayPage {
            entries: page.entries,
            next: page.next,
        });
        waiting.answer(world, answer);
    });
}

fn ask<T: Send + 'static>(
    world: &mut World,
    waiting: Waiting<Result<T, TableError>>,
    query: Query,
    limit: usize,
    tried: u32,
    read: impl FnOnce(&mut World, Waiting<Result<T, TableError>>, Result<Page, TableError>)
    + Send
    + 'static,
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
        let page = match world.rows.indexes.query(&query, limit) {
            _ if fails => Err(failed("Query")),
            Ok(page) => Ok(page),
            Err(text) => {
                world.audit_query(text);
                Err(failed("Query"))
            }
        };
        read(world, waiting, page);
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
