//! The test environment: a sandbox for each test, and what a test does with it.
//!
//! Only Tiki and the core are played. The function binaries, HTTP and DynamoDB's wire protocol are real. Tests share
//! nothing. No test waits for a schedule: [`TestEnv::time_passes`] changes the due times in the table.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test may panic, and uses the real time"
)]

mod connection;
pub mod contract;
mod dynamodb_proxy;
mod sshd;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::{Timestamp, TransactionId};
use sandbox::core::Core;
use sandbox::tiki::Tiki;
use sandbox::{Caller, Options, Principal, Response, Sandbox};
use serde_json::{Value, json};
use signing::{ClientSecret, Keyring};

use self::contract::Contract;

pub use connection::FaultyConnection;
pub use dynamodb_proxy::DynamoDbProxy;
pub use sshd::{Keys, Sshd};

/// A sandbox for one test, and what a test does with it.
pub struct TestEnv {
    pub sandbox: Sandbox,
    /// The sandbox's options.
    pub options: Options,
    /// The played Tiki.
    pub tiki: Tiki,
    /// The played core.
    pub core: Core,
    /// A client of the sandbox's DynamoDB.
    pub dynamodb: Client,
    /// Holds every call against the documents of the API.
    _contract: Contract,
}

/// In so many partitions a day is spread (docs/architecture.md#storage).
const SHARDS: u8 = 16;

/// A payment in a test.
#[derive(Clone, Debug)]
pub struct Payment {
    pub tiki_id: String,
    /// Our transaction id.
    pub id: String,
    /// The payment link.
    pub url: String,
    /// Amount in VND.
    pub amount: u64,
}

impl Payment {
    /// Reads the payment from the answer to its creation.
    #[must_use]
    pub fn created(tiki_id: &str, amount: u64, answer: &Response) -> Self {
        assert_eq!(
            (answer.status, answer.code()),
            (200, Some(0)),
            "{}",
            answer.text
        );
        let data = &answer.json["data"];
        Self {
            tiki_id: tiki_id.to_owned(),
            id: data["transaction_id"].as_str().unwrap().to_owned(),
            url: data["payment_url"].as_str().unwrap().to_owned(),
            amount,
        }
    }
}

