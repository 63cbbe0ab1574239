//! The embedded DynamoDB on SQLite, and the creation of the template's tables.

use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::template::Plan;

/// An embedded DynamoDB that serves on a free port until it is dropped.
pub struct EmbeddedDynamoDb {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedDynamoDb {
    /// Starts it on this file. Its calls are synchronous, so it runs in its own thread and runtime.
    pub fn start(file: &Path) -> anyhow::Result<Self> {
        let path = file
            .to_str()
            .context("the data directory's name is not UTF-8")?;
        let database = dynoxide::Database::new(path).map_err(|error| anyhow!("{error}"))?;
        index_streams(file)?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                let stop = async {
                    let _ = stopped.await;
                };
                // The graceful shutdown would wait for idle connections, so this future is dropped instead.
                tokio::select! {
                    _ = dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()) => {}
                    () = stop => {}
                }
            });
        });
        Ok(Self {
            url,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for EmbeddedDynamoDb {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Adds an index. Without it each write to a table with a stream reads the stream's whole history. It depends on a
/// private schema, so the crate's version is pinned.
fn index_streams(file: &Path) -> anyhow::Result<()> {
    let sqlite = rusqlite::Connection::open(file)?;
    sqlite.execute(
        "CREATE INDEX IF NOT EXISTS sandbox_stream_position \
         ON _stream_records(table_name, CAST(sequence_number AS INTEGER))",
        (),
    )?;
    Ok(())
}

/// Creates the template's tables that do not exist yet.
pub(crate) async fn create_tables(client: &Client, plan: &Plan) -> anyhow::Result<()> {
    for (name, properties) in &plan.tables {
        let created = create_table(client, name, properties).await;
        created.with_context(|| format!("table {name}"))?;
    }
    Ok(())
}

async fn create_table(client: &Client, name: &str, table: &Value) -> anyhow::Result<()> {
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(table)?));
    for attribute in list(&table["AttributeDefinitions"]) {
        let definition = AttributeDefinition::builder()
            .attribute_name(text(&attribute["AttributeName"]))
            .attribute_type(ScalarAttributeType::from(text(&attribute["AttributeType"])))
            .build()?;
        request = request.attribute_definitions(definition);
    }
    for index in list(&table["GlobalSecondaryIndexes"]) {
        let others =
            list(&index["Projection"]["NonKeyAttributes"]).map(|name| text(name).to_owned());
        let others: Vec<String> = others.collect();
        let projection = Projection::builder()
            .projection_type(ProjectionType::from(text(
                &index["Projection"]["ProjectionType"],
            )))
            .set_non_key_attributes((!others.is_empty()).then_some(others))
            .build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(text(&index["IndexName"]))
            .set_key_schema(Some(key_schema(index)?))
            .projection(projection)
            .build()?;
        request = request.global_secondary_indexes(index);
    }
    if let Some(view) = table["StreamSpecification"]["StreamViewType"].as_str() {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::from(view))
            .build()?;
        request = request.stream_specification(stream);
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.into_service_error() {
            exists if exists.is_resource_in_use_exception() => Ok(()),
            other => Err(other.into()),
        },
    }
}

fn key_schema(keyed: &Value) -> anyhow::Result<Vec<KeySchemaElement>> {
    let element = |key: &Value| {
        KeySchemaElement::builder()
            .attribute_name(text(&key["AttributeName"]))
            .key_type(KeyType::from(text(&key["KeyType"])))
            .build()
    };
    Ok(list(&keyed["KeySchema"])
        .map(element)
        .collect::<Result<_, _>>()?)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
