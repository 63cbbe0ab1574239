//! Webview sessions: the URL to which a customer returns after the payment (protocol §6).

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{IdentifyCode, Timestamp, WebviewRequestId};
use futures::future::try_join_all;
use signing::{Hashed, Keyring};

use crate::conditional_write::{self, Condition, WriteOutcome};
use crate::error::TableError;
use crate::keys::{BY_CUSTOMER, WEBVIEW_REQUEST_ID};
use crate::write_ids::{RandomWriteIds, WriteIds};

/// A webview is not open for longer than this.
const SESSION_LIFETIME: Duration = Duration::from_hours(24);

const RESULT_URL: &str = "url_checkout_result";
const EXPIRES_AT: &str = "expires_at";
/// Of the item of a call: whether Tiki opened a webview, and its answer.
const IS_OPEN: &str = "is_open";
const BODY: &str = "body";

/// An opened webview. Its URL is opaque: it is stored and returned byte for byte (protocol §6).
#[derive(Clone, PartialEq, Eq)]
pub struct WebviewSession {
    /// Tiki's id of the webview.
    pub request_id: WebviewRequestId,
    /// The customer for whom it was opened.
    pub customer: CustomerHash,
    /// Tiki's result screen for this customer.
    pub url_checkout_result: String,
    /// The start of its lifetime.
    pub opened_at: Timestamp,
}

/// A customer, as the sessions have one: only whether two are the same can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerHash(String);

impl CustomerHash {
    /// As a session is stored under it: by the current link secret.
    #[must_use]
    pub fn new(keys: &Keyring, customer: &IdentifyCode) -> Self {
        let code = customer.as_str().as_bytes();
        Self(keys.keyed_hash(Hashed::CustomerOfSession, code).to_string())
    }

    /// As a session may have been stored under it: by each link secret that is accepted, the current one first; and the
    /// code itself, as version 0.1 has stored it. A session lives for a day, so what has the code can go a day after the
    /// last function of that version is gone (docs/decisions/0024).
    #[must_use]
    pub fn candidates(keys: &Keyring, customer: &IdentifyCode) -> Vec<Self> {
        let code = customer.as_str();
        let hashes = keys.keyed_hashes(Hashed::CustomerOfSession, code.as_bytes());
        let hashes = hashes.iter().map(ToString::to_string);
        hashes.chain([code.to_owned()]).map(Self).collect()
    }
}

/// The seam to the table of sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The URL of Tiki's result screen for a session that has not expired.
    async fn result_url(
        &self,
        request_id: &WebviewRequestId,
        now: Timestamp,
    ) -> Result<Option<String>, TableError>;

    /// The same for the newest session of a customer that was opened at `until` or before, under any of these names of
    /// the customer.
    async fn result_url_of_customer(
        &self,
        customer: &[CustomerHash],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<String>, TableError>;
}

/// A signed call that asks for a webview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebviewCall {
    /// Its signature, as 64 lower-case hex digits.
    pub signature: String,
    /// When its signature is too old at the latest.
    pub accepted_until: Timestamp,
}

/// Whether a call is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is: whoever hears this answers it, and nobody else ever does.
    First,
    /// It came before. It gets the answer that it got then, if there is one already.
    Repeated(Option<WebviewReply>),
}

/// The answer to a call that asked for a webview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebviewReply {
    /// Whether Tiki opened a webview, or called the request malformed.
    pub is_open: bool,
    /// Tiki's answer, byte for byte.
    pub body: Vec<u8>,
}

/// The seam by which webviews are opened. Each signed call opens one at most: whoever captures a call and sends it again
/// gets nothing that the first caller did not get.
#[async_trait]
pub trait WebviewCalls: Send + Sync {
    /// Notes that a call has come, in one conditional write.
    async fn arrive(&self, call: &WebviewCall) -> Result<Arrival, TableError>;

    /// Keeps the answer for the call's repeats and, if there is one, the session for 24 hours.
    async fn keep(
        &self,
        call: &WebviewCall,
        reply: &WebviewReply,
        session: Option<&WebviewSession>,
    ) -> Result<(), TableError>;
}

/// Sessions in DynamoDB, which deletes them by their time to live.
#[derive(Clone, Debug)]
pub struct DynamoSessions {
    client: Client,
    name: String,
    write_ids: RandomWriteIds,
}

impl DynamoSessions {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            write_ids: RandomWriteIds,
        }
    }
}

#[async_trait]
impl WebviewCalls for DynamoSessions {
    async fn arrive(&self, call: &WebviewCall) -> Result<Arrival, TableError> {
        let write_id = self.write_ids.next();
        let mut item = call_item(call);
        item.insert(
            conditional_write::WRITE_ID.to_owned(),
            text(&write_id.to_string()),
        );
        let (key, item) = (WEBVIEW_REQUEST_ID, item.into());
        let written =
            conditional_write::put_item(&self.client, &self.name, key, item, Condition::Absent);
        Ok(match written.await?.recognise(write_id) {
            WriteOutcome::Stored => Arrival::First,
            WriteOutcome::Conflict(found) => {
                Arrival::Repeated(found.and_then(|item| reply_of(&HashMap::from(item))))
            }
        })
    }

