//! The simulated world: virtual time, the event queue, and everything outside our code.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use domain::TransactionId;
use futures::channel::oneshot;
use lambda::config::ReversalPolicy;

use crate::audit::{Audit, Heard};
use crate::brake::Brake;
use crate::capacity::Capacity;
use crate::cells::crash_points;
use crate::choices::{Choices, Lane};
use crate::core::Core;
use crate::coverage::Coverage;
use crate::crowd::Size;
use crate::fault::{Fault, Faults};
use crate::files::Server;
use crate::fleet::{Fleet, Function};
use crate::history::History;
use crate::lifecycle::SimulatedPayment;
use crate::reconcile::Days;
use crate::records::Records;
use crate::secrets::Secrets;
use crate::streams::Streams;
use crate::table::Rows;
use crate::tiki::Tiki;

/// A second in milliseconds.
pub(crate) const SECOND: i64 = 1000;
/// A minute in milliseconds.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// An hour in milliseconds.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day in milliseconds.
pub(crate) const DAY: i64 = 24 * HOUR;

/// 2026-11-23T00:00:00+07:00, a midnight in Vietnam, in Unix milliseconds.
pub(crate) const MIDNIGHT: i64 = 1_795_366_800_000;

/// The possible start times of a run, after that midnight. Several let payments become final around the next
/// midnight.
const START_TIMES: [i64; 6] = [
    0,
    12 * HOUR,
    DAY - 40 * MINUTE,
    DAY - 10 * MINUTE,
    DAY - 5 * MINUTE,
    DAY - 2 * MINUTE,
];

/// How far apart two look-ups of a run must be before Tiki's "not found" is believed. The longest one is longer than
/// clocks can differ, so that something is left to check when they do.
const CONFIRM_AFTER: [Duration; 3] = [
    Duration::from_mins(2),
    Duration::from_mins(2),
    Duration::from_mins(30),
];

/// How many payments of a run may be reversed in an hour. Mostly the brake is never reached.
const MAX_REVERSALS_PER_HOUR: [u32; 8] = [1000, 1000, 1000, 1000, 1000, 3, 1, 0];

/// How often, in ten thousand, a function dies at the point that the run aims at, beside the rate of all points.
const AIMED: u64 = 2_500;

/// How far a clock can be wrong.
pub(crate) const MAX_CLOCK_ERROR_MS: i64 = 6 * MINUTE;

/// An event of the queue.
pub(crate) type Event = Box<dyn FnOnce(&mut World) + Send>;

/// Everything outside our code.
pub(crate) struct World {
    me: Weak<Mutex<World>>,
    began: i64,
    now: i64,
    /// When new work was last added.
    scheduled_at: i64,
    serial: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    pub(crate) choices: Choices,
    pub(crate) size: Size,
    pub(crate) faults: Faults,
    /// The point at which a function dies more often than elsewhere in this run: the function's name, and the point.
    aim: Option<(&'static str, &'static str)>,
    pub(crate) fleet: Fleet,
    pub(crate) rows: Rows,
    pub(crate) capacity: Capacity,
    pub(crate) streams: Streams,
    pub(crate) secrets: Secrets,
    pub(crate) sessions: HashMap<String, store::WebviewSession>,
    /// By the signature of the call: the answer, once there is one.
    pub(crate) webview_calls: HashMap<String, Option<store::WebviewReply>>,
    pub(crate) tiki: Tiki,
    pub(crate) core: Core,
    /// The settings of ipn-sender.
    pub(crate) reversals: ReversalPolicy,
    pub(crate) brake: Brake,
    pub(crate) days: Days,
    pub(crate) records: Records,
    /// The object store: bytes by key.
    pub(crate) bucket: BTreeMap<String, Vec<u8>>,
    pub(crate) server: Server,
    /// What each run of the reconciliation has heard from Tiki: by its instance and the payment.
    pub(crate) looked: HashMap<usize, HashMap<usize, Heard>>,
    pub(crate) payments: Vec<SimulatedPayment>,
    pub(crate) by_id: HashMap<TransactionId, usize>,
    pub(crate) audit: Audit,
    pub(crate) coverage: Coverage,
    pub(crate) history: History,
}

