//! `POST /tikivip/v1/transactions`: Tiki creates a transaction (integration point 8).

use std::sync::Arc;
use std::time::Duration;

use api::{ApiError, Code, Handler, Inbound, Reply, Verifier, record_transaction_in_span};
use async_trait::async_trait;
use domain::{AmountLimits, Clock, Transaction, TransactionId};
use signed_http::BaseUrl;
use signing::{KeyProvider, PaymentLink};
use store::{Creation, Transactions};
use tiki_api::reply;
use tiki_api::request::{self, CreateRequest};

/// What the function works with.
pub struct CreateTransaction {
    /// Verifies Tiki's signature.
    pub verifier: Verifier,
    /// The smallest and the largest accepted payment.
    pub limits: AmountLimits,
    /// How long after the expiry of a payment the core is asked about it.
    pub expiry_grace: Duration,
    /// Signs payment links, and hashes what a repeat must agree with once it is forgotten.
    pub link_keys: Arc<dyn KeyProvider>,
    /// The URL under which customers reach us. `None` means the one that the request came to.
    pub public_base_url: Option<BaseUrl>,
    /// The table of payments.
    pub transactions: Transactions,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for CreateTransaction {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let verified = self.verifier.verify(request).await?;
        let command = request::create(verified)?;
        record_transaction_in_span(TransactionId::derive(&command.tiki_id));
        let transaction = self.created(&command).await?;
        let payment_url = self.payment_url(request, &transaction).await?;
        Ok(Reply::Json {
            code: Code::Success,
            body: reply::created(&transaction, &payment_url),
        })
    }
}

impl CreateTransaction {
    /// The new transaction, or the one that an earlier request has made.
    async fn created(&self, command: &CreateRequest) -> Result<Transaction, ApiError> {
        let created = Transaction::create(
            &command.tiki_id,
            command.order.clone(),
            self.limits,
            self.expiry_grace,
            self.clock.now(),
        );
        let found = match created {
            Ok(created) => match self.transactions.create(created).await? {
                Creation::New(transaction) => return Ok(transaction),
                Creation::Existing(found) => found,
            },
            // The limits may have changed since the transaction was created. A repeat gets the first answer.
            Err(refusal) => {
                let id = TransactionId::derive(&command.tiki_id);
                let found = self.transactions.load(id).await?;
                found.ok_or(refusal)?
            }
        };
        found.is_of(Some(&command.tiki_id))?;
        let hashes = if found.is_forgotten() {
            store::content_hashes(&self.link_keys.keys().await?, found.id(), &command.order)
        } else {
            Vec::new()
        };
        found.repeated_by(&command.order, &hashes)?;
        Ok(found)
    }

    /// The same transaction gets the same URL, as long as the link key stays the same.
    async fn payment_url(
        &self,
        request: &Inbound,
        transaction: &Transaction,
    ) -> Result<String, ApiError> {
        let expires_at = transaction.link_ends_at();
        let link = PaymentLink {
            transaction_id: transaction.id().to_bytes(),
            expires_at_ms: expires_at.unix_ms().unsigned_abs(),
        };
        let token = link.token(&self.link_keys.keys().await?);
        let path = format!("/pay/{token}");
        Ok(match &self.public_base_url {
            Some(base) => base.join(&path),
            None => format!("{}{path}", request.base_url),
        })
    }
}
