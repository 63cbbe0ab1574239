//! Our calls to Tiki (protocol §3, §4, §6).

use std::time::Duration;

use domain::{
    BankingMethod, Customer, CustomerName, FinalStatus, HttpOutcome, IpnAnswer, LookUpAnswer,
    TikiTransactionId, Transaction, TransactionId,
};
use serde::Serialize;
use signed_http::{Answer, CallError, SignedClient, TransportError, error_chain};

use crate::PhoneFormat;
use crate::answer::{self, Webview, WebviewReading};

/// How long Tiki may take to answer a call, with a second attempt after a refused signature (protocol §3).
pub const TIKI_ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long Tiki may take to answer a look-up for which the partner's app waits. API Gateway waits 29 s, and in that
/// time two secrets are read, and the table twice.
pub const TIKI_ANSWER_TIMEOUT_IN_REQUEST: Duration = Duration::from_secs(6);

/// A client for Tiki.
#[derive(Clone)]
pub struct TikiClient {
    client: SignedClient,
    phone_format: PhoneFormat,
}

/// The outcome of a webview request.
#[derive(Clone, PartialEq, Eq)]
pub enum WebviewAnswer {
    /// Tiki has opened the webview. The bytes are Tiki's answer, which goes to the app unchanged.
    Opened(Webview, Vec<u8>),
    /// Tiki refuses the request as malformed. The bytes are Tiki's answer.
    InvalidRequest(Vec<u8>),
    /// Tiki answers with an error, or not at all.
    Unavailable,
}

/// An answer of Tiki, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<T> {
    /// What it says.
    pub answer: T,
    /// What came over HTTP.
    pub http: HttpOutcome,
}

impl<T> Heard<T> {
    fn of(answer: T, came: &Result<Answer, CallError>) -> Self {
        let http = match came {
            Ok(came) => HttpOutcome::Status(came.status),
            Err(CallError::Keys(_)) => HttpOutcome::NotSent,
            Err(CallError::Transport(TransportError::TimedOut)) => HttpOutcome::TimedOut,
            Err(CallError::Transport(TransportError::NotConnected(_))) => HttpOutcome::NoConnection,
            Err(CallError::Transport(
                TransportError::KeptConnectionDied(_)
                | TransportError::BrokenOff(_)
                | TransportError::TooLong,
            )) => HttpOutcome::BrokenOff,
        };
        Self { answer, http }
    }
}

impl TikiClient {
    /// A client that sends through `client`.
    #[must_use]
    pub fn new(client: SignedClient, phone_format: PhoneFormat) -> Self {
        Self {
            client,
            phone_format,
        }
    }

    /// Sends the notification (IPN) about a final status (protocol §3).
    pub async fn send_ipn(
        &self,
        transaction: &Transaction,
        status: FinalStatus,
    ) -> Heard<IpnAnswer> {
        #[derive(Serialize)]
        struct Ipn<'t> {
            reference_transaction_id: &'t str,
            transaction_amount: u64,
            transaction_id: String,
            status: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            partner_banking_method: Option<&'t str>,
        }
        let method = transaction
            .money_taken()
            .and_then(|p| p.banking_method.as_ref());
        let body = json(&Ipn {
            reference_transaction_id: transaction.tiki_id().as_str(),
            transaction_amount: transaction.order().amount.get(),
            transaction_id: transaction.id().to_string(),
            status: status.as_str(),
            partner_banking_method: method.map(BankingMethod::as_str),
        });
        let answer = self
            .client
            .post("/payment/ipn", body, None, TIKI_ANSWER_TIMEOUT, has_code)
            .await;
        let meaning = match &answer {
            Ok(answer) => answer::ipn(answer.status, &answer.body, transaction),
            Err(_) => IpnAnswer::Unclear,
        };
        log("ipn", Some(transaction.id()), &answer, &meaning);
        Heard::of(meaning, &answer)
    }

    /// Asks Tiki for the status of a transaction (protocol §4). `ours` is our id of it, if we have it.
    pub async fn look_up(
        &self,
        tiki_id: &TikiTransactionId,
        ours: Option<TransactionId>,
    ) -> Heard<LookUpAnswer> {
        self.look_up_within(TIKI_ANSWER_TIMEOUT, tiki_id, ours)
            .await
    }

    /// Asks Tiki for an order that the partner's app hands over, while the app waits. Tiki cannot have our id of it yet.
    pub async fn look_up_in_request(&self, tiki_id: &TikiTransactionId) -> LookUpAnswer {
        self.look_up_within(TIKI_ANSWER_TIMEOUT_IN_REQUEST, tiki_id, None)
            .await
            .answer
    }

    async fn look_up_within(
        &self,
        timeout: Duration,
        tiki_id: &TikiTransactionId,
        ours: Option<TransactionId>,
    ) -> Heard<LookUpAnswer> {
        // An id has only characters that need no escaping in a query (protocol §8).
        let relative = format!("/transaction?tiki_transaction_id={tiki_id}");
        let answer = self.client.get(&relative, timeout, has_code).await;
        let meaning = match &answer {
            Ok(answer) => answer::look_up(answer.status, &answer.body, tiki_id, ours),
            Err(_) => LookUpAnswer::Unclear,
        };
        log("look_up", ours, &answer, &meaning);
        Heard::of(meaning, &answer)
    }

    /// Asks Tiki to open its webview for a customer (protocol §6).
    pub async fn open_webview(&self, customer: &Customer) -> WebviewAnswer {
        #[expect(clippy::struct_field_names, reason = "the names of the message")]
        #[derive(Serialize)]
        struct Body<'r> {
            identify_code: &'r str,
            identify_phone: serde_json::Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            identify_fullname: Option<&'r str>,
        }
        let body = json(&Body {
            identify_code: customer.identify_code.as_str(),
            identify_phone: self.phone_format.json(&customer.identify_phone),
            identify_fullname: customer
                .identify_fullname
                .as_ref()
                .map(CustomerName::as_str),
        });
        let answer = match self
            .client
            .post("/webview", body, None, TIKI_ANSWER_TIMEOUT, has_code)
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(
                    call = "webview",
                    error = error_chain(&error),
                    "Tiki did not answer"
                );
                return WebviewAnswer::Unavailable;
            }
        };
        let code = answer::code(&answer.body);
        tracing::info!(
            call = "webview",
            http_status = answer.status,
            code,
            "Tiki answered"
        );
        match answer::webview(answer.status, &answer.body) {
            WebviewReading::Opened(webview) => WebviewAnswer::Opened(webview, answer.body),
            WebviewReading::InvalidRequest => WebviewAnswer::InvalidRequest(answer.body),
            WebviewReading::Unclear => WebviewAnswer::Unavailable,
        }
    }
}

fn log(
    call: &'static str,
    transaction_id: Option<TransactionId>,
    answer: &Result<Answer, CallError>,
    meaning: &dyn std::fmt::Debug,
) {
    let transaction_id = transaction_id.map(|id| id.to_string());
    match answer {
        Ok(answer) => tracing::info!(
            call,
            transaction_id,
            http_status = answer.status,
            code = answer::code(&answer.body),
            ?meaning,
            "Tiki answered"
        ),
        Err(error) => tracing::warn!(
            call,
            transaction_id,
            error = error_chain(error),
            "Tiki did not answer"
        ),
    }
}

/// Whether an answer says anything: a page of a proxy under HTTP 200 does not.
fn has_code(answer: &Answer) -> bool {
    (200..=299).contains(&answer.status) && answer::code(&answer.body).is_some()
}

/// Compact JSON with raw UTF-8: the exact bytes that are signed and sent (protocol §2).
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
