//! One run: a seed's world, from its first payment to some days after its last fault.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::audit::Violation;
use crate::choices::{Choices, Lane, Script};
use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::fleet::{Invocation, Output};
use crate::history::History;
use crate::world::{DAY, HOUR, MIDNIGHT, MINUTE, SECOND, World};

/// So long after the last fault, and after the last payment has begun, everything must have been settled:
/// refunds are asked for up to two days later, and the whole schedule of an IPN takes at most 53 hours.
const SETTLED_WITHIN: i64 = 6 * DAY;

/// So many steps are there for each payment while anything can go wrong; most lives are over by then.
const STEPS_A_PAYMENT: u64 = 200;

/// What a run is made from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A seed.
    Seed(u64),
    /// Choices that were written down.
    Script(Script),
}

/// What came of a run.
pub struct Outcome {
    /// What did not hold, if anything.
    pub violation: Option<Violation>,
    /// Everything that was chosen.
    pub script: Script,
    /// Payments that lived.
    pub payments: usize,
    /// Events that happened.
    pub steps: u64,
    /// Things that the auditor checked.
    pub checks: u64,
    /// How often each fault happened.
    pub faults: Vec<(Fault, u64)>,
    /// Which cells were reached.
    pub coverage: Coverage,
    /// What happened, if it was to be kept.
    pub history: History,
}

/// Lives a world through: faults for so many steps, and then peace.
///
/// # Panics
///
/// If the simulator itself is wrong; what is wrong in our code is a violation.
#[must_use]
pub fn run(source: Source, steps: u64, history: History) -> Outcome {
    let choices = match source {
        Source::Seed(seed) => Choices::of_seed(seed),
        Source::Script(script) => Choices::of_script(script),
    };
    let world = World::new(choices, history);
    let mut run = Run {
        world: Arc::clone(&world),
        tasks: HashMap::new(),
        woken: Arc::default(),
        steps: 0,
    };
    run.live(steps);
    drop(run.tasks);
    let mut world = world.lock().unwrap();
    Outcome {
        violation: world.audit.violation().cloned(),
        script: world.choices.script(),
        payments: world.lives.len(),
        steps: run.steps,
        checks: world.audit.checks(),
        faults: world.faults.counts().collect(),
        coverage: std::mem::take(&mut world.coverage),
        history: std::mem::take(&mut world.history),
    }
}

struct Run {
    world: Arc<Mutex<World>>,
    tasks: HashMap<usize, Task>,
    woken: Arc<Mutex<Vec<usize>>>,
    steps: u64,
}

struct Task {
    invocation: Invocation,
    waker: Waker,
}

struct TaskWaker {
    who: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().push(self.who);
    }
}

impl Run {
    fn live(&mut self, steps: u64) {
        {
            let mut world = self.world.lock().unwrap();
            let gaps = [SECOND, 20 * SECOND, 5 * MINUTE, HOUR];
            let gap = world.choices.one_of(Lane::WORLD, &gaps);
            let payments = usize::try_from(steps / STEPS_A_PAYMENT).unwrap_or(usize::MAX);
            arrivals(&mut world, gap, payments.max(1));
            weather(&mut world, gap);
        }
        loop {
            if self.steps == steps {
                make_peace(&mut self.world.lock().unwrap());
            }
            if !self.step() {
                break;
            }
            let world = self.world.lock().unwrap();
            if world.audit.violation().is_some() {
                return;
            }
            if world.quiet_for() > SETTLED_WITHIN {
                break;
            }
            drop(world);
        }
        self.finish();
    }

    /// Nothing is left to happen: each day is read a last time, and the auditor looks at everything.
    fn finish(&mut self) {
        {
            let mut world = self.world.lock().unwrap();
            if world.faults.on() {
                make_peace(&mut world);
            }
            world.read_all_days();
        }
        while !self.world.lock().unwrap().all_days_are_read() {
            assert!(self.step(), "a day is read until it is");
            if self.world.lock().unwrap().audit.violation().is_some() {
                return;
            }
        }
        self.world.lock().unwrap().audit_ending();
    }

