//! Plays the partner's core: its payment screen, its refunds, and the payment results that it sends.

mod questions;
mod refunds;
mod results;
mod screen;
mod statement;
mod taken_elsewhere;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use domain::Vnd;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signing::{HeaderNames, Keyring};

use self::refunds::ANSWER_ON_ITS_WAY_MS;
pub use self::statement::Booking;
use crate::body::JsonBody;
use crate::caller::{Caller, Response};
use crate::faults::{self, Faults};
use crate::journal::{Callee, Journal, Watched};
use crate::state_store::StateStore;
use crate::tiki::verified;

/// A larger body is refused before its signature is looked at.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How often the core sends a payment result until it is accepted, and the wait between two attempts.
const RESULT_ATTEMPTS: u32 = 50;
const RESULT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// The partner's core system.
#[derive(Clone)]
pub struct Core {
    state: StateStore<CoreState>,
    /// Faults of `refund`, `find_refund`, `payment` and `statement`.
    pub faults: Faults,
    /// Calls the functions, signed as the core.
    pub caller: Caller,
    /// Where it sends payment results and reads payments, if not at the functions.
    api_url: Arc<Mutex<Option<String>>>,
    keys: Arc<Mutex<Keyring>>,
    journal: Journal,
}

/// The payments and refunds that the core knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CoreState {
    payments: HashMap<String, Payment>,
    /// The `expires_at` of each payment whose form was shown, in Unix milliseconds.
    #[serde(default)]
    opened: HashMap<String, i64>,
    refunds: HashMap<String, Refund>,
    /// What its statements say, in the order of time.
    #[serde(default)]
    bookings: Vec<Booking>,
}

/// A payment at the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Amount in VND.
    pub amount: u64,
    /// `paid`, `failed`, `not_paid` or `pending`.
    pub status: String,
    /// When it was paid, in Unix milliseconds.
    #[serde(default)]
    pub paid_at_ms: i64,
}

/// A refund at the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The transaction that it belongs to.
    pub transaction_id: String,
    /// Amount in VND.
    pub amount: u64,
    /// What had gone back before, as the first posting says, in VND.
    #[serde(default)]
    pub refunded_so_far: u64,
    /// When the money went back, in Unix milliseconds.
    #[serde(default)]
    pub at_ms: i64,
    /// `succeeded`, `pending` or `rejected`.
    pub status: String,
    /// How often it was posted, with the same content. The money moves once.
    pub posted: u32,
}

impl Core {
    pub(crate) fn new(caller: Caller, journal: Journal, state: StateStore<CoreState>) -> Self {
        Self {
            state,
            keys: Arc::new(Mutex::new(caller.keys.clone())),
            faults: Faults::of(&["refund", "find_refund", "payment", "statement"]),
            caller,
            api_url: Arc::default(),
            journal,
        }
    }

    /// The time of the core, which is the sandbox's.
    fn now_ms(&self) -> i64 {
        self.caller.clock.now_ms()
    }

    /// Sends payment results to another API than the functions', and reads payments there, as a core with another setting
    /// does. `None` ends it.
    pub fn call_api_at(&self, api_url: Option<String>) {
        *self.api_url.lock().unwrap_or_else(PoisonError::into_inner) = api_url;
    }

    /// Takes the money of a customer who pays.
    pub fn take_money(&self, transaction_id: &str, amount: u64) {
        self.set_payment(transaction_id, amount, "paid");
    }

    /// Sets the core's answer about a payment.
    pub fn set_payment(&self, transaction_id: &str, amount: u64, status: &str) {
        let now_ms = self.now_ms();
        self.state
            .write(|state| state.set_payment(transaction_id, amount, status, now_ms));
    }

    /// A payment as the core has it.
    pub(crate) fn payment(&self, transaction_id: &str) -> Option<Payment> {
        self.state
            .read(|state| state.payments.get(transaction_id).cloned())
    }

    /// Sets when a payment was paid, by the core's word.
    pub fn set_paid_at(&self, transaction_id: &str, paid_at_ms: i64) {
        self.state.write(|state| {
            if let Some(payment) = state.payments.get_mut(transaction_id) {
                payment.paid_at_ms = paid_at_ms;
            }
        });
    }

    /// Sets the core's answer about a refund that it knows.
    pub fn set_refund(&self, refund_id: &str, status: &str) {
        let now_ms = self.now_ms();
        self.state.write(|state| {
            let Some(refund) = state.refunds.get_mut(refund_id) else {
                return;
            };
            status.clone_into(&mut refund.status);
            let Refund {
                transaction_id,
                amount,
                ..
            } = refund.clone();
            if status == "succeeded" {
                state.book_refund(refund_id, &transaction_id, amount, now_ms);
            } else {
                state.bookings.retain(|b| b.id != refund_id);
            }
        });
    }

    /// Makes the refunds of a transaction two minutes older.
    pub fn age_refunds(&self, transaction_id: &str) {
        self.state.write(|state| {
            let refunds = state.refunds.values_mut();
            for refund in refunds.filter(|refund| refund.transaction_id == transaction_id) {
                refund.at_ms -= 2 * ANSWER_ON_ITS_WAY_MS;
            }
        });
    }

