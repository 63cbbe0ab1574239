//! Webview sessions: the URL to which a customer returns after the payment (protocol §6).

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{IdentifyCode, Timestamp, WebviewRequestId};

use crate::error::TableError;
use crate::keys::BY_CUSTOMER;

/// A webview is not open for longer than this.
const SESSION_LIFETIME: Duration = Duration::from_hours(24);

/// An opened webview. Its URL is opaque: it is stored and returned byte for byte (protocol §6).
#[derive(Clone, PartialEq, Eq)]
pub struct WebviewSession {
    /// Tiki's id of the webview.
    pub request_id: WebviewRequestId,
    /// The customer for whom it was opened.
    pub identify_code: IdentifyCode,
    /// Tiki's result screen for this customer.
    pub url_checkout_result: String,
    /// The start of its lifetime.
    pub opened_at: Timestamp,
}

/// The seam to the table of sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a session for 24 hours.
    async fn put(&self, session: &WebviewSession) -> Result<(), TableError>;

    /// The URL of Tiki's result screen for a session that has not expired.
    async fn result_url(
        &self,
        request_id: &WebviewRequestId,
        now: Timestamp,
    ) -> Result<Option<String>, TableError>;

    /// The same for the newest session of a customer that was opened at `until` or before.
    async fn result_url_of_customer(
        &self,
        customer: &IdentifyCode,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<String>, TableError>;
}

/// Sessions in DynamoDB, which deletes them by their time to live.
#[derive(Clone, Debug)]
pub struct DynamoSessions {
    client: Client,
    name: String,
}

impl DynamoSessions {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }
}

#[async_trait]
impl SessionStore for DynamoSessions {
    async fn put(&self, session: &WebviewSession) -> Result<(), TableError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        // DynamoDB's time to live is in whole seconds.
        let expires_at = session
            .opened_at
            .after(SESSION_LIFETIME)
            .unix_ms()
            .div_euclid(1000);
        self.client
            .put_item()
            .table_name(&self.name)
            .item("request_id", text(session.request_id.as_str()))
            .item("url_checkout_result", text(&session.url_checkout_result))
            .item(
                BY_CUSTOMER.partition_key,
                text(session.identify_code.as_str()),
            )
            .item(BY_CUSTOMER.sort_key, milliseconds(session.opened_at))
            .item("expires_at", AttributeValue::N(expires_at.to_string()))
            .send()
            .await
            .map_err(|error| TableError::new("PutItem", error))?;
        Ok(())
    }

    async fn result_url(
        &self,
        request_id: &WebviewRequestId,
        now: Timestamp,
    ) -> Result<Option<String>, TableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("request_id", AttributeValue::S(request_id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::new("GetItem", error))?;
        Ok(answer.item.and_then(|item| url_if_alive(&item, now)))
    }

    async fn result_url_of_customer(
        &self,
        customer: &IdentifyCode,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<String>, TableError> {
        let customer = AttributeValue::S(customer.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(BY_CUSTOMER.name)
            .key_condition_expression("#customer = :customer AND #opened_at <= :until")
            .expression_attribute_names("#customer", BY_CUSTOMER.partition_key)
            .expression_attribute_names("#opened_at", BY_CUSTOMER.sort_key)
            .expression_attribute_values(":customer", customer)
            .expression_attribute_values(":until", milliseconds(until))
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| TableError::new("Query", error))?;
        let newest = answer.items().first();
        Ok(newest.and_then(|item| url_if_alive(item, now)))
    }
}

fn milliseconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.unix_ms().to_string())
}

/// The URL of a session. DynamoDB deletes expired items up to two days late.
fn url_if_alive(item: &HashMap<String, AttributeValue>, now: Timestamp) -> Option<String> {
    let expires_at = item.get("expires_at")?.as_n().ok()?.parse::<i64>().ok()?;
    let alive = now.unix_ms().div_euclid(1000) < expires_at;
    let url = item.get("url_checkout_result")?.as_s().ok()?;
    alive.then(|| url.clone())
}
