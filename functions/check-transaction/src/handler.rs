//! `POST /tikivip/v1/transactions/query` and `GET /tikivip/v1/transactions`: Tiki looks a transaction up
//! (integration point 9, protocol §4).

use api::{
    ApiError, Code, Handler, Inbound, Reply, Verifier, payload_candidates,
    record_transaction_in_span,
};
use async_trait::async_trait;
use domain::Refusal;
use http::Method;
use store::Transactions;
use tiki_api::reply;
use tiki_api::request::{self, CheckRequest};

/// The part of the path that belongs to the base URL that Tiki was given.
const BASE_PATH: &str = "/tikivip/v1";

/// What the function works with.
pub struct CheckTransaction {
    /// Verifies Tiki's signature.
    pub verifier: Verifier,
    /// The table of payments.
    pub transactions: Transactions,
}

#[async_trait]
impl Handler for CheckTransaction {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let command = self.verified(request).await?;
        let id = command.key()?;
        record_transaction_in_span(id);

        let found = self.transactions.load(id).await?;
        let transaction = found.ok_or(Refusal::NotFound)?;
        transaction.is_of(command.tiki_id.as_ref())?;
        Ok(Reply::Json {
            code: Code::Success,
            body: reply::checked(&transaction),
        })
    }
}

impl CheckTransaction {
    async fn verified(&self, request: &Inbound) -> Result<CheckRequest, ApiError> {
        if request.method == Method::GET {
            let candidates = payload_candidates(request, Some(BASE_PATH));
            let verified = self.verifier.verify_get(request, &candidates).await?;
            let query = request
                .query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            Ok(request::check_query(verified, query)?)
        } else {
            let verified = self.verifier.verify(request).await?;
            Ok(request::check(verified)?)
        }
    }
}
