//! `POST /tikivip/v1/refunds`: Tiki refunds, in part or in full (integration point 10, protocol §5).
//!
//! Reserve, ask the core, record the outcome. A write holds the amount of each refund before the core gets the
//! request, so no crash and no number of requests at the same time can return more than was paid. If the core does
//! not answer in time, the refund stays unknown: core-worker finds the outcome, and a repeat of the request gets it.

mod patience;

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use api::{ApiError, Code, Handler, Inbound, Reply, Verifier, record_transaction_in_span};
use async_trait::async_trait;
use core_api::{CORE_TIMEOUT_IN_REQUEST, Core};
use domain::{
    CORE_LEASE, Clock, RefundAnswer, RefundCommand, RefundId, RefundState, Refusal, RequestId,
    Reservation, Timestamp, Transaction,
};
use futures::future::{Either, select};
use http::StatusCode;
use store::{REQUEST_TIMEOUT, Transactions};
use tiki_api::reply;
use tiki_api::request::{self, InvalidRefund};

pub use patience::Patience;

/// What our own steps before the core take in a normal request, and at most after it beside the last write.
const OWN_TIME: Duration = Duration::from_millis(250);

/// So long after a request began, at the latest, the core's time ends, whatever was slow before.
const CORE_TIME_ENDS_AFTER: Duration = CORE_TIMEOUT_IN_REQUEST.saturating_add(OWN_TIME);

/// The longest time of a request that asks the core: after the core's time, it records the outcome.
pub const MAX_REQUEST_TIME: Duration = CORE_TIME_ENDS_AFTER
    .saturating_add(OWN_TIME)
    .saturating_add(REQUEST_TIMEOUT);

/// A repeat that waits for the first request looks at it again after these waits, and then always after the last.
const FOLLOW_WAITS_MS: [u64; 6] = [50, 100, 200, 300, 500, 700];

const _: () = assert!(
    CORE_LEASE.as_millis() > MAX_REQUEST_TIME.as_millis()
        && CORE_LEASE.as_millis()
            >= CORE_TIMEOUT_IN_REQUEST.as_millis() + 2 * REQUEST_TIMEOUT.as_millis(),
    "a request reserves, asks and records before core-worker may ask about the same refund"
);

/// What the function works with.
pub struct RefundTransaction {
    /// Verifies Tiki's signature.
    pub verifier: Verifier,
    /// The table of payments.
    pub transactions: Transactions,
    /// The partner's core.
    pub core: Arc<dyn Core>,
    /// How long to wait for it.
    pub patience: Patience,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for RefundTransaction {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let began = self.clock.now();
        let verified = self.verifier.verify(request).await?;
        let refund = request::refund(verified).map_err(refused)?;
        let id = refund.id.ok_or(Refusal::NotFound)?;
        record_transaction_in_span(id);

        let found = self.transactions.load(id).await?.ok_or(Refusal::NotFound)?;
        found.is_of(Some(&refund.tiki_id))?;
        let (refund_id, transaction) = match self.reserve(found, &refund.command).await? {
            ReservedRefund::New(id, transaction) => (id, self.ask(transaction, id, began).await?),
            ReservedRefund::Known(id, transaction) => {
                (id, self.follow(transaction, id, began).await?)
            }
        };
        answer(&transaction, refund_id)
    }