struct Entry {
    at: i64,
    serial: u64,
    event: Event,
}

impl World {
    /// A world at its beginning.
    pub(crate) fn new(mut choices: Choices, history: History) -> Arc<Mutex<Self>> {
        let points = crash_points();
        // The first choice is none of them.
        let aim = choices.index(Lane::WORLD, points.len() + 1).checked_sub(1);
        let aim = aim.map(|index| points[index]);
        let start = choices.one_of(Lane::WORLD, &START_TIMES);
        let about_a_day = aim.is_some_and(|(aimed, _)| aimed == Function::Reconcile.name());
        let began = MIDNIGHT
            + if about_a_day {
                DAY - 20 * MINUTE
            } else {
                start
            };
        let size = Size::draw(&mut choices);
        let faults = Faults::draw(&mut choices, &size);
        let fleet = Fleet::new(&mut choices);
        let server = Server::draw(&mut choices);
        let reversals = ReversalPolicy {
            confirm_after: choices.one_of(Lane::WORLD, &CONFIRM_AFTER),
            max_per_hour: choices.one_of(Lane::WORLD, &MAX_REVERSALS_PER_HOUR),
        };
        Arc::new_cyclic(|me| {
            Mutex::new(Self {
                me: Weak::clone(me),
                began,
                now: began,
                scheduled_at: began,
                serial: 0,
                queue: BinaryHeap::new(),
                choices,
                size,
                faults,
                aim,
                fleet,
                rows: Rows::default(),
                capacity: Capacity::default(),
                streams: Streams::default(),
                secrets: Secrets::new(),
                sessions: HashMap::new(),
                webview_calls: HashMap::new(),
                tiki: Tiki::default(),
                core: Core::default(),
                reversals,
                brake: Brake::default(),
                days: Days::default(),
                records: Records::default(),
                bucket: BTreeMap::new(),
                server,
                looked: HashMap::new(),
                payments: Vec::new(),
                by_id: HashMap::new(),
                audit: Audit::default(),
                coverage: Coverage::default(),
                history,
            })
        })
    }

    /// A reference to the world, for objects that our code holds.
    pub(crate) fn shared(&self) -> Arc<Mutex<Self>> {
        self.me
            .upgrade()
            .expect("the world exists while its objects do")
    }

    /// When the run began, in Unix milliseconds.
    pub(crate) fn began(&self) -> i64 {
        self.began
    }

    /// The true time, in Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Records that new work was added.
    pub(crate) fn schedule(&mut self) {
        self.scheduled_at = self.now;
    }

    /// The time since new work was added; zero while faults can happen.
    pub(crate) fn quiet_for(&self) -> i64 {
        if self.faults.on() {
            0
        } else {
            self.now - self.scheduled_at
        }
    }

    /// Adds an event that happens after this many milliseconds.
    pub(crate) fn after(&mut self, ms: i64, event: impl FnOnce(&mut Self) + Send + 'static) {
        self.serial += 1;
        self.queue.push(Reverse(Entry {
            at: self.now + ms.max(0),
            serial: self.serial,
            event: Box::new(event),
        }));
    }

    /// Takes the next event and sets the time to it.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let Reverse(entry) = self.queue.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }

