//! What Tiki has of a transaction, beside ours, and what both mean.

use domain::{Ipn, LookUpAnswer, PaymentState, Status, Transaction, Vnd};
use serde::{Deserialize, Serialize};

use crate::text;

/// What Tiki has of a transaction, beside ours: `GET /operator/v1/transactions/{transaction_id}/lookup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUpView {
    pub transaction_id: String,
    pub tiki_transaction_id: String,
    pub ours: String,
    pub amount_vnd: u64,
    /// The word for Tiki's answer.
    pub tiki: String,
    /// The amount at Tiki, if it gave one.
    pub tiki_amount_vnd: Option<u64>,
    /// The HTTP status of Tiki's answer, or `timeout`, `no_connection`, `broken_off` or `not_sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    pub means: String,
    /// Whether both sides agree.
    pub agrees: bool,
}

impl LookUpView {
    /// Tiki's answer beside ours, and what both mean.
    #[must_use]
    pub fn of(t: &Transaction, answer: LookUpAnswer) -> Self {
        let (agrees, means) = meaning(t, answer);
        Self {
            transaction_id: t.id().to_string(),
            tiki_transaction_id: t.tiki_id().to_string(),
            ours: t.status().as_str().to_owned(),
            amount_vnd: t.order().amount.get(),
            tiki: answer.as_str().to_owned(),
            tiki_amount_vnd: match answer {
                LookUpAnswer::Found(_, amount) => amount.map(Vnd::get),
                _ => None,
            },
            http: None,
            means,
            agrees,
        }
    }
}

/// What Tiki has, if its answer says something.
enum Known {
    /// An order that is paid, or that waits for the payment.
    Order { paid: bool, amount: Vnd },
    /// No order, or one that it has given up.
    NoOrder,
}

/// Whether Tiki's state and ours agree, and what it means. While a person must decide, nothing is in order, whatever the
/// sides say.
fn meaning(t: &Transaction, answer: LookUpAnswer) -> (bool, String) {
    let (agrees, text) = match known(answer) {
        Err(why) => return (false, why.to_owned()),
        Ok(Known::Order { amount, .. }) if amount != t.order().amount => {
            let (theirs, ours) = (amount.grouped(), t.order().amount.grouped());
            let text = format!("Tiki's order is of {theirs}, and ours of {ours}: ask Tiki");
            (false, text)
        }
        Ok(Known::Order { paid: true, .. }) => of_paid_order(t),
        Ok(Known::Order { paid: false, .. }) => of_waiting_order(t),
        Ok(Known::NoOrder) => without_order(t),
    };
    match t.review_to_see() {
        None => (agrees, text),
        Some(review) => {
            let text = format!("{text}. Needs review ({review}): see `tikivip show`");
            (false, text)
        }
    }
}

/// Nothing is known from an answer that says nothing, and nobody must believe otherwise.
fn known(answer: LookUpAnswer) -> Result<Known, &'static str> {
    match answer {
        LookUpAnswer::Found(Status::Failure, _)
        | LookUpAnswer::Cancelled
        | LookUpAnswer::NotFound => Ok(Known::NoOrder),
        LookUpAnswer::Found(status, Some(amount)) => Ok(Known::Order {
            paid: status == Status::Success,
            amount,
        }),
        LookUpAnswer::Found(_, None) | LookUpAnswer::SystemError | LookUpAnswer::Unclear => Err(
            "Tiki gave no answer that can be used, so nothing is known. Run `tikivip doctor`; what is due is tried again by itself.",
        ),
        LookUpAnswer::Unauthorized => Err("Tiki refuses our signature. Run `tikivip doctor`."),
        LookUpAnswer::InvalidRequest => {
            Err("Tiki calls the question invalid: compare the settings with Tiki")
        }
        LookUpAnswer::NotOfThisPartner => Err(
            "Tiki calls it another partner's: compare TikiClientId and the environment with Tiki",
        ),
    }
}

fn of_paid_order(t: &Transaction) -> (bool, String) {
    match t.payment() {
        PaymentState::Paid { .. } => (true, "both sides agree: paid".to_owned()),
        PaymentState::Pending { .. } => {
            let text = "Tiki has it as paid, and the core has not said so yet: ask the core";
            (false, text.to_owned())
        }
        PaymentState::Reversed { .. } | PaymentState::Failed { .. } => {
            let text = "Tiki has it as paid, and here it is a failure";
            let text = with_money_not_back(t, text);
            (false, format!("{text}: ask Tiki to cancel the order"))
        }
    }
}

fn of_waiting_order(t: &Transaction) -> (bool, String) {
    let status = t.status().as_str();
    let waits = match t.ipn() {
        Ipn::NotDue => return (true, "both sides wait for the customer".to_owned()),
        Ipn::Queued { due_at } | Ipn::Retrying { due_at, .. } => {
            let at = text::clock(due_at);
            format!("it is sent by itself at {at}, or at once with `tikivip resend-ipn`")
        }
        Ipn::Abandoned { .. } | Ipn::Exhausted { .. } => {
            "it was given up: send it again with `tikivip resend-ipn`".to_owned()
        }
        Ipn::Confirmed { .. } => {
            "by our record it is confirmed, and nothing is sent any more: ask Tiki".to_owned()
        }
        Ipn::Reversing { .. } => "it follows when the money is back".to_owned(),
        Ipn::Disputed { .. } => "nothing is sent by itself while the sides differ".to_owned(),
    };
    let text = format!("Tiki still waits for the notification of the {status}: {waits}");
    (false, text)
}

fn without_order(t: &Transaction) -> (bool, String) {
    match t.payment() {
        PaymentState::Pending { .. } => {
            let text = "Tiki does not have the order, and the customer may still pay: ask Tiki";
            (false, text.to_owned())
        }
        PaymentState::Paid { .. } => kept_without_order(t),
        PaymentState::Failed { .. } | PaymentState::Reversed { .. } => {
            let text = "neither side has it as paid";
            (true, with_money_not_back(t, text))
        }
    }
}

fn kept_without_order(t: &Transaction) -> (bool, String) {
    if t.amount_at_stake() == Vnd::ZERO {
        let text = "Tiki does not have the order, and the customer has all the money back";
        return (true, text.to_owned());
    }
    let then = match t.ipn() {
        // A reversal is held while the core contradicts itself.
        Ipn::Queued { .. } | Ipn::Retrying { .. } if t.needs_review().is_none() => {
            "if it says so at the next attempts, too, the money is returned"
        }
        Ipn::Confirmed { .. } => {
            "by our record it has confirmed the payment, and nothing is returned by itself: ask Tiki"
        }
        _ => "the payment is kept here, and nothing is returned by itself",
    };
    (false, format!("Tiki does not have the order: {then}"))
}

fn with_money_not_back(t: &Transaction, text: &str) -> String {
    match t.amount_at_stake() {
        Vnd::ZERO => text.to_owned(),
        left => format!(
            "{text}, and {} are not back at the customer yet",
            left.grouped()
        ),
    }
}
