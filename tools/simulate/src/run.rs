//! One run of a seed: from the first payment to some days after the last fault.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};

use crate::audit::Violation;
use crate::choices::{Choices, Lane, Script};
use crate::coverage::Coverage;
use crate::fault::Fault;
use crate::fleet::{Function, Invocation};
use crate::gauges::Gauges;
use crate::history::History;
use crate::invocation::Output;
use crate::world::{DAY, HOUR, MIDNIGHT, MINUTE, SECOND, World};

/// The time after the last fault and the last payment within which all obligations must be completed, in
/// milliseconds. Refunds are requested up to two days later, and all attempts of an IPN take at most 53 hours.
const COMPLETED_WITHIN_MS: i64 = 6 * DAY;

/// The steps with faults for each payment. Most payments are completed within them.
const STEPS_PER_PAYMENT: u64 = 200;

/// The source of a run's choices.
#[derive(Clone, Debug)]
pub enum Source {
    Seed(u64),
    Script(Script),
}

/// The result of a run.
pub struct Outcome {
    /// The invariant that does not hold, if any.
    pub violation: Option<Violation>,
    pub script: Script,
    /// Number of payments.
    pub payments: usize,
    /// Number of events.
    pub steps: u64,
    /// Number of checks by the auditor.
    pub checks: u64,
    /// How often each fault happened.
    pub faults: Vec<(Fault, u64)>,
    /// The cells that were reached.
    pub coverage: Coverage,
    /// The history, if it is recorded.
    pub history: History,
}

/// Runs a world: with faults for so many steps, and then without.
///
/// # Panics
///
/// If the simulator itself has an error. An error in our code is a violation.
#[must_use]
pub fn run(source: Source, steps: u64, history: History) -> Outcome {
    keep_temporary_files_in_memory();
    let choices = match source {
        Source::Seed(seed) => Choices::of_seed(seed),
        Source::Script(script) => Choices::of_script(script),
    };
    // ipn-sender has one time-out by tokio's clock. Nothing drives that clock here, so it never ends anything.
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let clock = clock.expect("a runtime without threads");
    let _entered = clock.enter();
    let gauges = Gauges::default();
    let _measured = tracing::subscriber::set_default(gauges.clone());
    let world = World::new(choices, history);
    let mut run = Run {
        world: Arc::clone(&world),
        tasks: HashMap::new(),
        woken: Arc::default(),
        gauges,
        steps: 0,
    };
    run.run_steps(steps);
    drop(run.tasks);
    let mut world = world.lock().unwrap();
    world.let_go();
    Outcome {
        violation: world.audit.violation().cloned(),
        script: world.choices.script(),
        payments: world.payments.len(),
        steps: run.steps,
        checks: world.audit.checks(),
        faults: world.faults.counts().collect(),
        coverage: std::mem::take(&mut world.coverage),
        history: std::mem::take(&mut world.history),
    }
}

/// The reconciliation spills its reports into temporary files. A disk is asked for each of them, and memory is not.
fn keep_temporary_files_in_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let memory = Path::new("/dev/shm");
        if tempfile::tempdir_in(memory).is_ok() {
            // Refused only if it is already set.
            let _ = tempfile::env::override_temp_dir(memory);
        }
    });
}

struct Run {
    world: Arc<Mutex<World>>,
    tasks: HashMap<usize, Task>,
    woken: Arc<Mutex<Vec<usize>>>,
    gauges: Gauges,
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
    fn run_steps(&mut self, mut steps: u64) {
        {
            let mut world = self.world.lock().unwrap();
            let gaps = [SECOND, 20 * SECOND, 5 * MINUTE, HOUR];
            let gap = world.choices.one_of(Lane::WORLD, &gaps);
            steps *= world.size.times;
            let payments = usize::try_from(steps / STEPS_PER_PAYMENT).unwrap_or(usize::MAX);
            // A run about a day has few payments, in the minutes before midnight, so that faults are left for the hours
            // after it.
            let (gap, payments) = if world.aims_at(Function::Reconcile) {
                (MINUTE, payments / 4)
            } else {
                (gap, payments)
            };
            if world.size.is_crowd() {
                world.leave_the_crowd_alone();
                arrivals(&mut world, SECOND, payments.max(1));
                outages(&mut world, HOUR);
            } else {
                arrivals(&mut world, gap, payments.max(1));
                outages(&mut world, gap);
            }
        }
        loop {
            if self.steps == steps {
                end_faults(&mut self.world.lock().unwrap());
            }
            if !self.step() {
                break;
            }
            let world = self.world.lock().unwrap();
            if world.audit.violation().is_some() {
                return;
            }
            if world.quiet_for() > COMPLETED_WITHIN_MS {
                break;
            }
            drop(world);
        }
        self.finish();
    }

    /// Exports each day a last time, and runs the auditor's final checks.
    fn finish(&mut self) {
        {
            let mut world = self.world.lock().unwrap();
            if world.faults.on() {
                end_faults(&mut world);
            }
            world.read_all_days();
        }
        while !self.world.lock().unwrap().all_days_are_read() {
            assert!(self.step(), "an export is repeated until it succeeds");
            if self.world.lock().unwrap().audit.violation().is_some() {
                return;
            }
        }
        self.world.lock().unwrap().audit_ending();
    }

    /// Runs the next event, and our code that reacts to it.
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
            self.remove_dead();
            self.start_new();
            let woken = std::mem::take(&mut *self.woken.lock().unwrap());
            if woken.is_empty() && self.world.lock().unwrap().fleet.is_quiet() {
                return true;
            }
            for who in woken {
                self.poll(who);
            }
        }
    }

    fn start_new(&mut self) {
        let started = std::mem::take(&mut self.world.lock().unwrap().fleet.started);
        for invocation in started {
            let who = invocation.who;
            let waker = Waker::from(Arc::new(TaskWaker {
                who,
                woken: Arc::clone(&self.woken),
            }));
            self.tasks.insert(who, Task { invocation, waker });
            self.poll(who);
        }
    }

    fn remove_dead(&mut self) {
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
        for gauge in self.gauges.take() {
            self.world.lock().unwrap().audit_gauge(&gauge);
        }
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
        // It may have died at the same time at which it finished.
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

/// Starts the payments, one after the other.
fn arrivals(world: &mut World, gap: i64, payments: usize) {
    if world.payments.len() < payments {
        world.start_payment();
        world.schedule();
        let next = until_the_next(world, gap);
        world.after(next, move |world| arrivals(world, gap, payments));
    }
}

/// The time until the next payment. Many payments start in the last minutes of a day, because their writes could be
/// exported with the wrong day.
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

fn outages(world: &mut World, gap: i64) {
    if !world.faults.on() {
        return;
    }
    world.outages();
    world.throttle_indexes();
    let next = world.choices.span(Lane::WORLD, gap * 3, gap * 20);
    world.after(next, move |world| outages(world, gap));
}

/// Ends all faults: clocks are right, no side is down, and both sides have the same secrets.
fn end_faults(world: &mut World) {
    let now = world.now();
    world.faults.end(now);
    world.fleet.correct_clocks();
    world.fleet.roll_back();
    let now = world.now();
    world.secrets.use_newest(now);
    world.plan_sweeps();
    world.schedule();
}
