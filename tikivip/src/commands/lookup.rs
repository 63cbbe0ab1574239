//! `tikivip lookup`: what Tiki knows, and what would follow from it.

use domain::{
    Decision, LookUpAnswer, Origin, PaymentState, Refund, Status, Transaction, after_look_up,
};
use serde::Serialize;

use crate::cli::Form;
use crate::context::CommandContext;
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
pub(super) async fn lookup(
    context: &CommandContext,
    form: Form,
    id: &str,
) -> anyhow::Result<Outcome> {
    let (_, t) = context.find(id).await?;
    let answer = context
        .tiki()
        .await?
        .look_up(t.tiki_id(), Some(t.id()))
        .await;
    let (agrees, means) = meaning(&t, answer);
    let known = Known {
        transaction_id: t.id().to_string(),
        tiki_transaction_id: t.tiki_id().to_string(),
        ours: t.status().as_str(),
        amount_vnd: t.order().amount.get(),
        tiki: text::look_up(answer),
        means,
    };
    output::print(form, &known, |known| {
        format!(
            "  {}\n  {}\n\n  Ours     {}, {}\n  Tiki's   {}\n  Means    {}",
            known.transaction_id,
            known.tiki_transaction_id,
            known.ours,
            t.order().amount.grouped(),
            known.tiki,
            known.means
        )
    });
    Ok(if agrees {
        Outcome::Done
    } else {
        Outcome::Wrong
    })
}

/// Whether Tiki's word and ours agree, and what it means.
fn meaning(t: &Transaction, answer: LookUpAnswer) -> (bool, String) {
    let reversal = |refund: &Refund| refund.origin == Origin::Reversal && refund.holds();
    let kept =
        matches!(t.payment(), PaymentState::Paid { .. }) && !t.refunds().iter().any(reversal);
    let no_order = matches!(
        answer,
        LookUpAnswer::NotFound | LookUpAnswer::Cancelled | LookUpAnswer::Found(Status::Failure, _)
    );
    match (t.payment(), answer) {
        (_, LookUpAnswer::Unauthorized) => {
            let text = "Tiki refuses our signature: `tikivip doctor`";
            (false, text.to_owned())
        }
        (PaymentState::Pending { .. }, LookUpAnswer::Found(Status::Pending, _)) => {
            (true, "both wait for the customer".to_owned())
        }
        (_, LookUpAnswer::Found(Status::Success, _)) if !kept => {
            let text = "Tiki has an order that we keep no money for: have Tiki cancel it";
            (false, text.to_owned())
        }
        (PaymentState::Failed { .. }, _) if no_order => {
            (true, "neither has it: no money is kept".to_owned())
        }
        (PaymentState::Paid { .. }, _) if no_order && !kept => (
            true,
            "Tiki does not have it, and the money goes back".to_owned(),
        ),
        (PaymentState::Paid { .. }, _) => of_paid(t, answer),
        (PaymentState::Pending { .. } | PaymentState::Failed { .. }, _) => {
            (false, "no clear answer, or another than ours".to_owned())
        }
    }
}

/// Of a payment whose money we keep: the table that ipn-sender goes by (protocol §4).
fn of_paid(t: &Transaction, answer: LookUpAnswer) -> (bool, String) {
    match after_look_up(t.order().amount, answer) {
        Decision::Confirm => (true, "Tiki has it as we have it".to_owned()),
        Decision::Reverse(ground) => {
            let ground = ground.as_str();
            let text = format!("Tiki does not have the order ({ground}): the money should go back");
            (false, text)
        }
        Decision::Dispute(ground) => (false, format!("a person must decide: {}", ground.as_str())),
        Decision::Retry | Decision::RetryUnauthorized | Decision::Abandon => (
            false,
            "Tiki has not taken it up: it is to be told again".to_owned(),
        ),
    }
}
