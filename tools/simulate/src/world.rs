//! The simulated world: one virtual time, one queue of events, and everything that is not our code.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, Weak};

use domain::TransactionId;
use futures::channel::oneshot;

use crate::audit::Audit;
use crate::choices::{Choices, Lane};
use crate::core::Core;
use crate::coverage::Coverage;
use crate::fault::{Fault, Faults};
use crate::fleet::Fleet;
use crate::history::History;
use crate::lifecycle::Life;
use crate::reconcile::Days;
use crate::secrets::Secrets;
use crate::streams::Streams;
use crate::table::Rows;
use crate::tiki::Tiki;

/// A second, in the world's milliseconds.
pub(crate) const SECOND: i64 = 1000;
/// A minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// An hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// 2026-11-23T00:00:00+07:00: a midnight in Vietnam.
pub(crate) const MIDNIGHT: i64 = 1_795_366_800_000;

/// When a world may begin, after that midnight: often so that payments become final around the next one.
const BEGINNINGS: [i64; 6] = [
    0,
    12 * HOUR,
    DAY - 40 * MINUTE,
    DAY - 10 * MINUTE,
    DAY - 5 * MINUTE,
    DAY - 2 * MINUTE,
];

/// How far a clock can be ahead.
pub(crate) const AHEAD: i64 = 6 * MINUTE;

/// Something that happens at its time.
pub(crate) type Event = Box<dyn FnOnce(&mut World) + Send>;

/// Everything outside our code.
pub(crate) struct World {
    me: Weak<Mutex<World>>,
    began: i64,
    now: i64,
    /// When something was last put into the world that it has to settle.
    stirred_at: i64,
    serial: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    pub(crate) choices: Choices,
    pub(crate) faults: Faults,
    pub(crate) fleet: Fleet,
    pub(crate) rows: Rows,
    pub(crate) streams: Streams,
    pub(crate) secrets: Secrets,
    pub(crate) sessions: HashMap<String, store::WebviewSession>,
    pub(crate) tiki: Tiki,
    pub(crate) core: Core,
    pub(crate) days: Days,
    pub(crate) lives: Vec<Life>,
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
    /// A world in which nothing has happened yet.
    pub(crate) fn new(mut choices: Choices, history: History) -> Arc<Mutex<Self>> {
        let began = MIDNIGHT + choices.one_of(Lane::WORLD, &BEGINNINGS);
        let faults = Faults::draw(&mut choices);
        Arc::new_cyclic(|me| {
            Mutex::new(Self {
                me: Weak::clone(me),
                began,
                now: began,
                stirred_at: began,
                serial: 0,
                queue: BinaryHeap::new(),
                choices,
                faults,
                fleet: Fleet::default(),
                rows: Rows::default(),
                streams: Streams::default(),
                secrets: Secrets::new(),
                sessions: HashMap::new(),
                tiki: Tiki::default(),
                core: Core::default(),
                days: Days::default(),
                lives: Vec::new(),
                by_id: HashMap::new(),
                audit: Audit::default(),
                coverage: Coverage::default(),
                history,
            })
        })
    }

    /// The world, for something within it that our code will hold.
    pub(crate) fn shared(&self) -> Arc<Mutex<Self>> {
        self.me.upgrade().expect("the world outlives what is in it")
    }

    /// The true time, in Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Something was put into the world that it has to settle.
    pub(crate) fn schedule(&mut self) {
        self.stirred_at = self.now;
    }

    /// How long the world has been left to itself; not at all while anything can go wrong.
    pub(crate) fn quiet_for(&self) -> i64 {
        if self.faults.on() {
            0
        } else {
            self.now - self.stirred_at
        }
    }

    /// Has something happen after this many milliseconds.
    pub(crate) fn after(&mut self, ms: i64, event: impl FnOnce(&mut Self) + Send + 'static) {
        self.serial += 1;
        self.queue.push(Reverse(Entry {
            at: self.now + ms.max(0),
            serial: self.serial,
            event: Box::new(event),
        }));
    }

    /// The next event, whose time it becomes.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let Reverse(entry) = self.queue.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }

    /// Whether nothing is left to happen.
    pub(crate) fn is_over(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether this fault strikes now.
    pub(crate) fn inject(&mut self, lane: Lane, fault: Fault) -> bool {
        self.faults.inject(&mut self.choices, lane, fault)
    }

    /// A number that no other place of this run gets.
    pub(crate) fn unique(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Writes a line of a payment's history, if anybody wants to read it.
    pub(crate) fn tell(&mut self, lane: Lane, who: &str, what: impl FnOnce() -> String) {
        self.history.write(self.now - self.began, lane, who, what);
    }

    /// Begins something that a function waits for, unless the function dies just before.
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

    fn crashes(&mut self, who: usize, lane: Lane, point: &'static str, fault: Fault) -> bool {
        // A sweep asks sixteen shards, a day is read in many pages: both would hardly ever live through a storm.
        let often = match point {
            "due" => 600,
            "read day" => 150,
            _ => 10_000,
        };
        let spared = often < 10_000 && !self.choices.happens(lane, often);
        let crashes = !spared && self.inject(lane, fault);
        if crashes {
            let function = self.fleet.function(who);
            self.coverage
                .count("crash points", function.name(), (point, fault));
            self.tell(lane, function.name(), || {
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
    /// Whether nobody waits any more.
    pub(crate) fn gone(&self) -> bool {
        self.sender.is_canceled()
    }

    /// Hands the answer over, unless the function dies before it has seen it.
    pub(crate) fn answer(self, world: &mut World, answer: T) {
        self.answer_and(world, answer, |_, _| {});
    }

    /// Hands the answer over; then, if it was taken, `heard` knows who has it.
    pub(crate) fn answer_and(
        self,
        world: &mut World,
        answer: T,
        heard: impl FnOnce(&mut World, usize) + Send + 'static,
    ) {
        if self.gone() || world.crashes(self.who, self.lane, self.point, Fault::CrashAfter) {
            return;
        }
        let spared = matches!(self.point, "due" | "read day");
        let frozen = if !spared && world.inject(self.lane, Fault::Frozen) {
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

/// What a seam gives back: the answer, or nothing ever again to a function that is dead.
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
