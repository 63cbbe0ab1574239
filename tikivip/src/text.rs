//! A transaction in words.

use domain::{
    Actor, CoreAnswer, Decision, Event, Ipn, LookUpAnswer, NotificationOutcome, Origin,
    PaymentState, RefundState, Timestamp, Transaction, Verdict,
};

/// How far Tiki has been told.
pub(crate) fn ipn(t: &Transaction) -> String {
    match t.ipn() {
        Ipn::NotDue => "nothing to report yet".to_owned(),
        Ipn::Queued { due_at } => format!("to be told at {}", clock(due_at)),
        Ipn::Retrying {
            failures, due_at, ..
        } => format!("told {failures} times in vain, next at {}", clock(due_at)),
        Ipn::Confirmed { .. } => "confirmed".to_owned(),
        Ipn::Abandoned { .. } => "closed: Tiki need not know".to_owned(),
        Ipn::Reversing { reason, .. } => format!("reversed: {}", reason.as_str()),
        Ipn::Disputed { reason, .. } => format!("disputed: {}", reason.as_str()),
        Ipn::Exhausted { .. } => "exhausted: all tries failed".to_owned(),
    }
}

/// Who paid, or why not.
pub(crate) fn payment(t: &Transaction) -> String {
    match t.payment() {
        PaymentState::Pending { .. } => "pending".to_owned(),
        PaymentState::Paid { payment, .. } => format!("paid at {}", clock(payment.paid_at)),
        PaymentState::Failed { failure, .. } if failure.late_payment.is_some() => {
            "failed, and paid too late".to_owned()
        }
        PaymentState::Failed { .. } => "failed".to_owned(),
    }
}

/// What became of a refund.
pub(crate) fn refund(state: &RefundState) -> String {
    match state {
        RefundState::Reserved(_) => "reserved".to_owned(),
        RefundState::Unknown(due) => format!(
            "unknown after {} questions, next at {}",
            due.attempts,
            clock(due.due_at)
        ),
        RefundState::Succeeded { at, .. } => format!("back at {}", clock(*at)),
        RefundState::Rejected { reason, .. } => match reason {
            Some(reason) => format!("rejected: {reason}"),
            None => "rejected".to_owned(),
        },
    }
}

/// On whose word something happened.
pub(crate) fn who(t: &Transaction, event: &Event) -> String {
    if let (Event::RefundReserved { refund }, refunds) = (event, t.refunds()) {
        return match refunds.get(*refund).map(|refund| &refund.origin) {
            Some(Origin::Tiki { .. }) => "Tiki".to_owned(),
            Some(Origin::Reversal | Origin::LatePayment) | None => "ours".to_owned(),
        };
    }
    match (event, event.actor()) {
        (Event::Resent(word) | Event::Resolved(_, word), _) => word.by.to_string(),
        (_, Actor::Tiki) => "Tiki".to_owned(),
        (_, Actor::Core) => "core".to_owned(),
        (_, Actor::Ours) => "ours".to_owned(),
        (_, Actor::Operator) => "operator".to_owned(),
    }
}

/// What happened, and what the other side said.
pub(crate) fn what(t: &Transaction, event: &Event) -> String {
    let amount = |place: usize| match t.refunds().get(place) {
        Some(refund) => format!("refund {} of {}", place + 1, refund.amount.grouped()),
        None => format!("refund {}", place + 1),
    };
    match event {
        Event::Created => format!("created, {}", t.order().amount.grouped()),
        Event::Paid => "paid".to_owned(),
        Event::Declined => "declined or cancelled".to_owned(),
        Event::Expired => "expired: not paid in time".to_owned(),
        Event::PaidLate => "paid after it had failed".to_owned(),
        Event::ReferenceLearned => "the core's reference came".to_owned(),
        Event::CoreAsked(word) => match word {
            CoreAnswer::Pending => "asked whether it was paid: not yet".to_owned(),
            CoreAnswer::Unknown => "asked whether it was paid: no clear answer".to_owned(),
            CoreAnswer::OtherAmount => "asked whether it was paid: another amount was".to_owned(),
        },
        Event::NotificationAttempt { attempt, told } => told_in_words(*attempt, told),
        Event::RefundReserved { refund } => {
            let origin = t
                .refunds()
                .get(*refund)
                .map(|refund| refund.origin.as_str());
            let origin = origin.unwrap_or("?");
            format!("{} reserved ({origin})", amount(*refund))
        }
        Event::RefundAsked { refund, pending } => {
            let said = if *pending { "at it" } else { "no clear answer" };
            format!("{} asked for: {said}", amount(*refund))
        }
        Event::RefundSucceeded { refund } => format!("{} is back", amount(*refund)),
        Event::RefundReturned { refund } => format!("{} is back by other means", amount(*refund)),
        Event::RefundRejected { refund } => {
            let state = t.refunds().get(*refund).map(|refund| &refund.state);
            let said = match state {
                Some(RefundState::Rejected { reason, .. }) => reason.as_ref(),
                _ => None,
            };
            let said = said.map_or_else(String::new, |said| format!(": {said}"));
            format!("{} refused{said}", amount(*refund))
        }
        Event::Requeued => "not known at Tiki by reconciliation; sent again".to_owned(),
        Event::Resent(word) => format!("had it sent again: {}", word.reason),
        Event::Resolved(verdict, word) => {
            let verdict = match verdict {
                Verdict::Confirmed => "the payment stands",
                Verdict::Reverse => "the money goes back",
                Verdict::Returned => "the money is back, by other means",
            };
            format!("decided that {verdict}: {}", word.reason)
        }
    }
}

fn told_in_words(attempt: u32, told: &NotificationOutcome) -> String {
    let known = match told.known {
        Some(known) => format!("; look-up: {}", look_up(known)),
        None => String::new(),
    };
    let then = match told.decision {
        Decision::Retry => "to be tried again",
        Decision::RetryUnauthorized => "signature refused, to be tried again",
        Decision::Confirm => "confirmed",
        Decision::Abandon => "abandoned",
        Decision::Reverse(_) => "reversed",
        Decision::Dispute(_) => "disputed",
    };
    let answer = told.answer.as_str();
    format!("IPN, attempt {attempt}: {answer}{known} → {then}")
}

/// What Tiki knows.
pub(crate) fn look_up(known: LookUpAnswer) -> String {
    match known {
        LookUpAnswer::Found(_, Some(amount)) => {
            format!("{} of {}", known.as_str(), amount.grouped())
        }
        other => other.as_str().to_owned(),
    }
}

/// A moment in Vietnam, for a table.
pub(crate) fn clock(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    text.trim_end_matches("+07:00").replace('T', " ")
}
