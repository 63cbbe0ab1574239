//! The calls to Tiki (protocol §3, §4, §6).

use std::time::Duration;

use domain::{
    BankingMethod, Customer, CustomerName, FinalStatus, IpnAnswer, LookUpAnswer, TikiTransactionId,
    Transaction, TransactionId,
};
use serde::Serialize;
use signed_http::{Answer, CallError, SignedClient, error_chain};

use crate::PhoneFormat;
use crate::answer::{self, Webview, WebviewReading};

/// Overall, for each call (protocol §3).
const TIKI_ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Tiki, as we call it.
#[derive(Clone)]
pub struct TikiClient {
    client: SignedClient,
    phone_format: PhoneFormat,
}

/// What came of a webview request.
#[derive(Clone, PartialEq, Eq)]
pub enum WebviewAnswer {
    /// Tiki has opened it. The bytes are Tiki's answer, to be handed on as they are.
    Opened(Webview, Vec<u8>),
    /// Tiki calls the request invalid. The bytes are its answer.
    InvalidRequest(Vec<u8>),
    /// Tiki cannot, or cannot be reached.
    Unavailable,
}

impl TikiClient {
    /// Tiki behind this client.
    #[must_use]
    pub fn new(client: SignedClient, phone_format: PhoneFormat) -> Self {
        Self {
            client,
            phone_format,
        }
    }

    /// Reports a transaction's final status, signed anew (protocol §3).
    pub async fn send_ipn(&self, transaction: &Transaction, status: FinalStatus) -> IpnAnswer {
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
            .post("/payment/ipn", body, None, TIKI_ANSWER_TIMEOUT)
            .await;
        let meaning = match &answer {
            Ok(answer) => answer::ipn(answer.status, &answer.body, transaction),
            Err(_) => IpnAnswer::Unclear,
        };
        log("ipn", Some(transaction.id()), &answer, &meaning);
        meaning
    }

    /// Asks Tiki what it knows of a transaction, ours or not (protocol §4).
    pub async fn look_up(
        &self,
        tiki_id: &TikiTransactionId,
        ours: Option<TransactionId>,
    ) -> LookUpAnswer {
        // Only characters that a query takes as they are (protocol §8).
        let relative = format!("/transaction?tiki_transaction_id={tiki_id}");
        let answer = self.client.get(&relative, TIKI_ANSWER_TIMEOUT).await;
        let meaning = match &answer {
            Ok(answer) => answer::look_up(answer.status, &answer.body, tiki_id, ours),
            Err(_) => LookUpAnswer::Unclear,
        };
        log("look_up", ours, &answer, &meaning);
        meaning
    }

    /// Asks Tiki to open its shop for a customer (protocol §6).
    pub async fn open_webview(&self, customer: &Customer) -> WebviewAnswer {
        #[expect(clippy::struct_field_names, reason = "the names on the wire")]
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
            .post("/webview", body, None, TIKI_ANSWER_TIMEOUT)
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

/// Compact JSON with raw UTF-8: the exact bytes that are signed and sent (protocol §2).
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
