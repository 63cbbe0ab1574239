//! The functions: production handlers and workers in instances that start, freeze and die.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Handler, TIME_TO_ANSWER};
use async_trait::async_trait;
use domain::{Clock, Timestamp, Transaction};
use futures::channel::oneshot;
use outbox::{Outbox, Worker};
use serde_json::Value;
use store::WriteIds;
use uuid::Uuid;

use crate::choices::{Choices, Lane};
use crate::coverage::state_of;
use crate::fault::Fault;
pub(crate) use crate::function::Function;
use crate::invocation::{Input, Output, run};
use crate::template::Concurrency;
use crate::wiring;
use crate::world::{MINUTE, SECOND, World, answered};

/// The code of a function with its simulated edges.
pub(crate) enum Code {
    Api(Arc<dyn Handler>),
    Worker(Arc<dyn Work>),
}

/// A worker with its outbox.
#[async_trait]
pub(crate) trait Work: Send + Sync {
    async fn work(&self, event: Value, deadline: Timestamp) -> Output;
}

pub(crate) struct Fleet {
    instances: Vec<Instance>,
    /// How many instances of a function may run at once.
    limits: HashMap<Function, u64>,
    running: HashMap<Function, u64>,
    idle: HashMap<Function, Vec<usize>>,
    pub(crate) started: Vec<Invocation>,
    pub(crate) dead: Vec<usize>,
    /// Whether the newer version is taken back.
    rolled_back: bool,
}

struct Instance {
    function: Function,
    code: Option<Arc<Code>>,
    offset: Arc<AtomicI64>,
    invocations: u64,
    running: bool,
    saw: &'static str,
    /// Whether it runs a newer version.
    newer: bool,
    /// The last call whose signature was refused.
    refused: Option<String>,
    /// Whether the running invocation was held up by its machine, or has a clock that is wrong.
    disturbed: bool,
}

/// A running invocation, and what happens at its end.
pub(crate) struct Invocation {
    pub(crate) who: usize,
    pub(crate) future: Pin<Box<dyn Future<Output = Output> + Send>>,
    pub(crate) done: Done,
}

/// What happens with an invocation's output.
pub(crate) type Done = Box<dyn FnOnce(&mut World, usize, Output) + Send>;

impl Fleet {
    /// Drops all instances. Each holds the world.
    pub(crate) fn let_go(&mut self) {
        self.instances.clear();
        self.started.clear();
    }

    /// No instances yet. The reserved concurrency is that of the template, or the least that an operator may set.
    pub(crate) fn new(choices: &mut Choices) -> Self {
        let mut limits = HashMap::new();
        for function in Function::ALL {
            if let Some(Concurrency { usual, least }) = function.plan().concurrency {
                limits.insert(
                    function,
                    choices.one_of(Lane::WORLD, &[usual, least, least]),
                );
            }
        }
        Self {
            instances: Vec::new(),
            limits,
            running: HashMap::new(),
            idle: HashMap::new(),
            started: Vec::new(),
            dead: Vec::new(),
            rolled_back: false,
        }
    }

    /// Whether as many instances of a function run as may.
    fn is_full(&self, function: Function) -> bool {
        let running = self.running.get(&function).copied().unwrap_or(0);
        self.limits
            .get(&function)
            .is_some_and(|most| running >= *most)
    }

    /// An instance has stopped for a while, or its DynamoDB has.
    pub(crate) fn disturbed(&mut self, who: usize) {
        self.instances[who].disturbed = true;
    }

    fn ends(&mut self, who: usize) {
        let function = self.instances[who].function;
        if let Some(running) = self.running.get_mut(&function) {
            *running -= 1;
        }
    }

    /// Whether the running invocation was held up by its machine, or has a clock that is wrong.
    pub(crate) fn was_disturbed(&self, who: usize) -> bool {
        self.instances[who].disturbed
    }

    pub(crate) fn function(&self, who: usize) -> Function {
        self.instances[who].function
    }

    /// Kills an instance.
    pub(crate) fn kill(&mut self, who: usize) {
        if std::mem::take(&mut self.instances[who].running) {
            self.instances[who].code = None;
            self.dead.push(who);
            self.ends(who);
        }
    }

    /// Records the state in which a function has read a transaction, and on which it decides.
    pub(crate) fn saw(&mut self, who: usize, transaction: Option<&Transaction>) {
        self.instances[who].saw = state_of(transaction);
    }

    /// The state in which a function has last read a transaction.
    pub(crate) fn last_saw(&self, who: usize) -> &'static str {
        self.instances[who].saw
    }

    /// Whether the signature of this call is refused for the first time.
    pub(crate) fn refused_first(&mut self, who: usize, url: &str) -> bool {
        let before = self.instances[who].refused.take();
        let first = before.as_deref() != Some(url);
        self.instances[who].refused = first.then(|| url.to_owned());
        first
    }

    /// Corrects all clocks.
    pub(crate) fn correct_clocks(&mut self) {
        for instance in &self.instances {
            instance.offset.store(0, Ordering::Relaxed);
        }
    }

    /// Whether an instance runs a newer version.
    pub(crate) fn is_newer(&self, who: usize) -> bool {
        self.instances[who].newer
    }

    /// Takes the newer version back. What runs now ends as it is.
    pub(crate) fn roll_back(&mut self) {
        self.rolled_back = true;
        for instance in &mut self.instances {
            instance.newer &= instance.running;
        }
    }

    /// Whether no instance is about to start or to end.
    pub(crate) fn is_quiet(&self) -> bool {
        self.started.is_empty() && self.dead.is_empty()
    }

    /// Makes the instance of a finished invocation idle.
    pub(crate) fn finished(&mut self, who: usize) {
        let instance = &mut self.instances[who];
        instance.running = false;
        instance.newer &= !self.rolled_back;
        self.idle.entry(instance.function).or_default().push(who);
        self.ends(who);
    }
}

