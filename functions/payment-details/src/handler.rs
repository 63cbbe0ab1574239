//! `GET /partner/v1/payments/{transaction_id}`: what the payment screen needs of a payment.

use api::{
    ApiError, Code, Handler, Inbound, Reply, Verifier, payload_candidates,
    record_transaction_in_span,
};
use async_trait::async_trait;
use domain::Refusal;
use partner_api::{reply, request};
use store::Transactions;

/// What the function works with.
pub struct PaymentDetails {
    /// Verifies the signature of the partner's app or core.
    pub verifier: Verifier,
    /// The table of payments.
    pub transactions: Transactions,
}

#[async_trait]
impl Handler for PaymentDetails {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        // The whole path only. We sign `/payments/{id}` with the same secret when we ask the core, so a signature of
        // the path without our base must not open this route.
        let candidates = payload_candidates(request, None);
        self.verifier.verify_get(request, &candidates).await?;
        let id = request::transaction_id(request)?;
        record_transaction_in_span(id);

        let transaction = self.transactions.load(id).await?.ok_or(Refusal::NotFound)?;
        Ok(Reply::Json {
            code: Code::Success,
            body: reply::payment_details(&transaction),
        })
    }
}
