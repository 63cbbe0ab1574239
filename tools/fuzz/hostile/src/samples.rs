//! The sample events of the repository, from which seeds are made.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde::Deserialize;
use serde_json::Value;

/// One of the files in `events/`.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The file's bytes.
    pub file: Vec<u8>,
    /// The event that a function receives.
    pub event: Event,
}

/// The parts of an event. Each type of event has some of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// The body of a call.
    pub body: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    #[serde(rename = "queryStringParameters")]
    pub query: Option<BTreeMap<String, String>>,
    /// Its path parameters.
    #[serde(rename = "pathParameters")]
    pub path: Option<BTreeMap<String, String>>,
    /// A batch of the stream.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

/// Reads every file in `events/`, in the order of their names.
pub fn read() -> io::Result<Vec<Sample>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../events");
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let file = fs::read(path)?;
            let event = serde_json::from_slice(&file)?;
            Ok(Sample { file, event })
        })
        .collect()
}

impl Event {
    /// The three signature headers, and whether the counterparty is the core.
    pub(crate) fn signature(&self) -> Option<(bool, [&str; 3])> {
        let headers = self.headers.as_ref()?;
        [("X-Tikivip", false), ("X-Partner", true)]
            .into_iter()
            .find_map(|(prefix, core)| {
                let header = |name| headers.get(&format!("{prefix}-{name}")).map(String::as_str);
                let timestamp = header("Timestamp")?;
                Some((
                    core,
                    [timestamp, header("Client-Id")?, header("Signature")?],
                ))
            })
    }

    /// The query of its URL.
    pub(crate) fn query_text(&self) -> Option<String> {
        let query = self.query.as_ref()?;
        let pairs: Vec<_> = query.iter().map(|(n, v)| format!("{n}={v}")).collect();
        Some(pairs.join("&"))
    }

    /// The items of a stream's batch, in DynamoDB's JSON.
    pub(crate) fn images(&self) -> impl Iterator<Item = String> {
        let image = |record: &Value| record.pointer("/dynamodb/NewImage").map(Value::to_string);
        self.records.iter().filter_map(image)
    }
}
