//! Exports a day of many transactions with the real binary. It measures time and memory, compares the time with a
//! plain read of the same index, and checks that the export is complete.
//!
//! `cargo bench -p e2e --bench export` uses release builds, and `--profile dev` debug builds. The default is
//! `-- --transactions 1000000`. `--keep FOLDER` keeps the table for another run, because it takes long to fill.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may panic and print, and its time is real"
)]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, KeysAndAttributes, Projection, ProjectionType, PutRequest, ScalarAttributeType,
    WriteRequest,
};
use domain::{Day, Timestamp, TransactionId};
use futures::{StreamExt, stream};
use sandbox::{EmbeddedDynamoDb, Options, Sandbox};
use serde_json::json;
use store::DayIndex;

const TABLE: &str = "TransactionsTable";
const SHARDS: u8 = 16;
/// The largest number of lines in a file, with its header.
const MAX_LINES: usize = 500_000;
/// Items in a page. Without a limit the embedded DynamoDB reads the whole rest of the index for each page.
const PAGE_SIZE: i32 = 2_000;

/// Count and sum by status.
type Totals = BTreeMap<String, (u64, u64)>;

#[tokio::main]
async fn main() {
    let count = transactions();
    let folder = tempfile::tempdir().unwrap();
    let kept = argument("--keep").map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let file = kept.join("dynamodb.sqlite");
    let filled = file.exists();
    let dynamodb = EmbeddedDynamoDb::start(&file).unwrap();
    let client = Client::new(&sandbox::sdk(dynamodb.url()));
    let day: Day = "2026-11-20".parse().unwrap();
    if !filled {
        create_table(&client).await;
        fill(&client, day, count).await;
    }

    let (by_key, in_table) = timed(read_by_key(&client, count)).await;
    println!("read each item by key         {by_key:>8.1} s   {in_table:?}");
    let (sequential, by_index) = timed(read_sequentially(&client, day)).await;
    println!("read the index sequentially   {sequential:>8.1} s");
    assert_eq!(by_index, in_table);

    let sandbox = Sandbox::start(Options {
        release: !cfg!(debug_assertions),
        dynamodb_url: Some(dynamodb.url().to_owned()),
        sweep_every: Duration::from_hours(24),
        no_cron: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let event = json!({ "day": day.to_string() });
    let (exported, outcome) = timed(sandbox.invoke("reconcile", &event)).await;
    let peak = sandbox.peak_memory_kib()["reconcile"];
    println!(
        "export, copy and deliver      {exported:>8.1} s   peak memory {} MiB",
        peak / 1024
    );
    let outcome = outcome.unwrap();
    let (again, outcome_again) = timed(sandbox.invoke("reconcile", &event)).await;
    println!("export again without changes  {again:>8.1} s");
    assert_eq!(outcome_again.unwrap()["delivered"], json!([]));

    let files = delivered(&sandbox, &outcome);
    let lines: Vec<usize> = files.iter().map(|file| file.lines().count()).collect();
    println!("{} files, of {lines:?} lines", files.len());
    assert_eq!(files.len(), count.div_ceil(MAX_LINES - 1).max(1));
    assert!(lines.iter().all(|lines| *lines <= MAX_LINES));
    assert_eq!(totals(&files), in_table, "to the đồng");
    assert!(peak < 64 * 1024, "{peak} KiB");
    sandbox.stop().await;
}

fn transactions() -> usize {
    let count = argument("--transactions");
    count.map_or(1_000_000, |count| count.parse().expect("--transactions N"))
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let began = Instant::now();
    let done = work.await;
    (began.elapsed().as_secs_f64(), done)
}

/// The table with one index, and without a stream.
async fn create_table(client: &Client) {
    let attribute = |name: &str, kind| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(kind).build().unwrap()
    };
    let key = |name: &str, kind| {
        let key = KeySchemaElement::builder().attribute_name(name);
        key.key_type(kind).build().unwrap()
    };
    let by_day = DayIndex::Final.index();
    let attributes = by_day.projection.attributes().iter();
    let projection = Projection::builder()
        .projection_type(ProjectionType::Include)
        .set_non_key_attributes(Some(attributes.map(ToString::to_string).collect()))
        .build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(by_day.name)
        .key_schema(key(by_day.partition_key, KeyType::Hash))
        .key_schema(key(by_day.sort_key, KeyType::Range))
        .projection(projection);
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("transaction_id", KeyType::Hash))
        .attribute_definitions(attribute("transaction_id", ScalarAttributeType::S))
        .attribute_definitions(attribute(by_day.partition_key, ScalarAttributeType::S))
        .attribute_definitions(attribute(by_day.sort_key, ScalarAttributeType::N))
        .global_secondary_indexes(index.build().unwrap())
        .send()
        .await
        .unwrap();
}

