//! The triggers of the workers: the table's stream, at least once and in order for each item, and the schedule, about
//! once a minute.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::TransactionId;
use serde_json::{Value, json};
use store::{DueIndex, Item};

use crate::choices::Lane;
use crate::fault::Fault;
use crate::fleet::Function;
use crate::invocation::{Input, Output};
use crate::table::text;
use crate::template::StreamPlan;
use crate::world::{MAX_CLOCK_ERROR_MS, MINUTE, SECOND, World};

/// Number of stream shards. All records of a transaction are in the same shard.
const SHARDS: u8 = 3;

/// The streams of both workers, and their schedules.
#[derive(Default)]
pub(crate) struct Streams {
    shards: [[Shard; SHARDS as usize]; 2],
    next_sweep: [Option<i64>; 2],
}

#[derive(Default)]
struct Shard {
    records: VecDeque<Record>,
    busy: bool,
    /// The size of the next batch, if the one before failed as a whole and was split.
    part: Option<usize>,
}

#[derive(Clone)]
struct Record {
    number: String,
    lane: Lane,
    image: Arc<Item>,
    retried: u64,
    since: i64,
}

/// The two workers, and the indexes that each sweeps.
const WORKERS: [(&[DueIndex], Function); 2] = [
    (&[DueIndex::Ipn], Function::Ipn),
    (&[DueIndex::Refund, DueIndex::Expiry], Function::Core),
];

fn stream_of(worker: usize) -> &'static StreamPlan {
    let plan = WORKERS[worker].1.plan();
    plan.stream.as_ref().expect("a worker has a stream")
}

impl World {
    /// Adds a write to the stream of each worker whose filter it passes.
    pub(crate) fn streams_take(&mut self, id: TransactionId, item: &Arc<Item>) {
        let lane = self.lane_of(id);
        for worker in 0..WORKERS.len() {
            let (mark, value) = &stream_of(worker).mark;
            if text(item, mark).as_ref() != Some(value) {
                continue;
            }
            let shard = usize::from(id.shard(SHARDS));
            let number = self.unique().to_string();
            let since = self.now();
            self.streams.shards[worker][shard]
                .records
                .push_back(Record {
                    number,
                    lane,
                    image: Arc::clone(item),
                    retried: 0,
                    since,
                });
            let delay = if self.inject(lane, Fault::StreamLate) {
                self.choices.span(lane, SECOND, 20 * MINUTE)
            } else {
                150
            };
            self.after(delay, move |world| world.pump(worker, shard));
        }
    }

    /// Delivers the oldest records of a shard to its worker, one batch at a time.
    fn pump(&mut self, worker: usize, shard: usize) {
        let of = &mut self.streams.shards[worker][shard];
        if of.busy || of.records.is_empty() {
            return;
        }
        of.busy = true;
        let most = of.part.unwrap_or(stream_of(worker).batch);
        let batch: Vec<Record> = of.records.iter().take(most).cloned().collect();
        let lane = batch[0].lane;
        if self.inject(lane, Fault::StreamTwice) {
            let again = batch.clone();
            let later = self.choices.span(lane, 0, 10 * MINUTE);
            self.after(later, move |world| {
                world.invoke_worker(worker, again[0].lane, records(&again), |_, _| {});
            });
        }
        let event = records(&batch);
        let batch = batch.len();
        self.invoke_worker(worker, lane, event, move |world, output| {
            world.delivered(worker, shard, batch, output);
        });
    }

    /// Continues after the processed records. A failed record is delivered again, up to the limit.
    fn delivered(&mut self, worker: usize, shard: usize, batch: usize, output: Output) {
        let now = self.now();
        let of = &mut self.streams.shards[worker][shard];
        of.busy = false;
        let plan = stream_of(worker);
        let not_started = matches!(output, Output::NotStarted);
        let failed_whole = matches!(output, Output::Error | Output::Died);
        of.part = (failed_whole && plan.bisects && batch > 1).then_some(batch.div_ceil(2));
        let done = match output {
            Output::Batch(failed) => {
                let failed = |record: &Record| failed.contains(&record.number);
                of.records
                    .iter()
                    .take(batch)
                    .position(failed)
                    .unwrap_or(batch)
            }
            _ => 0,
        };
        of.records.drain(..done);
        if done < batch {
            let first = &mut of.records[0];
            // A batch that was not delivered is no try.
            first.retried += u64::from(!not_started);
            if first.retried > plan.retries || now - first.since > plan.record_age {
                of.records.pop_front();
                self.faults.note(Fault::StreamDrops);
            }
        }
        let pause = if done < batch { SECOND } else { 10 };
        self.after(pause, move |world| world.pump(worker, shard));
    }