    /// Whether the queue is empty.
    pub(crate) fn is_over(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether this fault happens now.
    pub(crate) fn inject(&mut self, lane: Lane, fault: Fault) -> bool {
        self.faults.inject(&mut self.choices, lane, fault)
    }

    /// A number that is unique within the run.
    pub(crate) fn unique(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Writes a line of a payment's history, if it is recorded.
    pub(crate) fn log(&mut self, lane: Lane, who: &str, what: impl FnOnce() -> String) {
        self.history.write(self.now - self.began, lane, who, what);
    }

    /// Starts an operation that a function waits for, unless the function dies just before.
    pub(crate) fn ask<T: Send + 'static>(
        &mut self,
        who: usize,
        lane: Lane,
        point: &'static str,
        begin: impl FnOnce(&mut Self, Waiting<T>),
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        if !self.crashes(who, lane, point, Fault::CrashBefore) {
            let waiting = Waiting {
                who,
                lane,
                point,
                sender,
            };
            begin(self, waiting);
        }
        receiver
    }

    /// Drops what holds the world itself, so that its memory is given back: what is still queued, and the instances.
    pub(crate) fn let_go(&mut self) {
        self.queue.clear();
        self.fleet.let_go();
    }

    /// Whether the run aims at a point of this function.
    pub(crate) fn aims_at(&self, function: Function) -> bool {
        self.aim.is_some_and(|(aimed, _)| aimed == function.name())
    }

    /// Whether a function dies because the run aims at this point. Some points are passed so seldom that the common rate
    /// would almost never meet them.
    fn is_hit(&mut self, who: usize, lane: Lane, point: &'static str, fault: Fault) -> bool {
        let aimed = self.aim == Some((self.fleet.function(who).name(), point));
        let hit = aimed && self.faults.on() && self.choices.happens(lane, AIMED);
        if hit {
            self.faults.note(fault);
        }
        hit
    }

    fn crashes(&mut self, who: usize, lane: Lane, point: &'static str, fault: Fault) -> bool {
        // A sweep reads sixteen shards and the queue of each reason for a review, and a day many pages. With the full rate
        // they would almost never finish.
        let often = match point {
            "due" | "needs_review" => 600,
            "read day" => 150,
            // A run has hundreds of these.
            "get record" | "list records" => 700,
            _ => 10_000,
        };
        let spared = often < 10_000 && !self.choices.happens(lane, often);
        let crashes = !spared && (self.inject(lane, fault) || self.is_hit(who, lane, point, fault));
        if crashes {
            let function = self.fleet.function(who);
            self.coverage
                .count("crash points", function.name(), (point, fault));
            self.log(lane, function.name(), || {
                format!("✗ {} ({point})", fault.as_str())
            });
            self.fleet.kill(who);
        }
        crashes
    }
}

/// A function that waits for an answer.
pub(crate) struct Waiting<T> {
    pub(crate) who: usize,
    pub(crate) lane: Lane,
    point: &'static str,
    sender: oneshot::Sender<T>,
}

impl<T: Send + 'static> Waiting<T> {
    /// Whether the function does not wait any more.
    pub(crate) fn gone(&self) -> bool {
        self.sender.is_canceled()
    }

    /// Gives the answer to the function, unless the function dies before.
    pub(crate) fn answer(self, world: &mut World, answer: T) {
        self.answer_and(world, answer, |_, _| {});
    }

    /// Gives the answer to the function. If the function takes it, `heard` is called with the function.
    pub(crate) fn answer_and(
        self,
        world: &mut World,
        answer: T,
        heard: impl FnOnce(&mut World, usize) + Send + 'static,
    ) {
        if self.gone() || world.crashes(self.who, self.lane, self.point, Fault::CrashAfter) {
            return;
        }
        let spared = matches!(
            self.point,
            "due" | "needs_review" | "read day" | "get record" | "list records"
        );
        let frozen = if !spared && world.inject(self.lane, Fault::Frozen) {
            world.fleet.disturbed(self.who);
            world.choices.span(self.lane, SECOND, 90 * SECOND)
        } else {
            0
        };
        world.after(frozen, move |world| {
            if self.sender.send(answer).is_ok() {
                heard(world, self.who);
            }
        });
    }
}

/// Waits for the answer. For a dead function it never returns.
pub(crate) async fn answered<T>(receiver: oneshot::Receiver<T>) -> T {
    match receiver.await {
        Ok(answer) => answer,
        Err(oneshot::Canceled) => futures::future::pending().await,
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}
