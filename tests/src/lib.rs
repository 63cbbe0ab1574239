//! What the stories stand on: a sandbox of their own each, and the hands to act in it.
//!
//! Everything here is real but the other two sides: the function binaries that would be deployed, HTTP, and
//! a DynamoDB that speaks the wire protocol. Nothing is shared between tests, and no test waits for a
//! schedule: [`TestEnv::time_passes`] makes what is due later due now, in the table.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test may panic, and its time is real"
)]

mod cut;
mod proxy;
mod sshd;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::core::Core;
use sandbox::tiki::Tiki;
use sandbox::{Caller, Options, Response, Sandbox};
use serde_json::{Value, json};
use signing::{ClientSecret, Keyring};

pub use cut::Cut;
pub use proxy::Proxy;
pub use sshd::{Keys, Sshd};

/// A sandbox for one test, with hands to act in it.
pub struct TestEnv {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// How it was started.
    pub options: Options,
    /// Tiki, and its calls.
    pub tiki: Tiki,
    /// The core, and its calls.
    pub core: Core,
    /// The table itself.
    pub dynamodb: Client,
}

/// A payment in a test.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Tiki's id.
    pub tiki_id: String,
    /// Our id.
    pub id: String,
    /// The customer's link.
    pub url: String,
    /// In VND.
    pub amount: u64,
}