    /// Tiki's page has 200 only for success, 401 for a refused signature or timestamp, and 500 otherwise (protocol §5).
    fn status(&self, code: Code) -> StatusCode {
        match code {
            Code::Success => StatusCode::OK,
            Code::SignatureRefused | Code::Stale => StatusCode::UNAUTHORIZED,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn status_too_large(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// A request with two amounts is refused like any other malformed one, and also raises an alarm.
fn refused(invalid: InvalidRefund) -> ApiError {
    if invalid == InvalidRefund::AmountsDiffer {
        let alarm = "request_amount_differs";
        metrics::REVIEW_RAISED.count(&[alarm]);
        tracing::error!(alarm, "a person must act");
    }
    ApiError::Invalid(invalid.into())
}

enum ReservedRefund {
    New(RefundId, Transaction),
    Known(RefundId, Transaction),
}

impl RefundTransaction {
    async fn reserve(
        &self,
        found: Transaction,
        command: &RefundCommand,
    ) -> Result<ReservedRefund, ApiError> {
        let mut refund_id = None;
        let mut asked_before = None;
        let reserve = |transaction: &Transaction| {
            let reservation = transaction.reserve_refund(command, self.clock.now())?;
            let (id, change) = match reservation {
                Reservation::Known(id) => (id, None),
                Reservation::Reserve(id, change) => (id, Some(change)),
            };
            refund_id = Some(id);
            asked_before = transaction.open_refund_like(command).cloned();
            Ok::<_, ApiError>(change)
        };
        let updated = self.transactions.update(found, reserve).await?;
        let id = refund_id.ok_or(Refusal::NotFound)?;
        Ok(if updated.written {
            if let Some(earlier) = asked_before {
                asked_twice(id, &earlier, &command.request_id);
            }
            ReservedRefund::New(id, updated.transaction)
        } else {
            ReservedRefund::Known(id, updated.transaction)
        })
    }

    /// Asks the core for a refund that we have just reserved, and records the outcome.
    async fn ask(
        &self,
        transaction: Transaction,
        id: RefundId,
        began: Timestamp,
    ) -> Result<Transaction, ApiError> {
        let Some(refund) = transaction.refund_by_id(id) else {
            return Ok(transaction);
        };
        let asked = self.clock.now();
        let within = self.time_for_core(began);
        if within.is_zero() {
            // What came before took too long. Nobody has asked the core: core-worker does when the lease ends.
            return Ok(transaction);
        }
        let answer = self.core.refund(&transaction, refund, within);
        // The client's own time-out comes first, but it does not cover the reading of a secret.
        let answer = match select(answer, self.clock.sleep(within + OWN_TIME)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => RefundAnswer::Unknown,
        };
        let now = self.clock.now();
        let clear = answer != RefundAnswer::Unknown;
        self.patience.note(clear, now.since(asked), now);
        let record = |transaction: &Transaction| {
            transaction.record_refund_outcome(id, &answer, self.clock.now())
        };
        Ok(self
            .transactions
            .apply(transaction, record)
            .await?
            .transaction)
    }

    /// A repeat of a request that is still at the core waits for the outcome, so that both get the same answer. If that
    /// takes too long, the answer asks for another repeat.
    async fn follow(
        &self,
        mut transaction: Transaction,
        id: RefundId,
        began: Timestamp,
    ) -> Result<Transaction, ApiError> {
        let last = FOLLOW_WAITS_MS.last().copied().unwrap_or_default();
        let mut waits = FOLLOW_WAITS_MS.into_iter().chain(iter::repeat(last));
        let asked = self.clock.now();
        let patience = self.time_for_core(began);
        while self.clock.now().since(asked) < patience {
            let refund = transaction.refund_by_id(id);
            if !refund.is_some_and(|refund| matches!(refund.state, RefundState::Reserved(_))) {
                break;
            }
            let wait_ms = waits.next().unwrap_or(last);
            self.clock.sleep(Duration::from_millis(wait_ms)).await;
            let found = self.transactions.load(transaction.id()).await?;
            transaction = found.ok_or(Refusal::NotFound)?;
        }
        Ok(transaction)
    }

    /// How long a request that began at this time may wait for the core.
    fn time_for_core(&self, began: Timestamp) -> Duration {
        let now = self.clock.now();
        let left = CORE_TIME_ENDS_AFTER.saturating_sub(now.since(began));
        self.patience.now(now).min(left)
    }
}

/// Tiki may mean the same refund, of which it has no answer yet, and not a second one. It is taken all the same: the
/// customer may have sent back two things of one price.
fn asked_twice(id: RefundId, earlier: &RequestId, request_id: &RequestId) {
    metrics::REFUNDS_ASKED_TWICE.count(&[]);
    tracing::warn!(
        refund_id = %id,
        %request_id,
        open_request_id = %earlier,
        "Tiki asks for a refund of the same amount as one that is still open, under a new request_id"
    );
}

fn answer(transaction: &Transaction, id: RefundId) -> Result<Reply, ApiError> {
    let refund = transaction.refund_by_id(id).ok_or(Refusal::NotFound)?;
    let refusal = match &refund.state {
        RefundState::Succeeded { .. } => None,
        RefundState::Reserved(_) | RefundState::Unknown(_) => Some(Refusal::InProgress),
        RefundState::Rejected { reason, .. } => Some(Refusal::RejectedByCore {
            reason: reason.clone(),
        }),
    };
    let code = refusal.as_ref().map_or(Code::Success, Code::from);
    let message = refusal.map_or_else(|| "success".to_owned(), |refusal| refusal.to_string());
    Ok(Reply::Json {
        code,
        body: reply::refunded(code, &message, transaction, refund),
    })
}