    fn invoke_worker(
        &mut self,
        worker: usize,
        lane: Lane,
        event: Value,
        done: impl FnOnce(&mut World, Output) + Send + 'static,
    ) {
        let function = WORKERS[worker].1;
        self.invoke(
            function,
            lane,
            Input::Event(event),
            move |world, _, output| {
                done(world, output);
            },
        );
    }

    /// Plans the next sweep that can find something. A sweep that finds nothing changes nothing and is left out.
    pub(crate) fn plan_sweeps(&mut self) {
        for (worker, (indexes, _)) in WORKERS.into_iter().enumerate() {
            let Some(due) = self.first_due(indexes) else {
                continue;
            };
            // A machine whose clock is ahead finds obligations before they are due.
            let ahead = if self.faults.on() {
                MAX_CLOCK_ERROR_MS
            } else {
                0
            };
            let from = (due - ahead).max(self.now() + 1);
            let at = from.div_euclid(MINUTE) * MINUTE + MINUTE;
            if self.streams.next_sweep[worker].is_some_and(|planned| planned <= at) {
                continue;
            }
            self.streams.next_sweep[worker] = Some(at);
            self.after(at - self.now(), move |world| {
                if world.streams.next_sweep[worker] == Some(at) {
                    world.streams.next_sweep[worker] = None;
                    world.tick(worker);
                }
            });
        }
    }

    /// When the first obligation in these indexes is due.
    fn first_due(&self, indexes: &[DueIndex]) -> Option<i64> {
        let names = indexes.iter().map(|index| index.index().name);
        let firsts = names.filter_map(|name| self.rows.indexes.first(name));
        firsts.min()
    }

    fn tick(&mut self, worker: usize) {
        let lane = Lane::WORLD;
        let now = self.now();
        for event in &WORKERS[worker].1.plan().sweeps {
            if self.inject(lane, Fault::SweepSkipped) {
                continue;
            }
            let delay = if self.inject(lane, Fault::SweepLate) {
                self.choices.span(lane, SECOND, 50 * SECOND)
            } else {
                0
            };
            self.after(delay, move |world| world.sweep(worker, event, now));
            if self.inject(lane, Fault::SweepTwice) {
                let apart = self.choices.span(lane, 0, 5 * SECOND);
                self.after(delay + apart, move |world| world.sweep(worker, event, now));
            }
        }
        self.plan_sweeps();
    }

    /// Sweeps one group of shards. If too many run, Lambda tries again for a while, and then gives the event up.
    fn sweep(&mut self, worker: usize, event: &'static Value, since: i64) {
        let done = move |world: &mut Self, output| {
            if matches!(output, Output::NotStarted) {
                let row = WORKERS[worker].1.name();
                let later = world.choices.span(Lane::WORLD, SECOND, 20 * SECOND);
                let event_age = WORKERS[worker].1.plan().event_age;
                if world.now() + later - since <= event_age {
                    return world.after(later, move |world| world.sweep(worker, event, since));
                }
                world.coverage.count("concurrency", row, "sweep given up");
            }
            world.plan_sweeps();
        };
        self.invoke_worker(worker, Lane::WORLD, event.clone(), done);
    }
}

fn records(batch: &[Record]) -> Value {
    let records = batch.iter().map(|record| {
        let id = text(&record.image, "transaction_id");
        let keys = json!({"transaction_id": {"S": id}});
        let number = &record.number;
        json!({"dynamodb": {"SequenceNumber": number, "Keys": keys, "NewImage": &*record.image}})
    });
    json!({"Records": records.collect::<Vec<_>>()})
}