impl TestEnv {
    /// Starts a sandbox in which no sweep runs by itself.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a sandbox with changed options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            sweep_every: Duration::from_hours(24),
            no_cron: true,
            ..Options::default()
        };
        change(&mut options);
        let sandbox = Sandbox::start(options.clone())
            .await
            .expect("the sandbox starts");
        Self {
            tiki: sandbox.tiki.clone().expect("the sandbox plays Tiki"),
            core: sandbox.core.clone().expect("the sandbox plays the core"),
            dynamodb: Client::new(&sandbox::sdk(&sandbox.dynamodb_url)),
            _contract: Contract::watching(&sandbox.journal),
            sandbox,
            options,
        }
    }

    /// Creates a payment for a new order.
    pub async fn create(&self, amount: u64) -> Payment {
        let tiki_id = self.tiki.order(amount);
        let created = self.tiki.create(&tiki_id, None).await.unwrap();
        Payment::created(&tiki_id, amount, &created)
    }

    /// Creates a payment and sends its result: paid.
    pub async fn paid(&self, amount: u64) -> Payment {
        let payment = self.create(amount).await;
        let answer = self.send_paid_result(&payment).await;
        assert_eq!(answer.code(), Some(0), "{}", answer.text);
        payment
    }

    /// Creates a payment that is paid and confirmed by Tiki.
    pub async fn confirmed(&self, amount: u64) -> Payment {
        let payment = self.paid(amount).await;
        self.until("Tiki is notified", async || {
            self.ipn_state(&payment).await == "confirmed"
        })
        .await;
        payment
    }

    /// Takes the customer's money and sends the payment result.
    pub async fn send_paid_result(&self, payment: &Payment) -> Response {
        self.core.take_money(&payment.id, payment.amount);
        let result = json!({ "status": "SUCCESS", "amount": payment.amount });
        self.core.send_result(&payment.id, &result).await.unwrap()
    }

    /// Sends the payment result of a failure.
    pub async fn send_failed_result(&self, payment: &Payment) -> Response {
        let result = json!({ "status": "FAILURE", "reason": "not enough money" });
        self.core.send_result(&payment.id, &result).await.unwrap()
    }

    /// Requests a refund as Tiki.
    pub async fn refund(&self, payment: &Payment, request_id: &str, amount: u64) -> Response {
        let refund = self
            .tiki
            .refund(&payment.tiki_id, &payment.id, request_id, amount);
        refund.await.unwrap()
    }

    /// The answer to a look-up by Tiki.
    pub async fn check(&self, payment: &Payment) -> Value {
        self.tiki.check(&payment.tiki_id).await.unwrap().json
    }

    /// The item of a payment, as JSON without type tags.
    pub async fn item(&self, payment: &Payment) -> Value {
        let item = self
            .dynamodb
            .get_item()
            .table_name("TransactionsTable")
            .key("transaction_id", AttributeValue::S(payment.id.clone()))
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .item
            .expect("the item exists");
        plain(&AttributeValue::M(item))
    }

    /// The state of the notification.
    pub async fn ipn_state(&self, payment: &Payment) -> String {
        self.item(payment).await["ipn"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Makes all obligations of a payment due now, and ends their leases.
    pub async fn time_passes(&self, payment: &Payment) {
        // Another write may come in between; then try again on the new item.
        while !self.make_due(payment).await {}
    }

    /// Returns whether the write succeeded.
    async fn make_due(&self, payment: &Payment) -> bool {
        let item = self.item(payment).await;
        let mut sets = Vec::new();
        for index in ["ipn_due_at", "refund_due_at", "expiry_due_at"] {
            if item[index].is_number() {
                sets.push(format!("{index} = :long_ago"));
            }
        }
        if item["ipn"]["due_at"].is_number() {
            sets.push("ipn.due_at = :long_ago".to_owned());
        }
        if item["expiry_check"].is_object() {
            sets.push("expiry_check.due_at = :long_ago".to_owned());
        }
        for (i, refund) in item["refunds"].as_array().into_iter().flatten().enumerate() {
            if refund["due"].is_object() {
                sets.push(format!("refunds[{i}].due.due_at = :long_ago"));
            }
        }
        if sets.is_empty() {
            return true;
        }
        // A normal write, so that a worker at the same item has a version conflict and decides again.
        sets.push("version = :next".to_owned());
        let version = item["version"].as_u64().unwrap();
        let number = |n: u64| AttributeValue::N(n.to_string());
        let written = self
            .dynamodb
            .update_item()
            .table_name("TransactionsTable")
            .key("transaction_id", AttributeValue::S(payment.id.clone()))
            .update_expression(format!("SET {}", sets.join(", ")))
            .condition_expression("version = :version")
            .expression_attribute_values(":long_ago", number(1))
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":next", number(version + 1))
            .send()
            .await;
        match written {
            Ok(_) => true,
            Err(error) => {
                let error = error.into_service_error();
                assert!(error.is_conditional_check_failed_exception(), "{error:?}");
                false
            }
        }
    }

    /// Changes when the payment became final, in Unix milliseconds.
    pub async fn set_final_at(&self, payment: &Payment, at: i64) {
        let day = domain::Timestamp::from_unix_ms(at)
            .unwrap()
            .vietnamese_day();
        let shard = self.item(payment).await["day_shard"]
            .as_str()
            .unwrap()
            .to_owned();
        let (_, shard) = shard.split_once('#').unwrap();
        let at = AttributeValue::N(at.to_string());
        self.dynamodb
            .update_item()
            .table_name("TransactionsTable")
            .key("transaction_id", AttributeValue::S(payment.id.clone()))
            .update_expression(
                "SET final_at = :at, payment.recorded_at = :at, day_shard = :shard ADD version :one",
            )
            .expression_attribute_values(":at", at)
            .expression_attribute_values(":shard", AttributeValue::S(format!("{day}#{shard}")))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    }

    /// Adds payments like this one, each final at its own time in Unix milliseconds: so many that nobody would wait for
    /// their purchases. Returns their ids at Tiki, in the order of the times.
    pub async fn copies_of(&self, payment: &Payment, final_at: &[i64]) -> Vec<String> {
        let key = AttributeValue::S(payment.id.clone());
        let get = self.dynamodb.get_item().table_name("TransactionsTable");
        let found = get.key("transaction_id", key).consistent_read(true).send();
        let pattern = found.await.unwrap().item.expect("the item exists");
        let text = |text: String| AttributeValue::S(text);
        let mut ids = Vec::new();
        let mut puts = Vec::new();
        for (place, at) in final_at.iter().enumerate() {
            let tiki_id = format!("COPY-{place}");
            let id = TransactionId::derive(&tiki_id.parse().unwrap());
            let day = Timestamp::from_unix_ms(*at).unwrap().vietnamese_day();
            let shard = id.shard(SHARDS);
            let mut item = pattern.clone();
            item.insert("transaction_id".to_owned(), text(id.to_string()));
            item.insert("tiki_transaction_id".to_owned(), text(tiki_id.clone()));
            let day_shard = text(format!("{day}#{shard:02}"));
            item.insert("day_shard".to_owned(), day_shard);
            item.insert("final_at".to_owned(), AttributeValue::N(at.to_string()));
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            puts.push(WriteRequest::builder().put_request(put).build());
            ids.push(tiki_id);
        }
        for batch in puts.chunks(25) {
            let write = self.dynamodb.batch_write_item();
            let write = write.request_items("TransactionsTable", batch.to_vec());
            let written = write.send().await.unwrap();
            assert!(written.unprocessed_items().is_none_or(HashMap::is_empty));
        }
        ids
    }

    /// Makes all transactions two days older.
    pub async fn days_pass(&self) {
        for _ in 0..2 {
            self.sandbox.day_passes().await.unwrap();
        }
    }

    /// Puts an object into the bucket of reconciliation, as the core does.
    pub async fn put_object(&self, key: &str, text: &str) {
        let url = format!("{}/ReconciliationBucket/{key}", self.sandbox.s3_url);
        let put = sandbox::http().unwrap().put(url);
        let put = put
            .header("authorization", "a test's")
            .body(text.to_owned());
        let answer = put.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{key}");
    }

    /// Sets the first day that is reconciled.
    pub async fn set_first_day(&self, day: domain::Day) {
        self.set_first_day_of("began", day).await;
    }

    /// Sets the day on which the comparison with the core's statements was switched on.
    pub async fn set_compared_from(&self, day: domain::Day) {
        self.set_first_day_of("compared_from", day).await;
    }

    async fn set_first_day_of(&self, sort: &str, day: domain::Day) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let record = [("first_day".to_owned(), text(&day.to_string()))];
        self.dynamodb
            .put_item()
            .table_name("ReconciliationTable")
            .item("partition", text("runs"))
            .item("sort", text(sort))
            .item("version", AttributeValue::N("1".to_owned()))
            .item("write_id", text("a test's"))
            .item("record", AttributeValue::M(record.into()))
            .send()
            .await
            .unwrap();
    }

    /// Ends the run lock of a reconciliation run that died or hangs.
    pub async fn expire_run_lock(&self) {
        // A released lock has 0.
        let key = |text: &str| AttributeValue::S(text.to_owned());
        self.dynamodb
            .update_item()
            .table_name("ReconciliationTable")
            .key("partition", key("runs"))
            .key("sort", key("lease"))
            .update_expression("SET #record.#until = :past ADD version :one")
            .expression_attribute_names("#record", "record")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":past", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    }

    /// Invokes a worker as the schedule does.
    pub async fn sweep(&self, worker: &str) {
        self.sandbox
            .invoke(worker, &json!({ "action": "sweep" }))
            .await
            .unwrap();
    }

    /// Makes all obligations of a payment due, and runs both sweeps.
    pub async fn later(&self, payment: &Payment) {
        self.time_passes(payment).await;
        self.sweep("ipn-sender").await;
        self.sweep("core-worker").await;
    }

    /// Runs a command of `tikivip` as an operator.
    pub async fn tikivip(&self, arguments: &[&str]) -> CommandOutput {
        self.tikivip_as(Principal::LAN, arguments).await
    }

    /// Runs a command of `tikivip` as this person.
    pub async fn tikivip_as(&self, person: Principal, arguments: &[&str]) -> CommandOutput {
        run_tikivip(&self.sandbox.operator_settings(person), arguments).await
    }

    /// The same with changed settings. An empty value removes a setting.
    pub async fn tikivip_set(&self, changed: &[(&str, &str)], arguments: &[&str]) -> CommandOutput {
        let mut settings = self.sandbox.operator_settings(Principal::LAN);
        for (name, value) in changed {
            assert!(settings.contains_key(*name), "{name} is not a setting");
            settings.insert((*name).to_owned(), (*value).to_owned());
        }
        run_tikivip(&settings, arguments).await
    }

    /// Has one person propose a verdict, with its amount if it needs one, and another one approve it.
    pub async fn resolve(&self, id: &str, verdict: &[&str]) -> CommandOutput {
        let reason = ["--reason", "Tiki said so by phone", "--output", "json"];
        let shown = self.tikivip(&["show", id, "--output", "json"]).await;
        let shown = (shown.code == 0).then(|| shown.json()["review"].clone());
        let review = shown.as_ref().and_then(Value::as_str);
        // If nothing is in review, any name is refused.
        let review = ["--review", review.unwrap_or("undecided")];
        let resolve = [&["resolve", id, "--as"], verdict, &review, &reason[..]].concat();
        let proposed = self.tikivip(&resolve).await;
        if proposed.code != 0 {
            return proposed;
        }
        let number = proposed.json()["proposal"]["number"].to_string();
        let approve = ["approve", id, "--proposal", &number];
        let reason = ["--reason", "I agree", "--output", "json"];
        self.tikivip_as(Principal::MINH, &[&approve[..], &reason].concat())
            .await
    }

    /// Waits for a condition.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let wait = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .is_err()
        {
            let logs = self.sandbox.logs();
            let last: Vec<_> = logs.iter().rev().take(10).collect();
            panic!("this did not happen within 60 seconds: {what}\n{last:#?}");
        }
    }

    /// Waits until a function has logged an alarm.
    pub async fn until_alarm(&self, alarm: &str) {
        let logged = || {
            self.sandbox
                .logs()
                .iter()
                .any(|line| line.event["alarm"] == alarm)
        };
        self.until(&format!("the alarm {alarm}"), async || logged())
            .await;
    }

    /// A caller with the wrong keys.
    #[must_use]
    pub fn caller_with(&self, caller: &Caller, id: &str, secret: &str) -> Caller {
        Caller {
            keys: Keyring::new(id, ClientSecret::new(secret)),
            ..caller.clone()
        }
    }
}

async fn run_tikivip(settings: &BTreeMap<String, String>, arguments: &[&str]) -> CommandOutput {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    std::fs::write(&file, json!(settings).to_string()).unwrap();
    let binaries = sandbox::binaries(false).await.unwrap();
    let output = tokio::process::Command::new(&binaries["tikivip"])
        .env_clear()
        .arg("--settings")
        .arg(&file)
        .args(arguments)
        .output()
        .await
        .unwrap();
    CommandOutput {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The result of a command.
#[derive(Clone, Debug)]
pub struct CommandOutput {
    /// The exit code.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl CommandOutput {
    /// Standard output as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// The time of this machine, in Unix milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

/// Kills processes, like a machine that fails.
pub fn kill(pids: &[u32]) {
    for pid in pids {
        let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        // A process that has already ended is fine.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// A value of DynamoDB as JSON, without its type.
#[must_use]
pub fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap(),
        AttributeValue::Bool(flag) => json!(flag),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::L(items) => items.iter().map(plain).collect(),
        AttributeValue::M(map) => {
            Value::Object(map.iter().map(|(k, v)| (k.clone(), plain(v))).collect())
        }
        other => panic!("an attribute of an unexpected type: {other:?}"),
    }
}