async fn fill(client: &Client, day: Day, count: usize) {
    let began = Instant::now();
    let chunks = (0..count).step_by(25).map(|from| {
        let items = (from..count.min(from + 25)).map(|i| {
            let put = PutRequest::builder().set_item(Some(item(day, i, count)));
            WriteRequest::builder()
                .put_request(put.build().unwrap())
                .build()
        });
        let write = client
            .batch_write_item()
            .request_items(TABLE, items.collect());
        async move { write.send().await.unwrap() }
    });
    let mut chunks = stream::iter(chunks).buffer_unordered(4);
    let mut done = 0;
    while let Some(written) = chunks.next().await {
        assert!(written.unprocessed_items.is_none_or(|left| left.is_empty()));
        done += 25;
        if done % 100_000 == 0 {
            println!(
                "{done} written after {:.0} s",
                began.elapsed().as_secs_f64()
            );
        }
    }
}

fn tiki_id(i: usize) -> String {
    format!("261120TIKIVIP-{i}-1795000000")
}

fn id(i: usize) -> TransactionId {
    TransactionId::derive(&tiki_id(i).parse().unwrap())
}

/// The items cover the whole day, many of them in the same millisecond.
fn item(day: Day, i: usize, count: usize) -> HashMap<String, AttributeValue> {
    let (id, tiki_id) = (id(i), tiki_id(i));
    let length = day.end_exclusive().unix_ms() - day.start().unix_ms();
    let place = i64::try_from(i / 3 * 3).unwrap() * (length - 1) / i64::try_from(count).unwrap();
    let final_at = day.start().unix_ms() + place;
    assert_eq!(
        Timestamp::from_unix_ms(final_at).unwrap().vietnamese_day(),
        day
    );
    let text = AttributeValue::S;
    let number = |n: i64| AttributeValue::N(n.to_string());
    let status = if i % 10 == 3 { "FAILURE" } else { "SUCCESS" };
    let amount = 1_000 + i64::try_from(i * 7_919 % 5_000_000).unwrap();
    HashMap::from([
        ("transaction_id".to_owned(), text(id.to_string())),
        ("tiki_transaction_id".to_owned(), text(tiki_id)),
        ("amount_vnd".to_owned(), number(amount)),
        ("status".to_owned(), text(status.to_owned())),
        ("created_at".to_owned(), number(final_at - 60_000)),
        ("final_at".to_owned(), number(final_at)),
        (
            "day_shard".to_owned(),
            text(format!("{day}#{:02}", id.shard(SHARDS))),
        ),
    ])
}

fn add(totals: &mut Totals, status: &str, amount: u64) {
    let (count, sum) = totals.entry(status.to_owned()).or_default();
    *count += 1;
    *sum += amount;
}

fn add_items(totals: &mut Totals, items: &[HashMap<String, AttributeValue>]) {
    for item in items {
        let amount = item["amount_vnd"].as_n().unwrap().parse().unwrap();
        add(totals, item["status"].as_s().unwrap(), amount);
    }
}

/// Reads all items by key, without the index.
async fn read_by_key(client: &Client, count: usize) -> Totals {
    let mut totals = Totals::new();
    for from in (0..count).step_by(100) {
        let keys = (from..count.min(from + 100)).map(|i| {
            let id = AttributeValue::S(id(i).to_string());
            HashMap::from([("transaction_id".to_owned(), id)])
        });
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect()));
        let got = client
            .batch_get_item()
            .request_items(TABLE, keys.build().unwrap());
        let got = got.send().await.unwrap();
        assert!(got.unprocessed_keys.is_none_or(|left| left.is_empty()));
        add_items(&mut totals, &got.responses.unwrap()[TABLE]);
    }
    totals
}

/// Reads the index shard by shard and page by page.
async fn read_sequentially(client: &Client, day: Day) -> Totals {
    let by_day = DayIndex::Final.index();
    let mut totals = Totals::new();
    for shard in 0..SHARDS {
        let mut from = None;
        loop {
            let partition = AttributeValue::S(format!("{day}#{shard:02}"));
            let page = client
                .query()
                .table_name(TABLE)
                .index_name(by_day.name)
                .key_condition_expression(format!("{} = :partition", by_day.partition_key))
                .expression_attribute_values(":partition", partition)
                .limit(PAGE_SIZE)
                .set_exclusive_start_key(from);
            let page = page.send().await.unwrap();
            add_items(&mut totals, page.items());
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
    }
    totals
}

fn delivered(sandbox: &Sandbox, outcome: &serde_json::Value) -> Vec<String> {
    let names = outcome["delivered"].as_array().unwrap().iter();
    let read = |name: &serde_json::Value| {
        let path = sandbox
            .sftp_folder
            .join("INBOUND")
            .join(name.as_str().unwrap());
        std::fs::read_to_string(path).unwrap()
    };
    names.map(read).collect()
}

/// The totals in the files, read without the code that wrote them.
fn totals(files: &[String]) -> Totals {
    let mut totals = Totals::new();
    let mut last = String::new();
    for file in files {
        for line in file.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            add(&mut totals, fields[3], fields[2].parse().unwrap());
            assert!(last.as_str() <= fields[5], "in order");
            fields[5].clone_into(&mut last);
        }
    }
    totals
}
