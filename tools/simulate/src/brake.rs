//! The count of reversals in each hour, as the table promises it: one more, if fewer than the limit are counted. It is
//! not the store's code: here each hour has a count of its own.

use std::collections::BTreeMap;

use store::TableError;

use crate::fault::Fault;
use crate::table::{ATTEMPT_TIMEOUT_MS, MAX_ATTEMPTS, failed};
use crate::world::{Waiting, World};

/// How many payments were reversed in each hour, in the simulated table.
#[derive(Default)]
pub(crate) struct Brake {
    hours: BTreeMap<i64, u32>,
    /// How often each function has heard that the limit is reached, and not acted on it yet.
    refused: BTreeMap<usize, u32>,
    /// How many counts each function has taken and not used yet. A function may ask for several payments at once.
    granted: BTreeMap<usize, u32>,
}

impl Brake {
    /// Counts one reversal, if the limit allows it.
    fn count(&mut self, hour: i64, limit: u32) -> bool {
        let counted = self.hours.entry(hour).or_default();
        let fits = *counted < limit;
        *counted += u32::from(fits);
        fits
    }

    /// A function reverses a payment. Returns whether it may: a reversal was counted for it.
    pub(crate) fn uses(&mut self, who: usize) -> bool {
        take_one(&mut self.granted, who)
    }

    /// A function disputes a payment instead. Returns whether it must: it has heard that the limit is reached.
    pub(crate) fn stops(&mut self, who: usize) -> bool {
        take_one(&mut self.refused, who)
    }
}

fn take_one(of: &mut BTreeMap<usize, u32>, who: usize) -> bool {
    let left = of.entry(who).or_default();
    let had = *left > 0;
    *left = left.saturating_sub(1);
    had
}

type CountAnswer = Result<bool, TableError>;

/// Counts, with the SDK's own repeats: a count whose answer is lost is counted again.
pub(crate) fn count(
    world: &mut World,
    waiting: Waiting<CountAnswer>,
    (hour, limit): (i64, u32),
    until: i64,
    tried: u32,
) {
    let lane = waiting.lane;
    let throttled = world.inject(lane, Fault::Throttled);
    let never = throttled || world.inject(lane, Fault::WriteLost);
    let lost = !never && world.inject(lane, Fault::WriteAnswerLost);
    world.after(5, move |world| {
        let fits = !never && world.brake.count(hour, limit);
        if !never && !lost {
            let brake = &mut world.brake;
            let words = if fits {
                &mut brake.granted
            } else {
                &mut brake.refused
            };
            *words.entry(waiting.who).or_default() += 1;
            let column = if fits { "counted" } else { "over the limit" };
            world.coverage.count("the brake", "a reversal", column);
            return world.after(5, move |world| waiting.answer(world, Ok(fits)));
        }
        let pause = if throttled { 50 } else { ATTEMPT_TIMEOUT_MS };
        let left = (until - world.now()).max(0);
        world.after(pause.min(left), move |world| {
            if tried >= MAX_ATTEMPTS || world.now() >= until {
                world
                    .coverage
                    .count("the brake", "a reversal", "not in time");
                waiting.answer(world, Err(failed("UpdateItem")));
            } else if !waiting.gone() {
                count(world, waiting, (hour, limit), until, tried + 1);
            }
        });
    });
}
