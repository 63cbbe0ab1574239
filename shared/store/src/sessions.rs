//! Webview sessions: the URL to which a customer returns after the payment (protocol §6).

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Timestamp, WebviewRequestId};

use crate::error::TableError;

/// A webview is not open for longer than this.
const SESSION_LIFETIME: Duration = Duration::from_hours(24);

/// An opened webview. Its URL is opaque: it is stored and returned byte for byte (protocol §6).
#[derive(Clone, PartialEq, Eq)]
pub struct WebviewSession {
    /// Tiki's id of the webview.
    pub request_id: WebviewRequestId,
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
        Ok(answer.item.and_then(|item| {
            // DynamoDB deletes expired items up to two days late.
            let expires_at = item.get("expires_at")?.as_n().ok()?.parse::<i64>().ok()?;
            let alive = now.unix_ms().div_euclid(1000) < expires_at;
            let url = item.get("url_checkout_result")?.as_s().ok()?;
            alive.then(|| url.clone())
        }))
    }
}
