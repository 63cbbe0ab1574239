//! What changes a transaction: each act is recorded with the name of who acted. What moves money or ends a dispute is
//! proposed by one person and approved by another, above the limit of the settings.

use api::{ApiError, Inbound, Reply};
use domain::{Change, OperatorRefusal, OperatorWord, ProposedAct, Transaction};
use operator_api::request;
use store::{ForgetError, StoreError};

use crate::caller::Caller;
use crate::transactions::{found, shown};
use crate::{Operator, answer};

/// Has the notification sent again. What would end a dispute, and more than people may have sent in an hour, is proposed.
pub(crate) async fn resend(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    let word = caller.word(request::reason(&request.body)?);
    let transaction = found(operator, request).await?;
    let now = || operator.clock.now();
    // What is refused anyway is not counted.
    if let Err(refusal) = transaction.resend_ipn(&word, now()) {
        return Ok(answer::against_the_rules(&refusal.to_string()));
    }
    let rule = operator.approval;
    let over_the_hour = !rule.one_person
        && !transaction.needs_approval(ProposedAct::Resend, rule, false)
        && !operator
            .transactions
            .count_resend(now(), operator.resends_per_hour)
            .await?;
    act(operator, transaction, |t| {
        if t.needs_approval(ProposedAct::Resend, rule, over_the_hour) {
            t.propose(ProposedAct::Resend, &word, now())
        } else {
            t.resend_ipn(&word, now()).map(Some)
        }
    })
    .await
}

/// Resolves what is in the review queue, or proposes it.
pub(crate) async fn resolve(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    let asked = request::resolve(&request.body)?;
    let word = caller.word(asked.reason);
    let transaction = found(operator, request).await?;
    let now = || operator.clock.now();
    let asked_act = ProposedAct::Resolve(asked.resolution);
    act(operator, transaction, |t| {
        t.check_review(asked.review)?;
        if t.needs_approval(asked_act, operator.approval, false) {
            t.propose(asked_act, &word, now())
        } else {
            t.resolve(asked.resolution, &word, now()).map(Some)
        }
    })
    .await
}

/// Carries out what another person has proposed.
pub(crate) async fn approve(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    decide(operator, caller, request, Transaction::approve).await
}

/// Ends a proposal without carrying it out: the one who made it takes it back, or another declines it.
pub(crate) async fn decline(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    decide(operator, caller, request, Transaction::decline_proposal).await
}

type Decision =
    fn(&Transaction, u32, &OperatorWord, domain::Timestamp) -> Result<Change, OperatorRefusal>;

async fn decide(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
    decision: Decision,
) -> Result<Reply, ApiError> {
    let asked = request::proposal(&request.body)?;
    let word = caller.word(asked.reason);
    let transaction = found(operator, request).await?;
    act(operator, transaction, |t| {
        decision(t, asked.proposal, &word, operator.clock.now()).map(Some)
    })
    .await
}

/// Forgets who the customer of a payment is and what was bought, before the time of the settings. Moves no money.
pub(crate) async fn forget(
    operator: &Operator,
    caller: &Caller,
    request: &Inbound,
) -> Result<Reply, ApiError> {
    let word = caller.word(request::reason(&request.body)?);
    let transaction = found(operator, request).await?;
    let keys = operator.link_keys.keys().await?;
    let now = operator.clock.now();
    let forgotten = operator
        .transactions
        .forget_personal(transaction, &keys, Some(&word), now)
        .await;
    match forgotten {
        Ok(updated) => Ok(shown(operator, &updated.transaction)),
        Err(ForgetError::StillNeeded(why)) => Ok(answer::against_the_rules(&why.to_string())),
        Err(ForgetError::Store(error)) => Err(error.into()),
    }
}

/// Why an act is not done.
enum NotDone {
    Refused(OperatorRefusal),
    Store(StoreError),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Writes the change, and decides again after a version conflict. Answers with the transaction as it is then.
async fn act(
    operator: &Operator,
    found: Transaction,
    decide: impl Fn(&Transaction) -> Result<Option<Change>, OperatorRefusal>,
) -> Result<Reply, ApiError> {
    let updated = operator
        .transactions
        .update(found, |t| decide(t).map_err(NotDone::Refused))
        .await;
    match updated {
        Ok(updated) => Ok(shown(operator, &updated.transaction)),
        Err(NotDone::Refused(refusal)) => Ok(answer::against_the_rules(&refusal.to_string())),
        Err(NotDone::Store(error)) => Err(error.into()),
    }
}
