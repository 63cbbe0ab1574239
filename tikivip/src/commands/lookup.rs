//! `tikivip lookup`: what Tiki knows, and what it means.

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
    let reversal = |refund: &Refund| refund.origin == Origin::Reversal && refund.holds();
    let kept =
        matches!(t.payment(), PaymentState::Paid { .. }) && !t.refunds().iter().any(reversal);
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
        (_, LookUpAnswer::Found(Status::Success, _)) if !kept => {
            let text = "Tiki has an order whose money we do not keep. Ask Tiki to cancel it.";
            (false, text.to_owned())
        }
        (PaymentState::Failed { .. }, _) if no_order => {
            (true, "both sides agree: not paid".to_owned())
        }
        (PaymentState::Paid { .. }, _) if no_order && !kept => (
            true,
            "Tiki does not have the order, and the money is being returned".to_owned(),
        ),
        (PaymentState::Paid { .. }, _) => meaning_of_paid(t, answer),
        (PaymentState::Pending { .. } | PaymentState::Failed { .. }, _) => (
            false,
            "Tiki gave no clear answer, or another state than ours".to_owned(),
        ),
    }
}

/// The meaning for a payment whose money we keep. ipn-sender uses the same table (protocol §4).
fn meaning_of_paid(t: &Transaction, answer: LookUpAnswer) -> (bool, String) {
    match after_look_up(t.order().amount, answer) {
        Decision::Confirm => (true, "both sides agree: paid".to_owned()),
        Decision::Reverse(reason) => {
            let reason = reason.as_str();
            let text =
                format!("Tiki does not have the order ({reason}). The money must be returned.");
            (false, text)
        }
        Decision::Dispute(reason) => (false, format!("needs review: {}", reason.as_str())),
        Decision::Retry | Decision::RetryUnauthorized | Decision::Abandon => (
            false,
            "Tiki has not recorded the payment. The notification must be sent again.".to_owned(),
        ),
    }
}