    /// The next event, and whatever our code does on it.
    fn step(&mut self) -> bool {
        self.steps += 1;
        {
            let mut world = self.world.lock().unwrap();
            let Some(event) = world.next() else {
                return false;
            };
            event(&mut world);
        }
        loop {
            self.bury();
            self.bear();
            let woken = std::mem::take(&mut *self.woken.lock().unwrap());
            if woken.is_empty() && self.world.lock().unwrap().fleet.is_quiet() {
                return true;
            }
            for who in woken {
                self.poll(who);
            }
        }
    }

    fn bear(&mut self) {
        let born = std::mem::take(&mut self.world.lock().unwrap().fleet.born);
        for invocation in born {
            let who = invocation.who;
            let waker = Waker::from(Arc::new(TaskWaker {
                who,
                woken: Arc::clone(&self.woken),
            }));
            self.tasks.insert(who, Task { invocation, waker });
            self.poll(who);
        }
    }

    fn bury(&mut self) {
        let dead = std::mem::take(&mut self.world.lock().unwrap().fleet.dead);
        for who in dead {
            if let Some(task) = self.tasks.remove(&who) {
                drop(task.invocation.future);
                let mut world = self.world.lock().unwrap();
                (task.invocation.done)(&mut world, who, Output::Died);
            }
        }
    }

    fn poll(&mut self, who: usize) {
        let Some(task) = self.tasks.get_mut(&who) else {
            return;
        };
        let mut context = Context::from_waker(&task.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            task.invocation.future.as_mut().poll(&mut context)
        }));
        let output = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(output)) => output,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
                self.world.clear_poison();
                let mut world = self.world.lock().unwrap();
                world.audit_panic(0, &text.unwrap_or_default());
                Output::Died
            }
        };
        let Some(task) = self.tasks.remove(&who) else {
            return;
        };
        let mut world = self.world.lock().unwrap();
        // It may have died in the very moment in which it was done.
        let died = world.fleet.dead.contains(&who);
        world.fleet.dead.retain(|dead| *dead != who);
        if died {
            (task.invocation.done)(&mut world, who, Output::Died);
        } else {
            world.fleet.finished(who);
            (task.invocation.done)(&mut world, who, output);
        }
    }
}

/// So many payments come, one after the other.
fn arrivals(world: &mut World, gap: i64, payments: usize) {
    if world.lives.len() < payments {
        world.begin_a_life();
        world.schedule();
        let next = until_the_next(world, gap);
        world.after(next, move |world| arrivals(world, gap, payments));
    }
}

/// Payments rather come in the last minutes of a day than that none does: what is written then may be read as
/// another day's.
fn until_the_next(world: &mut World, gap: i64) -> i64 {
    const LAST_MINUTES: i64 = 6 * MINUTE;
    let next = world.choices.span(Lane::WORLD, gap / 10, gap * 2);
    let left = DAY - (world.now() - MIDNIGHT).rem_euclid(DAY);
    if next < left || !world.choices.happens(Lane::WORLD, 6000) {
        next
    } else if left > LAST_MINUTES {
        left - world.choices.span(Lane::WORLD, 0, LAST_MINUTES)
    } else {
        world.choices.span(Lane::WORLD, SECOND, left)
    }
}

fn weather(world: &mut World, gap: i64) {
    if !world.faults.on() {
        return;
    }
    world.weather();
    let next = world.choices.span(Lane::WORLD, gap * 3, gap * 20);
    world.after(next, move |world| weather(world, gap));
}

/// Nothing goes wrong any more: clocks are right, everybody is there, both sides have the same secrets.
fn make_peace(world: &mut World) {
    world.faults.end();
    world.fleet.mend_clocks();
    world.secrets.settle();
    world.plan_sweeps();
    world.schedule();
}
