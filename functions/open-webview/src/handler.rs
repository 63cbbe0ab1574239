//! `POST /partner/v1/webview`: the partner's app asks for the URL that opens Tiki VIP for a customer
//! (integration point 2, protocol §6).

use std::sync::Arc;

use api::{ApiError, Code, Handler, Inbound, Reply, Verifier};
use async_trait::async_trait;
use domain::Clock;
use signing::KeyProvider;
use store::{Arrival, CustomerHash, WebviewCall, WebviewCalls, WebviewReply, WebviewSession};
use tiki_api::{TikiClient, WebviewAnswer};

/// What the function works with.
pub struct OpenWebview {
    /// Verifies the signature of the partner's app backend.
    pub verifier: Verifier,
    /// The client for Tiki.
    pub tiki: TikiClient,
    /// Remembers each call, and keeps the URL to which the customer returns after the payment.
    pub calls: Arc<dyn WebviewCalls>,
    /// The keys of payment links, from which the key is derived by which a session names its customer.
    pub link_keys: Arc<dyn KeyProvider>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for OpenWebview {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let verified = self.verifier.verify(request).await?;
        let call = WebviewCall {
            signature: verified.signature(),
            accepted_until: self.clock.now().after(self.verifier.window.span()),
        };
        let customer = partner_api::request::webview(verified)?;

        // Before Tiki is called: a webview whose session cannot be kept is of no use.
        let link_keys = self.link_keys.keys().await?;

        // A webview is opened for whoever has the answer, so the same signed bytes never open a second one.
        match self.calls.arrive(&call).await? {
            Arrival::First => {}
            Arrival::Repeated(Some(first)) => return Ok(reply(first)),
            Arrival::Repeated(None) => return Err(ApiError::Repeated),
        }
        let (answer, session) = match self.tiki.open_webview(&customer).await {
            WebviewAnswer::Opened(webview, body) => {
                let session = WebviewSession {
                    request_id: webview.request_id,
                    customer: CustomerHash::new(&link_keys, &customer.identify_code),
                    url_checkout_result: webview.url_checkout_result,
                    opened_at: self.clock.now(),
                };
                let is_open = true;
                (WebviewReply { is_open, body }, Some(session))
            }
            WebviewAnswer::InvalidRequest(body) => {
                let is_open = false;
                (WebviewReply { is_open, body }, None)
            }
            WebviewAnswer::Unavailable => return Err(ApiError::Unavailable("Tiki")),
        };
        self.calls.keep(&call, &answer, session.as_ref()).await?;
        Ok(reply(answer))
    }
}

fn reply(answer: WebviewReply) -> Reply {
    let code = if answer.is_open {
        Code::Success
    } else {
        Code::InvalidRequest
    };
    let body = answer.body;
    Reply::Json { code, body }
}
