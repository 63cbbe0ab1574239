//! Lambda. A function has one instance for each concurrent event, up to a limit. An instance processes one event at
//! a time, and is replaced when it dies.

mod instance;
mod logs;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::template::FunctionPlan;
use instance::Instance;

pub use logs::LogLine;
pub(crate) use logs::Logs;

/// How a function's processes are started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The sandbox's own executable, which turns into the function.
    pub(crate) shim: PathBuf,
    /// The function's binary.
    pub(crate) binary: PathBuf,
    /// Its environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// The clock that tells them when they must have ended.
    pub(crate) clock: Clock,
}

/// A function that can be invoked.
pub(crate) struct Function {
    plan: FunctionPlan,
    launch: Launch,
    logs: Logs,
    idle: Mutex<Vec<Arc<Instance>>>,
    busy: Mutex<Vec<Arc<Instance>>>,
    slots: Semaphore,
    /// The places of the reserved concurrency, if there is one.
    reserved: Option<Semaphore>,
}

/// Why an invocation has no result.
#[derive(Debug)]
pub(crate) enum InvokeError {
    /// The process died during the event, or did not start.
    Died(String),
    /// The process died before it took the event.
    NotTaken(String),
    /// The process exceeded the template's time limit and was killed.
    TimedOut,
    /// The function reported an error.
    Function(String),
    /// The reserved concurrency is used up. The function has not run.
    Throttled,
}

impl std::fmt::Display for InvokeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Died(why) | Self::NotTaken(why) => write!(f, "died: {why}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Function(error) => write!(f, "failed: {error}"),
            Self::Throttled => f.write_str("is throttled"),
        }
    }
}

impl Function {
    pub(crate) fn new(plan: FunctionPlan, launch: Launch, logs: Logs, instances: usize) -> Self {
        let reserved = plan.reserved_concurrency;
        let reserved = reserved.map(|places| usize::try_from(places).unwrap_or(usize::MAX));
        Self {
            reserved: reserved.map(|places| Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            plan,
            launch,
            logs,
            idle: Mutex::default(),
            busy: Mutex::default(),
            slots: Semaphore::new(instances.max(1)),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.plan.binary
    }

    /// Invokes the function as API Gateway does, which does not wait when the function is throttled.
    pub(crate) async fn invoke_now(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let place = self.reserved.as_ref().map(Semaphore::try_acquire);
        let _place = place.transpose().map_err(|_| InvokeError::Throttled)?;
        self.run(event).await
    }

    /// Invokes the function as the stream and the schedules do: Lambda tries again while it is throttled.
    pub(crate) async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let _place = match &self.reserved {
            Some(reserved) => reserved.acquire().await.ok(),
            None => None,
        };
        self.run(event).await
    }

    /// Gives an event to an idle instance or to a new one. Waits while all instances are busy.
    async fn run(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let slot = self.slots.acquire().await;
        let _slot = slot.map_err(|_| InvokeError::Died("the sandbox stops".to_owned()))?;
        // An idle instance may have died unnoticed. Its event goes to another instance.
        while let Some(instance) = self.take_idle() {
            match self.give(instance, event.clone()).await {
                Err(InvokeError::NotTaken(_)) => {}
                result => return result,
            }
        }
        let fresh = Instance::start(&self.plan, &self.launch, &self.logs).await?;
        self.give(Arc::new(fresh), event).await
    }

    async fn give(&self, instance: Arc<Instance>, event: Bytes) -> Result<Bytes, InvokeError> {
        let busy = Busy::new(self, Arc::clone(&instance));
        let result = instance.invoke(event, self.timeout()).await;
        drop(busy);
        match &result {
            Ok(_) | Err(InvokeError::Function(_)) => lock(&self.idle).push(instance),
            Err(InvokeError::Died(_) | InvokeError::NotTaken(_) | InvokeError::TimedOut) => {
                instance.kill().await;
            }
            // It is decided before an event is given.
            Err(InvokeError::Throttled) => {}
        }
        result
    }

    /// The process ids of the running instances.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let (idle, busy) = (lock(&self.idle), lock(&self.busy));
        let all = idle.iter().chain(busy.iter());
        all.filter(|i| i.is_alive())
            .filter_map(|i| i.pid())
            .collect()
    }

    /// Peak memory of the largest process in KiB, if the operating system reports it.
    pub(crate) fn peak_memory_kib(&self) -> Option<u64> {
        self.pids().into_iter().filter_map(peak_kib).max()
    }

    /// Ends every instance, so that the next event has a cold start.
    pub(crate) async fn stop(&self) {
        let all: Vec<_> = lock(&self.idle)
            .drain(..)
            .chain(lock(&self.busy).drain(..))
            .collect();
        for instance in all {
            instance.kill().await;
        }
    }

    fn take_idle(&self) -> Option<Arc<Instance>> {
        let mut idle = lock(&self.idle);
        while let Some(instance) = idle.pop() {
            if instance.is_ready() {
                return Some(instance);
            }
        }
        None
    }

    fn timeout(&self) -> Duration {
        self.plan.timeout
    }
}

/// Keeps an instance in the list of busy ones until it is dropped.
struct Busy<'f> {
    function: &'f Function,
    instance: Arc<Instance>,
}

impl<'f> Busy<'f> {
    fn new(function: &'f Function, instance: Arc<Instance>) -> Self {
        lock(&function.busy).push(Arc::clone(&instance));
        Self { function, instance }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.function.busy).retain(|other| !Arc::ptr_eq(other, &self.instance));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
