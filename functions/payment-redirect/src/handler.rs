//! `GET /pay/{token}` brings a customer to the partner's payment screen, `GET /pay/{token}/return` back to
//! Tiki's result screen (integration points 3 and 7).
//! HEAD and POST do the same: a webview may look before it goes, and the payment screen may end with a form.

mod page;
mod redirect_policy;
mod result_url;

use std::sync::Arc;

use anyhow::Context;
use api::{ApiError, Handler, Inbound, Reply, record_transaction_in_span};
use async_trait::async_trait;
use domain::{Clock, Status, Timestamp, Transaction, TransactionId};
use http::StatusCode;
use signed_http::BaseUrl;
use signing::{KeyProvider, LinkRefusal, PaymentLink};
use store::{CustomerHash, SessionStore, Transactions};
use url::Url;

pub use redirect_policy::{AllowedHosts, BadHosts, Redirects};
pub use result_url::ResultUrl;

/// What the function works with.
pub struct PaymentRedirect {
    /// Verifies payment links, and names the customer of a session.
    pub link_keys: Arc<dyn KeyProvider>,
    /// Signs the URL of the payment screen.
    pub core_keys: Arc<dyn KeyProvider>,
    /// The URLs that customers may be sent to.
    pub redirects: Redirects,
    /// The URL under which customers reach us. `None` means the one that the request came to.
    pub public_base_url: Option<BaseUrl>,
    /// The table of payments.
    pub transactions: Transactions,
    /// The opened webviews, with the URL of each result screen.
    pub sessions: Arc<dyn SessionStore>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for PaymentRedirect {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let token = request.path_parameter("token");
        let now = self.clock.now();
        let link = match self.verify(token, now).await? {
            Ok(link) => link,
            Err(LinkRefusal::Expired) => return self.page(StatusCode::GONE, page::EXPIRED),
            Err(LinkRefusal::Invalid) => {
                return self.page(StatusCode::NOT_FOUND, page::UNKNOWN);
            }
        };
        let id = TransactionId::from_bytes(link.transaction_id);
        record_transaction_in_span(id);
        let Some(transaction) = self.transactions.load(id).await? else {
            return self.page(StatusCode::NOT_FOUND, page::UNKNOWN);
        };

        let returning = request.resource.ends_with("/return");
        let location = match transaction.status() {
            _ if returning => self.result_screen(&transaction).await?,
            Status::Success | Status::Failure => self.result_screen(&transaction).await?,
            Status::Pending if now > transaction.expires_at() => {
                return self.page(StatusCode::GONE, page::EXPIRED);
            }
            Status::Pending => self.payment_screen(request, token, &transaction).await?,
        };
        Ok(Reply::Redirect { location })
    }

    fn error_page(&self) -> Option<String> {
        page::render(page::FAILED, &self.shop()).ok()
    }
}

impl PaymentRedirect {
    async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Result<PaymentLink, LinkRefusal>, ApiError> {
        let keys = self.link_keys.keys().await?;
        let link = PaymentLink::verify(&keys, token, now.unix_ms());
        if link != Err(LinkRefusal::Invalid) {
            return Ok(link);
        }
        // After a rotation create-transaction may have the new key, and we the old one.
        let keys = self.link_keys.reload().await?;
        Ok(PaymentLink::verify(&keys, token, now.unix_ms()))
    }

    /// The URL of the payment screen, with a query that only we can have made: signed like a GET. The parts of the
    /// signature are at the end of the query, since a redirect carries no headers.
    async fn payment_screen(
        &self,
        request: &Inbound,
        token: &str,
        transaction: &Transaction,
    ) -> Result<String, ApiError> {
        let path = format!("/pay/{token}/return");
        let return_url = match &self.public_base_url {
            Some(base) => base.join(&path),
            None => format!("{}{path}", request.base_url),
        };
        let keys = self.core_keys.keys().await?;
        let mut url = self.redirects.payment_screen.clone();
        url.query_pairs_mut()
            .append_pair("transaction_id", &transaction.id().to_string())
            .append_pair("amount", &transaction.order().amount.to_string())
            .append_pair(
                "expires_at",
                &transaction.expires_at().unix_ms().to_string(),
            )
            .append_pair("return_url", &return_url);

        let signed = keys.sign(self.clock.now().unix_ms(), path_and_query(&url).as_bytes());
        url.query_pairs_mut()
            .append_pair("client_id", &signed.client_id)
            .append_pair("timestamp", &signed.timestamp)
            .append_pair("signature", &signed.signature);
        Ok(url.into())
    }

    /// The URL of Tiki's result screen for this webview, byte for byte but for an id that the settings append; or of
    /// the shop, if the webview is not known or its URL is not an allowed one.
    async fn result_screen(&self, transaction: &Transaction) -> Result<String, ApiError> {
        let session = self.session_url(transaction).await?;
        let allowed = session.filter(|url| self.redirects.allowed.allow(url));
        Ok(allowed.map_or_else(
            || self.shop(),
            |url| self.redirects.result_url.of(&url, transaction),
        ))
    }

    /// Tiki's create call may not name the webview. Then it is the newest one of the customer from before the payment:
    /// a later one belongs to another order.
    async fn session_url(&self, transaction: &Transaction) -> Result<Option<String>, ApiError> {
        let (order, now) = (transaction.order(), self.clock.now());
        Ok(match (&order.webview_request_id, &order.identify_code) {
            (Some(id), _) => self.sessions.result_url(id, now).await?,
            (None, Some(customer)) => {
                let until = transaction.created_at();
                let keys = self.link_keys.keys().await?;
                let customer = CustomerHash::candidates(&keys, customer);
                self.sessions
                    .result_url_of_customer(&customer, until, now)
                    .await?
            }
            (None, None) => None,
        })
    }

    fn shop(&self) -> String {
        self.redirects.apps.join("/vn.tiki.vip")
    }

    fn page(&self, status: StatusCode, text: page::Text) -> Result<Reply, ApiError> {
        let html = page::render(text, &self.shop()).context("render the page")?;
        Ok(Reply::Page { status, html })
    }
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
