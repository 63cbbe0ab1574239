//! `POST /partner/v1/transactions`: the partner's app was handed a payment by a function of the webview, and Tiki makes
//! no create call (protocol §1).
//!
//! The app's word about the amount proves nothing: Tiki's look-up must say the same. From there on the transaction is
//! like any other. It has the id that Tiki's create call would give it, so the two ways lead to one item.

use std::sync::Arc;
use std::time::Duration;

use api::{ApiError, Code, Handler, Inbound, Reply, Verifier, record_transaction_in_span};
use async_trait::async_trait;
use domain::{AmountLimits, Clock, OrderAtTiki, Transaction, TransactionId, order_at_tiki};
use partner_api::reply;
use signing::KeyProvider;
use store::{Creation, Transactions};
use tiki_api::TikiClient;
use tiki_api::request::{self, CreateRequest};

/// What the function works with.
pub struct PartnerTransaction {
    /// Verifies the signature of the partner's app backend.
    pub verifier: Verifier,
    /// Looks orders up at Tiki.
    pub tiki: TikiClient,
    /// The smallest and the largest accepted payment.
    pub limits: AmountLimits,
    /// How long after the expiry of a payment the core is asked about it.
    pub expiry_grace: Duration,
    /// The keys of payment links: by them is hashed what a repeat must agree with once it is forgotten.
    pub link_keys: Arc<dyn KeyProvider>,
    /// The table of payments.
    pub transactions: Transactions,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for PartnerTransaction {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let verified = self.verifier.verify(request).await?;
        // The message is that of Tiki's create call.
        let command = request::create(verified)?;
        let id = TransactionId::derive(&command.tiki_id);
        record_transaction_in_span(id);

        // A repeat is answered first: by then the order may be final at Tiki, and the limits may have changed.
        if let Some(found) = self.transactions.load(id).await? {
            return self.repeated(&found, &command).await;
        }
        let created = Transaction::create(
            &command.tiki_id,
            command.order.clone(),
            self.limits,
            self.expiry_grace,
            self.clock.now(),
        )?;
        let at_tiki = self.tiki.look_up_in_request(&command.tiki_id).await;
        match order_at_tiki(command.order.amount, at_tiki)? {
            OrderAtTiki::Payable => {}
            OrderAtTiki::Unknown => return Err(ApiError::Unavailable("Tiki")),
        }
        match self.transactions.create(created).await? {
            Creation::New(transaction) => Ok(answer(&transaction)),
            Creation::Existing(transaction) => self.repeated(&transaction, &command).await,
        }
    }
}

impl PartnerTransaction {
    async fn repeated(
        &self,
        found: &Transaction,
        command: &CreateRequest,
    ) -> Result<Reply, ApiError> {
        found.is_of(Some(&command.tiki_id))?;
        let hashes = if found.is_forgotten() {
            store::content_hashes(&self.link_keys.keys().await?, found.id(), &command.order)
        } else {
            Vec::new()
        };
        found.repeated_by(&command.order, &hashes)?;
        Ok(answer(found))
    }
}

fn answer(transaction: &Transaction) -> Reply {
    Reply::Json {
        code: Code::Success,
        body: reply::transaction_created(transaction),
    }
}
