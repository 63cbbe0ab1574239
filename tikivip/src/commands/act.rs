//! `tikivip resend-ipn` and `tikivip resolve`: a person's word, recorded in the transaction itself.

use anyhow::anyhow;
use domain::{Change, OperatorRefusal, OperatorWord, Transaction};
use store::StoreError;

use super::show;
use crate::cli::{Form, Verdict, Word};
use crate::context::CommandContext;
use crate::output::Outcome;

/// Has a result reported at once.
pub(super) async fn resend(
    context: &CommandContext,
    form: Form,
    id: &str,
    word: &Word,
) -> anyhow::Result<Outcome> {
    let word = read(word)?;
    let now = || context.clock().now();
    act(context, form, id, |t| t.resend_ipn(&word, now())).await
}

/// Decides what is disputed.
pub(super) async fn resolve(
    context: &CommandContext,
    form: Form,
    id: &str,
    verdict: Verdict,
    word: &Word,
) -> anyhow::Result<Outcome> {
    let word = read(word)?;
    let verdict = match verdict {
        Verdict::Confirmed => domain::Verdict::Confirmed,
        Verdict::Reverse => domain::Verdict::Reverse,
        Verdict::Returned => domain::Verdict::Returned,
    };
    let now = || context.clock().now();
    act(context, form, id, |t| t.resolve(verdict, &word, now())).await
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
enum ApiError {
    #[error(transparent)]
    Refused(#[from] OperatorRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One write on condition, decided again if somebody else was faster; then it shows what is there now.
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

fn read(word: &Word) -> anyhow::Result<OperatorWord> {
    Ok(OperatorWord {
        by: word.by.parse().map_err(|e| anyhow!("--by {e}"))?,
        reason: word.reason.parse().map_err(|e| anyhow!("--reason {e}"))?,
    })
}