    async fn keep(
        &self,
        call: &WebviewCall,
        reply: &WebviewReply,
        session: Option<&WebviewSession>,
    ) -> Result<(), TableError> {
        let mut answered = call_item(call);
        answered.insert(IS_OPEN.to_owned(), AttributeValue::Bool(reply.is_open));
        let body = Blob::new(reply.body.clone());
        answered.insert(BODY.to_owned(), AttributeValue::B(body));
        // The session first: whoever gets the answer finds it.
        for item in session.map(session_item).into_iter().chain([answered]) {
            let put = self.client.put_item().table_name(&self.name);
            let put = put.set_item(Some(item)).send().await;
            put.map_err(|error| TableError::new("PutItem", error))?;
        }
        Ok(())
    }
}

#[async_trait]
impl SessionStore for DynamoSessions {
    async fn result_url(
        &self,
        request_id: &WebviewRequestId,
        now: Timestamp,
    ) -> Result<Option<String>, TableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(WEBVIEW_REQUEST_ID, text(request_id.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::new("GetItem", error))?;
        Ok(answer.item.and_then(|item| url_if_alive(&item, now)))
    }

    async fn result_url_of_customer(
        &self,
        customer: &[CustomerHash],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<String>, TableError> {
        let found = customer.iter().map(|name| self.newest(name, until));
        let found = try_join_all(found).await?;
        let newest = found.iter().flatten().max_by_key(|item| opened_at(item));
        Ok(newest.and_then(|item| url_if_alive(item, now)))
    }
}

impl DynamoSessions {
    /// The newest session under this name of a customer that was opened at `until` or before.
    async fn newest(
        &self,
        customer: &CustomerHash,
        until: Timestamp,
    ) -> Result<Option<HashMap<String, AttributeValue>>, TableError> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(BY_CUSTOMER.name)
            .key_condition_expression("#customer = :customer AND #opened_at <= :until")
            .expression_attribute_names("#customer", BY_CUSTOMER.partition_key)
            .expression_attribute_names("#opened_at", BY_CUSTOMER.sort_key)
            .expression_attribute_values(":customer", text(&customer.0))
            .expression_attribute_values(":until", milliseconds(until))
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| TableError::new("Query", error))?;
        Ok(answer.items.unwrap_or_default().into_iter().next())
    }
}

/// The item of a call lies beside the sessions. No id of Tiki's begins so.
fn call_item(call: &WebviewCall) -> HashMap<String, AttributeValue> {
    let key = format!("call/{}", call.signature);
    HashMap::from([
        (WEBVIEW_REQUEST_ID.to_owned(), text(&key)),
        (EXPIRES_AT.to_owned(), seconds(call.accepted_until)),
    ])
}

fn reply_of(item: &HashMap<String, AttributeValue>) -> Option<WebviewReply> {
    Some(WebviewReply {
        is_open: *item.get(IS_OPEN)?.as_bool().ok()?,
        body: item.get(BODY)?.as_b().ok()?.clone().into_inner(),
    })
}

fn session_item(session: &WebviewSession) -> HashMap<String, AttributeValue> {
    let ends = session.opened_at.after(SESSION_LIFETIME);
    let customer = text(&session.customer.0);
    let opened_at = milliseconds(session.opened_at);
    HashMap::from([
        (
            WEBVIEW_REQUEST_ID.to_owned(),
            text(session.request_id.as_str()),
        ),
        (RESULT_URL.to_owned(), text(&session.url_checkout_result)),
        (BY_CUSTOMER.partition_key.to_owned(), customer),
        (BY_CUSTOMER.sort_key.to_owned(), opened_at),
        (EXPIRES_AT.to_owned(), seconds(ends)),
    ])
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// DynamoDB's time to live is in whole seconds.
fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.unix_ms().div_euclid(1000).to_string())
}

fn milliseconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.unix_ms().to_string())
}

fn opened_at(item: &HashMap<String, AttributeValue>) -> Option<i64> {
    item.get(BY_CUSTOMER.sort_key)?.as_n().ok()?.parse().ok()
}

/// The URL of a session. DynamoDB deletes expired items up to two days late.
fn url_if_alive(item: &HashMap<String, AttributeValue>, now: Timestamp) -> Option<String> {
    let expires_at = item.get(EXPIRES_AT)?.as_n().ok()?.parse::<i64>().ok()?;
    let alive = now.unix_ms().div_euclid(1000) < expires_at;
    let url = item.get(RESULT_URL)?.as_s().ok()?;
    alive.then(|| url.clone())
}
