//! The signature check of incoming calls, before anything is parsed (protocol §2, docs/architecture.md#one-request).

use std::sync::Arc;

use domain::Clock;
use signing::{
    HeaderNames, KeyProvider, KeyUsed, SignatureHeaders, SignatureRefusal, Verified, Window,
};

use crate::{ApiError, Inbound};

/// Verifies the calls of one other side.
#[derive(Clone)]
pub struct Verifier {
    /// How its headers are called.
    pub headers: HeaderNames,
    /// The keys of the counterparty.
    pub keys: Arc<dyn KeyProvider>,
    /// How far a timestamp may lie from our clock.
    pub window: Window,
    /// Our clock.
    pub clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Verifies the exact bytes of the body.
    pub async fn verify<'r>(&self, request: &'r Inbound) -> Result<Verified<'r>, ApiError> {
        self.verify_any(request, &[request.body.as_slice()]).await
    }

    /// Verifies a GET, by the setting of what is signed of one (protocol §2). `candidates` holds what the
    /// caller found with [`payload_candidates`](crate::payload_candidates).
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

        let keys = self.keys.keys().await?;
        let mut result = keys.verify_any(&headers, candidates.clone(), now_ms, self.window);
        if result.as_ref().err() == Some(&SignatureRefusal::Mismatch) {
            // A rotation explains it, if the sender has the new secret and we have not.
            let keys = self.keys.reload().await?;
            result = keys.verify_any(&headers, candidates, now_ms, self.window);
        }
        self.measure_clock(&headers, now_ms, &result);
        let verified = result?;
        if verified.key() == KeyUsed::Previous {
            metrics::PREVIOUS_SECRET_USES.count(&[self.headers.counterparty]);
            tracing::info!(previous_secret = true, "signed with the previous secret");
        }
        Ok(verified)
    }
}

impl Verifier {
    /// How old a rightly signed timestamp is, also one that is refused for its age: that is when somebody asks.
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
