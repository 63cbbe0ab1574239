//! One instance: a process, and its own Runtime API.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

use super::{InvokeError, Launch, Logs};
use crate::clock::Clock;
use crate::template::FunctionPlan;

/// How long a process may take until it first asks for an event; Lambda's own limit.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Instance {
    api: Arc<RuntimeApi>,
    events: mpsc::Sender<Event>,
    pid: Option<u32>,
    kill: Arc<Notify>,
    /// The clock that the process has, too.
    clock: Clock,
    server: tokio::task::JoinHandle<()>,
}

struct Event {
    id: String,
    deadline_ms: i64,
    payload: Bytes,
}

/// The state that the Runtime API shares with the instance.
struct RuntimeApi {
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    pending: Mutex<Option<Pending>>,
    alive: AtomicBool,
    /// Whether the process has fetched its last event.
    taken: AtomicBool,
    /// Why the process ended.
    ended: Mutex<String>,
    gone: Notify,
    arn: String,
}

struct Pending {
    id: String,
    result: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Instance {
    pub(super) async fn start(
        plan: &FunctionPlan,
        launch: &Launch,
        logs: &Logs,
    ) -> Result<Self, InvokeError> {
        let failed = |error: std::io::Error| InvokeError::Died(error.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (events, received) = mpsc::channel(1);
        let api = Arc::new(RuntimeApi {
            events: tokio::sync::Mutex::new(received),
            pending: Mutex::default(),
            alive: AtomicBool::new(true),
            taken: AtomicBool::new(false),
            ended: Mutex::default(),
            gone: Notify::new(),
            arn: format!(
                "arn:aws:lambda:ap-southeast-1:000000000000:function:{}",
                plan.binary
            ),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&api)));

        let mut command = Command::new(&launch.shim);
        command
            .arg(crate::shim::ARGUMENT)
            .arg(std::process::id().to_string())
            .arg(&launch.binary)
            .env_clear()
            .envs(launch.environment.iter().map(|(k, v)| (k, v)))
            .envs(lambda_environment(plan))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        if let Some(pipe) = child.stdout.take() {
            logs.gather(&plan.binary, pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            logs.gather(&plan.binary, pipe);
        }
        let kill = Arc::new(Notify::new());
        let pid = child.id();
        tokio::spawn(watch(child, Arc::clone(&api), Arc::clone(&kill)));
        Ok(Self {
            api,
            events,
            pid,
            kill,
            clock: launch.clock.clone(),
            server,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.api.alive.load(Ordering::Acquire)
    }

    /// Whether the process can take an event: it runs, and no pending signal is about to end it.
    pub(super) fn is_ready(&self) -> bool {
        self.is_alive() && !self.pid.is_some_and(is_doomed)
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Gives the process an event and waits for its answer.
    pub(super) async fn invoke(
        &self,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, InvokeError> {
        let (result, answered) = oneshot::channel();
        let id = Uuid::new_v4().to_string();
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let deadline_ms = self.clock.now_ms().saturating_add(timeout_ms);
        self.api.taken.store(false, Ordering::Release);
        *lock(&self.api.pending) = Some(Pending {
            id: id.clone(),
            result,
        });
        if !self.is_alive() {
            return Err(self.api.death());
        }
        let event = Event {
            id,
            deadline_ms,
            payload,
        };
        let sent = self.events.send(event).await;
        sent.map_err(|_| self.api.death())?;
        match tokio::time::timeout(INIT_TIMEOUT + timeout, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(self.api.death()),
            Err(_) => Err(InvokeError::TimedOut),
        }
    }

    /// Kills the process and waits until it has ended.
    pub(super) async fn kill(&self) {
        let gone = self.api.gone.notified();
        tokio::pin!(gone);
        gone.as_mut().enable();
        self.kill.notify_one();
        if self.is_alive() {
            gone.await;
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill.notify_one();
        self.server.abort();
    }
}

impl RuntimeApi {
    fn death(&self) -> InvokeError {
        let why = lock(&self.ended).clone();
        if self.taken.load(Ordering::Acquire) {
            InvokeError::Died(why)
        } else {
            InvokeError::NotTaken(why)
        }
    }

    /// Passes on the result of the current event, if the id matches.
    fn complete(&self, id: &str, result: Result<Bytes, InvokeError>) -> StatusCode {
        let mut pending = lock(&self.pending);
        match pending.take() {
            Some(found) if found.id == id => {
                // After a time-out nobody waits for it any more.
                let _ = found.result.send(result);
                StatusCode::ACCEPTED
            }
            other => {
                *pending = other;
                StatusCode::BAD_REQUEST
            }
        }
    }
}

/// Waits until the process ends, or kills it when asked to.
async fn watch(mut child: Child, api: Arc<RuntimeApi>, kill: Arc<Notify>) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    *lock(&api.ended) = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    api.alive.store(false, Ordering::Release);
    // After the drop the waiting caller gets no answer.
    lock(&api.pending).take();
    api.gone.notify_waiters();
}

async fn serve(listener: TcpListener, api: Arc<RuntimeApi>) {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(axum::extract::DefaultBodyLimit::max(6 * 1024 * 1024))
        .with_state(api);
    let _ = axum::serve(listener, router).await;
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    api.taken.store(true, Ordering::Release);
    let mut headers = HeaderMap::new();
    let values = [
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", event.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", api.arn.clone()),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    (headers, event.payload).into_response()
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    api.complete(&id, Ok(body))
}

async fn error(
    State(api): State<Arc<RuntimeApi>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    let text = String::from_utf8_lossy(&body).into_owned();
    api.complete(&id, Err(InvokeError::Function(text)))
}

async fn init_error(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> StatusCode {
    *lock(&api.ended) = String::from_utf8_lossy(&body).into_owned();
    StatusCode::ACCEPTED
}

/// Whether a process has ended, or is about to, though its parent does not know yet.
fn is_doomed(pid: u32) -> bool {
    const SIGKILL: u64 = 1 << 8;
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else {
        // Reaped already, or this system has no /proc.
        return std::path::Path::new("/proc/self/status").exists();
    };
    let pending = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & SIGKILL != 0)
    };
    // A process that is ending has freed its memory already.
    pending("SigPnd:") || pending("ShdPnd:") || !status.contains("VmRSS:")
}

/// The environment variables that Lambda itself sets.
fn lambda_environment(plan: &FunctionPlan) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_LAMBDA_FUNCTION_NAME", plan.binary.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", plan.memory.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "sandbox".to_owned()),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", plan.binary),
        ),
    ]
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
