//! `tikivip resend-ipn` and `tikivip resolve`: actions of a person, recorded in the audit trail.

use anyhow::anyhow;
use domain::{Change, OperatorRefusal, OperatorWord, Transaction};
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
    verdict: Verdict,
    operator: &OperatorArgs,
) -> anyhow::Result<Outcome> {
    let word = read(operator)?;
    let verdict = match verdict {
        Verdict::Confirmed => domain::Verdict::Confirmed,
        Verdict::Reverse => domain::Verdict::Reverse,
        Verdict::Returned => domain::Verdict::Returned,
    };
    let now = || context.clock().now();
    act(context, form, id, |t| t.resolve(verdict, &word, now())).await
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