    /// The amount that was refunded of a transaction, in VND.
    #[must_use]
    pub fn refunded_vnd(&self, transaction_id: &str) -> u64 {
        let refunds = self.refunds(transaction_id);
        refunds
            .iter()
            .filter(|r| r.status == "succeeded")
            .map(|r| r.amount)
            .sum()
    }

    /// The refunds of a transaction.
    #[must_use]
    pub fn refunds(&self, transaction_id: &str) -> Vec<Refund> {
        self.state.read(|state| {
            state
                .refunds
                .values()
                .filter(|refund| refund.transaction_id == transaction_id)
                .cloned()
                .collect()
        })
    }

    /// Sends a payment result once. The result names the transaction, if `body` has no `transaction_id` of its own.
    /// What the core says to be paid is paid in its own books, too.
    pub async fn send_result(
        &self,
        transaction_id: &str,
        body: &Value,
    ) -> anyhow::Result<Response> {
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields
                .entry("transaction_id")
                .or_insert_with(|| json!(transaction_id));
        }
        self.book_result(transaction_id, &body);
        let path = format!("/partner/v1/payments/{transaction_id}/result");
        self.api().post(&path, &body).await
    }

    /// The API that it calls: the functions', or the one that its setting names.
    fn api(&self) -> Caller {
        let mut caller = self.caller.clone();
        let api_url = self.api_url.lock();
        if let Some(url) = &*api_url.unwrap_or_else(PoisonError::into_inner) {
            caller.base.clone_from(url);
        }
        caller
    }

    /// Opens Tiki VIP for a customer, as the app's backend does. It uses the core's credentials.
    pub async fn open_webview(&self, body: &Value) -> anyhow::Result<Response> {
        self.caller.post("/partner/v1/webview", body).await
    }

    /// Hands over an order of Tiki, as an app does that gets its payments by a function of the webview.
    pub async fn hand_over(&self, body: &Value) -> anyhow::Result<Response> {
        self.caller.post("/partner/v1/transactions", body).await
    }

    /// Reads a payment, as the payment screen does.
    pub async fn details(&self, transaction_id: &str) -> anyhow::Result<Response> {
        let path = format!("/partner/v1/payments/{transaction_id}");
        self.api().get(&path).await
    }

    /// Changes the keys with which the core checks signatures.
    pub fn expect_keys(&self, keys: Keyring) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(crate) fn router(&self) -> Router {
        let (faults, shown) = (self.faults.clone(), self.faults.clone());
        let watched = Watched {
            journal: self.journal.clone(),
            side: Callee::Core,
            caller: caller_of,
        };
        Router::new()
            .route("/refunds", post(refunds::refund))
            .route("/refunds/{id}", get(questions::refund))
            .route("/payments/{id}", get(questions::payment))
            .route("/pay", get(screen::screen).post(screen::decide))
            .route(
                "/_sandbox/faults",
                get(async move || faults::shown(&[&shown]))
                    .post(async move |JsonBody(switch)| faults::switch(&[&faults], switch)),
            )
            .route("/_sandbox/api-url", post(switch_api_url))
            .merge(statement::routes())
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(from_fn_with_state(watched, Watched::layer))
            .with_state(self.clone())
    }

    fn verified(&self, headers: &HeaderMap, message: &[u8]) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.now_ms();
        verified(&keys, HeaderNames::PARTNER, headers, message, now_ms)
    }

    /// Sends a payment result until it is accepted or refused.
    async fn send_result_until_accepted(&self, transaction_id: &str, body: &Value) -> bool {
        for _ in 0..RESULT_ATTEMPTS {
            let answer = self.send_result(transaction_id, body).await;
            match answer {
                Ok(answer) if answer.code() == Some(0) => return true,
                // A refusal does not change when it is repeated. Without a code it is none of ours.
                Ok(answer) if answer.status == 200 && answer.code().is_some() => return false,
                _ => {}
            }
            tokio::time::sleep(RESULT_RETRY_DELAY).await;
        }
        false
    }
}

impl CoreState {
    fn set_payment(&mut self, transaction_id: &str, amount: u64, status: &str, now_ms: i64) {
        if status == "paid" {
            self.book_payment(transaction_id, amount, now_ms);
        }
        let payment = Payment {
            amount,
            status: status.to_owned(),
            paid_at_ms: now_ms,
        };
        self.payments.insert(transaction_id.to_owned(), payment);
    }
}

/// Who calls this path of the core.
fn caller_of(path: &str) -> &'static str {
    match path.split('/').nth(1) {
        Some("pay") => "customer",
        Some("statements") => "reconcile",
        Some("payments") => "core-worker",
        _ => "functions",
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiUrl {
    url: Option<String>,
}

/// `POST /_sandbox/api-url`: with `{"url": "http://127.0.0.1:9000"}` the core calls the API there, with `{}` the functions
/// again.
async fn switch_api_url(
    State(core): State<Core>,
    JsonBody(ApiUrl { url }): JsonBody<ApiUrl>,
) -> StatusCode {
    core.call_api_at(url.map(|url| url.trim_end_matches('/').to_owned()));
    StatusCode::NO_CONTENT
}

pub(crate) fn money(vnd: u64) -> String {
    Vnd::new(vnd).map_or_else(|_| vnd.to_string(), Vnd::grouped)
}

/// The core's reference of a payment.
fn reference(transaction_id: &str) -> String {
    format!("FT-{}", transaction_id.get(..8).unwrap_or_default())
}
