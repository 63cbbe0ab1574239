//! Tiki, played: its APIs, its buyers, and its side of reconciliation.

mod api;
mod reconciliation;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{GetSigning, Keyring};
use uuid::Uuid;

use crate::caller::{Caller, Response, now_ms};
use crate::faults::Faults;
use crate::journal::Journal;
use crate::state_store::StateStore;

pub(crate) use self::api::verified;

/// Tiki: what it knows of orders, and its side of the conversation.
#[derive(Clone)]
pub struct Tiki {
    orders: StateStore<HashMap<String, Order>>,
    /// Faults of `webview`, `ipn` and `look_up`.
    pub faults: Faults,
    /// Calls the partner's APIs, signed as Tiki.
    pub caller: Caller,
    keys: Arc<Mutex<Keyring>>,
    opened: Arc<Mutex<Vec<Value>>>,
    get_signing: Arc<Mutex<GetSigning>>,
    /// How far Tiki's clock runs ahead, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
    journal: Journal,
    url: String,
    /// Where its SFTP server has the partner's files.
    folder: PathBuf,
}

/// An order at Tiki.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is to be paid, in VND.
    pub amount: u64,
    /// `PENDING`, `SUCCESS` or `FAILURE`.
    pub status: String,
    /// Whether it was cancelled: IPN and look-up then answer code 6.
    pub cancelled: bool,
    /// Every rightly signed IPN that arrived for it.
    pub ipns: Vec<Ipn>,
    /// Whether Tiki is still to say that it has the order and the partner does not.
    #[serde(default)]
    pub claimed: bool,
}

/// An IPN that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipn {
    /// The signature's timestamp.
    pub timestamp: String,
    /// The signature.
    pub signature: String,
    /// The body.
    pub body: Value,
}

impl Tiki {
    pub(crate) fn new(
        caller: Caller,
        journal: Journal,
        url: String,
        folder: PathBuf,
        orders: StateStore<HashMap<String, Order>>,
    ) -> Self {
        Self {
            orders,
            faults: Faults::default(),
            keys: Arc::new(Mutex::new(caller.keys.clone())),
            caller,
            opened: Arc::default(),
            get_signing: Arc::default(),
            ahead_ms: Arc::default(),
            journal,
            url,
            folder,
        }
    }

    /// A buyer fills a basket: Tiki has an order, and an id for its payment.
    #[must_use]
    pub fn order(&self, amount: u64) -> String {
        let number = Uuid::new_v4().as_u128() % 1_000_000_000;
        let id = format!("261123TIKIVIP-{number}-{}", now_ms() / 1000);
        self.adopt(&id, amount);
        id
    }

    /// Tiki has an order under this id, unpaid.
    pub fn adopt(&self, id: &str, amount: u64) {
        self.keep(id, amount, "PENDING", false);
    }

    /// Tiki has an order under this id that is paid, of which the partner has never heard: it says so in the
    /// next result file.
    pub fn claims_payment(&self, id: &str, amount: u64) {
        self.keep(id, amount, "SUCCESS", true);
    }

    fn keep(&self, id: &str, amount: u64, status: &str, claimed: bool) {
        let order = Order {
            amount,
            status: status.to_owned(),
            cancelled: false,
            ipns: Vec::new(),
            claimed,
        };
        self.orders
            .write(|orders| orders.insert(id.to_owned(), order));
    }

    /// Tiki's backend creates the payment of an order at the partner.
    pub async fn create(&self, id: &str, request_id: Option<&str>) -> anyhow::Result<Response> {
        let amount = self.known(id).map_or(0, |order| order.amount);
        let mut body = json!({ "tiki_transaction_id": id, "transaction_amount": amount });
        if let Some(request_id) = request_id {
            body["request_id"] = json!(request_id);
        }
        self.caller.post("/tikivip/v1/transactions", &body).await
    }

    /// Tiki's backend asks money back.
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

    /// Tiki's backend looks a transaction up at the partner.
    pub async fn check(&self, id: &str) -> anyhow::Result<Response> {
        let body = json!({ "tiki_transaction_id": id });
        self.caller
            .post("/tikivip/v1/transactions/query", &body)
            .await
    }

    /// What Tiki knows of an order.
    #[must_use]
    pub fn known(&self, id: &str) -> Option<Order> {
        self.orders.read(|orders| orders.get(id).cloned())
    }

    /// Changes what Tiki knows.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Order)) {
        self.orders.write(|orders| orders.get_mut(id).map(change));
    }

    /// Forgets an order: it is not found any more.
    pub fn forget(&self, id: &str) {
        self.orders.write(|orders| orders.remove(id));
    }

    /// The bodies of the webview requests that were rightly signed.
    #[must_use]
    pub fn webviews(&self) -> Vec<Value> {
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tiki expects GETs to be signed in this way; nothing else is changed on the wire.
    pub fn expect_get_signing(&self, get_signing: GetSigning) {
        *self
            .get_signing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = get_signing;
    }

    /// Tiki's clock runs so far ahead: in its checks of signatures, and in the dates of its answers.
    pub fn set_clock_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    /// Tiki takes up other keys, for its own checks of signatures.
    pub fn expect_keys(&self, keys: Keyring) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }
}
