//! The signature check of incoming calls, before anything is parsed (protocol §2).

use std::sync::Arc;

use domain::{ClientId, Clock};
use signing::{
    HeaderNames, KeyProvider, KeyUsed, Keyring, SignatureHeaders, SignatureRefusal, Verified,
    Window,
};

use crate::{ApiError, Inbound};

/// Verifies the calls of one counterparty.
#[derive(Clone)]
pub struct Verifier {
    /// The names of its three headers.
    pub headers: HeaderNames,
    /// The keys of the counterparty.
    pub keys: Arc<dyn KeyProvider>,
    /// Client ids that the counterparty used before its present one, and that are still accepted.
    pub former_client_ids: Vec<ClientId>,
    /// How far a timestamp may differ from our clock.
    pub window: Window,
    /// The clock that timestamps are compared with.
    pub clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Verifies the exact bytes of the body.
    pub async fn verify<'r>(&self, request: &'r Inbound) -> Result<Verified<'r>, ApiError> {
        self.verify_any(request, &[request.body.as_slice()]).await
    }

    /// Verifies a GET (protocol §2). `candidates` are the payloads that
    /// [`payload_candidates`](crate::payload_candidates) returns.
    pub async fn verify_get<'b>(
        &self,
        request: &Inbound,
        candidates: &'b [String],
    ) -> Result<Verified<'b>, ApiError> {
        let candidates: Vec<&[u8]> = candidates.iter().map(String::as_bytes).collect();
        self.verify_any(request, &candidates).await
    }

    async fn verify_any<'b>(
        &self,
        request: &Inbound,
        candidates: &[&'b [u8]],
    ) -> Result<Verified<'b>, ApiError> {
        let headers = SignatureHeaders {
            timestamp: request.header(self.headers.timestamp),
            client_id: request.header(self.headers.client_id),
            signature: request.header(self.headers.signature),
        };
        let now_ms = self.clock.now().unix_ms();
        let candidates = candidates.iter().copied();

        let former = self.former_client_id(&headers);
        let under = |keys: Keyring| match former {
            Some(former) => keys.under(former),
            None => keys,
        };

        let mut keys = under(self.keys.keys().await?);
        let mut result = keys.verify_any(&headers, candidates.clone(), now_ms, self.window);
        if matches!(
            result,
            Err(SignatureRefusal::Mismatch | SignatureRefusal::UnknownClient)
        ) {
            // After a rotation the sender may have the new secret, and we the old one. An unknown client id takes the
            // same way, so that the time of the answer does not say which ids are known.
            keys = under(self.keys.reload().await?);
            result = keys.verify_any(&headers, candidates, now_ms, self.window);
        }
        self.measure_clock(&headers, now_ms, &result);
        let verified = result?;
        if verified.key() == KeyUsed::Previous {
            metrics::PREVIOUS_SECRET_USES.count(&[self.headers.counterparty]);
            if let Some(replaced_at_ms) = keys.replaced_at_ms() {
                let age_ms = now_ms.saturating_sub(replaced_at_ms);
                metrics::PREVIOUS_SECRET_AGE.record(&[self.headers.counterparty], age_ms);
            }
            tracing::info!(previous_secret = true, "signed with the previous secret");
        }
        if let Some(former_client_id) = former {
            metrics::FORMER_CLIENT_ID_USES.count(&[self.headers.counterparty]);
            tracing::warn!(former_client_id, "signed under a former client id");
        }
        Ok(verified)
    }
}

impl Verifier {
    /// The client id of the headers, if it is a former one that is still accepted.
    fn former_client_id<'h>(&self, headers: &SignatureHeaders<'h>) -> Option<&'h str> {
        let sent = headers.client_id?;
        let mut former = self.former_client_ids.iter();
        former.any(|id| id.as_str() == sent).then_some(sent)
    }

    /// Measures the age of a correctly signed timestamp. Also of one that is refused for its age: an operator then
    /// needs the figure most.
    fn measure_clock(
        &self,
        headers: &SignatureHeaders<'_>,
        now_ms: i64,
        result: &Result<Verified<'_>, SignatureRefusal>,
    ) {
        let genuine = matches!(result, Ok(_) | Err(SignatureRefusal::Stale));
        let sent_ms = headers.timestamp.and_then(|text| text.parse::<i64>().ok());
        if let (true, Some(sent_ms)) = (genuine, sent_ms) {
            let counterparty = &[self.headers.counterparty];
            metrics::CLOCK_DIFFERENCE.record(counterparty, now_ms.saturating_sub(sent_ms));
        }
    }
}
