//! The functions: production handlers and workers in instances that come, go, freeze and die.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Handler, Inbound};
use async_trait::async_trait;
use domain::{Clock, FinalTransaction, Timestamp, Transaction};
use outbox::{Outbox, Worker};
use serde_json::Value;
use store::WriteIds;
use uuid::Uuid;

use crate::choices::Lane;
use crate::coverage::state_of;
use crate::fault::Fault;
use crate::wiring;
use crate::world::{MINUTE, SECOND, World, answered};

/// A function of the bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Function {
    Create,
    Check,
    Refund,
    Redirect,
    Webview,
    Result,
    Ipn,
    Core,
    Reconcile,
}

/// What a function is invoked with.
pub(crate) enum Input {
    Http(Inbound),
    Event(Value),
}

/// What came of an invocation.
pub(crate) enum Output {
    /// An HTTP answer.
    Http(Answered),
    /// Which records of a batch failed.
    Batch(Vec<String>),
    /// The data of a day.
    Read(Vec<FinalTransaction>),
    /// The day may not be read yet.
    TooEarly,
    /// A payment was looked at, and its result queued again or not.
    Looked { queued: bool },
    /// The function reported an error.
    Error,
    /// It died, or was ended.
    Died,
}

/// An HTTP answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) location: Option<String>,
}

/// The code of a function, wired.
pub(crate) enum Code {
    Api(Arc<dyn Handler>),
    Worker(Arc<dyn Work>),
}

/// A worker with its outbox, whichever worker it is.
#[async_trait]
pub(crate) trait Work: Send + Sync {
    async fn work(&self, event: Value, deadline: Timestamp) -> Output;
}

/// All instances there are.
#[derive(Default)]
pub(crate) struct Fleet {
    instances: Vec<Instance>,
    idle: HashMap<Function, Vec<usize>>,
    pub(crate) born: Vec<Invocation>,
    pub(crate) dead: Vec<usize>,
}

struct Instance {
    function: Function,
    code: Option<Arc<Code>>,
    offset: Arc<AtomicI64>,
    invocations: u64,
    running: bool,
    saw: &'static str,
    /// The call whose signature was refused just now.
    refused: Option<String>,
}

/// A function at work, and what is to happen when it is done.
pub(crate) struct Invocation {
    pub(crate) who: usize,
    pub(crate) future: Pin<Box<dyn Future<Output = Output> + Send>>,
    pub(crate) done: Done,
}

/// What happens with an invocation's output.
pub(crate) type Done = Box<dyn FnOnce(&mut World, usize, Output) + Send>;

impl Function {
    /// The function's name in the template.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create-transaction",
            Self::Check => "check-transaction",
            Self::Refund => "refund-transaction",
            Self::Redirect => "payment-redirect",
            Self::Webview => "open-webview",
            Self::Result => "payment-result",
            Self::Ipn => "ipn-sender",
            Self::Core => "core-worker",
            Self::Reconcile => "reconcile",
        }
    }

    /// Its time-out, as in the template.
    fn timeout(self) -> i64 {
        match self {
            Self::Create | Self::Check | Self::Redirect | Self::Result => 15 * SECOND,
            Self::Refund | Self::Webview => 28 * SECOND,
            Self::Ipn | Self::Core => 2 * MINUTE,
            Self::Reconcile => 15 * MINUTE,
        }
    }
}

impl Fleet {
    pub(crate) fn function(&self, who: usize) -> Function {
        self.instances[who].function
    }

    /// Ends an instance, whatever it is doing.
    pub(crate) fn kill(&mut self, who: usize) {
        if std::mem::take(&mut self.instances[who].running) {
            self.instances[who].code = None;
            self.dead.push(who);
        }
    }

    /// Remembers in which state a function has last seen a transaction: what it then decides on.
    pub(crate) fn saw(&mut self, who: usize, transaction: Option<&Transaction>) {
        self.instances[who].saw = state_of(transaction);
    }

    /// In which state a function has last seen a transaction.
    pub(crate) fn last_saw(&self, who: usize) -> &'static str {
        self.instances[who].saw
    }

    /// Whether this is the first time that the signature of this call is refused.
    pub(crate) fn refused_first(&mut self, who: usize, url: &str) -> bool {
        let before = self.instances[who].refused.take();
        let first = before.as_deref() != Some(url);
        self.instances[who].refused = first.then(|| url.to_owned());
        first
    }

    /// All clocks are right again.
    pub(crate) fn mend_clocks(&mut self) {
        for instance in &self.instances {
            instance.offset.store(0, Ordering::Relaxed);
        }
    }

    /// Whether nobody is about to begin or to end.
    pub(crate) fn is_quiet(&self) -> bool {
        self.born.is_empty() && self.dead.is_empty()
    }

    /// An invocation is over, and its instance may serve again.
    pub(crate) fn finished(&mut self, who: usize) {
        let instance = &mut self.instances[who];
        instance.running = false;
        self.idle.entry(instance.function).or_default().push(who);
    }
}

impl World {
    /// Invokes a function, in an instance that is idle or new.
    pub(crate) fn invoke(
        &mut self,
        function: Function,
        lane: Lane,
        input: Input,
        done: impl FnOnce(&mut World, usize, Output) + Send + 'static,
    ) {
        let idle = self.fleet.idle.get_mut(&function).and_then(Vec::pop);
        let who = idle.unwrap_or_else(|| self.start(function, lane));
        let instance = &mut self.fleet.instances[who];
        instance.running = true;
        instance.invocations += 1;
        instance.saw = "none";
        let invocation = instance.invocations;
        let code = Arc::clone(instance.code.as_ref().expect("an idle instance lives"));
        let deadline = self.now() + function.timeout();
        let future = run(code, input, deadline);
        self.fleet.born.push(Invocation {
            who,
            future: Box::pin(future),
            done: Box::new(done),
        });
        self.after(function.timeout(), move |world| {
            let instance = &world.fleet.instances[who];
            if instance.running && instance.invocations == invocation {
                world.faults.note(Fault::TimedOut);
                world.tell(lane, function.name(), || {
                    "✗ ended by its time-out".to_owned()
                });
                world.fleet.kill(who);
            }
        });
    }

    /// Starts an instance, on a machine whose clock may be wrong.
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
            self.tell(lane, function.name(), || {
                format!("starts on a clock that is {} s off", offset / SECOND)
            });
        }
        let offset = Arc::new(AtomicI64::new(offset));
        let code = wiring::wire(self.shared(), who, function, &offset);
        self.fleet.instances.push(Instance {
            function,
            code: Some(Arc::new(code)),
            offset,
            invocations: 0,
            running: false,
            saw: "none",
            refused: None,
        });
        who
    }
}

async fn run(code: Arc<Code>, input: Input, deadline: i64) -> Output {
    match (&*code, input) {
        (Code::Api(handler), Input::Http(inbound)) => {
            let response = api::answer(&**handler, &inbound).await;
            let location = response.headers().get("location");
            Output::Http(Answered {
                status: response.status().as_u16(),
                location: location.and_then(|l| l.to_str().ok()).map(str::to_owned),
                body: response.into_body().into_bytes(),
            })
        }
        (Code::Worker(worker), Input::Event(event)) => {
            let deadline = Timestamp::from_unix_ms(deadline).expect("a few weeks from now");
            worker.work(event, deadline).await
        }
        _ => panic!("an event of the wrong kind"),
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

/// Write ids: different each time, the same in each run.
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
