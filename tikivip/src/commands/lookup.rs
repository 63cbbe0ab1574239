//! `tikivip lookup`: what Tiki knows, and what would follow from it.

use domain::{Decision, LookUpAnswer, after_look_up};
use serde::Serialize;

use crate::cli::Form;
use crate::office::Office;
use crate::output::{self, Outcome};
use crate::text;

#[derive(Serialize)]
struct Known {
    transaction_id: String,
    tiki_transaction_id: String,
    ours: &'static str,
    amount_vnd: u64,
    tiki: String,
    means: String,
}

/// Asks Tiki; nothing is changed by it.
pub(super) async fn lookup(office: &Office, form: Form, id: &str) -> anyhow::Result<Outcome> {
    let (_, t) = office.find(id).await?;
    let answer = office.tiki().await?.look_up(&t).await;
    let decision = after_look_up(t.order.amount, answer);
    let means = match decision {
        Decision::Confirm => "Tiki has it as we have it".to_owned(),
        Decision::Reverse(ground) => format!(
            "Tiki does not have the order ({}): of a paid one the money goes back",
            ground.as_str()
        ),
        Decision::Dispute(ground) => format!("a person must decide: {}", ground.as_str()),
        Decision::RetryUnauthorized => "Tiki refuses our signature: `tikivip doctor`".to_owned(),
        Decision::Retry | Decision::LookUp | Decision::Close => "nothing yet".to_owned(),
    };
    let known = Known {
        transaction_id: t.id.to_string(),
        tiki_transaction_id: t.tiki_id.to_string(),
        ours: t.status().as_str(),
        amount_vnd: t.order.amount.get(),
        tiki: text::look_up(answer),
        means,
    };
    output::print(form, &known, |known| {
        format!(
            "  {}\n  {}\n\n  Ours     {}, {}\n  Tiki's   {}\n  Means    {}",
            known.transaction_id,
            known.tiki_transaction_id,
            known.ours,
            t.order.amount.grouped(),
            known.tiki,
            known.means
        )
    });
    let agrees = matches!(answer, LookUpAnswer::Found(status, _) if status == t.status())
        && !matches!(decision, Decision::Dispute(_));
    Ok(if agrees {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}
