//! `tikivip resend-ipn` and `tikivip resolve`: actions of a person, recorded in the audit trail.

use anyhow::{anyhow, bail};
use domain::{Change, OperatorRefusal, OperatorWord, Resolution, Transaction, Vnd};
use store::StoreError;

use super::show;
use crate::cli::{Form, OperatorArgs, Verdict};
use crate::context::CommandContext;
use crate::output::Outcome;

/// Queues the notification again.
pub(super) async fn resend(
    context: &CommandContext,
    form: Form,
    id: &str,
    operator: &OperatorArgs,
) -> anyhow::Result<Outcome> {
    let word = read(operator)?;
    let now = || context.clock().now();
    act(context, form, id, |t| t.resend_ipn(&word, now())).await
}

/// Records a person's resolution.
pub(super) async fn resolve(
    context: &CommandContext,
    form: Form,
    id: &str,
    (verdict, amount): (Verdict, Option<u64>),
    operator: &OperatorArgs,
) -> anyhow::Result<Outcome> {
    let word = read(operator)?;
    let resolution = resolution(verdict, amount)?;
    let now = || context.clock().now();
    act(context, form, id, |t| t.resolve(resolution, &word, now())).await
}

fn resolution(verdict: Verdict, amount: Option<u64>) -> anyhow::Result<Resolution> {
    let resolution = match (verdict, amount) {
        (Verdict::Returned, Some(amount)) => Resolution::Returned {
            amount: Vnd::new(amount).map_err(|e| anyhow!("--amount {e}"))?,
        },
        (Verdict::Returned, None) => bail!("--amount is missing: what was given back, in VND"),
        (_, Some(_)) => bail!("--amount goes only with --as returned"),
        (Verdict::Confirmed, None) => Resolution::Confirmed,
        (Verdict::Reverse, None) => Resolution::Reverse,
        (Verdict::Handled, None) => Resolution::Handled,
        (Verdict::NotPaid, None) => Resolution::NotPaid,
    };
    Ok(resolution)
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
enum ApiError {
    #[error(transparent)]
    Refused(#[from] OperatorRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes the change, and decides again after a version conflict. Then shows the transaction.
async fn act(
    context: &CommandContext,
    form: Form,
    id: &str,
    decide: impl Fn(&Transaction) -> Result<Change, OperatorRefusal>,
) -> anyhow::Result<Outcome> {
    let (transactions, found) = context.find(id).await?;
    let updated = transactions
        .update(found, |t| Ok::<_, ApiError>(Some(decide(t)?)))
        .await;
    match updated {
        Ok(updated) => {
            show::print(form, &updated.transaction);
            Ok(Outcome::Done)
        }
        Err(ApiError::Refused(refusal)) => Err(Outcome::Refused(refusal.to_string()).into()),
        Err(ApiError::Store(error)) => Err(error.into()),
    }
}

fn read(operator: &OperatorArgs) -> anyhow::Result<OperatorWord> {
    Ok(OperatorWord {
        by: operator.by.parse().map_err(|e| anyhow!("--by {e}"))?,
        reason: operator
            .reason
            .parse()
            .map_err(|e| anyhow!("--reason {e}"))?,
    })
}
