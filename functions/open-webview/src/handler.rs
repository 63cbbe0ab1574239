//! `POST /partner/v1/webview`: the partner's app asks for the URL that opens Tiki VIP for a customer
//! (integration point 2, protocol §6).

use std::sync::Arc;

use api::{ApiError, Code, Handler, Inbound, Reply, Verifier};
use async_trait::async_trait;
use domain::Clock;
use store::{SessionStore, WebviewSession};
use tiki_api::{TikiClient, WebviewAnswer};

/// What the function works with.
pub struct OpenWebview {
    /// Verifies the signature of the partner's app backend.
    pub verifier: Verifier,
    /// The client for Tiki.
    pub tiki: TikiClient,
    /// Keeps the URL to which the customer returns after the payment.
    pub sessions: Arc<dyn SessionStore>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for OpenWebview {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let verified = self.verifier.verify(request).await?;
        let customer = partner_api::request::webview(verified)?;

        match self.tiki.open_webview(&customer).await {
            WebviewAnswer::Opened(webview, body) => {
                let session = WebviewSession {
                    request_id: webview.request_id,
                    identify_code: customer.identify_code,
                    url_checkout_result: webview.url_checkout_result,
                    opened_at: self.clock.now(),
                };
                self.sessions.put(&session).await?;
                let code = Code::Success;
                Ok(Reply::Json { code, body })
            }
            WebviewAnswer::InvalidRequest(body) => {
                let code = Code::InvalidRequest;
                Ok(Reply::Json { code, body })
            }
            WebviewAnswer::Unavailable => Err(ApiError::Unavailable("Tiki")),
        }
    }
}
