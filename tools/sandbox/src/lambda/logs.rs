//! The output of the functions, line by line.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::cloudwatch::Metrics;

/// A line that a function printed.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// The function's binary.
    pub function: String,
    /// The line: its JSON if it is an object, or `{"raw": …}`.
    pub event: Value,
}

/// Writes lines to a file, if there is one, and keeps them for tests.
#[derive(Clone)]
pub(crate) struct Logs {
    file: Option<Arc<Mutex<File>>>,
    kept: Arc<Mutex<Vec<LogLine>>>,
    metrics: Metrics,
}

/// Lines kept in memory. Enough for a test, and a limit for a long run.
const MAX_LINES_IN_MEMORY: usize = 100_000;

impl Logs {
    pub(crate) fn new(file: Option<&Path>) -> anyhow::Result<Self> {
        let open = |path: &Path| File::options().create(true).append(true).open(path);
        let file = file.map(|path| open(path).with_context(|| path.display().to_string()));
        Ok(Self {
            file: file.transpose()?.map(|file| Arc::new(Mutex::new(file))),
            kept: Arc::default(),
            metrics: Metrics::default(),
        })
    }

    /// The metrics that were logged.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads a pipe of a process until the process ends.
    pub(crate) fn gather(&self, function: &str, pipe: impl AsyncRead + Unpin + Send + 'static) {
        let logs = self.clone();
        let function = function.to_owned();
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                logs.take(&function, &line);
            }
        });
    }

    fn take(&self, function: &str, line: &str) {
        let event = match serde_json::from_str(line) {
            Ok(Value::Object(event)) => Value::Object(event),
            _ => json!({ "raw": line }),
        };
        self.metrics.take(&event);
        let line = LogLine {
            function: function.to_owned(),
            event,
        };
        if let Some(file) = &self.file {
            let mut json = line.event.clone();
            json["function"] = json!(function);
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // In one write, so that a reader of the file sees whole lines. A full disk must not stop the functions.
            let _ = file.write_all(format!("{json}\n").as_bytes());
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_LINES_IN_MEMORY {
            kept.push(line);
        }
    }
}