impl Payment {
    /// The payment that a create request was answered with.
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
    /// A sandbox whose schedule does not fire by itself.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A sandbox with other options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            sweep_every: Duration::from_hours(24),
            ..Options::default()
        };
        change(&mut options);
        let sandbox = Sandbox::start(options.clone())
            .await
            .expect("the sandbox starts");
        Self {
            tiki: sandbox.tiki.clone().expect("Tiki is played"),
            core: sandbox.core.clone().expect("the core is played"),
            dynamodb: Client::new(&sandbox::sdk(&sandbox.dynamodb_url)),
            sandbox,
            options,
        }
    }

    /// Tiki creates a payment for a new order.
    pub async fn create(&self, amount: u64) -> Payment {
        let tiki_id = self.tiki.order(amount);
        let created = self.tiki.create(&tiki_id, None).await.unwrap();
        Payment::created(&tiki_id, amount, &created)
    }

    /// A payment that the core has reported as paid.
    pub async fn paid(&self, amount: u64) -> Payment {
        let payment = self.create(amount).await;
        let reported = self.report_paid(&payment).await;
        assert_eq!(reported.code(), Some(0), "{}", reported.text);
        payment
    }

    /// A payment that is paid and confirmed at Tiki.
    pub async fn confirmed(&self, amount: u64) -> Payment {
        let payment = self.paid(amount).await;
        self.until("Tiki is told", async || {
            self.ipn_state(&payment).await == "confirmed"
        })
        .await;
        payment
    }

    /// The core takes the money and reports it.
    pub async fn report_paid(&self, payment: &Payment) -> Response {
        self.core.take_money(&payment.id, payment.amount);
        let report = json!({ "status": "SUCCESS", "amount": payment.amount });
        self.core.send_result(&payment.id, &report).await.unwrap()
    }

    /// The core reports a failure.
    pub async fn report_failed(&self, payment: &Payment) -> Response {
        let report = json!({ "status": "FAILURE", "reason": "not enough money" });
        self.core.send_result(&payment.id, &report).await.unwrap()
    }

    /// Tiki asks money back.
    pub async fn refund(&self, payment: &Payment, request_id: &str, amount: u64) -> Response {
        let refund = self
            .tiki
            .refund(&payment.tiki_id, &payment.id, request_id, amount);
        refund.await.unwrap()
    }

    /// What we show Tiki of a payment.
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
            .expect("the item is there");
        plain(&AttributeValue::M(item))
    }

    /// How far Tiki has been told.
    pub async fn ipn_state(&self, payment: &Payment) -> String {
        self.item(payment).await["ipn"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Makes everything that a payment owes later due now: leases, tries, questions.
    pub async fn time_passes(&self, payment: &Payment) {
        // Somebody else may write in between: then again, on what is there now.
        while !self.make_due(payment).await {}
    }

    /// Whether it could be written.
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
        // A write like any other: a worker that is at it meets a conflict, and decides anew.
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

    /// The payment became final at another time, Unix milliseconds.
    pub async fn became_final_at(&self, payment: &Payment, at: i64) {
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

    /// Two days pass: what happened today happened the day before yesterday.
    pub async fn days_pass(&self) {
        for _ in 0..2 {
            self.sandbox.day_passes().await.unwrap();
        }
    }

    /// The first day that is reconciled is this one.
    pub async fn reconciles_since(&self, day: domain::Day) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let record = [("first_day".to_owned(), text(&day.to_string()))];
        self.dynamodb
            .put_item()
            .table_name("ReconciliationTable")
            .item("subject", text("runs"))
            .item("entry", text("began"))
            .item("version", AttributeValue::N("1".to_owned()))
            .item("write_id", text("a test's"))
            .item("record", AttributeValue::M(record.into()))
            .send()
            .await
            .unwrap();
    }

    /// The turn of a run of reconciliation that died, or hangs, is over.
    pub async fn turn_runs_out(&self) {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        self.dynamodb
            .update_item()
            .table_name("ReconciliationTable")
            .key("subject", key("runs"))
            .key("entry", key("lease"))
            .update_expression("SET #record.#until = :zero ADD version :one")
            .expression_attribute_names("#record", "record")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    }

    /// The schedule calls a worker.
    pub async fn sweep(&self, worker: &str) {
        self.sandbox
            .invoke(worker, &json!({ "action": "sweep" }))
            .await
            .unwrap();
    }

    /// Time passes for a payment, and both workers look.
    pub async fn later(&self, payment: &Payment) {
        self.time_passes(payment).await;
        self.sweep("ipn-sender").await;
        self.sweep("core-worker").await;
    }

    /// An operator types a command of `tikivip`, with the settings of this sandbox.
    pub async fn tikivip(&self, arguments: &[&str]) -> Typed {
        self.tikivip_set(&[], arguments).await
    }

    /// The same, with some of the settings changed; an empty one is not set.
    pub async fn tikivip_set(&self, changed: &[(&str, &str)], arguments: &[&str]) -> Typed {
        let mut settings = self.sandbox.operator_settings();
        for (name, value) in changed {
            assert!(settings.contains_key(*name), "{name} is no setting");
            settings.insert((*name).to_owned(), (*value).to_owned());
        }
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
        Typed {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
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
            panic!("waited in vain: {what}\n{last:#?}");
        }
    }

    /// Waits until a function has told a person to act.
    pub async fn until_alarm(&self, alarm: &str) {
        let told = || {
            self.sandbox
                .logs()
                .iter()
                .any(|line| line.event["alarm"] == alarm)
        };
        self.until(&format!("the alarm {alarm}"), async || told())
            .await;
    }

    /// A caller with other keys than it should have.
    #[must_use]
    pub fn caller_with(&self, caller: &Caller, id: &str, secret: &str) -> Caller {
        Caller {
            keys: Keyring::new(id, ClientSecret::new(secret)),
            ..caller.clone()
        }
    }
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Typed {
    /// The output, which was asked for as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// Ends processes as a machine that fails does.
pub fn kill(pids: &[u32]) {
    for pid in pids {
        let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        // One that is gone already is what was wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap(),
        AttributeValue::L(items) => items.iter().map(plain).collect(),
        AttributeValue::M(map) => {
            Value::Object(map.iter().map(|(k, v)| (k.clone(), plain(v))).collect())
        }
        other => panic!("an attribute that we do not write: {other:?}"),
    }
}
