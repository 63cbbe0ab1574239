//! Plays Tiki: its APIs, its buyers, and its side of the reconciliation.

mod api;
mod orders;
mod reconciliation;
mod result_file;
mod shop;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{GetSigning, Keyring};
use uuid::Uuid;

use crate::caller::{Caller, Response};
use crate::faults::Faults;
use crate::journal::Journal;
use crate::sftp::{Sftp, SftpFault};
use crate::state_store::StateStore;

pub(crate) use self::api::verified;
pub use self::result_file::FileFault;
pub use self::shop::ShopRefund;

/// Tiki's orders, and its APIs.
#[derive(Clone)]
pub struct Tiki {
    orders: StateStore<HashMap<String, Order>>,
    /// Faults of `webview`, `ipn` and `look_up`.
    pub faults: Faults,
    /// Faults of `result_file`: one for each file of the partner that Tiki answers.
    pub result_files: Faults<FileFault>,
    /// Faults of Tiki's SFTP server: of `sftp_list`, `sftp_stat`, `sftp_read`, `sftp_write`, `sftp_rename` and
    /// `sftp_remove`.
    pub file_server: Faults<SftpFault>,
    /// Calls the partner's APIs, signed as Tiki.
    pub caller: Caller,
    keys: Arc<Mutex<Keyring>>,
    opened: Arc<Mutex<Vec<Value>>>,
    get_signing: Arc<Mutex<GetSigning>>,
    /// How far Tiki's clock is ahead of the sandbox's, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
    journal: Journal,
    url: String,
    /// The folder of its SFTP server with the partner's files.
    folder: PathBuf,
}

/// An order at Tiki.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The amount to pay, in VND.
    pub amount: u64,
    /// `PENDING`, `SUCCESS` or `FAILURE`.
    pub status: String,
    /// Whether it was cancelled. The IPN and the look-up then answer code 6.
    pub cancelled: bool,
    /// Every correctly signed IPN that arrived for it.
    pub ipns: Vec<Ipn>,
    /// Whether the next result file must report this order as one that only Tiki has.
    #[serde(default)]
    pub only_at_tiki: bool,
    /// Counts the orders: the newest has the largest.
    #[serde(default)]
    pub number: u64,
    /// The webview in which it was placed.
    #[serde(default)]
    pub session: Option<String>,
    /// The partner's id of its payment, once that is created.
    #[serde(default)]
    pub transaction_id: Option<String>,
    /// What was bought.
    #[serde(default)]
    pub description: String,
    /// The refunds that were asked for in the shop.
    #[serde(default)]
    pub refunds: Vec<ShopRefund>,
}

/// An IPN that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipn {
    /// The signature's timestamp.
    pub timestamp: String,
    pub signature: String,
    pub body: Value,
}

impl Tiki {
    pub(crate) fn new(
        caller: Caller,
        journal: Journal,
        url: String,
        sftp: &Sftp,
        orders: StateStore<HashMap<String, Order>>,
    ) -> Self {
        Self {
            orders,
            faults: Faults::of(&["webview", "ipn", "look_up"]),
            result_files: Faults::of(&[result_file::CALL]),
            file_server: sftp.faults(),
            keys: Arc::new(Mutex::new(caller.keys.clone())),
            caller,
            opened: Arc::default(),
            get_signing: Arc::default(),
            ahead_ms: Arc::default(),
            journal,
            url,
            folder: sftp.folder(),
        }
    }

    /// Tiki's time: the sandbox's, and how far its own clock is ahead of that.
    fn now_ms(&self) -> i64 {
        self.caller.clock.now_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Creates an order, as for a buyer's basket. Returns Tiki's id for its payment.
    #[must_use]
    pub fn order(&self, amount: u64) -> String {
        let number = Uuid::new_v4().as_u128() % 1_000_000_000;
        let id = format!(
            "261123TIKIVIP-{number}-{}",
            self.caller.clock.now_ms() / 1000
        );
        self.add_order(&id, amount);
        id
    }

    /// Adds an unpaid order with this id.
    pub fn add_order(&self, id: &str, amount: u64) {
        self.save(id, amount, "PENDING", false);
    }

    /// Adds a paid order that the partner does not know. The next result file reports it.
    pub fn add_order_only_at_tiki(&self, id: &str, amount: u64) {
        self.save(id, amount, "SUCCESS", true);
    }

    fn save(&self, id: &str, amount: u64, status: &str, only_at_tiki: bool) {
        self.orders.write(|orders| {
            let last = orders.values().map(|order| order.number).max();
            let order = Order {
                amount,
                status: status.to_owned(),
                only_at_tiki,
                number: last.unwrap_or(0).saturating_add(1),
                ..Order::default()
            };
            orders.insert(id.to_owned(), order)
        });
    }

    /// Creates the payment of an order at the partner, as Tiki's backend does.
    pub async fn create(&self, id: &str, request_id: Option<&str>) -> anyhow::Result<Response> {
        let more = request_id.map_or_else(|| json!({}), |id| json!({ "request_id": id }));
        self.create_with(id, more).await
    }

    /// The same, with more fields of the create call.
    pub(crate) async fn create_with(&self, id: &str, more: Value) -> anyhow::Result<Response> {
        let amount = self.known(id).map_or(0, |order| order.amount);
        let (session, description) = shop::kept(&more);
        let mut body = more;
        body["tiki_transaction_id"] = json!(id);
        body["transaction_amount"] = json!(amount);
        let created = self.caller.post("/tikivip/v1/transactions", &body).await?;
        if let Some(transaction_id) = created.json["data"]["transaction_id"].as_str() {
            self.change(id, |order| {
                order.transaction_id = Some(transaction_id.to_owned());
                (order.session, order.description) = (session, description);
            });
        }
        Ok(created)
    }

    /// Requests a refund, as Tiki's backend does.
    pub async fn refund(
        &self,
        id: &str,
        transaction_id: &str,
        request_id: &str,
        amount: u64,
    ) -> anyhow::Result<Response> {
        let body = json!({
            "tiki_transaction_id": id,
            "transaction_id": transaction_id,
            "transaction_amount": amount,
            "reason": "Khách hủy một phần đơn",
            "request_id": request_id,
        });
        self.caller.post("/tikivip/v1/refunds", &body).await
    }

    /// Looks up a transaction at the partner, as Tiki's backend does.
    pub async fn check(&self, id: &str) -> anyhow::Result<Response> {
        let body = json!({ "tiki_transaction_id": id });
        self.caller
            .post("/tikivip/v1/transactions/query", &body)
            .await
    }

    /// An order as Tiki knows it.
    #[must_use]
    pub fn known(&self, id: &str) -> Option<Order> {
        self.orders.read(|orders| orders.get(id).cloned())
    }

    /// Changes an order.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Order)) {
        self.orders.write(|orders| orders.get_mut(id).map(change));
    }

    /// Deletes an order.
    pub fn forget(&self, id: &str) {
        self.orders.write(|orders| orders.remove(id));
    }

    /// The bodies of all correctly signed webview requests.
    #[must_use]
    pub fn webviews(&self) -> Vec<Value> {
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets how Tiki expects a GET to be signed. Nothing else changes on the wire.
    pub fn expect_get_signing(&self, get_signing: GetSigning) {
        *self
            .get_signing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = get_signing;
    }

    /// Sets how far Tiki's clock is ahead, in its signature checks and in the `Date` header of its answers.
    pub fn set_clock_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    /// Changes the keys with which Tiki checks signatures.
    pub fn expect_keys(&self, keys: Keyring) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }
}