impl World {
    /// Invokes a function in an idle or a new instance.
    pub(crate) fn invoke(
        &mut self,
        function: Function,
        lane: Lane,
        input: Input,
        done: impl FnOnce(&mut World, usize, Output) + Send + 'static,
    ) {
        if self.fleet.is_full(function) {
            self.coverage
                .count("concurrency", function.name(), "not started");
            self.log(lane, function.name(), || {
                "is not started: too many run".to_owned()
            });
            return done(self, usize::MAX, Output::NotStarted);
        }
        *self.fleet.running.entry(function).or_default() += 1;
        let idle = self.fleet.idle.get_mut(&function).and_then(Vec::pop);
        let who = idle.unwrap_or_else(|| self.start(function, lane));
        self.looked.remove(&who);
        let instance = &mut self.fleet.instances[who];
        instance.running = true;
        instance.invocations += 1;
        instance.saw = "none";
        instance.disturbed = instance.offset.load(Ordering::Relaxed) != 0;
        let invocation = instance.invocations;
        let code = Arc::clone(
            instance
                .code
                .as_ref()
                .expect("an idle instance has its code"),
        );
        let deadline = self.now() + function.timeout();
        let (expire, is_late) = oneshot::channel();
        let time_to_answer = i64::try_from(TIME_TO_ANSWER.as_millis()).expect("less than a second");
        self.after(function.timeout() - time_to_answer, move |_| {
            let _ = expire.send(());
        });
        let future = run(code, input, deadline, is_late);
        self.fleet.started.push(Invocation {
            who,
            future: Box::pin(future),
            done: Box::new(done),
        });
        self.after(function.timeout(), move |world| {
            let instance = &world.fleet.instances[who];
            if instance.running && instance.invocations == invocation {
                world.faults.note(Fault::TimedOut);
                world.log(lane, function.name(), || {
                    "✗ ended by its time-out".to_owned()
                });
                world.audit_timed_out(function, who);
                world.fleet.kill(who);
            }
        });
    }

    /// Starts an instance. Its clock may be wrong.
    fn start(&mut self, function: Function, lane: Lane) -> usize {
        let who = self.fleet.instances.len();
        let offset = if self.inject(lane, Fault::ClockWrong) {
            let off = self.choices.span(lane, 0, 12 * MINUTE);
            if off > 6 * MINUTE {
                6 * MINUTE - off
            } else {
                off
            }
        } else {
            0
        };
        if offset != 0 {
            self.log(lane, function.name(), || {
                format!("starts with a clock that is wrong by {} s", offset / SECOND)
            });
        }
        let offset = Arc::new(AtomicI64::new(offset));
        let newer = self
            .choices
            .happens(lane, self.faults.rate(Fault::NewerVersion));
        let code = wiring::wire(self.shared(), who, function, &offset, self.reversals);
        self.fleet.instances.push(Instance {
            function,
            code: Some(Arc::new(code)),
            offset,
            invocations: 0,
            running: false,
            saw: "none",
            newer,
            refused: None,
            disturbed: false,
        });
        who
    }
}

#[async_trait]
impl<W: Worker> Work for Outbox<W> {
    async fn work(&self, event: Value, deadline: Timestamp) -> Output {
        match self.handle(event, deadline).await {
            Ok(response) => {
                let failures = response.batch_item_failures.into_iter();
                Output::Batch(
                    failures
                        .filter_map(|failure| failure.item_identifier)
                        .collect(),
                )
            }
            Err(_) => Output::Error,
        }
    }
}

/// The clock of one machine.
pub(crate) struct SimClock {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) who: usize,
    pub(crate) offset: Arc<AtomicI64>,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let now = self.world.lock().unwrap().now() + self.offset.load(Ordering::Relaxed);
        Timestamp::from_unix_ms(now).expect("a few weeks from the beginning")
    }

    async fn sleep(&self, duration: Duration) {
        let receiver = {
            let mut world = self.world.lock().unwrap();
            let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            world.ask(self.who, Lane::WORLD, "sleep", |world, waiting| {
                world.after(ms, move |world| waiting.answer(world, ()));
            })
        };
        answered(receiver).await;
    }
}

/// Write ids: unique, and the same in each run of a seed.
pub(crate) struct SimWriteIds {
    pub(crate) world: Arc<Mutex<World>>,
}

impl WriteIds for SimWriteIds {
    fn next(&self) -> Uuid {
        let number = self.world.lock().unwrap().unique();
        let mut mixed = fastrand::Rng::with_seed(number);
        Uuid::from_u64_pair(number, mixed.u64(..))
    }
}
