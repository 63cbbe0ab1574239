//! `tikivip lookup`: what Tiki knows, and what it means.

use domain::{LookUpAnswer, PaymentState, Status, Transaction};
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

/// Looks up a transaction at Tiki. Changes nothing.
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
            "  {}\n  {}\n\n  Ours     {}, {}\n  Tiki     {}\n  Meaning  {}",
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

/// Whether Tiki's state and ours agree, and what it means.
fn meaning(t: &Transaction, answer: LookUpAnswer) -> (bool, String) {
    let kept = matches!(t.payment(), PaymentState::Paid { .. });
    let no_order = matches!(
        answer,
        LookUpAnswer::NotFound | LookUpAnswer::Cancelled | LookUpAnswer::Found(Status::Failure, _)
    );
    match (t.payment(), answer) {
        (_, LookUpAnswer::Unauthorized) => {
            let text = "Tiki refuses our signature. Run `tikivip doctor`.";
            (false, text.to_owned())
        }
        (PaymentState::Pending { .. }, LookUpAnswer::Found(Status::Pending, _)) => {
            (true, "both sides wait for the customer".to_owned())
        }
        (PaymentState::Pending { .. }, LookUpAnswer::Found(Status::Success, _)) => {
            let text = "Tiki has it as paid, and the core has not said so yet. Ask the core.";
            (false, text.to_owned())
        }
        (_, LookUpAnswer::Found(Status::Success, _)) if !kept => {
            let text = "Tiki has an order whose money we do not keep. Ask Tiki to cancel it.";
            (false, text.to_owned())
        }
        (PaymentState::Failed { .. }, _) if no_order => {
            (true, "both sides agree: not paid".to_owned())
        }
        (PaymentState::Reversed { .. }, _) if no_order => {
            (true, "both sides agree: the payment is reversed".to_owned())
        }
        (PaymentState::Paid { .. }, _) => meaning_of_paid(t, answer),
        (
            PaymentState::Pending { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Failed { .. },
            _,
        ) => (
            false,
            "Tiki gave no clear answer, or another state than ours".to_owned(),
        ),
    }
}

/// The meaning for a payment whose money we keep. ipn-sender follows the same table (protocol §4).
fn meaning_of_paid(t: &Transaction, answer: LookUpAnswer) -> (bool, String) {
    let says = |text: &str| (false, text.to_owned());
    let no_order =
        "Tiki does not have the order. If Tiki has not confirmed it, the money is returned.";
    match answer {
        LookUpAnswer::Found(Status::Success, Some(amount)) if amount == t.order().amount => {
            (true, "both sides agree: paid".to_owned())
        }
        LookUpAnswer::Found(Status::Success, Some(_)) => says("needs review: another amount"),
        LookUpAnswer::Found(Status::Failure, _) | LookUpAnswer::Cancelled => says(no_order),
        LookUpAnswer::NotFound => says(
            "Tiki says that it does not have the order. The money is returned if Tiki says so \
             again, some time later.",
        ),
        LookUpAnswer::InvalidRequest => says("needs review: Tiki calls the question invalid"),
        LookUpAnswer::NotOfThisPartner => says("needs review: Tiki calls it another partner's"),
        LookUpAnswer::Found(Status::Success, None)
        | LookUpAnswer::Found(Status::Pending, _)
        | LookUpAnswer::SystemError
        | LookUpAnswer::Unauthorized
        | LookUpAnswer::Unclear => {
            says("Tiki has not recorded the payment. The notification must be sent again.")
        }
    }
}
