//! `POST /partner/v1/payments/{transaction_id}/result`: the partner's core sends a payment result.

use std::sync::Arc;

use api::{ApiError, Code, Handler, Inbound, Reply, Verifier, record_transaction_in_span};
use async_trait::async_trait;
use domain::{Clock, Refusal};
use partner_api::{reply, request};
use store::Transactions;

/// What the function works with.
pub struct PaymentResult {
    /// Verifies the core's signature.
    pub verifier: Verifier,
    /// The table of payments.
    pub transactions: Transactions,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for PaymentResult {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let verified = self.verifier.verify(request).await?;
        let id = request::transaction_id(request)?;
        let read = request::payment_result(verified, id)?;
        record_transaction_in_span(id);
        if let Some(problem) = &read.left_out {
            tracing::warn!(%problem, "the payment result is kept without this field: ask the core to correct it");
        }

        let found = self.transactions.load(id).await?.ok_or(Refusal::NotFound)?;
        let mut refusal = None;
        let updated = self
            .transactions
            .apply(found, |transaction| {
                let recorded = transaction.record_payment_result(&read.message, self.clock.now());
                refusal = recorded.refusal;
                recorded.change
            })
            .await?;
        // Only now: what contradicts the record is written before it is refused.
        if let Some(refusal) = refusal {
            return Err(refusal.into());
        }
        Ok(Reply::Json {
            code: Code::Success,
            body: reply::payment_result_recorded(&updated.transaction),
        })
    }
}
